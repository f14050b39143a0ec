"""Helpers for messages."""

from __future__ import annotations

__all__ = ["counted", "parenthesised"]


def counted(count: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun: ``1 file``, ``3 files``.

    Args:
        plural: the plural, if it is not the singular with ``s``.
    """
    return f"{count} {noun if count == 1 else plural or f'{noun}s'}"


def parenthesised(hint: str) -> str:
    """Return a hint in parentheses, or an empty string."""
    return f" ({hint})" if hint else ""
