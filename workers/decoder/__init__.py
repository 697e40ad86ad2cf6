"""The decoder: cameras in; frames, previews and states out. It loads neither torch nor OpenVINO."""
