"""The models alone: paces, addresses, bounds."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from pipeline.policy import Policy
from pipeline.video.sources import SourceKind
from workers.site.cameras import AlertOptions, Camera, CameraDefaults, Pace
from workers.site.services import Broker, Telemetry, Webhook
from workers.site.values import Site


def camera(**values: object) -> Camera:
    return Camera.model_validate({"name": "gate", "source": "rtsp://gate.lan/1"} | values)


def said(model: type[Camera | Broker | Webhook | Site], value: object) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(value)
    return [error["msg"] for error in caught.value.errors()]


@pytest.mark.parametrize(
    ("source", "pace"),
    [
        ("rtsp://h/1", Pace.LIVE),
        ("RTSPS://h/1", Pace.LIVE),
        ("http://h/1", Pace.LIVE),
        ("https://h/1", Pace.LIVE),
        ("v4l2:///dev/video0", Pace.LIVE),
        ("/dev/video12", Pace.LIVE),
        ("a.mp4", Pace.REALTIME),
        ("file:///a.mp4", Pace.REALTIME),
    ],
)
def test_a_source_has_a_pace_of_its_own(source: str, pace: Pace) -> None:
    assert camera(source=source).paced is pace


@pytest.mark.parametrize("pace", list(Pace))
def test_http_takes_any_pace(pace: Pace) -> None:
    assert camera(source="http://h/a.mp4", pace=pace).paced is pace


@pytest.mark.parametrize("pace", ["realtime", "fast"])
@pytest.mark.parametrize("source", ["rtsp://h/1", "/dev/video0", "v4l2:///dev/video0"])
def test_a_live_source_has_no_other_pace(source: str, pace: str) -> None:
    text = f"is {pace}, but the source runs by its own clock; choose live, or leave it out for live"
    assert said(Camera, {"name": "a", "source": source, "pace": pace}) == [text]


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("rtmp://me:pw@h/1", "is rtmp://h/1: addresses of the kind rtmp:// are not opened; use file, rtsp, rtsps, "
            "http, https or v4l2"),
        ("rtsp:///1", "is rtsp:///1, without a host; write SCHEME://HOST:PORT/PATH"),
        ("rtsp://h:port/1", "is rtsp://h:port/1, whose host or port is unreadable; write SCHEME://HOST:PORT/PATH"),
        ("rtsp://me:1/2@h/1", "is rtsp://h/1 with a user name or a password in it; use username and password_file, and "
            "%40 for an @ that is part of the path"),
        ("rtsp://me:p?w@h/1", "is rtsp://h/1 with a user name or a password in it; use username and password_file, and "
            "%40 for an @ that is part of the path"),
        ("v4l2://", "is v4l2:// without a device; name one, such as v4l2:///dev/video0"),
        ("a\n.mp4", "holds a control character; name a source without"),
        ("clips/*.mp4", "is 'clips/*.mp4', a pattern; name one recording, and give each recording a camera of its own"),
        ("a.PNG", "is 'a.PNG', a picture; name a recording, an address or a device"),
    ],
)  # fmt: skip
def test_sources_that_are_refused(source: str, text: str) -> None:
    assert said(Camera, {"name": "a", "source": source}) == [text]


def test_a_folder_is_refused_and_a_file_with_brackets_is_not(tmp_path: Path) -> None:
    text = f"is '{tmp_path}', a folder; name one recording, and give each recording a camera of its own"
    assert said(Camera, {"name": "a", "source": str(tmp_path)}) == [text]
    (tmp_path / "a[1].mp4").touch()
    assert camera(source=str(tmp_path / "a[1].mp4")).opened_as().kind is SourceKind.FILE


@pytest.mark.parametrize("source", ["~nobody-of-this-name/a.mp4", "a" * 300 + ".mp4"])
def test_a_recording_that_cannot_be_there_is_for_check_to_find(source: str) -> None:
    assert camera(source=source).opened_as().location == source


def test_user_name_and_password_are_percent_encoded_and_not_shown() -> None:
    login = {"username": "me@lan", "password": "p/?#: @é"}
    source = camera(**login).opened_as()
    assert source.location == "rtsp://me%40lan:p%2F%3F%23%3A%20%40%C3%A9@gate.lan/1"
    assert (source.where, repr(source)) == ("rtsp://gate.lan/1", "Source('rtsp://gate.lan/1', url)")
    assert camera(username="me").opened_as().location == "rtsp://me:@gate.lan/1"
    assert camera().opened_as().location == "rtsp://gate.lan/1"


def test_what_is_shown_of_a_camera_holds_no_token() -> None:
    login = {"username": "me", "password": "hunter2"}
    found = camera(source="http://h/1?token=hunter2", **login)
    assert "hunter2" not in f"{found!r} {found.where} {found.opened_as()!r}"


def test_a_user_name_is_for_addresses() -> None:
    text = "is set, but the source has no address to log in at; leave it out"
    assert said(Camera, {"name": "a", "source": "a.mp4", "username": "me"}) == [text]


def test_alert_options_are_those_of_the_policy_with_its_defaults() -> None:
    names = [field.name for field in fields(Policy)]
    assert [*names, "offline_s"] == list(AlertOptions.model_fields)
    assert AlertOptions().policy == Policy()
    assert AlertOptions(gap_s=7).policy == Policy(gap_s=7)


def test_bounds_of_the_streams() -> None:
    live = camera(fps=2.5, max_age_s=1)
    assert (live.frames_kept, live.previews_kept) == (3 + 4, 58)
    fast = camera(source="a.mp4", pace="fast")
    assert (fast.frames_kept, fast.previews_kept) == (64, 5 * 23 + 64)


@pytest.mark.parametrize(
    "url", ["redis://localhost", "redis://127.0.0.1:6380/1", "rediss://me@[::1]", "unix:///run/redis.sock"]
)
def test_a_broker_on_this_machine_needs_no_password(url: str) -> None:
    assert Broker.model_validate(url).url == url


def test_a_broker_beyond_this_machine_needs_a_password() -> None:
    text = "is rediss://me@redis.lan:6380/0, beyond this machine and without a password; give one with password_file"
    assert said(Broker, "rediss://me@redis.lan:6380/0") == [text]
    assert not Broker(url="rediss://me@redis.lan:6380/0", password=SecretStr("x")).embedded


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://me:hunter2@localhost/0", "redis://localhost/0"),
        ("redis://:hunter2@localhost/0", "redis://localhost/0"),
        ("redis://me:12/hunter2@localhost", "redis://localhost"),
        ("redis://localhost?password=hunter2", "redis://localhost"),
    ],
)
def test_a_password_in_the_address_of_a_broker_is_refused_and_not_shown(url: str, shown: str) -> None:
    assert said(Broker, url) == [
        f"is {shown} with a password or options in it; use password_file, and keep USER@ alone"
    ]


def test_what_contradicts_itself_about_the_broker() -> None:
    assert said(Broker, {"password": "x"}) == ["is set, but the embedded broker has none; leave it out"]
    assert said(Broker, {"url": "unix:///s", "max_memory_mb": 64}) == [
        "is set, but only the embedded broker takes it; leave it out, and set maxmemory in the broker"
    ]
    kinds = "not embedded, redis://HOST:PORT/DB, rediss://… or unix:///PATH; write one"
    assert said(Broker, "valkey://h") == [f"is 'valkey://h', {kinds}"]
    assert said(Broker, "embeded") == [f"is 'embeded', {kinds}"]
    assert said(Broker, "unix://s") == ["is unix://s, without the path of a socket; write unix:///PATH"]


def test_webhooks() -> None:
    hook = Webhook(url="http://ops.lan/token", cameras=["gate", "n-*"])
    assert (hook.in_the_clear, hook.where) == (True, "http://ops.lan")
    assert "token" not in repr(hook)
    assert [hook.hears(name) for name in ("gate", "n-1", "dock")] == [True, True, False]
    assert not Webhook(url="http://127.0.0.1/").in_the_clear
    assert not Webhook(url="https://ops.lan/").in_the_clear
    assert said(Webhook, {"url": "ftp://h"}) == ["is not an http:// or https:// address; write one"]
    assert said(Webhook, {"url": "https://me:hunter2@h/"}) == [
        "holds a user name or a password; use secret_file, which signs each POST"
    ]


def test_values_are_frozen_and_telemetry_can_be_off() -> None:
    with pytest.raises(ValidationError):
        camera().fps = 3
    assert Telemetry.model_validate(False).port is None


def test_cameras_that_are_values_already_stay_as_they_are() -> None:
    gate = camera(fps=3)
    site = Site(path=Path("x"), storage=Path("s"), defaults=CameraDefaults(), cameras={"gate": gate})
    assert site.cameras == {"gate": gate}
