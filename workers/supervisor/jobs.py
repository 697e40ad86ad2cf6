"""Which processes a site needs, and what each is told."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

from workers.bus.status import Role
from workers.site.values import Site

__all__ = ["Job", "Names", "command_of", "cuda_devices", "jobs_of", "without"]

NVIDIA_SMI_S = 10.0
NVIDIA_PROC = Path("/proc/driver/nvidia/gpus")


@dataclass(frozen=True, slots=True)
class Job:
    """What one process does.

    Attributes:
        name: unlike any other worker's of the site; it stays the same when the process is started again.
        cameras: those it works on.
        device: what a scorer computes on, where the site file leaves that open.
    """

    name: str
    role: Role
    cameras: tuple[str, ...]
    device: str | None = None


@dataclass(frozen=True, slots=True)
class Names:
    """Names for workers: HOST-ROLE-NUMBER, each given once.

    Attributes:
        mark: tells apart those who share a broker and a machine; empty for the one `run` of a broker of its own.
    """

    mark: str = ""
    _numbers: dict[Role, Iterator[int]] = field(default_factory=dict)

    def next(self, role: Role) -> str:
        """The next name of a role."""
        number = next(self._numbers.setdefault(role, count(1)))
        # Names become parts of file names and of labels: small letters, digits and hyphens.
        host = re.sub("[^a-z0-9]+", "-", socket.gethostname().lower()).strip("-") or "host"
        return "-".join(part for part in (host, str(role), self.mark, str(number)) if part)


def jobs_of(site: Site, roles: Sequence[Role], cameras: Sequence[str], names: Names) -> list[Job]:
    """The processes of some roles, in the order in which they are started."""
    makers = {Role.DECODER: _decoders, Role.SCORER: _scorers, Role.ALERTER: _alerters}
    return [job for role in roles for job in makers[role](site, tuple(cameras), names)]


def without(job: Job, cameras: Sequence[str]) -> Job:
    """The same job without some cameras."""
    return replace(job, cameras=tuple(camera for camera in job.cameras if camera not in cameras))


def command_of(job: Job, site: Path) -> list[str]:
    """The command line of a worker; `-P`, so that a folder of the user's cannot take the place of our packages."""
    device = [] if job.device is None else ["--device", job.device]
    head = [sys.executable, "-P", "-m", "workers", str(job.role), str(site), "--name", job.name]
    return [*head, "--cameras", ",".join(job.cameras), *device]


def cuda_devices() -> int:
    """How many CUDA devices there are; asked of the driver, since torch takes seconds to load and keeps memory."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return len([part for part in visible.split(",") if part.strip() not in ("", "-1")])
    if shutil.which("nvidia-smi"):
        try:
            listed = subprocess.run(
                ["nvidia-smi", "-L"], capture_output=True, text=True, timeout=NVIDIA_SMI_S, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            return 0
        return sum(line.startswith("GPU ") for line in listed.stdout.splitlines())
    return len(list(NVIDIA_PROC.iterdir())) if NVIDIA_PROC.is_dir() else 0


def _decoders(site: Site, cameras: tuple[str, ...], names: Names) -> list[Job]:
    each = site.cameras_per_process
    groups = [cameras[begin : begin + each] for begin in range(0, len(cameras), each)]
    return [Job(names.next(Role.DECODER), Role.DECODER, group) for group in groups]


def _scorers(site: Site, cameras: tuple[str, ...], names: Names) -> list[Job]:
    devices = cuda_devices() if site.scorer.device == "auto" else 0
    # A single device is found by the scorer itself; and torch may be one that knows no CUDA.
    chosen: list[str | None] = [f"cuda:{number}" for number in range(devices)] if devices > 1 else [None]
    return [Job(names.next(Role.SCORER), Role.SCORER, cameras, device) for device in chosen]


def _alerters(site: Site, cameras: tuple[str, ...], names: Names) -> list[Job]:
    return [Job(names.next(Role.ALERTER), Role.ALERTER, cameras)]
