"""One batch: what is late, unreadable or without a model is told apart; the rest is scored and settled."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from pipeline.errors import BusError
from pipeline.model.frame_results import FrameResult, results_of
from pipeline.model.padim import Scores
from pipeline.model.pool import Part, score_together
from pipeline.parts import Parts
from workers.bus.frames import Delivery, FrameReader, Settlement
from workers.bus.messages import Drop, Dropped, FrameMessage, ScoreMessage
from workers.scorer.models import Loaded, ModelStore
from workers.site.values import Pace, Site
from workers.telemetry.logs import Repeated, say
from workers.telemetry.metrics import Metrics

__all__ = ["BatchScorer", "Outcome"]

# A frame that was delivered so often is given up.
MOST_DELIVERIES = 3

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What became of a frame: a score, or the reason of its drop."""

    delivery: Delivery
    message: ScoreMessage | Dropped


@dataclass(slots=True, eq=False)
class _Part:
    """Frames of one camera and the model they are scored with."""

    loaded: Loaded
    deliveries: list[Delivery] = field(default_factory=list)
    frames: list[FrameMessage] = field(default_factory=list)

    def stacked(self) -> Part:
        """As the model takes them."""
        pixels = np.stack([frame.pixels for frame in self.frames])
        return self.loaded.detector, pixels, [frame.motion for frame in self.frames]


class BatchScorer:
    """Scores batches.

    Args:
        reader: settles what was scored, with the bus's clock `now_s`.
    """

    def __init__(self, site: Site, reader: FrameReader, store: ModelStore, metrics: Metrics) -> None:
        self._site, self._reader, self._store, self._metrics = site, reader, store, metrics
        self._failures = Repeated(log)

    def score(self, deliveries: Sequence[Delivery], now_s: float) -> list[Outcome]:
        """Score what can be; what is to become of each frame, for `settle`.

        A frame that cannot be scored is not among them: it stays with this scorer until somebody claims it.

        Args:
            now_s: unix time by the server's clock.
        Raises:
            BusError: the broker is out of reach; the frames will be delivered again.
        """
        begun_s = time.monotonic()
        drops: list[Outcome] = []
        parts: dict[str, _Part] = {}
        for delivery in deliveries:
            self._sort(delivery, now_s, parts, drops)
        scored = self._scored(list(parts.values()))
        took_s = time.monotonic() - begun_s
        each_ms = took_s / max(1, sum(len(results) for _, results in scored)) * 1000
        told = [one for part, results in scored for one in _told(part, results, now_s + took_s, each_ms)]
        if told:
            self._metrics.batch_scored(len(told), took_s)
            say(log, logging.DEBUG, "batch scored", frames=len(told), seconds=round(took_s, 4))
        return drops + told

    def settle(self, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """Write what became of frames, acknowledge and delete them; those that were still to settle.

        Raises:
            BusError: the broker is out of reach; may be done again, since nothing is settled twice.
        """
        settled = self._reader.settle(
            [Settlement(one.delivery.camera, one.delivery.id, one.message.fields()) for one in outcomes]
        )
        done = [one for one, first in zip(outcomes, settled, strict=True) if first]
        self._count(done)
        return done

    def _sort(self, delivery: Delivery, now_s: float, parts: dict[str, _Part], drops: list[Outcome]) -> None:
        camera = self._site.cameras[delivery.camera]
        if delivery.times > MOST_DELIVERIES:  # whoever had it died of it
            self._bury(delivery, "scorers that had it died", "failed")
            return
        try:
            frame = FrameMessage.read(delivery.id, delivery.fields)
        except BusError as error:
            self._bury(delivery, str(error), "unreadable")
            return
        if camera.paced is not Pace.FAST and now_s - frame.captured_at > camera.max_age_s:
            drops.append(Outcome(delivery, Dropped(frame.epoch, frame.index, Drop.LATE)))
            return
        # Asked once a batch: its file may be exchanged at any moment.
        loaded = parts[camera.name].loaded if camera.name in parts else self._store.of(camera.name)
        misfit = "" if loaded is None else loaded.misfit((frame.pixels.shape[0], frame.pixels.shape[1]), frame.source)
        self._store.refuse(camera.name, misfit)
        if loaded is None or misfit:
            drops.append(Outcome(delivery, Dropped(frame.epoch, frame.index, Drop.MODEL)))
            return
        part = parts.setdefault(camera.name, _Part(loaded))
        part.deliveries.append(delivery)
        part.frames.append(frame)

    def _scored(self, parts: list[_Part]) -> list[tuple[_Part, list[FrameResult]]]:
        if not parts:
            return []
        try:
            return self._together(parts)
        except Exception as error:  # one bad frame must not take the others with it: they are scored alone
            self._failures.say(logging.ERROR, "a batch failed, its frames are scored one by one", error=error)
        alone = [
            _Part(part.loaded, [delivery], [frame])
            for part in parts
            for delivery, frame in zip(part.deliveries, part.frames, strict=True)
        ]
        return [pair for one in alone for pair in self._alone(one)]

    def _alone(self, part: _Part) -> list[tuple[_Part, list[FrameResult]]]:
        try:
            return self._together([part])
        except Exception as error:
            (delivery,) = part.deliveries
            say(
                log,
                logging.ERROR,
                "a frame cannot be scored",
                camera=delivery.camera,
                times=delivery.times,
                error=error,
            )
            if delivery.times >= MOST_DELIVERIES:
                self._bury(delivery, f"{type(error).__name__}: {error}"[:200], "failed")
            return []  # it stays with us until it is claimed again

    def _together(self, parts: list[_Part]) -> list[tuple[_Part, list[FrameResult]]]:
        together: list[Scores] = score_together([part.stacked() for part in parts])
        return [
            (part, results_of(part.loaded.model, scores, [frame.source for frame in part.frames]))
            for part, scores in zip(parts, together, strict=True)
        ]

    def _bury(self, delivery: Delivery, why: str, reason: str) -> None:
        if self._reader.bury(delivery, why):
            self._metrics.dead_letter(delivery.camera, reason)
            self._metrics.frames_dropped(delivery.camera, Drop.FAILED)
            say(log, logging.WARNING, "a frame was given up", camera=delivery.camera, id=delivery.id.decode(), why=why)

    def _count(self, done: Sequence[Outcome]) -> None:
        for one in done:
            message = one.message
            if isinstance(message, Dropped):
                self._metrics.frames_dropped(one.delivery.camera, message.reason)
            else:
                self._metrics.frame_scored(one.delivery.camera, max(0.0, message.scored_at - message.captured_at))


def _told(part: _Part, results: Sequence[FrameResult], scored_at: float, scoring_ms: float) -> list[Outcome]:
    model = part.loaded.model
    return [
        Outcome(
            delivery,
            ScoreMessage(
                epoch=frame.epoch,
                index=frame.index,
                time_s=frame.time_s,
                captured_at=frame.captured_at,
                source=frame.source,
                scored_at=scored_at,
                score=result.score,
                raw_score=result.raw_score,
                peak=result.peak,
                coarse=result.coarse,
                geometry=model.geometry,
                model=part.loaded.digest,
                lingering=model.threshold.lingering,
                scoring_ms=scoring_ms,
                parts=Parts.of(result.score, result.motion),
            ),
        )
        for delivery, frame, result in zip(part.deliveries, part.frames, results, strict=True)
    ]
