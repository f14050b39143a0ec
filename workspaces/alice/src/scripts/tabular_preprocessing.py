"""Put the shards of a table together, clean its label, and write one file for each split.

The container gives the shards in one folder and takes the splits from another; ``main`` takes other
folders, so that it runs on any machine.
"""

from __future__ import annotations

import argparse
import csv
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

INPUT = "/opt/ml/processing/input/data"
SIGNATURE = "/opt/ml/processing/input/signature"
OUTPUT = "/opt/ml/processing/output"

Row = dict[str, str]


def rows_of(folder: Path, columns: Sequence[str]) -> Iterator[Row]:
    """The rows of every shard, by the names of their files."""
    for shard in sorted(folder.glob("*.csv")):
        with shard.open(newline="", encoding="utf-8") as file:
            yield from csv.DictReader(file, fieldnames=list(columns) or None)


def columns_of(folder: Path) -> list[str]:
    """The names of the columns, where a file says them; the shards say them otherwise."""
    for file in sorted(folder.glob("*")):
        return [name.strip() for name in file.read_text(encoding="utf-8").split(",")]
    return []


def split(rows: Sequence[Row], train_ratio: float, test_ratio: float) -> dict[str, Sequence[Row]]:
    """The rows in three parts: to learn from, to test with, to validate with."""
    train = round(len(rows) * train_ratio)
    test = train + round((len(rows) - train) * test_ratio)
    return {"train": rows[:train], "test": rows[train:test], "val": rows[test:]}


def write(folder: Path, rows: Sequence[Row]) -> None:
    """One table in a folder of its own; a split without rows has no header either."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "data.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]) if rows else [])
        if rows:
            writer.writeheader()
        writer.writerows(rows)


def main(
    input_paths: Mapping[str, str],
    output_paths: Mapping[str, str],
    environ_vars: Mapping[str, str],
    job_type: str,
) -> dict[str, int]:
    """Write the splits that a job asks for, and tell how many rows each one has.

    Args:
        input_paths: the folders ``DATA`` and ``SIGNATURE``; the second may be missing.
        output_paths: the folder ``processed_data``.
        environ_vars: what the environment says.
        job_type: ``training`` writes three splits, any other writes one called like it.
    """
    columns = columns_of(Path(input_paths.get("SIGNATURE", "")) if "SIGNATURE" in input_paths else Path("-"))
    rows = list(rows_of(Path(input_paths["DATA"]), columns))
    label = environ_vars.get("LABEL_FIELD", "")
    if label:
        rows = [row for row in rows if row.get(label, "").strip()]
    parts: dict[str, Sequence[Row]] = {job_type: rows}
    if job_type == "training":
        train = float(environ_vars.get("TRAIN_RATIO", "0.7"))
        parts = split(rows, train, float(environ_vars.get("TEST_VAL_RATIO", "0.5")))
    for name, part in parts.items():
        write(Path(output_paths["processed_data"]) / name, part)
    return {name: len(part) for name, part in parts.items()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--job_type", required=True)
    main(
        {"DATA": INPUT, "SIGNATURE": SIGNATURE},
        {"processed_data": OUTPUT},
        dict(os.environ),
        parser.parse_args().job_type,
    )
