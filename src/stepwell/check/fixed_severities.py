"""The ids whose severity no project chooses: what is wrong with a file before any rule can look at it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Final, final

__all__ = ["FIXED_PAGES"]

_SECTION: Final = re.compile(r"^## ([a-z0-9-]+)\n", re.MULTILINE)


@final
class _Pages(Mapping[str, str]):
    """The sections of ``fixed_severities.md`` by their heading, read when the first one is asked for."""

    @cached_property
    def _sections(self) -> Mapping[str, str]:
        with open(f"{os.path.splitext(__file__)[0]}.md", encoding="utf-8") as file:
            _, *parts = _SECTION.split(file.read())
        return {rule_id: page.strip() for rule_id, page in zip(parts[::2], parts[1::2], strict=True)}

    def __getitem__(self, rule_id: str) -> str:
        return self._sections[rule_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._sections)

    def __len__(self) -> int:
        return len(self._sections)


FIXED_PAGES: Final[Mapping[str, str]] = _Pages()
"""The manual page of each id that is not in ``RULES``."""
