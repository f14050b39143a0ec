"""Measures Stepwell and writes ``docs/benchmarks.md``."""

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

from report import page
from sections import FULL, QUICK, SECTIONS
from table import Row, line, table

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "benchmarks.md"


def main() -> int:
    """Measure, show the table, write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes and few rounds: a smoke test")
    parser.add_argument("--output", type=Path, default=PAGE, metavar="PATH", help="the page to write")
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the folder is removed then too
    plan = QUICK if asked.quick else FULL
    busy = os.getloadavg()[0]
    rows: list[Row] = []
    sys.stdout.write(table(()))
    with tempfile.TemporaryDirectory(prefix="stepwell-benchmarks-") as folder:
        for section in SECTIONS:
            started = time.perf_counter()
            for row in section(plan, Path(folder)):
                rows.append(replace(row, verdict="") if asked.quick else row)  # promises are for full size
                sys.stdout.write(line(rows[-1].cells))
                sys.stdout.flush()
            sys.stderr.write(f"{section.__name__}: {time.perf_counter() - started:.0f} s\n")
    asked.output.parent.mkdir(parents=True, exist_ok=True)
    asked.output.write_text(page(rows, plan, busy), encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
