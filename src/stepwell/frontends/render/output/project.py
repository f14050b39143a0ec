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
    """One layer: what it gives, and what is wrong in its files."""

    layer: Annotated[Layer, doc("Which one.")]
    workspace: Annotated[str | None, doc("Whose it is; null for a layer that everybody sees.", "alice", None)]
    steps: Annotated[Count, doc("How many steps it gives, those that a higher layer hides included.", 17)]
    hyperparameters: Annotated[Count, doc("How many hyperparameter classes it gives.", 3)]
    providers: Annotated[Count, doc("How many providers it gives.", 3)]
    pipelines: Annotated[Count, doc("How many pipelines it gives.", 3)]
    errors: Annotated[Count, doc("How many errors are found in its files.", 0)]
    warnings: Annotated[Count, doc("How many warnings are found in its files.", 0)]


class ReloadStatus(OutputPart, frozen=True, kw_only=True):
    """One time that the files were read again."""

    at: Annotated[str, doc("When, in UTC (RFC 3339).", "2026-07-01T12:30:00.125+00:00")]
    seconds: Annotated[Amount, doc("How long it took.", 0.004)]
    digest: Annotated[str, doc("The digest of what was read.", "9095b37cf635cc47c8c1977721f5cef0")]
    errors: Annotated[Count, doc("How many errors were found.", 0)]


class WatchStatus(OutputPart, frozen=True, kw_only=True):
    """What a watch does."""

    running: Annotated[bool, doc("Whether changes are followed.", True)]
    mode: Annotated[
        str,
        one_of("events", "polling"),
        doc("Whether the file system tells of changes, or the files are looked at every so often."),
    ]
    poll: Annotated[float | None, doc("Seconds between two such looks; null with events.", None, 1.0)]
    reason: Annotated[
        str, doc("Why there are no events; empty where there are, or where none were wanted.", "")
    ]
    bursts: Annotated[Count, doc("How many bursts of changes were answered.", 3)]


class RegistryCounters(OutputPart, frozen=True, kw_only=True):
    """How often things happened since the registry was opened."""

    reloads: Annotated[Count, doc("How many reloads were served.", 0)]
    refusals: Annotated[Count, doc("How many reloads were refused.", 0)]
    registrations: Annotated[Count, doc("How many steps were registered.", 0)]
    removals: Annotated[Count, doc("How many were taken back.", 0)]
    resolutions: Annotated[Count, doc("How many names were resolved.", 0)]
    subscriber_failures: Annotated[Count, doc("How often a subscriber raised.", 0)]


class DoctorOutput(OutputRecord, frozen=True, kw_only=True):
    """What `stepwell doctor --format json` prints: how it stands with the project. The same is
    `registry.health()` of a program that runs; what only such a program can know is null or 0 here.
    """

    status: Annotated[
        HealthStatus,
        doc(
            "`ok`; `degraded` when something is left out, or what is served is not what the files "
            "say now; `broken` when the settings cannot be used or nothing serves."
        ),
    ]
    digest: Annotated[str, doc("The digest of what is served.", "9095b37cf635cc47c8c1977721f5cef0")]
    current: Annotated[
        bool, doc("Whether what is served is what the files said when they were last read.", True)
    ]
    workspaces: Annotated[Count, doc("How many workspaces there are.", 3)]
    errors: Annotated[Count, doc("How many errors are found in all.", 0)]
    warnings: Annotated[Count, doc("How many warnings are found in all.", 0)]
    conflicts: Annotated[Count, doc("How many names have more than one definition.", 1)]
    ambiguous: Annotated[
        Count, doc("For how many of these nothing tells the definitions apart without a workspace.", 0)
    ]
    layers: Annotated[
        tuple[LayerStatus, ...], doc("The core, and every other layer that gives something or has a finding.")
    ]
    last_reload: Annotated[ReloadStatus | None, doc("The last reload that was served.")]
    last_refusal: Annotated[ReloadStatus | None, doc("The last reload that was refused.")]
    watching: Annotated[WatchStatus | None, doc("What the watch does; null when there is none.")]
    counters: Annotated[RegistryCounters, doc("How often things happened since the registry was opened.")]
    lost_components: Annotated[
        Count, doc("How many components are declared and not there, or could be in several places.", 0)
    ]
    recommendations: Annotated[
        tuple[
            Annotated[
                str,
                doc("One sentence.", "Mend 1 error, which `stepwell check` tells: what has one is left out."),
            ],
            ...,
        ],
        doc(
            "What to do, in sentences, the most important first.",
            ["Mend 1 error, which `stepwell check` tells: what has one is left out."],
        ),
    ]


