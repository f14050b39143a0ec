"""Registration of steps at run time, with the checks of a file and precedence over all files."""

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
from stepwell.source.foreign_code import Contained, worded

__all__ = ["Validator", "register"]

Validator = Callable[[StepDefinition], "Iterable[Diagnostic | str] | None"]
"""Validates a step before registration; a finding or an exception rejects the step."""

SHOWN: Final = "<registered>"
"""Placeholder path of registered steps."""

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
    """Register one step with precedence over all files.

    The validator is foreign code and runs before the store is locked; name conflicts are checked under the
    lock.

    Args:
        workspace: ``None`` for all.
        replace: whether the step may hide another one of the same name.
        implementation: default: as in the definition.
        metadata: further fields, if only a name is given.

    Raises:
        RegistrationError: with all findings.
        UnknownWorkspace: with suggestions.
    """
    loaded = store.good
    listed = Listed(SHOWN, Layer.RUNTIME, workspace, _STEP.folder)
    data = definition.data if isinstance(definition, StepDefinition) else definition
    if isinstance(data, str):
        fields = metadata if isinstance(metadata, Mapping) else {}
        data = fields_of_type(data, implementation, fields)
    if implementation is not None and isinstance(data, Mapping) and "implementation" not in data:
        named = name_of(implementation)
        data = data if named is None else {**data, "implementation": named}
    settings = loaded.project.settings
    runs = implementation is not None or isinstance(definition, str)
    if runs and isinstance(data, Mapping) and "sagemaker_step_type" not in data:
        settings = _with_any_name(settings)  # as for a file with an implementation
    checked = check_mapping(data, listed, settings, loaded.today)
    step = None if checked.authored is None else checked.authored.standalone()
    unfit = (*_unfit(definition, implementation), *_unnamed(definition, metadata))
    if unfit or not isinstance(step, StepDefinition):
        raise _error(checked, in_order((*checked.diagnostics, *unfit)))
    validated = tuple(_validated(validator, step)) if validator is not None else ()

    def prepare(good: LoadResult, snapshot: Snapshot, meets: Meets) -> Registered:
        snapshot.view(workspace)
        collisions = _Collisions(good, snapshot, meets, workspace, replace)
        conflicts = tuple(collisions.of(step))
        served = step
        if conflicts:  # repeat with a text to point into
            served = _written(step)
            conflicts = tuple(collisions.of(served))
        everything = in_order((*checked.diagnostics, *validated, *conflicts))
        if not is_served(everything):
            raise _error(checked, everything)
        return Registered(served, workspace, everything, implementation)

    return Registration(store.add(prepare), store.take_back)


def _with_any_name(settings: Settings) -> Settings:
    """Return the settings without restrictions on step names."""
    return dataclasses.replace(settings, naming=dataclasses.replace(settings.naming, step_name="any"))


def _unfit(definition: object, implementation: Any) -> Iterator[Diagnostic]:
    """Report why the arguments cannot run the step."""
    if implementation is None and isinstance(definition, str):
        faults: tuple[str, ...] = ("no implementation given",)
    else:
        faults = () if implementation is None else faults_of(implementation)
    for fault in faults:
        yield Diagnostic("unfit-implementation", Severity.ERROR, fault, Span(SHOWN), _FITTING)


def _unnamed(definition: object, metadata: Any) -> Iterator[Diagnostic]:
    """Report why the metadata does not belong to the step."""
    if not isinstance(metadata, Mapping):
        what = type(metadata).__name__
        message = f"`metadata` must be a mapping of fields, got {what}"
        yield Diagnostic("not-a-mapping", Severity.ERROR, message, Span(SHOWN), "pass a mapping of fields")
    elif isinstance(definition, str) and metadata.get("name", definition) != definition:
        message = (
            f"`metadata` has the name `{metadata['name']}`, but the step is registered as `{definition}`"
        )
        yield Diagnostic("wrong-form", Severity.ERROR, message, Span(SHOWN), "remove `name` from `metadata`")


