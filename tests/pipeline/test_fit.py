"""From real files to a model and scores, in one process."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from threading import Event

import cv2
import numpy as np
import pytest

from pipeline.errors import ConfigError, ModelError
from pipeline.fit import FitOptions, FitResult, fit_footage
from pipeline.model.detector import Detector
from pipeline.model.engine import Hardware, choose_hardware
from pipeline.model.settings import Method, Settings
from pipeline.scoring import scored_frames
from pipeline.types import Image
from pipeline.video import live
from pipeline.video.recording import open_recording
from pipeline.video.sampling import Sampling
from pipeline.video.sources import find_sources
from tests.pipeline.video.clips import write_clip
from tests.pipeline.video.rtsp_server import RtspServer

SETTINGS = Settings(backbone="resnet18", weights="random", taps=("layer1",), dims=8)
OPTIONS = FitOptions(SETTINGS, short_side=64, fps=5.0)


def scene(count: int, *, seed: int = 0, shift_px: int = 0, level: float = 120.0) -> list[Image]:
    """(72, 96, 3) pictures of a textured ground under noise; with a shift, the camera pans."""
    ground = np.random.RandomState(7).uniform(-60, 60, (72, 400, 3)).repeat(4, axis=1)
    source = np.random.RandomState(seed)
    views = [ground[:, number * shift_px % 1000 :][:, :96] for number in range(count)]
    noisy = (level + view * level / 120 + source.normal(0, 4, view.shape) for view in views)
    return [np.clip(picture, 0, 255).astype(np.uint8) for picture in noisy]


@pytest.fixture(scope="module")
def hardware() -> Hardware:
    return choose_hardware("torch", "cpu", 2)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("fit") / "scene.mp4", scene(120))


@pytest.fixture(scope="module")
def fitted(clip: Path, hardware: Hardware) -> FitResult:
    return fit_footage(find_sources([clip]), OPTIONS, hardware)


def test_a_fit_says_what_it_saw(fitted: FitResult) -> None:
    model = fitted.model
    assert (fitted.recordings, fitted.damaged, fitted.complete, fitted.warnings) == (1, 0, True, [])
    assert (model.frames, model.fps, model.source_size, model.geometry.size) == (60, 5.0, (72, 96), (64, 80))
    assert model.footage_s == pytest.approx(12.0, abs=0.01)


def test_a_fit_aims_at_the_false_alarms_that_were_asked_for(clip: Path, hardware: Hardware) -> None:
    asked = replace(OPTIONS, false_alarms_per_day=3000.0)
    threshold = fit_footage(find_sources([clip]), asked, hardware).model.threshold
    assert (threshold.asked_a_day, threshold.at_most, threshold.provisional) == (3000.0, False, False)


def test_footage_and_pictures_without_a_clock_differ_in_shrinkage_and_promise(
    fitted: FitResult, hardware: Hardware, tmp_path: Path
) -> None:
    for number, picture in enumerate(scene(20)):
        assert cv2.imwrite(str(tmp_path / f"{number:02}.png"), picture)
    of_pictures = fit_footage(find_sources([tmp_path]), OPTIONS, hardware).model
    assert (fitted.model.settings.shrinkage, of_pictures.settings.shrinkage) == (0.7, 0.1)
    assert fitted.model.threshold.promise == (
        "at most 732 false alarms a day (0 to 732): 12 seconds of footage cannot speak for fewer, "
        "2.4 hours could for the 1 asked for"
    )
    assert of_pictures.threshold.promise == "99% of 20 pictures that the model had not seen score lower"


def test_times_of_every_recording_begin_anew_and_none_is_joined_to_the_next(clip: Path, hardware: Hardware) -> None:
    whole = fit_footage(find_sources([clip, clip, clip]), OPTIONS, hardware).model
    assert whole.footage_s == pytest.approx(36.0, abs=0.02)
    assert whole.threshold.held_out_s == pytest.approx(3 * 11.8, abs=0.01)


def test_progress_counts_to_what_was_expected(clip: Path, hardware: Hardware) -> None:
    seen: list[tuple[int, int | None]] = []
    fit_footage(find_sources([clip, clip]), OPTIONS, hardware, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(number, 120) for number in range(1, 121)]


def test_a_stopped_fit_gives_a_model_of_what_was_seen(clip: Path, hardware: Hardware) -> None:
    stop = Event()

    def enough(done: int, total: int | None) -> None:
        if done == 30:
            stop.set()

    result = fit_footage(find_sources([clip]), OPTIONS, hardware, progress=enough, stop=stop)
    assert (result.complete, result.model.frames) == (False, 30)


def test_a_resumed_fit_scores_as_one_over_all_footage(clip: Path, hardware: Hardware, tmp_path: Path) -> None:
    other = write_clip(tmp_path / "more.mp4", scene(120, seed=1))
    options = FitOptions(SETTINGS, short_side=64, fps=5.0, resumable=True)
    first = fit_footage(find_sources([clip]), options, hardware).model
    resumed = fit_footage(find_sources([other]), options, hardware, resumed=first).model
    whole = fit_footage(find_sources([clip, other]), options, hardware)
    frames = np.stack(scene(4, seed=2))[:, :64, :80]
    ours, theirs = (Detector(model, whole.engine).score(frames).raw_scores for model in (resumed, whole.model))
    assert resumed.frames == 120
    assert resumed.footage_s == pytest.approx(24.0, abs=0.02)
    np.testing.assert_allclose(ours, theirs, rtol=1e-4)
    # At once all 120 frames are cross-validated; resumed, the first 60, and the others by the models before them.
    assert [(block.model_frames, block.frames) for block in whole.model.blocks] == [(105, 120)]
    assert [(block.model_frames, block.frames) for block in resumed.blocks] == [(53, 60), (60, 32), (92, 28)]
    assert resumed.blocks[0] == first.blocks[0]
    for model in (resumed, whole.model):
        assert model.threshold.held_out_s == pytest.approx(23.6, abs=0.3)


def test_an_object_scores_above_the_threshold_where_it_is(fitted: FitResult, tmp_path: Path) -> None:
    pictures = scene(20, seed=3)
    for picture in pictures[10:]:
        picture[40:60, 60:84] = (250, 20, 20)
    (source,) = find_sources([write_clip(tmp_path / "object.mp4", pictures)])
    with open_recording(source) as recording:
        sampling = Sampling(fitted.model.geometry)
        scored = list(scored_frames(recording, sampling, Detector(fitted.model, fitted.engine), maps=False))
    assert [frame.frame.index for frame in scored] == list(range(20))
    assert max(frame.score for frame in scored[:10]) < 2 < min(frame.score for frame in scored[10:])
    for frame in scored[10:]:
        x, y = frame.peak
        assert 55 <= x <= 89
        assert 35 <= y <= 65


def test_few_frames_are_warned_of(clip: Path, hardware: Hardware) -> None:
    options = FitOptions(SETTINGS.with_changes(dims=40), short_side=64, fps=5.0)
    assert fit_footage(find_sources([clip]), options, hardware).warnings == [
        "60 frames are few for 40 numbers a position: unseen footage will score higher than it should; "
        "fit on 80 or more."
    ]


def test_too_few_frames_a_second_to_see_motion_in_are_warned_of(clip: Path, hardware: Hardware, tmp_path: Path) -> None:
    slow = write_clip(tmp_path / "slow.mp4", scene(30), fps=2)
    moving = FitOptions(SETTINGS, short_side=64)
    still = FitOptions(SETTINGS.with_changes(method=Method.PADIM), short_side=64)
    sentence = (
        "2 frames a second are few to see motion in: what is fast is lost between them, or looks slow; "
        "fit on 4 or more, or with --method padim."
    )
    assert fit_footage(find_sources([clip]), replace(moving, fps=2.0), hardware).warnings == [sentence]
    assert fit_footage(find_sources([slow]), replace(moving, fps=5.0), hardware).warnings == [sentence]
    assert fit_footage(find_sources([clip]), replace(moving, fps=4.0), hardware).warnings == []
    assert fit_footage(find_sources([clip]), replace(still, fps=2.0), hardware).warnings == []


def test_a_moving_camera_and_darkness_are_warned_of(hardware: Hardware, tmp_path: Path) -> None:
    moving = write_clip(tmp_path / "moving.mp4", scene(120, shift_px=1))
    dark = write_clip(tmp_path / "dark.mp4", scene(120, level=8.0))
    (of_moving,) = fit_footage(find_sources([moving]), OPTIONS, hardware).warnings
    (of_dark,) = fit_footage(find_sources([dark]), OPTIONS, hardware).warnings
    assert of_moving.startswith("the camera moves in ")
    assert of_dark == "the picture is nearly black in 100% of the footage: little can be learned from it."


def test_a_camera_is_learned_from_for_so_long_over_every_loss_of_it(
    hardware: Hardware, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "HOLD_OFF_S", 0.2)
    monkeypatch.setattr(live, "LEAST_WAIT_S", 0.3)
    clip = write_clip(tmp_path / "camera.mp4", scene(100), fps=20, options={"bf": "0", "g": "5"})
    servers = [RtspServer(clip).__enter__()]
    seen: list[tuple[int, int | None]] = []

    def watch(done: int, total: int | None) -> None:
        seen.append((done, total))
        if done == 15:
            servers[-1].stop()
            servers.append(RtspServer(clip, port=servers[0].port).__enter__())

    result = fit_footage(
        find_sources([servers[0].url]), replace(OPTIONS, fps=10.0, live_s=5.0), hardware, progress=watch
    )
    servers[-1].stop()
    model = result.model
    assert (result.recordings, result.complete) == (1, True)
    assert seen == [(number, 50) for number in range(1, model.frames + 1)]
    assert 30 <= model.frames <= 50
    assert model.footage_s == pytest.approx(model.frames / 10, abs=0.1)
    # A step within a connection counts, the one between the two does not.
    assert model.threshold.held_out_s == pytest.approx((model.frames - 2) / 10, abs=0.15)
    (warning,) = result.warnings
    assert warning.startswith("the camera was lost once, ")


def test_a_fit_of_a_camera_that_is_stopped_is_of_what_was_seen(
    hardware: Hardware, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "HOLD_OFF_S", 0.2)
    clip = write_clip(tmp_path / "camera.mp4", scene(100), fps=20, options={"bf": "0", "g": "5"})
    stop = Event()
    with RtspServer(clip) as server:
        result = fit_footage(
            find_sources([server.url]),
            replace(OPTIONS, fps=10.0, live_s=86400.0),
            hardware,
            progress=lambda done, total: stop.set() if (done, total) == (20, 864_000) else None,
            stop=stop,
        )
    assert (result.complete, result.model.frames, result.warnings) == (False, 20, [])


def test_a_camera_of_another_view_than_the_model_to_resume_is_refused(
    hardware: Hardware, clip: Path, tmp_path: Path
) -> None:
    first = fit_footage(find_sources([clip]), replace(OPTIONS, resumable=True), hardware).model
    wide = write_clip(tmp_path / "wide.mp4", [np.zeros((64, 128, 3), np.uint8)] * 20, options={"bf": "0"})
    with RtspServer(wide) as server, pytest.raises(ConfigError) as caught:
        fit_footage(find_sources([server.url]), replace(OPTIONS, live_s=5.0), hardware, resumed=first)
    assert str(caught.value) == (
        f"{server.url}: its pictures are 64x128, another shape than the 72x96 the model is for; "
        "use footage of the same view, or fit a model of its own."
    )


def test_footage_of_another_view_is_refused(clip: Path, hardware: Hardware, tmp_path: Path) -> None:
    wide = write_clip(tmp_path / "wide.mp4", [np.zeros((64, 128, 3), np.uint8)] * 20)
    with pytest.raises(ConfigError) as caught:
        fit_footage(find_sources([clip, wide]), OPTIONS, hardware)
    assert str(caught.value) == (
        "wide.mp4: its pictures are 64x128, another shape than the 72x96 the model is for; "
        "use footage of the same view, or fit a model of its own."
    )


def test_too_little_footage_is_refused(clip: Path, hardware: Hardware) -> None:
    options = FitOptions(SETTINGS, short_side=64, fps=5.0, until_s=1.0)
    with pytest.raises(ModelError) as caught:
        fit_footage(find_sources([clip]), options, hardware)
    assert str(caught.value) == "5 frames were seen, a model needs 16; fit on more footage."
