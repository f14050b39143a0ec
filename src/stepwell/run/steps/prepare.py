"""A step made ready to run: its definition, its implementation and its parameters' schema, found once."""

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
from stepwell.source.exception_text import worded
from stepwell.source.foreign_code import Translated

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
"""What stands where the path of a file would, for parameters that code gives."""


@final
@dataclass(frozen=True, slots=True, eq=False)
class Parameters:
    """The JSON Schema of a step's parameters, made ready once.

    Args:
        decide: whether plain data fits it.
    """

    schema: Mapping[str, Any]
    decide: Callable[[Any], bool]

    def fit(self, parameters: Mapping[str, Any]) -> bool:
        """Whether parameters are as the schema asks.

        Raises:
            ValueError: they are no plain data.
        """
        if type(parameters) is dict:
            try:
                return self.decide(parameters)
            except ValueError:  # something inside is read-only, or no plain data
                pass
        return self.decide(thaw(parameters))


@lru_cache(maxsize=4096)
def parameters_of(step: StepDefinition) -> Parameters | None:
    """The schema of a step's parameters; ``None`` where the step describes none.

    Raises:
        InvalidSchema: what the step states is no schema.
    """
    stated = step.parameters
    if stated is None:
        return None
    schema = expanded(stated)
    return Parameters(MappingProxyType(schema), compiled(schema).is_valid)


def check_parameters(
    step: StepDefinition,
    parameters: Mapping[str, Any],
    whose: Callable[[Pointer], Document] | None = None,
    prefix: Pointer = (),
) -> tuple[Diagnostic, ...]:
    """Everything that is wrong with the parameters of a step, each at its key or value.

    Args:
        parameters: plain data, read-only or not.
        whose: gives the document that a value stands in; left out for parameters that code gives, which are
            written out to have a text to point into.
        prefix: where the parameters stand in their document.

    Raises:
        InvalidSchema: what the step states is no schema.
        ValueError: the parameters are no plain data.
    """
    known = parameters_of(step)
    if known is None or known.fit(parameters):
        return ()
    if whose is None:
        made = written_out(Document(_SHOWN, "", plain_copy(parameters), no_places))
        whose = _always(made)
    noun = f"the step `{step.name}`"
    return in_order(explain_by(known.schema, noun, thaw(parameters), whose, prefix))


def _always(document: Document) -> Callable[[Pointer], Document]:
    return lambda _: document


@final
@dataclass(frozen=True, slots=True)
class Retry:
    """When a failed step is tried again.

    Args:
        wait: seconds before the second attempt at most; doubled for each later one.
        max_wait: the longest wait, in seconds.
        on: which failures; ``None`` for all.
    """

    attempts: int = 3
    wait: float = 1.0
    max_wait: float = 60.0
    on: tuple[str, ...] | None = None


@final
@dataclass(frozen=True, slots=True, eq=False)
class Ready:
    """A step that can be run.

    Args:
        workspace: whose view; ``None`` for the core.
        validate: what it has to say of parameters; ``None`` where it has nothing.
        parameters: what they must be; ``None`` where they may be anything.
        retry: when a failure is tried again; ``None`` for never.
        requires: the capabilities that its provider must have.
    """

    definition: StepDefinition
    workspace: str | None
    implementation: Any
    one: Any
    call: Callable[[Mapping[str, Any], RunContext], Any]
    is_async: bool
    validate: Callable[[Mapping[str, Any]], Any] | None
    parameters: Parameters | None
    retry: Retry | None
    requires: tuple[str, ...]
    place: str

    @property
    def is_plain(self) -> bool:
        """Whether one call of a function is all, without a limit of time and without a provider."""
        if self.is_async or self.requires or self.retry is not None:
            return False
        return self.definition.timeout is None


@final
class Generation:
    """What is ready to run in one Snapshot; safe in threads, and never waited for once a step is ready."""

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
        """A step made ready, at the first request.

        Args:
            workspace: in whose view; ``None`` for the core.

        Raises:
            StepError: there is no such step, or it cannot be run.
        """
        found = self.ready.get((workspace, name))
        return found if found is not None else self._make(workspace, name)

    def _make(self, workspace: str | None, name: str) -> Ready:
        with self._making:  # so that a class is made once
            found = self.ready.get((workspace, name))
            if found is None:
                found = self._made(workspace, name)
                self.ready[workspace, name] = found
            return found

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
    """The file and line that define a step, as ``path:line``; empty where nothing does."""
    if not definition.sources:
        return ""
    span = definition.sources[0].document.value_span(("name",))
    return f"{span.path}:{span.line}"


def mismatch(definition: StepDefinition) -> str:
    """Why this version of the interface does not suit a step; empty where it does."""
    since, wanted = definition.since, definition.compatible_with
    if since is None and wanted is None:
        return ""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet
    from packaging.version import InvalidVersion, Version

    try:
        if since is not None and Version(since) > Version(INTERFACE):
            return f"it needs the interface {since} of step types, and this is {INTERFACE}"
        if wanted is not None and not SpecifierSet(wanted).contains(INTERFACE, prereleases=True):
            return f"it is made for the interface {wanted} of step types, and this is {INTERFACE}"
    except (InvalidSpecifier, InvalidVersion) as error:  # its rule may have been made milder
        return str(error)
    return ""


def _loaded(view: View, definition: StepDefinition) -> Any:
    """What runs a step, imported."""
    name, place = definition.name, place_of(definition)
    if definition.implementation is None and name not in view.implementations:
        says = "its definition names no `implementation`"
        raise StepError(name, Fault.NO_IMPLEMENTATION, says, place)
    try:
        return view.load(name, IMPLEMENTATION)
    except StepwellError as error:
        raise StepError(name, Fault.NO_IMPLEMENTATION, str(error), place) from error


def _ready(definition: StepDefinition, workspace: str | None, implementation: Any) -> Ready:
    name, place = definition.name, place_of(definition)
    unsuited = mismatch(definition)
    if unsuited:
        raise StepError(name, Fault.INCOMPATIBLE, unsuited, place)
    one, call = _runner(name, implementation, place)
    try:
        parameters = parameters_of(definition)
    except InvalidSchema as fault:
        said = f"the parameters are described by no JSON Schema: {fault}"
        raise StepError(name, Fault.INVALID_PARAMETERS, said, place) from fault
    validate = getattr(one, "validate", None)
    retry = definition.retry
    return Ready(
        definition,
        workspace,
        implementation,
        one,
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
        return StepError(name, Fault.NO_IMPLEMENTATION, f"it cannot be made: {worded(error)}", place)

    with Translated(failed):
        return runner_of(implementation)


def _of_fallback(name: str, workspace: str | None, fallback: Any) -> Ready:
    one, call = _runner(name, fallback, "")
    definition = StepDefinition(MappingProxyType({"name": name, "description": _SERVED}))
    validate = getattr(one, "validate", None)
    check = validate if callable(validate) else None
    return Ready(definition, workspace, fallback, one, call, is_async(call), check, None, None, (), "")


_SERVED: Final = "Served by a fallback, since the registry does not have it."
