"""No word of pydantic reaches people."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from pydantic import SecretStr, ValidationError
from pydantic_core import ErrorDetails

from workers.site.addresses import SAID
from workers.site.cameras import Camera
from workers.site.document import Place
from workers.site.filling import Filled
from workers.site.keys import key_at, keys_of
from workers.site.values import Site
from workers.site.wording import WRONG_VALUES, problems_of

# What YAML, the environment and secret files can give.
VALUES: tuple[object, ...] = (
    None, True, False, 0, -1, 10**30, 1.5, float("nan"), float("inf"), "", "word", "1.5", "-1", "9" * 5000, "é\0", [],
    [None], ["word"], {}, {"word": 1}, {"word": {}}, SecretStr(""), SecretStr("x"), date(2024, 1, 1),
)  # fmt: skip
OTHERS = {"missing", "extra_forbidden", "string_pattern_mismatch", SAID}
CAMERA: dict[str, object] = {"source": "rtsp://gate.lan/1"}


def places() -> Iterator[Place]:
    """Each key that a file can hold, and each mapping of them."""
    yield ("cameras", "Gate 1")
    waiting: list[Place] = [()]
    while waiting:
        place = waiting.pop()
        key = key_at(place)
        if key is None:
            continue
        if place:  # what is at the top is a mapping: the reader has seen to it
            yield place
        if key.items is not None:
            waiting.append((*place, "gate" if key.kind is dict else 0))
        elif key.model:
            waiting += [(*place, name) for name in keys_of(key.model)]
            yield (*place, "wrod")


def with_value(place: Place, value: object) -> object:
    """A site that is right but for one place."""
    inner = value
    for part in reversed(place):
        inner = [inner] if isinstance(part, int) else {part: inner}
    site: dict[str, object] = {"path": "x", "storage": "s", "cameras": {"gate": CAMERA}}
    assert isinstance(inner, dict)
    if place[0] == "cameras" and len(place) > 2:
        inner["cameras"]["gate"] = {**CAMERA, **inner["cameras"]["gate"]}
    return site | inner


def errors_of(site: object) -> list[ErrorDetails]:
    try:
        Site.model_validate(site)
    except ValidationError as error:
        return error.errors(include_url=False)
    return []


def test_every_error_that_can_occur_is_told_in_our_words() -> None:
    met = set()
    for place in places():
        for value in VALUES:
            errors = errors_of(with_value(place, value))
            met |= {error["type"] for error in errors}
            told = problems_of(errors, {(): 1}, Filled({}))
            assert bool(told) == bool(errors)
            for error, text in ((error, problem.text) for error in errors for problem in told):
                assert ";" in text or text.endswith("set it"), text
                assert "\n" not in text
                assert len(text) < 400, text
                assert error["msg"] not in text or error["type"] == SAID
    assert met <= WRONG_VALUES | OTHERS
    assert met >= WRONG_VALUES | OTHERS, "nothing is listed that cannot occur"


def test_every_key_is_known_by_its_place() -> None:
    assert key_at(("cameras", "gate", "alert", "gap_s")) is not None
    assert key_at(("webhooks", 0, "url")) is not None
    assert key_at(("cameras", "gate", "wrod")) is None
    assert set(keys_of(Camera)) == (set(Camera.model_fields) - {"name"}) | {"password_file"}
