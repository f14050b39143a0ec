"""Plain text tables, aligned by display width."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from stepwell.source.escape_control import columns

__all__ = ["aligned", "padded"]


def aligned(rows: Iterable[Sequence[str]]) -> list[str]:
    """Return rows as lines with columns two spaces apart, without trailing spaces."""
    table = list(rows)
    widths = [max(map(columns, column)) for column in zip(*table, strict=True)]
    return ["  ".join(map(padded, row, widths)).rstrip() for row in table]


def padded(cell: str, width: int) -> str:
    """Pad a cell to a width in terminal columns."""
    return cell + " " * (width - columns(cell))
