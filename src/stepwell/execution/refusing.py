"""Why a step is not run with some parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stepwell.execution.parameters import check_parameters
from stepwell.execution.preparing import Ready
from stepwell.execution.results import Fault, StepError
from stepwell.source.diagnostic import Diagnostic
from stepwell.source.exception_text import text_of, worded

__all__ = ["refusal_of"]


def refusal_of(ready: Ready, step: str, parameters: Mapping[str, Any]) -> StepError | None:
    """Why a step may not be run with some parameters; ``None`` where it may.

    Args:
        ready: the step.
        step: what it was asked for as.
        parameters: what it would be run with.
    """
    if ready.parameters is None and ready.validate is None:
        return None
    found: tuple[Diagnostic, ...] = ()
    said: list[str] = []
    cause: BaseException | None = None
    try:
        if ready.parameters is not None and not ready.parameters.fit(parameters):
            found = check_parameters(ready.definition, parameters)
            said = [f"{one.message}{f' ({one.help})' if one.help else ''}" for one in found]
    except (TypeError, ValueError, AttributeError) as error:
        said, cause = [text_of(error)], error
    if not said and ready.validate is not None:
        try:
            answer = ready.validate(parameters)
            said = [answer] if isinstance(answer, str) else [str(one) for one in answer or ()]
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a step's code may raise anything, and that refuses
            said, cause = [f"`validate` fails with {worded(error)}"], error
    if not said:
        return None
    refused = StepError(step, Fault.INVALID_PARAMETERS, "; ".join(said), ready.place, 0, found)
    refused.__cause__ = cause
    return refused
