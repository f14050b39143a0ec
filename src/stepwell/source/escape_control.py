"""Escapes control characters of users' text for terminals and logs."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

__all__ = ["TAB", "columns", "findable", "visible", "well_formed", "well_formed_data"]

TAB = "    "
"""Rendering of a tab in source lines; a fixed width keeps carets aligned."""


def visible(text: str) -> str:
    r"""Return the text with all characters that are not ``str.isprintable`` as Python escapes.

    These are controls, line breaks, bidirectional and other format characters, lone surrogates and all spaces
    except U+0020: ``\x1b``, ``\n``, ``\u202e``, ``\xa0``.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escape(char) for char in text)


def findable(path: str) -> str:
    """Return a path with only controls, line separators, lone surrogates and noncharacters escaped.

    Other programs can still find the file: a no-break space in its name is preserved.
    """
    return re.sub(_NOT_IN_TEXT, lambda match: _escape(match[0]), path)


def columns(shown: str) -> int:
    """Return the width of ``visible`` text in terminal columns.

    Wide and full-width characters count twice, combining marks not at all (Unicode Standard Annex 11).
    """
    if shown.isascii():
        return len(shown)
    return sum(_width(char) for char in shown)


def well_formed(text: str) -> str:
    r"""Return the text with lone surrogates as escapes such as ``\udce9``.

    They come from file names that are invalid in the system's encoding, and cannot be encoded as UTF-8.
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
    """Return plain data with ``well_formed`` applied to all strings."""
    if isinstance(value, str):
        return well_formed(value)
    if isinstance(value, Mapping):
        return {well_formed(key): well_formed_data(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [well_formed_data(item) for item in value]
    return value
