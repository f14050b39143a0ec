"""Results of step runs: value or error, and all attempts."""

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


def _discard(_: str, __: Mapping[str, Any]) -> None:
    pass


@final
@dataclass(frozen=True, slots=True)
class Context:
    """Context of a run.

    Args:
        workspace: workspace to look the step up in; ``None`` for the core (default: the active workspace).
        session: conversation shared by several steps; empty for none.
        folder: absolute path that limits file access; ``None`` forbids files.
        timeout: seconds for one attempt (default: the timeout of the definition).
        emit: receives a name and plain data for the record of the run.
    """

    workspace: str | InEffect | None = InEffect.WORKSPACE
    values: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    session: str = ""
    folder: str | None = None
    timeout: float | None = None
    emit: Callable[[str, Mapping[str, Any]], None] = _discard


@final
class Fault(Enum):
    """Reason why a step has no result."""

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
    """Step failed; ``cause`` is the exception of its code, if any.

    Args:
        place: location of the definition, as ``path:line``; empty if unknown.
        attempt: counted from 1; 0 before the first attempt.
        diagnostics: problems of invalid parameters.
        retry_after: seconds until the provider accepts requests again.
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
        text = f"step {step}: {fault.value}"
        text += f" at attempt {attempt}: {message}" if attempt else f": {message}"
        super().__init__(f"{text}\n  --> {place}" if place else text)

    def __reduce__(self) -> tuple[type[StepError], tuple[object, ...]]:
        arguments = (self.step, self.fault, self.message, self.place, self.attempt, self.diagnostics)
        return StepError, (*arguments, self.retry_after)

    @property
    def cause(self) -> BaseException | None:
        """Return the exception that the step's code raised."""
        return self.__cause__


@final
@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt at a step.

    Args:
        number: counted from 1.
        provider: ``None`` when the step needs none.
        error: ``None`` on success.
    """

    number: int
    provider: str | None
    seconds: float
    error: StepError | None = None
    reason: str = ""


@final
@dataclass(frozen=True, slots=True)
class StepResult:
    """Result of one run of a step.

    Args:
        attempts: empty when the run failed before the first attempt.
        duration: seconds from the request to the result.
        definition: ``None`` when the step is unknown.
        provider: provider of the last attempt.
    """

    ok: bool
    value: Any = None
    error: StepError | None = None
    attempts: tuple[Attempt, ...] = ()
    duration: float = 0.0
    definition: StepDefinition | None = None
    provider: str | None = None

    def unwrap(self) -> Any:
        """Return the value.

        Raises:
            StepError: the step failed.
        """
        if self.error is not None:
            raise self.error
        return self.value
