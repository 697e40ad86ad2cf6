"""The thread of a camera: opens its source, again and again, and says how it does."""

from __future__ import annotations

import gc
import logging
import math
import time

from pipeline.errors import BusError, SourceError, SourceLost
from workers.bus.connection import Connection
from workers.bus.frames import FrameWriter, TakenOver
from workers.bus.status import DEAD_S, CameraState, StatusBoard, number_in
from workers.decoder.backoff import Backoff
from workers.decoder.calls import Calls
from workers.decoder.outbox import Outbox
from workers.decoder.session import Outcome, Session, Stopped, Surroundings, played_file
from workers.decoder.standing import Standing
from workers.decoder.tools import Tools
from workers.decoder.views import Views
from workers.site.values import Camera

__all__ = ["CameraThread"]

log = logging.getLogger(__name__)

# How long a decoder stands back before it looks whether the one that took its place is still there.
TAKEN_OVER_S = 30.0
BUS_WAIT_S = 0.5
PAY_S = 0.5


class CameraThread:
    """One camera of a decoder; `run` is what its thread does."""

    def __init__(self, camera: Camera, tools: Tools) -> None:
        self._camera, self._tools = camera, tools
        self._backoff = Backoff()
        self._opened_before = False
        self.calls = Calls()
        self.standing = Standing(camera.name, tools.name, tools.link, tools.metrics)

    def run(self) -> None:
        """Until the process is to stop."""
        with Connection(self._tools.address) as connection:
            around = self._surroundings(connection)
            while not self._tools.stop.is_set() and not self._resumed(around):
                self._tools.link.wait(BUS_WAIT_S)
            while not self._tools.stop.is_set():
                wait_s = self._safely(around)
                # PyAV's containers lie in cycles, with megabytes of the decoder: 50 MB more, and rising, without this.
                # It takes microseconds since `run_decoder` froze everything else.
                gc.collect()
                self._rest(wait_s, around)

    def _rest(self, seconds: float, around: Surroundings) -> None:
        """Wait, and meanwhile tell what the broker could not be told before."""
        end_s = time.monotonic() + seconds
        while (left_s := end_s - time.monotonic()) > 0 and not self._tools.stop.wait(min(left_s, PAY_S)):
            try:
                around.outbox.pay()
            except TakenOver:
                continue  # found out about again at the next opening

    def _surroundings(self, connection: Connection) -> Surroundings:
        writer = FrameWriter(connection, self._tools.keys)
        return Surroundings(
            camera=self._camera,
            writer=writer,
            board=StatusBoard(connection, self._tools.keys),
            link=self._tools.link,
            standing=self.standing,
            outbox=Outbox(self._camera, writer, self._tools.link, self.standing),
            views=Views(self._tools.site.model_of(self._camera), self._camera.size),
            calls=self.calls,
            stop=self._tools.stop,
        )

    def _resumed(self, around: Surroundings) -> bool:
        """Take up what the decoder before this one said; whether the broker told."""
        if not self._tools.link.up:
            return False
        try:
            said = around.board.read([self._camera.name])[self._camera.name]
        except BusError:
            self._tools.link.lost()
            return False
        self.standing.resume(_whole(said.get("epoch")), said.get("played", ""), _whole(said.get("reconnects")))
        source = self._camera.opened_as()
        ended = said.get("state") == CameraState.ENDED and self.standing.played.startswith(f"{played_file(source)} ")
        if ended and not source.live:
            self.standing.turn(CameraState.ENDED)
        self.standing.speak(True)
        return True

    def _safely(self, around: Surroundings) -> float:
        """The outermost loop of a camera: what nobody thought of costs this one a while, and the others nothing."""
        try:
            return self._attempt(around)
        except Exception as error:
            log.exception("camera failed for an unknown reason")
            self.standing.turn(CameraState.OFFLINE, f"an error of our own ({type(error).__name__}); see the log.")
            return self._backoff.next_s(lost=False)

    def _attempt(self, around: Surroundings) -> float:
        """One run of the source, and what becomes of it: seconds to wait before the next."""
        if self.standing.state is CameraState.ENDED:
            return math.inf
        session = Session(around)
        try:
            self._look_for_others(around)
            self._opened_before = True
            return self._after(session.run(), around)
        except Stopped:
            return 0.0
        except TakenOver as error:
            self._stand_back(around, str(error))
            return 0.0
        except SourceError as error:
            return self._failed(session, error)
        except BusError:
            self._tools.link.lost()
            self._tools.link.wait(BUS_WAIT_S)
            return 0.0

    def _after(self, outcome: Outcome, around: Surroundings) -> float:
        if outcome is Outcome.ENDED:
            self.standing.turn(CameraState.ENDED)
            self._tell(around)
            return 0.0
        self.standing.turn(CameraState.CONNECTING)
        return 0.0 if outcome is Outcome.MODEL else self._backoff.next_s(lost=True)

    def _failed(self, session: Session, error: SourceError) -> float:
        if session.online_s is not None:
            self._backoff.online_for(time.monotonic() - session.online_s)
        self.standing.turn(CameraState.STALLED if session.stalled else CameraState.OFFLINE, str(error))
        return self._backoff.next_s(lost=isinstance(error, SourceLost))

    def _tell(self, around: Surroundings) -> None:
        """Tell a state at once, which must not be lost when the process dies within the second."""
        try:
            around.board.write({self._camera.name: self.standing.fields()})
        except BusError:
            self._tools.link.lost()

    def _look_for_others(self, around: Surroundings) -> None:
        """The decoder that is started last has a camera; one that reconnects must not take it back."""
        if self._opened_before and self._tools.link.up and self._other_lives(around):
            raise TakenOver("another decoder reads this camera; stop one of the two.")

    def _other_lives(self, around: Surroundings) -> bool:
        said = around.board.read([self._camera.name])[self._camera.name]
        seen_at = number_in(said, "decoder_at") or 0.0
        return said.get("decoder") != self._tools.name and self._tools.link.now_s() - seen_at < DEAD_S

    def _stand_back(self, around: Surroundings, error: str) -> None:
        """Leave the camera to another decoder for as long as that lives."""
        self.standing.turn(CameraState.OFFLINE, error)
        self._tell(around)
        self.standing.speak(False)
        while not self._tools.stop.wait(TAKEN_OVER_S):
            try:
                if not self._other_lives(around):
                    break
            except BusError:
                self._tools.link.lost()
        self.standing.speak(True)


def _whole(text: str | None) -> int:
    return int(text) if text and text.isdigit() else 0
