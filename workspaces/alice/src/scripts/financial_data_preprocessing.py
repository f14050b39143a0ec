"""Clean payments, derive what risk models read, and write one file for each split."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping
from pathlib import Path

DATA = "/opt/ml/processing/input/data"
SIGNATURE = "/opt/ml/processing/input/signature"
OUTPUT = "/opt/ml/processing/output"

SPLITS = (("train", 0.7), ("val", 0.85), ("test", 1.0))
"""Each split, and the part of the rows up to which it goes."""


def main(
    input_paths: Mapping[str, str], output_paths: Mapping[str, str], environ_vars: Mapping[str, str]
) -> dict[str, int]:
    """Write the splits, and give how many rows each one has.

    Args:
        input_paths: the folders ``DATA`` and ``SIGNATURE``.
        output_paths: the folder ``processed_data``.
        environ_vars: what the environment says.
    """
    (signature,) = Path(input_paths["SIGNATURE"]).iterdir()
    columns = signature.read_text(encoding="utf-8").split(",")
    largest = float(environ_vars.get("LARGEST", "1000"))
    rows: list[dict[str, str]] = []
    for shard in sorted(Path(input_paths["DATA"]).glob("*.csv")):
        with shard.open(newline="", encoding="utf-8") as file:
            rows += csv.DictReader(file, fieldnames=columns)
    for row in rows:
        amount = min(float(row["amount"]), largest)
        row["amount"] = str(amount)
        row["amount_by_distance"] = f"{amount / (1 + float(row['distance'])):.4f}"
    counted, start = {}, 0
    for name, part in SPLITS:
        end = round(len(rows) * part)
        folder = Path(output_paths["processed_data"]) / name
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "data.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=[*columns, "amount_by_distance"])
            writer.writeheader()
            writer.writerows(rows[start:end])
        counted[name], start = end - start, end
    return counted


if __name__ == "__main__":
    main({"DATA": DATA, "SIGNATURE": SIGNATURE}, {"processed_data": OUTPUT}, dict(os.environ))
