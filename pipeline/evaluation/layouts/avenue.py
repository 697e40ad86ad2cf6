"""CUHK Avenue (Lu et al., 2013), as it is distributed: two archives, unpacked side by side.

    ROOT/Avenue Dataset/training_videos/NN.avi                   normal recordings, 25 frames/s
    ROOT/Avenue Dataset/testing_videos/NN.avi                    recordings to score
    ROOT/ground_truth_demo/testing_label_mask/N_label.mat        which pixels are abnormal: `volLabel`, a cell for
                                                                 each frame

The recordings may also lie in ROOT itself, and `ground_truth_demo` beside them. 01.avi belongs to 1_label.mat.
Masks may be of another size than the frames. A frame is abnormal where its mask has an abnormal pixel.
"""

from __future__ import annotations

import re
from pathlib import Path

from pipeline.errors import ConfigError
from pipeline.evaluation.layouts.matlab import MatlabMasks
from pipeline.evaluation.layouts.scenes import LabelledFootage, Scene
from pipeline.evaluation.layouts.tree import data_root, entries, required, scene_name, some_recordings

__all__ = ["read_avenue"]

ARRANGEMENT = "the avenue layout has training_videos, testing_videos and ground_truth_demo/testing_label_mask"
GROUND_TRUTH = "ground_truth_demo/testing_label_mask"
VARIABLE = "volLabel"


def read_avenue(root: Path) -> list[Scene]:
    """The one scene of Avenue.

    Raises:
        ConfigError: a part is missing, or a recording to score has no masks.
    """
    # The ground truth comes with a folder testing_videos of its own, so that one alone is no sign.
    data = data_root(root, ("training_videos",))
    training, testing = (required(data / part, ARRANGEMENT) for part in ("training_videos", "testing_videos"))
    inner = data / GROUND_TRUTH
    truth = inner if inner.is_dir() else required(root / GROUND_TRUTH, ARRANGEMENT)
    tests = tuple(_labelled(video, truth) for video in some_recordings(testing))
    return [Scene(scene_name(root), "video", tuple(some_recordings(training)), tests)]


def _labelled(video: Path, truth: Path) -> LabelledFootage:
    number = _number(video.stem)
    if number is None:
        raise ConfigError(f"{video}: is not named by a number; name it as distributed, as in 01.avi.")
    files = (path for path in entries(truth) if path.suffix.lower() == ".mat")
    file = next((path for path in files if _number(path.stem.removesuffix("_label")) == number), None)
    if file is None:
        raise ConfigError(f"{video}: has no masks; put them at {truth / f'{number}_label.mat'}.")
    return LabelledFootage(video.stem, video, None, MatlabMasks.open(file, VARIABLE))


def _number(text: str) -> int | None:
    """Number that a name is, with or without zeros in front."""
    return int(text) if re.fullmatch(r"[0-9]+", text) else None
