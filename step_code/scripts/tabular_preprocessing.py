"""Put the shards of a table together, drop rows without a label, and write one file for each split."""

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
    """The names of the columns, then the rows of every shard by the names of their files.

    Args:
        folder: where the shards lie.
        columns: what the signature says; where it says nothing, each shard begins with a header.
    """
    told = bool(columns)
    if columns:
        yield columns
    for shard in sorted(folder.glob("*.csv")):
        with shard.open(newline="", encoding="utf-8") as file:
            rows = csv.reader(file)
            header = columns or next(rows, [])
            if not told:
                yield header
                told = True
            yield from rows


def columns_of(folder: Path) -> Sequence[str]:
    """The names of the columns, where a signature says them."""
    for file in sorted(folder.glob("*")):
        return file.read_text(encoding="utf-8").strip().split(",")
    return ()


def write(folder: Path, header: Row, rows: Sequence[Row]) -> None:
    """One table in a folder of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "data.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])


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
        job_type: ``training`` writes ``train``, ``test`` and ``val``, any other one split called like it.
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
