"""Plain scalars of the YAML 1.2 core schema (YAML 1.2.2 section 10.3.2)."""

from __future__ import annotations

import math
import re
from typing import Final

__all__ = ["WORDS", "Scalar", "number_fits", "resolve"]

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
