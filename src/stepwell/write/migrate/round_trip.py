"""Plans and verifies an import.

gather the sources ▸ read the project ▸ plan a file for each entry ▸ load and check the resulting project
▸ drop rejected entries and repeat ▸ compare its tables with the input.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final, final

from stepwell.check.catalog import ids
from stepwell.model import KINDS, schema_errors
from stepwell.model.layer import Layer
from stepwell.model.legacy_rows import INTERFACE
from stepwell.model.schema import fits
from stepwell.model.settings import CONFIG_NAME, RESERVED_ID, Project, read_project
from stepwell.resolve.load import FindPlugins, LoadResult, load
from stepwell.resolve.snapshot import Snapshot
from stepwell.resolve.view import View
from stepwell.source.diagnostic import Diagnostic, Severity, Span, in_order
from stepwell.source.document import Document, thaw
from stepwell.source.errors import ProjectError
from stepwell.source.legacy_table import LEGACY_FIELDS
from stepwell.source.read import read_text
from stepwell.source.tree import Folder, Staged, Tree
from stepwell.write.freeze.tables import hyperparameter_rows, rows_of
from stepwell.write.migrate.entries import EntryKey, Gathered, PlannedDefinition
from stepwell.write.migrate.plan import Draft, PlannedFile, WriteStatus, draft

__all__ = [
    "Import",
    "TableProof",
    "prepare",
    "prove",
]


_HYPERPARAMETER_FIELDS = ("class_name", "module_path", "model_type", "description")


@final
@dataclass(frozen=True, slots=True)
class TableProof:
    """Comparison of an input table with the table of the new definitions.

    Args:
       in_order: ``None`` if the input has no order.
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
        """Return whether the table is verified."""
        return self.equal == self.rows and self.in_order is not False and not self.differences


def prove(gathered: Gathered, snapshot: Snapshot, left_out: Collection[EntryKey]) -> tuple[TableProof, ...]:
    """Compare every input table with a snapshot."""
    return tuple(_tables(gathered, snapshot, left_out))


def _tables(gathered: Gathered, snapshot: Snapshot, left_out: Collection[EntryKey]) -> Iterator[TableProof]:
    steps = [entry for entry in gathered.entries if entry.kind == "steps"]
    core = [entry for entry in steps if entry.layer is Layer.CORE and entry.row]
    if core:
        rows: Mapping[str, Mapping[str, Any]] = rows_of(snapshot.core)
        yield _compare("the table of steps", None, core, rows, LEGACY_FIELDS, left_out, gathered.order)
    described = [entry for entry in steps if INTERFACE in entry.document.data]
    if described:
        yield _interfaces(described, snapshot.core, left_out)
    classes = [entry for entry in gathered.entries if entry.kind == "hyperparameters"]
    if classes:
        rows = hyperparameter_rows(snapshot.core)
        order = tuple(entry.name for entry in classes)
        yield _compare(
            "the table of hyperparameters", None, classes, rows, _HYPERPARAMETER_FIELDS, left_out, order
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
            (step.name, step) for step in steps if (step.workspace, step.layer) == (workspace, Layer.OVERRIDE)
        )
        served = rows_of(snapshot.view(workspace)) if workspace in snapshot.workspaces else {}
        yield _compare(
            f"the changes of workspace {workspace}",
            workspace,
            own.values(),
            served,
            LEGACY_FIELDS,
            left_out,
            (),
        )


def _interfaces(entries: list[PlannedDefinition], view: View, left_out: Collection[EntryKey]) -> TableProof:
    """Compare the interfaces of old files and modules with those of the new steps."""
    lost = [
        Diagnostic(
            "not-proved",
            Severity.ERROR,
            f"the interface of `{entry.name}` is not in the new definition",
            entry.document.key_span(("name",)),
        )
        for entry in entries
        if entry.key in left_out
        or entry.name not in view.steps
        or thaw(view.steps[entry.name].data.get(INTERFACE)) != thaw(entry.document.data[INTERFACE])
    ]
    equal = len(entries) - len(lost)
    return TableProof("the interfaces", None, len(entries), equal, None, 0, tuple(lost))


