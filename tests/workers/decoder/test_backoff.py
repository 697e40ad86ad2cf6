"""How long a source is left alone before it is opened again."""

from __future__ import annotations

from workers.decoder.backoff import Backoff


def waits(backoff: Backoff, count: int, *, lost: bool) -> list[float]:
    return [backoff.next_s(lost=lost) for _ in range(count)]


def between(waits_s: list[float], *caps_s: float) -> bool:
    return all(cap / 2 <= wait <= cap for wait, cap in zip(waits_s, caps_s, strict=True))


def test_what_is_lost_is_tried_every_three_seconds_for_ever() -> None:
    backoff = Backoff()
    assert between(waits(backoff, 5, lost=True), 0.5, 1, 2, 3, 3)
    assert max(waits(backoff, 1000, lost=True)) <= 3


def test_what_refuses_is_tried_every_half_minute() -> None:
    assert between(waits(Backoff(), 8, lost=False), 0.5, 1, 2, 4, 8, 16, 30, 30)


def test_what_answers_after_a_long_time_away_is_asked_again_quickly() -> None:
    backoff = Backoff()
    waits(backoff, 100, lost=True)
    assert between(waits(backoff, 3, lost=False), 0.5, 1, 2)


def test_only_a_minute_online_earns_a_quick_try_again() -> None:
    backoff = Backoff()
    waits(backoff, 10, lost=True)
    backoff.online_for(59)
    assert between(waits(backoff, 1, lost=True), 3)
    backoff.online_for(60)
    assert between(waits(backoff, 2, lost=True), 0.5, 1)


def test_cameras_that_were_lost_together_do_not_come_back_in_step() -> None:
    assert len({waits(Backoff(), 3, lost=True)[-1] for _ in range(20)}) == 20
