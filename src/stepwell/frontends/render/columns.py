"""Tables as plain text: cells in aligned columns, whatever the width of their characters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from stepwell.source.escape_control import columns

__all__ = ["aligned", "padded"]


def aligned(rows: Iterable[Sequence[str]]) -> list[str]:
    """Rows of cells as lines, the columns two spaces apart, without spaces at the ends of lines."""
    table = list(rows)
    widths = [max(map(columns, column)) for column in zip(*table, strict=True)]
    return ["  ".join(map(padded, row, widths)).rstrip() for row in table]


def padded(cell: str, width: int) -> str:
    """A cell with spaces up to a width in columns of the terminal."""
    return cell + " " * (width - columns(cell))
