"""Proposes TOML texts for an edit, smallest changes first."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from stepwell.source.document import Document, Pointer, Stretch
from stepwell.write.edit.text import Change, Remove, Rename, Set, Text

__all__ = ["proposals", "value_text"]

WIDTH: Final = 100
"""Maximum columns of an array or inline table in one line."""

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_ESCAPES: Final = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r", "\b": "\\b", "\f": "\\f"}


def _string(value: str) -> str:
    return '"' + "".join(map(_escaped, value)) + '"'


def _escaped(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    if char.isprintable():
        return char
    code = ord(char)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def key_text(name: str) -> str:
    """Return a key, quoted only where needed."""
    return name if _BARE.fullmatch(name) else _string(name)


def value_text(value: Any) -> str | None:
    """Return a value in one line; ``None`` if it contains null, which TOML has not."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, (list, tuple)):
        items = [value_text(item) for item in value]
        return None if None in items else "[" + ", ".join(map(str, items)) + "]"
    if isinstance(value, Mapping):
        pairs = [(key_text(key), value_text(item)) for key, item in value.items()]
        if any(written is None for _, written in pairs):
            return None
        return "{ " + ", ".join(f"{key} = {written}" for key, written in pairs) + " }" if pairs else "{}"
    return repr(value)


def proposals(text: Text, change: Change, order: Sequence[str], document: Document) -> Iterator[str]:
    """Yield texts that may be the result of a change."""
    if isinstance(change, Rename):
        for start, end in _key_stretches(text, change.pointer):
            quote = text.text[start]
            if quote == "'" and "'" not in change.name and change.name.isprintable():
                yield text.replaced(start, end, f"'{change.name}'")
            yield text.replaced(start, end, _string(change.name) if quote == '"' else key_text(change.name))
        yield from _all_renamed(text, change)
    elif isinstance(change, Remove):
        yield from _removed(text, change.pointer, document)
    elif isinstance(change, Set):
        if change.is_new or change.pointer not in text.values:
            yield from _inserted(text, change, order)
        else:
            yield from _replaced(text, change, order, document)


def _key_stretches(text: Text, pointer: Pointer) -> list[Stretch]:
    stretch = text.keys.get(pointer)
    return [] if stretch is None else [stretch]


_HEADER: Final = re.compile(r"^[ \t]*\[\[?", re.MULTILINE)
_PART: Final = re.compile(r"[ \t]*([A-Za-z0-9_-]+|\"(?:[^\"\\\n]|\\.)*\"|'[^'\n]*')[ \t]*")


def _all_renamed(text: Text, change: Rename) -> Iterator[str]:
    """Rename a table in its own header, in those of its subtables and in dotted keys."""
    depth = len([step for step in change.pointer if isinstance(step, str)]) - 1
    names = [step for step in change.pointer if isinstance(step, str)]
    edits: list[Stretch] = []
    starts = [match.end() for match in _HEADER.finditer(text.text)]
    starts += [text.line_start(start) for start, _ in text.keys.values()]
    for start in starts:
        offset, parts = start, []
        while (match := _PART.match(text.text, offset)) is not None:
            parts.append(match.span(1))
            offset = match.end()
            if text.text[offset : offset + 1] != ".":
                break
            offset += 1
        written = [text.text[slice(*part)].strip("\"'") for part in parts]
        if written[: depth + 1] == names:
            edits.append(parts[depth])
    result = text.text
    for start, end in sorted(set(edits), reverse=True):
        result = result[:start] + key_text(change.name) + result[end:]
    yield result


def _is_header(text: Text, pointer: Pointer) -> bool:
    """Return whether a value is located at a header in brackets."""
    start, end = text.values.get(pointer, (0, 0))
    if (
        not pointer
        or text.text[start : start + 1] != "["
        or text.text[text.line_start(start) : start].strip()
    ):
        return False
    names = [pointer[:depth] for depth in range(len(pointer), 0, -1) if isinstance(pointer[depth - 1], str)]
    key = text.keys.get(names[0]) if names else None
    inside = key is not None and start < key[0] < end
    return inside or (isinstance(pointer[-1], int) and text.text[start : start + 2] == "[[")


def _in_line(text: Text, pointer: Pointer) -> bool:
    """Return whether a value is inside an array or inline table."""
    for depth in range(1, len(pointer)):
        outer = pointer[:depth]
        start, _ = text.values.get(outer, (0, 0))
        if text.text[start : start + 1] in ("[", "{") and not _is_header(text, outer):
            return True
    return False


def _replaced(text: Text, change: Set, order: Sequence[str], document: Document) -> Iterator[str]:
    start, end = text.values[change.pointer]
    old = text.text[start:end]
    if not change.pointer:
        return
    if not _is_header(text, change.pointer) and old[:1]:
        key = text.keys.get(change.pointer)
        if key is None or text.text[key[1] : start].strip() == "=":
            for written in _renderings(text, change.value, old, start):
                line, notes = _carried(text, document, start, end)
                yield text.text[:line] + notes + text.text[line:start] + written + text.text[end:]
    for removed in _removed(text, change.pointer, document):
        without = _located(document, removed)
        if without is not None:
            yield from _inserted(without, change, order)


