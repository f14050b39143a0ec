"""Text of foreign exceptions, even if their ``__str__`` fails."""

from __future__ import annotations

__all__ = ["text_of", "worded"]


def text_of(error: BaseException) -> str:
    """Return the message of an exception."""
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - the text of a foreign exception is foreign code
        return "no message"


def worded(error: BaseException) -> str:
    """Return the class and message of an exception."""
    return f"{type(error).__name__}: {text_of(error)}".removesuffix(": ")
