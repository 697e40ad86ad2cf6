"""Fetching weights: from a local server, through a proxy, and all the ways in which it fails."""

from __future__ import annotations

import hashlib
import os
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torchvision.models

from pipeline.errors import ConfigError, ModelError, OutputError
from pipeline.model import weights
from pipeline.model.backbones import BACKBONES
from pipeline.model.weights import WeightsEntry, fetch, listed

CONTENT = bytes(range(256)) * 4096  # four chunks
NAME = f"tiny-{hashlib.sha256(CONTENT).hexdigest()[:8]}.pth"

Answer = Callable[[BaseHTTPRequestHandler], None]


class Server(ThreadingHTTPServer):
    """Serves with `answer`; `over` is set when the test ends, for answers that wait."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer: Answer = whole
        self.asked: list[str] = []
        self.over = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.server.answer(self)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Nothing: a test's output is its own."""


def whole(request: BaseHTTPRequestHandler) -> None:
    send(request, CONTENT)


def without_length(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.end_headers()
    request.wfile.write(CONTENT)


def another_file(request: BaseHTTPRequestHandler) -> None:
    send(request, CONTENT[:-1] + b"!")


def half(request: BaseHTTPRequestHandler) -> None:
    send(request, CONTENT, sent=len(CONTENT) // 2)


def half_then_silence(request: BaseHTTPRequestHandler) -> None:
    send(request, CONTENT, sent=len(CONTENT) // 2)
    assert isinstance(request.server, Server)
    request.server.over.wait(60)


def silence(request: BaseHTTPRequestHandler) -> None:
    assert isinstance(request.server, Server)
    request.server.over.wait(60)


def not_found(request: BaseHTTPRequestHandler) -> None:
    request.send_response(404)
    request.end_headers()


def send(request: BaseHTTPRequestHandler, content: bytes, sent: int | None = None) -> None:
    request.send_response(200)
    request.send_header("Content-Length", str(len(content)))
    request.end_headers()
    request.wfile.write(content[:sent])
    request.wfile.flush()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setenv("STILLWATCH_WEIGHTS_URL", server.url)
        yield server
        server.over.set()
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, weights of a megabyte, and none of the machine's own proxies."""
    for name in os.environ:
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setitem(weights.DOWNLOADS, "resnet18", NAME)
    monkeypatch.setenv("STILLWATCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "weights"


def test_weights_arrive_once_and_tell_how_far_they_are(server: Server, cache: Path) -> None:
    steps: list[tuple[int, int | None]] = []
    path = fetch("resnet18", lambda done, total: steps.append((done, total)))
    assert path == cache / NAME
    assert path.read_bytes() == CONTENT
    assert steps == [(share * len(CONTENT) // 4, len(CONTENT)) for share in (1, 2, 3, 4)]
    assert fetch("resnet18") == path
    assert server.asked == [f"/{NAME}"]
    assert list(cache.iterdir()) == [path]


def test_a_server_that_does_not_say_the_length_will_do(server: Server) -> None:
    server.answer = without_length
    totals: set[int | None] = set()
    path = fetch("resnet18", lambda done, total: totals.add(total))
    assert path.read_bytes() == CONTENT
    assert totals == {None}


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (not_found, "answered 404 Not Found"),
        (half, f"broke off after {len(CONTENT) // 2} of {len(CONTENT)} bytes"),
        (
            another_file,
            f"sent another file, whose SHA-256 begins with {hashlib.sha256(CONTENT[:-1] + b'!').hexdigest()[:8]} "
            f"instead of {NAME[5:13]}",
        ),
    ],
)
def test_a_failed_fetch_says_why_and_leaves_nothing(server: Server, cache: Path, answer: Answer, found: str) -> None:
    server.answer = answer
    with pytest.raises(ModelError) as caught:
        fetch("resnet18")
    assert str(caught.value) == failure(server.url, found, cache)
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize("answer", [silence, half_then_silence])
def test_a_silent_server_is_given_up(server: Server, cache: Path, answer: Answer) -> None:
    server.answer = answer
    with pytest.raises(ModelError) as caught:
        fetch("resnet18", timeout_s=0.2)
    assert str(caught.value) == failure(server.url, "was silent for 0.2 s", cache)
    assert list(cache.iterdir()) == []


def test_without_a_network_the_error_says_what_to_do(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound, not listening: nobody else can take the port, and it refuses
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/"
        monkeypatch.setenv("STILLWATCH_WEIGHTS_URL", url)
        with pytest.raises(ModelError) as caught:
            fetch("resnet18")
    assert str(caught.value) == failure(url.rstrip("/"), "could not be reached (Connection refused)", cache)
    assert list(cache.iterdir()) == []


def test_a_mirror_that_is_no_url_is_named(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    monkeypatch.setenv("STILLWATCH_WEIGHTS_URL", "mirror.lan")
    with pytest.raises(ModelError) as caught:
        fetch("resnet18")
    reason = f"could not be reached (unknown url type: 'mirror.lan/{NAME}')"
    assert str(caught.value) == failure("mirror.lan", reason, cache)


def failure(url: str, found: str, cache: Path) -> str:
    return (
        f"resnet18: {url}/{NAME} {found}; run `stillwatch weights fetch resnet18` on a machine with a network and "
        f"copy the file to {cache / NAME}, or give --weights FILE or --weights random."
    )


def test_an_interrupted_fetch_leaves_nothing(server: Server, cache: Path) -> None:
    def interrupt(done: int, total: int | None) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch("resnet18", interrupt)
    assert list(cache.iterdir()) == []


def test_two_fetches_at_once_do_not_disturb_each_other(server: Server, cache: Path) -> None:
    within: list[bytes] = []

    def fetch_again(done: int, total: int | None) -> None:
        within.append(fetch("resnet18").read_bytes())

    assert fetch("resnet18", fetch_again).read_bytes() == CONTENT
    assert within == [CONTENT] * 4
    assert list(cache.iterdir()) == [cache / NAME]


def test_the_proxy_of_the_environment_is_used(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    # The server stands in for the proxy: only a proxy is asked for a whole URL, and the host exists nowhere.
    monkeypatch.setenv("STILLWATCH_WEIGHTS_URL", "http://weights.invalid/models")
    monkeypatch.setenv("http_proxy", server.url)
    assert fetch("resnet18").read_bytes() == CONTENT
    assert server.asked == [f"http://weights.invalid/models/{NAME}"]


def test_a_cache_that_cannot_be_written_is_named(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("STILLWATCH_CACHE", str(tmp_path / "file"))
    with pytest.raises(OutputError) as caught:
        fetch("resnet18")
    path = tmp_path / "file" / "weights" / NAME
    expected = f"{path}: cannot be written, not a directory; free some space or choose another place."
    assert str(caught.value) == expected


def test_a_copied_file_needs_no_network(cache: Path) -> None:
    cache.mkdir(parents=True)
    (cache / NAME).write_bytes(b"copied by hand")
    assert fetch("resnet18") == cache / NAME


def test_the_packaged_weights_need_no_network() -> None:
    assert fetch("efficientnet_lite0").is_file()


def test_a_name_without_weights_is_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        fetch("resnet19")
    assert str(caught.value) == (
        "there are no ImageNet weights of 'resnet19'; "
        "choose efficientnet_lite0, resnet18, wide_resnet50_2, efficientnet_b5."
    )


def test_the_list_says_what_is_there(server: Server, cache: Path) -> None:
    packaged, absent = listed()[:2]
    size = packaged.path.stat().st_size
    assert packaged == WeightsEntry("efficientnet_lite0", "package", packaged.path, True, size, None)
    url = f"{server.url}/{NAME}"
    assert absent == WeightsEntry("resnet18", "download", cache / NAME, False, None, url)
    fetch("resnet18")
    assert listed()[1] == WeightsEntry("resnet18", "download", cache / NAME, True, len(CONTENT), url)


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"STILLWATCH_CACHE": "/a", "XDG_CACHE_HOME": "/b"}, "/a/weights"),
        ({"XDG_CACHE_HOME": "/b"}, "/b/stillwatch/weights"),
        ({}, "/home/somebody/.cache/stillwatch/weights"),
    ],
)
def test_the_cache_is_where_the_user_wants_it(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], expected: str
) -> None:
    for name in ("STILLWATCH_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"HOME": "/home/somebody", **variables}.items():
        monkeypatch.setenv(name, value)
    assert listed()[1].path == Path(expected) / NAME


def test_files_and_server_are_torchvisions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.delenv("STILLWATCH_WEIGHTS_URL", raising=False)
    assert {entry.backbone: entry.url for entry in listed()} == {
        "efficientnet_lite0": None,
        "resnet18": torchvision.models.ResNet18_Weights.IMAGENET1K_V1.url,
        "wide_resnet50_2": torchvision.models.Wide_ResNet50_2_Weights.IMAGENET1K_V1.url,
        "efficientnet_b5": torchvision.models.EfficientNet_B5_Weights.IMAGENET1K_V1.url,
    }
    assert [entry.backbone for entry in listed()] == list(BACKBONES)
