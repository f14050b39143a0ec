"""What foreign code raised, in words, whatever its exceptions do when they are asked for theirs."""

from __future__ import annotations

__all__ = ["text_of", "worded"]


def text_of(error: BaseException) -> str:
    """What an exception says."""
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - the text of a foreign exception is foreign code
        return "it cannot say why"


def worded(error: BaseException) -> str:
    """The class of an exception and what it says; the class alone where it says nothing."""
    return f"{type(error).__name__}: {text_of(error)}".removesuffix(": ")
