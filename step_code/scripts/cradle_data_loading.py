"""Local replacement for Cradle: generate a table of payments, some of them fraudulent.

The same rows and seed give the same table. The shards have no header; the signature names their columns.
"""

from __future__ import annotations

import csv
import json
import math
import os
import random
from collections.abc import Mapping
from pathlib import Path

DATA = "/opt/ml/processing/output/place_holder"
METADATA = "/opt/ml/processing/output/metadata"
SIGNATURE = "/opt/ml/processing/output/signature"

COLUMNS = ("amount", "hour", "distance", "is_new", "label")
SHARD = 250  # rows


def row(draw: random.Random) -> tuple[float, int, float, int, int]:
    """Return one payment; distant, large and new payments are fraud more often."""
    amount = round(math.exp(draw.gauss(3, 1)), 2)
    hour, distance, is_new = draw.randrange(24), round(draw.expovariate(0.1), 2), int(draw.random() < 0.3)
    risk = 0.03 * amount + 0.12 * distance + 1.5 * is_new - 3.2
    return amount, hour, distance, is_new, int(draw.random() < 1 / (1 + math.exp(-risk)))


def main(output_paths: Mapping[str, str], environ_vars: Mapping[str, str]) -> int:
    """Write the table, its metadata and its column names; return the number of rows.

    Args:
        output_paths: the folders ``DATA``, ``METADATA`` and ``SIGNATURE``.
    """
    count = int(environ_vars.get("ROWS", "400"))
    draw = random.Random(int(environ_vars.get("SEED", "7")))  # noqa: S311 - deterministic
    rows = [row(draw) for _ in range(count)]
    folders = {name: Path(path) for name, path in output_paths.items()}
    for folder in folders.values():
        folder.mkdir(parents=True, exist_ok=True)
    for start in range(0, count, SHARD):
        shard = folders["DATA"] / f"part-{start // SHARD:05}.csv"
        with shard.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(rows[start : start + SHARD])
    (folders["SIGNATURE"] / "signature").write_text(",".join(COLUMNS), encoding="utf-8")
    (folders["METADATA"] / "metadata.json").write_text(json.dumps({"rows": count}), encoding="utf-8")
    return count


if __name__ == "__main__":
    main({"DATA": DATA, "METADATA": METADATA, "SIGNATURE": SIGNATURE}, dict(os.environ))
