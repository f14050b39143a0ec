"""Portability of steps from one workspace to another."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Final, final

from stepwell.model import StepDefinition, Workspace
from stepwell.model.layer import Layer
from stepwell.model.settings import Project, References
from stepwell.resolve.snapshot import Snapshot
from stepwell.resolve.view import View
from stepwell.source.immutable import record
from stepwell.source.python import SourceIndex, SourceView

__all__ = ["Lack", "Portable", "compare_workspaces"]

_CLASSES: Final = {"config_class": "configuration class", "builder_step_name": "builder"}
_NOT_FIELDS: Final = frozenset({"name"})
_FILES: Final = "components"


@final
@record
class Lack:
    """A problem or difference of a step in the other workspace.

    Args:
        kind: ``class``, ``file``, ``base``, ``field``, ``name`` or ``framework``.
        hinders: whether it prevents the step from working.
    """

    kind: str
    what: str
    words: str
    hinders: bool


@final
@record
class Portable:
    """Portability of one step.

    Args:
        layer: ``local``, ``override``, or the layer of the core.
    """

    step: str
    layer: str
    lacks: tuple[Lack, ...]

    @property
    def works(self) -> bool:
        """Return whether nothing prevents the step from working."""
        return not any(lack.hinders for lack in self.lacks)


def compare_workspaces(
    project: Project,
    snapshot: Snapshot,
    index: SourceIndex,
    workspace: str,
    other: str,
    steps: Collection[str] = (),
    script_fault: Callable[[StepDefinition], tuple[str, str] | None] = lambda _: None,
) -> tuple[Portable, ...]:
    """Return the portability of the steps of a workspace, in table order.

    Args:
        index: sources of the folders of ``references.source_folders``.
        one: source workspace.
        other: target workspace.
        steps: default: all steps that the workspace defines or changes.
        script_fault: returns the path and the fault of a script that the target lacks.
    """
    comparison = _Comparison(
        project, snapshot.view(workspace), snapshot.view(other), index, snapshot.workspaces, script_fault
    )
    wanted = [
        name for name in comparison.here if (name in steps if steps else name in comparison.here.steps.above)
    ]
    return tuple(comparison.of(comparison.here[name]) for name in wanted)


@final
@record
class _Comparison:
    """Comparison of two workspaces."""

    project: Project
    here: View
    there: View
    index: SourceIndex
    workspaces: Mapping[str, Workspace]
    script_fault: Callable[[StepDefinition], tuple[str, str] | None]

    def of(self, step: StepDefinition) -> Portable:
        """Return the portability of one step."""
        return Portable(step.name, step.sources[0].layer.value, tuple(self._lacks(step)))

    def _lacks(self, step: StepDefinition) -> Iterator[Lack]:
        yield from self._classes(step)
        yield from self._files(step)
        fault = self.script_fault(step)
        if fault is not None and "script" not in (step.data.get(_FILES) or ()):
            yield Lack("file", *fault, hinders=True)
        existing = self.there.steps.get(step.name)
        layers = [source.layer for source in step.sources]
        if layers == [Layer.OVERRIDE] or (existing is None and layers[-1] is Layer.CORE):
            words = f"{self.there.title} has no step `{step.name}` to override"
            yield Lack("base", step.name, words, hinders=True)
        own = existing is not None and existing.sources[0].workspace == self.there.workspace
        if existing is not None and own:
            yield from self._differing(step, existing)
        elif existing is None and self.there.steps.aliased(step.name) is not None:
            owner = self.there.steps.aliased(step.name)
            words = f"`{step.name}` is an alias of `{owner}` in {self.there.title}"
            yield Lack("name", step.name, words, hinders=True)
        preferred = self.workspaces[self.there.workspace or ""].preferred_frameworks
        if step.framework is not None and preferred and step.framework not in preferred:
            words = f"framework is `{step.framework}`, but {self.there.title} prefers {_shown(preferred)}"
            yield Lack("framework", step.framework, words, hinders=False)
        for alias in step.aliases:
            if alias in self.there.steps and alias != step.name:
                words = f"alias `{alias}` is the name of a step in {self.there.title}"
                yield Lack("name", alias, words, hinders=True)

    def _classes(self, step: StepDefinition) -> Iterator[Lack]:
        own, theirs = self._sees(self.here), self._sees(self.there)
        for field, noun in _CLASSES.items():
            name = getattr(step, field)
            if name is None or not own.classes(name) or theirs.classes(name):
                continue
            place = own.classes(name)[0].file.path
            words = f"{noun} `{name}` in {place} is not visible in {self.there.title}"
            yield Lack("class", name, words, hinders=True)

    def _files(self, step: StepDefinition) -> Iterator[Lack]:
        """Report declared files that are missing in the other workspace."""
        declared = step.data.get(_FILES) or {}
        source = next((source for source in step.sources if _FILES in source.document.data), None)
        if source is None or source.workspace is None:
            return
        folder = f"{self.project.settings.workspaces}/{self.there.workspace}"
        for part, value in declared.items():
            path = str(value).partition(":")[0]
            if self.project.tree.follow(f"{folder}/{path}").kind is None:
                words = f"{part} `{path}` does not exist in {folder}/"
                yield Lack("file", path, words, hinders=True)

    def _differing(self, step: StepDefinition, existing: StepDefinition) -> Iterator[Lack]:
        for field in StepDefinition.fields():
            if field in _NOT_FIELDS:
                continue
            mine, other = step[field], existing[field]
            if mine != other:
                words = f"`{field}` is {_shown(mine)} here, but {_shown(other)} in {self.there.title}"
                yield Lack("field", field, words, hinders=False)

    def _sees(self, view: View) -> SourceView:
        core = (self.project.settings.references or References()).source
        return SourceView(self.index, (f"{self.project.settings.workspaces}/{view.workspace}/src", *core))


def _shown(value: object) -> str:
    if value is None or value == ():
        return "not set"
    if isinstance(value, tuple):
        return ", ".join(f"`{item}`" for item in value)
    return f"`{value}`" if isinstance(value, (str, int)) else "different"
