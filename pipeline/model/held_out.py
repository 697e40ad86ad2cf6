"""What a model says of frames that it had not seen, gathered into a block."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.lingering import Lingering
from pipeline.model.blocks import Block
from pipeline.model.padim import Scores
from pipeline.policy import Policy

__all__ = ["HeldOut"]


class HeldOut:
    """Raw scores of held-out frames, in order, until they become a block.

    What lingers is followed from block to block; only a new recording begins anew. As alerting does, this looks at how
    appearance lingers, and at that alone; movers excuse nothing of it.

    Args:
        clocked: whether the frames have times; without, each is a picture of its own.
        evidences: how many kinds of evidence there are, appearance and those of motion.
    """

    def __init__(self, policy: Policy, *, clocked: bool, evidences: int = 1) -> None:
        self._policy, self._clocked = policy, clocked
        self._lingering = Lingering(policy.gap_s)
        self._times_s: list[float] = []
        self._scores: list[list[float]] = [[] for _ in range(evidences)]
        self._stays: list[float | None] = []

    def __len__(self) -> int:
        return len(self._times_s)

    def add(self, times_s: Sequence[float], scores: Sequence[Scores]) -> None:
        """Take in the scores of frames with their times: one for each kind of evidence, that of appearance first."""
        self._times_s.extend(times_s)
        for kept, said in zip(self._scores, scores, strict=True):
            kept.extend(said.raw_scores.tolist())
        if not self._clocked:
            return
        for time_s, cells in zip(times_s, scores[0].staying, strict=True):
            least = self._lingering.add(time_s, cells)
            self._stays.append(None if least is None else float(least.max()))

    def block(self, model_frames: int) -> Block:
        """The block of what was taken in, scored by models of so many frames; what follows is the next one's."""
        if self._clocked:
            block = Block.of_footage(model_frames, self._times_s, self._scores, self._stays, self._policy)
        else:
            block = Block.of_pictures(model_frames, self._scores[0])
        self._times_s.clear()
        self._stays.clear()
        for kept in self._scores:
            kept.clear()
        return block
