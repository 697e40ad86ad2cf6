"""The table of cameras, for a terminal: as wide as there is room, readable without colour."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from pipeline.parts import Parts
from workers.bus.status import DEAD_S, CameraState
from workers.overview import CameraRow, Overview
from workers.site.values import Site

__all__ = ["age", "camera_table"]

# The bar ends at twice the threshold, which stands in its middle.
BAR_ENDS = 2.0
HALF_BAR = 6
GAP = 2
# Lines below the table, where a terminal's height leaves no room for more.
FEWEST_LINES = 3

COLOURS = {
    CameraState.ONLINE: "green",
    CameraState.CONNECTING: "yellow",
    CameraState.STALLED: "yellow",
    CameraState.OFFLINE: "red",
    CameraState.ENDED: "dim",
}


@dataclass(frozen=True, slots=True)
class _Column:
    """A column.

    Attributes:
        rank: where there is no room, that with the highest goes first.
    """

    head: str
    cell: Callable[[CameraRow], Text]
    rank: int
    right: bool = False


def camera_table(
    overview: Overview,
    site: Site,
    width: int,
    height: int | None = None,
    *,
    plain: bool = False,
    starting: bool = False,
) -> Group:
    """The table, and below it what is wrong.

    Args:
        width: columns of the terminal.
        height: its lines; None for all there is to say.
        plain: letters of ASCII alone.
        starting: workers that are not there yet are on their way, and no reason to complain.
    """
    parts = any(row.motion is not None for row in overview.cameras)
    columns = _fitting(_columns(plain, "starting" if starting else "no decoder", parts), overview.cameras, width)
    table = Table(box=None, padding=(0, GAP, 0, 0), pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column.head, justify="right" if column.right else "left", no_wrap=True)
    for row in overview.cameras:
        table.add_row(*[column.cell(row) for column in columns])
    room = None if height is None else max(FEWEST_LINES, height - len(overview.cameras) - 2)
    lines = _shortened(list(_complaints(overview, site, starting)), room)
    return Group(table, *[_line(line, width if height is not None else None) for line in lines])


def age(seconds: float | None) -> str:
    """A time that has passed, in three or four letters.

    >>> age(0.31), age(7.2), age(95), age(4000), age(200_000)
    ('0.3s', '7s', '1m35', '1h06', '2d')
    """
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.1f}s" if seconds < 5 else f"{seconds:.0f}s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes}m{rest:02}"
    return f"{minutes // 60}h{minutes % 60:02}" if minutes < 48 * 60 else f"{minutes // 1440}d"


def _columns(plain: bool, absent: str, parts: bool) -> list[_Column]:
    return [
        _Column("camera", lambda row: Text(row.camera), 0),
        _Column("state", lambda row: _state(row, absent), 1),
        _Column("for", lambda row: Text(age(row.since_s) if row.state else "", "dim"), 9, right=True),
        _Column("in/s", lambda row: _rate(row.fps_in), 5, right=True),
        _Column("scored/s", lambda row: _rate(row.fps_scored), 4, right=True),
        _Column("age", _score_age, 6, right=True),
        _Column("dropped", lambda row: Text(f"{row.dropped:,}", "yellow" if row.dropped else "dim"), 8, right=True),
        _Column("score", _score, 2, right=True),
        _Column("0     1     2", lambda row: _bar(row, plain), 3),
        *([_Column("motion", _motion, 10, right=True)] if parts else []),
        _Column("event", lambda row: Text(row.event.removeprefix(f"{row.camera}-"), "bold red"), 7),
    ]


def _fitting(columns: list[_Column], rows: Iterable[CameraRow], width: int) -> list[_Column]:
    """The columns that there is room for; the last of all to go is the name."""
    rows = list(rows)
    widths = {column.head: _width(column, rows) for column in columns}
    kept = sorted(columns, key=lambda column: column.rank)
    while len(kept) > 1 and sum(widths[column.head] + GAP for column in kept) - GAP > width:
        kept.pop()
    return [column for column in columns if column in kept]


def _width(column: _Column, rows: Iterable[CameraRow]) -> int:
    return max([len(column.head), *(column.cell(row).cell_len for row in rows)])


def _state(row: CameraRow, absent: str) -> Text:
    return Text(absent, "yellow") if row.state is None else Text(row.state, COLOURS[row.state])


def _rate(fps: float | None) -> Text:
    return Text("" if fps is None else f"{fps:.1f}")


def _score_age(row: CameraRow) -> Text:
    late = row.score_age_s is not None and row.score_age_s > DEAD_S and row.state is CameraState.ONLINE
    return Text(age(row.score_age_s), "red" if late else "")


def _score(row: CameraRow) -> Text:
    if row.score is None:
        return Text()
    # The mark says without colour what the colour says.
    return Text(f"{row.score:.2f} !", "bold red") if row.score > 1 else Text(f"{row.score:.2f}  ")


def _motion(row: CameraRow) -> Text:
    """How much of the score is motion."""
    share = Parts(row.appearance, row.motion).share
    return Text() if share is None else Text(f"{share:.0%}")


def _bar(row: CameraRow, plain: bool) -> Text:
    """A bar from 0 to 2 with the threshold in its middle."""
    full, empty, middle, crossed = ("=", ".", "|", "#") if plain else ("━", "─", "│", "┿")
    cells = 2 * HALF_BAR + 1
    filled = round(min(max(row.score or 0.0, 0.0), BAR_ENDS) / BAR_ENDS * cells)
    above = row.score is not None and row.score > 1
    # Rounding alone must not carry a score over the mark, nor hold it back.
    filled = max(filled, HALF_BAR + 1) if above else min(filled, HALF_BAR)
    colour = "red" if above else "green"
    bar = Text()
    for cell in range(cells):
        on = cell < filled
        letter = (crossed if on else middle) if cell == HALF_BAR else full if on else empty
        bar.append(letter, colour if on else "" if cell == HALF_BAR else "dim")
    return bar


def _complaints(overview: Overview, site: Site, starting: bool) -> Iterable[tuple[str, str]]:
    """What is wrong: of which camera, and a sentence."""
    for note in [] if starting else overview.notes:
        yield "", note
    for row in overview.cameras:
        if row.state is None:
            if starting:
                continue
            yield row.camera, "no decoder works on it; see 'stillwatch run' or 'stillwatch worker decoder'."
        elif row.errors:
            yield row.camera, row.errors[0].replace(f"{site.cameras[row.camera].where}: ", "")


def _shortened(lines: list[tuple[str, str]], room: int | None) -> list[tuple[str, str]]:
    if room is None or len(lines) <= room:
        return lines
    return [*lines[: room - 1], ("", f"and {len(lines) - room + 1} more; 'stillwatch status' says all.")]


def _line(line: tuple[str, str], width: int | None) -> RenderableType:
    camera, sentence = line
    text = Text(f"{camera}: ", "bold", no_wrap=width is not None, overflow="ellipsis") if camera else Text()
    text.append(sentence, "not bold")
    if width is not None:
        text.truncate(width, overflow="ellipsis")
    return text
