"""Health report of a registry: status, findings, counters and recommendations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import TYPE_CHECKING, Final, final

from stepwell.check.file import CheckedFile
from stepwell.code import own_components
from stepwell.model import KINDS
from stepwell.model.component import Component, ComponentState
from stepwell.model.layer import Layer
from stepwell.model.validator import is_fast
from stepwell.resolve.load import LoadResult
from stepwell.resolve.snapshot import Snapshot
from stepwell.source.diagnostic import Diagnostic, Severity
from stepwell.source.document import FrozenMapping
from stepwell.source.immutable import InNotebook, record
from stepwell.source.wording import counted, listed
from stepwell.source.yaml import libyaml_version

if TYPE_CHECKING:
    from stepwell.live.store import Event, Store
    from stepwell.live.watch import WatchState
    from stepwell.resolve.conflicts import Conflict
    from stepwell.resolve.runtime_layer import Registered

__all__ = ["COUNTERS", "Health", "HealthStatus", "LayerHealth", "health"]

COUNTERS: Final = (
    "reloads",
    "refusals",
    "registrations",
    "removals",
    "resolutions",
    "subscriber_failures",
)
"""Counters of a store; lookups are not counted."""


@final
class HealthStatus(Enum):
    """Overall status.

    ``broken``: the settings are unusable or nothing is available. ``degraded``: invalid definitions are
    skipped, or the current files are rejected.
    """

    OK = "ok"
    DEGRADED = "degraded"
    BROKEN = "broken"


@final
@record
class LayerHealth:
    """Health of one layer: contributed definitions and findings.

    Args:
        workspace: ``None`` for shared layers.
        steps: number of steps, including hidden ones.
        pipelines: number of pipelines, including hidden ones.
    """

    layer: Layer
    workspace: str | None
    steps: int
    hyperparameters: int
    providers: int
    pipelines: int
    errors: int
    warnings: int


@final
@record
class Health(InNotebook):
    """Health of a registry at one instant.

    Args:
        current: whether the registry matches the files.
        kept: views that keep their last valid state because of errors; ``None`` is the core.
        watching: ``None`` without a watch.
        recommendations: sentences, most important first.
        lost_components: number of components that are missing or ambiguous; ``None`` if not checked.
    """

    status: HealthStatus
    digest: str
    current: bool
    workspaces: int
    layers: tuple[LayerHealth, ...]
    errors: int
    warnings: int
    conflicts: int
    ambiguous: int
    last_reload: Event | None
    last_refusal: Event | None
    watching: WatchState | None
    counters: Mapping[str, int]
    recommendations: tuple[str, ...]
    lost_components: int | None = None
    kept: tuple[str | None, ...] = ()


def health(store: Store, watching: WatchState | None = None, *, components: bool = False) -> Health:
    """Return the health of a registry."""
    from stepwell.resolve.conflicts import conflicts

    seen, snapshot, registered = store.seen, store.snapshot, store.registered
    met = conflicts(snapshot)
    counters = {name: store.counts[name] for name in COUNTERS}
    severities = Counter(diagnostic.severity for diagnostic in seen.diagnostics)
    lost = _lost_components(snapshot) if components else ()
    grave = any(_is_grave(component) for _, _, component in lost)
    advice = _Advice(seen, snapshot, registered, store.kept, met, watching, counters, lost)
    status = _status(seen, snapshot, not store.kept)
    return Health(
        status=HealthStatus.DEGRADED if grave and status is HealthStatus.OK else status,
        digest=snapshot.digest,
        current=not store.kept,
        kept=store.kept,
        workspaces=len(snapshot.workspaces),
        layers=tuple(_layers(seen, registered)),
        errors=severities[Severity.ERROR],
        warnings=severities[Severity.WARNING],
        conflicts=len(met),
        ambiguous=sum(conflict.ambiguous for conflict in met),
        last_reload=store.last_reload,
        last_refusal=store.last_refusal,
        watching=watching,
        counters=FrozenMapping(counters),
        recommendations=tuple(advice.sentences()),
        lost_components=len(lost) if components else None,
    )


def _lost_components(snapshot: Snapshot) -> tuple[tuple[str | None, str, Component], ...]:
    """Return workspace, step and component of every missing or ambiguous component.

    A project without any Python component has only declared ones that are missing.
    """
    every = [
        (view.workspace, step.name, component)
        for view in (snapshot.core, *map(snapshot.view, snapshot.workspaces))
        for step, component in own_components(snapshot, view)
    ]
    has_code = any(component.is_there for _, _, component in every)
    return tuple(
        item for item in every if _is_grave(item[2]) or (has_code and item[2].state is ComponentState.MISSING)
    )


def _is_grave(component: Component) -> bool:
    """Return whether a component is ambiguous, or declared but missing."""
    is_missing = component.state is ComponentState.MISSING
    return bool(component.candidates) or (is_missing and component.declared_at is not None)


def _status(seen: LoadResult, snapshot: Snapshot, current: bool) -> HealthStatus:
    errors = [finding for finding in seen.diagnostics if finding.severity is Severity.ERROR]
    if not errors and current:
        return HealthStatus.OK
    serves = len(snapshot.core) or any(len(snapshot.view(workspace)) for workspace in snapshot.workspaces)
    return HealthStatus.DEGRADED if serves and not _unusable(seen) else HealthStatus.BROKEN


def _unusable(seen: LoadResult) -> bool:
    """Return whether the settings are invalid, so that defaults apply."""
    return any(finding.severity is Severity.ERROR for finding in seen.project.diagnostics)


def _layers(seen: LoadResult, registered: tuple[Registered, ...]) -> Iterator[LayerHealth]:
    counts: Counter[tuple[Layer, str | None, str]] = Counter()
    for file in (*seen.checked.values(), *seen.guests.files):
        if _gives(seen, file):
            counts[file.listed.layer, file.listed.workspace, file.listed.kind] += 1
    for item in registered:
        counts[Layer.RUNTIME, item.workspace, "steps"] += 1
    wrong: Counter[tuple[Layer, str | None, Severity]] = Counter()
    for finding in seen.diagnostics:
        owner = _owner(seen, finding)
        if owner is not None:
            layer, workspace = owner
            wrong[layer, workspace, finding.severity] += 1
    layers = {(layer, workspace) for layer, workspace, _ in (*counts, *wrong)}
    order = list(Layer)
    for layer, workspace in sorted(
        layers | {(Layer.CORE, None)}, key=lambda pair: (pair[1] or "", order.index(pair[0]))
    ):
        yield LayerHealth(
            layer,
            workspace,
            **{folder: counts[layer, workspace, folder] for folder in KINDS},
            errors=wrong[layer, workspace, Severity.ERROR],
            warnings=wrong[layer, workspace, Severity.WARNING],
        )


def _gives(seen: LoadResult, file: CheckedFile) -> bool:
    """Return whether the definition of a file is available, or hidden by a higher layer."""
    listed = file.listed
    tables = seen.core if listed.workspace is None else seen.overlays[listed.workspace].layered
    hidden = tables.covered.get(listed.kind, {})
    return file.source is not None and (file.name in tables.tables[listed.kind] or file.name in hidden)


def _owner(seen: LoadResult, finding: Diagnostic) -> tuple[Layer, str | None] | None:
    """Return the layer of a finding; ``None`` for settings and stray files."""
    if finding.span is None:
        return (Layer.PLUGIN, None) if finding.id == "plugin-failed" else None
    path, settings = finding.span.path, seen.project.settings
    if path.startswith("<"):
        return Layer.PLUGIN, None
    if path.startswith(f"{settings.core}/"):
        return Layer.CORE, None
    if path.startswith(f"{settings.workspaces}/"):
        workspace, _, rest = path[len(settings.workspaces) + 1 :].partition("/")
        folder = rest.partition("/")[0]
        if workspace in seen.overlays and folder:
            return (Layer.OVERRIDE if folder == Layer.OVERRIDE.value else Layer.LOCAL), workspace
    return None


@final
@record
class _Advice:
    """Recommendations, one sentence each."""

    seen: LoadResult
    snapshot: Snapshot
    registered: tuple[Registered, ...]
    kept: tuple[str | None, ...]
    conflicts: tuple[Conflict, ...]
    watching: WatchState | None
    counters: Mapping[str, int]
    lost: tuple[tuple[str | None, str, Component], ...]

    def sentences(self) -> Iterator[str]:
        yield from self._on_files()
        yield from self._on_plugins()
        yield from self._on_registered()
        yield from self._on_conflicts()
        yield from self._on_components()
        yield from self._on_the_rest()

    def _on_files(self) -> Iterator[str]:
        errors = sum(finding.severity is Severity.ERROR for finding in self.seen.diagnostics)
        if _unusable(self.seen):
            yield "Fix the project settings: invalid settings are replaced with defaults."
        if self.kept:
            views = listed("`the core`" if item is None else f"`{item}`" for item in self.kept)
            yield (
                f"Fix {counted(errors, 'error')} in the files: the last valid version is still served for "
                f"{views} (run `stepwell check`)."
            )
        elif errors:
            yield f"Fix {counted(errors, 'error')}: invalid definitions are skipped (run `stepwell check`)."
        if not len(self.snapshot.core) and not errors:
            folder = f"{self.seen.project.settings.core}/steps/"
            yield f"Add a definition to `{folder}`: the core has no steps."

    def _on_plugins(self) -> Iterator[str]:
        for finding in self.seen.guests.diagnostics:
            if finding.id == "plugin-failed":
                yield f"Fix or remove a package: {finding.message}."

    def _on_registered(self) -> Iterator[str]:
        gone = {item.workspace for item in self.registered} - {None, *self.snapshot.workspaces}
        for workspace in sorted(workspace for workspace in gone if workspace is not None):
            count = sum(item.workspace == workspace for item in self.registered)
            yield (f"Remove {counted(count, 'registration')} for workspace `{workspace}`, which is gone.")
        for item in self.registered:
            if item.workspace in gone:
                continue
            name = item.definition.name
            hidden = self.snapshot.view(item.workspace).steps.hidden(name)
            files = [below.sources[0].document.path for below in hidden if _is_file(below.sources[0].layer)]
            if files:
                yield f"Check whether the registration of `{name}` is still needed: it hides {files[0]}."

    def _on_conflicts(self) -> Iterator[str]:
        ambiguous = [conflict.name for conflict in self.conflicts if conflict.ambiguous]
        if ambiguous:
            shown = listed(f"`{name}`" for name in ambiguous)
            yield (
                f"Set different priorities for the definitions of {shown}: they are ambiguous "
                "when no workspace is given (run `stepwell conflicts`)."
            )

    def _on_components(self) -> Iterator[str]:
        grave = [item for item in self.lost if _is_grave(item[2])]
        named = [item for item in self.lost if not _is_grave(item[2])]
        for verb, lost in (("Fix", grave), ("Add or declare", named)):
            if lost:
                workspace, step, component = lost[0]
                shown = f" --workspace {workspace}" if workspace else ""
                problem = "cannot be loaded" if lost is grave else "no source file defines"
                yield (
                    f"{verb} {counted(len(lost), 'component')} that {problem}, such as the "
                    f"{component.kind} of `{step}` (run `stepwell components --missing{shown}`)."
                )

    def _on_the_rest(self) -> Iterator[str]:
        failures = self.counters["subscriber_failures"]
        if failures:
            yield (
                f"Fix a subscriber that failed {counted(failures, 'time')}: see the tracebacks in the log of "
                "`stepwell.live.store`."
            )
        if self.watching is not None and self.watching.reason:
            yield f"Changes may be detected late, because files are polled: {self.watching.reason}."
        if libyaml_version() is None:
            yield "Install a PyYAML with libyaml: its own parser reads YAML more slowly."
        if not is_fast():
            yield "Install jsonschema-rs: jsonschema validates more slowly, and rejects `\\p{…}` in patterns."


def _is_file(layer: Layer) -> bool:
    return layer not in (Layer.RUNTIME, Layer.PLUGIN)
