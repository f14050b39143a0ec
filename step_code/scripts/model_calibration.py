"""Calibrate raw scores to probabilities with a logistic curve (Platt, 1999)."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss

DATA = "/opt/ml/processing/input/eval_data"
CURVE = "/opt/ml/processing/output/calibration"
METRICS = "/opt/ml/processing/output/metrics"
CALIBRATED = "/opt/ml/processing/output/calibrated_data"


def main(input_paths: Mapping[str, str], output_paths: Mapping[str, str]) -> dict[str, float]:
    """Write the curve and the calibrated scores; return the Brier score before and after.

    Args:
        input_paths: the folder ``evaluation_data``: tables with the columns ``score`` and ``label``.
        output_paths: the folders ``calibration_output``, ``metrics_output`` and ``calibrated_data``.
    """
    rows: list[dict[str, str]] = []
    for table in sorted(Path(input_paths["evaluation_data"]).rglob("*.csv")):
        with table.open(newline="", encoding="utf-8") as file:
            rows += csv.DictReader(file)
    scores = np.array([float(row["score"]) for row in rows])
    labels = np.array([int(row["label"]) for row in rows])
    odds = np.log(np.clip(scores, 1e-6, 1 - 1e-6) / np.clip(1 - scores, 1e-6, 1 - 1e-6)).reshape(-1, 1)
    curve = LogisticRegression().fit(odds, labels)
    calibrated = curve.predict_proba(odds)[:, 1]
    folders = {name: Path(path) for name, path in output_paths.items()}
    for folder in folders.values():
        folder.mkdir(parents=True, exist_ok=True)
    said = {"slope": float(curve.coef_[0][0]), "intercept": float(curve.intercept_[0])}
    (folders["calibration_output"] / "curve.json").write_text(json.dumps(said), encoding="utf-8")
    table = folders["calibrated_data"] / "predictions.csv"
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["score", "calibrated", "label"])
        for score, better, label in zip(scores, calibrated, labels, strict=True):
            writer.writerow([f"{score:.6f}", f"{better:.6f}", label])
    metrics = {
        "brier_before": float(brier_score_loss(labels, scores)),
        "brier_after": float(brier_score_loss(labels, calibrated)),
    }
    (folders["metrics_output"] / "metrics.json").write_text(json.dumps(metrics), encoding="utf-8")
    return metrics


if __name__ == "__main__":
    main(
        {"evaluation_data": DATA},
        {"calibration_output": CURVE, "metrics_output": METRICS, "calibrated_data": CALIBRATED},
    )