def _graph(entry: PlannedDefinition, snapshot: Snapshot, left_out: Collection[EntryKey]) -> TableProof:
    """Compare the steps and edges of an old pipeline with the new one."""
    wanted = {*entry.row["steps"], *entry.row["edges"]}
    given: set[tuple[str, str]] = set()
    if entry.key not in left_out and (entry.workspace is None or entry.workspace in snapshot.workspaces):
        view = snapshot.view(entry.workspace)
        definition = view.pipelines.get(entry.name)
        if definition is not None:
            given.update((step["id"], step["step"]) for step in definition.steps)
            given.update(
                (item, step["id"]) for step in definition.steps for item in step.get("depends_on", ())
            )
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
    entries: Iterable[PlannedDefinition],
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
        differing = list(_differing(entry, row, fields))
        equal += not differing
        differences += differing
    in_order: bool | None = None
    if order:
        wanted = [name for name in order if name in rows and name in expected]
        in_order = [name for name in rows if name in frozenset(wanted)] == wanted
    others = sum(name not in expected for name in rows) if workspace is None else 0
    return TableProof(title, workspace, len(expected), equal, in_order, others, tuple(differences))


def _differing(
    entry: PlannedDefinition, row: Mapping[str, Any] | None, fields: tuple[str, ...]
) -> Iterator[Diagnostic]:
    document = entry.document
    if row is None:
        message = f"the row `{entry.name}` is not in the new table"
        yield Diagnostic("not-proved", Severity.ERROR, message, document.key_span(("name",)))
        return
    for key in fields:
        stated, given = entry.row.get(key), row.get(key)
        if key not in entry.row and key in row:
            message = f"`{key}` of `{entry.name}` is {given!r} in the new table, but not in the source"
            yield Diagnostic("not-proved", Severity.ERROR, message, document.key_span(("name",)))
        elif stated != given:
            message = f"`{key}` of `{entry.name}` is {given!r} in the new table, but {stated!r} in the source"
            yield Diagnostic("not-proved", Severity.ERROR, message, document.value_span((key,)))


_OF_PIPELINES: Final = ids("pipeline")
_CARRIED: Final = (WriteStatus.NEW, WriteStatus.OVERWRITES, WriteStatus.EDITED)


@final
@dataclass(frozen=True, slots=True)
class Import:
    """Plan of an import."""

    root: str
    gathered: Gathered
    files: tuple[PlannedFile, ...]
    proof: tuple[TableProof, ...]
    diagnostics: tuple[Diagnostic, ...]

    @property
    def writes(self) -> tuple[PlannedFile, ...]:
        """Return the files that change; none if everything was rejected."""
        files = tuple(file for file in self.files if file.status in _CARRIED)
        is_empty = [(file.path, file.status) for file in files] == [(CONFIG_NAME, WriteStatus.NEW)]
        return () if is_empty and not self.is_whole else files

    @property
    def overwrites(self) -> tuple[PlannedFile, ...]:
        """Return existing files with different content."""
        return tuple(file for file in self.files if file.status is WriteStatus.OVERWRITES)

    @property
    def is_whole(self) -> bool:
        """Return whether there is something to import, and everything is converted and verified."""
        errors = any(finding.severity is Severity.ERROR for finding in self.diagnostics)
        return bool(self.gathered.read) and not errors and all(table.holds for table in self.proof)


def prepare(root: str, gathered: Gathered, today: date, plugins: FindPlugins = tuple) -> Import:
    """Plan and verify an import without writing.

    Args:
       root: absolute path of the project folder, links resolved; the project need not exist.

    Raises:
       ProjectError: the configuration has errors.
    """
    tree = Folder(root)
    there = read_project(root, tree) if os.path.isdir(root) else None
    if there is not None and any(finding.severity is Severity.ERROR for finding in there.diagnostics):
        raise ProjectError("the configuration has errors, nothing was imported (run `stepwell check`)")
    now = there or _project(root, Staged(tree, {CONFIG_NAME: new_configuration(()).encode()}))
    loaded = load(now, today, plugins=plugins)
    findings: list[Diagnostic] = list(gathered.diagnostics)
    left_out = set(_rejected_by_schema(gathered, findings))
    described = {
        key: document for key, document in gathered.metadata.items() if fits("workspace", document.data)
    }
    for item in gathered.metadata.keys() - described.keys():
        findings += _explained("workspace", "workspace", gathered.metadata[item])
    gathered = replace(gathered, metadata=described)
    while True:
        drafted = draft(tree, loaded, gathered, left_out)
        configuration, odd = _configuration(there, gathered, left_out | drafted.refused)
        files = [*drafted.files.values(), *configuration]
        laid = {file.path: file.text.encode() for file in files if file.status in _CARRIED}
        base = {} if there is not None or configuration else {CONFIG_NAME: new_configuration(()).encode()}
        after = load(_project(root, Staged(tree, {**base, **laid})), today, plugins=plugins)
        at_sources = list(_at_sources(drafted, after))
        newly = {key for key, finding in at_sources if key is not None and finding.severity is Severity.ERROR}
        findings += [
            finding
            for key, finding in at_sources
            if not newly or (key in newly and finding.severity is Severity.ERROR)
        ]
        if not newly:
            break
        left_out |= newly
    left_out |= drafted.refused
    proof = prove(gathered, after.snapshot, left_out)
    findings += (
        *drafted.findings,
        *odd,
        *(difference for table in proof for difference in table.differences),
    )
    return Import(root, gathered, tuple(files), proof, in_order(findings))


