"""The words of the page."""

from __future__ import annotations

from pipeline.report.words import KINDS, REASONS
from pipeline.types import EndReason, EventKind


def test_every_kind_of_event_and_every_end_has_words_of_its_own() -> None:
    assert set(KINDS) == set(EventKind)
    assert set(REASONS) == {*EndReason, None}
    assert len({*KINDS.values(), *REASONS.values()}) == len(KINDS) + len(REASONS)
