"""Whatever order scores arrive in, each frame is told once and in its place."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from workers.alerter.reorder import REORDER_S, Lost, Over, Reorder, Turn
from workers.bus.messages import Drop, Dropped, Ended

E1, E2 = 1_795_000_000_000, 1_795_000_060_000


def dropped(index: int, epoch: int = E1) -> Dropped:
    """A frame; that it has no score makes no difference here."""
    return Dropped(epoch, index, Drop.LATE)


def indices(turns: list[Turn]) -> list[int]:
    """Indices of the frames among turns."""
    return [turn.index for turn in turns if isinstance(turn, Dropped)]


def told(messages: list[Dropped | Ended], now_s: float = 0.0) -> tuple[Reorder, list[Turn]]:
    """A reorder after messages that were read at one moment, and what it told."""
    reorder = Reorder()
    for number, message in enumerate(messages):
        reorder.add(message, f"{number}-0", now_s)
    return reorder, list(reorder.turns(now_s))


@given(st.permutations(range(8)), st.lists(st.integers(0, 7), max_size=8), st.data())
def test_any_interleaving_with_repeats_comes_out_in_order_once(
    order: list[int], repeats: list[int], data: st.DataObject
) -> None:
    entries = list(order)
    for repeat in repeats:
        entries.insert(data.draw(st.integers(0, len(entries))), repeat)
    reorder, turns = Reorder(), []
    for number, index in enumerate(entries):
        reorder.add(dropped(index), f"{number}-0", 0.0)
        turns += list(reorder.turns(0.0))
    assert indices(turns) == list(range(8)), "nothing is given up before its time"
    assert reorder.held_after() is None


@given(st.permutations(range(10)), st.sets(st.integers(0, 9), max_size=9))
def test_every_index_is_told_or_counted_as_lost_once(order: list[int], missing: set[int]) -> None:
    reorder, turns = Reorder(), []
    for number, index in enumerate(order):
        if index not in missing:
            reorder.add(dropped(index), f"{number}-0", 0.0)
            turns += list(reorder.turns(0.0))
    reorder.add(Ended(E1, 10), "99-0", 0.0)
    turns += list(reorder.turns(0.0))
    turns += list(reorder.turns(REORDER_S))
    lost = [index for turn in turns if isinstance(turn, Lost) for index in range(turn.first, turn.last + 1)]
    assert indices(turns) == [index for index in range(10) if index not in missing]
    assert lost == sorted(missing)
    assert turns[-1] == Over(E1, told=True)


@given(st.permutations([(epoch, index) for epoch in (E1, E2) for index in range(4)]))
def test_epochs_never_mix(order: list[tuple[int, int]]) -> None:
    reorder, turns = Reorder(), []
    for number, (epoch, index) in enumerate(order):
        reorder.add(dropped(index, epoch), f"{number}-0", 0.0)
        turns += list(reorder.turns(0.0))
    turns += list(reorder.turns(REORDER_S))
    epochs = [turn.epoch for turn in turns]
    assert epochs == sorted(epochs)
    if E1 in epochs:
        assert Over(E1, told=False) in turns


def test_a_gap_is_waited_for_since_what_is_behind_it_was_read() -> None:
    reorder, _ = told([dropped(0)])
    reorder.add(dropped(2), "1-0", 5.0)
    assert list(reorder.turns(5.0 + REORDER_S - 0.01)) == []
    assert list(reorder.turns(5.0 + REORDER_S)) == [Lost(E1, 1, 1), dropped(2)]


def test_what_comes_after_it_was_given_up_is_dropped() -> None:
    reorder, _ = told([dropped(0), dropped(2)])
    assert len(list(reorder.turns(REORDER_S))) == 2
    assert not reorder.add(dropped(1), "9-0", 9.0)


def test_a_new_epoch_ends_the_old_one_after_its_gap_time() -> None:
    reorder, turns = told([dropped(0), dropped(0, E2)])
    assert turns == [dropped(0)]
    assert list(reorder.turns(REORDER_S)) == [Over(E1, told=False), dropped(0, E2)]


def test_an_end_that_was_told_lets_the_next_epoch_begin_at_once() -> None:
    _, turns = told([dropped(0), dropped(1), dropped(0, E2), Ended(E1, 2)])
    assert turns == [dropped(0), dropped(1), Over(E1, told=True), dropped(0, E2)]


def test_an_epoch_without_a_frame_ends_too() -> None:
    _, turns = told([Ended(E1, 0), Ended(E2, 0)])
    assert turns == [Over(E1, told=True), Over(E2, told=True)]


def test_an_end_is_told_once() -> None:
    reorder, _ = told([dropped(0), Ended(E1, 1)])
    assert not reorder.add(Ended(E1, 1), "5-0", 0.0)
    assert not reorder.add(dropped(7), "6-0", 0.0)


def test_reading_again_from_where_it_says_misses_nothing() -> None:
    reorder, _ = told([dropped(0), dropped(3), dropped(1), dropped(4)])
    assert reorder.held_after() == "1-0", "the position before that of the first that waits"
    assert (reorder.epoch, reorder.index) == (E1, 2)
