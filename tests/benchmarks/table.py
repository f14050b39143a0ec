"""The table of results: one row for each measurement."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from measuring import Pairs

__all__ = [
    "LOSS",
    "Row",
    "amount",
    "as_time",
    "faster",
    "figure",
    "limit",
    "line",
    "losses",
    "table",
    "within",
]

LOSS: Final = 0.25
"""Share of a committed ratio that a run may lose."""

HEADINGS: Final = ("measured", "Stepwell", "beside", "takes", "ratio", "target", "")


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement as text.

    Args:
        measured: what.
        ours: Stepwell's median.
        beside: the other way.
        theirs: its median.
        ratio: the median of the ratios of all pairs, with the smallest and the largest.
        target: what is promised.
        verdict: ``met``, ``not met``, or nothing where nothing is promised.
    """

    measured: str
    ours: str
    beside: str = ""
    theirs: str = ""
    ratio: str = ""
    target: str = ""
    verdict: str = ""

    @property
    def cells(self) -> tuple[str, ...]:
        """The cells, in the order of the headings."""
        return (
            self.measured, self.ours, self.beside, self.theirs, self.ratio, self.target, self.verdict
        )  # fmt: skip


def faster(measured: str, pairs: Pairs, beside: str, at_least: float | None = None) -> Row:
    """Stepwell beside something slower, perhaps with a factor that it must reach."""
    ratio, spread = _spread(pairs.ratios)
    target = f"at least {at_least:g}x" if at_least else ""
    verdict = ("met" if ratio >= at_least else "not met") if at_least else ""
    return _row(measured, pairs, beside, f"{_factor(ratio)}x as fast ({spread})", target, verdict)


def within(measured: str, pairs: Pairs, beside: str, at_most: float | None = None) -> Row:
    """Stepwell beside something that does less, perhaps with a factor that it must keep to."""
    ratio, spread = _spread([1 / ratio for ratio in pairs.ratios])
    target = f"at most {at_most:g}x" if at_most else ""
    verdict = ("met" if ratio <= at_most else "not met") if at_most else ""
    return _row(measured, pairs, beside, f"{_factor(ratio)}x the time ({spread})", target, verdict)


def limit(measured: str, seconds: float, at_most: float | None = None) -> Row:
    """A time without a peer, with an optional limit."""
    target = f"at most {as_time(at_most)}" if at_most else ""
    verdict = ("met" if seconds <= at_most else "not met") if at_most else ""
    return Row(measured, as_time(seconds), target=target, verdict=verdict)


def amount(measured: str, ours: float, beside: str, theirs: float, at_most: float | None = None) -> Row:
    """Two amounts of memory in bytes, side by side, perhaps with a factor that ours must keep to."""
    ratio = f"{_factor(ours / theirs)}x as much" if theirs > 0 else ""
    target = f"at most {at_most:g}x" if at_most else ""
    verdict = ("met" if ours <= at_most * theirs else "not met") if at_most else ""
    return Row(measured, _bytes_as_text(ours), beside, _bytes_as_text(theirs), ratio, target, verdict)


def figure(measured: str, ours: str, target: str, is_met: bool) -> Row:
    """A figure in its own unit, with its target."""
    return Row(measured, ours, target=target, verdict="met" if is_met else "not met")


def _row(measured: str, pairs: Pairs, other: str, ratio: str, target: str, verdict: str) -> Row:
    ours, theirs = map(as_time, pairs.middle)
    return Row(measured, ours, other, theirs, ratio, target, verdict)


def _spread(ratios: Iterable[float]) -> tuple[float, str]:
    ordered = sorted(ratios)
    half = len(ordered) // 2
    middle = ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2
    return middle, f"{_factor(ordered[0])} to {_factor(ordered[-1])}"


def _factor(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio < 10 else f"{ratio:.0f}"


def as_time(seconds: float) -> str:
    """A duration with three figures in the unit that fits it."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return (
                f"{seconds / size:.3g} {unit}" if seconds < 999.5 * size else f"{seconds / size:.0f} {unit}"
            )
    return f"{seconds * 1e9:.3g} ns"


def _bytes_as_text(amount: float) -> str:
    """An amount of memory in KiB, or MiB where it is more than one."""
    return f"{amount / 1024:.0f} KiB" if amount < 1024 * 1024 else f"{amount / 1024 / 1024:.2f} MiB"


def line(cells: Iterable[str]) -> str:
    """One line of a Markdown table."""
    return f"| {' | '.join(cells)} |\n"


def table(rows: Iterable[Row]) -> str:
    """The rows as a Markdown table."""
    return "".join(map(line, (HEADINGS, ("---",) * len(HEADINGS), *(row.cells for row in rows))))


_RATIO: Final = re.compile(
    r"(?P<middle>[\d.]+)x (?P<unit>as fast|the time|as much)(?: \((?P<least>[\d.]+) to (?P<most>[\d.]+)\))?"
)


def losses(rows: Iterable[Row], page: str) -> tuple[list[str], int]:
    """The rows whose ratio is worse than on a page by more than ``LOSS``, and the number of compared rows.

    A row counts only if its best pair is worse than the page too: single pairs are slow on a busy machine.
    """
    cells = (tuple(map(str.strip, line[1:-1].split(" | "))) for line in page.splitlines() if line[:2] == "| ")
    committed = {(each[0], each[2]): _RATIO.match(each[4]) for each in cells if len(each) == len(HEADINGS)}
    found: list[str] = []
    compared = 0
    for row in rows:
        old, new = committed.get((row.measured, row.beside)), _RATIO.match(row.ratio)
        if old is None or new is None:
            continue
        compared += 1
        is_better_higher = new["unit"] == "as fast"
        best = float(new["most" if is_better_higher else "least"] or new["middle"])
        before, now = float(old["middle"]), float(new["middle"])
        loss, of_the_best = (
            (1 - now / before, 1 - best / before)
            if is_better_higher
            else (now / before - 1, best / before - 1)
        )
        if loss > LOSS and of_the_best > 0:
            found.append(f"{row.measured}, beside {row.beside}: {row.ratio}, committed {old[0]}")
    return found, compared
