"""The Python interface: learn, load, replay. Footage is what the command line takes: files, folders, globs, addresses.

>>> import tempfile
>>> from pathlib import Path
>>> from pipeline.video.street import Street
>>> from pipeline.video.writer import VideoWriter
>>> folder = Path(tempfile.mkdtemp())
>>> with VideoWriter(folder / "street.mp4") as video:
...     for frame in Street(size=(96, 160)).frames(12, fps=5):
...         video.write(frame.pixels, frame.time_s)

>>> model = fit(folder / "street.mp4", folder / "street.stillwatch", size=96, dims=20)
>>> model.frames, model.grid
(60, (12, 20))
>>> load(folder / "street.stillwatch").threshold == model.threshold
True
>>> summary = replay(folder / "street.mp4", model, folder / "out", until_s=6.0)
>>> summary.frames, summary.complete
(30, True)
>>> sorted(path.name for path in (folder / "out").iterdir())
['events.json', 'heatmap.mp4', 'report.html', 'scores.csv', 'summary.json']
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pipeline.fit import FitOptions, fit_footage
from pipeline.model.detector import load_detector
from pipeline.model.engine import choose_hardware
from pipeline.model.model_file import load_model, save_model
from pipeline.model.padim import Model
from pipeline.model.settings import Settings
from pipeline.policy import Policy
from pipeline.process import prepare_process
from pipeline.replay import ReplayOptions, ReplaySummary, Task, camera_name
from pipeline.replay import replay as replay_tasks
from pipeline.video.sources import Source, find_sources
from stillwatch.options import check_model_output

__all__ = ["fit", "load", "replay"]

Footage = str | Path | Sequence[str | Path]


def fit(
    footage: Footage,
    output: str | Path | None = None,
    *,
    size: int = 240,
    fps: float = 5.0,
    input_fps: float | None = None,
    from_s: float = 0.0,
    until_s: float | None = None,
    mask: str | Path | None = None,
    false_alarms_per_day: float = 1.0,
    dims: int | None = 100,
    seed: int = 0,
    resumable: bool = False,
    settings: Settings | None = None,
    device: str = "auto",
    threads: int | None = None,
) -> Model:
    """Learn what a camera normally sees, as `stillwatch fit` does.

    Args:
        footage: normal footage of one camera's view; one thing or several.
        output: file to write the model to; None to keep it in memory.
        size: short side of the pictures that the model sees, in pixels.
        fps: frames per second to take of recordings.
        input_fps: rate of folders of images, which have no clock; None takes every image.
        from_s, until_s: window of each recording, in seconds.
        mask: YAML file or picture of where scores are ignored.
        false_alarms_per_day: false events a day that the threshold aims at.
        dims, seed: D, the numbers of an embedding (None for all channels), and what picks them.
        resumable: keep what a later fit needs to go on.
        settings: every choice that changes a score; `dims` and `seed` are then taken from it.
        device: "auto", "cpu", "cuda" or "cuda:N".
        threads: cores to use; None for all.
    Raises:
        SourceError: footage cannot be read.
        ConfigError: an argument is out of range, recordings differ in shape, the mask does not fit, or a
            file that is no model would be replaced.
        ModelError: too few frames, or too little memory.
        OutputError: the model cannot be written.
    """
    prepare_process()
    if output is not None:
        check_model_output(Path(output))
    options = FitOptions(
        settings=settings or Settings(dims=dims, seed=seed),
        short_side=size,
        fps=fps,
        input_fps=input_fps,
        from_s=from_s,
        until_s=until_s,
        mask=None if mask is None else Path(mask),
        resumable=resumable,
        false_alarms_per_day=false_alarms_per_day,
    )
    hardware = choose_hardware(device=device, threads=threads)
    model = fit_footage(_sources(footage), options, hardware, try_precisions=output is not None).model
    if output is not None:
        save_model(model, Path(output))
    return model


def load(path: str | Path) -> Model:
    """Read a model from its file.

    Raises:
        ModelError: the file is absent, damaged, of another version, or no model.
    """
    return load_model(Path(path))


def replay(
    footage: Footage,
    model: Model | str | Path,
    output: str | Path,
    *,
    camera: str | None = None,
    fps: float | None = None,
    input_fps: float | None = None,
    from_s: float = 0.0,
    until_s: float | None = None,
    heatmap: bool = True,
    policy: Policy | None = None,
    device: str = "auto",
    threads: int | None = None,
) -> ReplaySummary:
    """Score recordings with the model of their camera, as `stillwatch replay` does.

    Args:
        footage: recordings of the view that the model was fitted on; one or several.
        model: a model, or its file.
        output: folder for scores.csv, events.json with events/, heatmap.mp4, report.html and summary.json.
        camera: its name in the ids of events; None takes the name of the model's file, or "camera".
        fps: frames per second to take; None for the model's own rate.
        input_fps: rate of folders of images, which have no clock: without it they have no events.
        from_s, until_s: window of each recording, in seconds.
        heatmap: also write heatmap.mp4.
        policy: what makes an event; None for the default.
        device: "auto", "cpu", "cuda" or "cuda:N".
        threads: cores to use; None for all.
    Returns:
        What it came to; the same as in summary.json.
    Raises:
        SourceError: footage cannot be read, or has no frame in the window.
        ConfigError: footage shows another view than the model was fitted on.
        ModelError: the model cannot be read, or its weights are not those it was fitted with.
        OutputError: the folder cannot be made or written.
    """
    prepare_process()
    loaded = model if isinstance(model, Model) else load_model(Path(model))
    name = camera_name(camera or ("camera" if isinstance(model, Model) else Path(model).stem))
    options = ReplayOptions(fps, input_fps, from_s, until_s, heatmap, policy or Policy())
    hardware = choose_hardware(device=device, threads=threads)
    tasks = [Task(source, loaded, name) for source in _sources(footage)]
    return replay_tasks(tasks, lambda fitted: load_detector(fitted, hardware), Path(output), options)


def _sources(footage: Footage) -> list[Source]:
    return find_sources([footage] if isinstance(footage, str | Path) else list(footage))
