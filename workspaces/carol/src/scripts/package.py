"""Pack a model and its inference code into one archive to deploy."""

from __future__ import annotations

import tarfile
from collections.abc import Mapping
from pathlib import Path

INPUT = "/opt/ml/processing/input/model"
OUTPUT = "/opt/ml/processing/output"


def main(input_paths: Mapping[str, str], output_paths: Mapping[str, str]) -> list[str]:
    """Write ``model.tar.gz``, and give the names of what is in it.

    Args:
        input_paths: the folder ``model_input``.
        output_paths: the folder ``packaged_model``.
    """
    source = Path(input_paths["model_input"])
    folder = Path(output_paths["packaged_model"])
    folder.mkdir(parents=True, exist_ok=True)
    files = sorted(path for path in source.rglob("*") if path.is_file())
    names = [path.relative_to(source).as_posix() for path in files]
    with tarfile.open(folder / "model.tar.gz", "w:gz") as archive:
        for path, name in zip(files, names, strict=True):
            archive.add(path, name)
    return names


if __name__ == "__main__":
    main({"model_input": INPUT}, {"packaged_model": OUTPUT})
