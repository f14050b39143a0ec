"""What a run gives: a value or an error, and how it came about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Any, Final, final

from stepwell.live.registry import InEffect
from stepwell.model import StepDefinition
from stepwell.source.diagnostic import Diagnostic
from stepwell.source.errors import StepwellError

__all__ = [
    "Attempt",
    "Context",
    "Fault",
    "StepError",
    "StepResult",
]


_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


def _tell_nobody(_: str, __: Mapping[str, Any]) -> None:
    pass


@final
@dataclass(frozen=True, slots=True)
class Context:
    """The circumstances of a run.

    Args:
        workspace: in whose view the step is looked up: an id, or ``None`` for the core; left out, the
            workspace in effect.
        session: names a conversation that goes on over several steps; empty for none.
        folder: an absolute path below which the step may read and write; ``None`` where it has no files.
        timeout: how long one attempt may take, in seconds; left out, as the definition says.
        tell: called with a name and plain data that belong in the record of the run.
    """

    workspace: str | InEffect | None = InEffect.WORKSPACE
    values: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    session: str = ""
    folder: str | None = None
    timeout: float | None = None
    tell: Callable[[str, Mapping[str, Any]], None] = _tell_nobody


@final
class Fault(Enum):
    """Why a step has no result."""

    UNKNOWN_STEP = "unknown step"
    NO_IMPLEMENTATION = "no implementation"
    INCOMPATIBLE = "incompatible"
    INVALID_PARAMETERS = "invalid parameters"
    TIMEOUT = "timeout"
    PROVIDER = "provider"
    ERROR = "error"
    CANCELLED = "cancelled"
    TOO_DEEP = "too deep"


@final
class StepError(StepwellError):
    """A step has no result; what its code raised, if anything, is the cause.

    Args:
        message: what happened, in one sentence or a few lines.
        place: the file and line that define the step, as ``path:line``; empty where nothing does.
        attempt: the attempt at which it happened, from 1; 0 before the first.
        diagnostics: what is wrong with the parameters, where they are at fault.
        retry_after: seconds after which a provider says to ask again.
    """

    __module__ = "stepwell"  # as the errors of ``stepwell.source.errors``

    def __init__(
        self,
        step: str,
        fault: Fault,
        message: str,
        place: str = "",
        attempt: int = 0,
        diagnostics: tuple[Diagnostic, ...] = (),
        retry_after: float | None = None,
    ) -> None:
        self.step = step
        self.fault = fault
        self.message = message
        self.place = place
        self.attempt = attempt
        self.diagnostics = diagnostics
        self.retry_after = retry_after
        told = f"step {step}: {fault.value}"
        told += f" at attempt {attempt}: {message}" if attempt else f": {message}"
        super().__init__(f"{told}\n  --> {place}" if place else told)

    def __reduce__(self) -> tuple[type[StepError], tuple[object, ...]]:
        given = (self.step, self.fault, self.message, self.place, self.attempt, self.diagnostics)
        return StepError, (*given, self.retry_after)

    @property
    def cause(self) -> BaseException | None:
        """What the step's code raised."""
        return self.__cause__


@final
@dataclass(frozen=True, slots=True)
class Attempt:
    """One try.

    Args:
        number: from 1.
        provider: the name of the provider that it was made with; ``None`` for none.
        error: why it failed; ``None`` for the one that did not.
    """

    number: int
    provider: str | None
    seconds: float
    error: StepError | None = None
    reason: str = ""


@final
@dataclass(frozen=True, slots=True)
class StepResult:
    """What became of one run of a step.

    Args:
        value: what the step gave; ``None`` where it failed.
        error: why it failed; ``None`` where it did not.
        attempts: every try, in order; none where it never came to one.
        duration: seconds from the request to this.
        definition: the step as its view served it; ``None`` where there is no such step.
        provider: the name of the provider that the last attempt was made with; ``None`` for none.
    """

    ok: bool
    value: Any = None
    error: StepError | None = None
    attempts: tuple[Attempt, ...] = ()
    duration: float = 0.0
    definition: StepDefinition | None = None
    provider: str | None = None

    def unwrap(self) -> Any:
        """The value.

        Raises:
            StepError: there is none.
        """
        if self.error is not None:
            raise self.error
        return self.value
