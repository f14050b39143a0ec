"""Concatenate the shards of a table, drop rows without a label, and write one file per split."""

from __future__ import annotations

import argparse
import csv
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

DATA = "/opt/ml/processing/input/data"
SIGNATURE = "/opt/ml/processing/input/signature"
OUTPUT = "/opt/ml/processing/output"

Row = Sequence[str]


def read(folder: Path, columns: Sequence[str]) -> Iterator[Row]:
    """Yield the column names, then the rows of every shard in file name order.

    Args:
        folder: contains the shards.
        columns: column names; if empty, each shard starts with a header.
    """
    has_names = bool(columns)
    if columns:
        yield columns
    for shard in sorted(folder.glob("*.csv")):
        with shard.open(newline="", encoding="utf-8") as file:
            rows = csv.reader(file)
            header = columns or next(rows, [])
            if not has_names:
                yield header
                has_names = True
            yield from rows


def columns_of(folder: Path) -> Sequence[str]:
    """Return the column names from the signature, if there is one."""
    for file in sorted(folder.glob("*")):
        return file.read_text(encoding="utf-8").strip().split(",")
    return ()


def write(folder: Path, header: Row, rows: Sequence[Row]) -> None:
    """Write one table in its own folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "data.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])


def main(
    input_paths: Mapping[str, str],
    output_paths: Mapping[str, str],
    environ_vars: Mapping[str, str],
    job_type: str,
) -> dict[str, int]:
    """Write the requested splits and return the number of rows of each.

    Args:
        input_paths: the folders ``DATA`` and ``SIGNATURE``; the second is optional.
        output_paths: the folder ``processed_data``.
        job_type: ``training`` writes ``train``, ``test`` and ``val``; other types one split of that name.
    """
    header, *rows = read(Path(input_paths["DATA"]), columns_of(Path(input_paths["SIGNATURE"])))
    label = environ_vars.get("LABEL_FIELD", "")
    if label:
        place = list(header).index(label)
        rows = [row for row in rows if row[place].strip()]
    parts = {job_type: rows}
    if job_type == "training":
        train = round(len(rows) * float(environ_vars.get("TRAIN_RATIO", "0.7")))
        test = train + round((len(rows) - train) * float(environ_vars.get("TEST_VAL_RATIO", "0.5")))
        parts = {"train": rows[:train], "test": rows[train:test], "val": rows[test:]}
    for name, part in parts.items():
        write(Path(output_paths["processed_data"]) / name, header, part)
    return {name: len(part) for name, part in parts.items()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--job_type", required=True)
    main(
        {"DATA": DATA, "SIGNATURE": SIGNATURE},
        {"processed_data": OUTPUT},
        dict(os.environ),
        parser.parse_args().job_type,
    )
