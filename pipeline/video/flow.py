"""What moves in a picture: velocities of each cell, from dense optical flow between the sampled frames of one run.

Causal, and of nothing but the frames: whoever reads the same frames gets the same bytes. Flow is computed (DIS, Kroeger
et al. 2016) on a grey picture of half size, from the frame a fifth of a second ago, so that velocities and their noise
do not change with the rate; what the whole picture moves, as on a shaking pole, is taken off. Legs swing at twice the
pace of their body: so velocities are averaged along the path that each pixel came, over about half a second.
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

# Half of each side costs a quarter; DIS needs one side above its patch of 8.
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
# The sum of both Sobel gradients in a place that flow can be told from, and how many such places tell of the whole;
# moves are alike within so many small pixels, and a shaking camera has so many times more places with it than against.
TEXTURE, TEXTURED_LEAST, ALIKE, MOSTLY = 60, 50, 0.3, 2.0
# Flow is computed where something changed alone: on whole steps of small pixels, with a margin to search in, and on no
# less than four scales of patches take. Only where that part is so much of the picture can it be the camera that moved.
STEP, MARGIN, LEAST_PART, SHAKEN_SHARE = 16, 12, 64, 0.3


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
        self._path_px = np.array([size[1] / self._coarse[0], size[0] / self._coarse[1]], np.float32)
        self._around = tuple(max(1, round(2 * CELL_PX / px)) for px in self._path_px.tolist())
        across, down = np.meshgrid(np.arange(self._coarse[0]), np.arange(self._coarse[1]))
        self._places = np.stack([across, down], axis=-1).astype(np.float32)
        self._flow = _flow()
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
        moving = _moving(grey, before)
        now = np.zeros((*self._coarse[::-1], 4), np.float32)
        part = _part(moving)
        if part is not None:
            # From this frame back to the one before: velocities stand where things are now.
            one, other = np.ascontiguousarray(grey[part]), np.ascontiguousarray(before[part])
            flow = self._flow.calc(one, other, None)  # type: ignore[call-overload]  # None: from nothing
            common = _common(flow, one) if one.size > SHAKEN_SHARE * grey.size else np.zeros(2, np.float32)
            if common.any():
                flow -= common
                # All of a picture that shakes changes, so that nothing stands out until the frames lie on each other.
                moving = _moving(grey, _shifted(before, common, grey))
            flow *= self._scale / np.float32(before_s - time_s)
            speed = cv2.magnitude(flow[..., 0], flow[..., 1])
            moves = (moving[part] & (speed > LEAST_PX_S)).astype(np.float32)
            found = cv2.merge([flow[..., 0] * moves, flow[..., 1] * moves, speed * moves, moves])
            # Sides of models are multiples of 16, so that parts have whole places of the grid.
            rows, columns = (slice(side.start // HALF, side.stop // HALF) for side in part)
            now[rows, columns] = cv2.resize(found, None, fx=1 / HALF, fy=1 / HALF, interpolation=cv2.INTER_AREA)
        return now

    def _along_paths(self, now: Floats, step_s: float) -> Floats:
        """(h, w, 3) means of velocity and speed along the path that each place came."""
        kept = np.float32(math.exp(-step_s / MEMORY_S))
        velocity = now[..., :2] / np.maximum(now[..., 3:], np.float32(1e-3))
        came = self._places - velocity * (np.float32(step_s) / self._path_px)
        sums = cv2.remap(
            self._sums, came[..., 0], came[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0
        )
        self._sums = kept * sums + (1 - kept) * now
        return np.asarray(self._sums[..., :3] / (self._sums[..., 3:] + np.float32(DOUBT)))

    def _planes(self, means: Floats, moving: Floats) -> NDArray[np.uint8]:
        """(4, h, w) planes: means over what moves around each cell, and the share of it that does."""
        weighted = cv2.merge([*(means[..., k] * moving for k in range(3)), moving])
        around = cv2.blur(weighted, self._around, borderType=cv2.BORDER_REFLECT)
        cells = np.asarray(cv2.resize(around, self._cells, interpolation=cv2.INTER_LINEAR), np.float32)
        share = cells[..., 3]
        across, down, speed = np.moveaxis(cells[..., :3] / np.maximum(share, np.float32(1e-3))[..., None], -1, 0)
        return planes_of(across, down, speed, share)


def _flow() -> cv2.DISOpticalFlow:
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    # The finest scale tells people's speeds apart; refining what comes out of it blurs them (decision 0009).
    flow.setFinestScale(0)
    flow.setPatchSize(8)
    flow.setPatchStride(4)
    flow.setGradientDescentIterations(12)
    flow.setVariationalRefinementIterations(0)
    return flow


def _moving(grey: Image, before: Image) -> NDArray[np.bool_]:
    """(h, w) true where more changed than noise does."""
    changed = cv2.blur(cv2.absdiff(grey, before), (CHANGE_PX, CHANGE_PX))
    return np.asarray(changed >= max(NOISES * float(np.median(changed[::4, ::4])), LEAST_CHANGE))


def _shifted(before: Image, move: Floats, grey: Image) -> Image:
    """The frame before, laid on this one, which is so far off across and down; what it did not show is as now."""
    shift = np.array([[1, 0, move[0]], [0, 1, move[1]]], np.float32)
    flags, border = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, cv2.BORDER_TRANSPARENT
    return np.asarray(cv2.warpAffine(before, shift, grey.shape[::-1], dst=grey.copy(), flags=flags, borderMode=border))


def _part(moving: NDArray[np.bool_]) -> tuple[slice, slice] | None:
    """The part of (h, w) in which something may move, as slices of whole steps; None where nothing does."""
    sides = []
    for axis, length in ((1, moving.shape[0]), (0, moving.shape[1])):
        places = np.flatnonzero(moving.any(axis=axis))
        if not len(places):
            return None
        begin = max(0, (int(places[0]) - MARGIN) // STEP * STEP)
        end = min(length, -(-(int(places[-1]) + 1 + MARGIN) // STEP) * STEP)
        begin = max(0, min(begin, length - LEAST_PART))
        sides.append(slice(begin, max(end, min(length, begin + LEAST_PART))))
    return sides[0], sides[1]


def _common(flow: Floats, grey: Image) -> Floats:
    """(2,) what the whole picture moves: what most of its textured places do, where those do not rather stand still."""
    few = slice(None, None, 4), slice(None, None, 4)
    across, down = cv2.spatialGradient(grey)
    textured = flow[few][(np.abs(across[few]).astype(np.int32) + np.abs(down[few])) > TEXTURE]
    still = np.zeros(2, np.float32)
    if len(textured) < TEXTURED_LEAST:
        return still
    standing = MOSTLY * _agreeing(textured, still)
    # More than there are cannot agree on anything else: mostly so, and then without the dear search for the middle.
    if standing >= len(textured):
        return still
    middle = np.asarray(np.median(textured, axis=0), np.float32)
    return middle if _agreeing(textured, middle) > standing else still


def _agreeing(moves: Floats, move: Floats) -> int:
    """How many of (n, 2) moves are alike a move."""
    apart = np.abs(moves - move) < ALIKE
    return int(np.count_nonzero(apart[:, 0] & apart[:, 1]))
