"""Failure messages and tracebacks of checks."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Final, final

from stepwell.source.diagnostic import Diagnostic, Span
from stepwell.source.errors import ComponentError
from stepwell.source.escape_control import visible
from stepwell.source.excerpt import block

__all__ = ["CheckFailed", "Problem", "cannot_load", "findings", "without_our_frames"]

_OURS: Final = os.path.join(os.path.dirname(os.path.abspath(__file__)), "")


@final
class CheckFailed(Exception):
    """A check failed; exceptions of the user's code are its cause.

    Args:
       path: file of the failure, relative to the project.
       line: from 1.
    """

    def __init__(self, text: str, path: str, line: int) -> None:
        self.text = text
        self.path = path
        self.line = line
        super().__init__(text)


@final
class Problem:
    """Problem of a loaded component, with a location in the definition.

    Args:
       message: one line without a full stop.
    """

    __slots__ = ("help", "message", "span")

    def __init__(self, message: str, span: Span, help: str = "") -> None:  # noqa: A002 - as a Diagnostic's
        self.message = message
        self.span = span
        self.help = help

    def __str__(self) -> str:
        lines = [
            visible(self.message),
            f"  --> {visible(self.span.path)}:{self.span.line}:{self.span.column}",
        ]
        return "\n".join((*lines, *((f"  = help: {visible(self.help)}",) if self.help else ())))


def findings(findings: Iterable[Diagnostic]) -> str:
    """Return findings as ``stepwell check`` prints them."""
    return "\n\n".join(block(item, color=False) for item in findings)


def cannot_load(error: ComponentError) -> CheckFailed:
    """Return the failure for a component that cannot be loaded."""
    text = "\n".join(visible(line) for line in str(error).split("\n"))
    cause = error.__cause__
    if isinstance(cause, SyntaxError) and cause.text:  # no frame shows the line
        text += f"\n  {cause.lineno} | {visible(cause.text.strip())}"
    return CheckFailed(text, error.path, error.line)


def without_our_frames(error: BaseException) -> bool:
    """Remove this package's frames from a traceback; return whether any are left."""
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_frame.f_code.co_filename.startswith(_OURS):
        traceback = traceback.tb_next
    error.__traceback__ = traceback
    return traceback is not None
