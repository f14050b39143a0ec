"""Effects on references to steps: aliases, deprecations, pipelines and tables."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from stepwell.model import PipelineDefinition, StepDefinition
from stepwell.model.graph import Among, Linked, link
from stepwell.model.layer import Layer, given_by
from stepwell.model.settings import RESERVED_ID
from stepwell.resolve.choose import resolve
from stepwell.resolve.snapshot import Snapshot
from stepwell.resolve.strategies import Candidate, candidates_of
from stepwell.resolve.view import View
from stepwell.review.comparison import Consumer, Effect, Level
from stepwell.review.effects.change_scope import Touched, place_of
from stepwell.review.state import RegistryState
from stepwell.source.diagnostic import Diagnostic, Severity, Span

__all__ = [
    "effects_on_choices",
    "effects_on_first",
    "effects_on_graphs",
    "effects_on_references",
    "effects_on_runs",
]


_OF_WORKSPACE: Final = ("default_resolution_strategy", "preferred_frameworks", "environment_preferences")


def effects_on_choices(
    old: RegistryState, new: RegistryState, views: Mapping[str | None, Touched]
) -> Iterator[Effect]:
    """Yield the names that resolve to another definition although the candidates are the same.

    Resolution is compared without preferences, for every workspace with a definition, framework and tag.
    """
    before, after = old.loaded.snapshot, new.loaded.snapshot
    names = {name for touched in views.values() for name in touched.steps}
    for key, workspace in after.workspaces.items():
        was = before.workspaces.get(key)
        if was is not None and any(
            getattr(was, field) != getattr(workspace, field) for field in _OF_WORKSPACE
        ):
            names.update(after.view(key).steps.above)
    for name in sorted(names & (before.owners.keys() | after.owners.keys())):
        candidates, there = candidates_of(before, name), candidates_of(after, name)
        if len(candidates) > 1 and _owners(candidates) == _owners(there):
            yield from _of_name(before, after, name, there)


def _of_name(
    before: Snapshot, after: Snapshot, name: str, candidates: tuple[Candidate, ...]
) -> Iterator[Effect]:
    for words, asked in _contexts(candidates):
        was, now = resolve(before, name, **asked), resolve(after, name, **asked)
        if was.chosen.owner != now.chosen.owner:
            reason = (
                f"{words} `{name}` resolves to the definition of {now.chosen.owner} instead of "
                f"{was.chosen.owner}: "
                f"{now.reason}"
            )
            yield Effect(
                Consumer.PIPELINES,
                Level.RISKY,
                "resolution-changed",
                name,
                reason,
                asked.get("workspace"),
                was.chosen.span,
                now.chosen.span,
            )
            return


def _contexts(candidates: tuple[Candidate, ...]) -> Iterator[tuple[str, dict[str, Any]]]:
    yield "without preferences,", {}
    for candidate in candidates:
        if candidate.workspace is not None:
            yield f"for workspace {candidate.workspace},", {"workspace": candidate.workspace}
    for framework in sorted({candidate.definition.framework or "" for candidate in candidates} - {""}):
        yield f"for the framework {framework},", {"framework": framework}
    for tag in sorted({tag for candidate in candidates for tag in candidate.definition.environment_tags}):
        yield f"for the environment {tag},", {"environment": (tag,)}


def _owners(candidates: tuple[Candidate, ...]) -> list[str]:
    return [candidate.owner for candidate in candidates]


_LEVELS = {Severity.ERROR: Level.BREAKING, Severity.WARNING: Level.RISKY, Severity.INFO: Level.SAFE}
_IDS = {
    Severity.ERROR: "pipeline-broken",
    Severity.WARNING: "pipeline-doubtful",
    Severity.INFO: "pipeline-info",
}


def effects_on_graphs(
    old: RegistryState, new: RegistryState, views: Mapping[str | None, Touched]
) -> Iterator[Effect]:
    """Yield the effects on the pipelines of every view."""
    for workspace, touched in views.items():
        yield from _gone(touched)
        before = {_same(item) for item in old.loaded.pipelines.diagnostics.get(workspace, ())}
        if workspace is not None:
            before |= {_same(item) for item in old.loaded.pipelines.diagnostics.get(None, ())}
        for finding in new.loaded.pipelines.diagnostics.get(workspace, ()):
            if _same(finding) in before:
                continue
            name = _pipeline_at(touched.new, finding.span)
            yield Effect(
                Consumer.PIPELINES,
                _LEVELS[finding.severity],
                _IDS[finding.severity],
                f"{name}#{finding.id}",
                f"the pipeline `{name}`: {finding.message}",
                workspace,
                place_of(touched.old.pipelines.get(name)),
                finding.span,
            )


def effects_on_runs(
    old: RegistryState, new: RegistryState, views: Mapping[str | None, Touched]
) -> Iterator[Effect]:
    """Yield what a run of a pipeline now requires or rejects although its command is the same."""
    for workspace, touched in views.items():
        if not (touched.names["pipelines"] or touched.steps):
            continue
        for name, definition in touched.new.pipelines.items():
            before = touched.old.pipelines.get(name)
            if before is None:
                continue
            was, now = _linked(old, touched.old, before), _linked(new, touched.new, definition)
            needed = dict(_requirements(was))
            for requirement, (reason, place) in _requirements(now):
                if requirement not in needed:
                    subject = f"{name}#{requirement}"
                    yield Effect(
                        Consumer.PIPELINES,
                        Level.RISKY,
                        "run-requires",
                        subject,
                        f"a run of `{name}` now {reason}",
                        workspace,
                        place_of(before),
                        place or place_of(definition),
                    )
            for parameter in was.parameters:
                if parameter not in now.parameters:
                    reason = f"`{name}` no longer has the parameter `{parameter}`, so setting it fails"
                    subject = f"{name}#{parameter}"
                    yield Effect(
                        Consumer.PIPELINES,
                        Level.BREAKING,
                        "parameter-gone",
                        subject,
                        reason,
                        workspace,
                        place_of(before, "parameters"),
                        place_of(definition),
                    )


def _linked(state: RegistryState, view: View, definition: PipelineDefinition) -> Linked:
    snapshot = state.loaded.snapshot
    views = MappingProxyType({workspace: snapshot.view(workspace) for workspace in snapshot.workspaces})
    return link(view, definition, Among(views, state.loaded.project.settings.naming.job_type_suffixes))


def _requirements(linked: Linked) -> Iterator[tuple[str, tuple[str, Span | None]]]:
    """Yield what only the caller of a run can supply, by a stable key: parameters, and data of inputs.

    Rules report missing settings and unconnected inputs that another step could supply.
    """
    for name, default in linked.parameters.items():
        if default is None:
            yield name, (f"requires a value for the parameter `{name}`", None)
    for node in linked.nodes.values():
        interface = node.definition.interface if node.definition is not None else None
        if interface is None or node.definition is None:
            continue
        for name, declared in (interface.get("inputs") or {}).items():
            is_connected = name in node.inputs or name in node.given
            if declared.get("required", True) and not is_connected and not declared.get("compatible_sources"):
                place = place_of(node.definition, "interface")
                yield (
                    f"{node.id}.inputs.{name}",
                    (f"requires data for the input `{name}` of `{node.id}`", place),
                )


def _gone(touched: Touched) -> Iterator[Effect]:
    for name in touched.names["pipelines"]:
        was = touched.old.pipelines.get(name)
        if was is None or name in touched.new.pipelines:
            continue
        if touched.workspace is not None and was.sources[-1].layer is not Layer.LOCAL:
            continue  # reported with the core
        reason = f"the pipeline `{name}` was removed, so running or extending it fails"
        yield Effect(
            Consumer.PIPELINES,
            Level.BREAKING,
            "pipeline-gone",
            name,
            reason,
            touched.workspace,
            place_of(was),
        )


def _same(finding: Diagnostic) -> tuple[str, str, str]:
    return finding.id, finding.message, finding.span.path if finding.span is not None else ""


def _pipeline_at(view: View, span: Span | None) -> str:
    """Return the pipeline defined in a file."""
    path = span.path if span is not None else ""
    for name, definition in view.pipelines.items():
        if any(source.document.path == path for source in definition.sources):
            return name
    return path


def effects_on_references(touched: Touched, *, is_frozen: bool) -> Iterator[Effect]:
    """Yield the effects of a view's changes on references to its steps."""
    gone = [name for name in touched.steps if _lost(touched, name)]
    for name in gone:
        was = touched.old.steps[name]
        if touched.workspace is not None and was.sources[-1].layer is not Layer.LOCAL:
            continue  # reported with the core
        if not is_frozen or was.sagemaker_step_type is None:
            yield _step_gone(touched, was)
    yield from _aliases(touched)
    if gone:
        yield from _replacements(touched, frozenset(gone))