def _located(document: Document, proposed: str) -> Text | None:
    from stepwell.source.read import read_text

    result = read_text(document.path, proposed.encode("utf-8", "surrogatepass"))
    if not isinstance(result, Document):
        return Text(proposed, {}, {(): (0, len(proposed))}, {}) if result.id == "empty-file" else None
    places = result.locate(result.text)
    return Text(result.text, places.keys, places.values, result.data)


def _carried(text: Text, document: Document, start: int, end: int) -> tuple[int, str]:
    """Return the comments of a stretch as lines, and the start of the line to insert them at."""
    notes = text.comments(document, start, end)
    line = text.line_start(start)
    for outer, inside in text.values.items():  # not inside an array of several lines
        if outer and inside[0] < line <= inside[1] and not _is_header(text, outer):
            line = min(line, text.line_start(inside[0]))
    indent = re.match(r"[ \t]*", text.text[line:])
    return line, "".join(f"{indent.group() if indent else ''}{note}{text.newline}" for note in notes)


def _renderings(text: Text, value: Any, old: str, start: int) -> Iterator[str]:
    if isinstance(value, str):
        is_quoted = old[:1] in ("'", '"')
        if not is_quoted and re.fullmatch(r"[0-9][-0-9:.TZtz+ ]+", value):
            yield value  # a date
        if old.startswith("'") and value.isprintable() and "'" not in value:
            yield f"'{value}'"
        if old.startswith(('"""', "'''")) and "\n" in value:
            body = "".join(char if char == "\n" else _escaped(char) for char in value)
            yield f'"""{text.newline}{body.replace(chr(10), text.newline)}"""'
    written = value_text(value)
    if written is None:
        return
    if isinstance(value, list) and value:
        column = start - text.line_start(start)
        if "\n" in old or column + len(written) > WIDTH:
            inner = "".join(f"    {value_text(item)},{text.newline}" for item in value)
            yield f"[{text.newline}{inner}]"
    yield written


def _lines_of(text: Text, pointer: Pointer) -> list[Stretch]:
    """Return the lines of a value outside arrays and inline tables, in order."""
    depth = len(pointer)
    lines = set()
    for key, (start, end) in text.values.items():
        if key[:depth] != pointer:
            continue
        if _is_header(text, key):
            lines.add((text.line_start(start), text.next_line(end)))
        elif not _in_line(text, key) and key in text.keys:
            lines.add((text.line_start(text.keys[key][0]), text.next_line(end)))
    return sorted(lines)


def _removed(text: Text, pointer: Pointer, document: Document) -> Iterator[str]:
    start, end = text.values[pointer]
    if _in_line(text, pointer):
        begin = text.keys.get(pointer, (start, end))[0]
        begin = min(begin, start)
        after = re.compile(r"[ \t]*,[ \t]*").match(text.text, end)
        before = re.compile(r"[ \t\r\n]*,[ \t\r\n]*\Z").search(text.text, 0, begin)
        choices = [stretch for stretch in [text.line_of_item(begin, end)] if stretch is not None]
        if after is not None:
            choices.append((begin, after.end()))
        if before is not None:
            choices.append((before.start(), end))
        choices.append((begin, end))
        for first, stop in choices:
            line, notes = _carried(text, document, first, stop)
            yield text.text[:line] + notes + text.text[line:first] + text.text[stop:]
        return
    result, previous = [], 0
    for first, stop in _lines_of(text, pointer):
        if stop <= previous:
            continue
        indent = re.match(r"[ \t]*", text.text[first:stop])
        margin = indent.group() if indent else ""
        result.append(text.text[previous:first])
        result += [f"{margin}{note}{text.newline}" for note in text.comments(document, first, stop)]
        previous = stop
    kept = text.text[previous:]
    joined = "".join(result)
    if not kept and not text.text.endswith("\n"):
        joined = joined.removesuffix("\n").removesuffix("\r")
    yield joined + kept


def _headers(text: Text) -> list[tuple[int, Pointer]]:
    """Return the positions of all headers with their tables, in order."""
    headers = [(start, pointer) for pointer, (start, _) in text.values.items() if _is_header(text, pointer)]
    return sorted(headers, key=lambda item: (item[0], len(item[1])))


