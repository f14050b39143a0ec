"""The schemas that follow from other sources: those of what commands print.

``python docs/generate_schemas.py`` writes them; with ``--check`` it compares them with those in ``schemas``.
"""

from __future__ import annotations

import sys
from pathlib import Path

from stepwell.frontends.render.output.schemas import output_schemas, schema_text_of

FOLDER = Path(__file__).resolve().parents[1] / "schemas"


def main(arguments: list[str]) -> int:
    texts = {
        f"{name}.schema.json": schema_text_of(schema).encode() for name, schema in output_schemas().items()
    }
    stale = [
        name
        for name, text in texts.items()
        if not (FOLDER / name).exists() or (FOLDER / name).read_bytes() != text
    ]
    if "--check" in arguments:
        for name in stale:
            sys.stderr.write(f"schemas/{name} does not match its source: run `make schemas`\n")
        return int(bool(stale))
    for name in stale:
        (FOLDER / name).write_bytes(texts[name])
        sys.stdout.write(f"wrote schemas/{name}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