def effects_on_first(
    old: RegistryState, new: RegistryState, views: Mapping[str | None, Touched]
) -> Iterator[Effect]:
    """Yield the entries of ``[[freeze]] first`` whose step was removed."""
    project = new.loaded.project
    if project.config is None or old.tables or new.tables:
        return
    for place, target in enumerate(project.settings.freeze):
        touched = views.get(None if target.workspace == RESERVED_ID else target.workspace or None)
        for at, name in enumerate(target.first if touched is not None else ()):
            if touched is None or name not in touched.old.steps or name in touched.new.steps:
                continue
            pointer = (*project.prefix, "freeze", place, "first", at)
            reason = (
                f"`first` of `{target.output}` lists `{name}`, which was removed: "
                "the rest of the table moves up, and `freeze-target` reports it"
            )
            was, now = place_of(touched.old.steps[name]), project.config.value_span(pointer)
            yield _effect(touched, Level.RISKY, "first-gone", f"{target.output}#{name}", reason, was, now)


def _lost(touched: Touched, name: str) -> bool:
    """Return whether lookups of a step's name now fail, even as an alias."""
    return name in touched.old.steps and touched.new.get(name) is None


def _step_gone(touched: Touched, was: StepDefinition) -> Effect:
    renamed = touched.renamed.get(was.name)
    reason = f"`{was.name}` was removed, so lookups by that name fail"
    if renamed is not None:
        reason = f"`{renamed.name}` replaces `{was.name}`, but the old name fails: it is not an alias"
    place = renamed.new_place if renamed is not None else None
    return _effect(touched, Level.BREAKING, "step-gone", was.name, reason, place_of(was), place)


