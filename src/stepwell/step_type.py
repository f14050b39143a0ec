"""What runs a step: a Protocol, and what an implementation is given. Nothing is loaded or run here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Protocol, final, runtime_checkable

from stepwell.model import StepDefinition
from stepwell.provider import Provider

__all__ = ["RunContext", "StepType", "Validating"]

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@final
@dataclass(frozen=True, slots=True)
class RunContext:
    """What an implementation is given besides its parameters.

    Args:
        definition: the step that is run, as its view serves it.
        workspace: in whose view; ``None`` for the core.
        provider: the one that was chosen for this attempt; ``None`` where the step requires none.
        attempt: which try this is, from 1.
        deadline: when the attempt is ended, in seconds of ``time.monotonic``; ``None`` for never.
        values: what earlier steps left for later ones, by name.
        session: names a conversation that goes on over several steps; empty for none.
        folder: an absolute path below which the step may read and write; ``None`` where it has no files.
        run: runs another step in the same run, as ``await run(step, parameters, values)``, and gives its
            result; ``None`` where steps cannot be nested.
        tell: called with a name and plain data that belong in the record of the run.
    """

    definition: StepDefinition
    workspace: str | None = None
    provider: Provider | None = None
    attempt: int = 1
    deadline: float | None = None
    values: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    session: str = ""
    folder: str | None = None
    run: Callable[[str, Mapping[str, Any], Mapping[str, Any]], Awaitable[Any]] | None = None
    tell: Callable[[str, Mapping[str, Any]], None] = lambda *_: None


@runtime_checkable
class StepType(Protocol):
    """What runs a step: an object with ``execute``, or a plain function of the same form.

    ``execute`` may be a coroutine function; one that is not runs in a thread. A class is made once for
    each Snapshot, without arguments. Optional besides: ``validate(parameters)``, which gives what is wrong
    with parameters beyond their schema, and ``describe()``, which says in one sentence what is run.
    """

    def execute(self, parameters: Mapping[str, Any], context: RunContext) -> Any:
        """Run the step.

        Args:
            parameters: they fit the schema in the definition's ``parameters``.
            context: the rest.

        Returns:
            The result, or an awaitable of it.
        """


@runtime_checkable
class Validating(Protocol):
    """What else an implementation may offer."""

    def validate(self, parameters: Mapping[str, Any]) -> list[str]:
        """What is wrong with parameters, each in one sentence; nothing when all is well."""
