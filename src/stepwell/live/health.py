"""How it stands with a registry: what serves, what does not, what happened last, and what to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final, final

from stepwell.check.file import CheckedFile
from stepwell.code import own_components
from stepwell.model import KINDS
from stepwell.model.component import Component, ComponentState
from stepwell.model.layer import Layer
from stepwell.resolve.load import LoadResult
from stepwell.resolve.snapshot import Snapshot
from stepwell.source.diagnostic import Diagnostic, Severity
from stepwell.source.document import FrozenMapping
from stepwell.source.immutable import immutable
from stepwell.source.wording import counted

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
"""What a store counts; a look-up is not among it."""


@final
class HealthStatus(Enum):
    """The whole in one word.

    ``broken``: the settings cannot be used, or nothing serves. ``degraded``: something is left out, or what
    is served is not what the files say now.
    """

    OK = "ok"
    DEGRADED = "degraded"
    BROKEN = "broken"


@final
@immutable
@dataclass(frozen=True, slots=True)
class LayerHealth:
    """One layer: what it adds to the views, and what is wrong in its files.

    Args:
        workspace: whose; ``None`` for the layers that everybody sees.
        steps: how many steps it gives, those that a higher layer hides included.
        pipelines: the same of pipelines.
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
@immutable
@dataclass(frozen=True, slots=True)
class Health:
    """How it stands with a registry at one instant.

    Args:
        current: whether that is what the files said when they were last read.
        watching: what the watch does; ``None`` when there is none.
        recommendations: what to do, in sentences, the most important first.
        lost_components: how many components are declared and not there, or could be in several places;
            ``None`` where nobody looked into the sources.
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


def health(store: Store, watching: WatchState | None = None, *, components: bool = False) -> Health:
    """How it stands with a registry at this instant."""
    from stepwell.resolve.conflicts import conflicts

    seen, snapshot, registered = store.seen, store.snapshot, store.registered
    met = conflicts(snapshot)
    counters = {name: store.counts[name] for name in COUNTERS}
    found = Counter(diagnostic.severity for diagnostic in seen.diagnostics)
    lost = _lost_components(snapshot) if components else ()
    advice = _Advice(seen, snapshot, registered, store.is_current, met, watching, counters, lost)
    status = _status(seen, snapshot, store.is_current)
    return Health(
        status=HealthStatus.DEGRADED if lost and status is HealthStatus.OK else status,
        digest=snapshot.digest,
        current=store.is_current,
        workspaces=len(snapshot.workspaces),
        layers=tuple(_layers(seen, registered)),
        errors=found[Severity.ERROR],
        warnings=found[Severity.WARNING],
        conflicts=len(met),
        ambiguous=sum(one.ambiguous for one in met),
        last_reload=store.last_reload,
        last_refusal=store.last_refusal,
        watching=watching,
        counters=FrozenMapping(counters),
        recommendations=tuple(advice.sentences()),
        lost_components=len(lost) if components else None,
    )


def _lost_components(snapshot: Snapshot) -> tuple[tuple[str | None, str, Component], ...]:
    """The workspace, step and part of every component that is declared and gone, or ambiguous."""
    return tuple(
        (view.workspace, step.name, one)
        for view in (snapshot.core, *map(snapshot.view, snapshot.workspaces))
        for step, one in own_components(snapshot, view)
        if one.candidates or (one.state is ComponentState.MISSING and one.declared_at is not None)
    )


def _status(seen: LoadResult, snapshot: Snapshot, current: bool) -> HealthStatus:
    errors = [found for found in seen.diagnostics if found.severity is Severity.ERROR]
    if not errors and current:
        return HealthStatus.OK
    serves = len(snapshot.core) or any(len(snapshot.view(one)) for one in snapshot.workspaces)
    return HealthStatus.DEGRADED if serves and not _unusable(seen) else HealthStatus.BROKEN


def _unusable(seen: LoadResult) -> bool:
    """Whether settings cannot be used, so that defaults stand in for them."""
    return any(found.severity is Severity.ERROR for found in seen.project.diagnostics)


def _layers(seen: LoadResult, registered: tuple[Registered, ...]) -> Iterator[LayerHealth]:
    given: Counter[tuple[Layer, str | None, str]] = Counter()
    for file in (*seen.checked.values(), *seen.guests.files):
        if _gives(seen, file):
            given[file.listed.layer, file.listed.workspace, file.listed.kind] += 1
    for one in registered:
        given[Layer.RUNTIME, one.workspace, "steps"] += 1
    wrong: Counter[tuple[Layer, str | None, Severity]] = Counter()
    for found in seen.diagnostics:
        owner = _owner(seen, found)
        if owner is not None:
            layer, workspace = owner
            wrong[layer, workspace, found.severity] += 1
    told = {(layer, workspace) for layer, workspace, _ in (*given, *wrong)}
    order = list(Layer)
    for layer, workspace in sorted(
        told | {(Layer.CORE, None)}, key=lambda one: (one[1] or "", order.index(one[0]))
    ):
        yield LayerHealth(
            layer,
            workspace,
            **{folder: given[layer, workspace, folder] for folder in KINDS},
            errors=wrong[layer, workspace, Severity.ERROR],
            warnings=wrong[layer, workspace, Severity.WARNING],
        )


def _gives(seen: LoadResult, file: CheckedFile) -> bool:
    """Whether a file's definition serves, or would if a higher layer did not hide it."""
    listed = file.listed
    tables = seen.core if listed.workspace is None else seen.overlays[listed.workspace].layered
    hidden = tables.covered.get(listed.kind, {})
    return file.source is not None and (file.name in tables.tables[listed.kind] or file.name in hidden)


