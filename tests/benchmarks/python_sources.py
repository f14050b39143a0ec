"""Seeded Python sources as teams write them: builders and configurations, about 200 lines a file."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Final

__all__ = ["write_sources"]

WORDS: Final = (
    "batch", "bucket", "column", "config", "dataset", "feature", "fold", "image", "instance", "label",
    "metric", "model", "output", "path", "region", "role", "score", "split", "table", "window",
)  # fmt: skip
HEAD: Final = '''\
"""{title} of the pipeline."""

from __future__ import annotations

import json
import logging
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, List, Optional

from pipeline.base import {base}
from pipeline.tools.{word} import load_{word}, save_{word}

logger = logging.getLogger(__name__)

DEFAULTS = {{"{word}": 1, "limit": 20.5, "names": ["a", "b", "c"], "nested": {{"deep": (1, 2, 3)}}}}
'''
METHOD: Final = '''
    def {verb}_{word}(self, {one}: str, {two}: Optional[int] = None, **options: Any) -> Dict[str, Any]:
        """{verb} the {word} of a run.

        Args:
            {one}: where it lies.
            {two}: how many of it.
        """
        if {two} is None:
            {two} = int(os.environ.get("{upper}", "{number}"))
        found: Dict[str, Any] = {{}}
        for index, item in enumerate(self.{word}s):
            if item.startswith("{one}") and index % {number} == 0:
                found[f"{word}-{{index}}"] = [len(item), index * {number} + 1, {{"key": item.upper()}}]
            elif not item:
                continue
        try:
            found.update(load_{word}(Path({one}) / "{word}.json"))
        except (OSError, ValueError) as error:
            logger.warning("no %s in %s: %s", "{word}", {one}, error)
            raise RuntimeError(f"{{self.name}} cannot {verb} {{ {one}!r}}") from error
        return {{key: value for key, value in sorted(found.items()) if value and key not in options}}
'''


def write_sources(folder: Path, count: int, seed: int) -> None:
    """Write files of about 200 lines below a folder, in packages of 25."""
    for number, text in enumerate(_texts(count, seed)):
        package = folder / f"package{number // 25}"
        package.mkdir(parents=True, exist_ok=True)
        (package / f"module{number}.py").write_text(text, encoding="utf-8")


def _texts(count: int, seed: int) -> Iterator[str]:
    chosen = random.Random(seed)  # noqa: S311 - nothing here is a secret
    for number in range(count):
        name = f"{chosen.choice(WORDS).title()}{chosen.choice(WORDS).title()}{number}"
        word = chosen.choice(WORDS)
        parts = [HEAD.format(title=name, base="StepBuilderBase", word=word)]
        parts.append(f"\n\n@dataclass\nclass {name}Config:\n    name: str\n    limit: int = 3\n")
        parts += [
            f"    {one}_{chosen.randrange(99)}: List[str] = field(default_factory=list)\n" for one in WORDS
        ]
        parts.append(f"\n\nclass {name}StepBuilder(StepBuilderBase):\n    kind = {name!r}\n")
        for _ in range(6):
            one, two = chosen.sample(WORDS, 2)
            verb = chosen.choice(("build", "check", "load", "write", "score"))
            upper, times = chosen.choice(WORDS).upper(), chosen.randrange(2, 9)
            word = f"{chosen.choice(WORDS)}{chosen.randrange(99)}"
            parts.append(METHOD.format(verb=verb, word=word, one=one, two=two, upper=upper, number=times))
        yield "".join(parts)