_FITTING: Final = "use a function of (parameters, context), or a class with such an `execute` method"


def _error(checked: CheckedFile, diagnostics: tuple[Diagnostic, ...]) -> RegistrationError:
    error = RegistrationError(checked.name, diagnostics)
    _log.debug("%s", error)
    return error


def _written(step: StepDefinition) -> StepDefinition:
    (source,) = step.sources
    document = source.document if source.document.text else written_out(source.document)
    return StepDefinition(step.data, (Source(source.layer, source.workspace, document),))


def _validated(validator: Validator, step: StepDefinition) -> Iterator[Diagnostic]:
    """Yield the findings of a validator; an exception is a finding."""
    span = Span(SHOWN)
    findings: list[Any] = []
    with Contained(SystemExit) as outcome:
        result = validator(step)
        findings = (
            [result] if isinstance(result, (str, Diagnostic)) else list(() if result is None else result)
        )
    if outcome.error is not None:
        _log.warning("validator of %r failed", step, exc_info=outcome.error)
        message = f"validator raised {worded(outcome.error)}"
        yield Diagnostic("refused-by-validator", Severity.ERROR, message, span, _LOGGED)
    for finding in findings:
        message = finding.message if isinstance(finding, Diagnostic) else str(finding)
        place = (finding.span or span) if isinstance(finding, Diagnostic) else span
        help_text = finding.help if isinstance(finding, Diagnostic) else None
        yield Diagnostic("refused-by-validator", Severity.ERROR, message, place, help_text)


_LOGGED: Final = "see the traceback in the log of `stepwell.live.register`"


class _Collisions:
    """Conflicts of a new step in every view that would show it."""

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
        """Yield the conflicts of the step's name, and the findings of the view rules."""
        candidate = Registered(step, self._workspace)
        reported: set[tuple[str, str]] = set()
        self._met = self._meets(candidate.words)
        for workspace in self._views(candidate.words):
            view = self._snapshot.view(workspace)
            if step.name in view.steps and not self._replace:
                yield _taken(step, view)
                if workspace is None:
                    return
                continue
            scope = self._scope(workspace, view, step)
            active = catalog.active("view", self._good.project.settings.severities)
            for finding in catalog.run(active, scope):
                key = (finding.id, finding.message)
                if key not in reported:  # a workspace repeats the findings of the core
                    reported.add(key)
                    yield finding

    def _views(self, words: frozenset[str]) -> Iterator[str | None]:
        """Yield the core and every workspace with possible conflicts."""
        if self._workspace is not None:
            yield self._workspace
            return
        yield None
        met = {registered.workspace for registered in self._met}
        for workspace, overlay in self._good.overlays.items():
            if workspace in met or not words.isdisjoint(overlay.layered.words):
                yield workspace

    def _scope(self, workspace_id: str | None, view: View, step: StepDefinition) -> ViewScope:
        others = tuple(self._others(workspace_id))
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
        workspace = None if workspace_id is None else self._snapshot.workspaces[workspace_id]
        settings = self._good.project.settings
        above = {step.name: step}
        return ViewScope(
            _STEP, workspace, view.steps, above, above, (), (), by_config_class, by_alias, {}, settings
        )

    def _others(self, workspace: str | None) -> Iterator[str]:
        """Yield the steps of a view that differ from the indexes of the core."""
        if workspace is not None and workspace in self._good.overlays:
            yield from self._good.overlays[workspace].layered.tables[_STEP.folder]
        yield from (item.definition.name for item in self._met if item.workspace in (None, workspace))


def _taken(step: StepDefinition, view: View) -> Diagnostic:
    there = view.steps[step.name].sources[0].document
    return Diagnostic(
        "duplicate-definition",
        Severity.ERROR,
        f"step `{step.name}` already exists in {view.title}",
        step.sources[0].document.value_span(("name",)),
        "use another name, or `replace=True` to hide the existing step",
        (Related("defined in", there.value_span(("name",))),),
    )
