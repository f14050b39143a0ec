"""Train boosted trees with early stopping on the validation split, and score the test split."""

from __future__ import annotations

import argparse
import csv
import json
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import xgboost

INPUT = "/opt/ml/input/data"
HYPERPARAMETERS = "/opt/ml/code/hyperparams/hyperparameters.json"
MODEL = "/opt/ml/model"
OUTPUT = "/opt/ml/output/data"


def read(folder: Path, label: str) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return feature names, features and labels of a table."""
    with (folder / "data.csv").open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    place = header.index(label)
    values = np.array(rows, dtype=float).reshape(len(rows), len(header))
    names = [name for name in header if name != label]
    return names, np.delete(values, place, axis=1), values[:, place]


def main(
    input_paths: Mapping[str, str],
    output_paths: Mapping[str, str],
    environ_vars: Mapping[str, str],
    job_type: str = "training",
) -> dict[str, float]:
    """Write the booster and its scores of the test split; return the metrics.

    Args:
        input_paths: the folder ``input_path``, with one folder per split, and the file
            ``hyperparameters_s3_uri``, optional, with precedence over the environment.
        output_paths: the folders ``model_output`` and ``evaluation_output``.
        job_type: included in the metrics.
    """
    label = environ_vars.get("LABEL_FIELD", "label")
    splits = Path(input_paths["input_path"])
    names, features, labels = read(splits / "train", label)
    _, seen, truth = read(splits / "val", label)
    _, fresh, wanted = read(splits / "test", label)
    settings = {
        "objective": "binary:logistic",
        "eval_metric": "logloss",
        "eta": float(environ_vars.get("ETA", "0.3")),
        "max_depth": int(environ_vars.get("MAX_DEPTH", "3")),
        "nthread": 1,
        "seed": 7,
    }
    said = Path(input_paths["hyperparameters_s3_uri"])
    if said.is_file():
        settings |= json.loads(said.read_text(encoding="utf-8"))
    booster = xgboost.train(
        settings,
        xgboost.DMatrix(features, labels, feature_names=names),
        num_boost_round=int(environ_vars.get("ROUNDS", "40")),
        evals=[(xgboost.DMatrix(seen, truth, feature_names=names), "val")],
        early_stopping_rounds=5,
        verbose_eval=False,
    )
    scores = booster.predict(xgboost.DMatrix(fresh, feature_names=names))
    model, evaluation = Path(output_paths["model_output"]), Path(output_paths["evaluation_output"])
    for folder in (model, evaluation):
        folder.mkdir(parents=True, exist_ok=True)
    booster.save_model(model / "model.json")
    (model / "features.json").write_text(json.dumps({"label": label, "features": names}), encoding="utf-8")
    with (evaluation / "predictions.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["score", "label"])
        table.writerows([f"{score:.6f}", int(one)] for score, one in zip(scores, wanted, strict=True))
    metrics = {"rows": float(len(wanted)), "accuracy": float(np.mean((scores >= 0.5) == (wanted == 1)))}
    told = json.dumps({"job_type": job_type, **metrics})
    (evaluation / "metrics.json").write_text(told, encoding="utf-8")
    return metrics


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--job_type", default="training")
    main(
        {"input_path": INPUT, "hyperparameters_s3_uri": HYPERPARAMETERS},
        {"model_output": MODEL, "evaluation_output": OUTPUT},
        dict(os.environ),
        parser.parse_args().job_type,
    )
