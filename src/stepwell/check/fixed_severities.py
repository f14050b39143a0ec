"""Manual pages of ids whose severity is fixed."""

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
    """Sections of ``fixed_severities.md`` by heading, read on first access."""

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
"""Manual page of each id that is not in ``RULES``."""
