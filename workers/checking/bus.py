"""Checks of the broker, and of what workers say on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import psutil

from pipeline.errors import BusError
from pipeline.model.card import ModelCard
from pipeline.types import Size
from workers.bus.broker import broker_address
from workers.bus.connection import BusLost, Connection
from workers.bus.keys import Keys
from workers.bus.status import Role, StatusBoard, WorkerNote
from workers.checking.finding import Finding, failed, fine, warned
from workers.site.memory import broker_memory
from workers.site.values import Site

__all__ = ["check_broker", "check_workers"]

OLDEST = (7, 0)  # the first whose scripts may run at the memory limit
MB = 1 << 20


def check_broker(site: Site, sizes: Mapping[str, tuple[Size, Size]]) -> list[Finding]:
    """Whether the broker is there, new enough, large enough, and refuses rather than forgets.

    Args:
        sizes: as `broker_memory` takes them.
    """
    try:
        with Connection(broker_address(site)) as connection:
            server, memory = connection.do("INFO", "server"), connection.do("INFO", "memory")
    except BusLost as error:
        return [_to_be_started(site) if site.broker.embedded else failed("broker", str(error))]
    except BusError as error:
        return [failed("broker", str(error))]
    # What `run` gives its own broker is computed before anybody knows the pictures.
    needed_mb = broker_memory(site, None if site.broker.embedded else sizes).max_memory_mb
    return list(_judged(server, memory, needed_mb))


def check_workers(site: Site, cards: Mapping[str, ModelCard]) -> list[Finding]:
    """Whether scorers hold the same model of a camera, and the one that lies here."""
    try:
        with Connection(broker_address(site)) as connection:
            now_s = connection.now_s()
            notes = StatusBoard(connection, Keys(site.shards)).workers(site.shards)
    except BusError:
        return []  # said of the broker already
    scorers = [note for note in notes if note.role is Role.SCORER and note.lives(now_s)]
    return [finding for name in site.cameras for finding in _models(name, scorers, cards.get(name))]


def _to_be_started(site: Site) -> Finding:
    needed_mb, given_mb = broker_memory(site).max_memory_mb, site.broker.max_memory_mb
    if given_mb is not None and given_mb < needed_mb:
        text = f"broker.max_memory_mb is {given_mb}, these cameras need {needed_mb:,} MB; raise it, or leave it out."
        return failed("broker", text)
    taken_mb, free_mb = given_mb or needed_mb, psutil.virtual_memory().available // MB
    text = f"embedded: 'stillwatch run' starts it, with {taken_mb:,} MB of memory"
    if taken_mb > free_mb:
        return warned("broker", f"{text}, of which {free_mb:,} MB are free; give it fewer cameras or smaller previews.")
    return fine("broker", text)


def _judged(server: Mapping[str, object], memory: Mapping[str, object], needed_mb: int) -> Iterator[Finding]:
    name = str(server.get("server_name", "redis")).capitalize()
    version = str(server.get("valkey_version") or server.get("redis_version", "?"))
    limit_mb, policy = int(str(memory.get("maxmemory", 0))) // MB, str(memory.get("maxmemory_policy", "?"))
    wrong = []
    if _numbers(str(server.get("redis_version", ""))) < OLDEST:
        wrong.append(f"is {name} {version}, too old; use Redis or Valkey 7.0 or newer.")
    if limit_mb == 0:
        wrong.append(f"has no memory limit, so a full machine would be its end; set maxmemory {needed_mb}mb.")
    elif limit_mb < needed_mb:
        wrong.append(
            f"has {limit_mb:,} MB of memory, these cameras need {needed_mb:,} MB; set maxmemory {needed_mb}mb."
        )
    if policy != "noeviction":
        wrong.append(f"forgets what it likes when it is full ({policy}); set maxmemory-policy noeviction.")
    for text in wrong:
        yield failed("broker", text)
    if not wrong:
        yield fine("broker", f"{name} {version}, {limit_mb:,} MB of memory, {needed_mb:,} MB are needed")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())


def _models(camera: str, scorers: list[WorkerNote], card: ModelCard | None) -> Iterator[Finding]:
    held = {note.name: note.models[camera] for note in scorers if note.models and camera in note.models}
    if len(set(held.values())) > 1:
        said = ", ".join(f"{name} {digest}" for name, digest in held.items())
        yield failed(f"{camera} model", f"scorers hold different ones ({said}); copy one file to all of them.")
    elif held and card is not None and card.digest not in held.values():
        (digest,) = set(held.values())
        yield warned(f"{camera} model", f"scorers hold {digest}, here lies {card.digest}; copy it to them.")
