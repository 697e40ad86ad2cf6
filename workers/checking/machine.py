"""Checks of this machine: the storage folder, its disk, the port of the telemetry."""

from __future__ import annotations

import os
import shutil
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from pipeline.errors import OutputError
from pipeline.files import check_writable
from workers.checking.finding import Finding, failed, fine, warned
from workers.site.values import Site

__all__ = ["check_disk", "check_port"]

GB = 1e9
ASK_S = 2.0


def check_disk(site: Site) -> Iterator[Finding]:
    """Whether events can be written, and whether there is room for what retention allows."""
    folder = _nearest(site.storage)
    try:
        check_writable(folder / "stillwatch-check")
    except OutputError:
        where = "" if folder == site.storage else f" ({folder})"
        yield failed(
            "storage", f"{site.storage}: may not be written{where}; change its owner, or choose another storage."
        )
        return
    free_gb, kept, floor_gb = shutil.disk_usage(folder).free / GB, site.retention, site.retention.floor_gb
    if free_gb < floor_gb:
        yield failed(
            "storage",
            f"{site.storage}: {free_gb:.1f} GB are free, under floor_gb {floor_gb:g}: alerts would have no clips; "
            "free some space.",
        )
        return
    missing_gb = kept.size_gb - _taken_gb(site.storage / "events") + floor_gb - free_gb
    if missing_gb > 0:
        yield warned(
            "storage",
            f"{site.storage}: {free_gb:.1f} GB are free, {missing_gb:.1f} GB less than retention.size_gb allows events "
            "to take: the oldest will go earlier; free some space, or lower it.",
        )
    else:
        yield fine("storage", f"{site.storage}: {free_gb:.1f} GB are free, events may take {kept.size_gb:g} GB")


def check_port(site: Site) -> Iterator[Finding]:
    """Whether metrics can be served."""
    host, port = site.telemetry.host, site.telemetry.port
    if not port:
        return
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family) as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.bind((host, port))
    except OSError as error:
        if _is_ours(host, port):
            yield fine("telemetry", f"port {port}: served by the stillwatch that runs")
        else:
            reason = (error.strerror or str(error)).lower()
            yield failed(
                "telemetry", f"port {port} on {host} cannot be opened ({reason}); set telemetry.port to another."
            )
    else:
        yield fine("telemetry", f"port {port} is free")


def _nearest(folder: Path) -> Path:
    """The folder, or where it does not exist yet the one it would be made in."""
    while not os.path.isdir(folder) and folder.parent != folder:
        folder = folder.parent
    return folder


def _taken_gb(folder: Path) -> float:
    taken = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                taken += Path(place, name).lstat().st_size
            except OSError:
                continue  # removed meanwhile
    return taken / GB


def _is_ours(host: str, port: int) -> bool:
    shown = f"[{host}]" if ":" in host else host
    try:
        with urllib.request.urlopen(f"http://{shown}:{port}/livez", timeout=ASK_S) as answer:
            return bool(answer.headers.get("Server") == "stillwatch")
    except urllib.error.HTTPError as error:
        return bool(error.headers.get("Server") == "stillwatch")
    except (OSError, ValueError):
        return False
