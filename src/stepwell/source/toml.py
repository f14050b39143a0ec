"""Reads TOML definitions with tomli.

Dates are kept as text, and numbers that JSON cannot represent exactly are rejected, as in YAML.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import tomli

from stepwell.source.document import Pointer, Stretch, TextMap, Unreadable
from stepwell.source.scalars import number_fits
from stepwell.source.toml_spans import MAX_DEPTH, TomlSpans

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["MAX_DEPTH", "load", "locate"]

_Slot = tuple[Any, str | int, Pointer]
"""A table or array, a key or index in it, and the pointer of the item."""


def load(text: str) -> tuple[dict[str, Any], list[Unreadable]]:
    """Return the data of a TOML document, and its numbers that are out of range; these and dates are text.

    Args:
        text: without a byte order mark.

    Raises:
        Unreadable: the text is invalid.
    """
    faults: list[Unreadable] = []
    _refuse_deep_nesting(text)
    try:
        data = tomli.loads(text)
    except tomli.TOMLDecodeError as error:
        raise _refusal(error, text) from None
    except ValueError:  # Python converts no integer of thousands of digits
        raise _out_of_range(text, _longest_integer(text)) from None
    special = list(_special(data, ()))
    if special:
        written = TomlSpans(text).values
        for holder, key, pointer in special:
            start, end = written.get(pointer, (0, 0))  # absent if tomli learns what the scanner has not
            if isinstance(holder[key], (int, float)):
                faults.append(_out_of_range(text, (start, end)))
                holder[key] = text[start:end]
            else:
                holder[key] = text[start:end] or holder[key].isoformat()
    return data, faults


def locate(text: str) -> TextMap:
    """Return the positions of all keys and values, up to the first error."""
    places = TomlSpans(text)
    return TextMap(places.keys, places.values)


def _refuse_deep_nesting(text: str) -> None:
    # tomli is recursive, and a compiled extension may crash where Python raises RecursionError
    # (https://mypyc.readthedocs.io/en/latest/differences_from_python.html#stack-overflows).
    # Each level takes one of these characters, so nearly every text is done after counting.
    if text.count("[") + text.count("{") + text.count(".") < MAX_DEPTH:
        return
    too_deep = TomlSpans(text).too_deep
    if too_deep is not None:
        raise Unreadable("too-deeply-nested", f"nested more than {MAX_DEPTH} levels deep", too_deep)


def _special(holder: dict[str, Any] | list[Any], pointer: Pointer) -> Iterator[_Slot]:
    """Yield dates, times and numbers that cannot be represented."""
    for key, value in holder.items() if isinstance(holder, dict) else enumerate(holder):
        kind = type(value)
        if kind is str or kind is bool:
            continue
        if kind is dict or kind is list:
            yield from _special(value, (*pointer, key))
        elif not (kind is int or kind is float) or not number_fits(value):
            yield holder, key, (*pointer, key)


_LONG_INTEGER: Final = re.compile(r"[+-]?[0-9](?:_?[0-9]){19,}").fullmatch


def _longest_integer(text: str) -> Stretch:
    stretches = sorted(TomlSpans(text).values.values())
    return next((stretch for stretch in stretches if _LONG_INTEGER(text, *stretch)), (0, 0))


def _out_of_range(text: str, stretch: Stretch) -> Unreadable:
    shown = _short(text[slice(*stretch)])
    message = f"the number `{shown}` cannot be represented exactly"
    return Unreadable("number-out-of-range", message, stretch, f'quote it if it is text: "{shown}"')


def _short(token: str) -> str:
    return token if len(token) <= 40 else token[:37] + "..."


_TOKEN: Final = re.compile(r"[^\s,\[\]{}#=]+|[^\r\n]?").match
_WORD: Final = re.compile(r"[\w.+/-]").match
_KEY_HELP: Final = "write `key = value`; quote a key with characters other than A-Z a-z 0-9 - _"
_HELP: Final = {
    "Expected '=' after a key": _KEY_HELP,
    "Expected newline": "write one `key = value` per line, and quote text",
    "Expected ']": "close the bracket",
    "Unclosed": "close the bracket, or put a comma between the items",
    "Invalid date": "write a date that exists, or quote it",
    "Invalid statement": "write `key = value`, `[table]`, or a comment after `#`",
    "initial character for a key part": _KEY_HELP,
}
_ESCAPES: Final = ("Unescaped '\\'", "Invalid hex value", "Escaped character")


def _refusal(error: tomli.TOMLDecodeError, text: str) -> Unreadable:
    message, at = error.msg, _offset(error, text)
    places = TomlSpans(text)
    if places.repeated is not None and places.repeated[2][0] < at:
        key, first, again = places.repeated
        if not key.isprintable():
            key = text[slice(*again)]
        return Unreadable(
            "duplicate-key",
            f"duplicate key `{key}`",
            again,
            "remove one of the two",
            (("first used in", first),),
        )
    return (
        _bad_character(text, at)
        or _never_closed(text, at, places)
        or _bad_escape(text, at, message)
        or _anything_else(text, at, message, places)
    )


def _offset(error: tomli.TOMLDecodeError, text: str) -> int:
    """Return where tomli stopped, in the text before newline normalization."""
    start = 0
    for _ in range(error.lineno - 1):
        start = text.index("\n", start) + 1
    return min(start + error.colno - 1, len(text))


def _bad_character(text: str, at: int) -> Unreadable | None:
    character = text[at : at + 1]
    if character == "\r" and not text.startswith("\r\n", at):
        message = "a lone carriage return is not a line break in TOML"
        return Unreadable("invalid-toml", message, (at, at + 1), "end lines with LF or CRLF")
    if character and character not in "\t\n\r" and (character < " " or character == "\x7f"):
        message = f"the control character U+{ord(character):04X} is not allowed"
        help_text = "remove it, or escape it in double quotes"
        return Unreadable("control-character", message, (at, at + 1), help_text)
    return None


def _never_closed(text: str, at: int, places: TomlSpans) -> Unreadable | None:
    opened = places.stopped
    if opened is None or text[at : at + 1] not in ("", "\n", "\r"):
        return None
    if opened < at and text[opened] in "\"'":
        quote = text[opened] * (3 if text.startswith(text[opened] * 3, opened) else 1)
        message = "unclosed quote"
        return Unreadable("invalid-toml", message, (opened, opened + len(quote)), "close the quote")
    if at == len(text) and places.unclosed is not None:
        bracket = places.unclosed
        message = f"unclosed `{text[bracket]}`"
        return Unreadable("invalid-toml", message, (bracket, bracket + 1), "close it")
    return None


def _bad_escape(text: str, at: int, message: str) -> Unreadable | None:
    if not message.startswith(_ESCAPES):
        return None
    start = text.rfind("\\", 0, at)
    written = text[start : max(at, start + 2)].rstrip()
    message = f"`{written}` is not a valid escape in TOML"
    stretch = (start, start + len(written))
    return Unreadable("invalid-toml", message, stretch, "write `\\\\` for a backslash, or use single quotes")


def _anything_else(text: str, at: int, message: str, places: TomlSpans) -> Unreadable:
    token = _TOKEN(text, at)
    stretch = token.span() if token is not None else (at, at)
    related: tuple[tuple[str, Stretch], ...] = ()
    help_text = next((help_text for piece, help_text in _HELP.items() if piece in message), None)
    if message == "Invalid value":
        help_text = _value_help(text[slice(*stretch)])
    elif text.startswith("{{", at - 1):
        help_text = "quote the value: an unquoted value cannot begin with `{{`"
    elif text[at - 1 : at] == "0" and text[at : at + 1].isdigit():
        help_text = "write the number without leading zeros, or quote it"
    if message.startswith("Unclosed") and places.unclosed is not None:
        related = (("opened", (places.unclosed, places.unclosed + 1)),)
    problem = message[:1].lower() + message[1:]
    return Unreadable("invalid-toml", f"not valid TOML: {problem}", stretch, help_text, related)


def _value_help(written: str) -> str:
    word = written.lower()
    if word in ("true", "false"):
        return f"write `{word}`, in lowercase"
    if word in ("null", "none", "~"):
        return "TOML has no null: remove the key"
    if _WORD(written):
        return f'quote it if it is text: "{_short(written)}"'
    return "write a value here"
