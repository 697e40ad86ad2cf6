"""What moves in a picture: velocities of each cell, from optical flow between the sampled frames of one run.

Causal, and of nothing but the frames: whoever reads the same frames gets the same bytes. Flow is computed (Lucas and
Kanade, in pyramids) for patches of a grey picture of half size that changed, from the frame a fifth of a second ago, so
that velocities and their noise do not change with the rate; what the whole picture moves, as on a shaking pole, is
taken off. Legs swing at twice the pace of their body: so velocities are averaged along the path that each pixel came,
over about half a second.
"""

from __future__ import annotations

import math
from collections import deque

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.types import CELL_PX, PLANES, Image, Motion, Size
from pipeline.velocities import LEAST_PX_S, planes_of

__all__ = ["MotionReader"]

Floats = NDArray[np.float32]

# Half of each side costs a quarter; patches need a side above their own.
HALF, LEAST_SIDE = 2, 16
# Frames so far apart are compared, or neighbours where those are further apart; beyond the gap they are no pair.
LAG_S, GAP_S = 0.2, 2.0
# Pairs are counted up to here: by then nothing of the first stands in a path.
PAIRS_MOST = 255
# A path's past counts by exp(-age / MEMORY_S).
MEMORY_S = 0.6
# What a path has to have been seen for, as a share of all its past, to be half believed.
DOUBT = 0.03
# Where something moves, surroundings of so many small pixels change by more than noise alone does: by so many times
# what the middle one does, and so many grey levels.
NOISES, LEAST_CHANGE, CHANGE_PX = 1.5, 1.0, 11
# The sum of both Sobel gradients in a place that flow can be told from, looked for on every so many small pixels, and
# how many such places tell of the whole; moves are alike within so many small pixels, and a shaking camera has so many
# times more places with it than against. Only where those that changed lie in so much of the picture can it be the
# camera that moved.
TEXTURE, TEXTURE_PX, TEXTURED_LEAST, ALIKE, MOSTLY, SHAKEN_SHARE = 60, 8, 16, 0.3, 2.0, 0.3
# Patches of 8 small pixels, one every 4. Eight are read twice as fast as seven. Two coarser scales find what
# moved by up to so many pixels across and down; what is said to have moved further is a mistake.
PATCH_PX, EVERY_PX, SCALES, FURTHEST_PX = 8, 4, 2, 24.0
STEPS, CLOSE_PX = 8, 0.03
# Mistakes stand alone: the middle one of three by three patches counts.
MIDDLE_OF = 3


