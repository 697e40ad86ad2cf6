"""A site on a stage: what its cameras see, a broker, and real worker processes."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from benchmarks.stream.scenery import lengthened, make_site
from workers.bus.broker import EmbeddedBroker
from workers.bus.connection import Connection
from workers.bus.keys import Keys
from workers.site.memory import broker_memory
from workers.site.values import Site

__all__ = ["Stage", "Worker"]

STOP_S = 30.0
FIT_S = 60.0


@dataclass
class Worker:
    """A worker process."""

    role: str
    process: subprocess.Popen[bytes]
    seen: psutil.Process = field(init=False)

    def __post_init__(self) -> None:
        self.seen = psutil.Process(self.process.pid)

    def cpu_s(self) -> float:
        """Processor time so far."""
        times = self.seen.cpu_times()
        return float(times.user + times.system)

    def memory_mb(self) -> float:
        """Memory of its own (unique set size)."""
        return float(self.seen.memory_full_info().uss) / 1e6


class _Broker(EmbeddedBroker):
    """The embedded broker with further options: one that keeps its data, say."""

    def __init__(self, storage: Path, max_memory_mb: int, options: Mapping[str, str]) -> None:
        super().__init__(storage, max_memory_mb)
        self._options = options

    def _command(self, folder: Path) -> list[str]:
        more = [part for name, value in self._options.items() for part in (f"--{name}", value)]
        return [*super()._command(folder), *more]


class Stage:
    """A context manager; everything is gone at its end.

    Args:
        footage: what every camera sees.
        cameras: how many.
        seconds: how long the recording of each camera is.
        site: further keys of the site file.
        camera: further keys of every camera.
        sources: where the cameras are, one each; they replay recordings by default.
        fit_s: how much of the footage, from its beginning, models are fitted on.
        broker: further options of the embedded broker.
        program: the module that is started as a worker.
    """

    def __init__(
        self,
        footage: Path,
        cameras: int,
        seconds: float,
        *,
        site: Mapping[str, object] | None = None,
        camera: Mapping[str, object] | None = None,
        sources: Sequence[str] = (),
        fit_s: float = FIT_S,
        broker: Mapping[str, str] | None = None,
        program: str = "workers",
    ) -> None:
        self._program, self._sources = program, sources
        self._footage, self._count, self._seconds, self._fit_s = footage, cameras, seconds, fit_s
        self._broker_options = dict(broker or {})
        self._extra, self._camera = dict(site or {}), {"pace": "realtime", **(camera or {})}
        self._undo = ExitStack()
        self.workers: list[Worker] = []
        self.keys = Keys()

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            self.folder = Path(undo.enter_context(tempfile.TemporaryDirectory(prefix="sw-")))
            self._make()
            self.memory_mb = broker_memory(self.site).max_memory_mb
            self.broker = undo.enter_context(_Broker(self.site.storage, self.memory_mb, self._broker_options))
            self.connection = undo.enter_context(Connection(self.broker.address))
            undo.callback(self.stop)
            self._undo = undo.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._undo.close()

    @property
    def names(self) -> list[str]:
        """Of the cameras."""
        return list(self.site.cameras)

    def start(self, role: str, cameras: Sequence[str] = (), name: str = "") -> Worker:
        """Start a worker of a role."""
        number = sum(worker.role == role for worker in self.workers) + 1
        name = name or f"{role}-{number}"
        command = [sys.executable, "-P", "-m", self._program, role, str(self.site.path)]
        command += ["--name", name]
        command += ["--cameras", ",".join(cameras)] if cameras else []
        with open(self.folder / f"{name}.log", "ab") as log:
            worker = Worker(role, subprocess.Popen(command, stdout=log, stderr=log))
        self.workers.append(worker)
        return worker

    def start_decoders(self) -> None:
        """As many decoders as the site file's grouping asks for."""
        each = self.site.cameras_per_process
        for first in range(0, self._count, each):
            self.start("decoder", self.names[first : first + each])

    def kill(self, worker: Worker) -> None:
        """End a worker as a power cut would."""
        worker.process.kill()
        worker.process.wait()
        self.workers.remove(worker)

    def stop(self, role: str | None = None) -> None:
        """Let the workers of a role, or all, drain and end."""
        ending = [worker for worker in self.workers if role in (None, worker.role)]
        for worker in ending:
            worker.process.send_signal(signal.SIGTERM)
        for worker in ending:
            try:
                worker.process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                worker.process.kill()
                worker.process.wait()
            self.workers.remove(worker)

    def wait_for(self, what: str, condition: object, timeout_s: float = 60.0) -> float:
        """Wait until a callable says yes; the seconds that took.

        Raises:
            TimeoutError: it did not in time; the workers' last words are in the text.
        """
        assert callable(condition)
        begun = time.monotonic()
        while not condition():
            if time.monotonic() - begun > timeout_s:
                raise TimeoutError(f"{what} did not happen in {timeout_s:g} s\n{self.last_words()}")
            time.sleep(0.02)
        return time.monotonic() - begun

    def last_words(self) -> str:
        """The last lines of every log."""
        logs = sorted(self.folder.glob("*.log"))
        return "\n".join(f"{log.name}: {' | '.join(log.read_text().splitlines()[-4:])}" for log in logs)

    @contextmanager
    def timed_cpu(self) -> Iterator[dict[str, float]]:
        """Processor seconds by role that go by in the block, the broker among them."""
        spent: dict[str, float] = {}
        before = self._cpu()
        yield spent
        after = self._cpu()
        spent.update({role: after[role] - before.get(role, 0.0) for role in after})

    def _cpu(self) -> dict[str, float]:
        total: dict[str, float] = {}
        for worker in self.workers:
            total[worker.role] = total.get(worker.role, 0.0) + worker.cpu_s()
        times = psutil.Process(self.broker.pid).cpu_times()
        return {**total, "broker": times.user + times.system}

    def _make(self) -> None:
        recording = lengthened(self._footage, self._seconds, self.folder / f"footage{self._footage.suffix}")
        names = [f"camera-{number:03d}" for number in range(self._count)]
        sources = self._sources or [recording.name] * self._count
        cameras = {name: {"source": source, **self._camera} for name, source in zip(names, sources, strict=True)}
        self.site: Site = make_site(self.folder, self._footage, self._fit_s, self._extra, cameras)
