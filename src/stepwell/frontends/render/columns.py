"""Plain text tables, aligned by display width."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from stepwell.source.escape_control import columns

__all__ = ["aligned", "padded", "painted", "with_heading"]


def aligned(rows: Iterable[Sequence[str]]) -> list[str]:
    """Return rows as lines with columns two spaces apart, without trailing spaces."""
    table = list(rows)
    widths = [max(map(columns, column)) for column in zip(*table, strict=True)]
    return ["  ".join(map(padded, row, widths)).rstrip() for row in table]


def with_heading(lines: Iterable[str], *, color: bool) -> list[str]:
    """Return the lines of a table with the first one in bold."""
    heading, *rest = lines
    return [painted(heading, "1", color=color), *rest]


def painted(text: str, code: str, *, color: bool) -> str:
    """Return a text in an ANSI colour, e.g. ``1;31`` for bold red."""
    return f"\x1b[{code}m{text}\x1b[0m" if color else text


def padded(cell: str, width: int) -> str:
    """Pad a cell to a width in terminal columns."""
    return cell + " " * (width - columns(cell))
