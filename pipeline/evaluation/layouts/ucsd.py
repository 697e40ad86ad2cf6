"""UCSD Ped1 and Ped2 (Mahadevan et al., 2010), as they are distributed.

    ROOT/SCENE/Train/TrainNNN/*.tif            normal clips, one picture a frame, 10 frames/s
    ROOT/SCENE/Test/TestNNN/*.tif              clips to score
    ROOT/SCENE/Test/TestNNN_gt/*.bmp           which pixels are abnormal; Ped1 has these for some clips only
    ROOT/SCENE/Test/SCENE.m                    which frames are: for each clip in turn its ranges, counted
                                               from 1 with both ends included, as in
                                               `TestVideoFile{end+1}.gt_frame = [5:90, 140:200];`

ROOT may be a scene itself. Where a clip has both, its frames are labelled by the .m file, which may have any
name; without such a file a frame is abnormal where its mask has an abnormal pixel.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from pipeline.errors import ConfigError
from pipeline.evaluation.layouts.labels import FrameLabels
from pipeline.evaluation.layouts.masks import MaskPictures
from pipeline.evaluation.layouts.scenes import LabelledFootage, Scene
from pipeline.evaluation.layouts.tree import (
    entries,
    folders,
    pictures,
    read_text,
    required,
    scene_name,
    scene_roots,
    some_pictures,
)

__all__ = ["read_ucsd"]

FPS = 10.0
MASKS_SUFFIX = "_gt"
ARRANGEMENT = "the ucsd layout has Train/TrainNNN and Test/TestNNN in every scene"

# Pairs of first and last abnormal frame, counted from 1.
Ranges = list[tuple[int, int]]


def read_ucsd(root: Path) -> list[Scene]:
    """Scenes of UCSD: UCSDped1 and UCSDped2, or the one that `root` is.

    Raises:
        ConfigError: a part is missing, or frames, masks and frame labels do not agree.
    """
    return [_scene(folder) for folder in scene_roots(root, ("Train", "Test"))]


def _scene(folder: Path) -> Scene:
    training, test = (_clips(required(folder / part, ARRANGEMENT)) for part in ("Train", "Test"))
    labels = _frame_labels(folder / "Test", test)
    tests = tuple(_labelled(clip, of_clip) for clip, of_clip in zip(test, labels, strict=True))
    return Scene(scene_name(folder), "video", tuple(training), tests, FPS)


def _clips(folder: Path) -> list[Path]:
    """Folders of frames, each with at least one picture."""
    clips = [clip for clip in folders(folder) if not clip.name.endswith(MASKS_SUFFIX)]
    if not clips:
        raise ConfigError(f"{folder}: holds no clips; {ARRANGEMENT}.")
    for clip in clips:
        some_pictures(clip)
    return clips


def _labelled(clip: Path, labels: FrameLabels | None) -> LabelledFootage:
    folder = clip.with_name(clip.name + MASKS_SUFFIX)
    masks = MaskPictures(folder, tuple(pictures(folder))) if folder.is_dir() else None
    if labels is None and masks is None:
        raise ConfigError(
            f"{clip}: has no labels; put an .m file of abnormal frames beside it, or its masks into {folder.name}."
        )
    footage = LabelledFootage(clip.name, clip, labels, masks)
    footage.check_length(len(pictures(clip)))
    return footage


def _frame_labels(test: Path, clips: list[Path]) -> list[FrameLabels] | list[None]:
    """Labels for each clip by the .m file, or None for each where there is no such file."""
    files = [path for path in entries(test) if path.suffix.lower() == ".m"]
    if len(files) > 1:
        raise ConfigError(f"{test}: holds {len(files)} .m files of frame labels; keep one.")
    if not files:
        return [None] * len(clips)
    ranges = _read_ranges(files[0])
    if len(ranges) != len(clips):
        raise ConfigError(
            f"{files[0]}: labels {len(ranges)} clips, but {test} holds {len(clips)}; write a gt_frame line for each."
        )
    return [_labels_of(files[0], clip, of_clip) for clip, of_clip in zip(clips, ranges, strict=True)]


def _read_ranges(file: Path) -> list[Ranges]:
    """Abnormal frames of each clip, in the order of the file."""
    # MATLAB has comments from a percent sign to the end of the line.
    text = re.sub("%.*", "", read_text(file))
    return [
        [_range(file, part) for part in re.split(r"[\s,]+", listed) if part]
        for listed in re.findall(r"\.gt_frame\s*=\s*\[?([^\];]*)", text)
    ]


def _range(file: Path, part: str) -> tuple[int, int]:
    """One range, `5:90`, or one frame, `7`."""
    match = re.fullmatch(r"(\d+)(?::(\d+))?", part)
    first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    if not 1 <= first <= last:
        raise ConfigError(f"{file}: '{part}' is not a range of frames counted from 1; write it as 61:180.")
    return first, last


def _labels_of(file: Path, clip: Path, ranges: Ranges) -> FrameLabels:
    anomalous = np.zeros(len(pictures(clip)), dtype=bool)
    for first, last in ranges:
        if last > len(anomalous):
            raise ConfigError(
                f"{file}: labels frame {last} of {clip.name}, which has {len(anomalous)} frames; correct the range."
            )
        anomalous[first - 1 : last] = True
    return FrameLabels(file, anomalous)
