"""ShanghaiTech Campus (Liu et al., 2018), as it is distributed.

    ROOT/training/videos/SS_NNN.avi              normal recordings of scene SS
    ROOT/testing/frames/SS_NNNN/*.jpg            footage to score, one picture a frame, 24 frames/s
    ROOT/testing/test_frame_mask/SS_NNNN.npy     which frames are abnormal: (frames,), 0 or 1
    ROOT/testing/test_pixel_mask/SS_NNNN.npy     which pixels are: (frames, height, width), 0 where normal

ROOT may also be the folder above. Each scene is one camera's view. One of the 13, scene 13, has training
recordings but nothing to score: such a scene is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from pipeline.errors import ConfigError
from pipeline.evaluation.layouts.labels import FrameLabels
from pipeline.evaluation.layouts.masks import MaskArray
from pipeline.evaluation.layouts.scenes import LabelledFootage, Scene
from pipeline.evaluation.layouts.tree import data_root, folders, pictures, required, some_pictures, some_recordings

__all__ = ["read_stc"]

FPS = 24.0
ARRANGEMENT = "the stc layout has training/videos, testing/frames, testing/test_frame_mask and testing/test_pixel_mask"


def read_stc(root: Path) -> list[Scene]:
    """Scenes of ShanghaiTech Campus that have footage to score.

    Raises:
        ConfigError: a part is missing, a scene to score has no training recordings, or frames and masks do not
            agree.
    """
    data = data_root(root, ("training", "testing"))
    videos, frames, *masks = (
        required(data / part, ARRANGEMENT)
        for part in ("training/videos", "testing/frames", "testing/test_frame_mask", "testing/test_pixel_mask")
    )
    training = _by_scene(some_recordings(videos))
    clips = _by_scene(folders(frames))
    if not clips:
        raise ConfigError(f"{frames}: holds no clips; {ARRANGEMENT}.")
    for scene, of_scene in clips.items():
        if scene not in training:
            raise ConfigError(
                f"{of_scene[0]}: is of scene {scene}, of which {videos} has no recording; put {scene}_001.avi and "
                "so on there."
            )
    return [
        Scene(scene, "video", tuple(training[scene]), tuple(_labelled(clip, *masks) for clip in of_scene), FPS)
        for scene, of_scene in clips.items()
    ]


def _by_scene(paths: Iterable[Path]) -> dict[str, list[Path]]:
    """What belongs to each scene, by the two digits that its name begins with."""
    scenes: dict[str, list[Path]] = {}
    for path in paths:
        match = re.match(r"(\d\d)_", path.name)
        if match is None:
            raise ConfigError(f"{path}: its name does not begin with a scene; name it as distributed, as in 01_001.")
        scenes.setdefault(match[1], []).append(path)
    return scenes


def _labelled(clip: Path, frame_masks: Path, pixel_masks: Path) -> LabelledFootage:
    some_pictures(clip)
    of_frames, of_pixels = (_masks(folder, clip) for folder in (frame_masks, pixel_masks))
    footage = LabelledFootage(clip.name, clip, FrameLabels.from_array(of_frames), MaskArray.open(of_pixels))
    footage.check_length(len(pictures(clip)))
    return footage


def _masks(folder: Path, clip: Path) -> Path:
    path = folder / f"{clip.name}.npy"
    if not path.exists():
        raise ConfigError(f"{clip}: has no {folder.name}; put it at {path}.")
    return path
