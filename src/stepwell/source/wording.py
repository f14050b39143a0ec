"""Helpers for messages."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["counted", "listed", "parenthesised"]


def counted(count: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun: ``1 file``, ``3 files``.

    Args:
        plural: the plural, if it is not the singular with ``s``.
    """
    return f"{count} {noun if count == 1 else plural or f'{noun}s'}"


def listed(texts: Iterable[str], most: int = 3) -> str:
    """Return the first texts, and how many more there are: ``a, b, c and 2 more``."""
    every = [*texts]
    more = f" and {len(every) - most} more" if len(every) > most else ""
    return ", ".join(every[:most]) + more


def parenthesised(hint: str) -> str:
    """Return a hint in parentheses, or an empty string."""
    return f" ({hint})" if hint else ""
