"""Measures Stepwell, and writes ``docs/benchmarks.md`` or compares with it."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Final

from chart import svg
from report import DRAWING, page
from sections import FULL, QUICK, SECTIONS, soak
from starts import curves
from table import LOSS, Row, line, losses, table

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "benchmarks.md"


def main() -> int:
    """Measure, show the table, and write the page or compare with it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes and few rounds: a smoke test")
    parser.add_argument("--output", type=Path, default=PAGE, metavar="PATH", help="the page to write")
    parser.add_argument(
        "--check",
        action="store_true",
        help=f"write nothing; fail if a ratio of the page lost over {LOSS:.0%}",
    )
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="SECTION",
        choices=[each.__name__ for each in SECTIONS],
        help="with --check, measure only this section (repeatable)",
    )
    asked = parser.parse_args()
    if asked.only and not asked.check:
        parser.error("--only needs --check")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the folder is removed then too
    plan = QUICK if asked.quick else FULL
    busy = os.getloadavg()[0]
    rows: list[Row] = []
    sys.stdout.write(table(()))
    with tempfile.TemporaryDirectory(prefix="stepwell-benchmarks-") as folder:
        for section in SECTIONS:
            is_wanted = (
                section.__name__ in asked.only if asked.only else not asked.check or section is not soak
            )
            if not is_wanted:
                continue
            started = time.perf_counter()
            for row in section(plan, Path(folder)):
                rows.append(replace(row, verdict="") if asked.quick else row)  # promises are for full size
                sys.stdout.write(line(rows[-1].cells))
                sys.stdout.flush()
            sys.stderr.write(f"{section.__name__}: {time.perf_counter() - started:.0f} s\n")
        if asked.check:
            return _check(rows, asked.output.read_text(encoding="utf-8"))
        below = replace(plan.size, steps=plan.frozen[1])
        charts = curves(min(plan.rounds, 3), *plan.curves, below, Path(folder))
    asked.output.parent.mkdir(parents=True, exist_ok=True)
    asked.output.write_text(page(rows, charts, plan, busy), encoding="utf-8", newline="\n")
    (asked.output.parent / DRAWING).parent.mkdir(exist_ok=True)
    (asked.output.parent / DRAWING).write_text(svg(charts), encoding="utf-8", newline="\n")
    return 0


def _check(rows: list[Row], committed: str) -> int:
    lost, compared = losses(rows, committed)
    for each in lost:
        sys.stderr.write(f"lost: {each}\n")
    sys.stderr.write(f"ratios compared: {compared}, lost more than {LOSS:.0%}: {len(lost)}\n")
    return 1 if lost else 0 if compared else 2


if __name__ == "__main__":
    sys.exit(main())
