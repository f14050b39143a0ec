"""Score held-out data with trained trees and write metrics."""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import xgboost

MODEL = "/opt/ml/processing/input/model"
DATA = "/opt/ml/processing/input/eval_data"
SCORES = "/opt/ml/processing/output/eval"
METRICS = "/opt/ml/processing/output/metrics"


def main(
    input_paths: Mapping[str, str], output_paths: Mapping[str, str], job_type: str = "testing"
) -> dict[str, float]:
    """Write a score for each label and return the metrics.

    Args:
        input_paths: the folders ``model_input`` and ``processed_data``.
        output_paths: the folders ``eval_output`` and ``metrics_output``.
        job_type: included in the metrics.
    """
    model = Path(input_paths["model_input"])
    known = json.loads((model / "features.json").read_text(encoding="utf-8"))
    booster = xgboost.Booster(model_file=model / "model.json")
    rows: list[dict[str, str]] = []
    for table in sorted(Path(input_paths["processed_data"]).rglob("*.csv")):
        with table.open(newline="", encoding="utf-8") as file:
            rows += csv.DictReader(file)
    features = np.array([[float(row[name]) for name in known["features"]] for row in rows])
    labels = np.array([int(row[known["label"]]) for row in rows])
    scores = booster.predict(xgboost.DMatrix(features, feature_names=known["features"]))
    folders = [Path(output_paths[name]) for name in ("eval_output", "metrics_output")]
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    with (folders[0] / "predictions.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["score", "label"])
        writer.writerows([f"{score:.6f}", one] for score, one in zip(scores, labels, strict=True))
    metrics = {"rows": float(len(rows)), "accuracy": float(np.mean((scores >= 0.5) == (labels == 1)))}
    told = json.dumps({"job_type": job_type, **metrics})
    (folders[1] / "metrics.json").write_text(told, encoding="utf-8")
    return metrics


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--job_type", default="testing")
    main(
        {"model_input": MODEL, "processed_data": DATA},
        {"eval_output": SCORES, "metrics_output": METRICS},
        parser.parse_args().job_type,
    )
