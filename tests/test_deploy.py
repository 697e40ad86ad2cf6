"""The files in deploy/, as far as they can be held to something without a container engine."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

from stillwatch.exits import EXIT_USAGE
from workers.site.reading import read_site
from workers.site.services import Telemetry

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"
LOCK, PYPROJECT = ROOT / "requirements.lock", ROOT / "pyproject.toml"
SITE = "/etc/stillwatch/site.yaml"
WORKERS = {"decoder": "decoder", "scorer": "scorer", "scorer-gpu": "scorer", "alerter": "alerter"}
DEADLINE_S = 60


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    return dict(compose()["services"])


@pytest.fixture(scope="module")
def unit() -> dict[str, str]:
    """The unit's service section, the last of each repeated key."""
    return dict(parsed_unit().items("Service"))


@pytest.fixture(scope="module")
def runtime_lock(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("lock") / "runtime.lock"
    path.write_text(lock_part())
    return path


@pytest.fixture(scope="module")
def licences(runtime_lock: Path) -> Path:
    """The folder that the image gets."""
    if not Path("/usr/share/common-licenses").is_dir():
        pytest.skip("the texts of the GPL are taken from Debian, and this is another system")
    out = runtime_lock.parent / "licences"
    collect(runtime_lock, out, "https://example.org/source")
    return out


def compose() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
    return read


def parsed_unit() -> configparser.RawConfigParser:
    unit = configparser.RawConfigParser(strict=False, delimiters=["="], comment_prefixes=["#"])
    unit.optionxform = str  # type: ignore[assignment,method-assign]  # keys as they are written
    unit.read(DEPLOY / "stillwatch.service")
    return unit


def lock_part(*names: str) -> str:
    command: list[str | Path] = [sys.executable, DEPLOY / "lock_part.py", LOCK, PYPROJECT, *names]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=DEADLINE_S)
    return done.stdout


def collect(lock: Path, *arguments: Path | str) -> None:
    command: list[str | Path] = [sys.executable, DEPLOY / "licences.py", lock, *arguments]
    subprocess.run(command, check=True, capture_output=True, text=True, timeout=DEADLINE_S)


def names_in(lock: str) -> set[str]:
    return {line.split("==")[0] for line in lock.splitlines()}


def needed(name: str, seen: set[str]) -> set[str]:
    """What an installed package needs on this system, by its own metadata."""
    try:
        texts = requires(name) or []
    except PackageNotFoundError:
        return seen
    for requirement in map(Requirement, texts):
        wanted = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        other = re.sub("[-_.]+", "-", requirement.name).lower()
        if wanted and other not in seen:
            seen.add(other)
            needed(other, seen)
    return seen


# The lock


def test_the_runtime_part_of_the_lock_is_what_the_packages_themselves_say_they_need() -> None:
    installed_needs = needed("stillwatch", set())
    part = names_in(lock_part())
    assert installed_needs - part == set()
    assert not part & {"pytest", "mypy", "ruff", "hatchling", "scikit-learn", "playwright", "hypothesis"}


def test_a_part_of_the_lock_keeps_versions_and_markers() -> None:
    assert set(lock_part().splitlines()) <= set(LOCK.read_text("utf-8").splitlines())
    assert names_in(lock_part("hatchling")) == {
        "hatchling",
        "packaging",
        "pathspec",
        "pluggy",
        "tomlkit",
        "trove-classifiers",
    }


# The licence texts


def test_every_package_of_the_image_has_a_text(runtime_lock: Path, licences: Path) -> None:
    folders = {path.name: path for path in licences.iterdir()}
    needs = needed("stillwatch", set())
    assert needs <= set(folders)
    assert set(folders) <= names_in(runtime_lock.read_text())
    for folder in folders.values():
        texts = [path for path in folder.rglob("*") if path.is_file()]
        assert texts, folder
        assert all(path.stat().st_size for path in texts)


def test_only_a_package_without_files_goes_without_a_text(licences: Path) -> None:
    empty = {path.parent.name for path in licences.rglob("EMPTY.txt")}
    assert empty <= {"cuda-toolkit"}


