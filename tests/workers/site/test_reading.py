"""A site file is read, or everything that is wrong with it is said at once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from pipeline.errors import ConfigError
from workers.site.reading import examine_site, read_site
from workers.site.values import Site

HEAD = "storage: var\ncameras:\n  gate:\n    source: rtsp://gate.lan/1\n"


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "site.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
    return path


def read(folder: Path, text: str, environ: Mapping[str, str] | None = None) -> Site:
    return read_site(written(folder, text), environ=environ or {})


def errors(folder: Path, text: str | bytes, environ: Mapping[str, str] | None = None) -> list[str]:
    """What is said, a line each, with the file's path cut off."""
    path = written(folder, text)
    with pytest.raises(ConfigError) as caught:
        read_site(path, environ=environ or {})
    said = str(caught.value).splitlines()
    assert all(line.startswith(f"{path}:") and line.endswith(".") for line in said)
    return [line.removeprefix(f"{path}:") for line in said]


def test_a_small_file_has_the_defaults(tmp_path: Path) -> None:
    site = read(tmp_path, HEAD)
    assert site.path == tmp_path / "site.yaml"
    assert site.storage == tmp_path / "var"
    assert site.models == tmp_path / "var" / "models"
    assert site.model_of(site.cameras["gate"]) == tmp_path / "var" / "models" / "gate.stillwatch"
    assert (site.broker.embedded, site.shards, site.telemetry.port) == (True, 1, 9108)


def test_paths_are_relative_to_the_site_file(tmp_path: Path) -> None:
    site = read(
        tmp_path,
        "storage: /abs\nmodels_dir: m\ncameras:\n  dock: {source: r/a.mp4, mask: k.yaml, model: x.stillwatch}\n"
        "  yard: {source: file:///r/b%20c.mp4}\n",
    )
    dock = site.cameras["dock"]
    assert (site.storage, site.models) == (Path("/abs"), tmp_path / "m")
    assert (dock.source, dock.mask, site.model_of(dock)) == (
        str(tmp_path / "r/a.mp4"),
        tmp_path / "k.yaml",
        tmp_path / "x.stillwatch",
    )
    assert site.cameras["yard"].source == "/r/b c.mp4"


def test_defaults_go_under_each_camera_and_alert_key_by_key(tmp_path: Path) -> None:
    site = read(
        tmp_path,
        "storage: s\ndefaults: {fps: 2, mask: m.png, alert: {gap_s: 3, pre_roll_s: 7}}\ncameras:\n"
        "  a: {source: rtsp://a}\n  b: {source: rtsp://b, fps: 9, mask: null, alert: {gap_s: 1}}\n"
        "  c: {source: rtsp://c, alert: }\n",
    )
    a, b, c = site.cameras.values()
    assert (a.fps, a.mask, a.alert.gap_s, a.alert.pre_roll_s) == (2, tmp_path / "m.png", 3, 7)
    assert (b.fps, b.mask, b.alert.gap_s, b.alert.pre_roll_s) == (9, None, 1, 7)
    assert c.alert == a.alert


def test_headings_with_nothing_below_them_mean_the_defaults(tmp_path: Path) -> None:
    bare = "broker:\ndefaults:\nscorer:\nwebhooks:\nretention:\ntelemetry:\n"
    assert read(tmp_path, HEAD + bare) == read(tmp_path, HEAD)


def test_short_forms(tmp_path: Path) -> None:
    site = read(tmp_path, HEAD + "broker: unix:///run/redis.sock\ntelemetry: false\n")
    assert (site.broker.url, site.broker.embedded, site.telemetry.port) == ("unix:///run/redis.sock", False, None)
    assert read(tmp_path, HEAD + "broker: embedded\n").broker.embedded


def test_names_of_cameras_are_read_as_they_are_written(tmp_path: Path) -> None:
    # YAML 1.1 would make them 7, False and a date.
    text = "storage: s\ncameras: {007: {source: a.mp4}, no: {source: b.mp4}, 2024-01-01: {source: c.mp4}}\n"
    assert list(read(tmp_path, text).cameras) == ["007", "no", "2024-01-01"]


def test_anchors_and_merge_keys_work_and_own_keys_win(tmp_path: Path) -> None:
    text = (
        "storage: s\ncameras:\n  a: &a {source: rtsp://a, fps: 2, username: me}\n"
        "  b: {<<: *a, source: rtsp://b}\n  c: {<<: [*a], fps: 3}\n"
    )
    a, b, c = read(tmp_path, text).cameras.values()
    assert [(x.source, x.fps, x.username) for x in (a, b, c)] == [
        ("rtsp://a", 2, "me"),
        ("rtsp://b", 2, "me"),
        ("rtsp://a", 3, "me"),
    ]


