"""Scored frames of a recording in; events, clips and what people see out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.lingering import LINGERING_S
from pipeline.model.embedding import network_of
from pipeline.model.engine import build_engine, choose_hardware
from pipeline.model.padim import Model
from pipeline.model.settings import Precision
from pipeline.policy import Policy
from pipeline.scoring import ScoredFrame
from pipeline.types import Box, CoarseMap, EndReason, Event, EventKind, Frame, Geometry, Image, Size
from pipeline.video.clips import Clip
from pipeline.watching import Happened, Watched, Watcher
from tests.pipeline.model.conftest import SIZE, SMALL, fitter_of, pictures
from tests.stillwatch.running import files_up_to

SOURCE: Size = (96, 128)
DISPLAY: Size = (96, 128)
# Of 6 x 8 cells.
THING: Box = (1, 1, 2, 3)
FPS = 5


@pytest.fixture(scope="module")
def model() -> Model:
    """A small one, by which nothing lingers."""
    network, _ = network_of(SMALL)
    fitter = fitter_of(network, build_engine(network, SIZE, choose_hardware("torch", "cpu", 2), Precision.FLOAT32))
    for number, frame in enumerate(pictures(40)):
        fitter.add(frame, number / 5)
    fitted = fitter.finish(8.0)
    return replace(fitted, threshold=replace(fitted.threshold, lingering=1.0))


def noise(number: int) -> Image:
    return np.random.RandomState(number).randint(0, 256, (*DISPLAY, 3)).astype(np.uint8)


def scored(
    number: int,
    *things: Box,
    score: float = 2.0,
    time_s: float | None = None,
    display: bool = True,
    size: Size = SIZE,
) -> ScoredFrame:
    """A frame at 5 frames/s that shows things, all with a score, and 0.3 elsewhere."""
    cells = np.full((size[0] // 8, size[1] // 8), 0.3, np.float32)
    for x, y, width, height in things:
        cells[y : y + height, x : x + width] = score
    highest = float(cells.max()) if not things else score
    frame = Frame(
        number,
        number / FPS if time_s is None else time_s,
        np.zeros((*size, 3), np.uint8),
        SOURCE,
        noise(number) if display else None,
    )
    return ScoredFrame(frame, highest, highest * 7, (11.0, 22.0), CoarseMap.of(cells), None)


def watch(watcher: Watcher, begin_s: float, end_s: float, *things: Box, score: float = 2.0) -> Watched:
    """Show things from a time until another; what the last frame came to."""
    for number in range(round(begin_s * FPS), round(end_s * FPS)):
        watched = watcher.add(scored(number, *things, score=score))
    return watched


def watcher_of(model: Model, folder: Path, policy: Policy | None = None, *, clocked: bool = True) -> Watcher:
    return Watcher("gate", 4, model, SOURCE, policy or Policy(), folder, clocked=clocked)


def length_of(path: Path | None) -> int:
    assert path is not None
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_happened_is_an_event_with_its_clip(model: Model, tmp_path: Path) -> None:
    folder = tmp_path / "events"
    with watcher_of(model, folder) as watcher:
        watch(watcher, 0, 10)
        watch(watcher, 10, 14, THING)
        watch(watcher, 14, 30)
        happened = watcher.finish()
    event = Event("gate-4-50", "gate", EventKind.ANOMALY, 10.0, 10.0, 13.8, 2.0, (16, 16, 32, 48), EndReason.GONE)
    clip = Clip(folder / "gate-4-50.mp4", folder / "gate-4-50.jpg", 5.0, 18.8)
    assert happened == [Happened(event, clip)]
    assert length_of(clip.video) == 70
    assert names_in(folder) == ["gate-4-50.jpg", "gate-4-50.mp4"]


def test_nothing_that_happened_leaves_nothing(model: Model, tmp_path: Path) -> None:
    with watcher_of(model, tmp_path / "events") as watcher:
        watch(watcher, 0, 10)
        assert watcher.finish() == []
    assert list(tmp_path.iterdir()) == []


def test_a_recording_without_frames_has_no_events(model: Model, tmp_path: Path) -> None:
    with watcher_of(model, tmp_path / "events") as watcher:
        assert watcher.finish() == []


def test_what_is_open_at_the_end_is_an_event_with_its_clip(model: Model, tmp_path: Path) -> None:
    with watcher_of(model, tmp_path) as watcher:
        watch(watcher, 0, 3)
        watch(watcher, 3, 6, THING)
        (one,) = watcher.finish()
    assert (one.event.reason, one.event.end_s) == (EndReason.FOOTAGE, 5.8)
    assert one.clip is not None
    assert (one.clip.begin_s, one.clip.end_s) == (0.0, 5.8)


def test_a_frame_says_what_people_see(model: Model, tmp_path: Path) -> None:
    with watcher_of(model, tmp_path) as watcher:
        first = watcher.add(scored(0, THING))
        assert (first.score, first.place, first.shown) == (2.0, (11.0, 22.0), ())
        last = watch(watcher, 0.2, 3, THING)
        assert last.shown == ("gate-4-0",)
        scene = last.scene
        assert scene is not None
        assert (scene.time_s, scene.score, scene.source) == (2.8, 2.0, SOURCE)
        assert scene.heat.shape == (6, 8)
        assert (scene.heat > 1).sum() == 6
        assert (scene.picture == noise(14)).all()
        assert [spot.box for spot in scene.spots.values()] == [(16, 16, 32, 48)]


def test_events_are_given_by_their_begin(model: Model, tmp_path: Path) -> None:
    far: Box = (7, 5, 1, 1)
    with watcher_of(model, tmp_path) as watcher:
        watch(watcher, 0, 3, THING)
        watch(watcher, 3, 6, THING, far)
        watch(watcher, 6, 10, THING)
        watch(watcher, 10, 20)
        happened = watcher.finish()
    assert [one.event.begin_s for one in happened] == [0.0, 3.0]
    assert [one.clip is not None for one in happened] == [True, True]


def test_the_whole_view_is_an_event_too(model: Model, tmp_path: Path) -> None:
    with watcher_of(model, tmp_path) as watcher:
        watch(watcher, 0, 3)
        watch(watcher, 3, 6, (0, 0, 8, 6))
        watch(watcher, 6, 20)
        (one,) = watcher.finish()
    assert (one.event.kind, one.event.box) == (EventKind.VIEW, (0, 0, 128, 96))
    assert one.clip is not None
    assert (one.clip.begin_s, one.clip.end_s) == (0.0, 10.8)


def test_what_lingers_is_shown_and_placed(model: Model, tmp_path: Path) -> None:
    lingering = replace(model, threshold=replace(model.threshold, lingering=0.5))
    with watcher_of(lingering, tmp_path) as watcher:
        before = watch(watcher, 0, 3, THING, score=0.8)
        assert before.score == pytest.approx(0.8)
        assert before.place == (11.0, 22.0)
        after = watch(watcher, 3, 9, THING, score=0.8)
        (one,) = watcher.finish()
    assert after.score == pytest.approx(1.6, rel=0.06)
    # The middle of a cell of 8 x 8 pixels of the model, which are 16 x 16 of the source.
    assert after.place == (16 + 8 - 0.5, 16 + 8 - 0.5)
    assert (one.event.begin_s, one.event.score) == (LINGERING_S, after.score)


def test_frames_without_a_display_have_events_without_clips(model: Model, tmp_path: Path) -> None:
    folder = tmp_path / "events"
    with watcher_of(model, folder) as watcher:
        for number in range(40):
            watched = watcher.add(scored(number, THING, display=False))
        (one,) = watcher.finish()
    assert (watched.scene, watched.shown) == (None, ("gate-4-0",))
    assert (one.event.id, one.clip) == ("gate-4-0", None)
    assert list(tmp_path.iterdir()) == []


def test_pictures_without_a_clock_have_scores_and_no_events(model: Model, tmp_path: Path) -> None:
    folder = tmp_path / "events"
    with watcher_of(model, folder, clocked=False) as watcher:
        watched = watch(watcher, 0, 30, THING)
        assert (watched.score, watched.place, watched.shown) == (2.0, (11.0, 22.0), ())
        assert watched.scene is not None
        assert (watched.scene.heat > 1).sum() == 6
        assert watcher.finish() == []
    assert list(tmp_path.iterdir()) == []


def test_the_heat_of_a_cropped_model_lies_in_the_middle(model: Model, tmp_path: Path) -> None:
    # 16 x 24 pixels around a model of 48 x 48.
    cropped = replace(model, geometry=Geometry((64, 96), 48))
    with watcher_of(cropped, tmp_path) as watcher:
        watched = watcher.add(scored(0, (0, 0, 1, 1), size=(48, 48)))
    assert watched.scene is not None
    heat = watched.scene.heat
    assert heat.shape == (64, 96)
    assert (heat[8:56, 24:72] > 0).all()
    heat[8:16, 24:32] -= 1
    assert heat.max() == pytest.approx(1, rel=0.06)
    heat[8:56, 24:72] = 0
    assert heat.max() == 0


def interrupted(watcher: Watcher, error: BaseException) -> None:
    with watcher:
        watch(watcher, 0, 3, THING)
        watch(watcher, 3, 12)
        watch(watcher, 12, 15, THING)
        raise error


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError("gone")])
def test_an_exception_leaves_no_half_written_clip(error: BaseException, model: Model, tmp_path: Path) -> None:
    with pytest.raises(type(error)) as caught:
        interrupted(watcher_of(model, tmp_path), error)
    assert caught.value is error
    assert names_in(tmp_path) == ["gate-4-0.jpg", "gate-4-0.mp4"]


def test_a_clip_that_could_not_be_written_is_said_with_its_event(model: Model, tmp_path: Path) -> None:
    with files_up_to(100_000), watcher_of(model, tmp_path) as watcher:
        watch(watcher, 0, 3)
        watch(watcher, 3, 20, THING)
        (one,) = watcher.finish()
    assert (one.event.begin_s, one.event.end_s) == (3.0, 19.8)
    assert one.clip is not None
    assert (one.clip.video, one.clip.thumbnail) == (None, tmp_path / "gate-4-15.jpg")
    assert str(one.clip.problem) == (
        f"{tmp_path}/gate-4-15.mp4: cannot be written, file too large; free some space or choose another place."
    )
    assert names_in(tmp_path) == ["gate-4-15.jpg"]


def test_a_clip_does_not_go_on_beyond_a_cut_in_the_recording(model: Model, tmp_path: Path) -> None:
    with watcher_of(model, tmp_path) as watcher:
        watch(watcher, 0, 3, THING)
        for number in range(15, 40):
            watcher.add(scored(number, time_s=30 + number / FPS))
        (one,) = watcher.finish()
    assert one.clip is not None
    assert (one.event.end_s, one.clip.end_s, length_of(one.clip.video)) == (2.8, 2.8, 15)


def test_the_thumbnail_is_of_the_peak_however_late(model: Model, tmp_path: Path) -> None:
    with watcher_of(model, tmp_path, Policy(max_clip_s=10)) as watcher:
        watch(watcher, 0, 20, THING)
        peak = watch(watcher, 20, 20.2, THING, score=9.0).scene
        watch(watcher, 20.2, 22, THING)
        (one,) = watcher.finish()
    assert (one.event.score, one.event.peak_s) == (9.0, 20.0)
    assert one.clip is not None
    assert one.clip.thumbnail is not None
    assert peak is not None
    assert (one.clip.begin_s, one.clip.end_s) == (0.0, 10.0)
    shown = cv2.imread(str(one.clip.thumbnail))
    assert shown is not None
    # Noise that JPEG keeps better than another picture of noise, which is 85 away.
    assert np.abs(shown[..., ::-1].astype(int) - peak.drawn(["gate-4-0"])).mean() < 40


def moving(frame: ScoredFrame, motion: float) -> ScoredFrame:
    """The same by a model that knows motion: of the highest cells this share, else a tenth; all of it stays."""
    levels = frame.coarse.levels
    shares = np.where(levels == levels.max(), np.uint8(round(motion * 255)), np.uint8(26))
    return replace(frame, coarse=CoarseMap(levels, shares, levels), motion=motion)


@pytest.mark.parametrize("clocked", [True, False])
def test_every_frame_and_its_picture_say_how_much_is_motion(clocked: bool, model: Model, tmp_path: Path) -> None:
    with watcher_of(model, tmp_path, clocked=clocked) as watcher:
        for number, motion in enumerate((0.2, 0.8, 0.6)):
            watched = watcher.add(moving(scored(number, THING), motion))
            assert watched.scene is not None
            assert (watched.motion, watched.scene.motion) == (motion, motion)
        alone = watcher.add(scored(3, THING))
        assert alone.motion is None


def test_what_only_lingers_is_appearance_in_every_frame_and_in_its_event(model: Model, tmp_path: Path) -> None:
    half = replace(model, threshold=replace(model.threshold, lingering=0.5))
    with watcher_of(half, tmp_path) as watcher:
        for number in range(40):
            watched = watcher.add(moving(scored(number, THING, score=0.7), 0.4))
            assert watched.scene is not None
            assert watched.motion == watched.scene.motion == (0 if watched.score > 1 else 0.4)
        assert watched.score > 1
        (one,) = watcher.finish()
    assert one.event.motion == 0


def test_an_event_that_a_cooldown_held_back_has_its_clip(model: Model, tmp_path: Path) -> None:
    with watcher_of(model, tmp_path, Policy(cooldown_s=90)) as watcher:
        watch(watcher, 0, 3, THING)
        watch(watcher, 3, 8)
        watch(watcher, 8, 100, THING)
        happened = watcher.finish()
    assert [one.event.begin_s for one in happened] == [0.0, 8.0]
    late = happened[1].clip
    assert late is not None
    assert late.problem is None
    assert [late.begin_s, late.end_s] == pytest.approx([84.8, 99.8])
    assert names_in(tmp_path) == ["gate-4-0.jpg", "gate-4-0.mp4", "gate-4-40.jpg", "gate-4-40.mp4"]


@settings(deadline=None, max_examples=20)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([0.2, 1.0, 3.0, 8.0]), st.sampled_from([(), (THING,), ((6, 4, 2, 2),), ((0, 0, 8, 6),)])
        ),
        min_size=1,
        max_size=8,
    ),
    st.sampled_from([0.0, 1.0, 12.0]),
    st.sampled_from([4.0, 300.0]),
    st.sampled_from([6.0, 60.0]),
)
def test_every_event_has_a_clip_that_shows_it_and_is_not_too_long(
    model: Model, plan: list[tuple[float, tuple[Box, ...]]], cooldown_s: float, max_event_s: float, max_clip_s: float
) -> None:
    policy = Policy(cooldown_s=cooldown_s, max_event_s=max_event_s, max_clip_s=max_clip_s, pre_roll_s=2, post_roll_s=3)
    with TemporaryDirectory() as folder, watcher_of(model, Path(folder), policy) as watcher:
        begin_s = 0.0
        for seconds, things in plan:
            watch(watcher, begin_s, begin_s + seconds, *things)
            begin_s += seconds
        happened = watcher.finish()
        names = sorted(f"{one.event.id}.{kind}" for one in happened for kind in ("jpg", "mp4"))
        assert names_in(Path(folder)) == names
        for event, clip in ((one.event, one.clip) for one in happened):
            assert clip is not None
            assert clip.problem is None
            assert clip.end_s - clip.begin_s <= max_clip_s + 1e-6
            assert max(clip.begin_s, event.begin_s) <= min(clip.end_s, event.end_s)
            assert clip.end_s <= event.end_s + max(policy.post_roll_s, policy.gap_s) + 1e-6
            assert length_of(clip.video) == round((clip.end_s - clip.begin_s) * FPS) + 1
