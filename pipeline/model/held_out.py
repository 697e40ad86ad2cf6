"""What a model says of frames that it had not seen, gathered into a block."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.lingering import Lingering
from pipeline.model.blocks import Block, Tails
from pipeline.model.padim import Scores
from pipeline.policy import Policy

__all__ = ["HeldOut"]


class HeldOut:
    """Raw scores of held-out frames, in order, until they become a block.

    What lingers is followed from block to block; only a new recording begins anew.

    Args:
        clocked: whether the frames have times; without, each is a picture of its own.
        evidences: how many kinds of evidence there are, appearance and those of motion.
    """

    def __init__(self, policy: Policy, *, clocked: bool, evidences: int = 1) -> None:
        self._policy, self._clocked = policy, clocked
        self._times_s: list[float] = []
        self._evidences = [_Evidence(policy.gap_s) for _ in range(evidences)]

    def __len__(self) -> int:
        return len(self._times_s)

    def add(self, times_s: Sequence[float], scores: Sequence[Scores]) -> None:
        """Take in the scores of frames with their times: one for each kind of evidence, that of appearance first."""
        self._times_s.extend(times_s)
        for evidence, said in zip(self._evidences, scores, strict=True):
            evidence.add(times_s, said, clocked=self._clocked)

    def block(self, model_frames: int) -> Block:
        """The block of what was taken in, scored by models of so many frames; what follows is the next one's."""
        if self._clocked:
            tails = [
                Tails.of_footage(self._times_s, evidence.scores, evidence.stays, self._policy)
                for evidence in self._evidences
            ]
            block = Block.of_footage(model_frames, self._times_s, tails, self._policy)
        else:
            block = Block.of_pictures(model_frames, self._evidences[0].scores)
        self._times_s.clear()
        for evidence in self._evidences:
            evidence.scores.clear()
            evidence.stays.clear()
        return block


class _Evidence:
    """Raw scores of one kind: of the frames, and of what lingers in them."""

    def __init__(self, gap_s: float) -> None:
        self._lingering = Lingering(gap_s)
        self.scores: list[float] = []
        self.stays: list[float | None] = []

    def add(self, times_s: Sequence[float], said: Scores, *, clocked: bool) -> None:
        self.scores.extend(said.raw_scores.tolist())
        if not clocked:
            return
        for time_s, cells in zip(times_s, said.cells, strict=True):
            least = self._lingering.add(time_s, cells)
            self.stays.append(None if least is None else float(least.max()))
