"""What the stream holds: decoders, scorers and an alerter over a broker, measured as they run."""
