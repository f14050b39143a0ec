"""The health of a project, and its reloads."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Annotated

from msgspec import UNSET, UnsetType

from stepwell.frontends.render.events import labels
from stepwell.frontends.render.output.findings import ReportedFinding, findings
from stepwell.frontends.render.output.record import Amount, Count, OutputPart, OutputRecord, doc, one_of
from stepwell.live.health import HealthStatus
from stepwell.model.layer import Layer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stepwell.live.health import Health
    from stepwell.live.store import Event
    from stepwell.resolve.snapshot import Changes, ViewChanges


class LayerStatus(OutputPart, frozen=True, kw_only=True):
    """Contents and findings of a layer."""

    layer: Annotated[Layer, doc("Which one.")]
    workspace: Annotated[str | None, doc("Workspace; null for a shared layer.", "alice", None)]
    steps: Annotated[Count, doc("Number of steps, including shadowed ones.", 17)]
    hyperparameters: Annotated[Count, doc("Number of hyperparameter classes.", 3)]
    providers: Annotated[Count, doc("Number of providers.", 3)]
    pipelines: Annotated[Count, doc("Number of pipelines.", 3)]
    errors: Annotated[Count, doc("Number of errors in its files.", 0)]
    warnings: Annotated[Count, doc("Number of warnings in its files.", 0)]


class ReloadStatus(OutputPart, frozen=True, kw_only=True):
    """Reload of the files."""

    at: Annotated[str, doc("When, in UTC (RFC 3339).", "2026-07-01T12:30:00.125+00:00")]
    seconds: Annotated[Amount, doc("Duration in seconds.", 0.004)]
    digest: Annotated[str, doc("Digest of the version.", "9095b37cf635cc47c8c1977721f5cef0")]
    errors: Annotated[Count, doc("Number of errors.", 0)]


class WatchStatus(OutputPart, frozen=True, kw_only=True):
    """State of the file watch."""

    running: Annotated[bool, doc("Whether the watch is running.", True)]
    mode: Annotated[
        str,
        one_of("events", "polling"),
        doc("Whether file system events or polling are used."),
    ]
    poll: Annotated[float | None, doc("Polling interval in seconds; null with events.", None, 1.0)]
    reason: Annotated[
        str, doc("Why events are not used; empty if they are, or if polling was requested.", "")
    ]
    bursts: Annotated[Count, doc("Number of processed bursts of changes.", 3)]


class RegistryCounters(OutputPart, frozen=True, kw_only=True):
    """Event counters since the registry was opened."""

    reloads: Annotated[Count, doc("Number of accepted reloads.", 0)]
    refusals: Annotated[Count, doc("Number of rejected reloads.", 0)]
    registrations: Annotated[Count, doc("Number of steps were registered.", 0)]
    removals: Annotated[Count, doc("Number of removed registrations.", 0)]
    resolutions: Annotated[Count, doc("Number of names were resolved.", 0)]
    subscriber_failures: Annotated[Count, doc("Number of exceptions in subscribers.", 0)]


class DoctorOutput(OutputRecord, frozen=True, kw_only=True):
    """Output of `stepwell doctor --format json`: the health of the project. The same is
    `registry.health()` of a program that runs; what only such a program can know is null or 0 here.
    """

    status: Annotated[
        HealthStatus,
        doc(
            "`ok`; `degraded` if definitions are skipped or the served version is outdated; `broken` "
            "if the settings are invalid or there are no valid definitions."
        ),
    ]
    digest: Annotated[str, doc("Digest of the served version.", "9095b37cf635cc47c8c1977721f5cef0")]
    current: Annotated[bool, doc("Whether the served version matches the files as last read.", True)]
    kept: Annotated[
        tuple[Annotated[str | None, doc("Workspace; null for the core.")], ...],
        doc("Views that keep their last valid version because of errors.", ["alice"]),
    ]
    workspaces: Annotated[Count, doc("Number of workspaces.", 3)]
    errors: Annotated[Count, doc("Total number of errors.", 0)]
    warnings: Annotated[Count, doc("Number of warnings in all.", 0)]
    conflicts: Annotated[Count, doc("Number of names with more than one definition.", 1)]
    ambiguous: Annotated[Count, doc("Number of ambiguous names.", 0)]
    layers: Annotated[
        tuple[LayerStatus, ...], doc("Core, and every other layer with definitions or findings.")
    ]
    last_reload: Annotated[ReloadStatus | None, doc("Last accepted reload.")]
    last_refusal: Annotated[ReloadStatus | None, doc("Last rejected reload.")]
    watching: Annotated[WatchStatus | None, doc("State of the watch; null without one.")]
    counters: Annotated[RegistryCounters, doc("Event counters since the registry was opened.")]
    lost_components: Annotated[Count, doc("Number of missing or ambiguous components.", 0)]
    recommendations: Annotated[
        tuple[
            Annotated[
                str,
                doc("Sentence.", "Fix 1 error (run `stepwell check`): invalid definitions are skipped."),
            ],
            ...,
        ],
        doc(
            "Suggested fixes, most important first.",
            ["Fix 1 error (run `stepwell check`): invalid definitions are skipped."],
        ),
    ]


class PublishOutput(OutputRecord, frozen=True, kw_only=True):
    """Output of `stepwell publish --format json`: the bundle that readers see at a URL."""

    url: Annotated[str, doc("URL without user, password and query.", "s3://models/registry")]
    bundle: Annotated[str, doc("Digest of the bundle.", f"sha256:{'0' * 64}")]
    schemas: Annotated[str, doc("Digest of the schemas of this Stepwell.", f"sha256:{'1' * 64}")]
    files: Annotated[Count, doc("Number of files in the bundle.", 24)]
    size: Annotated[Count, doc("Size of the bundle in bytes.", 50_070)]
    changed: Annotated[bool, doc("Whether readers see another bundle than before.", True)]
    signed: Annotated[bool, doc("Whether a signature was written.", False)]
    dry_run: Annotated[bool, doc("Whether nothing was written.", False)]


class ViewDifference(OutputPart, frozen=True, kw_only=True):
    """What differs between two instants of one view."""

    added: Annotated[tuple[Annotated[str, doc("Name.")], ...], doc("Added names.", ["XGBoostTraining"])]
    removed: Annotated[tuple[Annotated[str, doc("Name.")], ...], doc("Removed names.")]
    changed: Annotated[
        dict[str, Annotated[tuple[Annotated[str, doc("Field.")], ...], doc("Fields that differ.")]],
        doc(
            "Changed names with their changed fields. A name that two kinds share is prefixed with the "
            "kind, here and above.",
            {"XGBoostTraining": ["priority"]},
        ),
    ]


class WatchLine(OutputRecord, frozen=True, kw_only=True):
    """Line of what `stepwell watch --format json` prints: one object for everything that happens."""

    event: Annotated[
        str,
        one_of("start", "reload", "refusal", "frozen", "notice", "end"),
        doc(
            "Kind of event: start of the watch, accepted reload, rejected reload, frozen modules "
            "written, notice about the watch, end of the watch."
        ),
    ]
    time: Annotated[str, doc("Timestamp in UTC (RFC 3339).", "2027-01-31T09:30:00.000+00:00")]
    message: Annotated[str, doc("Message.", "changed XGBoostTraining (priority) in 4 ms")]
    core: Annotated[
        ViewDifference | UnsetType | None,
        doc("Changes in the core; null if only one workspace is watched. For reloads."),
    ] = UNSET
    workspaces: Annotated[
        dict[str, ViewDifference] | UnsetType,
        doc("Changes by workspace id. For reloads."),
    ] = UNSET
    paths: Annotated[
        tuple[Annotated[str, doc("File.")], ...] | UnsetType,
        doc(
            "The files that were written, relative to the project. For frozen modules.",
            ["generated/step_names.py"],
        ),
    ] = UNSET
    seconds: Annotated[Amount | UnsetType, doc("Duration in seconds. For reloads and rejections.", 0.004)] = (
        UNSET
    )
    old_digest: Annotated[
        str | UnsetType,
        doc(
            "Digest of the previous version. For reloads and rejections.",
            "9c1185a5c5e9fc54612808977ee8f548",
        ),
    ] = UNSET
    new_digest: Annotated[
        str | UnsetType,
        doc("Digest of the served version. For reloads and rejections.", "9c1185a5c5e9fc54612808977ee8f548"),
    ] = UNSET
    diagnostics: Annotated[
        tuple[ReportedFinding, ...] | UnsetType,
        doc("Current findings, as in `stepwell check --format json`. For reloads and rejections."),
    ] = UNSET
    kept: Annotated[
        tuple[Annotated[str | None, doc("Workspace; null for the core.")], ...] | UnsetType,
        doc(
            "Views that keep their last valid version because of errors. For reloads and rejections.",
            ["alice"],
        ),
    ] = UNSET


def doctor_output(health: Health) -> DoctorOutput:
    """The health of a project."""
    watching = health.watching
    return DoctorOutput(
        status=health.status,
        digest=health.digest,
        current=health.current,
        kept=health.kept,
        workspaces=health.workspaces,
        errors=health.errors,
        warnings=health.warnings,
        conflicts=health.conflicts,
        ambiguous=health.ambiguous,
        layers=tuple(
            LayerStatus(**{name: getattr(layer, name) for name in LayerStatus.__struct_fields__})
            for layer in health.layers
        ),
        last_reload=_reload(health.last_reload),
        last_refusal=_reload(health.last_refusal),
        watching=None
        if watching is None
        else WatchStatus(
            running=watching.running,
            mode=watching.mode,
            poll=watching.poll,
            reason=watching.reason,
            bursts=watching.bursts,
        ),
        counters=RegistryCounters(**health.counters),
        lost_components=health.lost_components or 0,
        recommendations=tuple(health.recommendations),
    )


def _reload(event: Event | None) -> ReloadStatus | None:
    if event is None:
        return None
    return ReloadStatus(
        at=datetime.fromtimestamp(event.at, timezone.utc).isoformat(timespec="milliseconds"),
        seconds=event.seconds,
        digest=event.new.digest,
        errors=sum(finding.severity.value == "error" for finding in event.diagnostics),
    )


def watch_line(
    kind: str,
    time: str,
    message: str,
    *,
    event: Event | None = None,
    changes: Changes | None = None,
    workspace: str | None = None,
    paths: Iterable[str] | None = None,
) -> WatchLine:
    """What happened while files were watched.

    Args:
        time: when, as RFC 3339.
    """
    return WatchLine(
        event=kind,
        time=time,
        message=message,
        core=UNSET if changes is None else None if workspace is not None else _difference(changes.core),
        workspaces=UNSET
        if changes is None
        else {
            name: _difference(view) for name, view in changes.workspaces.items() if workspace in (None, name)
        },
        paths=UNSET if paths is None else tuple(paths),
        seconds=UNSET if event is None else round(event.seconds, 6),
        old_digest=UNSET if event is None else event.old_digest,
        new_digest=UNSET if event is None else event.new_digest,
        diagnostics=UNSET if event is None else findings(event.diagnostics),
        kept=UNSET if event is None else event.kept,
    )


def _difference(view: ViewChanges) -> ViewDifference:
    return ViewDifference(
        added=tuple(labels(view.added)),
        removed=tuple(labels(view.removed)),
        changed=dict(zip(labels(view.changed), view.changed.values(), strict=True)),
    )