def _aliases(touched: Touched) -> Iterator[Effect]:
    asked = {alias for name in touched.steps for alias in _own(touched.old, name)}
    for alias in sorted(asked):
        before, after = touched.old.by_alias(alias), touched.new.steps.get(alias)
        if before is None:
            continue
        after = after or touched.new.by_alias(alias)
        renamed = touched.renamed.get(before.name)
        if after is not None and after.name in (before.name, renamed.name if renamed is not None else ""):
            continue
        was = given_by(before.sources, ("aliases",)).value_span(("aliases", before.aliases.index(alias)))
        if after is None:
            reason = f"`{alias}` is no longer an alias of `{before.name}`, so lookups by it fail"
            now = place_of(touched.new.steps.get(before.name), "aliases")
            yield _effect(touched, Level.BREAKING, "alias-gone", alias, reason, was, now)
        else:
            reason = f"`{alias}` is now `{after.name}` instead of an alias of `{before.name}`"
            now = place_of(after, "name" if after.name == alias else "aliases")
            yield _effect(touched, Level.BREAKING, "alias-means-another", alias, reason, was, now)


def _own(view: View, name: str) -> tuple[str, ...]:
    step = view.steps.get(name)
    return () if step is None else step.aliases


def _replacements(touched: Touched, gone: Collection[str]) -> Iterator[Effect]:
    """Yield the steps whose ``replaced_by`` is missing."""
    steps = touched.new.steps
    tables = (steps.above,) if touched.workspace is not None else (steps.above, steps.below)
    for table in tables:
        for name, step in table.items():
            stated = step.data.get("deprecated")
            named = stated.get("replaced_by") if stated is not None else None
            if named is None or named not in gone:
                continue
            pointer = ("deprecated", "replaced_by")
            now = given_by(step.sources, pointer).value_span(pointer)
            reason = f"`replaced_by` of `{name}` is `{named}`, which was removed"
            was = place_of(touched.old.steps[named])
            yield _effect(touched, Level.RISKY, "replacement-gone", name, reason, was, now)


def _effect(
    touched: Touched,
    level: Level,
    kind: str,
    subject: str,
    reason: str,
    was: Span | None = None,
    now: Span | None = None,
) -> Effect:
    return Effect(Consumer.PIPELINES, level, kind, subject, reason, touched.workspace, was, now)
