"""What pydantic found wrong with a site file, in our words: where, what was found and expected, what to do.

A secret is never shown, nor a value that came from the environment: what was written stands for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, SecretStr
from pydantic_core import ErrorDetails

from pipeline.video.sources import redacted
from workers.site.addresses import SAID
from workers.site.cameras import Camera, CameraDefaults
from workers.site.document import Place, Problem, named
from workers.site.filling import Filled
from workers.site.keys import NOT_WRITTEN, OWN_KEYS, Key, default_of, expected, key_at, keys_of, listed

__all__ = ["WRONG_VALUES", "problems_of", "unknown"]

# The value is of the wrong type, out of range, or no choice of those there are: one sentence does for all of them.
WRONG_VALUES = frozenset(
    "bool_parsing bool_type dict_type enum finite_number float_parsing float_type greater_than greater_than_equal "  # noqa: SIM905
    "int_from_float int_parsing int_parsing_size int_type less_than_equal list_type literal_error model_type "
    "path_type string_too_long string_too_short string_type too_short".split()
)
LONGEST_SHOWN = 40


def problems_of(errors: list[ErrorDetails], lines: dict[Place, int], filled: Filled) -> list[Problem]:
    """Each error as a line and a sentence; what `defaults` does to every camera is said once."""
    teller = _Teller(lines, filled)
    return list(dict.fromkeys(problem for error in errors for problem in teller.told(error)))


class _Teller:
    def __init__(self, lines: dict[Place, int], filled: Filled) -> None:
        self._lines, self._filled = lines, filled

    def told(self, error: ErrorDetails) -> Iterator[Problem]:
        place: Place = error["loc"]
        if place[0] == "cameras" and place[2:] == ("name",):
            return  # the key of the camera, which has an error of its own
        said = error["ctx"] if error["type"] == SAID else {}
        place = (*place, *said.get("key", ()))
        shown, line = self._written(place, said.get("beside", ""))
        if not self._excused(shown, place, said.get("beside", "")):
            yield Problem(line, self._sentence(error, shown))

    def _sentence(self, error: ErrorDetails, place: Place) -> str:
        kind, name = error["type"], named(place)
        if kind == SAID:
            return f"{name} {error['ctx']['text']}"
        if kind == "missing":
            return f"{name} is missing; set it"
        if kind == "extra_forbidden":
            return unknown(place)
        if place[-1] == "[key]":
            return (
                f"{named(place[:-2])} holds the name {place[-2]!r}, not 1 to 40 small letters, digits and hyphens; "
                "rename it"
            )
        assert kind in WRONG_VALUES, kind
        key = key_at(place)
        assert key is not None, place
        return f"{name} {self._found(error['input'], place, key)}"

    def _found(self, value: object, place: Place, key: Key) -> str:
        found = self._shown(value, place)
        if isinstance(value, SecretStr):  # it can only be empty: everything else was settled as it was filled in
            return f"{found}; give it a value"
        if value in ("", []) and found == "is empty":
            return f"{found}; {_remedy(key)}"
        return f"{found}, not {expected(key)}; {_remedy(key)}"

    def _shown(self, value: object, place: Place) -> str:
        written = self._filled.written.get(place)
        if written is not None:
            return f"is {written} from the environment"
        if isinstance(value, SecretStr) or value is None or value in ("", [], {}):
            return "is empty"
        if isinstance(value, dict | list):
            return "is a mapping" if isinstance(value, dict) else "is a list"
        if isinstance(value, bool):
            return f"is {str(value).lower()}"
        text = redacted(value) if isinstance(value, str) and "://" in value else value
        shown = repr(text) if isinstance(text, str) else f"{text}"
        return f"is {shown}" if len(shown) <= LONGEST_SHOWN else f"is {shown[:LONGEST_SHOWN]}…"

    def _written(self, place: Place, beside: str) -> tuple[Place, int]:
        """The place as the file has it, and its line: what no camera says itself, `defaults` says for it."""
        for candidate in (place, _shared(place)):
            called = self._filled.called.get(candidate, candidate)
            if called in self._lines:
                return called, self._lines[called]
        for candidate in (place, _shared(place)):
            if beside and (*candidate[:-1], beside) in self._lines:
                return candidate, self._lines[*candidate[:-1], beside]
        around = next(place[:end] for end in range(len(place), -1, -1) if place[:end] in self._lines)
        return place, self._lines[around]

    def _excused(self, shown: Place, place: Place, beside: str) -> bool:
        """Whether the place was told about already, or is judged by a neighbour that could not be filled in."""
        unfilled = self._filled.unfilled
        neighbour = (*place[:-1], beside)
        return shown in unfilled or (bool(beside) and not unfilled.isdisjoint((neighbour, _shared(neighbour))))


def _shared(place: Place) -> Place:
    """Where `defaults` says the same for every camera."""
    shared = place[0] == "cameras" and len(place) > 2 and place[2] in CameraDefaults.model_fields
    return ("defaults", *place[2:]) if shared else place


def _remedy(key: Key) -> str:
    field = key.field
    if key.model or key.kind is dict:
        return "write them below it"
    if field is None or field.is_required():
        return "set one"
    default = default_of(field)
    return f"set one, or leave it out for the default of {default}" if default else "set one, or leave it out"


def unknown(place: Place) -> str:
    """The sentence about a key that there is not, with the closest one that there is."""
    around, name = key_at(place[:-1]), str(place[-1])
    assert around is not None, place
    model: Any = around.model
    if model is CameraDefaults and name in (*OWN_KEYS, "password_file"):
        return f"{named(place)} is each camera's own; write it under the cameras"
    if name in NOT_WRITTEN.get(model, ()):
        return f"{named(place)} is not for the file to say; remove it"
    known = list(keys_of(model))
    close = get_close_matches(name, known, n=1)
    if close:
        return f"{named(place)} is an unknown key; write {close[0]}, or remove it"
    return f"{named(place)} is an unknown key; write {_one_of(model, known)}, or remove it"


def _one_of(model: type[BaseModel], known: list[str]) -> str:
    # A camera has a page of keys: the reference lists them.
    return "one of docs/reference/site-file.md" if issubclass(model, Camera | CameraDefaults) else listed(known, "or")
