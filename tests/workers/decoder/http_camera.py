"""A camera of HTTP: JPEG after JPEG, as a test says; also one that sends garbage, or nothing at all."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from pipeline.types import Size
from pipeline.video.jpeg import encode_jpeg
from tests.pipeline.video.clips import SIZE, numbered

__all__ = ["http_camera", "jpegs"]


def jpegs(count: int, size: Size = SIZE) -> list[bytes]:
    """Pictures of a camera."""
    return [encode_jpeg(numbered(number % 256, size), 95) for number in range(count)]


@contextmanager
def http_camera(parts: Callable[[], Iterable[bytes]], fps: float = 20.0) -> Iterator[str]:
    """Address of a camera that sends these parts to whoever asks, then closes; an empty part is a silence."""
    released = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            self.end_headers()
            with suppress(OSError):
                for part in parts():
                    if not part:
                        released.wait(30)
                        return
                    head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(part)}\r\n\r\n"
                    self.wfile.write(head.encode() + part + b"\r\n")
                    self.wfile.flush()
                    if released.wait(1 / fps):
                        return

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
            """Keep the tests' output clean."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/cam"
        finally:
            released.set()
            server.shutdown()
