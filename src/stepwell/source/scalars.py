"""Plain scalars of the YAML 1.2 core schema (YAML 1.2.2 section 10.3.2)."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

__all__ = ["WORDS", "Scalar", "number_fits", "resolve", "typed"]

Scalar = str | int | float | bool | None

WORDS: Final[dict[str, bool | None]] = {
    "": None,
    "~": None,
    "null": None,
    "Null": None,
    "NULL": None,
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}
"""Plain scalars for null and booleans; ``yes``, ``no``, ``on`` and ``off`` are strings."""

_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+").fullmatch
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?").fullmatch
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)").fullmatch
_BASES = {"0o": 8, "0x": 16}
_LONGEST_INTEGER = 24
"""Maximum characters of an integer; longer ones exceed 64 bits, and Python may refuse to convert them."""


def resolve(token: str) -> Scalar:
    """Return the value of a plain scalar.

    Raises:
        OverflowError: JSON cannot represent the number: infinite, NaN, or an integer outside signed 64 bits
            (RFC 8259 section 6).
    """
    if token in WORDS:
        return WORDS[token]
    if token[0] not in "0123456789+-.":
        return token
    if _INTEGER(token):
        value = int(token[:_LONGEST_INTEGER], _BASES.get(token[:2], 10))
        if (len(token) > _LONGEST_INTEGER and token.strip("+-0")) or not number_fits(value):
            raise OverflowError(token)
        return value
    if _FLOAT(token):
        number = float(token)
        if not number_fits(number):
            raise OverflowError(token)
        return number
    if _NOT_FINITE(token):
        raise OverflowError(token)
    return token


def number_fits(value: float) -> bool:
    """Return whether JSON represents a number exactly."""
    if isinstance(value, int):
        return -(2**63) <= value < 2**63
    return math.isfinite(value)


def typed(text: str, like: object) -> Any:
    """Return a text from a command line as a value of the type of another value, such as a default.

    Without a type, a number or boolean is read only if writing it yields the same text, so that ``1.10`` and
    ``null`` stay text.

    Raises:
        ValueError: the text is no value of that type.
    """
    if isinstance(like, str):
        return text
    import json

    value: Any = text
    with suppress(ValueError, OverflowError):
        value = json.loads(text) if text[:1] in ("[", "{") else resolve(text)
    if isinstance(like, (list, tuple)):
        return _of_kind(value, isinstance(value, list), "must be a list as JSON")
    if isinstance(like, Mapping):
        return _of_kind(value, isinstance(value, dict), "must be a mapping as JSON")
    if isinstance(like, bool):
        return _of_kind(value, isinstance(value, bool), "must be true or false")
    if isinstance(like, int):
        return _of_kind(value, type(value) is int, "must be a whole number")
    if isinstance(like, float):
        return _of_kind(value, type(value) in (int, float), "must be a number")
    return value if isinstance(value, (list, dict)) or json.dumps(value) == text != "null" else text


def _of_kind(value: Any, fits: bool, message: str) -> Any:
    if not fits:
        raise ValueError(message)
    return value
