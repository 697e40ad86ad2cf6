"""Which processes a site needs."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from workers.bus.status import Role
from workers.site.reading import read_site
from workers.site.values import Site
from workers.supervisor.jobs import Job, Names, command_of, cuda_devices, jobs_of

ROLES = (Role.DECODER, Role.SCORER, Role.ALERTER)


def site_of(folder: Path, *more: str, cameras: int = 5) -> Site:
    names = [f"  cam-{number}: {{source: 'rtsp://127.0.0.1:9/none'}}" for number in range(cameras)]
    path = folder / "site.yaml"
    path.write_text("\n".join(["storage: store", "cameras_per_process: 2", *more, "cameras:", *names]), "utf-8")
    return read_site(path)


def with_devices(count: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of so many devices, as its driver's own tool tells."""
    tool = folder / "nvidia-smi"
    lines = "".join(f"echo 'GPU {number}: NVIDIA H100 (UUID: GPU-{number})'\n" for number in range(count))
    tool.write_text(f"#!/bin/sh\n{lines}echo '  MIG 1g.10gb     Device  0: (UUID: MIG-1)'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def devices(site: Site) -> list[str | None]:
    return [job.device for job in jobs_of(site, (Role.SCORER,), list(site.cameras), Names())]


def test_decoders_share_the_cameras_and_every_name_is_given_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setattr("socket.gethostname", lambda: "Pi_4.lan")
    site = site_of(tmp_path)
    cameras = tuple(site.cameras)
    assert jobs_of(site, ROLES, cameras, Names()) == [
        Job("pi-4-lan-decoder-1", Role.DECODER, cameras[:2]),
        Job("pi-4-lan-decoder-2", Role.DECODER, cameras[2:4]),
        Job("pi-4-lan-decoder-3", Role.DECODER, cameras[4:]),
        Job("pi-4-lan-scorer-1", Role.SCORER, cameras),
        Job("pi-4-lan-alerter-1", Role.ALERTER, cameras),
    ]
    assert Names("77").next(Role.SCORER) == "pi-4-lan-scorer-77-1"


@pytest.mark.parametrize(("count", "expected"), [(0, [None]), (1, [None]), (3, ["cuda:0", "cuda:1", "cuda:2"])])
def test_each_of_several_devices_has_a_scorer(
    count: int, expected: list[str | None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_devices(count, tmp_path, monkeypatch)
    assert cuda_devices() == count
    assert devices(site_of(tmp_path)) == expected


def test_a_device_that_the_site_names_has_one_scorer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_devices(3, tmp_path, monkeypatch)
    assert devices(site_of(tmp_path, "scorer: {device: cpu}")) == [None]


@pytest.mark.parametrize(("visible", "count"), [("", 0), ("-1", 0), ("1", 1), ("0,2", 2)])
def test_devices_that_are_hidden_do_not_count(
    visible: str, count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_devices(3, tmp_path, monkeypatch)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert cuda_devices() == count


def test_the_command_line_of_a_worker(tmp_path: Path) -> None:
    job = Job("here-scorer-2", Role.SCORER, ("gate", "dock"), "cuda:1")
    assert command_of(job, tmp_path / "site.yaml") == [
        *(sys.executable, "-P", "-m", "workers", "scorer", str(tmp_path / "site.yaml")),
        *("--name", "here-scorer-2", "--cameras", "gate,dock", "--device", "cuda:1"),
    ]
