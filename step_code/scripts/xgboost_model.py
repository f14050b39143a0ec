"""Local replacement for SageMaker: create a model from trained artifacts."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

ARTIFACTS = "/opt/ml/processing/input/model"
CREATED = "/opt/ml/processing/output/model"


def main(input_paths: Mapping[str, str], output_paths: Mapping[str, str]) -> str:
    """Copy the artifacts with the model's name and return the name.

    Args:
        input_paths: the folder ``model_data``.
        output_paths: the folder ``model_name``.
    """
    folder = Path(output_paths["model_name"])
    shutil.copytree(input_paths["model_data"], folder, dirs_exist_ok=True)
    (folder / "name").write_text("xgboost-model", encoding="utf-8")
    return "xgboost-model"


if __name__ == "__main__":
    main({"model_data": ARTIFACTS}, {"model_name": CREATED})
