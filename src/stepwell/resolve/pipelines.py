"""Checks all pipelines of all views, and caches results for unchanged ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, final

from stepwell.check import catalog
from stepwell.check.file import hide
from stepwell.check.rule import Ignore, IgnoreIndex, by_place, ignores_in
from stepwell.model import PipelineDefinition, StepDefinition
from stepwell.model.settings import Settings
from stepwell.resolve.layers import LayerTables, broken_place
from stepwell.resolve.view import View
from stepwell.source.diagnostic import Diagnostic, Related, Span, in_order

if TYPE_CHECKING:
    from stepwell.model.component import Component
    from stepwell.model.graph import Among, Linked

__all__ = ["NOTHING_CHECKED", "CheckedPipelines", "check_pipelines", "findings_in"]

_NONE: Final[Mapping[Any, Any]] = MappingProxyType({})


@final
class _Clean(NamedTuple):
    """Pipeline without findings, and everything that the result depends on.

    Args:
        extended: the extended pipelines by name, with hidden ones.
        steps: steps by workspace and name; workspace ``None`` is the pipeline's view.
    """

    definition: PipelineDefinition
    extended: Mapping[str, tuple[PipelineDefinition | None, tuple[PipelineDefinition, ...]]]
    steps: Mapping[tuple[str | None, str], StepDefinition | None]
    workspaces: frozenset[str]

    def holds(self, view: View, definition: PipelineDefinition, among: Among) -> bool:
        """Return whether the result still applies to a definition in a view."""
        pipelines = view.pipelines
        return (
            definition is self.definition
            and self.workspaces == among.views.keys()
            and all(
                pipelines.get(name) is served and pipelines.hidden(name) == hidden
                for name, (served, hidden) in self.extended.items()
            )
            and all(_step(view, among, *named) is step for named, step in self.steps.items())
        )


@final
class CheckedPipelines(NamedTuple):
    """Findings about the pipelines of all views.

    Args:
        diagnostics: by workspace, ``None`` for the core; those of a workspace exclude the core's.
        notes: pipelines that use an invalid definition, by its file.
    """

    diagnostics: Mapping[str | None, tuple[Diagnostic, ...]] = _NONE
    used: frozenset[Ignore] = frozenset()
    clean: Mapping[tuple[str | None, str], _Clean] = _NONE
    notes: tuple[tuple[str, Related], ...] = ()


NOTHING_CHECKED: Final = CheckedPipelines()
"""Result for a project without pipelines."""


def check_pipelines(
    settings: Settings,
    views: Mapping[str | None, View],
    layers: Mapping[str | None, LayerTables],
    before: CheckedPipelines,
) -> CheckedPipelines:
    """Check the pipelines of some views.

    Args:
        views: all views by workspace as written, the core's under ``None``.
        layers: the tables of each view.
    """
    if not any(view.pipelines.above for view in views.values()):
        return NOTHING_CHECKED
    from stepwell.check.pipeline_scope import PipelineScope
    from stepwell.model.graph import Among, link

    among = Among(
        MappingProxyType({key: view for key, view in views.items() if key is not None}),
        settings.naming.job_type_suffixes,
    )
    active = catalog.active("pipeline", settings.severities)
    of_parts = tuple(pair for pair in active if pair[0].id not in _NEEDS_THE_WHOLE)
    notes: list[tuple[str, Related]] = []
    findings: dict[str | None, tuple[Diagnostic, ...]] = {}
    used: set[Ignore] = set()
    clean: dict[tuple[str | None, str], _Clean] = {}
    of_core: frozenset[tuple[str, Span | None]] = frozenset()
    for workspace, view in views.items():  # the core's comes first
        here: list[Diagnostic] = []
        parts = layers[workspace].parts
        left_out = {**layers[None].left_out["steps"], **layers[workspace].left_out.get("steps", _NONE)}
        for name in view.pipelines:
            definition = view.pipelines[name]
            same = before.clean.get((workspace, name)) or clean.get((None, name))
            if same is not None and not left_out and same.holds(view, definition, among) and not parts:
                clean[workspace, name] = same
                continue
            linked = link(view, definition, among)
            skipped = {
                node.step: place
                for node in linked.nodes.values()
                if node.definition is None
                and (place := broken_place(left_out, node.step, settings)) is not None
            }
            notes += _uses_of_errors(linked, parts, skipped)
            is_part = any(source.document.path in parts for source in definition.sources)
            scope = PipelineScope(linked, skipped=skipped.keys())
            shown, hiding = hide(catalog.run(of_parts if is_part else active, scope), _ignores(linked))
            used.update(hiding)
            if not (shown or hiding or skipped):  # an invalid step hides that it is needed
                clean[workspace, name] = _rests_on(view, linked)
            if workspace is not None and definition.sources[0].workspace is None:
                shown = tuple(_in_view(view, item) for item in shown if (item.id, item.span) not in of_core)
            here += shown
        findings[workspace] = tuple(here)
        if workspace is None:
            of_core = frozenset((item.id, item.span) for item in here)
    return CheckedPipelines(findings, frozenset(used), clean, tuple(notes))


_NEEDS_THE_WHOLE: Final = frozenset({"missing-input", "unconnected-inputs", "unused-parameter"})
"""Rules about what is absent, which say nothing about a pipeline of which only the valid part is known."""


def _uses_of_errors(
    linked: Linked, parts: frozenset[str], skipped: Mapping[str, Span]
) -> Iterator[tuple[str, Related]]:
    """Yield the invalid files that a pipeline uses, each with the location of the use."""
    message = f"used by pipeline `{linked.definition.name}`"
    for node in linked.nodes.values():
        place = node.place
        sources = node.definition.sources if node.definition is not None else ()
        paths = [source.document.path for source in sources if source.document.path in parts]
        if node.definition is None and node.step in skipped:
            paths = [skipped[node.step].path]
        if place is not None:
            yield from ((path, Related(message, place)) for path in paths)


def findings_in(
    settings: Settings, linked: Linked, views: Mapping[str | None, View]
) -> tuple[Diagnostic, ...]:
    """Return all findings about one pipeline, including its components, in order.

    Args:
        views: all views by workspace with sources, the core's under ``None``.
    """
    from stepwell.check.pipeline_scope import PipelineScope

    components: dict[str, Mapping[str, Component]] = {}
    for key, node in linked.nodes.items():
        if node.definition is not None:
            seen = views[linked.view.workspace if node.workspace is None else node.workspace]
            components[key] = seen.components(node.definition.name)
    active = (
        *catalog.active("pipeline", settings.severities),
        *catalog.active("pipeline code", settings.severities),
    )
    shown, _ = hide(catalog.run(active, PipelineScope(linked, components)), _ignores(linked))
    return in_order(shown)


def _in_view(view: View, finding: Diagnostic) -> Diagnostic:
    """Return a finding about a core pipeline that occurs only in one workspace."""
    return replace(finding, message=f"in {view.title}, {finding.message}")


def _rests_on(view: View, linked: Linked) -> _Clean:
    names = {name for item in linked.flat.way for name in (item.name, item.extends)}
    pipelines = view.pipelines
    return _Clean(
        linked.definition,
        {name: (pipelines.get(name), pipelines.hidden(name)) for name in names},
        {(node.workspace, node.step): node.definition for node in linked.nodes.values()},
        frozenset(linked.among.views),
    )


def _step(view: View, among: Among, workspace: str | None, name: str) -> StepDefinition | None:
    seen = view if workspace is None else among.views.get(workspace)
    return None if seen is None else seen.get(name)


def _ignores(linked: Linked) -> IgnoreIndex:
    documents = {
        id(stated.document): stated.document for node in linked.nodes.values() for stated in node.stated
    }
    for source in linked.definition.sources:
        documents[id(source.document)] = source.document
    return by_place(item for document in documents.values() for item in ignores_in(document))
