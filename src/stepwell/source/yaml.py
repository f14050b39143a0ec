"""Reads YAML 1.2 definitions from libyaml's events.

Scalars follow the core schema. Tags, duplicate keys, non-string keys, several documents, and aliases beyond a
small budget are rejected.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple, final

from yaml.error import MarkedYAMLError
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from stepwell.source import scalars
from stepwell.source.document import Pointer, Stretch, TextMap, Unreadable
from stepwell.source.wording import counted

__all__ = [
    "MAX_DEPTH",
    "MAX_EXPANDED",
    "events_of_any_depth",
    "libyaml_version",
    "load",
    "locate",
    "next_event_of",
]


try:
    from yaml._yaml import CParser
except ImportError:  # a PyYAML that was built without libyaml
    CParser = None  # type: ignore[assignment,misc]


def libyaml_version() -> str | None:
    """Version of libyaml; ``None`` if PyYAML's slower Python parser is used."""
    if CParser is None:
        return None
    from yaml._yaml import get_version_string

    version: str = get_version_string()
    return version


def next_event_of(text: str) -> Callable[[], Any]:
    """Return a function that returns the next event of a text with its marks."""
    if CParser is None:
        return events_of_any_depth(text)
    following: Callable[[], Any] = CParser(text).get_event
    return following


def events_of_any_depth(text: str) -> Callable[[], Any]:
    """Return events from PyYAML's Python parser, which has no nesting limit."""
    from stepwell.source.yaml_python import PythonParser

    return PythonParser(text).get_checked_event


MAX_DEPTH: Final = 64
MAX_EXPANDED: Final = 2_000
"""Maximum number of values that all aliases of a document expand to."""

MAX_EXPANDED_CHARACTERS: Final = 100_000
"""Maximum number of characters that all aliases of a document expand to."""

_LIMIT_OF_LIBYAML: Final = "maximum nesting depth"
"""Error of libyaml 0.2.6 and later, raised during lookahead without a useful position."""

_BREAKS_OF_YAML_1_1: Final = "\x85\u2028\u2029"


def load(text: str) -> tuple[dict[str, Any], list[Unreadable]]:
    """Return the data of one YAML document, and the faults that leave the rest of it readable.

    Args:
        text: without a byte order mark and characters that YAML forbids.

    Raises:
        Unreadable: the structure of the text is invalid.
    """
    reader = _Reader(text, places=None)
    data: dict[str, Any] = reader.document()
    return data, reader.faults


def load_list(text: str) -> tuple[list[Any] | None, list[Unreadable]]:
    """Return the items of a YAML document that is a list, at the pointer ``("",)``; ``None`` if it is none.

    Raises:
        Unreadable: the structure of the text is invalid.
    """
    reader = _Reader(text, places=None)
    data = reader.document(or_list=True)
    return (data if isinstance(data, list) else None), reader.faults


def locate(text: str) -> TextMap:
    """Return the positions of all keys and values, up to the first error."""
    places = TextMap({}, {})
    try:
        _Reader(text, places).document(or_list=True)
    except Unreadable:  # positions before the error are still returned
        return places
    return places


