"""The alignment of the steps of some views: their scopes, the rules over them, and what came of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final, NamedTuple, final

from stepwell.check import catalog
from stepwell.check.alignment.scope import AlignmentScope, MissingScript, ScriptFacts, SourceStep
from stepwell.check.catalog import ALIGNMENT_LEVELS
from stepwell.check.file import hide
from stepwell.check.ignores import Ignore, ignores_in
from stepwell.code import own_folder
from stepwell.code.alignment.parse import Parsed, SourceReader
from stepwell.model import StepDefinition
from stepwell.model.component import ComponentState
from stepwell.model.layer import Layer
from stepwell.model.settings import Project, Settings
from stepwell.resolve.snapshot import Snapshot
from stepwell.resolve.view import View
from stepwell.source.diagnostic import Diagnostic, Severity, in_order
from stepwell.source.python import SourceFile, SourceIndex, SourceView
from stepwell.source.spelling import closest

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
    """What the words of a step's ``compatible_sources`` name, and what may be meant by the others.

    Args:
        settings: the project's; its generic words are ``None`` in the answer.
    """
    found: dict[str, SourceStep | None] = {}
    near: dict[str, str] = {}
    for word in dict.fromkeys(_words(step)):
        named = step_named(view, word, settings)
        if named is not None:
            found[word] = SourceStep(named, named.sources[0].document.value_span(("name",)))
        elif word in settings.alignment.generic_sources:
            found[word] = None
        else:
            meant = closest(word, (*view.steps.order, *settings.alignment.generic_sources))
            if meant:
                near[word] = meant[0]
    return found, near


def step_named(view: View, word: str, settings: Settings) -> StepDefinition | None:
    """The step that a word names.

    Args:
        word: a name or an alias, perhaps with ``-`` or ``_`` and a job type of the project after it.
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
    for said in ((step.interface or {}).get("inputs") or {}).values():
        yield from said.get("compatible_sources", ())


LEVELS: Final = tuple(ALIGNMENT_LEVELS)
_NOT_IN_FILES: Final = frozenset({Layer.PLUGIN, Layer.RUNTIME})


@final
class Aligned(NamedTuple):
    """What came of one step in one view.

    Args:
        workspace: whose view; ``None`` for the core.
        script: the script that was looked into, relative to the project; ``None`` without one.
        builder: where its builder is; ``None`` where that was not found.
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
        """All that was found, in order."""
        return in_order(one for _, found in self.levels for one in found)

    @property
    def is_aligned(self) -> bool:
        """Whether no error was found."""
        return all(one.severity is not Severity.ERROR for one in self.diagnostics)


def steps_to_align(snapshot: Snapshot, view: View) -> Iterator[str]:
    """The steps of a view that differ in it, in definition or code, from those of the core's view."""
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
            if any(one.place is not None and one.place.workspace == workspace for one in parts):
                yield name


def align(
    project: Project,
    snapshot: Snapshot,
    index: SourceIndex,
    views: Iterable[View],
    steps: Collection[str] | None = None,
    levels: Collection[int] = LEVELS,
) -> tuple[Aligned, ...]:
    """Hold the interfaces of steps against scripts, other steps, builders and configurations; no code runs.

    Args:
        steps: which steps, by name; ``None`` for those that ``steps_to_align`` gives.
        levels: which of ``LEVELS``.
    """
    aligning = _Aligning(project, index)
    found: list[Aligned] = []
    for view in views:
        names = (
            steps_to_align(snapshot, view) if steps is None else (one for one in steps if one in view.steps)
        )
        found += (aligning.step(view, view.steps[name], levels) for name in names)
    return tuple(found)


def every_finding(
    project: Project, aligned: Iterable[Aligned], *, judge_ignores: bool
) -> tuple[Diagnostic, ...]:
    """The findings of all that was aligned, once each, in order."""
    every = tuple(aligned)
    found = [one for step in every for one in step.diagnostics]
    if judge_ignores:
        unused = dict.fromkeys(one for step in every for one in step.ignores)
        for step in every:
            for one in step.used:
                unused.pop(one, None)
        judged = catalog.active("unused alignment ignore", project.settings.severities)
        found += catalog.run(judged, tuple(unused))
    return in_order(found)


@final
class _Aligning:
    """The alignment of one project, from the first step to the last."""

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
        found: list[tuple[int, tuple[Diagnostic, ...]]] = []
        used: list[Ignore] = []
        for level in sorted(levels):
            shown, hiding = hide(catalog.run(self._active[level], scope), ignores)
            found.append((level, in_order(shown)))
            used += hiding
        facts = scope.facts
        return Aligned(
            view.workspace,
            step.name,
            step.interface is not None,
            facts.path if facts is not None else None,
            place.shown if place is not None else None,
            tuple(found),
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
            return MissingScript(
                f"`components.script` declares {place.path}", "let both name the file that the job starts"
            )
        if entry is None:
            return None
        stating = next(
            (one for one in step.sources if "entry_point" in (one.document.data.get("interface") or {})), None
        )
        own = stating is not None and stating.workspace is not None
        return self._by_name(entry, sees, sees if own else self._sees(None))

    def _by_name(
        self, entry: str, sees: SourceView, wanted: SourceView
    ) -> ScriptFacts | MissingScript | None:
        seen: dict[str, SourceFile] = {}
        for folder in sees.folders:  # a workspace's own come before the core's
            for file in self._index.files.values():
                inside = file.path.startswith(f"{folder}/")
                if inside and (file.path.endswith(f"/{entry}") or file.path == entry):
                    seen.setdefault(file.real, file)
            if seen:
                break
        if len(seen) == 1:
            return self._facts_of(next(iter(seen.values())).path)
        if seen:
            paths = sorted(file.path for file in seen.values())
            return MissingScript(
                f"it could be {', '.join(paths[:-1])} or {paths[-1]}",
                "write more of its path, or declare `components: {script: path/to/file.py}`",
            )
        if not any("/scripts/" in f"/{file.path}" for file in wanted.files):
            return None
        return MissingScript(
            "no file of the sources is called so",
            "add it to a folder `scripts` of the sources, or correct the name",
        )

    def _facts_of(self, path: str) -> ScriptFacts | MissingScript:
        found = self._facts.get(path)
        if found is None:
            from stepwell.code.alignment.script_facts import facts_of

            parsed = self._reader.parsed(path)
            if isinstance(parsed, Parsed):
                found = facts_of(parsed)
            else:
                found = MissingScript(f"{path}:{parsed.line}: {parsed.message}", "mend the file")
            self._facts[path] = found
        return found


def _ignores(step: StepDefinition) -> Iterator[Ignore]:
    for source in step.sources:
        if source.layer not in _NOT_IN_FILES:
            yield from ignores_in(source.document)
