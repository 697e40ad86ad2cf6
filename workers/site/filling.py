"""What stands outside the site file: `${NAME}` from the environment, secrets from files of their own.

A secret is never written out in the site file: it is `${NAME}` as a whole, or in the file that `password_file` or
`secret_file` names. What cannot be filled in is a problem, and its place keeps what was written.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import SecretStr
from pydantic_core import PydanticCustomError

from pipeline.errors import ConfigError
from workers.site.addresses import path_from
from workers.site.document import Document, Place, Problem, named

__all__ = ["Filled", "fill"]

VARIABLE = re.compile(r"\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^{}]*))?\}|\$\{")
WHOLE_VARIABLE = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}")
# Longer than any key anybody types, shorter than a recording that was named by mistake.
LONGEST_SECRET_BYTES = 4096
# Stands for what is missing, so that a key is not said to be missing as well.
MISSING = "-"
# The secret of each mapping that has one: of the broker, of metrics, of each camera and webhook.
SECRETS = {"broker": "password", "telemetry": "token", "cameras": "password", "webhooks": "secret"}


@dataclass(slots=True)
class Filled:
    """The document with everything in it.

    Attributes:
        value: as of the document, secrets as `SecretStr`.
        written: what was written where the environment gave the value, to be shown instead of it.
        called: the key that was written, where it stands for another: `password_file` for `password`.
        unfilled: places whose values are not there.
        warnings: secrets that others can read.
    """

    value: dict[str, object]
    written: dict[Place, str] = field(default_factory=dict)
    called: dict[Place, Place] = field(default_factory=dict)
    unfilled: set[Place] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)


def fill(document: Document, folder: Path, environ: Mapping[str, str]) -> Filled:
    """Put environment and secret files into a document.

    Args:
        folder: where relative paths begin.
    """
    filler = _Filler(document.lines, folder, environ)
    assert isinstance(document.value, dict)
    filler.filled.value = filler.mapping(document.value, ())
    return filler.filled


def _secret_of(place: Place) -> str | None:
    """The key of the secret that a mapping has; None where it has none."""
    deep = 2 if place and place[0] in ("cameras", "webhooks") else 1
    return SECRETS.get(str(place[0])) if len(place) == deep else None


class _Filler:
    def __init__(self, lines: dict[Place, int], folder: Path, environ: Mapping[str, str]) -> None:
        self.filled = Filled({})
        self._lines, self._folder, self._environ = lines, folder, environ

    def mapping(self, value: dict[str, object], place: Place) -> dict[str, object]:
        kind = _secret_of(place)
        if kind is None:
            return {key: self._any(inner, (*place, key)) for key, inner in value.items()}
        given = [key for key in (kind, f"{kind}_file") if value.get(key) is not None]
        others = [key for key in value if key not in given and key != f"{kind}_file"]
        found = {key: self._any(value[key], (*place, key)) for key in others}
        if len(given) == 2:
            self._wrong((*place, f"{kind}_file"), f"is set beside {kind}; keep one of the two")
        if given:
            at = (*place, given[-1])
            self.filled.called[*place, kind] = at
            secret = self._secret_file if given[-1].endswith("_file") else self._secret
            found[kind] = SecretStr(secret(value[given[-1]], at))
        return found

    def _any(self, value: object, place: Place) -> object:
        if isinstance(value, dict):
            return self.mapping(value, place)
        if isinstance(value, list):
            return [self._any(item, (*place, number)) for number, item in enumerate(value)]
        return self._text(value, place) if isinstance(value, str) else value

    def _text(self, text: str, place: Place) -> str:
        """The text with every variable in it, or as it was written where one is missing."""

        def variable(match: re.Match[str]) -> str:
            name, default = match[1], match[2]
            if match[0] == "$${":
                return "${"
            if name is None:
                self._wrong(place, "holds ${ without a name; write ${NAME}, ${NAME:-DEFAULT}, or $${ for the letters")
                return match[0]
            if self._environ.get(name) or (default is None and name in self._environ):
                return self._environ[name]
            if default is None:
                self._wrong(place, f"asks for the environment variable {name}, which is not set; set it")
                return match[0]
            return default

        filled = VARIABLE.sub(variable, text)
        if filled != text:
            self.filled.written[place] = text
        return filled

    def _secret(self, value: object, place: Place) -> str:
        if isinstance(value, str) and WHOLE_VARIABLE.fullmatch(value):
            return self._text(value, place)
        self._wrong(place, f"is written out; use ${{NAME}}, set in the environment, or {place[-1]}_file")
        return MISSING

    def _secret_file(self, value: object, place: Place) -> str:
        try:
            if not isinstance(value, str):
                raise ConfigError("is not the path of a file; name one")
            path = path_from(self._text(value, place), self._folder)
            return MISSING if place in self.filled.unfilled else self._read(path, place)
        except (ConfigError, PydanticCustomError) as error:
            self._wrong(place, str(error))
            return MISSING

    def _read(self, path: Path, place: Place) -> str:
        shown = f"is {str(path)!r}"
        if not os.path.isfile(path):
            raise ConfigError(f"{shown}, where there is no file; write the secret into one")
        try:
            with open(path, "rb") as file:
                data, mode = file.read(LONGEST_SECRET_BYTES + 1), os.fstat(file.fileno()).st_mode
            text = data.decode("utf-8").rstrip("\r\n")
        except OSError as error:
            raise ConfigError(f"{shown}, which cannot be read ({error.strerror}); check its permissions") from error
        except UnicodeDecodeError as error:
            raise ConfigError(f"{shown}, which is not UTF-8 text; name the file of the secret") from error
        if not text:
            raise ConfigError(f"{shown}, which is empty; write the secret into it")
        if len(data) > LONGEST_SECRET_BYTES or "\n" in text:
            raise ConfigError(f"{shown}, which holds more than one line; name the file of the secret alone")
        if mode & (stat.S_IRGRP | stat.S_IROTH):
            warning = f"{named(place)} {shown}, which others can read; run 'chmod 600' on it"
            self.filled.warnings.append(Problem(self._lines[place], warning))
        return text

    def _wrong(self, place: Place, text: str) -> None:
        self.filled.unfilled.add(place)
        self.filled.problems.append(Problem(self._lines[place], f"{named(place)} {text}"))
