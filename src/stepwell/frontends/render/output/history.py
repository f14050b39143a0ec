"""Changes: a comparison of two states, the history of a step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from stepwell.frontends.render.output.components import HOW
from stepwell.frontends.render.output.findings import (
    FilePosition,
    ReportedFinding,
    TextSpan,
    file_position,
    findings,
    required_span,
    text_span,
)
from stepwell.frontends.render.output.record import Count, OutputPart, OutputRecord, doc, one_of
from stepwell.model import KIND_OF_NOUN
from stepwell.model.layer import Layer
from stepwell.review.comparison import Consumer, Level, What, counts
from stepwell.source.escape_control import well_formed_data

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stepwell.model.layer import Origin
    from stepwell.review.comparison import (
        Acceptance,
        Comparison,
        DefinitionChange,
        Effect,
        FieldChange,
        ViewComparison,
    )
    from stepwell.review.history import Trace, Traced
    from stepwell.source.diagnostic import Diagnostic


_Noun = Annotated[str, one_of(*KIND_OF_NOUN)]


class EffectCounts(OutputPart, frozen=True, kw_only=True):
    """Number of unaccepted effects by level, and of accepted effects."""

    breaking: Annotated[Count, doc("Number of breaking effects.", 2)]
    risky: Annotated[Count, doc("Number of risky effects.", 2)]
    safe: Annotated[Count, doc("Number of safe effects.", 2)]
    accepted: Annotated[Count, doc("Number of accepted effects.", 2)]


class ComparedState(OutputPart, frozen=True, kw_only=True):
    """Of the two states."""

    title: Annotated[str, doc("Title of the state.", "main (3f2a9c1)", "the working tree")]
    errors: Annotated[
        tuple[ReportedFinding, ...], doc("Errors of the state; invalid definitions are not compared.")
    ]


class EffectAcceptance(OutputPart, frozen=True, kw_only=True):
    """Entry of `accepted_breaks.yaml`."""

    reason: Annotated[str, doc("Why the break is acceptable.", "No pipeline has used it since 1.2.")]
    until: Annotated[
        str | None,
        doc("Expiry date or revision; `null` for none.", "2027-01-01", "v2.0"),
    ]
    place: Annotated[TextSpan, doc("Entry.")]


class ChangeEffect(OutputPart, frozen=True, kw_only=True):
    """Effect of changes on a consumer."""

    key: Annotated[
        str,
        doc(
            "Key for `accepted_breaks.yaml`: `ID:SUBJECT`, prefixed with `WORKSPACE/` for workspaces.",
            "name-left-table:Cleaning",
            "alice/base-gone:Cleaning",
        ),
    ]
    consumer: Annotated[Consumer, doc("Affected consumer.")]
    level: Annotated[Level, doc("Severity.")]
    id: Annotated[str, doc("Kind of effect.", "name-left-table")]
    subject: Annotated[str, doc("Subject: a step, a class, a file name or a value.", "Cleaning")]
    workspace: Annotated[
        str | None, doc("Workspace of the view; `null` for the core or if no view is affected.", "alice")
    ]
    reason: Annotated[
        str,
        doc(
            "Reason, without a full stop.",
            "`Cleaning` is gone, so importers that ask a table for it fail",
        ),
    ]
    old_place: Annotated[TextSpan | None, doc("Location in the older state.")]
    new_place: Annotated[TextSpan | None, doc("Location in the newer state.")]
    acceptance: Annotated[EffectAcceptance | None, doc("Entry that accepts it.")]


class ChangedOrigin(OutputPart, frozen=True, kw_only=True):
    """Origin of a field's value."""

    how: Annotated[str, one_of(*HOW), doc("Kind of origin.")]
    layer: Annotated[Layer | None, doc("Layer; `null` if the value is in no layer.", "core")]
    workspace: Annotated[str | None, doc("Workspace of the layer; `null` for shared layers.", "alice")]
    place: Annotated[TextSpan | None, doc("Location of the value; `null` without a file.")]


