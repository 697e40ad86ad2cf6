"""Events of recordings painted by hand, against labels of their frames."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from pipeline.alerting.tracker import Observation
from pipeline.evaluation.events import EventFigures, EventMetrics
from tests.pipeline.alerting.painting import CAR, PERSON, QUIET, VIEW, Things, painted

FPS = 5.0
NOTHING: Things = {}
SEEN: Things = {PERSON: 2.0}

# So many seconds in which a recording shows things and is abnormal, or is not.
Stretch = tuple[float, Things, bool]


def counted(*recordings: Iterable[Stretch], gap_s: float = 0.0) -> EventMetrics:
    """Counter of recordings, each of stretches with gaps between them."""
    metrics = EventMetrics()
    for recording in recordings:
        metrics.begin(VIEW)
        index, time_s = 0, 0.0
        for seconds, things, anomalous in recording:
            for _ in range(round(seconds * FPS)):
                score = max([QUIET, *things.values()])
                metrics.add(Observation(index, time_s, score, painted(things)), anomalous)
                index, time_s = index + 1, round(time_s + 1 / FPS, 9)
            time_s += gap_s
        metrics.end()
    return metrics


def test_no_recording_gives_no_figures() -> None:
    assert EventMetrics().result() == EventFigures(None, None, None)
    assert EventMetrics().result().false_a_day is None


def test_an_event_in_normal_footage_is_false() -> None:
    figures = counted([(3, NOTHING, False), (4, SEEN, False), (9, NOTHING, False)]).result()
    assert (figures.found, figures.false) == (None, 1)
    # From the first of eighty frames to the last it is 15.8 s.
    assert figures.normal_hours == pytest.approx(15.8 / 3600)
    assert figures.false_a_day == pytest.approx(86400 / 15.8)


def test_several_things_at_once_are_several_false_events() -> None:
    both: Things = {PERSON: 2.0, CAR: 3.0}
    assert counted([(3, NOTHING, False), (4, both, False)]).result().false == 2


def test_an_event_that_shows_in_an_abnormal_frame_finds_it_and_is_not_false() -> None:
    # It is seen for 4 s; the label says less, or more, or begins as it ends.
    late = [(3, NOTHING, False), (3.8, SEEN, False), (0.2, SEEN, True), (9, NOTHING, False)]
    whole = [(1, NOTHING, False), (2, NOTHING, True), (4, SEEN, True), (9, NOTHING, False)]
    for recording in (late, whole):
        figures = counted(recording).result()
        assert (figures.found, figures.false) == (1.0, 0)


def test_an_event_that_begins_after_the_last_abnormal_frame_is_false_and_finds_nothing() -> None:
    figures = counted([(3, NOTHING, True), (4, SEEN, False), (9, NOTHING, False)]).result()
    assert (figures.found, figures.false) == (0.0, 1)


def test_what_is_too_short_for_an_event_counts_for_nothing() -> None:
    figures = counted([(3, NOTHING, False), (0.6, SEEN, False), (4, NOTHING, False), (0.6, SEEN, True)]).result()
    assert (figures.found, figures.false) == (0.0, 0)


def test_each_run_of_abnormal_frames_is_a_stretch() -> None:
    figures = counted(
        [(3, SEEN, True), (20, NOTHING, False), (3, NOTHING, True), (20, NOTHING, False), (0.2, NOTHING, True)]
    ).result()
    assert figures.found == pytest.approx(1 / 3)


def test_an_event_still_open_at_the_end_counts() -> None:
    assert counted([(3, NOTHING, False), (4, SEEN, False)]).result().false == 1


def test_a_recording_knows_nothing_of_the_one_before() -> None:
    # Half a second at its end and half a second at the next one's begin are no event.
    halves = [(3, NOTHING, False), (0.6, SEEN, False)], [(0.6, SEEN, False), (3, NOTHING, False)]
    assert counted(*halves).result().false == 0


def test_normal_hours_are_between_normal_frames_that_no_gap_parts() -> None:
    recording = [(2, NOTHING, False), (3, NOTHING, True), (4, NOTHING, False)]
    assert counted(recording).result().normal_hours == pytest.approx((1.8 + 3.8) / 3600)
    assert counted(recording, gap_s=1.0).result().normal_hours == pytest.approx((1.8 + 3.8) / 3600)
    # Two stretches of normal frames, 1 s and 2 s apart: the latter is a gap.
    normal = [(2, NOTHING, False), (2, NOTHING, False)]
    assert counted(normal, gap_s=0.8).result().normal_hours == pytest.approx((1.8 + 1.0 + 1.8) / 3600)
    assert counted(normal, gap_s=2.0).result().normal_hours == pytest.approx((1.8 + 1.8) / 3600)


def test_without_normal_footage_there_is_no_rate() -> None:
    figures = counted([(3, NOTHING, True)]).result()
    assert figures == EventFigures(0.0, 0, 0.0)
    assert figures.false_a_day is None


def test_figures_do_not_change_with_a_split() -> None:
    recordings: list[list[Stretch]] = [
        [(3, NOTHING, False), (4, SEEN, False), (9, NOTHING, False)],
        [(3, NOTHING, False), (4, SEEN, True)],
        [(5, NOTHING, True)],
    ]
    merged = counted(*recordings[1:])
    merged.merge(counted(recordings[0]))
    figures = counted(*recordings).result()
    assert (figures.found, figures.false) == (0.5, 1)
    assert figures.normal_hours == pytest.approx(18.6 / 3600)
    assert (merged.result().found, merged.result().false) == (0.5, 1)
    assert merged.result().normal_hours == pytest.approx(figures.normal_hours)
