"""The models of cameras: loaded when needed, put away when memory is short, exchanged when their file is.

A model file is looked at at most once a second, and replaced between two batches: whoever asks once a batch scores it
with one model as a whole. A new file that is broken leaves the model of before in use, and says so.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from pipeline.errors import ConfigError, ModelError, StillwatchError
from pipeline.model.card import file_digest
from pipeline.model.detector import Detector
from pipeline.model.model_file import load_model
from pipeline.model.padim import Model
from pipeline.model.pool import DetectorPool
from pipeline.types import Size, same_view
from workers.site.values import Site
from workers.telemetry.logs import Repeated, say
from workers.telemetry.metrics import Metrics

__all__ = ["Loaded", "ModelStore"]

LOOK_S = 1.0
# A file that is replaced while it is read is read again.
ATTEMPTS = 3

log = logging.getLogger(__name__)

Stamp = tuple[tuple[int, int, int] | None, ...]  # mtime in ns, size, inode of each file; None for one that is not there


@dataclass(frozen=True, slots=True)
class _Files:
    """What a model is made of; cameras that share both share it."""

    model: Path
    mask: Path | None

    def stamp(self) -> Stamp:
        return tuple(_stamp(path) for path in (self.model, self.mask) if path is not None)


@dataclass(frozen=True, slots=True, eq=False)
class Loaded:
    """A model ready to score.

    Attributes:
        digest: of its file.
        path: its file.
    """

    detector: Detector
    digest: str
    path: Path

    @property
    def model(self) -> Model:
        """The model itself."""
        return self.detector.model

    def misfit(self, size: Size, source: Size) -> str:
        """Why it cannot score frames of a size, made of pictures of another; empty where it can."""
        if size != self.model.geometry.size:
            return f"{self.path}: is for frames of {_by(self.model.geometry.size)}, those of the camera are {_by(size)}"
        if not same_view(source, self.model.source_size):
            seen = _by(self.model.source_size)
            return f"{self.path}: is for pictures of {seen}, those of the camera have another shape, {_by(source)}"
        return ""


@dataclass(slots=True)
class _Slot:
    """What is known of some files."""

    stamp: Stamp
    looked_s: float
    loaded: Loaded | None = None
    problem: str = ""
    remedy: str = ""
    used: int = 0


@dataclass(slots=True)
class ModelStore:
    """Gives each camera its model.

    Args:
        site: names the files.
        pool: makes models ready.
        clock: monotonic seconds.
    Attributes:
        room_bytes: what models may take.
    """

    site: Site
    pool: DetectorPool
    metrics: Metrics
    clock: Callable[[], float] = time.monotonic
    room_bytes: int = field(init=False)
    _slots: dict[_Files, _Slot] = field(default_factory=dict)
    _misfits: dict[str, str] = field(default_factory=dict)
    _uses: int = 0
    _short: Repeated = field(default_factory=lambda: Repeated(log))

    def __post_init__(self) -> None:
        self.room_bytes = self.site.scorer.models_mb << 20

    def of(self, camera: str) -> Loaded | None:
        """The model to score a camera with; None where there is none, see `problem`."""
        files = self._files(camera)
        slot = self._slots.get(files)
        if slot is None or self.clock() - slot.looked_s >= LOOK_S:
            slot = self._look(files)
        self._uses += 1
        slot.used = self._uses
        return slot.loaded

    def fill(self, cameras: Iterable[str]) -> None:
        """Load the models of cameras before they are needed, as many as there is memory for."""
        for camera in cameras:
            if self.bytes >= self.room_bytes:
                break
            self.of(camera)

    def refresh(self, cameras: Iterable[str]) -> None:
        """Look at the files of cameras again where they were looked at before; no model is loaded for the first time.

        So a model that is made, or made anew, while its camera sends nothing is known at once.
        """
        for files in {self._files(camera) for camera in cameras}:
            if files in self._slots:
                self._look(files)

    def refuse(self, camera: str, misfit: str) -> None:
        """Remember why a camera's model does not fit its frames; empty: it does."""
        self._misfits[camera] = misfit

    def problem(self, camera: str) -> str:
        """What is wrong with a camera's model and how to make one, in a sentence; empty where nothing is."""
        slot = self._slots.get(self._files(camera))
        make = f"make one with 'stillwatch fit -c {self.site.path} --camera {camera} --for 24h'."
        if slot is None or not slot.problem:
            misfit = self._misfits.get(camera)
            return f"{misfit}; {make}" if misfit else ""
        kept = "the one before stays in use, " if slot.loaded else ""
        return f"{slot.problem}; {kept}{slot.remedy or make}"

    def digests(self, cameras: Iterable[str]) -> dict[str, str]:
        """Digests of the models in memory, by camera."""
        slots = {camera: self._slots.get(self._files(camera)) for camera in cameras}
        return {camera: slot.loaded.digest for camera, slot in slots.items() if slot and slot.loaded}

    @property
    def bytes(self) -> int:
        """Memory that the models take."""
        return sum(slot.loaded.detector.bytes for slot in self._slots.values() if slot.loaded)

    def _files(self, camera: str) -> _Files:
        own = self.site.cameras[camera]
        return _Files(self.site.model_of(own), own.mask)

    def _look(self, files: _Files) -> _Slot:
        stamp, slot = files.stamp(), self._slots.get(files)
        if slot is None:
            slot = self._slots[files] = _Slot(stamp, self.clock())
        elif slot.stamp == stamp:
            slot.looked_s = self.clock()
            return slot
        slot.stamp = stamp
        self._load(files, slot)
        slot.looked_s = self.clock()
        return slot

    def _load(self, files: _Files, slot: _Slot) -> None:
        begun_s = self.clock()
        try:
            model, digest = _read(files)
            slot.loaded = Loaded(self.pool.ready(model), digest, files.model)
            slot.problem = slot.remedy = ""
        except (StillwatchError, OSError, MemoryError, RuntimeError) as error:  # torch's own: no memory on the device
            slot.problem = _reason(files, error)
            # A mask that is wrong is not mended by another model.
            slot.remedy = str(error).partition("; ")[2] if isinstance(error, ConfigError) else ""
            say(log, logging.WARNING, "a model cannot be used", problem=slot.problem)
            return
        self._make_room(files)
        self.metrics.model_loaded()
        took_s = self.clock() - begun_s
        say(log, logging.INFO, "model loaded", model=files.model.name, digest=digest, seconds=took_s)

    def _make_room(self, needed: _Files) -> None:
        while self.bytes > self.room_bytes:
            held = [(slot.used, files) for files, slot in self._slots.items() if slot.loaded and files != needed]
            if not held:
                return
            oldest = min(held, key=lambda one: one[0])[1]
            del self._slots[oldest]
            self._short.say(
                logging.WARNING,
                "models take more than scorer.models_mb, one is put away and loaded again when needed; raise it",
                model=oldest.model.name,
                models_mb=self.site.scorer.models_mb,
            )


def _read(files: _Files) -> tuple[Model, str]:
    """A model, with its camera's mask, and the digest of the very file it was read from."""
    for _ in range(ATTEMPTS):
        before = files.stamp()
        digest, model = file_digest(files.model), load_model(files.model)
        if files.stamp() == before:
            break
    else:
        raise ModelError(f"{files.model}: changes while it is read; let the copy end.")
    model = replace(model, moments=None)  # of no use for scoring, and larger than the rest
    return (model if files.mask is None else model.with_mask(files.mask)), digest


def _reason(files: _Files, error: Exception) -> str:
    """What is wrong, without what to do about it."""
    if isinstance(error, StillwatchError):
        return str(error).partition("; ")[0].removesuffix(".")
    return f"{files.model}: cannot be made ready ({type(error).__name__}: {str(error).partition(chr(10))[0][:120]})"


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _by(size: Size) -> str:
    return f"{size[0]}x{size[1]}"