@final
class _Reader:
    """Single pass over the events of a document."""

    def __init__(
        self, text: str, places: TextMap | None, events: Callable[[str], Callable[[], Any]] = next_event_of
    ) -> None:
        self._text = text
        self._places = places
        self._anchors: dict[str, tuple[Any, int, int]] = {}
        self._expanded = 0
        self._expanded_characters = 0
        self._values = 0
        self._characters = 0
        self._end_of_last = 0
        self.faults: list[Unreadable] = []
        shown, self._restore = _without_old_breaks(text)
        self._events = events
        self._event: Callable[[], Any] = events(shown)

    def document(self, *, or_list: bool = False) -> Any:
        try:
            return self._document(or_list)
        except MarkedYAMLError as error:
            if _LIMIT_OF_LIBYAML in (error.problem or "") and events_of_any_depth is not self._events:
                return _Reader(self._text, self._places, events_of_any_depth).document(or_list=or_list)
            raise _refusal(error, self._text) from None

    def _document(self, or_list: bool) -> Any:
        self._event()  # the stream starts
        if type(self._event()) is StreamEndEvent:
            raise Unreadable("empty-file", "the file is empty", (0, 0), _EMPTY_HELP)
        first = self._event()
        is_list = or_list and type(first) is SequenceStartEvent
        data = self._value(first, ("",) if is_list else (), 1)
        if not (is_list or isinstance(data, dict)):
            if data is None and _size(first) == 0:
                raise Unreadable("empty-file", "the file is empty", (0, 0), _EMPTY_HELP)
            message = f"a definition must be a mapping of fields, got {describe(data)}"
            raise Unreadable("not-a-mapping", message, _stretch(first), "write `field: value` lines")
        self._event()  # the document ends
        following = self._event()
        if type(following) is DocumentStartEvent:
            at = _end(following)
            raise Unreadable(
                "multiple-documents",
                "second document: a file can contain only one definition",
                (max(at - 3, 0), at),
                "move it to another file",
            )
        return data

    def _value(self, event: Any, pointer: Pointer, depth: int) -> Any:
        self._values += 1
        if type(event) is AliasEvent:
            return self._alias(event, pointer)
        if event.tag is not None:
            start = event.start_mark.index
            written = self._text[start:].split(maxsplit=1)[0]
            self._record_fault(
                "tag",
                f"tags are not supported: `{_short(written)}`",
                (start, start + len(written)),
                "remove the tag, or quote the value if it is text",
            )
        if event.anchor is not None:
            self._check_anchor(event)
        began, began_characters = self._values, self._characters
        value: Any
        if type(event) is ScalarEvent:
            value = self._scalar(event)
            end = _end(event)
            if event.style is not None:
                self._check_layout(event, end, depth)
        else:
            if depth > MAX_DEPTH:
                message = f"nested more than {MAX_DEPTH} levels deep"
                raise Unreadable("too-deeply-nested", message, _stretch(event))
            if event.anchor is not None:
                self._anchors[event.anchor] = (_OPEN, 0, 0)
            build = self._mapping if type(event) is MappingStartEvent else self._sequence
            value, end = build(pointer, depth)
            if event.flow_style:
                self._check_layout(event, end, depth)
            else:  # libyaml ends a block where the next one begins
                end = max(self._end_of_last, event.start_mark.index)
        if event.anchor is not None:
            size = self._values - began + 1
            self._anchors[event.anchor] = (value, size, self._characters - began_characters)
        if self._places is not None:
            start = event.start_mark.index
            self._end_of_last = start + len(self._text[start:end].rstrip())
            self._places.values[pointer] = (start, self._end_of_last)  # type: ignore[index]
        return value

    def _mapping(self, pointer: Pointer, depth: int) -> tuple[dict[str, Any], int]:
        data: dict[str, Any] = {}
        keys: dict[str, Stretch] = {}
        merged: list[tuple[Any, Stretch]] = []
        while type(event := self._event()) is not MappingEndEvent:
            key, stretch = self._key(event), _stretch(event)
            if key is None:
                self._unplaced((*pointer, ""), depth)
            elif key == "<<" and event.implicit[0]:
                help_text = "YAML 1.2 has no merge keys: write the fields out"
                self._record_fault("merge-key", "the merge key `<<` is not supported", stretch, help_text)
                merged.append((self._unplaced((*pointer, key), depth), stretch))
            elif key in data:
                self._record_fault(
                    "duplicate-key",
                    f"duplicate key `{key}`",
                    stretch,
                    "remove one of the two",
                    (("first used in", keys[key]),),
                )
                self._unplaced((*pointer, key), depth)
            else:
                keys[key] = stretch
                inner = (*pointer, key)
                if self._places is not None:
                    self._places.keys[inner] = stretch  # type: ignore[index]
                data[key] = self._value(self._event(), inner, depth + 1)
        # What a merge key would add is there for the checks, so that no field counts as missing.
        for value, stretch in merged:
            for fields in value if isinstance(value, list) else [value]:
                if isinstance(fields, dict):
                    if self._places is not None:
                        added = {(*pointer, field): stretch for field in fields if field not in data}
                        self._places.keys.update(added)  # type: ignore[attr-defined]
                    data = {**fields, **data}
        return data, _end(event)

    def _unplaced(self, pointer: Pointer, depth: int) -> Any:
        """Read a value that is not part of the data."""
        places, self._places = self._places, None
        value = self._value(self._event(), pointer, depth + 1)
        self._places = places
        return value

    def _sequence(self, pointer: Pointer, depth: int) -> tuple[list[Any], int]:
        items: list[Any] = []
        while type(event := self._event()) is not SequenceEndEvent:
            items.append(self._value(event, (*pointer, len(items)), depth + 1))
        return items, _end(event)

    def _key(self, event: Any) -> str | None:
        """Return a key, or ``None`` after a fault."""
        start, end = _stretch(event)
        if type(event) is ScalarEvent and event.tag is None and event.anchor is None:
            if self._text[start - 1 : start] == "?":
                self._record_fault(
                    "invalid-yaml",
                    "`?` begins a key here",
                    (start - 1, start),
                    "quote the key, or remove the `?`",
                )
                return None
            key = self._scalar(event)
            if isinstance(key, str):
                return key
            self._record_fault(
                "non-string-key",
                f"a key must be text, but `{event.value}` is {describe(key)}",
                (start, end),
                f'write "{event.value}" in quotes' if event.value else "write the key before the `:`",
            )
            return None
        message, help_text = "a key must be plain text without tag, anchor or alias", None
        if type(event) in (MappingStartEvent, SequenceStartEvent):
            templated = self._text[start - 1 : start + 1] == "{{"
            self._collection(event)
            message, help_text = "a key must be text, got a collection", "quote the key"
            if templated:
                closed = self._text.find("}}", start)
                stop = closed + 2 if closed >= 0 else start + 1
                shown = _short(self._text[start - 1 : stop])
                self._record_fault(
                    "invalid-yaml",
                    "an unquoted value cannot begin with `{{`: braces open a mapping",
                    (start - 1, stop),
                    f'quote the value: "{shown}"',
                )
                return None
        self._record_fault("non-string-key", message, (start, end), help_text)
        return None

    def _collection(self, event: Any) -> Any:
        """Read a collection that is no value of the data."""
        places, self._places = self._places, None
        build = self._mapping if type(event) is MappingStartEvent else self._sequence
        value, _ = build((), 2)
        self._places = places
        return value

    def _check_anchor(self, event: Any) -> None:
        """Reject an anchor that YAML 1.2 reads as longer than libyaml does."""
        start = event.start_mark.index + self._text[event.start_mark.index :].find("&")
        end = start + 1 + len(event.anchor)
        if self._text[end : end + 1].strip(" \t\r\n,[]{}"):
            help_text = "use only letters, digits, `-` and `_` in an anchor"
            message = f"a blank must follow the anchor `&{event.anchor}`"
            self._record_fault("invalid-yaml", message, (end, end + 1), help_text)

    def _check_layout(self, event: Any, end: int, depth: int) -> None:
        """Reject what YAML 1.2 forbids and libyaml accepts after and inside a quoted or flow value."""
        start = event.start_mark.index
        written = self._text[start:end]
        if written[:1] in ("|", ">"):
            header = written.partition("\n")[0]
            if "#" in header and not header[header.index("#") - 1].isspace():
                self._record_fault(
                    "invalid-yaml", _COMMENT_FAULT[0], (start, start + len(header)), _COMMENT_FAULT[1]
                )
        elif written[-1:] in ("]", "}", '"', "'"):
            if self._text[end : end + 1] == "#":
                self._record_fault("invalid-yaml", _COMMENT_FAULT[0], (end, end + 1), _COMMENT_FAULT[1])
            outdented = _OUTDENTED.search(written) if depth > 1 else None
            if outdented is not None:
                at = start + outdented.start() + 1
                help_text = "indent the lines of a value more than its key"
                self._record_fault(
                    "invalid-yaml", "this line of a value is not indented", (at, at + 1), help_text
                )

    def _record_fault(
        self,
        rule: str,
        message: str,
        stretch: Stretch,
        help_text: str | None = None,
        related: tuple[tuple[str, Stretch], ...] = (),
    ) -> None:
        if all(fault.stretch != stretch or fault.message != message for fault in self.faults):
            self.faults.append(Unreadable(rule, message, stretch, help_text, related))

    def _scalar(self, event: Any) -> scalars.Scalar:
        token = self._restore(event.value)
        self._characters += len(token)
        if not event.implicit[0]:
            return token
        try:
            return scalars.resolve(token)
        except OverflowError:
            self._record_fault(
                "number-out-of-range",
                f"the number `{_short(token)}` cannot be represented exactly",
                _stretch(event),
                f'quote it if it is text: "{_short(token)}"',
            )
            return token

    def _alias(self, event: Any, pointer: Pointer) -> Any:
        value, size, characters = self._anchors.get(event.anchor, (_MISSING, 0, 0))
        if value is _MISSING:
            help_text = f'quote it if it is text: "*{event.anchor}"'
            raise Unreadable(
                "undefined-alias", f"undefined anchor `&{event.anchor}`", _stretch(event), help_text
            )
        if value is _OPEN:
            raise Unreadable("alias-budget", f"`*{event.anchor}` contains itself", _stretch(event))
        self._expanded += size
        self._values += size
        self._expanded_characters += characters
        self._characters += characters
        if self._expanded_characters > MAX_EXPANDED_CHARACTERS:
            raise Unreadable(
                "alias-budget",
                f"the aliases of this file expand to more than {MAX_EXPANDED_CHARACTERS} characters",
                _stretch(event),
                "write the values out, or use fewer aliases",
            )
        if self._expanded > MAX_EXPANDED:
            raise Unreadable(
                "alias-budget",
                f"the aliases of this file expand to more than {MAX_EXPANDED} values",
                _stretch(event),
                "write the values out, or use fewer aliases",
            )
        if self._places is not None:
            self._places.values[pointer] = _stretch(event)  # type: ignore[index]
            self._end_of_last = _end(event)
        return value


