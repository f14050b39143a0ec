"""Effects on pipelines: what a change breaks in their graphs, and which of them are gone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from stepwell.compare.comparison import Consumer, Effect, Level
from stepwell.compare.effects.touched import Touched, place_of
from stepwell.compare.states import State
from stepwell.model.layer import Layer
from stepwell.resolve.view import View
from stepwell.source.diagnostic import Diagnostic, Severity, Span

__all__ = ["effects_on_graphs"]

_LEVELS = {Severity.ERROR: Level.BREAKING, Severity.WARNING: Level.RISKY, Severity.INFO: Level.SAFE}
_IDS = {
    Severity.ERROR: "pipeline-broken",
    Severity.WARNING: "pipeline-doubtful",
    Severity.INFO: "pipeline-told",
}


def effects_on_graphs(old: State, new: State, views: Mapping[str | None, Touched]) -> Iterator[Effect]:
    """What a change means to the pipelines of every view.

    Args:
        old: the older state.
        new: the newer one.
        views: every view that both have.
    """
    for workspace, touched in views.items():
        yield from _gone(touched)
        before = {_same(one) for one in old.loaded.pipelines.diagnostics.get(workspace, ())}
        if workspace is not None:
            before |= {_same(one) for one in old.loaded.pipelines.diagnostics.get(None, ())}
        for found in new.loaded.pipelines.diagnostics.get(workspace, ()):
            if _same(found) in before:
                continue
            name = _pipeline_at(touched.new, found.span)
            yield Effect(
                Consumer.PIPELINES,
                _LEVELS[found.severity],
                _IDS[found.severity],
                f"{name}#{found.id}",
                f"the pipeline `{name}`: {found.message}",
                workspace,
                place_of(touched.old.pipelines.get(name)),
                found.span,
            )


def _gone(touched: Touched) -> Iterator[Effect]:
    for name in touched.names["pipelines"]:
        was = touched.old.pipelines.get(name)
        if was is None or name in touched.new.pipelines:
            continue
        if touched.workspace is not None and was.sources[-1].layer is not Layer.LOCAL:
            continue  # it was the core's, and is told with the core
        reason = f"the pipeline `{name}` is gone, so whoever runs or extends it by that name fails"
        yield Effect(
            Consumer.PIPELINES,
            Level.BREAKING,
            "pipeline-gone",
            name,
            reason,
            touched.workspace,
            place_of(was),
        )


def _same(found: Diagnostic) -> tuple[str, str, str]:
    return found.id, found.message, found.span.path if found.span is not None else ""


def _pipeline_at(view: View, span: Span | None) -> str:
    """The pipeline that a file says something of."""
    path = span.path if span is not None else ""
    for name, definition in view.pipelines.items():
        if any(source.document.path == path for source in definition.sources):
            return name
    return path
