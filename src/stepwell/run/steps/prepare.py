"""Prepare steps for execution: definition, implementation and parameter schema, each loaded once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, final

from stepwell.check.mapping import plain_copy, written_out
from stepwell.model import StepDefinition
from stepwell.model.component import IMPLEMENTATION
from stepwell.model.schema import compiled, expanded
from stepwell.model.schema_errors import explain_by
from stepwell.model.step_type import INTERFACE, RunContext, faults_of, is_async, runner_of
from stepwell.model.validator import InvalidSchema
from stepwell.resolve.snapshot import Snapshot
from stepwell.resolve.view import View
from stepwell.run.steps.result import Fault, StepError
from stepwell.source.diagnostic import Diagnostic, in_order
from stepwell.source.document import Document, Pointer, no_places, thaw
from stepwell.source.errors import StepwellError, UnknownStep, UnknownWorkspace
from stepwell.source.foreign_code import Translated, worded

__all__ = [
    "Generation",
    "Parameters",
    "Ready",
    "Retry",
    "check_parameters",
    "mismatch",
    "parameters_of",
    "place_of",
]


_SHOWN: Final = "<parameters>"
"""Placeholder path of parameters that come from code."""


@final
@dataclass(frozen=True, slots=True, eq=False)
class Parameters:
    """Compiled JSON Schema of a step's parameters.

    Args:
        decide: returns whether plain data matches the schema.
    """

    schema: Mapping[str, Any]
    decide: Callable[[Any], bool]

    def fit(self, parameters: Mapping[str, Any]) -> bool:
        """Return whether parameters match the schema.

        Raises:
            ValueError: the parameters are not plain data.
        """
        if type(parameters) is dict:
            try:
                return self.decide(parameters)
            except ValueError:  # read-only inside, or not plain data
                pass
        return self.decide(thaw(parameters))


@lru_cache(maxsize=4096)
def parameters_of(step: StepDefinition) -> Parameters | None:
    """Return the parameter schema of a step; ``None`` if it declares none.

    Raises:
        InvalidSchema: the declared schema is invalid.
    """
    declared = step.parameters
    if declared is None:
        return None
    schema = expanded(declared)
    return Parameters(MappingProxyType(schema), compiled(schema).is_valid)


def check_parameters(
    step: StepDefinition,
    parameters: Mapping[str, Any],
    whose: Callable[[Pointer], Document] | None = None,
    prefix: Pointer = (),
) -> tuple[Diagnostic, ...]:
    """Return every problem of the parameters, each located at its key or value.

    Args:
        parameters: plain data, read-only or not.
        whose: returns the document that contains a value (default: the parameters rendered as text).
        prefix: position of the parameters in their document.

    Raises:
        InvalidSchema: the declared schema is invalid.
        ValueError: the parameters are not plain data.
    """
    schema = parameters_of(step)
    if schema is None or schema.fit(parameters):
        return ()
    if whose is None:
        rendered = written_out(Document(_SHOWN, "", plain_copy(parameters), no_places))
        whose = _always(rendered)
    noun = f"the step `{step.name}`"
    return in_order(explain_by(schema.schema, noun, thaw(parameters), whose, prefix))


def _always(document: Document) -> Callable[[Pointer], Document]:
    return lambda _: document


@final
@dataclass(frozen=True, slots=True)
class Retry:
    """Retry policy of a step.

    Args:
        wait: upper bound in seconds before the second attempt; doubled for each later one.
        max_wait: upper bound of every wait, in seconds.
        on: failures to retry; ``None`` for all.
    """

    attempts: int = 3
    wait: float = 1.0
    max_wait: float = 60.0
    on: tuple[str, ...] | None = None


@final
@dataclass(frozen=True, slots=True, eq=False)
class Ready:
    """A step that is ready to run.

    Args:
        workspace: ``None`` for the core.
        validate: custom validation of the parameters.
        parameters: ``None`` if the step declares no schema.
        retry: ``None`` if failures are not retried.
        requires: capabilities that the provider must have.
    """

    definition: StepDefinition
    workspace: str | None
    implementation: Any
    call: Callable[[Mapping[str, Any], RunContext], Any]
    is_async: bool
    validate: Callable[[Mapping[str, Any]], Any] | None
    parameters: Parameters | None
    retry: Retry | None
    requires: tuple[str, ...]
    place: str

    @property
    def is_plain(self) -> bool:
        """Return whether the run is a single synchronous call without timeout, retry or provider."""
        if self.is_async or self.requires or self.retry is not None:
            return False
        return self.definition.timeout is None


@final
class Generation:
    """Prepared steps of one Snapshot; thread-safe, lock-free once a step is ready."""

    __slots__ = ("_before", "_fallbacks", "_making", "ready", "snapshot")

    def __init__(
        self,
        snapshot: Snapshot,
        fallbacks: Callable[[str], Any],
        before: Mapping[tuple[str | None, str], Ready] = MappingProxyType({}),
    ) -> None:
        self.snapshot = snapshot
        self.ready: dict[tuple[str | None, str], Ready] = {}
        self._fallbacks = fallbacks
        self._before = before
        self._making = threading.RLock()

    def step(self, workspace: str | None, name: str) -> Ready:
        """Return a step, prepared on first use.

        Args:
            workspace: ``None`` for the core.

        Raises:
            StepError: the step is unknown or cannot run.
        """
        ready = self.ready.get((workspace, name))
        return ready if ready is not None else self._make(workspace, name)

    def _make(self, workspace: str | None, name: str) -> Ready:
        with self._making:  # instantiates each class once
            ready = self.ready.get((workspace, name))
            if ready is None:
                ready = self.ready[workspace, name] = self._made(workspace, name)
            return ready

    def _made(self, workspace: str | None, name: str) -> Ready:
        try:
            view = self.snapshot.view(workspace)
            definition = view[name]
        except UnknownWorkspace as error:
            raise StepError(name, Fault.UNKNOWN_STEP, str(error)) from error
        except UnknownStep as error:
            fallback = self._fallbacks(name)
            if fallback is None:
                raise StepError(name, Fault.UNKNOWN_STEP, str(error)) from error
            before = self._before.get((workspace, name))
            if before is not None and before.implementation is fallback:
                return before
            return _of_fallback(name, workspace, fallback)
        if definition.name != name:  # an alias is the same step
            return self.step(workspace, definition.name)
        implementation = _loaded(view, definition)
        before = self._before.get((workspace, name))
        if before is not None and before.definition is definition and before.implementation is implementation:
            return before
        return _ready(definition, workspace, implementation)


def place_of(definition: StepDefinition) -> str:
    """Return the location of a definition as ``path:line``; empty if unknown."""
    if not definition.sources:
        return ""
    span = definition.sources[0].document.value_span(("name",))
    return f"{span.path}:{span.line}"


def mismatch(definition: StepDefinition) -> str:
    """Return why a step is incompatible with this interface version; empty if it is compatible."""
    since, wanted = definition.since, definition.compatible_with
    if since is None and wanted is None:
        return ""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet
    from packaging.version import InvalidVersion, Version

    try:
        if since is not None and Version(since) > Version(INTERFACE):
            return f"requires step interface {since} or later, got {INTERFACE}"
        if wanted is not None and not SpecifierSet(wanted).contains(INTERFACE, prereleases=True):
            return f"requires step interface {wanted}, got {INTERFACE}"
    except (InvalidSpecifier, InvalidVersion) as error:  # the rule may be disabled
        return str(error)
    return ""


def _loaded(view: View, definition: StepDefinition) -> Any:
    """Import the implementation of a step."""
    name, place = definition.name, place_of(definition)
    if definition.implementation is None and name not in view.implementations:
        raise StepError(name, Fault.NO_IMPLEMENTATION, "the definition has no `implementation`", place)
    try:
        return view.load(name, IMPLEMENTATION)
    except StepwellError as error:
        raise StepError(name, Fault.NO_IMPLEMENTATION, str(error), place) from error


def _ready(definition: StepDefinition, workspace: str | None, implementation: Any) -> Ready:
    name, place = definition.name, place_of(definition)
    reason = mismatch(definition)
    if reason:
        raise StepError(name, Fault.INCOMPATIBLE, reason, place)
    runner, call = _runner(name, implementation, place)
    try:
        parameters = parameters_of(definition)
    except InvalidSchema as fault:
        message = f"the parameters are not a valid JSON Schema: {fault}"
        raise StepError(name, Fault.INVALID_PARAMETERS, message, place) from fault
    validate = getattr(runner, "validate", None)
    retry = definition.retry
    return Ready(
        definition,
        workspace,
        implementation,
        call,
        is_async(call),
        validate if callable(validate) else None,
        parameters,
        None if retry is None else Retry(**retry),
        definition.requires or (),
        place,
    )


def _runner(name: str, implementation: Any, place: str) -> tuple[Any, Any]:
    faults = faults_of(implementation)
    if faults:
        raise StepError(name, Fault.NO_IMPLEMENTATION, "; ".join(faults), place)

    def failed(error: BaseException) -> StepError:
        return StepError(name, Fault.NO_IMPLEMENTATION, f"cannot be instantiated: {worded(error)}", place)

    with Translated(failed):
        return runner_of(implementation)


def _of_fallback(name: str, workspace: str | None, fallback: Any) -> Ready:
    runner, call = _runner(name, fallback, "")
    definition = StepDefinition(MappingProxyType({"name": name, "description": _FALLBACK_DESCRIPTION}))
    validate = getattr(runner, "validate", None)
    check = validate if callable(validate) else None
    return Ready(definition, workspace, fallback, call, is_async(call), check, None, None, (), "")


_FALLBACK_DESCRIPTION: Final = "Fallback for a step that is not in the registry."