class MotionReader:
    """Of one recording or connection, given all its sampled frames in order; a gap in time begins anew.

    Args:
        size: (H, W) of the model pictures.
    """

    def __init__(self, size: Size) -> None:
        height, width = (max(side // HALF, LEAST_SIDE) for side in size)
        self._small, self._cells = (width, height), (size[1] // CELL_PX, size[0] // CELL_PX)
        self._scale = np.array([size[1] / width, size[0] / height], np.float32)
        # Paths are followed on a grid of half the sides again; what is around a cell is twice as wide as it.
        self._coarse = max(1, width // 2), max(1, height // 2)
        self._path_px = size[1] / self._coarse[0], size[0] / self._coarse[1]
        self._around = tuple(max(1, round(2 * CELL_PX / px)) for px in self._path_px)
        across, down = np.meshgrid(np.arange(self._coarse[0]), np.arange(self._coarse[1]))
        self._places = across.astype(np.float32), down.astype(np.float32)
        self._pairs = 0
        self._begin()

    def add(self, pixels: Image, time_s: float) -> Motion:
        """What moved up to a (H, W, 3) uint8 RGB frame at a time in seconds."""
        grey = np.asarray(
            cv2.resize(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), self._small, interpolation=cv2.INTER_AREA), np.uint8
        )
        if self._past and not 0 < time_s - self._past[-1][0] <= GAP_S:
            self._begin()
        if not self._past:
            self._past.append((time_s, grey))
            return Motion(np.zeros((PLANES, *self._cells[::-1]), np.uint8), 0)
        step_s = time_s - self._past[-1][0]
        now = self._now(grey, time_s)
        self._past.append((time_s, grey))
        self._pairs = min(self._pairs + 1, PAIRS_MOST)
        return Motion(self._planes(self._along_paths(now, step_s), now[..., 3]), self._pairs)

    def _begin(self) -> None:
        self._past: deque[tuple[float, Image]] = deque()
        self._sums = np.zeros((*self._coarse[::-1], 4), np.float32)
        self._pairs = 0

    def _now(self, grey: Image, time_s: float) -> Floats:
        """(h, w, 4) on the grid of paths: velocity and speed in pixels a second times the share that moves, and it."""
        while len(self._past) > 1 and time_s - self._past[1][0] >= LAG_S * 0.9:
            self._past.popleft()
        before_s, before = self._past[0]
        changed = _changed(grey, before)
        common = _common(grey, before, changed)
        if common.any():
            # All of a picture that shakes changes, so that nothing stands out until the frames lie on each other.
            before = _shifted(before, common, grey)
            changed = _changed(grey, before)
        moving = _moving(changed)
        # From this frame back to the one before: velocities stand where things are now.
        scale = (self._scale / np.float32(before_s - time_s)).tolist()
        across, down = (part * px_s for part, px_s in zip(_flow(grey, before, moving), scale, strict=True))
        flow = cv2.resize(cv2.merge([across, down, cv2.magnitude(across, down)]), self._coarse)
        moves = cv2.resize(moving, self._coarse, interpolation=cv2.INTER_AREA)
        moves[flow[..., 2] <= LEAST_PX_S] = 0
        return np.asarray(cv2.merge([*(part * moves for part in _split(flow)), moves]), np.float32)

    def _along_paths(self, now: Floats, step_s: float) -> Floats:
        """(h, w, 3) means of velocity and speed along the path that each place came."""
        kept = math.exp(-step_s / MEMORY_S)
        *velocity, _, moving = _split(now)
        moved = np.float32(step_s) / np.maximum(moving, np.float32(1e-3))
        came = [
            place - part * moved / np.float32(px)
            for place, part, px in zip(self._places, velocity, self._path_px, strict=True)
        ]
        sums = cv2.remap(self._sums, came[0], came[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
        self._sums = np.asarray(cv2.addWeighted(sums, kept, now, 1 - kept, 0), np.float32)
        *parts, seen = _split(self._sums)
        seen += np.float32(DOUBT)
        return np.asarray(cv2.merge([part / seen for part in parts]), np.float32)

    def _planes(self, means: Floats, moving: Floats) -> NDArray[np.uint8]:
        """(4, h, w) planes: means over what moves around each cell, and the share of it that does."""
        weighted = cv2.merge([*(part * moving for part in _split(means)), moving])
        around = cv2.blur(weighted, self._around, borderType=cv2.BORDER_REFLECT)
        cells = np.asarray(cv2.resize(around, self._cells, interpolation=cv2.INTER_LINEAR), np.float32)
        *sums, share = _split(cells)
        across, down, speed = (np.asarray(part / np.maximum(share, np.float32(1e-3)), np.float32) for part in sums)
        return planes_of(across, down, speed, share)


def _split(picture: Floats) -> list[Floats]:
    """The (h, w) channels of (h, w, n)."""
    return [np.asarray(channel, np.float32) for channel in cv2.split(picture)]


def _flow(grey: Image, before: Image, moving: Floats) -> tuple[Floats, Floats]:
    """(h, w) small pixels across and down that each patch came from; 0 where nothing moves or flow cannot be told."""
    across, down = (np.zeros([max(1, side // EVERY_PX) for side in grey.shape], np.float32) for _ in range(2))
    patches = cv2.resize(moving, across.shape[::-1], interpolation=cv2.INTER_AREA) > 0
    rows, columns = np.nonzero(patches)
    if len(rows):
        middles = np.stack([columns, rows], axis=-1).astype(np.float32) * EVERY_PX + np.float32((EVERY_PX - 1) / 2)
        across[patches], down[patches] = _came(grey, before, middles).T
    return np.asarray(cv2.medianBlur(across, MIDDLE_OF)), np.asarray(cv2.medianBlur(down, MIDDLE_OF))


def _came(grey: Image, before: Image, places: Floats) -> Floats:
    """(n, 2) small pixels across and down between (n, 2) places now and before; 0 where that cannot be told."""
    now = places[:, np.newaxis]
    then, found, _ = cv2.calcOpticalFlowPyrLK(  # type: ignore[call-overload]  # None: from nothing
        grey,
        before,
        now,
        None,
        winSize=(PATCH_PX, PATCH_PX),
        maxLevel=SCALES,
        criteria=(cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, STEPS, CLOSE_PX),
    )
    moves = np.asarray((then - now)[:, 0], np.float32)
    moves[(found[:, 0] == 0) | (np.abs(moves) > FURTHEST_PX).any(axis=1)] = 0
    return moves


def _changed(grey: Image, before: Image) -> Image:
    """(h, w) grey levels by which the surroundings of each small pixel changed."""
    return np.asarray(cv2.blur(cv2.absdiff(grey, before), (CHANGE_PX, CHANGE_PX)), np.uint8)


def _moving(changed: Image) -> Floats:
    """(h, w) 1 where more changed than noise does, and 0."""
    return (changed >= max(NOISES * float(np.median(changed[::4, ::4])), LEAST_CHANGE)).astype(np.float32)


def _shifted(before: Image, move: Floats, grey: Image) -> Image:
    """The frame before, laid on this one, which is so far off across and down; what it did not show is as now."""
    shift = np.array([[1, 0, move[0]], [0, 1, move[1]]], np.float32)
    flags, border = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, cv2.BORDER_TRANSPARENT
    return np.asarray(cv2.warpAffine(before, shift, grey.shape[::-1], dst=grey.copy(), flags=flags, borderMode=border))


def _common(grey: Image, before: Image, changed: Image) -> Floats:
    """(2,) what the whole picture moves: what most of its textured places do, where those do not rather stand still."""
    few = slice(None, None, TEXTURE_PX), slice(None, None, TEXTURE_PX)
    gradients = [np.abs(gradient[few]) for gradient in cv2.spatialGradient(grey)]
    textured = gradients[0] + gradients[1] > TEXTURE
    moved = textured & (changed[few] >= LEAST_CHANGE)
    count, standing = int(np.count_nonzero(textured)), int(np.count_nonzero(textured & ~moved))
    still = np.zeros(2, np.float32)
    # More than there are cannot agree on anything but standing still.
    if count < TEXTURED_LEAST or MOSTLY * standing >= count:
        return still
    rows, columns = np.nonzero(moved)
    if np.ptp(rows) * np.ptp(columns) <= SHAKEN_SHARE * moved.size:
        return still
    moves = _came(grey, before, np.stack([columns, rows], axis=-1).astype(np.float32) * TEXTURE_PX)
    middle = np.asarray(np.median(moves, axis=0), np.float32)
    return middle if _agreeing(moves, middle) > MOSTLY * (standing + _agreeing(moves, still)) else still


def _agreeing(moves: Floats, move: Floats) -> int:
    """How many of (n, 2) moves are alike a move."""
    apart = np.abs(moves - move) < ALIKE
    return int(np.count_nonzero(apart[:, 0] & apart[:, 1]))
