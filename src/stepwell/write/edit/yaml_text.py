"""Proposes YAML texts for an edit, smallest changes first."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from stepwell.source import scalars
from stepwell.source.document import Document, Pointer
from stepwell.write.edit.text import Change, Remove, Rename, Set, Text

__all__ = ["block", "flow", "proposals", "scalar"]

WIDTH: Final = 100
"""Maximum columns of a list in one line."""

_PROPERTIES: Final = re.compile(r"(?:[&!]\S*[ \t\r\n]+)*")
_PLAIN: Final = re.compile(r"[^\s\-?:,\[\]{}#&*!|>'\"%@`=~<][^\r\n]*")
_LOOKS_TYPED: Final = re.compile(r"[-+.0-9][-+.:_0-9a-fA-FxXoOtTzZ ]*|(?i:y|n|yes|no|on|off|true|false|null)")
_ESCAPES: Final = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r", "\0": "\\0"}


def scalar(value: Any, *, in_flow: bool = False, style: str = "") -> str:
    """Return a scalar in one line, quoted only where needed.

    Args:
        style: the preferred quote; empty for plain.
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return repr(value)
    printable = value.isprintable() and "\ufeff" not in value
    if style == "'" and printable:
        return "'" + value.replace("'", "''") + "'"
    if style == "" and printable and _is_plain(value, in_flow=in_flow):
        return value
    return '"' + "".join(map(_escaped, value)) + '"'


def _is_plain(value: str, *, in_flow: bool) -> bool:
    if not _PLAIN.fullmatch(value) or value != value.strip() or _LOOKS_TYPED.fullmatch(value):
        return False
    if ": " in value or " #" in value or value.endswith(":") or (in_flow and set(value) & set(",[]{}:")):
        return False
    try:
        return scalars.resolve(value) == value
    except OverflowError:
        return False