def _inserted(text: Text, change: Set, order: Sequence[str]) -> Iterator[str]:
    *above, last = change.pointer
    parent = tuple(above)
    start, end = text.values.get(parent, (0, len(text.text)))
    written = value_text(change.value)
    if written is None:
        return
    is_inline = _in_line(text, (*parent, last))
    if is_inline:
        entry = written if isinstance(last, int) else f"{key_text(last)} = {written}"
        inside = sorted(
            (min(text.keys.get(key, stretch)[0], stretch[0]), stretch[1])
            for key, stretch in text.values.items()
            if len(key) == len(parent) + 1 and key[:-1] == parent
        )
        if not inside:
            yield text.replaced(end - 1, end - 1, f" {entry} " if isinstance(last, str) else entry)
            yield text.replaced(start, end, f"{{ {entry} }}" if isinstance(last, str) else f"[{entry}]")
        elif isinstance(last, int) and last < len(inside):
            yield text.replaced(inside[last][0], inside[last][0], f"{entry}, ")
        else:
            yield text.replaced(inside[-1][1], inside[-1][1], f", {entry}")
        return
    if isinstance(last, int):
        yield from _new_item(text, parent, last, change.value)
        return
    yield from _new_key(text, parent, last, change.value, written, order)


def _new_key(
    text: Text, parent: Pointer, last: str, value: Any, written: str, order: Sequence[str]
) -> Iterator[str]:
    line = f"{key_text(last)} = {written}"
    if isinstance(value, list) and len(line) > WIDTH:
        inner = "".join(f"    {value_text(item)},{text.newline}" for item in value)
        line = f"{key_text(last)} = [{text.newline}{inner}]"
    own = text.values.get(parent, (0, 0))
    headers = _headers(text)
    begins = text.next_line(own[1]) if parent and _is_header(text, parent) else 0
    stops = min((place for place, _ in headers if place >= begins), default=len(text.text))
    entries = {
        pointer: text.values[pointer]
        for pointer in text.keys
        if pointer[:-1] == parent
        and begins <= text.values[pointer][0] < stops
        and not _is_header(text, pointer)
    }
    is_table = isinstance(value, Mapping) and bool(value)
    if not is_table or len(line) <= WIDTH:
        if parent and not _is_header(text, parent):
            yield from _dotted(text, entries, last, written)
        else:
            above = (
                [
                    key
                    for key in entries
                    if last in order and key[-1] in order and order.index(str(key[-1])) < order.index(last)
                ]
                if not parent
                else []
            )
            anchors = above[-1:] + list(entries)[-1:]
            if last in order and not parent and not above and entries:
                first = min(text.keys[key][0] for key in entries)
                yield text.with_lines(text.line_start(first), line)
            for anchor in anchors:
                yield text.with_lines(text.next_line(entries[anchor][1]), line)
            if not entries:
                place = begins if parent else _after_comments(text)
                yield text.with_lines(place, line)
                if not parent:
                    yield text.with_lines(0, line)
    names = [step for step in (*parent, last) if isinstance(step, str)]
    dotted = ".".join(map(key_text, names))
    if is_table:
        body = text.newline.join(f"{key_text(key)} = {value_text(item)}" for key, item in value.items())
        gap = text.newline if text.text else ""
        yield text.with_lines(_section_end(text, parent), f"{gap}[{dotted}]{text.newline}{body}")
    elif parent and not entries:  # a table that only its subtables name
        outer = ".".join(key_text(str(step)) for step in parent if isinstance(step, str))
        below = [place for place, pointer in headers if pointer[: len(parent)] == parent]
        if below:
            yield text.with_lines(min(below), f"[{outer}]{text.newline}{line}{text.newline}")


def _dotted(text: Text, entries: Mapping[Pointer, Stretch], last: str, written: str) -> Iterator[str]:
    """Insert a key into a table of dotted keys."""
    for pointer, (_, end) in reversed(list(entries.items())):
        start = text.keys[pointer][0]
        line = text.text[text.line_start(start) : start]
        yield text.with_lines(text.next_line(end), f"{line}{key_text(last)} = {written}")


def _after_comments(text: Text) -> int:
    """Return the position after the comments at the top of a file."""
    offset = 0
    while offset < len(text.text) and text.text[offset] == "#":
        offset = text.next_line(offset)
    return offset


def _section_end(text: Text, table: Pointer) -> int:
    """Return the end of a table with its subtables."""
    last = max(
        (end for key, (_, end) in text.values.items() if key and key[: len(table)] == table), default=0
    )
    return text.next_line(last) if last else len(text.text)


def _new_item(text: Text, parent: Pointer, index: int, value: Any) -> Iterator[str]:
    """Insert a table into an array of tables."""
    if not isinstance(value, Mapping):
        return
    dotted = ".".join(key_text(step) for step in parent if isinstance(step, str))
    body = text.newline.join(f"{key_text(key)} = {value_text(item)}" for key, item in value.items())
    lines = f"[[{dotted}]]{text.newline}{body}" if body else f"[[{dotted}]]"
    following = (*parent, index)
    if following in text.values:
        start = text.values[following][0]
        yield text.with_lines(text.line_start(start), lines + text.newline)
    yield text.with_lines(_section_end(text, (*parent, index - 1)), text.newline + lines)
