"""A small RTSP camera for tests: plays an H.264 clip (no B-frames) in a loop, by its own clock.

RTSP 1.0 (RFC 2326) with RTP (RFC 3550) interleaved, or over UDP to one port; H.264 as RFC 6184 packs it. Several
clients see the same moment.
"""

from __future__ import annotations

import base64
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from types import TracebackType
from typing import Self

import av
from av.bitstream import BitStreamFilterContext

__all__ = ["RtspServer"]

CLOCK_HZ = 90_000
PAYLOAD_TYPE = 96
# What fits into an Ethernet frame; larger units are sent in fragments.
LARGEST_PAYLOAD = 1400
KEY_FRAME, SEQUENCE_SET, PICTURE_SET, FRAGMENT = 5, 7, 8, 28

Picture = list[bytes]  # the units (NAL) of one picture


@dataclass(frozen=True)
class Request:
    """One request: its method, its path and its headers in lower case."""

    method: str
    path: str
    headers: dict[str, str]


class RtspServer:
    """Serves a clip at `url` while the `with` block runs; `stall` freezes it, `stop` drops every client.

    Args:
        port: to listen on, so that a camera can come back where it was; 0 for any that is free.
        transport: the only one it offers, "TCP" or "UDP".
    """

    def __init__(self, clip: Path, path: str = "/cam", *, port: int = 0, transport: str = "TCP") -> None:
        self._pictures, self._fps = _pictures(clip)
        self._path, self._transport = path, transport
        self._started_s = time.monotonic()
        self._stalled = threading.Event()
        self._stopped = threading.Event()
        self._clients: list[socket.socket] = []
        self._socket = socket.create_server(("127.0.0.1", port))
        self.port: int = self._socket.getsockname()[1]
        self.url = f"rtsp://127.0.0.1:{self.port}{path}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def stall(self) -> None:
        """Send nothing more, and keep the connections open."""
        self._stalled.set()

    def stop(self) -> None:
        """Close everything at once, as a camera without power does."""
        self._stopped.set()
        for connection in [self._socket, *self._clients]:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._socket.accept()
                self._clients.append(client)
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        lock = threading.Lock()
        send = _interleaved(client, lock)
        with (
            suppress(OSError),
            client.makefile("rb") as reader,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams,
        ):
            for request in _requests(reader):
                status, headers, body = self._answer(request)
                head = [f"RTSP/1.0 {status}", f"CSeq: {request.headers.get('cseq', '0')}", *headers]
                with lock:
                    client.sendall("\r\n".join([*head, f"Content-Length: {len(body)}", "", body]).encode())
                port = re.search(r"client_port=(\d+)", request.headers.get("transport", ""))
                if port and status == "200 OK":
                    datagrams.connect(("127.0.0.1", int(port[1])))
                    send = datagrams.sendall
                if request.method == "PLAY" and status == "200 OK":
                    threading.Thread(target=self._play, args=(send,), daemon=True).start()

    def _answer(self, request: Request) -> tuple[str, list[str], str]:
        if request.method == "OPTIONS":
            return "200 OK", ["Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN"], ""
        if not f"{request.path}/".startswith(f"{self._path}/"):
            return "404 Not Found", [], ""
        if request.method == "DESCRIBE":
            return (
                "200 OK",
                [f"Content-Base: {self.url}/", "Content-Type: application/sdp"],
                self._description(),
            )
        if request.method == "SETUP":
            asked = request.headers.get("transport", "")
            if ("TCP" in asked) != (self._transport == "TCP"):
                return "461 Unsupported Transport", [], ""
            return "200 OK", [f"Transport: {asked}", "Session: 1;timeout=60"], ""
        return "200 OK", ["Session: 1"], ""

    def _description(self) -> str:
        sets = {unit[0] & 31: base64.b64encode(unit).decode() for unit in self._pictures[0]}
        return "\r\n".join(
            [
                "v=0",
                "o=- 0 0 IN IP4 127.0.0.1",
                "s=camera",
                "t=0 0",
                f"m=video 0 RTP/AVP {PAYLOAD_TYPE}",
                f"a=rtpmap:{PAYLOAD_TYPE} H264/{CLOCK_HZ}",
                f"a=fmtp:{PAYLOAD_TYPE} packetization-mode=1;"
                f"sprop-parameter-sets={sets[SEQUENCE_SET]},{sets[PICTURE_SET]}",
                f"a=framerate:{self._fps:g}",
                "a=control:track1",
                "",
            ]
        )

    def _play(self, send: Callable[[bytes], None]) -> None:
        sequence, decodable = 0, False
        with suppress(OSError):
            for index in self._moments():
                picture = self._pictures[index % len(self._pictures)]
                decodable = decodable or any(unit[0] & 31 == KEY_FRAME for unit in picture)
                if not decodable or self._stalled.is_set():
                    continue
                for payload, last in _payloads(picture):
                    header = struct.pack(
                        ">BBHII",
                        0x80,
                        PAYLOAD_TYPE | (0x80 if last else 0),
                        sequence & 0xFFFF,
                        int(index * CLOCK_HZ / self._fps) & 0xFFFFFFFF,
                        1,
                    )
                    send(header + payload)
                    sequence += 1

    def _moments(self) -> Iterator[int]:
        """Number of each picture when its time has come, counted from the server's start."""
        index = int((time.monotonic() - self._started_s) * self._fps)
        while not self._stopped.wait(max(0.0, self._started_s + index / self._fps - time.monotonic())):
            yield index
            index += 1


def _interleaved(client: socket.socket, lock: threading.Lock) -> Callable[[bytes], None]:
    def send(packet: bytes) -> None:
        with lock:
            client.sendall(struct.pack(">cBH", b"$", 0, len(packet)) + packet)

    return send


def _pictures(clip: Path) -> tuple[list[Picture], float]:
    with av.open(clip) as container:
        stream = container.streams.video[0]
        unwrap = BitStreamFilterContext("h264_mp4toannexb", stream)
        packets = [part for packet in container.demux(stream) if packet.size for part in unwrap.filter(packet)]
        fps = float(stream.average_rate or 25)
    # Start codes have three or four bytes; a unit never ends with a zero.
    return [
        [unit.rstrip(b"\0") for unit in bytes(packet).split(b"\0\0\1") if unit.rstrip(b"\0")] for packet in packets
    ], fps


def _payloads(picture: Picture) -> Iterator[tuple[bytes, bool]]:
    """RTP payloads of one picture, each with whether it is the picture's last."""
    for unit in picture:
        ends_picture = unit is picture[-1]
        if len(unit) <= LARGEST_PAYLOAD:
            yield unit, ends_picture
            continue
        indicator, kind, body = unit[0] & 0xE0 | FRAGMENT, unit[0] & 31, unit[1:]
        for start in range(0, len(body), LARGEST_PAYLOAD):
            first, last = start == 0, start + LARGEST_PAYLOAD >= len(body)
            header = bytes([indicator, (0x80 if first else 0) | (0x40 if last else 0) | kind])
            yield header + body[start : start + LARGEST_PAYLOAD], last and ends_picture


def _requests(reader: BufferedReader) -> Iterator[Request]:
    while mark := reader.read(1):
        if mark == b"$":  # a report of the client's, interleaved
            _, size = struct.unpack(">BH", reader.read(3))
            reader.read(size)
            continue
        method, address, _ = (mark + reader.readline()).decode("latin-1").split(" ", 2)
        headers: dict[str, str] = {}
        while line := reader.readline().decode("latin-1").strip():
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        yield Request(method, "/" + address.split("/", 3)[3], headers)
