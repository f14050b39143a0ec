"""Local replacement for SageMaker: score every row of a data set with a created model."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import xgboost

MODEL = "/opt/ml/processing/input/model"
DATA = "/opt/ml/processing/input/data"
SCORES = "/opt/ml/processing/output/transform"


def main(input_paths: Mapping[str, str], output_paths: Mapping[str, str]) -> int:
    """Write one score per row, in one file per table; return the number of scores.

    Args:
        input_paths: the folders ``model_name`` and ``processed_data``.
        output_paths: the folder ``transform_output``.
    """
    model, data = Path(input_paths["model_name"]), Path(input_paths["processed_data"])
    known = json.loads((model / "features.json").read_text(encoding="utf-8"))["features"]
    booster = xgboost.Booster(model_file=model / "model.json")
    count = 0
    for table in sorted(data.rglob("*.csv")):
        with table.open(newline="", encoding="utf-8") as file:
            rows = [[float(row[name]) for name in known] for row in csv.DictReader(file)]
        scores = booster.predict(xgboost.DMatrix(np.array(rows), feature_names=known))
        place = Path(output_paths["transform_output"]) / f"{table.relative_to(data).as_posix()}.out"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text("".join(f"{score:.6f}\n" for score in scores), encoding="utf-8")
        count += len(rows)
    return count


if __name__ == "__main__":
    main({"model_name": MODEL, "processed_data": DATA}, {"transform_output": SCORES})
