"""The first frames of a fit: held until there are enough of them, and cross-validated.

A model of a few frames would say little about that of all, so each part of them is scored by a model of the others.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pipeline.model.learned import Known, Learned
from pipeline.model.memory import held_frames
from pipeline.model.settings import Settings
from pipeline.types import Image

__all__ = ["FirstFrames", "Part"]

# Parts of the held frames; each is scored by a model of the others.
FOLDS = 8
# Of the last frames so many are kept as pictures, for other precisions to be tried on.
TRIED = 32


@dataclass(frozen=True, slots=True)
class Part:
    """Frames, one after the other, that are scored by one model.

    Attributes:
        times_s: their times.
        embeddings: (B, P, D).
        planes: (B, PLANES, H / 8, W / 8) uint8 what moved up to each.
        pictures: (b, H, W, 3) uint8 the last b of them, for other precisions to be tried on.
    """

    times_s: Sequence[float]
    embeddings: Tensor
    planes: Image
    pictures: Image


class FirstFrames:
    """Holds frames.

    Args:
        learned: what they are learned into, later; of no frames yet.
        step_s: seconds from frame to frame.
    """

    def __init__(self, learned: Learned, step_s: float) -> None:
        positions, dims = learned.moments.mean.shape
        self._learned, self._step_s = learned, step_s
        self.most = held_frames(positions, dims)
        # Memory is taken as it is filled.
        self._space = torch.empty(self.most, positions, dims, device=learned.moments.mean.device)
        self._times_s: list[float] = []
        self._planes: list[Image] = []
        self._last: deque[Image] = deque(maxlen=TRIED)

    def __len__(self) -> int:
        return len(self._times_s)

    @property
    def model_frames(self) -> int:
        """Frames that a model of all parts but one has seen."""
        return len(self) - self._edges[1]

    def add(self, part: Part) -> None:
        """Hold some more."""
        self._space[len(self) : len(self) + len(part.times_s)] = part.embeddings
        self._times_s.extend(part.times_s)
        self._planes.extend(part.planes)
        self._last.extend(part.pictures)

    def cross_validated(self, settings: Settings) -> Iterator[tuple[Part, Known]]:
        """Learn all of them, and give each part with what is known from the others.

        What is taken out has to be what was put in, to float64's last digits: where the others hardly differ, what
        float32 rounds off a part that does would be all that is left of them.
        """
        parts = [slice(begin, end) for begin, end in itertools.pairwise(self._edges)]
        for part in parts:
            self._learned.merge(self._learned_of(part))
        for part in parts:
            own = self._learned_of(part)
            self._learned.remove(own)
            known = self._learned.known(settings)
            self._learned.merge(own)
            yield self._part(part), known

    @property
    def _edges(self) -> list[int]:
        count = len(self)
        folds = min(FOLDS, count)
        return [count * fold // folds for fold in range(folds + 1)]

    def _learned_of(self, part: slice) -> Learned:
        learned = self._learned.emptied()
        learned.add(self._space[part], np.stack(self._planes[part]), self._step_s)
        return learned

    def _part(self, part: slice) -> Part:
        planes = np.stack(self._planes[part])
        kept = list(self._last)[part.start - part.stop :] if part.stop == len(self) else []
        return Part(self._times_s[part], self._space[part], planes, np.array(kept, np.uint8))
