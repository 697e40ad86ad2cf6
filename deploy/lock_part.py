"""Print the part of requirements.lock that some packages need: `lock_part.py LOCK PYPROJECT [NAME...]`.

Without names: what the project needs to run, without what only its tests and tools need. Who needs whom stands in the
lock's `# via` comments, so that nothing is asked of an index.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

NAME = re.compile(r"[A-Za-z0-9._-]+")


def main(lock: str, pyproject: str, *names: str) -> None:
    """Print the lines, markers included."""
    needed_by = entries(Path(lock).read_text("utf-8"))
    roots = names or project_names(Path(pyproject).read_text("utf-8"))
    wanted = closure(needed_by, set(roots))
    sys.stdout.writelines(f"{line}\n" for line in needed_by if name_of(line) in wanted)


def entries(lock: str) -> dict[str, set[str]]:
    """Each line that names a version, with the packages it is there for."""
    needed_by: dict[str, set[str]] = {}
    line = ""
    for text in lock.splitlines():
        comment = text.strip().removeprefix("#").strip().removeprefix("via").strip()
        if text.startswith("#"):
            continue
        if not text.startswith(" "):
            line = text
            needed_by[line] = set()
        elif comment:
            needed_by[line].add(comment)
    return needed_by


def project_names(pyproject: str) -> list[str]:
    """What the project itself depends on, without its extras."""
    return [name_of(text) for text in tomllib.loads(pyproject)["project"]["dependencies"]]


def closure(needed_by: dict[str, set[str]], names: set[str]) -> set[str]:
    """The names, and all that they need."""
    while more := {name_of(line) for line, by in needed_by.items() if by & names} - names:
        names = names | more
    return names


def name_of(requirement: str) -> str:
    """The package that a line is about."""
    found = NAME.match(requirement)
    assert found, requirement
    return found.group()


if __name__ == "__main__":
    main(*sys.argv[1:])
