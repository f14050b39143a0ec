"""Wording that many messages share."""

from __future__ import annotations

__all__ = ["counted", "parenthesised"]


def counted(count: int, noun: str, plural: str = "") -> str:
    """A number and what it counts: ``1 file``, ``3 files``.

    Args:
        plural: the plural where it is not the singular and an ``s``.
    """
    return f"{count} {noun if count == 1 else plural or f'{noun}s'}"


def parenthesised(hint: str) -> str:
    """A hint as it follows a message, empty where there is none."""
    return f" ({hint})" if hint else ""