def _project(root: str, tree: Tree) -> Project:
    project = read_project(root, tree)
    if project is None:
        raise ProjectError(f"no Stepwell project: {root} has no {CONFIG_NAME}")
    return project


def _rejected_by_schema(gathered: Gathered, findings: list[Diagnostic]) -> Iterator[EntryKey]:
    """Return entries that are not valid definitions, with their locations in the sources."""
    for entry in gathered.entries:
        noun = KINDS[entry.kind].noun
        document = entry.document
        form = f"{noun}-override" if entry.layer is Layer.OVERRIDE else noun
        if not fits(form, document.data):
            findings += _explained(form, noun, document)
            yield entry.key


def _explained(form: str, noun: str, document: Document) -> Iterator[Diagnostic]:
    yield from schema_errors.explain(form, noun, document.data, lambda _: document)


def _configuration(
    project: Project | None, gathered: Gathered, left_out: set[EntryKey]
) -> tuple[list[PlannedFile], list[Diagnostic]]:
    """Return the configuration with the order of the old tables."""
    rows = {entry.name: entry for entry in gathered.entries if entry.key[:2] == ("steps", Layer.CORE)}
    order = [
        name
        for name in gathered.order
        if name in rows and rows[name].key not in left_out and rows[name].row.get("sagemaker_step_type")
    ]
    classes = [
        entry.name
        for entry in gathered.entries
        if entry.kind == "hyperparameters" and entry.key not in left_out
    ]
    held = () if project is None else project.settings.first(None)
    if classes != sorted(classes) or not frozenset(held).isdisjoint(classes):
        order += classes
    if project is None:
        return [PlannedFile(CONFIG_NAME, new_configuration(order), WriteStatus.NEW)], []
    first = first_of(project, order)
    if not order or first == held:
        return [], []
    text = with_order(project, first)
    if isinstance(text, Diagnostic):
        return [], [text]
    path = (
        project.config.path
        if project.config is not None
        else "pyproject.toml"
        if project.prefix
        else CONFIG_NAME
    )
    return [
        PlannedFile(path, text, WriteStatus.EDITED if first[: len(held)] == held else WriteStatus.OVERWRITES)
    ], []


def _at_sources(drafted: Draft, after: LoadResult) -> Iterator[tuple[EntryKey | None, Diagnostic]]:
    """Return check findings of planned files, mapped to their locations in the sources."""
    for finding in after.diagnostics:
        file = drafted.files.get(finding.span.path) if finding.span is not None else None
        if file is not None and finding.span is not None and file.status is not WriteStatus.UNCHANGED:
            moved = replace(finding, span=_moved(finding.span, file))
            if finding.id in _OF_PIPELINES and finding.severity is Severity.ERROR:
                moved = replace(moved, severity=Severity.WARNING)  # it is carried all the same
            yield drafted.keys.get(file.path), moved


def _moved(span: Span, file: PlannedFile) -> Span:
    read = read_text(file.path, file.text.encode())
    if isinstance(read, Diagnostic) or file.source is None:
        return span
    places = read.locate(read.text)
    for pointer in places.values:
        if pointer and (read.value_span(pointer).line, read.value_span(pointer).column) == (
            span.line,
            span.column,
        ):
            return file.source.value_span(pointer)
    for pointer in places.keys:
        if (read.key_span(pointer).line, read.key_span(pointer).column) == (span.line, span.column):
            return file.source.key_span(pointer)
    return file.source.key_span(("name",))