def _escaped(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    if char.isprintable() and char != "\ufeff":
        return char
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def flow(value: Any) -> str:
    """Return a value in flow style, in one line."""
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(flow(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(key)}: {flow(item)}" for key, item in value.items()) + "}"
    return scalar(value, in_flow=True)


def _key(name: str) -> str:
    return scalar(name, in_flow=True)


def _literal(value: str, indent: str, newline: str) -> str | None:
    """Return a text of several lines as a literal block, if that can represent it."""
    if (
        "\n" not in value
        or not value.strip("\n")
        or not value.replace("\n", "").replace("\t", "").isprintable()
    ):
        return None
    body = value.rstrip("\n")
    if body[0] in " \n\t":
        return None
    trailing = len(value) - len(body)
    chomping = {0: "-", 1: ""}.get(trailing, "+")
    lines = [*body.split("\n"), *[""] * max(trailing - 1, 0)]
    return f"|{chomping}{newline}" + newline.join(f"{indent}  {line}" if line else "" for line in lines)


def block(key: str, value: Any, indent: str, newline: str, *, literals: bool = True) -> str:
    """Return the lines of a key and its value in block style, without the last line break.

    Args:
        key: the key as written; empty for a list item.
        literals: whether texts of several lines are literal blocks.
    """
    head = f"{indent}{key}:" if key else f"{indent}-"
    inner = indent + "  "
    if isinstance(value, dict) and value:
        lines = [block(_key(name), item, inner, newline, literals=literals) for name, item in value.items()]
        if key:
            return newline.join([head, *lines])
        return newline.join([f"{head} {lines[0][len(inner) :]}", *lines[1:]])
    if isinstance(value, (list, tuple)) and value:
        inline = flow(value)
        is_short = not any(isinstance(item, (dict, list)) for item in value)
        if (is_short and len(head) + 1 + len(inline) <= WIDTH) or not key:
            return f"{head} {inline}"
        return newline.join([head, *(block("", item, inner, newline, literals=literals) for item in value)])
    literal = _literal(value, indent, newline) if literals and isinstance(value, str) else None
    return f"{head} {literal if literal is not None else flow(value)}"


def proposals(text: Text, change: Change, order: Sequence[str], document: Document) -> Iterator[str]:
    """Yield texts that may be the result of a change."""
    if isinstance(change, Rename):
        yield from _renamed(text, change)
    elif isinstance(change, Remove):
        yield from _removed(text, change, document)
    elif isinstance(change, Set):
        if change.is_new or change.pointer not in text.values:
            yield from _inserted(text, change, order)
        else:
            yield from _replaced(text, change.pointer, change.value, document)


def _renamed(text: Text, change: Rename) -> Iterator[str]:
    start, end = text.keys.get(change.pointer, (0, 0))
    if end:
        quote = text.text[start] if text.text[start] in "'\"" else ""
        in_flow = _in_flow(text, change.pointer)
        for style in (quote, "", '"'):
            yield text.replaced(start, end, scalar(change.name, in_flow=in_flow, style=style))


def _in_flow(text: Text, pointer: Pointer) -> bool:
    return any(_opens(text, pointer[:depth]) in ("{", "[") for depth in range(len(pointer)))


def _opens(text: Text, pointer: Pointer) -> str:
    """Return the first character of a value after its anchor."""
    start, end = text.values.get(pointer, (0, 0))
    value = text.text[start:end]
    match = _PROPERTIES.match(value)
    return value[match.end() : match.end() + 1] if match else ""


def _entry_start(text: Text, pointer: Pointer) -> int | None:
    """Return the position of a key, or of the dash of a list item in block style."""
    if pointer in text.keys:
        return text.keys[pointer][0]
    if not pointer or pointer not in text.values or not isinstance(pointer[-1], int):
        return None
    start = text.values[pointer][0]
    before = text.text[text.line_start(start) : start].rstrip(" \t")
    if not before.endswith("-"):
        return None
    return text.line_start(start) + len(before) - 1


def _after_key(text: Text, pointer: Pointer) -> int | None:
    """Return the position after the colon of a key or the dash of an item."""
    if pointer in text.keys:
        end = text.keys[pointer][1]
        colon = text.text.find(":", end)
        return colon + 1 if colon >= 0 and not text.text[end:colon].strip() else None
    dash = _entry_start(text, pointer)
    return None if dash is None else dash + 1


def _is_on_own_line(text: Text, offset: int) -> bool:
    return not text.text[text.line_start(offset) : offset].strip(" ")


def _carried(text: Text, document: Document, start: int, end: int, pointer: Pointer) -> tuple[int, str]:
    """Return the comments of a stretch as lines, and the start of the nearest block entry's line."""
    comments = text.comments(document, start, end)
    if not comments:
        return 0, ""
    for depth in range(len(pointer), 0, -1):
        if _in_flow(text, pointer[:depth]):
            continue
        entry = _entry_start(text, pointer[:depth])
        if entry is not None and _is_on_own_line(text, entry):
            indent = text.indentation(entry)
            return text.line_start(entry), "".join(f"{indent}{note}{text.newline}" for note in comments)
    return 0, "".join(f"{note}{text.newline}" for note in comments)


def _spliced(
    text: Text, document: Document, pointer: Pointer, start: int, end: int, new: str, kept: int = -1
) -> str:
    """Replace a stretch, and move its comments above the entry.

    Args:
        kept: position in the stretch from which the new text contains the comments itself.
    """
    line, notes = _carried(text, document, start, end if kept < 0 else kept, pointer)
    return text.text[:line] + notes + text.text[line:start] + new + text.text[end:]


def _replaced(text: Text, pointer: Pointer, value: Any, document: Document) -> Iterator[str]:
    if not pointer:
        return
    start, end = text.values[pointer]
    in_flow = _in_flow(text, pointer)
    is_collection = isinstance(value, (dict, list)) and bool(value)
    after, entry = _after_key(text, pointer), _entry_start(text, pointer)
    if not is_collection or in_flow or _opens(text, pointer) in ("{", "[") or _is_short(value, text, start):
        for new in _inline(text, pointer, value, entry, in_flow=in_flow):
            yield from _replaced_inline(text, document, pointer, after, new)
    if is_collection and not in_flow and after is not None and entry is not None:
        for lines in _nested(value, text, pointer, text.indentation(entry)):
            yield from _replaced_by_lines(text, document, pointer, after, text.newline + lines)
        yield _spliced(text, document, pointer, start, end, flow(value))
        yield _spliced(text, document, pointer, after, end, " " + flow(value))


def _inline(text: Text, pointer: Pointer, value: Any, entry: int | None, *, in_flow: bool) -> Iterator[str]:
    """Yield a value as it may be written after its key, in the style of the old value first."""
    opens = _opens(text, pointer)
    if isinstance(value, (dict, list)) and value:
        yield flow(value)
        return
    if (
        isinstance(value, str)
        and entry is not None
        and not in_flow
        and (opens in ("|", ">") or "\n" in value)
    ):
        literal = _literal(value, text.indentation(entry), text.newline)
        yield from () if literal is None else (literal,)
    for style in (opens if opens in ("'", '"') else "", "", '"'):
        yield scalar(value, in_flow=in_flow, style=style)


def _replaced_inline(
    text: Text, document: Document, pointer: Pointer, after: int | None, new: str
) -> Iterator[str]:
    """Yield texts with a value in the place of another."""
    start, end = text.values[pointer]
    is_empty = start == end
    is_block = not is_empty and _is_on_own_line(text, start) and _opens(text, pointer) not in tuple("{['\"")
    if not is_block:
        gap = " " if is_empty and text.text[start - 1 : start] not in (" ", "[", ",", "{") else ""
        yield _spliced(text, document, pointer, start, end, gap + new)
    if is_empty:
        yield text.replaced(start, end, ": " + new)  # a flow key without a value
    if after is not None:
        yield _spliced(text, document, pointer, after, end, " " + new)
        if text.text[after : text.line_end(after)].strip().startswith("#"):
            yield text.replaced(start, end, new)


def _replaced_by_lines(
    text: Text, document: Document, pointer: Pointer, after: int, lines: str
) -> Iterator[str]:
    """Yield texts with the lines of a collection below the key of a value."""
    start, end = text.values[pointer]
    stop, first_end = text.line_end(end), text.line_end(after)
    if _is_on_own_line(text, start) or start == end:  # the comment in the line of the key stays
        rest = text.text[end:stop] if end > first_end else ""
        last = max(end, first_end)
        yield _spliced(text, document, pointer, first_end, max(stop, first_end), rest + lines, kept=last)
    rest = text.text[end:stop].rstrip()
    yield _spliced(text, document, pointer, after, stop, rest + lines, kept=end)


def _is_short(value: Any, text: Text, start: int) -> bool:
    """Return whether a list of scalars fits into the line."""
    return (
        isinstance(value, list)
        and all(not isinstance(item, (dict, list)) for item in value)
        and start - text.line_start(start) + len(flow(value)) <= WIDTH
    )


def _nested(value: Any, text: Text, pointer: Pointer, indent: str) -> Iterator[str]:
    """Yield the lines of a collection below its key, indented as before and as usual."""
    start, _ = text.values[pointer]
    widths = [indent + "  "]
    if _is_on_own_line(text, start) and text.text[start : start + 1] not in ("", "{", "["):
        widths.insert(0, text.indentation(start))
    for inner in dict.fromkeys(widths):
        for literals in (True, False):
            if isinstance(value, dict):
                yield text.newline.join(
                    block(_key(name), item, inner, text.newline, literals=literals)
                    for name, item in value.items()
                )
            else:
                yield text.newline.join(
                    block("", item, inner, text.newline, literals=literals) for item in value
                )


def _inserted(text: Text, change: Set, order: Sequence[str]) -> Iterator[str]:
    *above, last = change.pointer
    parent = tuple(above)
    is_item = isinstance(last, int)
    if _in_flow(text, (*parent, last)):
        yield from _inserted_in_flow(text, parent, last, change.value)
        return
    siblings = [key for key in (text.values if is_item else text.keys) if key[:-1] == parent and key]
    siblings = [key for key in siblings if len(key) == len(parent) + 1]
    if not siblings:
        if not parent:  # an empty file, possibly with comments
            yield text.with_lines(len(text.text), block(_key(str(last)), change.value, "", text.newline))
        return
    siblings.sort(key=lambda key: text.values.get(key, (0, 0))[0])
    entry = _entry_start(text, siblings[0])
    if entry is None:
        return
    indent = text.indentation(entry)
    name = "" if is_item else _key(str(last))
    previous = _previous(siblings, last, order if not parent else ())
    for literals in (True, False):
        lines = block(name, change.value, indent, text.newline, literals=literals)
        if previous is None and _is_on_own_line(text, entry):
            yield text.with_lines(text.line_start(entry), lines)
        for sibling in dict.fromkeys((previous or siblings[0], siblings[-1])):
            end = text.values[sibling][1]
            yield text.with_lines(text.next_line(end), lines)
            yield text.replaced(text.line_end(end), text.line_end(end), text.newline + lines)
    if is_item:
        dash = f"{indent}- {flow(change.value)}"
        yield text.with_lines(text.next_line(text.values[previous or siblings[-1]][1]), dash)


def _previous(siblings: list[Pointer], last: str | int, order: Sequence[str]) -> Pointer | None:
    """Return the sibling after which an entry is inserted; ``None`` for the first position."""
    if isinstance(last, int):
        return siblings[last - 1] if 0 < last <= len(siblings) else None
    if last not in order:
        return siblings[-1]
    place = order.index(last)
    above = [key for key in siblings if key[-1] in order and order.index(str(key[-1])) < place]
    return above[-1] if above else None


def _inserted_in_flow(text: Text, parent: Pointer, last: str | int, value: Any) -> Iterator[str]:
    _, end = text.values.get(parent, (0, 0))
    if not end:
        return
    written = flow(value) if isinstance(last, int) else f"{_key(last)}: {flow(value)}"
    inside = [
        stretch for key, stretch in text.values.items() if key[:-1] == parent and len(key) == len(parent) + 1
    ]
    inside.sort()
    if not inside:
        yield text.replaced(end - 1, end - 1, written)
    elif isinstance(last, int) and last < len(inside):
        yield text.replaced(inside[last][0], inside[last][0], f"{written}, ")
    else:
        yield text.replaced(inside[-1][1], inside[-1][1], f", {written}")


def _removed(text: Text, change: Remove, document: Document) -> Iterator[str]:
    pointer = change.pointer
    if pointer not in text.values:
        return
    start, end = text.values[pointer]
    if _in_flow(text, pointer):
        begin = text.keys.get(pointer, (start, end))[0]
        after = re.compile(r"[ \t]*,[ \t]*").match(text.text, end)
        before = re.compile(r",[ \t\r\n]*\Z").search(text.text, 0, begin)
        line = text.line_of_item(begin, end)
        if line is not None:
            yield _spliced(text, document, pointer, *line, "")
        if after is not None:
            yield _spliced(text, document, pointer, begin, after.end(), "")
        if before is not None:
            yield _spliced(text, document, pointer, before.start(), end, "")
        yield _spliced(text, document, pointer, begin, end, "")
        return
    entry = _entry_start(text, pointer)
    if entry is None:
        return
    following = _following(text, pointer, entry)
    if _is_on_own_line(text, entry):
        first, stop = text.line_start(entry), text.next_line(end)
        indent = text.indentation(entry)
        notes = text.comments(document, first, stop)
        yield text.without_lines(first, stop, text.newline.join(f"{indent}{note}" for note in notes))
        if notes:
            yield text.without_lines(first, stop, text.newline.join(notes))
    elif following is not None:  # the first key after the dash of an item
        above = text.line_start(entry)
        dash = text.text[above:entry]
        indent = dash[: len(dash) - len(dash.lstrip(" "))]
        lines = [f"{indent}{note}{text.newline}" for note in text.comments(document, entry, following)]
        yield text.text[:above] + "".join(lines) + dash + text.text[following:]


def _following(text: Text, pointer: Pointer, entry: int) -> int | None:
    """Return the position of the next entry of the same collection."""
    siblings = (
        _entry_start(text, key) for key in text.values if key and key[:-1] == pointer[:-1] and key != pointer
    )
    return min((place for place in siblings if place is not None and place > entry), default=None)
