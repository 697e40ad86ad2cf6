"""Every metric of stillwatch: names, helps, labels, buckets, and one method for each thing that happens.

Seconds and ratios are base units; counters end in `_total`; labels are `camera`, `worker` and `reason` alone, each from
a closed list. A call costs about a microsecond: a metric's child of given labels is made once and kept.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest
from prometheus_client import values as library
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.multiprocess import MultiProcessCollector

from workers.telemetry.sharing import FOLDER_VARIABLE, Values, values_of

__all__ = ["CONTENT_TYPE", "Metrics"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"  # Prometheus' text format, what `Metrics.page` is written in

# From 10 ms to a minute, with the promised 80 ms (half of the frames) and 300 ms (99 of 100) among them.
LATENCY_S = (0.01, 0.02, 0.04, 0.08, 0.12, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
SCORING_S = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
BATCH_FRAMES = (1, 2, 4, 8, 16, 32, 64, 128, 256)

Metric = TypeVar("Metric", bound=MetricWrapperBase)
# The library looks into a global of its own for where numbers are kept, whenever it makes a child.
_making = threading.Lock()


class _Family(Generic[Metric]):
    """A metric and its children by the values of their labels; nothing of it exists before its first use."""

    def __init__(self, make: Callable[[], Metric], values: Values) -> None:
        self._make = make
        self._values = values
        self._metric: Metric | None = None
        self._children: dict[tuple[str, ...], Metric] = {}

    def __call__(self, *labels: str) -> Metric:
        child = self._children.get(labels)  # `Metric.labels` takes a lock and makes strings of strings: 3 times as long
        return self._born(labels) if child is None else child

    def _born(self, labels: tuple[str, ...]) -> Metric:
        with _making:
            library.ValueClass = self._values
            if self._metric is None:
                self._metric = self._make()
            child = self._metric.labels(*labels) if labels else self._metric
            self._children[labels] = child
            return child


class Metrics:
    """The numbers of one process.

    They are kept in memory; or, where the environment names a `SharedFolder`, there, and `page` then tells those of all
    processes of the run. At most one living process may have a name at a time.

    Args:
        worker: the process's name within the run: `decoder-1`, `scorer`, `run`.
    """

    def __init__(self, worker: str) -> None:
        disable_created_metrics()  # a series for the birth of each series: twice as many, read by nobody here
        self._worker = worker
        self._folder = os.environ.get(FOLDER_VARIABLE)
        self._values = values_of(worker, self._folder)
        self._registry = CollectorRegistry()
        self._define_counters()
        self._define_others()

    def _define_counters(self) -> None:
        self._captured = self._counter("frames_captured", "Frames sampled from the source.", "camera")
        self._published = self._counter("frames_published", "Frames put on the bus.", "camera")
        self._scored = self._counter("frames_scored", "Frames whose score was published.", "camera")
        self._dropped = self._counter("frames_dropped", "Frames that got no score, by reason.", "camera", "reason")
        self._reconnects = self._counter("reconnects", "Times a source was opened again.", "camera")
        self._hung = self._counter("hung_decoders_replaced", "Decoders ended because a source hung.", "camera")
        self._dead = self._counter("dead_letters", "Messages given up, by reason.", "camera", "reason")
        self._loads = self._counter("model_loads", "Models read into memory.", "worker")
        self._alerts = self._counter("alerts_published", "Alerts; the reason is their kind.", "camera", "reason")
        self._webhooks = self._counter("webhook_deliveries", "Webhook calls; the reason is their outcome.", "reason")
        self._removed = self._counter("events_removed", "Events removed for age, size or the floor of disk.", "reason")
        self._unwritten = self._counter("clips_not_written", "Events that have no clip, by reason.", "camera", "reason")
        self._restarts = self._counter("worker_restarts", "Times a worker that died was started again.", "worker")

    def _define_others(self) -> None:
        self._up = self._gauge("camera_up", "1 while the camera gives frames, else 0.", "camera")
        self._memory = self._gauge("broker_memory_used_ratio", "Memory of the broker in use, of what it may take.")
        self._to_score = self._histogram("capture_to_score_seconds", "From frame to score.", LATENCY_S, "camera")
        self._to_alert = self._histogram("capture_to_alert_seconds", "From frame to alert.", LATENCY_S, "camera")
        self._batch = self._histogram("batch_frames", "Frames scored at once.", BATCH_FRAMES, "worker")
        self._scoring = self._histogram("scoring_seconds", "Time that a batch took.", SCORING_S, "worker")

    def frame_captured(self, camera: str) -> None:
        """A frame was sampled from its source."""
        self._captured(camera).inc()

    def frame_published(self, camera: str) -> None:
        """A frame is on the bus."""
        self._published(camera).inc()

    def frame_scored(self, camera: str, latency_s: float) -> None:
        """A frame's score is on the bus, so long after its capture."""
        self._scored(camera).inc()
        self._to_score(camera).observe(latency_s)

    def frames_dropped(self, camera: str, reason: str, count: int = 1) -> None:
        """So many frames get no score."""
        self._dropped(camera, reason).inc(count)

    def reconnected(self, camera: str) -> None:
        """A source was opened again."""
        self._reconnects(camera).inc()

    def camera_up(self, camera: str, up: bool) -> None:
        """Whether a camera gives frames now."""
        self._up(camera).set(up)

    def hung_decoder_replaced(self, camera: str) -> None:
        """A decoder was ended since this camera's source hung."""
        self._hung(camera).inc()

    def dead_letter(self, camera: str, reason: str) -> None:
        """A message was put aside."""
        self._dead(camera, reason).inc()

    def batch_scored(self, frames: int, elapsed_s: float) -> None:
        """A batch of so many frames was scored in so much time."""
        self._batch(self._worker).observe(frames)
        self._scoring(self._worker).observe(elapsed_s)

    def model_loaded(self) -> None:
        """A model was read into memory."""
        self._loads(self._worker).inc()

    def alert_published(self, camera: str, kind: str, latency_s: float) -> None:
        """An alert is out, so long after the frame it is about was captured."""
        self._alerts(camera, kind).inc()
        self._to_alert(camera).observe(latency_s)

    def webhook_called(self, outcome: str) -> None:
        """A webhook was called: delivered, or what came of it instead."""
        self._webhooks(outcome).inc()

    def events_removed(self, reason: str, count: int = 1) -> None:
        """Retention removed so many events: for `age`, `size` or the `floor` of free disk."""
        self._removed(reason).inc(count)

    def clip_not_written(self, camera: str, reason: str) -> None:
        """An event has no clip."""
        self._unwritten(camera, reason).inc()

    def worker_restarted(self, worker: str) -> None:
        """A worker that died was started again."""
        self._restarts(worker).inc()

    def broker_memory(self, used_ratio: float) -> None:
        """How much of its memory the broker uses: 1 is all that it may take."""
        self._memory().set(used_ratio)

    def page(self) -> bytes:
        """All numbers in Prometheus' text format (`CONTENT_TYPE`)."""
        if self._folder is None:
            return generate_latest(self._registry)
        everybody = CollectorRegistry()
        MultiProcessCollector(everybody, self._folder)
        return generate_latest(everybody)

    def _counter(self, name: str, about: str, *labels: str) -> _Family[Counter]:
        return _Family(lambda: Counter(f"stillwatch_{name}", about, labels, registry=self._registry), self._values)

    def _gauge(self, name: str, about: str, *labels: str) -> _Family[Gauge]:
        def make() -> Gauge:
            # Of all processes that ever spoke of it, the last one is right.
            return Gauge(f"stillwatch_{name}", about, labels, registry=self._registry, multiprocess_mode="mostrecent")

        return _Family(make, self._values)

    def _histogram(self, name: str, about: str, bounds: tuple[float, ...], *labels: str) -> _Family[Histogram]:
        def make() -> Histogram:
            return Histogram(f"stillwatch_{name}", about, labels, registry=self._registry, buckets=bounds)

        return _Family(make, self._values)
