"""A camera as a process of its own, well or not: `python -m tests.workers.rtsp_camera CLIP [--port P] [--trouble T]`.

Prints READY and its port, and plays the clip in a loop until it is killed. Troubles: `mute` takes connections and never
answers. The others agree to play, and then `garbage` sends packets in which the pictures are noise, `torn` does so with
four of five, `noise` sends bytes that are not even packets, `flood` sends pictures as fast as they are taken, and
`brief` sends some of them so, and hangs up.
"""

from __future__ import annotations

import argparse
import random
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path

from tests.pipeline.video.rtsp_server import RtspServer

__all__ = ["TROUBLES"]

HEADERS_BYTES = 12 + 2  # of RTP, and of a fragment of a unit of H.264
NOISE_BYTES = 4096
BRIEF_PICTURES = 10
CHANGES, FRAGMENT = 1, 28  # kinds of units of H.264


class Mute(RtspServer):
    """Takes connections, and never answers."""

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError):
            while client.recv(4096):
                pass


class Garbage(RtspServer):
    """Sends packets with headers that are right, and noise where the pictures should be."""

    def _play(self, send: Callable[[bytes], None]) -> None:
        noise = random.Random(0)
        super()._play(lambda packet: send(packet[:HEADERS_BYTES] + noise.randbytes(len(packet) - HEADERS_BYTES)))


class Torn(RtspServer):
    """Sends whole pictures as they are, and noise for the many between them that say what has changed."""

    def _play(self, send: Callable[[bytes], None]) -> None:
        noise = random.Random(0)

        def tear(packet: bytes) -> None:
            kind, fragment = packet[12] & 31, packet[13] & 31
            if CHANGES in (kind, fragment if kind == FRAGMENT else kind):
                packet = packet[:HEADERS_BYTES] + noise.randbytes(len(packet) - HEADERS_BYTES)
            send(packet)

        super()._play(tear)


class Noise(RtspServer):
    """Sends bytes that are not even packets."""

    def _serve(self, client: socket.socket) -> None:
        with suppress(IndexError, ValueError):  # what FFmpeg takes for a question, it answers
            super()._serve(client)

    def _play(self, send: Callable[[bytes], None]) -> None:
        noise, client = random.Random(0), self._clients[-1]
        with suppress(OSError):
            for _ in self._moments():
                client.sendall(noise.randbytes(NOISE_BYTES))


class Flood(RtspServer):
    """Sends pictures one after the other, without waiting for their time."""

    def _moments(self) -> Iterator[int]:
        for index in count():
            if self._stopped.is_set():
                return
            yield index


class Brief(RtspServer):
    """Sends a few pictures at once, and ends the connection."""

    def _play(self, send: Callable[[bytes], None]) -> None:
        client = self._clients[-1]
        super()._play(send)
        with suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)
        client.close()

    def _moments(self) -> Iterator[int]:
        yield from range(BRIEF_PICTURES)


TROUBLES: dict[str, type[RtspServer]] = {
    "none": RtspServer,
    "mute": Mute,
    "garbage": Garbage,
    "torn": Torn,
    "noise": Noise,
    "flood": Flood,
    "brief": Brief,
}


def main() -> None:
    """Serve until a signal ends the process."""
    parser = argparse.ArgumentParser()
    parser.add_argument("clip", type=Path)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--trouble", choices=TROUBLES, default="none")
    options = parser.parse_args()
    with TROUBLES[options.trouble](options.clip, port=options.port) as server:
        print(f"READY {server.port}", flush=True)  # noqa: T201 - what starts it waits for this
        signal.pause()


if __name__ == "__main__":
    main()