def test_ffmpeg_comes_with_the_gpl_a_list_and_an_offer(licences: Path) -> None:
    for name in ("GPL-2", "GPL-3", "LGPL-2.1", "LGPL-3"):
        assert "GNU" in (licences / "av" / f"{name}.txt").read_text("utf-8")
    notice = (licences / "av" / "FFMPEG-NOTICE.txt").read_text("utf-8")
    assert re.search(r"^    libx264-\S+$", notice, re.MULTILINE)
    assert re.search(r"^    libx265-\S+$", notice, re.MULTILINE)
    assert 'says of itself: "LGPL version' in notice
    assert notice.endswith("\n    https://example.org/source\n")
    assert "{" not in notice


def test_an_image_without_an_offer_says_that_it_is_not_to_be_passed_on(licences: Path, runtime_lock: Path) -> None:
    collect(runtime_lock, licences.parent / "without")
    notice = (licences.parent / "without" / "av" / "FFMPEG-NOTICE.txt").read_text("utf-8")
    assert notice.endswith("\n    None was named when it was built: do not pass this image on.\n")


# The container file


def dockerfile() -> list[list[str]]:
    """Its instructions, each as words."""
    text = (DEPLOY / "Dockerfile").read_text("utf-8")
    joined = re.sub(r"\\\n\s*", " ", "\n".join(line for line in text.splitlines() if not line.startswith("#")))
    return [line.split() for line in joined.splitlines() if line.strip()]


def test_every_file_that_the_image_is_built_from_exists_and_is_let_in() -> None:
    ignore = (DEPLOY / "Dockerfile.dockerignore").read_text("utf-8").splitlines()
    let_in = {line[1:] for line in ignore if line.startswith("!")}
    copies = [words for words in dockerfile() if words[0] == "COPY" and not words[1].startswith("--from=")]
    here = [source for words in copies for source in words[1:-1]]
    assert set(here) == let_in
    assert all((ROOT / source).exists() for source in here)


def test_the_image_is_not_run_by_root_and_asks_itself_how_it_is() -> None:
    final = dockerfile()[max(at for at, words in enumerate(dockerfile()) if words[0] == "FROM") :]
    instructions = {words[0]: words for words in final}
    assert instructions["USER"] == ["USER", "stillwatch"]
    port = Telemetry().port
    assert f"http://127.0.0.1:{port}/livez" in " ".join(instructions["HEALTHCHECK"])
    assert not any(fnmatch(word, "*[Pp][Aa][Ss][Ss][Ww]*") for words in final for word in words)


# Compose


def test_each_worker_runs_its_own_command_of_the_design(services: dict[str, Any]) -> None:
    commands = {name: service["command"] for name, service in services.items() if name in WORKERS}
    assert commands == {name: ["stillwatch", "worker", kind, "-c", SITE] for name, kind in WORKERS.items()}
    assert set(services) == {*WORKERS, "redis", "fit"}
    assert services["fit"]["entrypoint"] == ["stillwatch", "fit", "-c", SITE]


def test_every_service_is_confined_and_comes_back(services: dict[str, Any]) -> None:
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["restart"] == ("no" if name == "fit" else "unless-stopped"), name
        assert "ports" not in service, name
        assert "environment" not in service, name