_COMMENT_FAULT: Final = (
    "a comment needs a blank before `#`",
    "put a blank before the `#`, or quote the value",
)
_OUTDENTED: Final = re.compile(r"\n[^\s#\]}]")
"""A closing bracket below its key is invalid too, but common and clear."""
_OPEN: Final = object()
_MISSING: Final = object()
_EMPTY_HELP: Final = "add at least `name:` and `description:`, or delete the file"
_KINDS: Final = ((bool, "a boolean"), (int, "a number"), (float, "a number"), (str, "text"), (list, "a list"))


def describe(value: object) -> str:
    """Return the type of a value for a message."""
    if value is None:
        return "nothing (null)"
    return next((words for kind, words in _KINDS if isinstance(value, kind)), "a mapping")


def _stretch(event: Any) -> Stretch:
    return event.start_mark.index, event.end_mark.index


def _end(event: Any) -> int:
    end: int = event.end_mark.index
    return end


def _size(event: Any) -> int:
    return int(event.end_mark.index - event.start_mark.index)


def _short(token: str) -> str:
    return token if len(token) <= 40 else token[:37] + "..."


def _without_old_breaks(text: str) -> tuple[str, Callable[[str], str]]:
    """Return the text for libyaml and a function that restores values.

    libyaml follows YAML 1.1, where U+0085, U+2028 and U+2029 are line breaks; in YAML 1.2 they are ordinary
    characters (YAML 1.2.2 section 5.4). Unused private-use characters replace them one for one, so columns do
    not change.
    """
    if text.isascii() or not any(old in text for old in _BREAKS_OF_YAML_1_1):
        return text, str
    free = (chr(code) for code in range(0xE000, 0xF8FF) if chr(code) not in text)
    there = dict(zip(map(ord, _BREAKS_OF_YAML_1_1), free, strict=False))
    back = {ord(stand_in): chr(old) for old, stand_in in there.items()}
    return text.translate(there), lambda value: value.translate(back)


