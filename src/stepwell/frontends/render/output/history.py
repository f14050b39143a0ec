"""Changes: a comparison of two states, the history of a step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from stepwell.frontends.render.output.findings import (
    FilePosition,
    ReportedFinding,
    TextSpan,
    file_position,
    findings,
    required_span,
    text_span,
)
from stepwell.frontends.render.output.origins import HOW
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
    """How many effects there are of each level that nobody has accepted, and how many are accepted."""

    breaking: Annotated[Count, doc("How many break somebody.", 2)]
    risky: Annotated[Count, doc("How many may break somebody.", 2)]
    safe: Annotated[Count, doc("How many break nobody.", 2)]
    accepted: Annotated[Count, doc("How many are accepted.", 2)]


class ComparedState(OutputPart, frozen=True, kw_only=True):
    """One of the two states."""

    title: Annotated[str, doc("The state in words.", "main (3f2a9c1)", "the working tree")]
    errors: Annotated[
        tuple[ReportedFinding, ...], doc("The errors in it. What has one was left out of the comparison.")
    ]


class EffectAcceptance(OutputPart, frozen=True, kw_only=True):
    """One entry of `accepted_breaks.yaml`."""

    reason: Annotated[str, doc("Why the team can live with it.", "Nobody has used it since 1.2.")]
    until: Annotated[
        str | None,
        doc("The date or revision from which it holds no longer; `null` for always.", "2027-01-01", "v2.0"),
    ]
    place: Annotated[TextSpan, doc("The entry.")]


class ChangeEffect(OutputPart, frozen=True, kw_only=True):
    """What changes mean to one consumer."""

    key: Annotated[
        str,
        doc(
            "What an entry of `accepted_breaks.yaml` names: `ID:SUBJECT`, after `WORKSPACE/` where "
            "it concerns one.",
            "name-left-table:Cleaning",
            "alice/base-gone:Cleaning",
        ),
    ]
    consumer: Annotated[Consumer, doc("Who depends on it.")]
    level: Annotated[Level, doc("How much it matters.")]
    id: Annotated[str, doc("The kind of effect.", "name-left-table")]
    subject: Annotated[str, doc("What it is about: a step, a class, a file name, a word.", "Cleaning")]
    workspace: Annotated[
        str | None, doc("Whose view; `null` for the core's, and for what concerns no view.", "alice")
    ]
    reason: Annotated[
        str,
        doc(
            "Why, in one sentence without a full stop.",
            "`Cleaning` is gone, so importers that ask a table for it fail",
        ),
    ]
    old_place: Annotated[TextSpan | None, doc("Where it was said before.")]
    new_place: Annotated[TextSpan | None, doc("Where it is said now.")]
    acceptance: Annotated[EffectAcceptance | None, doc("The entry that accepts it.")]


class ChangedOrigin(OutputPart, frozen=True, kw_only=True):
    """What gives a field its value."""

    how: Annotated[str, one_of(*HOW), doc("How it is given.")]
    layer: Annotated[Layer | None, doc("The layer; `null` where no layer speaks of it.", "core")]
    workspace: Annotated[
        str | None, doc("The workspace of the layer; `null` where it belongs to none.", "alice")
    ]
    place: Annotated[TextSpan | None, doc("The value in its file; `null` where no file says it.")]


class ChangedField(OutputPart, frozen=True, kw_only=True):
    """One field that says something else."""

    field: Annotated[str, doc("Its name.", "framework")]
    old: Annotated[Any, doc("What it said; `null` where it had no value.", "pandas")]
    new: Annotated[Any, doc("What it says; `null` where it has no value.", "xgboost")]
    old_origin: Annotated[
        ChangedOrigin | None, doc("What gave the old value; `null` where there was no definition.")
    ]
    new_origin: Annotated[
        ChangedOrigin | None, doc("What gives the new value; `null` where there is no definition.")
    ]


class ChangedDefinition(OutputPart, frozen=True, kw_only=True):
    """One definition that came, went, got another name, or says something else."""

    what: Annotated[What, doc("What happened to it.")]
    noun: Annotated[_Noun, doc("Its kind.")]
    name: Annotated[str, doc("Its name; the new one where it was renamed.", "Scoring")]
    old_name: Annotated[str | None, doc("The name that it had, where it was renamed.", "BatchScoring")]
    because: Annotated[
        Annotated[str, one_of("alias", "replaced_by")] | None, doc("What says that it was renamed.", "alias")
    ]
    old_place: Annotated[TextSpan | None, doc("The name in its old topmost file.")]
    new_place: Annotated[TextSpan | None, doc("The name in its new topmost file.")]
    fields: Annotated[
        tuple[ChangedField, ...],
        doc("What differs, in the schema's order; of what came or went every field that it states."),
    ]


class HiddenFieldChange(OutputPart, frozen=True, kw_only=True):
    """A change of the core that a workspace does not see, since its own layers say the field."""

    noun: Annotated[_Noun, doc("The kind of definition.")]
    name: Annotated[str, doc("The definition.", "Scoring")]
    field: Annotated[str, doc("The field; empty where a whole definition is hidden.", "framework", "")]
    change: Annotated[ChangedField, doc("What changed in the core.")]
    hidden_by: Annotated[ChangedOrigin, doc("What the workspace serves instead.")]


class ChangedView(OutputPart, frozen=True, kw_only=True):
    """What differs in one view."""

    workspace: Annotated[str | None, doc("Whose view; `null` for the core's.", "alice")]
    is_new: Annotated[bool, doc("Whether the workspace is new.", False)]
    is_gone: Annotated[bool, doc("Whether the workspace is gone.", False)]
    inherited: Annotated[
        Count,
        doc("How many changes of the core reach the view as they are; they are told with the core only.", 3),
    ]
    changes: Annotated[
        tuple[ChangedDefinition, ...],
        doc("What differs, by name; of a workspace what differs otherwise than in the core."),
    ]
    hidden: Annotated[
        tuple[HiddenFieldChange, ...], doc("The changes of the core that do not reach the view.")
    ]
    moved: Annotated[
        tuple[Annotated[str, doc("The name of a step.", "Scoring")], ...],
        doc(
            "The steps that stand elsewhere in the table: the fewest that, taken out, leave the "
            "rest in its old order.",
            ["Scoring"],
        ),
    ]


class DiffOutput(OutputRecord, frozen=True, kw_only=True):
    """What `stepwell diff --format json` prints: what changed between two states of the registry, and what
    that means to whom.
    """

    verdict: Annotated[Level, doc("The worst that happens to anybody and that nobody has accepted.")]
    counts: Annotated[EffectCounts, doc("How many effects there are.")]
    old: Annotated[ComparedState, doc("The older state.")]
    new: Annotated[ComparedState, doc("The newer state.")]
    effects: Annotated[
        tuple[ChangeEffect, ...], doc("What the changes mean to whom, what matters most first.")
    ]
    views: Annotated[
        tuple[ChangedView, ...],
        doc(
            "What differs in each view: the core's first, then those of workspaces by id. Views "
            "without a difference are left out."
        ),
    ]
    stale: Annotated[
        tuple[ReportedFinding, ...],
        doc("Entries of `accepted_breaks.yaml` that accept nothing, and what is wrong with that file."),
    ]


class LogCommit(OutputPart, frozen=True, kw_only=True):
    """One commit."""

    id: Annotated[str, doc("Its full id.", "7c4a557c0614cb9fcac5de0dcdaaf32632cde023")]
    parents: Annotated[
        tuple[Annotated[str, doc("A full id.")], ...],
        doc(
            "The full ids of its parents that are in this clone; the first is what it was made on.",
            ["5bee1843b50b59a2fd899f4340213c2c5238abdb"],
        ),
    ]
    author: Annotated[str, doc("The author's name.", "Ann Author")]
    date: Annotated[str, doc("The author's date, ISO 8601 with its offset.", "2026-01-07T10:00:00+00:00")]
    subject: Annotated[str, doc("The first line of its message.", "Raise the priority of scoring")]


class LogField(OutputPart, frozen=True, kw_only=True):
    """One field that says something else; of a step that came or went, one that it states."""

    field: Annotated[str, doc("Its name.", "priority")]
    old: Annotated[Any, doc("What it said; null for nothing.", 100)]
    new: Annotated[Any, doc("What it says; null for nothing.", 50)]
    old_place: Annotated[FilePosition | None, doc("Where the old value stood; null where no file stated it.")]
    new_place: Annotated[
        FilePosition | None, doc("Where the new value stands; null where no file states it.")
    ]


class UnreadFile(OutputPart, frozen=True, kw_only=True):
    """One error that keeps a definition, or an override of it, out of the view."""

    id: Annotated[str, doc("The id of the finding.", "invalid-yaml")]
    message: Annotated[str, doc("What is wrong.", "not valid YAML: did not find expected node content")]
    place: Annotated[FilePosition | None, doc("Where; null where no single file is concerned.")]


class LogEntry(OutputPart, frozen=True, kw_only=True):
    """One commit that changed the step, or what is not committed."""

    commit: Annotated[LogCommit | None, doc("The commit; null for what is not committed.")]
    what: Annotated[
        str,
        one_of("added", "removed", "renamed", "changed", "unreadable"),
        doc(
            "What it did to the step; `unreadable` where its files could not be read there, and "
            "`unread` says why.",
            "changed",
        ),
    ]
    name: Annotated[str | None, doc("The step's name there; null where it is unreadable.", "Scoring")]
    old_name: Annotated[
        str | None, doc("The name that it had before, where it was renamed.", None, "BatchScoring")
    ]
    because: Annotated[
        Annotated[str, one_of("alias", "replaced_by", "file")] | None,
        doc(
            "What tells of the rename: an `alias` of the new definition, `replaced_by` of the old "
            "one, or that git follows the `file`.",
            "alias",
        ),
    ]
    old_place: Annotated[
        FilePosition | None, doc("The name in the topmost file before; null where there was none.")
    ]
    new_place: Annotated[FilePosition | None, doc("The name in the topmost file; null where there is none.")]
    fields: Annotated[tuple[LogField, ...], doc("What differs, in the order of the schema `step`.")]
    unread: Annotated[tuple[UnreadFile, ...], doc("What could not be read there, and could before.")]


class LogOutput(OutputRecord, frozen=True, kw_only=True):
    """What `stepwell log STEP --format json` prints: every commit that changed what a view serves of a
    step, newest first.
    """

    workspace: Annotated[
        str | None, doc("The id of the workspace whose view it is; null for the core's.", "alice", None)
    ]
    step: Annotated[str, doc("The step's newest name.", "Scoring")]
    names: Annotated[
        tuple[Annotated[str, doc("A name.")], ...],
        doc("What it is and was called, the newest name first.", ["Scoring", "BatchScoring"], min_length=1),
    ]
    entries: Annotated[
        tuple[LogEntry, ...],
        doc("What changed it, newest first; what is not committed comes before all commits."),
    ]
    has_more: Annotated[bool, doc("Whether there may be older entries than `-n` asked for.", False)]
    cut_off: Annotated[
        str | None,
        doc("The full id of the commit at which a shallow clone ends; null where the history is whole."),
    ]


def diff_output(comparison: Comparison) -> DiffOutput:
    """A comparison of two states."""
    return DiffOutput(
        verdict=comparison.verdict,
        counts=EffectCounts(**counts(comparison)),
        old=_state(comparison.old_title, comparison.old_diagnostics),
        new=_state(comparison.new_title, comparison.new_diagnostics),
        effects=tuple(map(_effect, comparison.effects)),
        views=tuple(_view(one) for one in comparison.views if one),
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
                noun=one.noun,
                name=one.name,
                field=one.field,
                change=_field(one.change),
                hidden_by=_origin(one.hidden_by),
            )
            for one in view.hidden
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


def log_output(found: Trace, workspace: str | None) -> LogOutput:
    """The history of a step in the view of a workspace, or of the core."""
    return LogOutput(
        workspace=workspace,
        step=found.names[0],
        names=tuple(found.names),
        entries=tuple(map(_entry, found.entries)),
        has_more=found.has_more,
        cut_off=found.cut_off,
    )


def _entry(one: Traced) -> LogEntry:
    commit, change = one.commit, one.change
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
            for error in one.unread
        ),
    )


def _log_field(one: FieldChange) -> LogField:
    old, new = one.old_origin, one.new_origin
    return LogField(
        field=one.field,
        old=well_formed_data(one.old),
        new=well_formed_data(one.new),
        old_place=None if old is None else file_position(old.span),
        new_place=None if new is None else file_position(new.span),
    )