_OUTPUT: Final = "generated/step_names.py"
_WIDTH: Final = 100


def new_configuration(first: Sequence[str]) -> str:
    """Return the configuration of a new project.

    Args:
       first: the first steps of the frozen table; empty without an imported table.
    """
    return "schema_version = 1\n" + (f"\n{_table('freeze', first)}" if first else "")


def first_of(project: Project, order: Sequence[str]) -> tuple[str, ...]:
    """Return ``first`` so that imported rows keep their order, reordering as little as possible."""
    held, wanted = project.settings.first(None), frozenset(order)
    longer = (*held, *(name for name in order if name not in held))
    if [name for name in longer if name in wanted] == list(order):
        return longer
    return (*order, *(name for name in held if name not in wanted))


def with_order(project: Project, first: Sequence[str]) -> str | Diagnostic:
    """Return the configuration with ``first`` in the table of the core's frozen module, preserving the rest.

    If it cannot be edited, return a finding instead.
    """
    config = project.config
    if config is None:  # empty or only comments
        held = project.tree.read(CONFIG_NAME)
        text = "" if isinstance(held, Diagnostic) else held.decode("utf-8", "replace").strip()
        return f"{text}\n\n{_table('freeze', first)}" if text else new_configuration(first)
    place = _place(project)
    table = ".".join((*map(str, project.prefix), "freeze"))
    if place is None:
        new = f"{config.text.rstrip()}\n\n{_table(table, first)}".lstrip()
    else:
        new = _edited(config, (*project.prefix, "freeze", place), first)
    read = read_text(config.path, new.encode())
    if isinstance(read, Diagnostic) or thaw(read.data) != _expected(project, config, place, first):
        return Diagnostic(
            "order-not-written",
            Severity.ERROR,
            f"{config.path} cannot be edited safely, so the table order was not written",
            config.key_span((*project.prefix, "freeze")) if place is not None else Span(config.path),
            f"add `{_assignment(first, 10**9).strip()}` to its `[[{table}]]` table",
        )
    return new


def _place(project: Project) -> int | None:
    """Return the ``[[freeze]]`` table that sets or can set the core's order."""
    targets = project.settings.freeze
    for workspace in ("", RESERVED_ID):
        mine = [place for place, target in enumerate(targets) if target.workspace == workspace]
        stating = [place for place in mine if targets[place].first]
        if stating or mine:
            return (stating or mine)[0]
    return None


def _edited(config: Document, pointer: tuple[str | int, ...], first: Sequence[str]) -> str:
    text, places = config.text, config.locate(config.text)
    stated = places.values.get((*pointer, "first"))
    if stated is not None:
        start, end = stated
        return text[:start] + _listed(first, start - (text.rfind("\n", 0, start) + 1)) + text[end:]
    output = places.values.get((*pointer, "output"))
    if output is None:
        return text
    line_end = text.find("\n", output[1])
    if line_end < 0:
        return f"{text}\n{_assignment(first)}"
    return f"{text[: line_end + 1]}{_assignment(first)}{text[line_end + 1 :]}"


def _expected(project: Project, config: Document, place: int | None, first: Sequence[str]) -> Any:
    data = thaw(config.data)
    table: dict[str, Any] = data
    for step in project.prefix:
        table = table[str(step)]
    if place is None:
        table.setdefault("freeze", []).append({"output": _OUTPUT, "first": list(first)})
    else:
        table["freeze"][place]["first"] = list(first)
    return data


def _table(name: str, first: Sequence[str]) -> str:
    return f'[[{name}]]\noutput = "{_OUTPUT}"\n{_assignment(first)}'


def _assignment(first: Sequence[str], width: int = _WIDTH) -> str:
    return f"first = {_listed(first, len('first = '), width)}\n"


def _listed(names: Sequence[str], column: int, width: int = _WIDTH) -> str:
    words = [json.dumps(name) for name in names]
    line = f"[{', '.join(words)}]"
    if column + len(line) <= width:
        return line
    return "".join(["[\n", *(f"    {word},\n" for word in words), "]"])