class ViewDifference(OutputPart, frozen=True, kw_only=True):
    """What differs between two instants of one view."""

    added: Annotated[
        tuple[Annotated[str, doc("One name.")], ...], doc("The names that are new.", ["XGBoostTraining"])
    ]
    removed: Annotated[tuple[Annotated[str, doc("One name.")], ...], doc("The names that are gone.")]
    changed: Annotated[
        dict[str, Annotated[tuple[Annotated[str, doc("One field.")], ...], doc("The fields that differ.")]],
        doc(
            "Each name that says something else, with the fields that do. Where definitions of two kinds "
            "have one name, here and above, the kind stands before it.",
            {"XGBoostTraining": ["priority"]},
        ),
    ]


class WatchLine(OutputRecord, frozen=True, kw_only=True):
    """One line of what `stepwell watch --format json` prints: one object for everything that happens."""

    event: Annotated[
        str,
        one_of("start", "reload", "refusal", "frozen", "notice", "end"),
        doc(
            "What happened: the watch began, changes are served, changes are refused, frozen "
            "modules were written, something about the watch itself, the watch ended."
        ),
    ]
    time: Annotated[
        str, doc("When it was told: date and time of UTC (RFC 3339).", "2027-01-31T09:30:00.000+00:00")
    ]
    message: Annotated[
        str, doc("What happened, in words for people.", "changed XGBoostTraining (priority) in 4 ms")
    ]
    core: Annotated[
        ViewDifference | UnsetType | None,
        doc("What changed in the view of the core; null where one workspace alone is watched. Of reloads."),
    ] = UNSET
    workspaces: Annotated[
        dict[str, ViewDifference] | UnsetType,
        doc("What changed in the view of each workspace that sees a change, by id. Of reloads."),
    ] = UNSET
    paths: Annotated[
        tuple[Annotated[str, doc("One file.")], ...] | UnsetType,
        doc(
            "The files that were written, relative to the project. Of frozen modules.",
            ["generated/step_names.py"],
        ),
    ] = UNSET
    seconds: Annotated[
        Amount | UnsetType, doc("How long the reload took. Of reloads and refusals.", 0.004)
    ] = UNSET
    old_digest: Annotated[
        str | UnsetType,
        doc(
            "The digest of what was served before. Of reloads and refusals.",
            "9c1185a5c5e9fc54612808977ee8f548",
        ),
    ] = UNSET
    new_digest: Annotated[
        str | UnsetType,
        doc("The digest of what is served now. Of reloads and refusals.", "9c1185a5c5e9fc54612808977ee8f548"),
    ] = UNSET
    diagnostics: Annotated[
        tuple[ReportedFinding, ...] | UnsetType,
        doc(
            "All that is found in the files as they are now, as in `stepwell check --format json`. "
            "Of reloads and refusals."
        ),
    ] = UNSET


def doctor_output(told: Health) -> DoctorOutput:
    """The health of a project."""
    watching = told.watching
    return DoctorOutput(
        status=told.status,
        digest=told.digest,
        current=told.current,
        workspaces=told.workspaces,
        errors=told.errors,
        warnings=told.warnings,
        conflicts=told.conflicts,
        ambiguous=told.ambiguous,
        layers=tuple(
            LayerStatus(**{name: getattr(one, name) for name in LayerStatus.__struct_fields__})
            for one in told.layers
        ),
        last_reload=_reload(told.last_reload),
        last_refusal=_reload(told.last_refusal),
        watching=None
        if watching is None
        else WatchStatus(
            running=watching.running,
            mode=watching.mode,
            poll=watching.poll,
            reason=watching.reason,
            bursts=watching.bursts,
        ),
        counters=RegistryCounters(**told.counters),
        lost_components=told.lost_components or 0,
        recommendations=tuple(told.recommendations),
    )


def _reload(event: Event | None) -> ReloadStatus | None:
    if event is None:
        return None
    return ReloadStatus(
        at=datetime.fromtimestamp(event.at, timezone.utc).isoformat(timespec="milliseconds"),
        seconds=event.seconds,
        digest=event.new.digest,
        errors=sum(found.severity.value == "error" for found in event.diagnostics),
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
    )


def _difference(view: ViewChanges) -> ViewDifference:
    return ViewDifference(
        added=tuple(labels(view.added)),
        removed=tuple(labels(view.removed)),
        changed=dict(zip(labels(view.changed), view.changed.values(), strict=True)),
    )