def test_the_environment_fills_values(tmp_path: Path) -> None:
    text = (
        "storage: ${ROOT}/s$${x}\nshards: ${SHARDS:-3}\ncameras:\n"
        "  gate: {source: 'rtsp://${HOST}/1', username: '${NAME:-me}', password: '${PW}', fps: '${FPS}'}\n"
    )
    site = read(tmp_path, text, {"ROOT": "/r", "HOST": "h", "NAME": "", "PW": "${no} $$", "FPS": "2.5"})
    gate = site.cameras["gate"]
    assert (str(site.storage), site.shards, gate.fps) == ("/r/s${x}", 3, 2.5)
    assert gate.opened_as().location == "rtsp://me:%24%7Bno%7D%20%24%24@h/1"


def test_secrets_come_from_files_and_are_never_shown(tmp_path: Path) -> None:
    for name in ("gate", "broker", "hook"):
        (tmp_path / name).write_text(f"very secret {name}\r\n")
        (tmp_path / name).chmod(0o600)
    text = HEAD + (
        "    username: me\n    password_file: gate\nbroker: {url: 'redis://r.lan', password_file: broker}\n"
        "webhooks: [{url: 'https://h/x', secret_file: hook}]\n"
    )
    reading = examine_site(written(tmp_path, text), environ={})
    site, secret = reading.site, site_secret
    assert secret(site) == ["very secret gate", "very secret broker", "very secret hook"]
    assert "very" not in repr(site) + str(site) + repr(site.cameras["gate"].opened_as())
    assert reading.warnings == ()


def site_secret(site: Site) -> list[str]:
    found = [site.cameras["gate"].password, site.broker.password, site.webhooks[0].secret]
    return [secret.get_secret_value() for secret in found if secret]


def test_what_should_not_stay_so_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "pw").write_text("x")
    (tmp_path / "pw").chmod(0o640)
    path = written(tmp_path, HEAD + "    username: me\n    password_file: pw\nwebhooks: [{url: http://h.lan/token}]\n")
    assert examine_site(path, environ={}).warnings == (
        f"{path}:6: cameras.gate.password_file is '{tmp_path / 'pw'}', which others can read; run 'chmod 600' on it.",
        f"{path}:7: webhooks[0].url is http://h.lan: alerts leave this machine without encryption; use https.",
    )