def test_redis_is_bounded_and_gets_its_password_where_nobody_reads_it(services: dict[str, Any]) -> None:
    redis = services["redis"]
    shell, option, script = redis["command"]
    assert (shell, option) == ("sh", "-c")
    first, *settings, end = script.splitlines()
    assert (first, end) == ("exec redis-server - <<EOF", "EOF")
    assert settings == [
        'requirepass "$$(cat /run/secrets/broker)"',
        "maxmemory ${REDIS_MAXMEMORY:-1gb}",
        "maxmemory-policy noeviction",
        'save ""',
        "appendonly no",
    ]
    assert redis["networks"] == ["bus"]
    assert compose()["networks"]["bus"] == {"internal": True}
    assert redis["healthcheck"]["test"][0] == "CMD-SHELL"


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder whose path is short enough for a socket."""
    with TemporaryDirectory(prefix="redis-") as path:
        yield Path(path)


def test_redis_starts_with_these_settings(services: dict[str, Any], folder: Path) -> None:
    if shutil.which("redis-server") is None:
        pytest.skip("there is no redis-server")
    (folder / "broker").write_text("s3cret")
    script = services["redis"]["command"][2].replace("$$", "$").replace("/run/secrets", str(folder))
    script = re.sub(r"\$\{\w+:-(\w+)\}", r"\1", script)
    script = script.replace("appendonly no", f"appendonly no\nport 0\nunixsocket {folder}/s\ndir {folder}")
    server = subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        for line in server.stdout:
            if "ready to accept connections" in line:
                break
        assert "s3cret" not in Path(f"/proc/{server.pid}/cmdline").read_text()
        client = ["redis-cli", "-s", f"{folder}/s"]
        ask = [*client, "config", "get", "maxmemory"]
        said = subprocess.run(ask, env={"REDISCLI_AUTH": "s3cret"}, capture_output=True, text=True, check=True)
        assert said.stdout.split() == ["maxmemory", "1073741824"]
        refused = subprocess.run([*client, "ping"], capture_output=True, text=True, check=False)
        assert refused.stdout == "NOAUTH Authentication required.\n\n"
    finally:
        server.terminate()
        server.communicate()


def test_secrets_are_files_that_are_not_in_the_checkout(services: dict[str, Any]) -> None:
    secrets = compose()["secrets"]
    assert {name: secret["file"] for name, secret in secrets.items()} == {
        "broker": "./secrets/broker",
        "gate": "./secrets/gate",
    }
    assert "/deploy/secrets/" in (ROOT / ".gitignore").read_text().splitlines()
    assert all(set(service["secrets"]) <= set(secrets) for service in services.values())


def test_one_scorer_is_started_and_the_other_asks_for_a_gpu(services: dict[str, Any]) -> None:
    assert (services["scorer"]["profiles"], services["scorer-gpu"]["profiles"]) == (["cpu"], ["gpu"])
    assert "COMPOSE_PROFILES=cpu" in (DEPLOY / ".env").read_text().splitlines()
    reserved = services["scorer-gpu"]["deploy"]["resources"]["reservations"]["devices"]
    assert reserved == [{"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}]


def test_only_who_writes_them_may_write_models_and_events(services: dict[str, Any]) -> None:
    writable = {
        name: [mount["source"] for mount in service.get("volumes", []) if not mount.get("read_only")]
        for name, service in services.items()
    }
    assert {name: mounts for name, mounts in writable.items() if mounts} == {"alerter": ["events"], "fit": ["models"]}
    assert set(compose()["volumes"]) == {"events", "models"}


def test_the_site_of_the_containers_is_a_right_one(tmp_path: Path) -> None:
    text = (DEPLOY / "site.yaml").read_text("utf-8")
    for name in compose()["secrets"]:
        (tmp_path / name).write_text("s3cret")
        (tmp_path / name).chmod(0o600)
    (tmp_path / "site.yaml").write_text(text.replace("/run/secrets", str(tmp_path)))
    site = read_site(tmp_path / "site.yaml")
    targets = {mount["target"] for mount in compose()["services"]["alerter"]["volumes"]}
    assert {str(site.storage), str(site.models), SITE} == targets
    assert site.telemetry.port == Telemetry().port


# systemd


def test_the_unit_starts_run_and_stops_it_in_order(unit: dict[str, str]) -> None:
    assert unit["ExecStart"] == f"/opt/stillwatch/bin/stillwatch run -c {SITE}"
    assert (unit["Type"], unit["KillMode"], unit["TimeoutStopSec"]) == ("exec", "mixed", "45")
    assert (unit["Restart"], unit["RestartPreventExitStatus"]) == ("on-failure", str(EXIT_USAGE))
    assert unit["User"] == "stillwatch"
    assert unit["ReadWritePaths"] == f"/var/lib/{unit['StateDirectory']}"
    assert unit["ProtectSystem"] == "strict"


def test_systemd_knows_every_option_of_the_unit(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("there is no systemd-analyze")
    text = (DEPLOY / "stillwatch.service").read_text("utf-8")
    copy = tmp_path / "stillwatch.service"
    copy.write_text(text.replace("/opt/stillwatch/bin/stillwatch", "/bin/true"))
    verify: list[str | Path] = ["systemd-analyze", "verify", "--man=no", copy]
    done = subprocess.run(verify, capture_output=True, text=True, check=False, timeout=DEADLINE_S)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
