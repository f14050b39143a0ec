"""Whether what an import writes gives the old tables again, and where it does not."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, final

from stepwell.freeze.tables import hyperparameter_rows, rows_of
from stepwell.importing.entries import LEGACY_FIELDS, Entry, EntryKey, Gathered
from stepwell.model.layer import Layer
from stepwell.resolve.snapshot import Snapshot
from stepwell.source.diagnostic import Diagnostic, Severity

__all__ = ["TableProof", "prove"]

_HYPERPARAMETER_FIELDS = ("class_name", "module_path", "model_type", "description")


@final
@dataclass(frozen=True, slots=True)
class TableProof:
    """One table of the input, compared with the one that the new definitions give.

    Args:
        title: which table, in words.
        workspace: whose; ``None`` for the core.
        rows: how many rows the input has.
        equal: how many of them come out equal.
        in_order: whether the rows come out in the same order; ``None`` where the input gives none.
        others: how many rows more the new table has.
        differences: every field that differs, at its place in the source.
    """

    title: str
    workspace: str | None
    rows: int
    equal: int
    in_order: bool | None
    others: int
    differences: tuple[Diagnostic, ...]

    @property
    def holds(self) -> bool:
        """Whether nothing was lost."""
        return self.equal == self.rows and self.in_order is not False and not self.differences


def prove(gathered: Gathered, snapshot: Snapshot, left_out: Collection[EntryKey]) -> tuple[TableProof, ...]:
    """Compare every table of the input with what a snapshot gives.

    Args:
        gathered: the input.
        snapshot: every view of the project as it will be.
        left_out: the entries that could not be carried.
    """
    return tuple(_tables(gathered, snapshot, left_out))


def _tables(gathered: Gathered, snapshot: Snapshot, left_out: Collection[EntryKey]) -> Iterator[TableProof]:
    steps = [entry for entry in gathered.entries if entry.kind == "steps"]
    core = [entry for entry in steps if entry.layer is Layer.CORE]
    if core:
        rows: Mapping[str, Mapping[str, Any]] = rows_of(snapshot.core)
        yield _compare("the table of steps", None, core, rows, LEGACY_FIELDS, left_out, gathered.order)
    classes = [entry for entry in gathered.entries if entry.kind == "hyperparameters"]
    if classes:
        rows = hyperparameter_rows(snapshot.core)
        yield _compare(
            "the table of hyperparameters", None, classes, rows, _HYPERPARAMETER_FIELDS, left_out, ()
        )
    for entry in gathered.entries:
        if entry.kind == "pipelines":
            yield _graph(entry, snapshot, left_out)
    for workspace in sorted({entry.workspace for entry in steps if entry.workspace is not None}):
        own = {
            entry.name: entry
            for entry in steps
            if entry.workspace == workspace and entry.layer is Layer.LOCAL
        }
        own.update(
            (one.name, one) for one in steps if (one.workspace, one.layer) == (workspace, Layer.OVERRIDE)
        )
        served = rows_of(snapshot.view(workspace)) if workspace in snapshot.workspaces else {}
        yield _compare(
            f"what workspace {workspace} changes",
            workspace,
            own.values(),
            served,
            LEGACY_FIELDS,
            left_out,
            (),
        )


def _graph(entry: Entry, snapshot: Snapshot, left_out: Collection[EntryKey]) -> TableProof:
    """The steps and edges of an old pipeline, compared with those of the new one."""
    wanted = {*entry.row["steps"], *entry.row["edges"]}
    given: set[tuple[str, str]] = set()
    if entry.key not in left_out and (entry.workspace is None or entry.workspace in snapshot.workspaces):
        view = snapshot.view(entry.workspace)
        definition = view.pipelines.get(entry.name)
        if definition is not None:
            given.update((step["id"], step["step"]) for step in definition.steps)
            given.update((one, step["id"]) for step in definition.steps for one in step.get("depends_on", ()))
    lost = [
        Diagnostic(
            "not-proved",
            Severity.ERROR,
            f"`{first}` and `{second}` of `{entry.name}` are not in the new pipeline",
            entry.document.key_span(("name",)),
        )
        for first, second in sorted(wanted - given)
    ]
    title = f"the steps and edges of `{entry.name}`"
    return TableProof(title, entry.workspace, len(wanted), len(wanted & given), None, 0, tuple(lost))


def _compare(
    title: str,
    workspace: str | None,
    entries: Iterable[Entry],
    rows: Mapping[str, Mapping[str, Any]],
    fields: tuple[str, ...],
    left_out: Collection[EntryKey],
    order: tuple[str, ...],
) -> TableProof:
    expected = {entry.name: entry for entry in entries}
    differences: list[Diagnostic] = []
    equal = 0
    for name, entry in expected.items():
        row = rows.get(name) if entry.key not in left_out else None
        found = list(_differing(entry, row, fields))
        equal += not found
        differences += found
    in_order: bool | None = None
    if order:
        wanted = [name for name in order if name in rows and name in expected]
        in_order = [name for name in rows if name in frozenset(wanted)] == wanted
    others = sum(name not in expected for name in rows) if workspace is None else 0
    return TableProof(title, workspace, len(expected), equal, in_order, others, tuple(differences))


def _differing(entry: Entry, row: Mapping[str, Any] | None, fields: tuple[str, ...]) -> Iterator[Diagnostic]:
    document = entry.document
    if row is None:
        message = f"the row `{entry.name}` is not in the new table"
        yield Diagnostic("not-proved", Severity.ERROR, message, document.key_span(("name",)))
        return
    for key in fields:
        stated, given = entry.row.get(key), row.get(key)
        if key not in entry.row and key in row:
            message = f"`{key}` of `{entry.name}` is not in the source, and {given!r} in the new table"
            yield Diagnostic("not-proved", Severity.ERROR, message, document.key_span(("name",)))
        elif stated != given:
            message = f"`{key}` of `{entry.name}` is {stated!r} in the source, and {given!r} in the new table"
            yield Diagnostic("not-proved", Severity.ERROR, message, document.value_span((key,)))