class ChangedField(OutputPart, frozen=True, kw_only=True):
    """Changed field."""

    field: Annotated[str, doc("Name.", "framework")]
    old: Annotated[Any, doc("Old value; `null` for none.", "pandas")]
    new: Annotated[Any, doc("New value; `null` for none.", "xgboost")]
    old_origin: Annotated[
        ChangedOrigin | None, doc("Origin of the old value; `null` if the definition is new.")
    ]
    new_origin: Annotated[
        ChangedOrigin | None, doc("Origin of the new value; `null` if the definition was removed.")
    ]


class ChangedDefinition(OutputPart, frozen=True, kw_only=True):
    """Added, removed, renamed or changed definition."""

    what: Annotated[What, doc("Kind of change.")]
    noun: Annotated[_Noun, doc("Kind.")]
    name: Annotated[str, doc("Name; after a rename the new one.", "Scoring")]
    old_name: Annotated[str | None, doc("Old name of a renamed definition.", "BatchScoring")]
    because: Annotated[
        Annotated[str, one_of("alias", "replaced_by")] | None, doc("Evidence of the rename.", "alias")
    ]
    old_place: Annotated[TextSpan | None, doc("Name in its old topmost file.")]
    new_place: Annotated[TextSpan | None, doc("Name in its new topmost file.")]
    fields: Annotated[
        tuple[ChangedField, ...],
        doc("Changed fields in schema order; all set fields if added or removed."),
    ]


class HiddenFieldChange(OutputPart, frozen=True, kw_only=True):
    """Change of the core that a workspace's own layers hide."""

    noun: Annotated[_Noun, doc("Kind of definition.")]
    name: Annotated[str, doc("Definition.", "Scoring")]
    field: Annotated[str, doc("Field; empty if the whole definition is hidden.", "framework", "")]
    change: Annotated[ChangedField, doc("Change in the core.")]
    hidden_by: Annotated[ChangedOrigin, doc("Origin of the workspace's value.")]


class ChangedView(OutputPart, frozen=True, kw_only=True):
    """What differs in one view."""

    workspace: Annotated[str | None, doc("Workspace of the view; `null` for the core.", "alice")]
    is_new: Annotated[bool, doc("Whether the workspace is new.", False)]
    is_gone: Annotated[bool, doc("Whether the workspace is gone.", False)]
    inherited: Annotated[
        Count,
        doc("Number of core changes that the view inherits; they are listed only for the core.", 3),
    ]
    changes: Annotated[
        tuple[ChangedDefinition, ...],
        doc("Changes by name; for a workspace only those that differ from the core's."),
    ]
    hidden: Annotated[tuple[HiddenFieldChange, ...], doc("Core changes that the view does not inherit.")]
    moved: Annotated[
        tuple[Annotated[str, doc("Name of a step.", "Scoring")], ...],
        doc(
            "Steps that moved in the table (a minimal set).",
            ["Scoring"],
        ),
    ]


class DiffOutput(OutputRecord, frozen=True, kw_only=True):
    """Output of `stepwell diff --format json`: what changed between two states of the registry, and what
    that means to whom.
    """

    verdict: Annotated[Level, doc("Worst unaccepted effect.")]
    counts: Annotated[EffectCounts, doc("Number of effects.")]
    old: Annotated[ComparedState, doc("Older state.")]
    new: Annotated[ComparedState, doc("Newer state.")]
    effects: Annotated[tuple[ChangeEffect, ...], doc("Effects on consumers, worst first.")]
    views: Annotated[
        tuple[ChangedView, ...],
        doc("Changes by view, the core first, then workspaces by id. Views without changes are omitted."),
    ]
    stale: Annotated[
        tuple[ReportedFinding, ...],
        doc("Stale entries and other findings of `accepted_breaks.yaml`."),
    ]