_ALIGN: Final = "check the indentation of this line against the lines above"
_ESCAPE: Final = "write `\\\\` for a backslash, or use single quotes"
_HELP: Final = {
    "mapping values are not allowed": "quote a value that contains `: `, or write the key on a separate line",
    "could not find expected ':'": "write `key: value`",
    "expected ',' or": "close the bracket, or put a comma between the items",
    "expected <block end>": _ALIGN,
    "did not find expected key": _ALIGN,
    "did not find expected '-' indicator": _ALIGN,
    "expected <document start>": "indent this line like the lines above, or remove it",
    "cannot start any token": "quote the value",
    "expected node content": "quote the value, or write one",
    "unknown escape character": _ESCAPE,
    "expected hexdecimal number": _ESCAPE,
    "block sequence entries are not allowed": "put each item of a list on its own line, or quote the value",
}
_NEVER_FIRST: Final = ("{{", "{%", "@", "`", "%", "|", ">", "? ", ",", "]", "}")
"""Beginnings that an unquoted value cannot have (YAML 1.2.2 section 5.3), and those of templates."""
_VALUE: Final = re.compile(r"""\s*(?:- +)*(?:(?:[\w.$-]+|"[^"]*"|'[^']*') *: +)?(?P<value>\S.*?)\s*$""").match


_ALIAS_BEFORE: Final = re.compile(r"[^#]*(?:^|[ \[{,])\*[^\s,\]}]+ *").fullmatch
_QUOTED_BEFORE: Final = re.compile(r"""[^#]*(?:: |- |^)\s*(?:"[^"]*"|'[^']*')\s*""").fullmatch


_ENTRY: Final = re.compile(
    r"""\ *(?P<dashes>(?:-\ +)*)(?:(?P<key>[\w.$-]+|"[^"]*"|'[^']*')\ *:(?:\ |$)|(?P<dash>-)?\ *$)?""",
    re.VERBOSE,
).match
_OPENS: Final = re.compile(r"\s*(?:[&!]\S*\s*)?(?:#.*)?").fullmatch
"""Text after a key whose value is on the lines below."""


