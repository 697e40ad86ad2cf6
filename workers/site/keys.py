"""What the models say about a key, in words, for errors and the reference: what it takes, its range, its default."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from workers.site.cameras import Camera, CameraDefaults
from workers.site.document import Place
from workers.site.kinds import LONGEST_TEXT
from workers.site.values import Site

__all__ = ["NOT_WRITTEN", "OWN_KEYS", "Key", "default_of", "expected", "key_at", "keys_of", "listed"]

Limit = Ge | Gt | Le
# Set by the reader, not by the file.
NOT_WRITTEN = {Site: frozenset({"path"}), Camera: frozenset({"name"})}
# Of a camera alone; `name` and the rest of them.
OWN_KEYS = tuple(name for name in Camera.model_fields if name not in CameraDefaults.model_fields)


@dataclass(frozen=True, slots=True)
class Key:
    """A key, or an item of a list or of a mapping of names.

    Attributes:
        kind: the type of its value, without None.
        items: what a list or a mapping of names holds, else None.
        limits: of a number.
    """

    kind: Any  # a class, or a Literal
    items: Any
    limits: tuple[Limit, ...]
    field: FieldInfo | None = None

    @property
    def model(self) -> type[BaseModel] | None:
        """The model of a mapping with keys of its own."""
        return self.kind if isinstance(self.kind, type) and issubclass(self.kind, BaseModel) else None


def key_at(place: Place) -> Key | None:
    """The key at a place, or None where the models know none."""
    key: Key | None = Key(Site, None, ())
    for part in place:
        if key is None:
            return None
        if key.items is not None:
            key = _key(key.items)
        else:
            field = key.model.model_fields.get(str(part)) if key.model else None
            key = _key(field.annotation, field) if field else None
    return key


def keys_of(model: type[BaseModel]) -> Iterator[str]:
    """Keys that a file may write in a mapping, `password_file` and `secret_file` among them."""
    for name, field in model.model_fields.items():
        if name in NOT_WRITTEN.get(model, ()):
            continue
        yield name
        if _key(field.annotation).kind is SecretStr:
            yield f"{name}_file"


def expected(key: Key) -> str:
    """What a key takes.

    >>> expected(key_at(("defaults", "fps")))
    'a number from 0.1 to 60'
    """
    if key.model or key.kind is dict:
        return "keys with values"
    if key.kind in (int, float):
        return " ".join(["a number" if key.kind is float else "a whole number", *_range(key.limits)])
    choices = _choices(key.kind)
    if choices:
        return f"one of {listed(choices)}"
    words = {
        bool: "true or false",
        str: f"a text of up to {LONGEST_TEXT} letters",
        list: "a list",
        SecretStr: "a text",
        Path: "a path",
    }
    return words[key.kind]


def default_of(field: FieldInfo) -> str:
    """The default as a site file would write it; empty where there is none, or it is left out."""
    value = field.default
    if field.is_required() or value is None or isinstance(value, BaseModel):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return "[" + ", ".join(f'"{item}"' for item in value) + "]"
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def listed(words: list[str], last: str = "and") -> str:
    """Words as a sentence lists them.

    >>> listed(["tcp", "udp"])
    'tcp and udp'
    """
    return f" {last} ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _key(annotation: Any, field: FieldInfo | None = None) -> Key:
    limits = list(_limits(field.metadata if field else []))
    while True:
        origin, inner = get_origin(annotation), get_args(annotation)
        if origin is Annotated:
            annotation = inner[0]
            limits += _limits(inner[1:])
        elif origin in (Union, UnionType):
            annotation = next(kind for kind in inner if kind is not NoneType)
        elif origin in (list, dict):
            return Key(origin, inner[-1], (), field)
        else:
            return Key(annotation, None, tuple(limits), field)


def _limits(metadata: Iterable[object]) -> Iterator[Limit]:
    for item in metadata:
        if isinstance(item, FieldInfo):
            yield from _limits(item.metadata)
        elif isinstance(item, Ge | Gt | Le):
            yield item


def _choices(kind: Any) -> list[str]:
    if get_origin(kind) is Literal:
        return [str(choice) for choice in get_args(kind)]
    return [str(choice.value) for choice in kind] if isinstance(kind, type) and issubclass(kind, Enum) else []


def _range(limits: tuple[Limit, ...]) -> list[str]:
    lows = [limit for limit in limits if not isinstance(limit, Le)]
    high = next((limit.le for limit in limits if isinstance(limit, Le)), None)
    if not lows:
        return []
    low = lows[0]
    if isinstance(low, Gt):
        return [f"above {low.gt:g}" + (f", up to {high:g}" if high is not None else "")]
    return [f"from {low.ge:g} to {high:g}" if high is not None else f"of {low.ge:g} or more"]