class LogCommit(OutputPart, frozen=True, kw_only=True):
    """Commit."""

    id: Annotated[str, doc("Full id.", "7c4a557c0614cb9fcac5de0dcdaaf32632cde023")]
    parents: Annotated[
        tuple[Annotated[str, doc("A full id.")], ...],
        doc(
            "Full ids of its parents in this clone; the first is the branch it was committed to.",
            ["5bee1843b50b59a2fd899f4340213c2c5238abdb"],
        ),
    ]
    author: Annotated[str, doc("Author's name.", "Ann Author")]
    date: Annotated[str, doc("Author's date, ISO 8601 with its offset.", "2026-01-07T10:00:00+00:00")]
    subject: Annotated[str, doc("First line of its message.", "Raise the priority of scoring")]


class LogField(OutputPart, frozen=True, kw_only=True):
    """Changed field; for an added or removed step, a set field."""

    field: Annotated[str, doc("Name.", "priority")]
    old: Annotated[Any, doc("Old value; null for none.", 100)]
    new: Annotated[Any, doc("New value; null for none.", 50)]
    old_place: Annotated[FilePosition | None, doc("Location of the old value; null without a file.")]
    new_place: Annotated[FilePosition | None, doc("Location of the new value; null without a file.")]


class UnreadFile(OutputPart, frozen=True, kw_only=True):
    """Error that excludes a definition or an override from the view."""

    id: Annotated[str, doc("Id of the finding.", "invalid-yaml")]
    message: Annotated[str, doc("Message.", "not valid YAML: did not find expected node content")]
    place: Annotated[FilePosition | None, doc("Location; null if no single file is concerned.")]


class LogEntry(OutputPart, frozen=True, kw_only=True):
    """Commit, or uncommitted edits, that changed the step."""

    commit: Annotated[LogCommit | None, doc("Commit; null for uncommitted edits.")]
    what: Annotated[
        str,
        one_of("added", "removed", "renamed", "changed", "unreadable"),
        doc(
            "Kind of change; `unreadable` if the files could not be read (see `unread`).",
            "changed",
        ),
    ]
    name: Annotated[str | None, doc("Name of the step; null if unreadable.", "Scoring")]
    old_name: Annotated[str | None, doc("Previous name, after a rename.", None, "BatchScoring")]
    because: Annotated[
        Annotated[str, one_of("alias", "replaced_by", "file")] | None,
        doc(
            "Evidence of a rename: an `alias` of the new definition, `replaced_by` of the old one, or "
            "Git's rename of the `file`.",
            "alias",
        ),
    ]
    old_place: Annotated[FilePosition | None, doc("Location of the name before; null if there was none.")]
    new_place: Annotated[FilePosition | None, doc("Location of the name; null if there is none.")]
    fields: Annotated[tuple[LogField, ...], doc("Changed fields in the order of the schema `step`.")]
    unread: Annotated[tuple[UnreadFile, ...], doc("Files that became unreadable.")]


class LogOutput(OutputRecord, frozen=True, kw_only=True):
    """Output of `stepwell log STEP --format json`: every commit that changed what a view serves of a
    step, newest first.
    """

    workspace: Annotated[str | None, doc("Workspace of the view; null for the core.", "alice", None)]
    step: Annotated[str, doc("Step's newest name.", "Scoring")]
    names: Annotated[
        tuple[Annotated[str, doc("A name.")], ...],
        doc("Names, newest first.", ["Scoring", "BatchScoring"], min_length=1),
    ]
    entries: Annotated[
        tuple[LogEntry, ...],
        doc("Entries, newest first; uncommitted edits come first."),
    ]
    has_more: Annotated[bool, doc("Whether `-n` may have cut off older entries.", False)]
    cut_off: Annotated[
        str | None,
        doc("Full id of the commit at which a shallow clone ends; null for a complete history."),
    ]


def diff_output(comparison: Comparison) -> DiffOutput:
    """A comparison of two states."""
    return DiffOutput(
        verdict=comparison.verdict,
        counts=EffectCounts(**counts(comparison)),
        old=_state(comparison.old_title, comparison.old_diagnostics),
        new=_state(comparison.new_title, comparison.new_diagnostics),
        effects=tuple(map(_effect, comparison.effects)),
        views=tuple(_view(view) for view in comparison.views if view),
        stale=findings(comparison.stale),
    )


