"""Run the alignment rules over the steps of views."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final, NamedTuple, final

from stepwell.check import catalog
from stepwell.check.alignment.scope import AlignmentScope, MissingScript, ScriptFacts, SourceStep, related
from stepwell.check.catalog import ALIGNMENT_LEVELS
from stepwell.check.file import hide
from stepwell.check.rule import Ignore, by_place, ignores_in
from stepwell.code import own_folder
from stepwell.code.alignment.parse import Parsed, SourceReader
from stepwell.code.lookup import files_of_entry_point
from stepwell.model import StepDefinition
from stepwell.model.component import ComponentState
from stepwell.model.layer import Layer
from stepwell.model.settings import Project, Settings
from stepwell.resolve.snapshot import Snapshot
from stepwell.resolve.view import View
from stepwell.source.diagnostic import Diagnostic, Severity, in_order
from stepwell.source.python import SourceIndex, SourceView
from stepwell.source.spelling import closest
from stepwell.source.wording import counted

__all__ = [
    "LEVELS",
    "Aligned",
    "align",
    "every_finding",
    "sources_of",
    "step_named",
    "steps_to_align",
]


_BETWEEN: Final = "-_"


def sources_of(
    view: View, step: StepDefinition, settings: Settings
) -> tuple[Mapping[str, SourceStep | None], Mapping[str, str]]:
    """Resolve the ``compatible_sources`` of a step, and suggest a name for each unknown one.

    Generic sources of the project resolve to ``None``.
    """
    sources: dict[str, SourceStep | None] = {}
    near: dict[str, str] = {}
    for word in dict.fromkeys(_words(step)):
        named = step_named(view, word, settings)
        if named is not None:
            sources[word] = SourceStep(named, named.sources[0].document.value_span(("name",)))
        elif word in settings.alignment.generic_sources:
            sources[word] = None
        else:
            similar = closest(word, (*view.steps.order, *settings.alignment.generic_sources))
            if similar:
                near[word] = similar[0]
    return sources, near


def step_named(view: View, word: str, settings: Settings) -> StepDefinition | None:
    """Return the step of a name.

    Args:
        word: name or alias, optionally followed by ``-`` or ``_`` and a job type.
    """
    step = view.get(word)
    if step is not None:
        return step
    for suffix in settings.naming.job_type_suffixes:
        stem = word[: -len(suffix) - 1]
        if stem and word[len(stem)] in _BETWEEN and word[len(stem) + 1 :].lower() == suffix.lower():
            return view.get(stem)
    return None


def _words(step: StepDefinition) -> Iterator[str]:
    for declared in ((step.interface or {}).get("inputs") or {}).values():
        yield from declared.get("compatible_sources", ())


LEVELS: Final = tuple(ALIGNMENT_LEVELS)
_NOT_IN_FILES: Final = frozenset({Layer.PLUGIN, Layer.RUNTIME})


@final
class Aligned(NamedTuple):
    """Result of aligning one step in one view.

    Args:
        workspace: ``None`` for the core.
        script: path relative to the project, if there is one.
        builder: location of the builder, if there is one.
    """

    workspace: str | None
    step: str
    has_interface: bool
    script: str | None
    builder: str | None
    levels: tuple[tuple[int, tuple[Diagnostic, ...]], ...]
    ignores: tuple[Ignore, ...] = ()
    used: tuple[Ignore, ...] = ()

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """Return all findings in order."""
        return in_order(item for _, findings in self.levels for item in findings)

    @property
    def is_aligned(self) -> bool:
        """Return whether there are no errors."""
        return all(item.severity is not Severity.ERROR for item in self.diagnostics)


def steps_to_align(snapshot: Snapshot, view: View) -> Iterator[str]:
    """Yield the steps of a view whose definition or code differs from the core."""
    if view is snapshot.core:
        yield from view.steps
        return
    workspace = view.workspace
    has_own = view.code is not None and workspace is not None and view.code.has_own(workspace)
    for name in view.steps:
        if name in view.steps.above:
            yield name
        elif has_own:
            parts = view.components(name).values()
            if any(part.place is not None and part.place.workspace == workspace for part in parts):
                yield name


def align(
    project: Project,
    snapshot: Snapshot,
    index: SourceIndex,
    views: Iterable[View],
    steps: Collection[str] | None = None,
    levels: Collection[int] = LEVELS,
) -> tuple[Aligned, ...]:
    """Check interfaces against scripts, other steps, builders and configurations, without running code.

    Args:
        steps: step names (default: those of ``steps_to_align``).
        levels: subset of ``LEVELS``.
    """
    aligner = _Aligner(project, index)
    aligned: list[Aligned] = []
    for view in views:
        names = (
            steps_to_align(snapshot, view)
            if steps is None
            else (name for name in steps if name in view.steps)
        )
        aligned += (aligner.step(view, view.steps[name], levels) for name in names)
    return tuple(aligned)


def every_finding(
    project: Project, aligned: Iterable[Aligned], *, judge_ignores: bool
) -> tuple[Diagnostic, ...]:
    """Return the distinct findings in order; the same problem of several steps is one finding."""
    every = tuple(aligned)
    findings = _combined(every)
    if judge_ignores:
        unused = dict.fromkeys(ignore for step in every for ignore in step.ignores)
        for step in every:
            for ignore in step.used:
                unused.pop(ignore, None)
        judged = catalog.active("unused alignment ignore", project.settings.severities)
        findings += catalog.run(judged, tuple(unused))
    return in_order(findings)


def _combined(aligned: Iterable[Aligned]) -> list[Diagnostic]:
    """Return one finding for the same problem of several steps of a view, with every location."""
    groups: dict[tuple[object, ...], list[Diagnostic]] = {}
    seen: set[Diagnostic] = set()
    for step in aligned:
        for item in step.diagnostics:
            if item not in seen:
                seen.add(item)
                problem = item.message.replace(f"`{step.step}`", "")
                key = (step.workspace, item.id, item.severity, problem, item.help)
                groups.setdefault(key, []).append(item)
    findings: list[Diagnostic] = []
    for group in groups.values():
        first, *others = in_order(group)
        if others:
            places = (place for other in others for place in (*related("and in", other.span), *other.related))
            message = f"{first.message} (and in {counted(len(others), 'other step')})"
            first = replace(first, message=message, related=(*first.related, *dict.fromkeys(places)))
        findings.append(first)
    return findings


@final
class _Aligner:
    """Aligner of one project."""

    def __init__(self, project: Project, index: SourceIndex) -> None:
        self._project = project
        self._index = index
        self._reader = SourceReader(project.root)
        self._facts: dict[str, ScriptFacts | MissingScript] = {}
        severities = project.settings.severities
        self._active = {
            level: catalog.active(occasion, severities) for level, occasion in ALIGNMENT_LEVELS.items()
        }

    def step(self, view: View, step: StepDefinition, levels: Collection[int]) -> Aligned:
        if any(source.layer in _NOT_IN_FILES for source in step.sources):
            return Aligned(view.workspace, step.name, step.interface is not None, None, None, ())
        sees = self._sees(view.workspace)
        script = self._script(view, step, sees) if 1 in levels else None
        sources, near = sources_of(view, step, self._project.settings) if 3 in levels else ({}, {})
        builder, place = None, None
        if 4 in levels:
            parts = view.components(step.name)
            place = parts["builder"].place
            if place is not None:
                from stepwell.code.alignment.builder_facts import builder_facts

                table = self._project.settings.references
                builder = builder_facts(self._reader, sees, place, parts["config"].place, table)
        scope = AlignmentScope(
            view.title, step, script, sources, near, builder, self._project.settings.alignment
        )
        ignores = tuple(_ignores(step))
        index = by_place(ignores)
        findings: list[tuple[int, tuple[Diagnostic, ...]]] = []
        used: list[Ignore] = []
        for level in sorted(levels):
            shown, hiding = hide(catalog.run(self._active[level], scope), index)
            findings.append((level, in_order(shown)))
            used += hiding
        facts = scope.facts
        return Aligned(
            view.workspace,
            step.name,
            step.interface is not None,
            facts.path if facts is not None else None,
            place.shown if place is not None else None,
            tuple(findings),
            ignores,
            tuple(used),
        )

    def _sees(self, workspace: str | None) -> SourceView:
        core = self._project.settings.component_folders
        own = () if workspace is None else (own_folder(self._project, workspace),)
        return SourceView(self._index, (*own, *core))

    def _script(
        self, view: View, step: StepDefinition, sees: SourceView
    ) -> ScriptFacts | MissingScript | None:
        interface = step.interface
        if interface is None:
            return None
        entry = interface.get("entry_point")
        component = view.components(step.name)["script"]
        place = component.place
        if place is not None and (entry is None or f"/{place.path}".endswith(f"/{entry}")):
            return None if place.module else self._facts_of(place.path)
        if place is not None and component.state is ComponentState.DECLARED:
            return MissingScript(f"`components.script` declares {place.path}", "use the same file in both")
        if entry is None:
            return None
        stating = next(
            (
                source
                for source in step.sources
                if "entry_point" in (source.document.data.get("interface") or {})
            ),
            None,
        )
        own = stating is not None and stating.workspace is not None
        return self._by_name(entry, sees, sees if own else self._sees(None))

    def _by_name(
        self, entry: str, sees: SourceView, wanted: SourceView
    ) -> ScriptFacts | MissingScript | None:
        paths = files_of_entry_point(entry, self._index.files.values(), sees.folders)
        if len(paths) == 1:
            return self._facts_of(paths[0])
        if paths:
            return MissingScript(
                f"ambiguous: {', '.join(paths[:-1])} or {paths[-1]}",
                "use a longer path, or declare `components: {script: path/to/file.py}`",
            )
        if not any("/scripts/" in f"/{file.path}" for file in wanted.files):
            return None
        return MissingScript(
            "no such file in the sources",
            "add it to a `scripts` folder of the sources, or correct the name",
        )

    def _facts_of(self, path: str) -> ScriptFacts | MissingScript:
        facts = self._facts.get(path)
        if facts is None:
            from stepwell.code.alignment.script_facts import facts_of

            parsed = self._reader.parsed(path)
            if isinstance(parsed, Parsed):
                facts = facts_of(parsed)
            else:
                facts = MissingScript(f"{path}:{parsed.line}: {parsed.message}", "fix the file")
            self._facts[path] = facts
        return facts


def _ignores(step: StepDefinition) -> Iterator[Ignore]:
    for source in step.sources:
        if source.layer not in _NOT_IN_FILES:
            yield from ignores_in(source.document)
