"""The events of a YAML text: from libyaml, or from PyYAML's own parser where libyaml is missing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, final

from yaml.error import MarkedYAMLError
from yaml.events import ScalarEvent
from yaml.parser import Parser
from yaml.reader import Reader
from yaml.scanner import Scanner

try:
    from yaml._yaml import CParser
except ImportError:  # a PyYAML that was built without libyaml
    CParser = None  # type: ignore[assignment,misc]

__all__ = ["events_of_any_depth", "libyaml_version", "next_event_of"]


@final
class _PurePython(Reader, Scanner, Parser):
    """PyYAML's parser alone, without what makes nodes and objects of its events."""

    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)

    def get_checked_event(self) -> Any:
        """The next event, refusing the escapes that libyaml refuses: what they say is no character."""
        try:
            event: Any = self.get_event()  # type: ignore[no-untyped-call]
        except ValueError:
            raise self._no_character(self.get_mark()) from None
        if isinstance(event, ScalarEvent) and any("\ud800" <= one <= "\udfff" for one in event.value):
            raise self._no_character(event.start_mark)
        return event

    def _no_character(self, mark: Any) -> MarkedYAMLError:
        return MarkedYAMLError(
            "while parsing a quoted scalar", None, "found invalid Unicode character escape code", mark
        )


def libyaml_version() -> str | None:
    """Which libyaml reads; ``None`` where none does and the same events come more slowly."""
    if CParser is None:
        return None
    from yaml._yaml import get_version_string

    version: str = get_version_string()
    return version


def next_event_of(text: str) -> Callable[[], Any]:
    """A function that gives one event of a text after another, each with its marks."""
    if CParser is None:
        return events_of_any_depth(text)
    following: Callable[[], Any] = CParser(text).get_event
    return following


def events_of_any_depth(text: str) -> Callable[[], Any]:
    """The same events from PyYAML's own parser, which has no limit to how deep values are nested."""
    return _PurePython(text).get_checked_event
