"""The exceptions that cross the public API; a user's file never raises one, it yields a Diagnostic."""

from __future__ import annotations

from typing import final

__all__ = ["ProjectError", "StepwellError", "UnknownStep", "UnknownWorkspace"]


class StepwellError(Exception):
    """Everything that Stepwell raises on purpose derives from this."""


@final
class ProjectError(StepwellError):
    """No project could be found or opened; the message says where it was looked for."""


@final
class UnknownStep(StepwellError, KeyError, ValueError):
    """A view was asked for a step that it does not have.

    It is a ``KeyError`` because a view is a mapping, and a ``ValueError`` because the
    functions of the old registry raised one.

    Args:
        name: what was asked for.
        suggestions: existing names close to it, best first.
        place: the view in words, e.g. ``workspace alice`` or ``the core``.
    """

    def __init__(self, name: str, suggestions: tuple[str, ...] = (), place: str = "the core") -> None:
        self.name = name
        self.suggestions = suggestions
        self.place = place
        super().__init__(f"Unknown step name: {name}{_hint(suggestions)}")

    def __str__(self) -> str:  # KeyError would print the repr
        return str(self.args[0])

    def __reduce__(self) -> tuple[type[UnknownStep], tuple[str, tuple[str, ...], str]]:
        return UnknownStep, (self.name, self.suggestions, self.place)


@final
class UnknownWorkspace(StepwellError, KeyError, ValueError):
    """A registry was asked for a workspace that the project does not have.

    Args:
        workspace: what was asked for.
        suggestions: existing ids close to it, best first.
    """

    def __init__(self, workspace: str, suggestions: tuple[str, ...] = ()) -> None:
        self.workspace = workspace
        self.suggestions = suggestions
        super().__init__(f"unknown workspace: {workspace}{_hint(suggestions)}")

    def __str__(self) -> str:
        return str(self.args[0])

    def __reduce__(self) -> tuple[type[UnknownWorkspace], tuple[str, tuple[str, ...]]]:
        return UnknownWorkspace, (self.workspace, self.suggestions)


def _hint(suggestions: tuple[str, ...]) -> str:
    if not suggestions:
        return ""
    return " (did you mean " + " or ".join(f"`{name}`" for name in suggestions) + "?)"