def _state(title: str, errors: Iterable[Diagnostic]) -> ComparedState:
    return ComparedState(title=title, errors=findings(errors))


def _effect(effect: Effect) -> ChangeEffect:
    return ChangeEffect(
        key=effect.key,
        consumer=effect.consumer,
        level=effect.level,
        id=effect.id,
        subject=effect.subject,
        workspace=effect.workspace,
        reason=effect.reason,
        old_place=text_span(effect.old_place),
        new_place=text_span(effect.new_place),
        acceptance=None if effect.acceptance is None else _acceptance(effect.acceptance),
    )


def _acceptance(entry: Acceptance) -> EffectAcceptance:
    return EffectAcceptance(reason=entry.reason, until=entry.until, place=required_span(entry.span))


def _view(view: ViewComparison) -> ChangedView:
    return ChangedView(
        workspace=view.workspace,
        is_new=view.is_new,
        is_gone=view.is_gone,
        inherited=view.inherited,
        changes=tuple(map(_change, view.changes)),
        hidden=tuple(
            HiddenFieldChange(
                noun=item.noun,
                name=item.name,
                field=item.field,
                change=_field(item.change),
                hidden_by=_origin(item.hidden_by),
            )
            for item in view.hidden
        ),
        moved=() if view.reordering is None else tuple(view.reordering.moved),
    )


def _change(change: DefinitionChange) -> ChangedDefinition:
    return ChangedDefinition(
        what=change.what,
        noun=change.noun,
        name=change.name,
        old_name=change.old_name,
        because=change.because,
        old_place=text_span(change.old_place),
        new_place=text_span(change.new_place),
        fields=tuple(map(_field, change.fields)),
    )


def _field(change: FieldChange) -> ChangedField:
    old, new = change.old_origin, change.new_origin
    return ChangedField(
        field=change.field,
        old=well_formed_data(change.old),
        new=well_formed_data(change.new),
        old_origin=None if old is None else _origin(old),
        new_origin=None if new is None else _origin(new),
    )


def _origin(origin: Origin) -> ChangedOrigin:
    return ChangedOrigin(
        how=origin.how,
        layer=origin.layer,
        workspace=origin.workspace,
        place=text_span(origin.span),
    )


def log_output(traced: Trace, workspace: str | None) -> LogOutput:
    """The history of a step in the view of a workspace, or of the core."""
    return LogOutput(
        workspace=workspace,
        step=traced.names[0],
        names=tuple(traced.names),
        entries=tuple(map(_entry, traced.entries)),
        has_more=traced.has_more,
        cut_off=traced.cut_off,
    )


def _entry(traced: Traced) -> LogEntry:
    commit, change = traced.commit, traced.change
    return LogEntry(
        commit=None
        if commit is None
        else LogCommit(
            id=commit.id,
            parents=tuple(commit.parents),
            author=commit.author,
            date=commit.date,
            subject=commit.subject,
        ),
        what="unreadable" if change is None else change.what.value,
        name=None if change is None else change.name,
        old_name=None if change is None else change.old_name,
        because=None if change is None else change.because,
        old_place=None if change is None else file_position(change.old_place),
        new_place=None if change is None else file_position(change.new_place),
        fields=() if change is None else tuple(map(_log_field, change.fields)),
        unread=tuple(
            UnreadFile(id=error.id, message=error.message, place=file_position(error.span))
            for error in traced.unread
        ),
    )


def _log_field(change: FieldChange) -> LogField:
    old, new = change.old_origin, change.new_origin
    return LogField(
        field=change.field,
        old=well_formed_data(change.old),
        new=well_formed_data(change.new),
        old_place=None if old is None else file_position(old.span),
        new_place=None if new is None else file_position(new.span),
    )
