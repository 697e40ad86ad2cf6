"""Tables of figures: rows of cells, each behind its name; the first has the names of the columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence

__all__ = ["as_markdown", "as_text", "cell"]

ABSENT = "-"
# Columns of a terminal that a table of plain text keeps to.
WIDTH, GAP = 100, "  "


def cell(figure: float | None) -> str:
    """A count as it is, a figure from 0 to 1 with three places, and a sign for what is absent."""
    if figure is None:
        return ABSENT
    return str(figure) if isinstance(figure, int) else f"{figure:.3f}"


def as_text(table: Sequence[Sequence[str]]) -> list[str]:
    """Lines of aligned columns, after an empty one.

    Where a line is full the table goes on below, after another empty one, under the same names of rows.
    """
    names, *columns = zip(*table, strict=True)
    parts = _parts(_aligned(names, str.ljust), [_aligned(column, str.rjust) for column in columns])
    return [line for part in parts for line in ("", *map(GAP.join, zip(*part, strict=True)))]


def as_markdown(table: Sequence[Sequence[str]]) -> list[str]:
    """Lines of the same in Markdown."""
    header, *rows = [[text.replace("|", "\\|") for text in row] for row in table]
    rule = ["---", *["---:"] * (len(header) - 1)]
    return [f"| {' | '.join(row)} |" for row in [header, rule, *rows]]


def _aligned(column: Sequence[str], aligned: Callable[[str, int], str]) -> list[str]:
    """Cells that are all as wide as the widest."""
    width = max(map(len, column))
    return [aligned(text, width) for text in column]


def _parts(names: list[str], columns: Sequence[list[str]]) -> list[list[list[str]]]:
    """Columns in as few parts as fit a terminal, no part wider than need be, each behind the names of the rows."""
    parts = _filled(names, columns, WIDTH)
    for width in range(WIDTH - 1, 0, -1):
        narrower = _filled(names, columns, width)
        if len(narrower) > len(parts):
            break
        parts = narrower
    return parts


def _filled(names: list[str], columns: Sequence[list[str]], width: int) -> list[list[list[str]]]:
    parts = [[names]]
    for column in columns:
        if len(parts[-1]) > 1 and len(GAP.join([*(one[0] for one in parts[-1]), column[0]])) > width:
            parts.append([names])
        parts[-1].append(column)
    return parts