def test_everything_that_is_wrong_is_said_at_once_in_the_order_of_lines(tmp_path: Path) -> None:
    text = """\
storage: s
brokr: embedded
shards: 100
defaults:
  fps: 0
  source: x
cameras:
  gate:
    source: rtsp://me:hunter2@gate.lan/1
    fps: high
    pasword_file: x
  Gate 1: {source: x.mp4, name: y}
  gate: {source: y.mp4}
  dock:
    source: a.mp4
    pace: live
    size: 12.5
    previews: maybe
    transport: sctp
    mask: 5
    alert: {min_duration_s: -1}
  yard: rtsp://me:hunter2@x
  lane: {fps: yes, alert: 3, username: 5}
webhooks:
  - {url: "http://x/y", timeout_s: .nan, cameras: []}
telemetry: yes
scorer: {device: gpu, threads: 0, models_mb: 1}
broker: redis://redis.lan
"""
    assert errors(tmp_path, text) == [
        "2: brokr is an unknown key; write broker, or remove it.",
        "3: shards is 100, not a whole number from 1 to 64; set one, or leave it out for the default of 1.",
        "5: defaults.fps is 0, not a number from 0.1 to 60; set one, or leave it out for the default of 5.",
        "6: defaults.source is each camera's own; write it under the cameras.",
        "9: cameras.gate.source is rtsp://gate.lan/1 with a user name or a password in it; use username and "
        "password_file, and %40 for an @ that is part of the path.",
        "10: cameras.gate.fps is 'high', not a number from 0.1 to 60; set one, or leave it out for the default of 5.",
        "11: cameras.gate.pasword_file is an unknown key; write password_file, or remove it.",
        "12: cameras holds the name 'Gate 1', not 1 to 40 small letters, digits and hyphens; rename it.",
        "12: cameras.Gate 1.name is not for the file to say; remove it.",
        "13: cameras.gate is there twice, first in line 8; rename or remove one.",
        "16: cameras.dock.pace is live, but the source is a recording; choose realtime or fast, or leave it out for "
        "realtime.",
        "17: cameras.dock.size is 12.5, not a whole number from 32 to 4096; set one, or leave it out for the default "
        "of 240.",
        "18: cameras.dock.previews is 'maybe', not true or false; set one, or leave it out for the default of true.",
        "19: cameras.dock.transport is 'sctp', not one of tcp and udp; set one, or leave it out for the default of "
        "tcp.",
        "20: cameras.dock.mask is 5, not a path; set one, or leave it out.",
        "21: cameras.dock.alert.min_duration_s is -1, not a number of 0 or more; set one, or leave it out for the "
        "default of 1.",
        "22: cameras.yard is 'rtsp://x', not keys with values; write them below it.",
        "23: cameras.lane.alert is 3, not keys with values; write them below it.",
        "23: cameras.lane.fps is true, not a number from 0.1 to 60; set one, or leave it out for the default of 5.",
        "23: cameras.lane.source is missing; set it.",
        "23: cameras.lane.username is 5, not a text of up to 1000 letters; set one, or leave it out.",
        '25: webhooks[0].cameras is empty; set one, or leave it out for the default of ["*"].',
        "25: webhooks[0].timeout_s is nan, not a number from 0.1 to 300; set one, or leave it out for the default of "
        "10.",
        "26: telemetry is true, not keys with values; write them below it.",
        "27: scorer.device is 'gpu', not auto, cpu, cuda or cuda:N; choose one, or leave it out for auto.",
        "27: scorer.models_mb is 1, not a whole number of 64 or more; set one, or leave it out for the default of "
        "2048.",
        "27: scorer.threads is 0, not a whole number from 1 to 1024; set one, or leave it out.",
        "28: broker.url is redis://redis.lan, beyond this machine and without a password; give one with password_file.",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", " is empty; name at least storage and cameras."),
        (b"# nothing\n", " is empty; name at least storage and cameras."),
        (b"- a\n", "1: holds a list, not keys with values; begin with storage and cameras."),
        (b"abc\n", "1: holds a single value, not keys with values; begin with storage and cameras."),
        (b"a: 1\nb: \xff\n", "2: is not UTF-8 text; save it as UTF-8."),
        (b"a: 1\nb: \x01\n", "2: holds a control character; remove it."),
        (b"cameras:\n\tgate: 1\n", "2: a tab stands where YAML takes spaces alone; replace it by spaces."),
        (
            b"a: b: c\n",
            "1: is not YAML: mapping values are not allowed here; correct this line or the one above.",
        ),
        (b"a: {b: ${NAME}}\n", "1: holds a ${NAME} that YAML cannot read; put it in quotes."),
        (b"a: 1\n---\nb: 2\n", "2: is not YAML: found another document; correct this line or the one above."),
        (b"[" * 5000, " is nested too deeply for a site file; write it flat."),
        (b"a: &x [*x]\n", "1: its aliases have no end; write out what *NAME stands for."),
        (
            b"a: &a [1,1,1,1,1,1,1,1,1]\n"
            + b"\n".join(b"%c: &%c [%s]" % (98 + n, 98 + n, b",".join([b"*%c" % (97 + n)] * 9)) for n in range(8)),
            "1: its aliases have no end; write out what *NAME stands for.",
        ),
    ],
)
def test_what_is_no_site_file_is_one_sentence(tmp_path: Path, text: bytes, said: str) -> None:
    assert errors(tmp_path, text) == [said]


def test_what_cannot_be_opened_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as absent:
        read_site(tmp_path / "no.yaml")
    assert str(absent.value) == f"{tmp_path}/no.yaml: there is no such site file; check the name."
    with pytest.raises(ConfigError) as folder:
        read_site(tmp_path)
    assert str(folder.value) == f"{tmp_path}: cannot be read (Is a directory); check its name and permissions."


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("storage: s\ncameras: {}\n", ["2: cameras is empty; name at least one camera."]),
        ("storage: s\ncameras:\n", ["2: cameras is empty; name at least one camera."]),
        ("storage: s\n", ["1: cameras is missing; set it."]),
        ("storage: s\ncameras: [a]\n", ["2: cameras is a list, not keys with values; write them below it."]),
        ("storage: s\ncameras:\n  gate:\n", ["3: cameras.gate is empty, not keys with values; write them below it."]),
        (HEAD + "path: x\n", ["5: path is not for the file to say; remove it."]),
        (HEAD + "? [a]\n: b\n", ["5: the file has a list for a key; write a word."]),
        (HEAD + "<<: 3\n", ["5: << takes another mapping, as *NAME; correct or remove it."]),
        (
            HEAD + "shards: !!python/name:os.system 1\n",
            [
                "5: shards carries the tag !!python/name:os.system; remove the tag.",
            ],
        ),
        (HEAD + '    username: "\\ud800"\n', ["5: cameras.gate.username holds half a character; write it out."]),
        (
            "storage: s\ndefaults: {alert: {min_duration_s: 500}}\ncameras: {a: {source: x}, b: {source: y}}\n",
            [
                "2: defaults.alert.max_event_s is 300, not above alert.min_duration_s of 500; raise the one or lower "
                "the other."
            ],
        ),
        (
            HEAD + "webhooks:\n- url: https://h\n- url: https://h\n  cameras: [gaet]\n",
            ["8: webhooks[1].cameras holds 'gaet', which matches no camera; correct it."],
        ),
    ],
)
def test_single_errors(tmp_path: Path, text: str, said: list[str]) -> None:
    assert errors(tmp_path, text) == said


