"""PyYAML's Python parser, which accepts and rejects the documents that libyaml does."""

from __future__ import annotations

from typing import Any, Final, final

from yaml.error import MarkedYAMLError
from yaml.events import ScalarEvent
from yaml.parser import Parser
from yaml.reader import Reader
from yaml.scanner import Scanner, ScannerError

__all__ = ["PythonParser"]

_BREAKS: Final = "\r\n\x85\u2028\u2029"
_TAB: Final = "found a tab character where an indentation space is expected"


@final
class PythonParser(Reader, Scanner, Parser):
    """PyYAML's parser without composer and constructor."""

    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)

    # The following methods accept and reject tabs, directives and `:` as libyaml does.

    def scan_to_next_token(self) -> None:
        while True:
            super().scan_to_next_token()
            if self.peek() != "\t" or (self.allow_simple_key and not self.flow_level):
                return
            self.forward()

    def scan_plain(self) -> Any:
        start = self.get_mark()
        token = super().scan_plain()
        if self.flow_level and self.peek() == ":" and self.peek(1) in ",?[]{}":
            raise ScannerError(
                "while scanning a plain scalar", start, "found unexpected ':'", self.get_mark()
            )
        return token

    def scan_plain_spaces(self, indent: int, start_mark: Any) -> list[str] | None:
        blanks = self._blanks()
        if self.peek() not in _BREAKS:
            return [blanks] if blanks else []
        chunks: list[str] | None = super().scan_plain_spaces(indent, start_mark)
        if chunks and self.peek() == "\t":
            if self.column < indent:
                raise ScannerError("while scanning a plain scalar", start_mark, _TAB, self.get_mark())
            self._blanks()
            if self.peek() in _BREAKS:
                more = self.scan_plain_spaces(indent, start_mark)
                return more and [*(chunks if chunks != [" "] else ()), "\n", *(more if more != [" "] else ())]
        return chunks

    def _blanks(self) -> str:
        length = 0
        while self.peek(length) in " \t":
            length += 1
        blanks: str = self.prefix(length)
        self.forward(length)
        return blanks

    def scan_block_scalar_indicators(self, start_mark: Any) -> Any:
        return (None, None) if self.peek() == "#" else super().scan_block_scalar_indicators(start_mark)

    def scan_block_scalar_indentation(self) -> Any:
        start = self.get_mark()
        indentation = super().scan_block_scalar_indentation()
        if self.peek() == "\t":
            raise ScannerError("while scanning a block scalar", start, _TAB, self.get_mark())
        return indentation

    def scan_block_scalar_breaks(self, indent: int) -> Any:
        start = self.get_mark()
        breaks = super().scan_block_scalar_breaks(indent)
        if self.column < indent and self.peek() == "\t":
            raise ScannerError("while scanning a block scalar", start, _TAB, self.get_mark())
        return breaks

    def scan_directive(self) -> Any:
        token = super().scan_directive()
        if token.name not in ("YAML", "TAG"):
            raise ScannerError(
                "while scanning a directive",
                token.start_mark,
                "found unknown directive name",
                token.start_mark,
            )
        return token

    def get_checked_event(self) -> Any:
        """Return the next event and reject the same escapes as libyaml."""
        try:
            event: Any = self.get_event()  # type: ignore[no-untyped-call]
        except ValueError:
            raise self._no_character(self.get_mark()) from None
        if isinstance(event, ScalarEvent) and any("\ud800" <= char <= "\udfff" for char in event.value):
            raise self._no_character(event.start_mark)
        return event

    def _no_character(self, mark: Any) -> MarkedYAMLError:
        return MarkedYAMLError(
            "while parsing a quoted scalar", None, "found invalid Unicode character escape code", mark
        )
