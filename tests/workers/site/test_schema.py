"""The JSON Schema takes what the reader takes; a small checker of ours knows the words that it uses."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from workers.site.reading import read_site
from workers.site.schema import site_schema

CONFIGS = Path(__file__).parents[3] / "configs"
EXAMPLES = sorted(CONFIGS.glob("*.yaml"))
# Without meaning for a check.
SAID = {"$schema", "title", "description", "default", "$defs"}
TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,), "number": (int, float), "integer": (int,), "boolean": (bool,), "null": (type(None),),
    "array": (list,), "object": (dict,),
}  # fmt: skip
SITE = {"storage": "s", "cameras": {"gate": {"source": "rtsp://gate.lan"}}}


def wrongs(value: Any, schema: dict[str, Any], root: dict[str, Any], at: str = "") -> Iterator[str]:
    """Places where a value breaks a schema, and the word that says so."""
    for word, wanted in schema.items():
        if word in SAID:
            continue
        if word in ("properties", "patternProperties", "additionalProperties", "required"):
            if word == "properties" and isinstance(value, dict):
                for key in value.keys() & wanted.keys():
                    yield from wrongs(value[key], wanted[key], root, f"{at}.{key}")
            elif word == "patternProperties":
                for pattern, inner in wanted.items():
                    for key in (key for key in value if re.search(pattern, key)):
                        yield from wrongs(value[key], inner, root, f"{at}.{key}")
            elif word == "additionalProperties" and isinstance(value, dict):
                patterns = schema.get("patternProperties", {})
                known = schema.get("properties", {}).keys()
                for key in value.keys() - known:
                    if not any(re.search(pattern, key) for pattern in patterns):
                        yield f"{at}.{key} {word}"
            elif word == "required" and isinstance(value, dict):
                yield from (f"{at}.{key} {word}" for key in wanted if key not in value)
        elif word == "anyOf":
            if all(any(wrongs(value, choice, root, at)) for choice in wanted):
                yield f"{at} {word}"
        elif word == "$ref":
            yield from wrongs(value, root["$defs"][wanted.removeprefix("#/$defs/")], root, at)
        elif word == "items":
            for number, item in enumerate(value if isinstance(value, list) else ()):
                yield from wrongs(item, wanted, root, f"{at}[{number}]")
        elif not fits(word, wanted, value):
            yield f"{at} {word}"


def fits(word: str, wanted: Any, value: Any) -> bool:
    if word == "type":
        return isinstance(value, TYPES[wanted]) and (wanted == "boolean" or not isinstance(value, bool))
    if word in ("const", "enum"):
        return value == wanted if word == "const" else value in wanted
    if word in ("pattern", "minLength"):
        return not isinstance(value, str) or bool(
            re.search(wanted, value) if word == "pattern" else len(value) >= wanted
        )
    if word == "maxLength":
        return not isinstance(value, str) or len(value) <= wanted
    if word in ("minItems", "minProperties"):
        return not isinstance(value, list | dict) or len(value) >= wanted
    limits = {"minimum": float.__ge__, "maximum": float.__le__, "exclusiveMinimum": float.__gt__}
    return not isinstance(value, int | float) or limits[word](float(value), float(wanted))


def broken(site: dict[str, Any]) -> list[str]:
    schema = site_schema()
    return list(wrongs(site, schema, schema))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_the_examples_are_read_as_they_are(example: Path, tmp_path: Path) -> None:
    copied = shutil.copytree(CONFIGS, tmp_path / "configs")
    secrets = copied / "secrets"
    secrets.mkdir()
    for name in ("gate", "hook", "broker", "cameras"):
        (secrets / name).write_text("secret\n")
    site = read_site(copied / example.name, environ={"LANE_PASSWORD": "secret"})
    assert site.cameras


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_the_examples_are_right_by_the_schema_that_they_name(example: Path) -> None:
    text = example.read_text("utf-8")
    assert text.startswith("# yaml-language-server: $schema=site.schema.json\n")
    assert broken(yaml.safe_load(text)) == []


@pytest.mark.parametrize(
    "more",
    [
        {"broker": "embedded"},
        {"broker": "rediss://me@redis.lan:6380/0"},
        {"broker": {"url": "redis://redis.lan", "password_file": "secrets/broker"}},
        {"broker": None, "scorer": None, "webhooks": None, "defaults": None, "telemetry": None},
        {"telemetry": False},
        {"telemetry": {"port": None}},
        {"shards": "${SHARDS:-2}", "defaults": {"pace": "${PACE}", "previews": "${P}"}},
        {"cameras": {"gate": {"source": "/dev/video0", "password": "${PW}", "pace": None, "alert": None}}},
    ],
)
def test_short_forms_and_variables_are_right(more: dict[str, Any]) -> None:
    assert broken({**SITE, **more}) == []


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"brokr": 1}, [".brokr additionalProperties"]),
        ({"path": "x"}, [".path additionalProperties"]),
        ({"shards": 65}, [".shards anyOf"]),
        ({"broker": "embeded"}, [".broker anyOf"]),
        ({"telemetry": True}, [".telemetry anyOf"]),
        ({"cameras": {}}, [".cameras minProperties"]),
        ({"cameras": {"Gate": {"source": "x"}}}, [".cameras.Gate additionalProperties"]),
        ({"cameras": {"gate": {}}}, [".cameras.gate.source required"]),
        ({"cameras": {"gate": {"source": "x", "name": "y"}}}, [".cameras.gate.name additionalProperties"]),
        ({"cameras": {"gate": {"source": "x", "password": "hunter2"}}}, [".cameras.gate.password pattern"]),
        ({"defaults": {"source": "x"}}, [".defaults anyOf"]),
        ({"webhooks": [{"url": "https://h", "cameras": []}]}, [".webhooks anyOf"]),
        ({"scorer": {"threads": 0}}, [".scorer anyOf"]),
    ],
)
def test_what_the_reader_refuses_is_wrong_by_the_schema(more: dict[str, Any], said: list[str]) -> None:
    assert broken({**SITE, **more}) == said


def test_every_key_of_the_schema_is_described() -> None:
    schema = site_schema()
    parts = [schema, *(part for part in schema["$defs"].values() if "properties" in part)]
    assert all(key["description"] for part in parts for key in part["properties"].values())