class _Level(NamedTuple):
    """Key or dash that begins a line; keys or dashes below may align with it."""

    name: str
    column: int
    line: int
    start: int
    rest: str

    @property
    def is_item(self) -> bool:
        return self.name == "-"


def _levels_of(line: str, number: int, offset: int) -> Iterator[_Level]:
    entry = _ENTRY(line)
    if entry is None:
        return
    for at, char in enumerate(entry["dashes"] + (entry["dash"] or ""), entry.start("dashes")):
        if char == "-":
            yield _Level("-", at, number, offset + at, line[entry.end() :])
    if entry["key"]:
        at = entry.start("key")
        yield _Level(entry["key"], at, number, offset + at, line[entry.end() :])


def _misplaced(text: str, at: int) -> Unreadable | None:
    """Return an error if the line of an offset begins with a key or item that aligns with none above."""
    begin = text.rfind("\n", 0, at) + 1
    levels: list[_Level] = []
    offset = 0
    for number, line in enumerate(text.split("\n"), 1):
        for level in _levels_of(line, number, offset):
            if offset == begin:
                return None if ": " in text[begin:at] else _misplaced_level(level, levels)
            if levels and levels[-1].rest.startswith(("|", ">")) and level.column > levels[-1].column:
                break  # a line of text
            levels = [
                other
                for other in levels
                if other.column < level.column
                or (other.column == level.column and level.is_item and not other.is_item)
            ]
            levels.append(level)
        offset += len(line) + 1
    return None


def _misplaced_level(level: _Level, above: list[_Level]) -> Unreadable | None:
    same = [other for other in above if other.is_item == level.is_item]
    if not same or any(other.column == level.column for other in same):
        return None
    if level.column <= above[-1].column:
        near = [other for other in same if other.column < level.column][-1:]
        near += [other for other in same if other.column > level.column][:1]
    elif _OPENS(above[-1].rest):
        return None
    else:
        near = same[-1:]
    noun, subject = ("list item", "this list item") if level.is_item else ("key", f"`{level.name}`")
    spaces = counted(level.column, "space")
    return Unreadable(
        "invalid-yaml",
        f"not valid YAML: the indentation of {subject} ({spaces}) matches no {noun} above",
        (level.start, level.start + len(level.name)),
        "align it with "
        + " or ".join(
            f"{'the item' if other.is_item else f'`{other.name}`'} in line {other.line} "
            f"({counted(other.column, 'space')})"
            for other in near
        ),
    )


def _first_of_value(text: str, at: int) -> str:
    """Return what the value in the line of an offset begins with, if no unquoted value can begin so."""
    end = text.find("\n", at)
    line = _VALUE(text[text.rfind("\n", 0, at) + 1 : end if end >= 0 else len(text)])
    first = line and next((start for start in _NEVER_FIRST if line["value"].startswith(start)), None)
    return "a backtick" if first == "`" else f"`{first.strip()}`" if first else ""


def _refusal(error: MarkedYAMLError, text: str) -> Unreadable:
    mark = error.problem_mark or error.context_mark
    at = min(mark.index, len(text)) if mark is not None else 0
    problem = error.problem or "unknown error"
    if "tab character" in problem or text[at : at + 1] == "\t":
        tab = text.find("\t", text.rfind("\n", 0, at) + 1)
        stretch = (tab, tab + 1) if tab >= 0 else (at, at + 1)
        return Unreadable("tab-indentation", "YAML must not be indented with tabs", stretch, "use spaces")
    if "unexpected end of stream" in problem and error.context_mark is not None:
        began = min(error.context_mark.index, len(text))
        return Unreadable("invalid-yaml", "unclosed quote", (began, began + 1), "close the quote")
    help_text = next((words for piece, words in _HELP.items() if piece in problem), None)
    line = text[text.rfind("\n", 0, at) + 1 : at]
    begins = _first_of_value(text, at)
    if begins:
        help_text = f"quote the value: an unquoted value cannot begin with {begins}"
    elif "alias" in (error.context or "") or _ALIAS_BEFORE(line):
        help_text = "quote the value: an unquoted value cannot begin with `*`"
    elif _QUOTED_BEFORE(line):
        help_text = "quote the whole value: text follows the closing quote"
    elif "flow" not in (error.context or "") and (misplaced := _misplaced(text, at)):
        return misplaced
    context = f" {error.context}" if error.context else ""
    return Unreadable(
        "invalid-yaml", f"not valid YAML: {problem}{context}", (at, min(at + 1, len(text))), help_text
    )
