"""Compare predictions with what really was, and write how good they are."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Mapping
from pathlib import Path

INPUT = "/opt/ml/processing/input/predictions"
OUTPUT = "/opt/ml/processing/output/metrics"


def main(
    input_paths: Mapping[str, str], output_paths: Mapping[str, str], environ_vars: Mapping[str, str]
) -> dict[str, float]:
    """Write the accuracy of every table of predictions together, and give it.

    Args:
        input_paths: the folder ``predictions``, with tables that have the columns ``score`` and ``label``.
        output_paths: the folder ``metrics``.
        environ_vars: what the environment says.
    """
    threshold = float(environ_vars.get("THRESHOLD", "0.5"))
    right = every = 0
    for table in sorted(Path(input_paths["predictions"]).glob("*.csv")):
        with table.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                every += 1
                right += (float(row["score"]) >= threshold) == (row["label"] == "1")
    metrics = {"rows": float(every), "accuracy": right / every if every else 0.0}
    folder = Path(output_paths["metrics"])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "metrics.json").write_text(json.dumps(metrics), encoding="utf-8")
    return metrics


if __name__ == "__main__":
    main({"predictions": INPUT}, {"metrics": OUTPUT}, dict(os.environ))
