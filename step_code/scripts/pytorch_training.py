"""Train a small network and score the test split.

With PyTorch where it is installed, and otherwise the same network with scikit-learn; either way the
weights are written as JSON, so that whoever scores with them needs neither.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import warnings
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import numpy as np

INPUT = "/opt/ml/input/data"
MODEL = "/opt/ml/model"
OUTPUT = "/opt/ml/output/data"
HIDDEN = 8

Layers = list[tuple[np.ndarray, np.ndarray]]


def read(folder: Path, label: str) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return feature names, features and labels of a table."""
    with (folder / "data.csv").open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    place = header.index(label)
    values = np.array(rows, dtype=float).reshape(len(rows), len(header))
    names = [name for name in header if name != label]
    return names, np.delete(values, place, axis=1), values[:, place]


def fit_with_torch(features: np.ndarray, labels: np.ndarray, epochs: int) -> Layers:
    """Return layers trained with PyTorch."""
    import torch

    torch.manual_seed(7)
    torch.set_num_threads(1)
    inputs = torch.tensor(features, dtype=torch.float32)
    targets = torch.tensor(labels, dtype=torch.float32).reshape(-1, 1)
    network = torch.nn.Sequential(
        torch.nn.Linear(inputs.shape[1], HIDDEN), torch.nn.ReLU(), torch.nn.Linear(HIDDEN, 1)
    )
    optimizer = torch.optim.Adam(network.parameters(), lr=0.02)
    for _ in range(epochs):
        optimizer.zero_grad()
        loss = torch.nn.functional.binary_cross_entropy_with_logits(network(inputs), targets)
        loss.backward()
        optimizer.step()
    linear = [layer for layer in network if isinstance(layer, torch.nn.Linear)]
    return [(one.weight.detach().numpy().T, one.bias.detach().numpy()) for one in linear]


def fit_with_sklearn(features: np.ndarray, labels: np.ndarray, epochs: int) -> Layers:
    """Return layers trained with scikit-learn."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    network = MLPClassifier((HIDDEN,), solver="lbfgs", max_iter=epochs, random_state=7)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the number of epochs is fixed
        network.fit(features, labels)
    return list(zip(network.coefs_, network.intercepts_, strict=True))


def score(layers: Layers, features: np.ndarray) -> np.ndarray:
    """Return the probabilities of the network."""
    (first, offset), (second, bias) = layers
    hidden = np.maximum(features @ first + offset, 0)
    scores: np.ndarray = 1 / (1 + np.exp(-(hidden @ second + bias)))
    return scores.reshape(-1)


def main(
    input_paths: Mapping[str, str], output_paths: Mapping[str, str], environ_vars: Mapping[str, str]
) -> dict[str, float]:
    """Write the network and its scores of the test split; return the metrics.

    Args:
        input_paths: the folder ``input_path``, with one folder per split.
        output_paths: the folders ``model_output`` and ``evaluation_output``.
    """
    label = environ_vars.get("LABEL_FIELD", "label")
    splits = Path(input_paths["input_path"])
    names, features, labels = read(splits / "train", label)
    _, fresh, wanted = read(splits / "test", label)
    center, spread = features.mean(axis=0), features.std(axis=0) + 1e-9
    fit = fit_with_torch if find_spec("torch") else fit_with_sklearn
    layers = fit((features - center) / spread, labels, int(environ_vars.get("EPOCHS", "150")))
    scores = score(layers, (fresh - center) / spread)
    model, evaluation = Path(output_paths["model_output"]), Path(output_paths["evaluation_output"])
    for folder in (model, evaluation):
        folder.mkdir(parents=True, exist_ok=True)
    said = {
        "fitted_with": "torch" if fit is fit_with_torch else "scikit-learn",
        "features": names,
        "center": center.tolist(),
        "spread": spread.tolist(),
        "layers": [{"weight": weight.tolist(), "bias": bias.tolist()} for weight, bias in layers],
    }
    (model / "network.json").write_text(json.dumps(said), encoding="utf-8")
    with (evaluation / "predictions.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["score", "label"])
        table.writerows([f"{one:.6f}", int(truth)] for one, truth in zip(scores, wanted, strict=True))
    metrics = {"rows": float(len(wanted)), "accuracy": float(np.mean((scores >= 0.5) == (wanted == 1)))}
    (evaluation / "metrics.json").write_text(json.dumps(metrics), encoding="utf-8")
    return metrics


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--job_type", default="training")
    parser.parse_args()
    main(
        {"input_path": INPUT},
        {"model_output": MODEL, "evaluation_output": OUTPUT},
        dict(os.environ),
    )
