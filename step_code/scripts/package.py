"""Package a trained model as a reproducible archive for deployment."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

MODEL = "/opt/ml/processing/input/model"
OUTPUT = "/opt/ml/processing/output/packaged_model"


def main(input_paths: Mapping[str, str], output_paths: Mapping[str, str]) -> list[str]:
    """Write ``model.tar.gz`` and return the names of its members.

    Args:
        input_paths: the folder ``model_input``.
        output_paths: the folder ``packaged_model``.
    """
    source, folder = Path(input_paths["model_input"]), Path(output_paths["packaged_model"])
    folder.mkdir(parents=True, exist_ok=True)
    files = {path.relative_to(source).as_posix(): path for path in source.rglob("*") if path.is_file()}
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, path in sorted(files.items()):
            content = path.read_bytes()
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    (folder / "model.tar.gz").write_bytes(gzip.compress(packed.getvalue(), mtime=0))
    return sorted(files)


if __name__ == "__main__":
    main({"model_input": MODEL}, {"packaged_model": OUTPUT})
