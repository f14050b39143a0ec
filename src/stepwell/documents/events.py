"""The events of a YAML text: from libyaml, or from PyYAML's own parser where libyaml is missing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, final

from yaml.parser import Parser
from yaml.reader import Reader
from yaml.scanner import Scanner

try:
    from yaml._yaml import CParser
except ImportError:  # a PyYAML that was built without libyaml
    CParser = None  # type: ignore[assignment,misc]

__all__ = ["libyaml_version", "next_event_of"]


@final
class _PurePython(Reader, Scanner, Parser):
    """PyYAML's parser alone, without what makes nodes and objects of its events."""

    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)


def libyaml_version() -> str | None:
    """Which libyaml reads; ``None`` where none does and the same events come more slowly."""
    if CParser is None:
        return None
    from yaml._yaml import get_version_string

    version: str = get_version_string()
    return version


def next_event_of(text: str) -> Callable[[], Any]:
    """A function that gives one event of a text after another, each with its marks."""
    parser: Any = _PurePython(text) if CParser is None else CParser(text)
    following: Callable[[], Any] = parser.get_event
    return following