def _owner(seen: LoadResult, found: Diagnostic) -> tuple[Layer, str | None] | None:
    """The layer in whose files something is found; ``None`` for the settings and for stray files."""
    if found.span is None:
        return (Layer.PLUGIN, None) if found.id == "plugin-failed" else None
    path, settings = found.span.path, seen.project.settings
    if path.startswith("<"):
        return Layer.PLUGIN, None
    if path.startswith(f"{settings.core}/"):
        return Layer.CORE, None
    if path.startswith(f"{settings.workspaces}/"):
        one, _, rest = path[len(settings.workspaces) + 1 :].partition("/")
        folder = rest.partition("/")[0]
        if one in seen.overlays and folder:
            return (Layer.OVERRIDE if folder == Layer.OVERRIDE.value else Layer.LOCAL), one
    return None


@final
@dataclass(frozen=True, slots=True)
class _Advice:
    """What to do, each a sentence."""

    seen: LoadResult
    snapshot: Snapshot
    registered: tuple[Registered, ...]
    current: bool
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
        errors = sum(found.severity is Severity.ERROR for found in self.seen.diagnostics)
        if _unusable(self.seen):
            yield "Mend the project's settings: until then defaults stand in for what cannot be used."
        if not self.current:
            yield (
                f"Mend {counted(errors, 'error')} in the files: what they said before is still served, "
                "and `stepwell check` tells what is wrong now."
            )
        elif errors:
            yield f"Mend {counted(errors, 'error')}, which `stepwell check` tells: what has one is left out."
        if not len(self.snapshot.core) and not errors:
            folder = f"{self.seen.project.settings.core}/steps/"
            yield f"Write a first definition into `{folder}`: the core serves no step."

    def _on_plugins(self) -> Iterator[str]:
        for found in self.seen.guests.diagnostics:
            if found.id == "plugin-failed":
                yield f"Mend or remove a package: {found.message}."

    def _on_registered(self) -> Iterator[str]:
        gone = {one.workspace for one in self.registered} - {None, *self.snapshot.workspaces}
        for workspace in sorted(one for one in gone if one is not None):
            count = sum(one.workspace == workspace for one in self.registered)
            yield (
                f"Remove {counted(count, 'registration')} for the workspace `{workspace}`, "
                "which is gone: nobody sees what they registered."
            )
        for one in self.registered:
            if one.workspace in gone:
                continue
            hidden = self.snapshot.view(one.workspace).steps.hidden(one.definition.name)
            files = [below.sources[0].document.path for below in hidden if _is_file(below.sources[0].layer)]
            if files:
                yield (
                    f"See whether `{one.definition.name}` is still to be registered: "
                    f"it hides what {files[0]} says."
                )

    def _on_conflicts(self) -> Iterator[str]:
        ambiguous = [one.name for one in self.conflicts if one.ambiguous]
        if ambiguous:
            yield (
                f"Give the definitions of {_some(ambiguous)} different priorities: without a workspace "
                "nothing tells them apart, and `stepwell conflicts` shows them."
            )

    def _on_components(self) -> Iterator[str]:
        if self.lost:
            workspace, step, one = self.lost[0]
            shown = f" --workspace {workspace}" if workspace else ""
            yield (
                f"Mend {counted(len(self.lost), 'component')} that cannot be loaded, such as the {one.kind} "
                f"of `{step}`: `stepwell components --missing{shown}` tells why."
            )

    def _on_the_rest(self) -> Iterator[str]:
        failures = self.counters["subscriber_failures"]
        if failures:
            yield (
                f"Mend a subscriber that failed {counted(failures, 'time')}: "
                "the log of `stepwell.live.store` has its tracebacks."
            )
        if self.watching is not None and self.watching.reason:
            yield f"Expect changes to be seen late, since the files are polled: {self.watching.reason}."


def _is_file(layer: Layer) -> bool:
    return layer not in (Layer.RUNTIME, Layer.PLUGIN)


def _some(names: Iterable[str]) -> str:
    every = [f"`{name}`" for name in names]
    shown = ", ".join(every[:3])
    return shown if len(every) <= 3 else f"{shown} and {len(every) - 3} more"
