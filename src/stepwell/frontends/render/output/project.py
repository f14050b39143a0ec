"""A project: its health, reloads, providers, imports."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import UNSET, UnsetType

from stepwell.frontends.render.output.findings import ReportedFinding, findings
from stepwell.frontends.render.output.record import Amount, Count, OutputPart, OutputRecord, doc, one_of
from stepwell.frontends.render.output.steps import ValueOrigin, value_origin
from stepwell.live.health import Status
from stepwell.model.layer import Layer, given_by
from stepwell.source.document import thaw
from stepwell.write.migrate.plan import Status as FileStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stepwell.live.health import Health
    from stepwell.live.store import Event
    from stepwell.model import Cost, ProviderDefinition
    from stepwell.resolve.provenance import Explanation
    from stepwell.resolve.snapshot import Changes, ViewChanges
    from stepwell.resolve.view import View
    from stepwell.run.providers.circuit import Figures
    from stepwell.source.errors import StepwellError
    from stepwell.write.migrate import Import


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
        Status,
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
    counters: RegistryCounters
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
            "Each name that says something else, with the fields that do.", {"XGBoostTraining": ["priority"]}
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


class TokenCost(OutputPart, frozen=True, kw_only=True):
    """What it costs."""

    input: Annotated[
        float | None, doc("The price of 1,000 tokens that are sent; null where none is stated.", 0.003, None)
    ]
    output: Annotated[
        float | None,
        doc("The price of 1,000 tokens that are answered; null where none is stated.", 0.015, None),
    ]


class ProviderModel(OutputPart, frozen=True, kw_only=True):
    """One model."""

    name: Annotated[str, doc("What the provider calls it.", "small-1")]
    cost: TokenCost


class ProviderLimits(OutputPart, frozen=True, kw_only=True):
    """How much may be asked of it; null for as much as anybody likes."""

    concurrency: Annotated[int | None, doc("Requests that may be under way at once.", 8, None)]
    requests_per_minute: Annotated[int | None, doc("Requests that may be sent within any minute.", 600, None)]


class ProviderHealth(OutputPart, frozen=True, kw_only=True):
    """How a provider does."""

    state: Annotated[
        str,
        one_of("well", "failing", "left alone", "trying again", "unknown"),
        doc(
            "`well`; `failing`: the last answer failed; `left alone` after failures in a row; "
            "`trying again`: the next request decides; `unknown`: nothing was asked yet."
        ),
    ]
    fault: Annotated[str | None, doc("What is wrong; null where it gives a sign of life.")]
    requests: Annotated[int, doc("How many requests were sent.", 0)]
    failures: Annotated[int, doc("How many of them failed.", 0)]
    latency: Annotated[
        float | None, doc("Seconds to an answer, a running mean; null before the first.", 0.8, None)
    ]
    error_share: Annotated[float, doc("The share of late requests that failed, 0 to 1.", 0.0)]
    back_in: Annotated[float, doc("Seconds after which it may be asked again; 0 where it may be now.", 0.0)]


class ProviderField(OutputPart, frozen=True, kw_only=True):
    """One field, or one key inside it, and where it comes from."""

    field: Annotated[str, doc("The field, dotted where it lies inside a mapping.", "limits.concurrency")]
    winner: Annotated[ValueOrigin, doc("What gives it its value.")]
    losers: Annotated[tuple[ValueOrigin, ...], doc("What else speaks of it, topmost first.")]


class ListedProvider(OutputPart, frozen=True, kw_only=True):
    """One provider, as the view serves it."""

    name: Annotated[str, doc("The provider's name.", "HouseModels")]
    description: Annotated[str, doc("What it is for.", "The models that the house serves.")]
    implementation: Annotated[str, doc("What speaks to it.", "openai_compatible")]
    capabilities: Annotated[
        tuple[Annotated[str, doc("One word.")], ...], doc("What it can do.", ["text", "structured"])
    ]
    models: Annotated[tuple[ProviderModel, ...], doc("Its models, the usual one first.")]
    priority: Annotated[int, doc("From 0 to 1000; the lowest is asked first.", 100)]
    cost: TokenCost
    limits: ProviderLimits
    settings: Annotated[dict[str, Any], doc("What its implementation is told.", {"timeout": 60})]
    secrets: Annotated[
        dict[str, Annotated[str, doc("One reference.")]],
        doc("Where its secrets are found, by name; never what they are.", {"api_key": "env:MODELS_API_KEY"}),
    ]
    layer: Annotated[str, doc("The layer that defines it.", "core")]
    workspace: Annotated[str | None, doc("The workspace that defines it; null for none.", "alice", None)]
    file: Annotated[
        str,
        doc(
            "The file that gives its name, relative to the project.", "registry.d/providers/house_models.yaml"
        ),
    ]
    line: Annotated[int, doc("The line of the name, from 1.", 1)]
    health: Annotated[ProviderHealth | None, doc("How it does, with `--health` or `--watch`; null without.")]
    fields: Annotated[
        tuple[ProviderField, ...] | None, doc("Where every field comes from, with NAME; null without.")
    ]


class ProvidersOutput(OutputRecord, frozen=True, kw_only=True):
    """What `stepwell providers --format json` prints: the providers of a view. With `--watch` it is one
    line for every change.
    """

    workspace: Annotated[str | None, doc("Whose view; null for the core's.", "alice", None)]
    time: Annotated[
        str | None,
        doc("When it was so, with `--watch`; null without.", "2026-11-27T21:00:00.000+00:00", None),
    ]
    providers: Annotated[tuple[ListedProvider, ...], doc("The providers, in the order of the table.")]


class ImportSource(OutputPart, frozen=True, kw_only=True):
    """One file that was read."""

    path: Annotated[str, doc("The file, as it was named.", "old/step_names.py")]
    holds: Annotated[str, doc("What was found in it, in words.", "STEP_NAMES with 18 rows")]


class SkippedSource(OutputPart, frozen=True, kw_only=True):
    """One file that was passed over."""

    path: Annotated[str, doc("The file.", "old/README.md")]
    reason: Annotated[str, doc("Why, in words.", "not a kind of file that is imported")]


class ImportedFile(OutputPart, frozen=True, kw_only=True):
    """One file of the plan."""

    path: Annotated[str, doc("The file, relative to the project.", "registry.d/steps/base.yaml")]
    status: Annotated[
        FileStatus,
        doc(
            "`new`; `unchanged`, which is not written; `overwrites`, which needs `--force`; "
            "`edited`, for a configuration that gains the order of the table."
        ),
    ]
    text: Annotated[
        str,
        doc(
            "What it holds afterwards.",
            "name: Base\ndescription: Hold the settings that every step shares.\n",
        ),
    ]


class ComparedTable(OutputPart, frozen=True, kw_only=True):
    """One table, compared."""

    table: Annotated[str, doc("Which table, in words.", "the table of steps")]
    workspace: Annotated[str | None, doc("Whose table; null for the core.")]
    rows: Annotated[Count, doc("How many rows the source has.", 18)]
    equal: Annotated[Count, doc("How many of them come out equal.", 18)]
    in_order: Annotated[
        bool | None,
        doc("Whether they come out in the same order; null where the source gives none that counts.", True),
    ]
    others: Annotated[Count, doc("How many rows the project has beside them.", 0)]
    holds: Annotated[bool, doc("Whether nothing was lost.", True)]


class ImportOutput(OutputRecord, frozen=True, kw_only=True):
    """What `stepwell import --format json` prints: the plan, the proof, and what cannot be carried."""

    dry_run: Annotated[bool, doc("Whether nothing was to be written.", False)]
    written: Annotated[
        bool, doc("Whether files were written. Either all of the plan is, or none of it.", True)
    ]
    whole: Annotated[bool, doc("Whether all of the sources is carried, and proved.", True)]
    recovered: Annotated[
        tuple[Annotated[str, doc("A path, relative to the project.", "registry.d/steps/base.yaml")], ...]
        | None,
        doc(
            "What an earlier import that was killed had left: the files that this run put in place "
            "for it. Empty where it was only cleared away, null where nothing was left."
        ),
    ]
    sources: Annotated[tuple[ImportSource, ...], doc("Every file that was read.")]
    skipped: Annotated[tuple[SkippedSource, ...], doc("Every file of a folder that was passed over.")]
    files: Annotated[tuple[ImportedFile, ...], doc("The plan: every file, the configuration last.")]
    proof: Annotated[
        tuple[ComparedTable, ...],
        doc("Each table of the sources, compared with the one that the new definitions give."),
    ]
    diagnostics: Annotated[
        tuple[ReportedFinding, ...],
        doc(
            "What cannot be carried, where a row is not equal, and what the checks find, each at "
            "its place in the sources."
        ),
    ]


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
        kind: what happened.
        time: when, as RFC 3339.
        message: the same for people.
        event: the reload that was served or refused.
        changes: what it changed.
        workspace: whose view alone is watched.
        paths: the files that were written.
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
        added=tuple(view.added),
        removed=tuple(view.removed),
        changed={name: tuple(fields) for name, fields in view.changed.items()},
    )


def providers_output(
    view: View,
    names: Iterable[str],
    faults: Mapping[str, StepwellError | None],
    figures: Mapping[str, Figures],
    *,
    explained: Mapping[str, Iterable[Explanation]] | None = None,
    time: str | None = None,
) -> ProvidersOutput:
    """Providers of a view.

    Args:
        view: whose.
        names: which providers.
        faults: what is wrong with each.
        figures: the health of each that was probed.
        explained: where the fields of each come from.
        time: when it was so, as RFC 3339.
    """
    return ProvidersOutput(
        workspace=view.workspace,
        time=time,
        providers=tuple(
            _provider(
                view.providers[name],
                _health(figures[name], faults.get(name)) if name in figures else None,
                None if explained is None else explained[name],
            )
            for name in names
        ),
    )


def _provider(
    one: ProviderDefinition, health: ProviderHealth | None, explained: Iterable[Explanation] | None
) -> ListedProvider:
    document = given_by(one.sources, ("name",))
    source = next(held for held in one.sources if held.document is document)
    return ListedProvider(
        name=one.name,
        description=one.description,
        implementation=one.implementation,
        capabilities=tuple(one.capabilities),
        models=tuple(ProviderModel(name=model.name, cost=_cost(model.cost)) for model in one.known_models),
        priority=one.priority,
        cost=_cost(one.price),
        limits=ProviderLimits(
            concurrency=one.quota.concurrency, requests_per_minute=one.quota.requests_per_minute
        ),
        settings=thaw(one.settings),
        secrets=dict(one.secrets or {}),
        layer=source.layer.value,
        workspace=source.workspace,
        file=document.path,
        line=document.value_span(("name",)).line,
        health=health,
        fields=None
        if explained is None
        else tuple(
            ProviderField(
                field=each.field,
                winner=value_origin(each.winner),
                losers=tuple(map(value_origin, each.losers)),
            )
            for each in explained
        ),
    )


def _cost(cost: Cost) -> TokenCost:
    return TokenCost(input=cost.input, output=cost.output)


def _health(figures: Figures, fault: StepwellError | None) -> ProviderHealth:
    return ProviderHealth(
        state=figures.state,
        fault=None if fault is None else str(fault),
        requests=figures.requests,
        failures=figures.failures,
        latency=figures.latency,
        error_share=round(figures.error_share, 4),
        back_in=round(figures.back_in, 3),
    )


def import_output(
    planned: Import, recovered: Iterable[str] | None, *, dry_run: bool, written: bool
) -> ImportOutput:
    """The plan of an import, its proof, and what cannot be carried."""
    gathered = planned.gathered
    return ImportOutput(
        dry_run=dry_run,
        written=written,
        whole=planned.is_whole,
        recovered=None if recovered is None else tuple(recovered),
        sources=tuple(ImportSource(path=path, holds=words) for path, words in gathered.read),
        skipped=tuple(SkippedSource(path=path, reason=why) for path, why in gathered.skipped),
        files=tuple(
            ImportedFile(path=file.path, status=file.status, text=file.text) for file in planned.files
        ),
        proof=tuple(
            ComparedTable(
                table=table.title,
                workspace=table.workspace,
                rows=table.rows,
                equal=table.equal,
                in_order=table.in_order,
                others=table.others,
                holds=table.holds,
            )
            for table in planned.proof
        ),
        diagnostics=findings(planned.diagnostics),
    )
