"""Text from a user's file, made safe to show: nothing in it moves a cursor, ends a line or hides."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

__all__ = ["TAB", "columns", "findable", "visible", "well_formed", "well_formed_data"]

TAB = "    "
"""How a tab is drawn in a source line; of one width everywhere, so that carets below it stand right."""


def visible(text: str) -> str:
    r"""The text with every character that ``str.isprintable`` refuses written as a Python escape.

    These are controls, line breaks, bidirectional and other format characters, lone surrogates and
    every space but U+0020: ``\x1b``, ``\n``, ``\u202e``, ``\xa0``.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escape(char) for char in text)


def findable(path: str) -> str:
    """The path with only controls, line separators, lone surrogates and noncharacters escaped.

    For a program that looks the file up again: a no-break space in its name stays one.
    """
    return re.sub(_NOT_IN_TEXT, lambda found: _escape(found[0]), path)


def columns(shown: str) -> int:
    """How many columns of a terminal a text takes once it is ``visible``.

    Wide and full-width characters take two, marks that join the character before them none
    (Unicode Standard Annex 11).
    """
    if shown.isascii():
        return len(shown)
    return sum(_width(char) for char in shown)


def well_formed(text: str) -> str:
    r"""The text with lone surrogates, for which UTF-8 has no bytes, written as ``\udce9``.

    A file name that is not valid in the system's encoding brings them.
    """
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


_NOT_IN_TEXT = "[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]"  # slow to compile


def _escape(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")


def _width(char: str) -> int:
    if unicodedata.east_asian_width(char) in "WF":
        return 2
    return 0 if unicodedata.category(char) in {"Mn", "Me"} else 1


def well_formed_data(value: Any) -> Any:
    """Plain data with every text in it ``well_formed``."""
    if isinstance(value, str):
        return well_formed(value)
    if isinstance(value, Mapping):
        return {well_formed(key): well_formed_data(one) for key, one in value.items()}
    if isinstance(value, (tuple, list)):
        return [well_formed_data(one) for one in value]
    return value
