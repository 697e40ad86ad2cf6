"""The synthetic street: the same again from its seed, people on normal days, anomalies where the labels say."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
import psutil
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.errors import ConfigError
from pipeline.types import Image, Size
from pipeline.video.street import ANOMALY_KINDS, Street, StreetAnomaly, anomaly_script
from pipeline.video.street.actors import actors_of
from pipeline.video.street.camera import Camera
from pipeline.video.street.crowd import Crowd
from pipeline.video.street.routes import Course, across, clashes, course

SIZE: Size = (120, 216)
SCRIPT = anomaly_script(100)


@pytest.fixture(scope="module")
def normal() -> Street:
    return Street(size=SIZE)


@pytest.fixture(scope="module")
def eventful() -> Street:
    return Street(size=SIZE, day=1, anomalies=SCRIPT)


def background(street: Street) -> Image:
    """What is seen most of the time."""
    frames = [frame.pixels for frame in street.frames(120, 0.25)]
    return np.asarray(np.median(frames, axis=0), np.uint8)


def moving(frame: Image, empty: Image) -> float:
    """Share of the picture that is not as usual, light apart."""
    ratio = (frame.astype(float) + 8) / (empty.astype(float) + 8)
    return float((np.abs(ratio / np.median(ratio) - 1).max(axis=2) > 0.4).mean())


def test_the_same_moment_of_the_same_day_is_the_same_picture_in_whatever_order_it_is_asked_for() -> None:
    times_s = [83.2, 0.0, 7.3, 83.2]
    first, again = Street(3, SIZE, day=5, anomalies=SCRIPT), Street(3, SIZE, day=5, anomalies=SCRIPT)
    pictures = {time_s: first.frame(time_s) for time_s in times_s}
    for time_s in reversed(times_s):
        frame = again.frame(time_s)
        assert np.array_equal(frame.pixels, pictures[time_s].pixels)
        assert np.array_equal(frame.mask, pictures[time_s].mask)
        assert frame.kinds == pictures[time_s].kinds


def test_frames_are_evenly_spaced_from_any_time_on(normal: Street) -> None:
    frames = list(normal.frames(0.7, 10, begin_s=3600.5))
    assert [frame.time_s for frame in frames] == pytest.approx([3600.5 + number / 10 for number in range(7)])
    assert np.array_equal(frames[3].pixels, normal.frame(3600.5 + 3 / 10).pixels)


@pytest.mark.parametrize("time_s", [-7.5, 0.0, 1e7])
def test_a_day_has_no_begin_and_no_end(time_s: float, normal: Street) -> None:
    frame = normal.frame(time_s)
    assert frame.pixels.shape == (*SIZE, 3)
    assert frame.pixels.dtype == np.uint8


def test_another_seed_is_another_street_and_another_day_the_same_one_with_other_people(normal: Street) -> None:
    here, other_day = background(normal), background(Street(size=SIZE, day=9))
    elsewhere = background(Street(1, SIZE))
    assert moving(other_day, here) < 0.005
    assert moving(elsewhere, here) > 0.03
    assert moving(Street(size=SIZE, day=9).frame(20).pixels, normal.frame(20).pixels) > 0.005


def test_where_nobody_is_only_light_and_noise_change(normal: Street) -> None:
    one, next_one = (normal.frame(time_s).pixels.astype(int) for time_s in (30.0, 30.1))
    change = np.abs(one - next_one)
    assert 1 <= np.median(change) <= 4
    assert (change.max(axis=2) > 25).mean() < 0.05
    fronts = np.stack([frame.pixels[:20, 40:160].mean() for frame in normal.frames(600, 0.1)])
    assert 0.04 < np.ptp(fronts) / fronts.mean() < 0.5
    assert np.abs(np.diff([frame.pixels.mean() for frame in normal.frames(10, 1)])).max() < 2


def test_people_walk_on_a_normal_day_and_nothing_is_labelled(normal: Street) -> None:
    empty = background(normal)
    frames = list(normal.frames(120, 0.25, begin_s=500))
    assert sum(moving(frame.pixels, empty) > 0.002 for frame in frames) >= 0.8 * len(frames)
    assert not any(frame.mask.any() or frame.kinds for frame in frames)


def test_labels_are_seen_while_they_last_and_at_no_other_time(eventful: Street) -> None:
    seen = dict.fromkeys(SCRIPT, 0)
    for frame in eventful.frames(100, 2.5):
        lasting = {one for one in SCRIPT if one.begin_s <= frame.time_s < one.end_s}
        assert frame.kinds <= {one.kind for one in lasting}
        assert frame.mask.any() == bool(frame.kinds)
        for one in lasting:
            seen[one] += one.kind in frame.kinds
    assert {one.kind for one in SCRIPT} == set(ANOMALY_KINDS)
    for one, frames in seen.items():
        assert frames >= 0.6 * (one.end_s - one.begin_s) * 2.5, one


def day_without_anybody_in_the_way(anomaly: StreetAnomaly) -> int:
    """Who would walk into an anomaly stays at home: a day on which that changes nothing in the middle of it."""
    camera, time_s = Camera(SIZE), (anomaly.begin_s + anomaly.end_s) / 2
    for day in range(50):
        crowds = [Crowd(camera, (0, day, 1), others) for others in (actors_of(anomaly, camera, (0, day, 2)), [])]
        first, second = ([person.way.position(time_s) for person in crowd.present(time_s)] for crowd in crowds)
        if first == second:
            return day
    pytest.fail("there is no such day")


# A bag long enough for who left it to be gone.
@pytest.mark.parametrize(("kind", "half_s"), [("bicycle", 2.5), ("runner", 2.5), ("bag", 20), ("vehicle", 2.5)])
def test_a_mask_is_what_an_anomaly_changes_in_the_picture_but_for_its_shadow(kind: str, half_s: float) -> None:
    anomaly = StreetAnomaly(kind, 100 - half_s, 100 + half_s)
    day = day_without_anybody_in_the_way(anomaly)
    frame = Street(size=(240, 432), day=day, anomalies=[anomaly]).frame(100)
    change = frame.pixels.astype(int) - Street(size=(240, 432), day=day).frame(100).pixels
    assert (np.abs(change[frame.mask]).max(axis=1) > 8).mean() > 0.8
    # Next to it is its soft edge; farther away its shadow, which only darkens.
    edge = cv2.dilate(frame.mask.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    changed = np.abs(change).max(axis=2) > 12
    assert (change[~edge & changed] < 0).all()


@pytest.mark.parametrize(
    ("kind", "length_m", "height_m"),
    [("bag", (0.3, 0.7), (0.2, 0.5)), ("runner", (0.3, 1.8), (1.2, 2)), ("bicycle", (1.5, 2), (1.4, 2)),
     ("vehicle", (3.9, 5), (1.3, 2.2))],
)  # fmt: skip
@pytest.mark.parametrize("seed", range(4))
def test_anomalies_are_as_large_as_such_things_are(
    kind: str, length_m: tuple[float, float], height_m: tuple[float, float], seed: int
) -> None:
    actor = next(one for one in actors_of(StreetAnomaly(kind, 10, 15), Camera(SIZE), (seed, 1, 2)) if one.kind == kind)
    length, _, height = np.ptp(actor.at(12.5).points, axis=0)
    assert length_m[0] < length < length_m[1]
    assert height_m[0] < height < height_m[1]


@pytest.mark.parametrize("seed", range(6))
def test_a_bag_is_put_down_left_alone_and_picked_up(seed: int) -> None:
    camera, anomaly = Camera(SIZE), StreetAnomaly("bag", 60, 85)
    actors = actors_of(anomaly, camera, (seed, 1, 2))
    bag, giver, taker = sorted(actors, key=lambda actor: (not actor.kind, actor.way.begin_s))
    place = bag.way.position(0)
    assert math.dist(giver.way.position(60), place) < 0.8
    assert math.dist(taker.way.position(85), place) < 0.8
    crowd = Crowd(camera, (seed, 1, 1), actors)
    for time_s in np.arange(63, 82, 0.5):
        people = [*crowd.present(time_s), giver, taker]
        assert all(math.dist(person.way.position(time_s), place) > 0.69 for person in people)


def test_nobody_walks_into_an_anomaly() -> None:
    camera = Camera(SIZE)
    actors = [actor for one in SCRIPT for actor in actors_of(one, camera, (0, 1, 2))]
    crowd = Crowd(camera, (0, 1, 1), actors)
    people = {id(person): person for time_s in np.arange(0, 100, 2.0) for person in crowd.present(time_s)}
    assert len(people) > 15
    for person in people.values():
        assert not any(clashes(person.way, actor.way, actor.room_m) for actor in actors)


@pytest.mark.parametrize("seed", range(8))
def test_a_runner_is_some_three_times_as_fast_as_people_walk(seed: int) -> None:
    for anomaly in anomaly_script(600, seed):
        if anomaly.kind == "runner":
            (runner,) = actors_of(anomaly, Camera((360, 640)), (seed, 1, 2))
            assert isinstance(runner.way, Course)
            assert 2.4 * 1.3 < runner.way.speed_m_s < 3.7 * 1.3


def test_memory_does_not_grow_with_the_length_of_a_day(normal: Street) -> None:
    process = psutil.Process()
    for _ in normal.frames(1000, 0.2):
        pass
    used = process.memory_info().rss
    for _ in normal.frames(2000, 0.2, begin_s=5000):
        pass
    # The 400 frames are 41 MB.
    assert process.memory_info().rss - used < 8e6


@given(st.floats(0, 1500), st.integers(0, 2**32 - 1))
def test_a_script_has_every_kind_in_turn_with_quiet_between(duration_s: float, seed: int) -> None:
    script = anomaly_script(duration_s, seed)
    for one, following in pairwise(script):
        assert following.begin_s - one.end_s > 6.5
    assert all(one.end_s <= duration_s for one in script)
    for begin in range(0, len(script) - 3, 4):
        assert {one.kind for one in script[begin : begin + 4]} == set(ANOMALY_KINDS)
    assert len(script) >= math.floor(duration_s / 120) * 4


@given(
    stop_m=st.floats(0, 10),
    stop_s=st.floats(0, 10),
    speed=st.floats(0.5, 6),
    one=st.floats(0, 60),
    other=st.floats(0, 60),
)
@example(stop_m=5.135827957638818, stop_s=5.0, speed=2.8828125, one=4.0, other=8.0)
def test_on_a_course_nobody_turns_back_or_leaves_the_line(
    stop_m: float, stop_s: float, speed: float, one: float, other: float
) -> None:
    way = replace(course(np.array([[0.0, 5], [4, 5], [10, 13]]), 2.0, speed), stop_m=stop_m, stop_s=stop_s)
    early, late = sorted((one, other))
    assert 0 <= way.distance(early) <= way.distance(late) <= 14
    assert way.distance(late) - way.distance(early) <= (late - early) * speed + 1e-9
    assert way.distance(way.begin_s) == 0
    assert way.distance(way.end_s) == pytest.approx(14)
    assert way.distance(way.stops_at_s + stop_s / 2) == pytest.approx(stop_m)
    x, y = way.position(early)
    assert y == pytest.approx(5 if x < 4 else 5 + (x - 4) * 8 / 6)


@given(st.floats(5, 18), st.floats(5, 18), st.sampled_from([-1, 1]), st.sampled_from([(120, 216), (480, 640)]))
def test_ways_lead_from_outside_the_picture_to_outside_it(begin_y: float, end_y: float, side: int, size: Size) -> None:
    camera = Camera(size)
    way = across(camera, begin_y, end_y, side, 0.5)
    columns = camera.project(np.column_stack([way, np.zeros(len(way))]))[0][:, 0]
    left, right = sorted((columns[0], columns[-1]))
    assert (columns[0] < columns[-1]) == (side < 0)
    assert left < -0.5
    assert right > size[1] - 0.5


def test_the_border_is_where_the_picture_ends() -> None:
    camera = Camera(SIZE)
    points = np.array([[camera.border_x(9.0, side), 9.0, 0] for side in (-1, 1)])
    assert camera.project(points)[0][:, 0] == pytest.approx([-0.5, SIZE[1] - 0.5])


def test_what_is_taller_or_farther_is_higher_in_the_picture() -> None:
    pixels, depths = Camera(SIZE).project(np.array([[2.0, 10, 0], [2, 10, 1.8], [2, 15, 0]]))
    assert pixels[0, 1] > pixels[1, 1]
    assert pixels[0, 1] > pixels[2, 1]
    assert depths[0] < depths[2]


@pytest.mark.parametrize("size", [(40, 200), (120, 44), (200, 200)])
def test_a_size_that_cannot_be_drawn_is_refused(size: Size) -> None:
    with pytest.raises(ConfigError) as caught:
        Street(size=size)
    assert str(caught.value) == (
        f"the street cannot be drawn in {size[0]}x{size[1]}; choose sides of at least 48 and a height of at most "
        "three quarters of the width."
    )


@pytest.mark.parametrize("size", [(48, 64), (240, 320), (90, 640)])
def test_other_sizes_can_be_drawn(size: Size) -> None:
    frame = Street(size=size, anomalies=[StreetAnomaly("vehicle", 0, 6)]).frame(3)
    assert frame.pixels.shape == (*size, 3)
    assert frame.mask.any()
    # Nothing is left black at the edges.
    assert min(frame.pixels[0].mean(), frame.pixels[-1].mean()) > 30


def test_an_unknown_anomaly_is_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        StreetAnomaly("elephant", 1, 2)
    assert str(caught.value) == ("an anomaly of the street is 'elephant'; choose one of bicycle, runner, bag, vehicle.")


def test_an_anomaly_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        StreetAnomaly("bag", 5, 5)
    assert str(caught.value) == ("a bag of the street ends at 5 s, not after its begin at 5 s; let it last longer.")
