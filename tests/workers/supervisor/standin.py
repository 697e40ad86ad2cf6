# ruff: noqa: T201 - a script, whose output is what its supervisor reads
"""Stands in for workers, and for the command that supervises them; run as a script.

`standin.py supervise SITE` supervises; `standin.py ROLE SITE --name NAME --cameras a,b` is a worker that reads and
scores nothing. Each notes in `diary` of the storage folder what it does. Files there are orders:
`fail-NAME` to die at once, `hang-CAMERA` to report a hung source (once), `deaf-NAME` to ignore SIGTERM, `end-CAMERA` to
say that a recording has ended, `pending-CAMERA` that a clip of it is still to be written, `behind-CAMERA` that
its scores are still to be looked at.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from pathlib import Path

from pipeline.errors import BusError, StillwatchError
from workers.bus.broker import broker_address
from workers.bus.connection import Connection
from workers.bus.keys import Keys
from workers.bus.status import Role, StatusBoard, WorkerNote
from workers.process import begin, stopping
from workers.site.reading import read_site
from workers.site.values import Site
from workers.supervisor.jobs import Job, Names, command_of
from workers.supervisor.supervisor import Plan, Screen, supervise
from workers.telemetry.logs import begin_logging

ROLES = (Role.DECODER, Role.SCORER, Role.ALERTER)
EVERY_S = 0.1
EPOCH, FRAMES = 1_795_510_862_123, 1200


def note(site: Site, **facts: object) -> None:
    """A line in the diary; one write, so that lines of several processes do not mix."""
    with open(site.storage / "diary", "a") as diary:
        diary.write(json.dumps(facts) + "\n")


def work(site: Site, role: Role, name: str, cameras: list[str], device: str | None, stop: threading.Event) -> int:
    """Say to be alive until told to stop."""
    note(site, what="start", name=name, role=role, cameras=cameras, pid=os.getpid(), device=device)
    if (site.storage / f"fail-{name}").exists():
        print("Error: it broke.", file=sys.stderr)
        return 3
    deaf = (site.storage / f"deaf-{name}").exists()
    with Connection(broker_address(site)) as connection:
        board = StatusBoard(connection, Keys(site.shards))
        while not stop.is_set() or deaf:
            hung = [camera for camera in cameras if (site.storage / f"hang-{camera}").exists()]
            if hung and role is Role.DECODER:
                (site.storage / f"hang-{hung[0]}").unlink()
                print(f"hung {hung[0]}", flush=True)
                return 75
            try:
                board.sign_in(WorkerNote(name, role, "here", os.getpid(), cameras))
                tell = _of_decoder if role is Role.DECODER else _of_alerter if role is Role.ALERTER else None
                if role is Role.DECODER:
                    publish_last(connection, site, cameras)
                if tell is not None:
                    board.write({camera: tell(site, camera, connection.now_s()) for camera in cameras})
            except BusError:
                print("the broker is away", file=sys.stderr, flush=True)
            stop.wait(EVERY_S)
    note(site, what="end", name=name)
    return 0


def publish_last(connection: Connection, site: Site, cameras: list[str]) -> None:
    """As if all frames had been published and scored: the stream keeps the id of the last one."""
    for camera in cameras:
        stream = Keys(site.shards).frames(camera)
        try:
            connection.do("XADD", stream, f"{EPOCH}-{FRAMES - 1}", "v", "1")
            connection.do("XDEL", stream, f"{EPOCH}-{FRAMES - 1}")
        except BusError:
            continue  # done before


def _of_decoder(site: Site, camera: str, now_s: float) -> dict[str, object]:
    end = site.storage / f"end-{camera}"
    if not end.exists():
        return {"state": "online", "decoder_at": now_s, "error": ""}
    since_s = end.stat().st_mtime
    return {"state": "ended", "since": since_s, "epoch": EPOCH, "captured": FRAMES, "decoder_at": now_s}


def _of_alerter(site: Site, camera: str, now_s: float) -> dict[str, object]:
    ended, pending = (site.storage / f"{what}-{camera}" for what in ("end", "pending"))
    last = FRAMES - 1 if ended.exists() and not (site.storage / f"behind-{camera}").exists() else 7
    return {"alerter_at": now_s, "alerted": f"{EPOCH}-{last}", "pending": int(pending.exists())}


def command(job: Job, site: Path) -> list[str]:
    """Command line of a stand-in: as that of the worker itself, with this file for the package."""
    line = command_of(job, site)
    return [*line[:2], __file__, *line[line.index("workers") + 1 :]]


def run(site: Site, memory_mb: int | None) -> int:
    """Supervise stand-ins; what it came to on stdout."""
    begin_logging("run", "info")
    plan = Plan(site, ROLES, list(site.cameras), Names(), memory_mb, lambda job: command(job, site.path))
    try:
        outcome = supervise(plan, Screen())
    except StillwatchError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    by = outcome.by and signal.Signals(outcome.by).name
    totals = {total.camera: [total.frames, total.events] for total in outcome.totals}
    print(json.dumps({"by": by, "cut_off": outcome.cut_off, "totals": totals}))
    return 0


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("role")
    parser.add_argument("site", type=Path)
    parser.add_argument("--name")
    parser.add_argument("--cameras")
    parser.add_argument("--device")
    told = parser.parse_args()
    site = read_site(told.site)
    if told.role == "supervise":
        return run(site, 64)
    begin(told.name)
    with stopping() as stop:
        return work(site, Role(told.role), told.name, told.cameras.split(","), told.device, stop)


if __name__ == "__main__":
    sys.exit(main())
