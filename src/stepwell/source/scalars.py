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
"""Plain scalars that stand for null or for a boolean; ``yes``, ``no``, ``on`` and ``off`` do not."""

_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+").fullmatch
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?").fullmatch
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)").fullmatch
_BASES = {"0o": 8, "0x": 16}
_LONGEST_INTEGER = 24
"""Characters; anything longer is outside 64 bits, and Python may refuse to convert it at all."""


def resolve(token: str) -> Scalar:
    """The value of a plain scalar.

    Raises:
        OverflowError: for a number that JSON cannot carry: infinite, not a number, or an integer
            outside signed 64 bits (RFC 8259 section 6).
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
    """Whether every JSON reader gives a number back as it was."""
    if isinstance(value, int):
        return -(2**63) <= value < 2**63
    return math.isfinite(value)
