"""Registration while code runs: a step is held to what a file is held to, and laid over all files."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from stepwell.check import catalog
from stepwell.check.file import CheckedFile, is_served
from stepwell.check.mapping import check_mapping, written_out
from stepwell.check.rule import ViewScope
from stepwell.live.store import Meets, Store
from stepwell.model import KINDS, StepDefinition
from stepwell.model.layer import Layer, Listed, Source
from stepwell.model.settings import Settings
from stepwell.model.step_type import faults_of, fields_of_type, name_of
from stepwell.resolve.load import LoadResult
from stepwell.resolve.runtime_layer import Registered, Registration
from stepwell.resolve.snapshot import Snapshot
from stepwell.resolve.view import View
from stepwell.source.diagnostic import Diagnostic, Related, Severity, Span, in_order
from stepwell.source.errors import RegistrationError
from stepwell.source.exception_text import worded
from stepwell.source.foreign_code import Contained

__all__ = ["Validator", "register"]

Validator = Callable[[StepDefinition], "Iterable[Diagnostic | str] | None"]
"""Looks at a step that is to be registered; what it gives or raises refuses the step."""

SHOWN: Final = "<registered>"
"""What stands where the path of a file would."""

_log = logging.getLogger(__name__)
_STEP: Final = KINDS["steps"]


def register(
    store: Store,
    definition: StepDefinition | Mapping[str, Any] | str,
    workspace: str | None,
    validator: Validator | None,
    replace: bool,
    implementation: Any = None,
    metadata: Mapping[str, Any] = MappingProxyType({}),
) -> Registration:
    """Lay one step over all files.

    The validator is foreign code, so it is called before the store is asked; whether the name is
    free is asked while nobody else writes.

    Args:
        workspace: who sees it; ``None`` for everybody.
        replace: whether it may hide a step of its name.
        implementation: what runs it; ``None`` to leave that to its definition.
        metadata: further fields, where its name alone is given.

    Raises:
        RegistrationError: with everything that was found.
        UnknownWorkspace: with suggestions.
    """
    loaded = store.seen
    listed = Listed(SHOWN, Layer.RUNTIME, workspace, _STEP.folder)
    data = definition.data if isinstance(definition, StepDefinition) else definition
    if isinstance(data, str):
        given = metadata if isinstance(metadata, Mapping) else {}
        data = fields_of_type(data, implementation, given)
    if implementation is not None and isinstance(data, Mapping) and "implementation" not in data:
        named = name_of(implementation)
        data = data if named is None else {**data, "implementation": named}
    settings = loaded.project.settings
    runs = implementation is not None or isinstance(definition, str)
    if runs and isinstance(data, Mapping) and "sagemaker_step_type" not in data:
        settings = _with_any_name(settings)  # as for a file that names its implementation
    checked = check_mapping(data, listed, settings, loaded.today)
    step = None if checked.authored is None else checked.authored.standalone()
    unfit = (*_unfit(definition, implementation), *_unnamed(definition, metadata))
    if unfit or not isinstance(step, StepDefinition):
        raise _error(checked, in_order((*checked.diagnostics, *unfit)))
    validated = tuple(_validated(validator, step)) if validator is not None else ()

    def prepare(good: LoadResult, snapshot: Snapshot, meets: Meets) -> Registered:
        snapshot.view(workspace)
        collisions = _Collisions(good, snapshot, meets, workspace, replace)
        found = tuple(collisions.of(step))
        served = step
        if found:  # once more, now with a text to point into
            served = _written(step)
            found = tuple(collisions.of(served))
        everything = in_order((*checked.diagnostics, *validated, *found))
        if not is_served(everything):
            raise _error(checked, everything)
        return Registered(served, workspace, everything, implementation)

    return Registration(store.add(prepare), store.take_back)


def _with_any_name(settings: Settings) -> Settings:
    """The same settings, under which a step may be called anything."""
    return dataclasses.replace(settings, naming=dataclasses.replace(settings.naming, step_name="any"))


def _unfit(definition: object, implementation: Any) -> Iterator[Diagnostic]:
    """Why what is given cannot run the step."""
    if implementation is None and isinstance(definition, str):
        faults: tuple[str, ...] = ("nothing is given that runs it",)
    else:
        faults = () if implementation is None else faults_of(implementation)
    for fault in faults:
        yield Diagnostic("unfit-implementation", Severity.ERROR, fault, Span(SHOWN), _FITTING)


def _unnamed(definition: object, metadata: Any) -> Iterator[Diagnostic]:
    """Why further fields cannot be those of the step that is named."""
    if not isinstance(metadata, Mapping):
        what = type(metadata).__name__
        message = f"`metadata` is a mapping of fields, and this is of the type {what}"
        yield Diagnostic("not-a-mapping", Severity.ERROR, message, Span(SHOWN), "name its fields")
    elif isinstance(definition, str) and metadata.get("name", definition) != definition:
        message = f"`metadata` calls the step `{metadata['name']}`, and it is registered as `{definition}`"
        yield Diagnostic("wrong-form", Severity.ERROR, message, Span(SHOWN), "leave `name` out of `metadata`")


_FITTING: Final = "a step is run by a function of (parameters, context), or a class with such an `execute`"


def _error(checked: CheckedFile, found: tuple[Diagnostic, ...]) -> RegistrationError:
    refused = RegistrationError(checked.name, found)
    _log.debug("%s", refused)
    return refused


def _written(step: StepDefinition) -> StepDefinition:
    (source,) = step.sources
    document = source.document if source.document.text else written_out(source.document)
    return StepDefinition(step.data, (Source(source.layer, source.workspace, document),))


def _validated(validator: Validator, step: StepDefinition) -> Iterator[Diagnostic]:
    """What a validator says, whatever it does: only nothing, or nothing in it, is consent."""
    span = Span(SHOWN)
    given: list[Any] = []
    with Contained(SystemExit) as outcome:
        said = validator(step)
        given = [said] if isinstance(said, (str, Diagnostic)) else list(() if said is None else said)
    if outcome.error is not None:
        _log.warning("the validator of %r failed", step, exc_info=outcome.error)
        message = f"the validator fails with {worded(outcome.error)}"
        yield Diagnostic("refused-by-validator", Severity.ERROR, message, span, _LOGGED)
    for finding in given:
        message = finding.message if isinstance(finding, Diagnostic) else str(finding)
        place = (finding.span or span) if isinstance(finding, Diagnostic) else span
        help_text = finding.help if isinstance(finding, Diagnostic) else None
        yield Diagnostic("refused-by-validator", Severity.ERROR, message, place, help_text)


_LOGGED: Final = "its traceback is in the log of `stepwell.live.register`"


class _Collisions:
    """What a step to be registered would meet, in every view that would show it."""

    def __init__(
        self,
        good: LoadResult,
        snapshot: Snapshot,
        meets: Meets,
        workspace: str | None,
        replace: bool,
    ) -> None:
        self._good = good
        self._snapshot = snapshot
        self._meets = meets
        self._workspace = workspace
        self._replace = replace
        self._met: tuple[Registered, ...] = ()

    def of(self, step: StepDefinition) -> Iterator[Diagnostic]:
        """Its own name, and the rules of a view."""
        one_more = Registered(step, self._workspace)
        told: set[tuple[str, str]] = set()
        self._met = self._meets(one_more.words)
        for one in self._views(one_more.words):
            view = self._snapshot.view(one)
            if step.name in view.steps and not self._replace:
                yield _taken(step, view)
                if one is None:
                    return
                continue
            scope = self._scope(one, view, step)
            for found in catalog.run(catalog.active("view", self._good.project.settings.severities), scope):
                if (found.id, found.message) not in told:  # what the core has, a workspace has again
                    told.add((found.id, found.message))
                    yield found

    def _views(self, words: frozenset[str]) -> Iterator[str | None]:
        """The core, and every workspace that has something of its own to meet."""
        if self._workspace is not None:
            yield self._workspace
            return
        yield None
        met = {one.workspace for one in self._met}
        for one, overlay in self._good.overlays.items():
            if one in met or not words.isdisjoint(overlay.layered.words):
                yield one

    def _scope(self, one: str | None, view: View, step: StepDefinition) -> ViewScope:
        others = tuple(self._others(one))
        classes = () if step.config_class is None else (step.config_class,)
        by_config_class = {
            word: tuple(
                name
                for name in dict.fromkeys((*self._good.core.by_config_class.get(word, ()), *others))
                if name in view.steps and view.steps[name].config_class == word
            )
            for word in classes
        }
        by_alias = {
            word: tuple(
                name
                for name in dict.fromkeys((*self._good.core.by_alias.get(word, ()), *others))
                if name in view.steps and word in view.steps[name].aliases
            )
            for word in (step.name, *step.aliases)
        }
        workspace = None if one is None else self._snapshot.workspaces[one]
        settings = self._good.project.settings
        above = {step.name: step}
        return ViewScope(
            _STEP, workspace, view.steps, above, above, (), (), by_config_class, by_alias, {}, settings
        )

    def _others(self, workspace: str | None) -> Iterator[str]:
        """The steps of a view that the core's indexes do not know, or know otherwise."""
        if workspace is not None and workspace in self._good.overlays:
            yield from self._good.overlays[workspace].layered.tables[_STEP.folder]
        yield from (one.definition.name for one in self._met if one.workspace in (None, workspace))


def _taken(step: StepDefinition, view: View) -> Diagnostic:
    there = view.steps[step.name].sources[0].document
    return Diagnostic(
        "duplicate-definition",
        Severity.ERROR,
        f"{view.title} has a step `{step.name}` already",
        step.sources[0].document.value_span(("name",)),
        "give it another name, or say `replace=True` to hide that one",
        (Related("defined in", there.value_span(("name",))),),
    )
