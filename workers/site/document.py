"""YAML with the line of every key: plain values alone, nothing is ever constructed from a tag.

A place is the way to a value: `("cameras", "gate", "fps")`, `("webhooks", 0, "url")`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from yaml.constructor import SafeConstructor
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from pipeline.errors import ConfigError

__all__ = ["Document", "Place", "Problem", "named", "read_document"]

Place = tuple[str | int, ...]

# A site of a thousand cameras takes less. Aliases of aliases grow without end in a few lines.
LARGEST_BYTES, MOST_VALUES = 4_000_000, 200_000
CORE = "tag:yaml.org,2002:"
MERGE = CORE + "merge"
# Read as the text that was written: a user name may look like a date.
PLAIN = frozenset(CORE + name for name in ("str", "timestamp", "value"))
SCALARS = frozenset(CORE + name for name in ("null", "bool", "int", "float"))


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """What is wrong in a line: a sentence without file and line, and without its full stop."""

    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Document:
    """A file read.

    Attributes:
        value: mappings, lists, texts, numbers, booleans and None.
        lines: the line, from 1, of each key and of each item of a list.
        problems: what is wrong with the text itself, such as a key that is there twice.
    """

    value: object
    lines: dict[Place, int]
    problems: list[Problem]


def named(place: Place) -> str:
    """A place as people write it.

    >>> named(("webhooks", 0, "url"))
    'webhooks[0].url'
    """
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)
    return text.removeprefix(".")


def read_document(path: Path) -> Document:
    """Read a YAML file whose top is a mapping.

    Raises:
        ConfigError: it cannot be read, or is not YAML; what is wrong with single keys is among the problems.
    """
    text = _text(path)
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        raise ConfigError(_syntax(path, text, error)) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ConfigError(f"{path}:{line}: holds a control character; remove it.") from error
    except RecursionError as error:
        raise ConfigError(f"{path}: is nested too deeply for a site file; write it flat.") from error
    if root is None or (isinstance(root, ScalarNode) and not root.value):
        raise ConfigError(f"{path}: is empty; name at least storage and cameras.")
    if not isinstance(root, MappingNode):
        raise ConfigError(
            f"{path}:{_line(root)}: holds {_called(root)}, not keys with values; begin with storage and cameras."
        )
    walk = _Walk(path)
    return Document(walk.value(root, ()), walk.lines, walk.problems)


def _text(path: Path) -> str:
    try:
        with open(path, "rb") as file:
            data = file.read(LARGEST_BYTES + 1)
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: there is no such site file; check the name.") from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); check its name and permissions.") from error
    if len(data) > LARGEST_BYTES:
        raise ConfigError(f"{path}: is larger than {LARGEST_BYTES // 1_000_000} MB; name a site file.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}:{line}: is not UTF-8 text; save it as UTF-8.") from error


def _syntax(path: Path, text: str, error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    if mark is None:
        return f"{path}: is not YAML: {error.problem}; correct it."
    lines = text.splitlines()
    written = lines[mark.line] if mark.line < len(lines) else ""
    if "\t" in written[: mark.column + 1]:
        return f"{path}:{mark.line + 1}: a tab stands where YAML takes spaces alone; replace it by spaces."
    if "${" in written[: mark.column + 1]:
        return f"{path}:{mark.line + 1}: holds a ${{NAME}} that YAML cannot read; put it in quotes."
    problem = (error.problem or "").removeprefix("but ")
    return f"{path}:{mark.line + 1}: is not YAML: {problem}; correct this line or the one above."


def _line(node: Node) -> int:
    return int(node.start_mark.line) + 1


def _called(node: Node) -> str:
    return "a list" if isinstance(node, SequenceNode) else "a single value"


@dataclass(slots=True)
class _Walk:
    """Nodes turned into values, with the line of each."""

    path: Path
    lines: dict[Place, int] = field(default_factory=lambda: {(): 1})
    problems: list[Problem] = field(default_factory=list)
    seen: int = 0
    around: list[Node] = field(default_factory=list)

    def value(self, node: Node, place: Place) -> object:
        self.lines.setdefault(place, _line(node))
        self.seen += 1
        if self.seen > MOST_VALUES or any(outer is node for outer in self.around):
            raise ConfigError(f"{self.path}:{_line(node)}: its aliases have no end; write out what *NAME stands for.")
        if isinstance(node, ScalarNode):
            return self._scalar(node, place)
        if node.tag not in (CORE + "map", CORE + "seq"):
            self._refuse_tag(node, place)
        self.around.append(node)
        try:
            if isinstance(node, MappingNode):
                return self._mapping(node, place)
            return [self.value(item, (*place, number)) for number, item in enumerate(node.value)]
        finally:
            self.around.pop()

    def _mapping(self, node: MappingNode, place: Place) -> dict[str, object]:
        found: dict[str, object] = {}
        for key, value, own in self._pairs(node, place, own=True):
            if not isinstance(key, ScalarNode):
                self._wrong(key, place, f"has {_called(key)} for a key; write a word")
                continue
            inner = (*place, key.value)
            if key.value not in found:
                self.lines[inner] = _line(key)
                found[key.value] = self.value(value, inner)
            elif own:
                self._wrong(key, inner, f"is there twice, first in line {self.lines[inner]}; rename or remove one")
        return found

    def _pairs(self, node: MappingNode, place: Place, *, own: bool) -> Iterator[tuple[Node, Node, bool]]:
        """Keys and values, first the mapping's own, then what `<<` brings, which never replaces one."""
        merged = [value for key, value in node.value if key.tag == MERGE]
        yield from ((key, value, own) for key, value in node.value if key.tag != MERGE)
        for value in merged:
            for mapping in value.value if isinstance(value, SequenceNode) else [value]:
                if not isinstance(mapping, MappingNode) or any(outer is mapping for outer in self.around):
                    self.problems.append(
                        Problem(_line(value), "<< takes another mapping, as *NAME; correct or remove it")
                    )
                    continue
                self.around.append(mapping)
                yield from self._pairs(mapping, place, own=False)
                self.around.pop()

    def _scalar(self, node: ScalarNode, place: Place) -> object:
        if node.tag in SCALARS:
            try:
                return SafeConstructor().construct_object(node)
            except (ValueError, KeyError):  # 0x_, !!int and a word
                return node.value
        if node.tag not in PLAIN:
            self._refuse_tag(node, place)
        text = str(node.value).encode("utf-8", "replace").decode()
        if text != node.value:  # "\ud800" stands for half a character, which no path and no address can hold
            self._wrong(node, place, "holds half a character; write it out")
        return text

    def _refuse_tag(self, node: Node, place: Place) -> None:
        self._wrong(node, place, f"carries the tag {node.tag.replace(CORE, '!!')}; remove the tag")

    def _wrong(self, node: Node, place: Place, text: str) -> None:
        self.problems.append(Problem(_line(node), f"{named(place) or 'the file'} {text}"))