def test_a_missing_variable_is_said_once_and_not_held_against_its_neighbours(tmp_path: Path) -> None:
    text = (
        "storage: s\nshards: ${SHARDS}\ncameras:\n"
        "  gate: {source: '${GATE}', username: me, pace: live, password: '${PW}'}\n"
        "  yard: {source: 'rtsp://y', username: '${USER_}', password: '${PW}', fps: '${}'}\n"
    )
    assert errors(tmp_path, text, {"PW": "x"}) == [
        "2: shards asks for the environment variable SHARDS, which is not set; set it.",
        "4: cameras.gate.source asks for the environment variable GATE, which is not set; set it.",
        "5: cameras.yard.fps holds ${ without a name; write ${NAME}, ${NAME:-DEFAULT}, or $${ for the letters.",
        "5: cameras.yard.username asks for the environment variable USER_, which is not set; set it.",
    ]


def test_what_the_environment_says_is_not_shown(tmp_path: Path) -> None:
    text = HEAD + "    fps: ${PW}\n    password: ${EMPTY}\n"
    assert errors(tmp_path, text, {"PW": "hunter2", "EMPTY": ""}) == [
        "5: cameras.gate.fps is ${PW} from the environment, not a number from 0.1 to 60; set one, or leave it out for "
        "the default of 5.",
        "6: cameras.gate.password is ${EMPTY} from the environment; give it a value.",
    ]


def test_secrets_that_cannot_be_had_are_errors_and_never_shown(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "two").write_text("hunter2\nhunter3\n")
    (tmp_path / "long").write_bytes(b"x" * 5000)
    (tmp_path / "bytes").write_bytes(b"\xff")
    text = "storage: s\ncameras:\n" + "".join(
        f"  c{number}: {{source: rtsp://x, username: me, {key}}}\n"
        for number, key in enumerate(
            [
                "password: hunter2",
                "password: 12345",
                "'password': 'hunter2${X:-}'",
                "password_file: absent",
                "password_file: empty",
                "password_file: two",
                "password_file: long",
                "password_file: bytes",
                "password_file: [a]",
                "password_file: .",
                "password_file: '${NONE}'",
                "password_file: two, password: '${PW}'",
            ]
        )
    )
    alone = "name the file of the secret alone."
    outside = "is written out; use ${NAME}, set in the environment, or password_file."
    assert errors(tmp_path, text, {"PW": "hunter2"}) == [
        f"3: cameras.c0.password {outside}",
        f"4: cameras.c1.password {outside}",
        f"5: cameras.c2.password {outside}",
        f"6: cameras.c3.password_file is '{tmp_path}/absent', where there is no file; write the secret into one.",
        f"7: cameras.c4.password_file is '{tmp_path}/empty', which is empty; write the secret into it.",
        f"8: cameras.c5.password_file is '{tmp_path}/two', which holds more than one line; {alone}",
        f"9: cameras.c6.password_file is '{tmp_path}/long', which holds more than one line; {alone}",
        f"10: cameras.c7.password_file is '{tmp_path}/bytes', which is not UTF-8 text; name the file of the secret.",
        "11: cameras.c8.password_file is not the path of a file; name one.",
        f"12: cameras.c9.password_file is '{tmp_path}', where there is no file; write the secret into one.",
        "13: cameras.c10.password_file asks for the environment variable NONE, which is not set; set it.",
        "14: cameras.c11.password_file is set beside password; keep one of the two.",
    ]


def test_a_password_without_a_user_name_is_told_of_the_key_that_was_written(tmp_path: Path) -> None:
    (tmp_path / "pw").write_text("x")
    assert errors(tmp_path, HEAD + "    password_file: pw\n") == [
        "5: cameras.gate.password_file is set without a username; set that too."
    ]


def test_metrics_beyond_this_machine_ask_for_a_token(tmp_path: Path) -> None:
    site = tmp_path / "site.yaml"
    text = "storage: s\ncameras: {gate: {source: a.mp4}}\ntelemetry: {host: 0.0.0.0, token_file: token}\n"
    site.write_text(text.replace(", token_file: token", ""))
    with pytest.raises(ConfigError) as refused:
        read_site(site)
    assert str(refused.value) == (
        f"{site}:3: telemetry.host is 0.0.0.0, beyond this machine and without a token; give one with token_file."
    )
    (tmp_path / "token").write_text("secret\n")
    site.write_text(text)
    token = read_site(site).telemetry.token
    assert token is not None
    assert token.get_secret_value() == "secret"
