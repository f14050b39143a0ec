"""Builds tables from checked files: the core's, and an overlay for each workspace."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final, NamedTuple, final

from stepwell.check import catalog
from stepwell.check.catalog import Occasion
from stepwell.check.file import CheckedFile, hide, is_served
from stepwell.check.rule import Hidden, Ignore, LayerScope, Override, Shadow, ViewScope, by_place
from stepwell.model import (
    KINDS,
    AuthoredDefinition,
    Definition,
    Kind,
    StepDefinition,
    Workspace,
    schema,
    schema_errors,
)
from stepwell.model.layer import Applied, Layer, Source
from stepwell.model.record import facts
from stepwell.model.settings import Settings
from stepwell.source.diagnostic import Diagnostic, Related, Severity, Span, in_order

__all__ = [
    "Index",
    "LayerTables",
    "Overlay",
    "Table",
    "add_to_index",
    "broken_place",
    "deprecated",
    "index",
    "lay_under",
    "layer_core",
    "layer_workspace",
    "standalone",
    "suspects",
    "suspects_of_core",
    "unique",
    "words_of",
]


Table = Mapping[str, Definition]
Index = Mapping[str, tuple[str, ...]]
"""Value to the names of the steps that have it."""


def index(steps: Table) -> tuple[Index, Index]:
    """Return indexes of the steps by configuration class and by alias."""
    by_config_class: dict[str, tuple[str, ...]] = {}
    by_alias: dict[str, tuple[str, ...]] = {}
    suffix, requires = facts(StepDefinition.SCHEMA).conventions["config_class"]
    for name, step in steps.items():
        data = step.data  # reading attributes would cost half of a reload
        config_class = data.get("config_class")
        if config_class is None and data.get(requires) is not None:
            config_class = name + suffix
        if config_class is not None:
            by_config_class[config_class] = (*by_config_class.get(config_class, ()), name)
        for alias in data.get("aliases") or ():
            by_alias[alias] = (*by_alias.get(alias, ()), name)
    return by_config_class, by_alias


def add_to_index(
    definition: Definition,
    by_config_class: dict[str, tuple[str, ...]],
    by_alias: dict[str, tuple[str, ...]],
) -> None:
    """Add a step to the indexes."""
    if not isinstance(definition, StepDefinition):
        return
    of_classes, of_aliases = index({definition.data["name"]: definition})
    for index_of, words in ((by_config_class, of_classes), (by_alias, of_aliases)):
        for word, names in words.items():
            index_of[word] = (*index_of.get(word, ()), *names)


def suspects_of_core(steps: Table, by_config_class: Index, by_alias: Index) -> dict[str, Definition]:
    """Return the core steps that may collide with another step, or name a missing one."""
    suspected = {name for names in by_config_class.values() if len(names) > 1 for name in names}
    suspected.update(
        name for alias, names in by_alias.items() if len(names) > 1 or alias in steps for name in names
    )
    suspected.update(deprecated(steps))
    return {name: steps[name] for name in steps if name in suspected} if suspected else {}


def deprecated(steps: Table) -> dict[str, Definition]:
    """Return the deprecated steps of a table, which may name a missing replacement."""
    return {name: step for name, step in steps.items() if "deprecated" in step.data}


def suspects(
    own: Table, below: Table, below_by_config_class: Index, below_by_alias: Index
) -> dict[str, Definition]:
    """Return the view's own steps that may collide with another step, or name a missing one."""
    names = set(deprecated(own))
    first_with_class: dict[str, str] = {}
    first_with_alias: dict[str, str] = {}
    for name, step in own.items():
        if not isinstance(step, StepDefinition):
            continue
        config_class = step.config_class
        if config_class is not None:
            other = first_with_class.setdefault(config_class, name)
            if other != name or _others(below_by_config_class, config_class, name):
                names.update((name, other))
        for alias in step.aliases:
            other = first_with_alias.setdefault(alias, name)
            is_name = alias in own or alias in below
            if other != name or is_name or _others(below_by_alias, alias, name):
                names.update((name, other))
        if name in below_by_alias:
            names.add(name)
    return {name: own[name] for name in own if name in names} if names else {}


def _others(having: Index, word: str, name: str) -> bool:
    """Return whether a step of another name has the value."""
    return bool(having) and having.get(word, (name,)) != (name,)


_EMPTY: Final[Mapping[str, Any]] = MappingProxyType({})


@final
@dataclass(frozen=True)
class LayerTables:
    """Tables of one view.

    Args:
        left_out: kind to the names of skipped definitions.
        diagnostics: findings about its files and layers, in order.
        by_config_class: configuration class to core steps.
        by_alias: alias to core steps.
        written: the tables with the valid fields of invalid definitions, on which rules run; ``None`` if
            nothing is invalid. They are never served.
        parts: the files of which ``written`` has only the valid fields.
        notes: consequences of errors, by the file with the error.
    """

    tables: Mapping[str, Table]
    left_out: Mapping[str, Mapping[str, Span]]
    diagnostics: tuple[Diagnostic, ...]
    used: tuple[Ignore, ...]
    by_config_class: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: _EMPTY)
    by_alias: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: _EMPTY)
    covered: Mapping[str, Mapping[str, tuple[Definition, ...]]] = field(default_factory=lambda: _EMPTY)
    written: LayerTables | None = None
    parts: frozenset[str] = frozenset()
    notes: tuple[tuple[str, Related], ...] = ()

    @cached_property
    def words(self) -> frozenset[str]:
        """Names, aliases and configuration classes of its definitions, for reloads."""
        return frozenset(
            word for table in self.tables.values() for item in table.values() for word in words_of(item)
        )


@final
class Overlay(NamedTuple):
    """Overlay of one workspace."""

    workspace: Workspace
    layered: LayerTables
    diagnostics: tuple[Diagnostic, ...]


def layer_core(files: Collection[CheckedFile], settings: Settings) -> LayerTables:
    """Build the core's tables."""
    broken = [file for file in files if file.partial is not None]
    if not broken:
        return _layer_core(files, settings)
    written = _layer_core([file.as_written for file in files], settings)
    served = _without(written, broken, files) or _layer_core(files, settings)
    return replace(served, diagnostics=written.diagnostics, used=written.used, written=written)


def _without(
    written: LayerTables, broken: Collection[CheckedFile], files: Iterable[CheckedFile]
) -> LayerTables | None:
    """Return the core's tables without broken files; ``None`` if one has the name of another file."""
    names = {(file.listed.kind, file.name) for file in broken}
    having = sum((file.listed.kind, file.name) in names for file in files)
    if having > len(broken) or len(names) < len(broken):
        return None
    tables = {folder: dict(table) for folder, table in written.tables.items()}
    left_out = {folder: dict(places) for folder, places in written.left_out.items()}
    by_config_class, by_alias = dict(written.by_config_class), dict(written.by_alias)
    for file in broken:
        if file.name is None or file.place is None:
            return None
        definition = tables[file.listed.kind].pop(file.name, None)
        left_out[file.listed.kind][file.name] = file.place
        if definition is not None:
            gone: dict[str, tuple[str, ...]] = {}
            aliases: dict[str, tuple[str, ...]] = {}
            add_to_index(definition, gone, aliases)
            for table, words in ((by_config_class, gone), (by_alias, aliases)):
                for word in words:
                    table[word] = tuple(name for name in table[word] if name != file.name)
                    if not table[word]:
                        del table[word]
    frozen = {folder: MappingProxyType(table) for folder, table in tables.items()}
    return LayerTables(MappingProxyType(frozen), left_out, (), (), by_config_class, by_alias)


def _layer_core(files: Collection[CheckedFile], settings: Settings) -> LayerTables:
    grouped = _by_kind(files)
    tables: dict[str, Table] = {}
    left_out: dict[str, Mapping[str, Span]] = {}
    findings = [diagnostic for group in grouped.values() for file in group for diagnostic in file.diagnostics]
    for folder, kind in KINDS.items():
        group = grouped.get(folder, ())
        table, repeated = unique(group)
        tables[folder] = MappingProxyType(standalone(table))
        if repeated:
            findings += catalog.run(catalog.active("layer", settings.severities), LayerScope(kind, repeated))
        left_out[folder] = _left_out(group, tables[folder], repeated)
    steps = tables["steps"]
    by_config_class, by_alias = index(steps)
    colliding = suspects_of_core(steps, by_config_class, by_alias)
    if colliding:
        none, skipped = _EMPTY, left_out["steps"]
        scope = ViewScope(
            KINDS["steps"], None, _EMPTY, steps, colliding, (), (), none, none, skipped, settings
        )
        findings += catalog.run(catalog.active("view", settings.severities), scope)
    shown, used = hide(
        findings, by_place(ignore for group in grouped.values() for file in group for ignore in file.ignores)
    )
    return LayerTables(
        MappingProxyType(tables),
        MappingProxyType(left_out),
        in_order(shown),
        used,
        by_config_class,
        by_alias,
        parts=_parts(files),
    )


def _parts(files: Iterable[CheckedFile]) -> frozenset[str]:
    """Return the paths of the files that are present only in part."""
    return frozenset(file.listed.path for file in files if file.authored is not None is not file.partial)


def layer_workspace(
    core: LayerTables, workspace: Workspace, files: Collection[CheckedFile], settings: Settings
) -> LayerTables:
    """Build the overlay of a workspace."""
    served = _layer_workspace(core, workspace, files, settings)
    if core.written is None and all(file.partial is None for file in files):
        return served
    written = _layer_workspace(core.written or core, workspace, [file.as_written for file in files], settings)
    return replace(served, diagnostics=written.diagnostics, used=written.used, written=written)


def _layer_workspace(
    core: LayerTables, workspace: Workspace, files: Collection[CheckedFile], settings: Settings
) -> LayerTables:
    grouped = _by_kind(files)
    tables: dict[str, Table] = {}
    left_out: dict[str, Mapping[str, Span]] = {}
    notes: list[tuple[str, Related]] = []
    parts = core.parts | _parts(files)
    findings: list[Diagnostic] = []
    used: list[Ignore] = []
    for folder, kind in KINDS.items():
        group = grouped.get(folder)
        if group is None:
            tables[folder] = _EMPTY
            continue
        overlay = _Overlay(kind, workspace, core, settings, group, parts)
        tables[folder] = overlay.lay()
        left_out[folder] = overlay.left_out
        notes += overlay.notes
        findings += overlay.findings
        used += overlay.used
    return LayerTables(
        MappingProxyType(tables), left_out, in_order(findings), tuple(used), parts=parts, notes=tuple(notes)
    )


def words_of(definition: Definition) -> Iterator[str]:
    """Return the names, aliases and classes with which another definition could collide."""
    yield definition.name
    if isinstance(definition, StepDefinition):
        yield from definition.aliases
        replaced_by = (definition.data.get("deprecated") or _EMPTY).get("replaced_by")
        if replaced_by is not None:
            yield replaced_by
        if definition.config_class is not None:
            yield definition.config_class


@final
class _Overlay:
    """Definitions of one kind that a workspace adds to the core, under construction."""

    def __init__(
        self,
        kind: Kind,
        workspace: Workspace,
        core: LayerTables,
        settings: Settings,
        files: Iterable[CheckedFile],
        parts: frozenset[str],
    ) -> None:
        self.notes: list[tuple[str, Related]] = []
        self._parts = parts
        self.findings: list[Diagnostic] = []
        self.used: list[Ignore] = []
        self._kind = kind
        self._workspace = workspace
        self._core = core
        self._settings = settings
        self._below = core.tables[kind.folder]
        self._local = [file for file in files if file.listed.layer is Layer.LOCAL]
        self._overriding = [file for file in files if file.listed.layer is Layer.OVERRIDE]
        self._ignores = by_place(ignore for file in files for ignore in file.ignores)
        self._above: dict[str, Definition] = {}
        self.left_out: Mapping[str, Span] = _EMPTY

    def lay(self) -> Table:
        """Apply local definitions, then overrides."""
        self._lay_local()
        overrides = self._lay_overrides()
        judged = (
            override._replace(is_part=override.source.document.path in self._parts) for override in overrides
        )
        scope = self._scope(overrides=tuple(judged))
        if overrides:
            self._run("override", scope)
        if scope.suspects:
            self._run("view", scope)
        return MappingProxyType(self._above)

    def _lay_local(self) -> None:
        table, repeated = self._unique(self._local)
        self._above = standalone(table)
        core_left_out = self._core.left_out[self._kind.folder]
        self.left_out = {**core_left_out, **_left_out(self._local, self._above, repeated)}
        self._record(diagnostic for file in self._local for diagnostic in file.diagnostics)
        shadows = [
            Shadow(self._above[name], self._below[name]) for name in self._above if name in self._below
        ]
        tolerance = {"shadows-core": catalog.BY_TOLERANCE[self._workspace.conflict_tolerance]}
        for shadow in shadows:
            scope = self._scope(shadows=(shadow,))
            findings = self._run("shadow", scope, tolerance)
            if not is_served(findings):
                del self._above[shadow.local.name]

    def _lay_overrides(self) -> tuple[Override, ...]:
        table, _ = self._unique(self._overriding)
        made: list[Override] = []
        for file in self._overriding:
            base = self._base(file.name)
            if file.diagnostics:
                self._record(_naming_base(file.diagnostics, base))
            if file.authored is None or file.name is None or table.get(file.name) is not file:
                continue
            broken = self._broken_base(file.name, base)
            if broken is not None:
                span = file.authored.source.document.value_span(("name",))
                self.notes.append((broken, Related(f"overridden in workspace {self._workspace.id}", span)))
            override, faults = _override(file.authored, file.name, base, whole=broken is None)
            self._record(faults)
            made.append(override)
        self._above.update((item.name, item.result) for item in made if item.result is not None)
        return tuple(made)

    def _broken_base(self, name: str, base: Definition | None) -> str | None:
        """Return the invalid file below an override, if any."""
        if base is None:
            place = broken_place(self.left_out, name, self._settings)
            return None if place is None else place.path
        paths = (source.document.path for source in base.sources)
        return next((path for path in paths if path in self._parts), None)

    def _base(self, name: str | None) -> Definition | None:
        return None if name is None else self._above.get(name) or self._below.get(name)

    def _unique(
        self, files: Iterable[CheckedFile]
    ) -> tuple[dict[str, CheckedFile], Mapping[str, tuple[Source, ...]]]:
        table, repeated = unique(files)
        if repeated:
            self._run("layer", LayerScope(self._kind, repeated))
        return table, repeated

    def _run(
        self, occasion: Occasion, scope: Any, defaults: Mapping[str, Severity | None] = _EMPTY
    ) -> tuple[Diagnostic, ...]:
        return self._record(catalog.run(catalog.active(occasion, self._settings.severities, defaults), scope))

    def _record(self, findings: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
        shown, used = hide(findings, self._ignores)
        self.findings += shown
        self.used += used
        return shown

    def _suspects(self) -> Mapping[str, Definition]:
        return suspects(self._above, self._below, self._core.by_config_class, self._core.by_alias)

    def _scope(self, overrides: tuple[Override, ...] = (), shadows: tuple[Shadow, ...] = ()) -> ViewScope:
        core = self._core
        suspects = self._suspects() if not shadows else _EMPTY
        return ViewScope(
            self._kind,
            self._workspace,
            self._below,
            self._above,
            suspects,
            overrides,
            shadows,
            core.by_config_class,
            core.by_alias,
            self.left_out,
            self._settings,
        )


def _override(
    authored: AuthoredDefinition, name: str, base: Definition | None, *, whole: bool
) -> tuple[Override, list[Diagnostic]]:
    """Return an override with its result, and the findings about the result.

    Args:
        whole: whether the base is valid; otherwise the errors of the base are not those of the override.
    """
    kind, source = authored.kind, authored.source
    if base is None:
        return Override(source, name, None, None, authored.based_on), []
    applied = Applied(base.data, base.sources).patched(source)
    flat = all(source.document.flat for source in applied.sources)
    if schema.fits(kind.noun, applied.data, flat=flat):
        return Override(source, name, base, kind.define(applied.data, applied.sources), authored.based_on), []
    faults = tuple(schema_errors.explain(kind.noun, kind.noun, applied.data, applied.document_of))
    if not whole:
        below = Applied(base.data, base.sources)
        known = {
            (fault.id, fault.message)
            for fault in schema_errors.explain(kind.noun, kind.noun, base.data, below.document_of)
        }
        faults = tuple(fault for fault in faults if (fault.id, fault.message) not in known)
        if not faults:
            return Override(
                source, name, base, kind.define(applied.data, applied.sources), authored.based_on
            ), []
    return Override(source, name, base, None, authored.based_on), _naming_base(faults, base)


def _naming_base(findings: Iterable[Diagnostic], base: Definition | None) -> list[Diagnostic]:
    """Add the overridden file to findings about an override."""
    if base is None:
        return list(findings)
    overrides = Related("overrides", Span(base.sources[0].document.path))
    return [replace(diagnostic, related=(*diagnostic.related, overrides)) for diagnostic in findings]


def _by_kind(files: Iterable[CheckedFile]) -> dict[str, list[CheckedFile]]:
    grouped: dict[str, list[CheckedFile]] = {}
    for file in files:
        grouped.setdefault(file.listed.kind, []).append(file)
    return grouped


def unique(files: Iterable[CheckedFile]) -> tuple[dict[str, CheckedFile], Mapping[str, tuple[Source, ...]]]:
    """Split files into unique names, and duplicate names with their documents."""
    table: dict[str, CheckedFile] = {}
    repeated: dict[str, list[Source]] = {}
    for file in files:
        if file.source is None or file.name is None:
            continue
        first = table.setdefault(file.name, file)
        if first is not file and first.source is not None:
            repeated.setdefault(file.name, [first.source]).append(file.source)
    for name in repeated:
        del table[name]
    return table, {name: tuple(sources) for name, sources in repeated.items()}


def standalone(table: Mapping[str, CheckedFile]) -> dict[str, Definition]:
    """Return the definitions of complete files by name, without overrides."""
    return {
        name: definition
        for name, file in table.items()
        if file.authored is not None and (definition := file.authored.standalone()) is not None
    }


def _stem(path: str) -> str:
    return path[path.rfind("/") + 1 : path.rfind(".")]


def broken_place(left_out: Mapping[str, Span], name: str, settings: Settings) -> Span | None:
    """Return the location of a skipped definition with a name, or in a file named after it."""
    return left_out.get(name) or left_out.get(settings.naming.stem(name))


def _left_out(
    files: Iterable[CheckedFile], table: Mapping[str, Definition], repeated: Mapping[str, tuple[Source, ...]]
) -> dict[str, Span]:
    excluded = {
        file.name or _stem(file.listed.path): file.place
        for file in files
        if file.place is not None and file.name not in table
    }
    excluded.update((name, sources[0].document.value_span(("name",))) for name, sources in repeated.items())
    return excluded


def lay_under(
    core: LayerTables, core_files: Iterable[CheckedFile], plugins: Iterable[CheckedFile], settings: Settings
) -> LayerTables:
    """Add plugin definitions below the core's tables.

    A plugin never changes the core: its definition is skipped and reported if its name, an alias or its
    configuration class collides with the core.
    """
    guests = tuple(plugins)
    if not guests:
        return core
    if core.written is not None:
        core = replace(core, written=lay_under(core.written, core_files, guests, settings))
    findings = [diagnostic for file in guests for diagnostic in file.diagnostics]
    tables: dict[str, Mapping[str, Definition]] = {}
    covered: dict[str, Mapping[str, tuple[Definition, ...]]] = {}
    by_config_class, by_alias = dict(core.by_config_class), dict(core.by_alias)
    for folder, kind in KINDS.items():
        table, repeated = unique(file for file in guests if file.listed.kind == folder)
        findings += catalog.run(catalog.active("layer", settings.severities), LayerScope(kind, repeated))
        below = standalone(table)
        hidden = {name: item for name, item in below.items() if _place(core, folder, name) is not None}
        covered[folder] = MappingProxyType({name: (item,) for name, item in hidden.items()})
        findings += _hidden_findings(core, kind, hidden, settings)
        served = dict(core.tables[folder])
        for name, item in below.items():
            if name in hidden:
                continue
            scope = ViewScope(
                kind,
                None,
                served,
                {name: item},
                {name: item},
                (),
                (),
                by_config_class,
                by_alias,
                {},
                settings,
            )
            faults = tuple(catalog.run(catalog.active("view", settings.severities), scope))
            findings += faults
            if is_served(faults):
                served[name] = item
                add_to_index(item, by_config_class, by_alias)
        tables[folder] = MappingProxyType(served)
    shown, used = hide(findings, by_place(ignore for file in core_files for ignore in file.ignores))
    return replace(
        core,
        tables=MappingProxyType(tables),
        diagnostics=in_order((*core.diagnostics, *shown)),
        used=(*core.used, *used),
        by_config_class=by_config_class,
        by_alias=by_alias,
        covered=MappingProxyType(covered),
    )


def _place(core: LayerTables, folder: str, name: str) -> Span | None:
    """Return the location at which the core defines a name, even if skipped; ``None`` if it does not."""
    served = core.tables[folder].get(name)
    if served is not None:
        return served.sources[-1].document.value_span(("name",))
    return core.left_out[folder].get(name)


def _hidden_findings(
    core: LayerTables, kind: Kind, hidden: Mapping[str, Definition], settings: Settings
) -> Iterable[Diagnostic]:
    scope = tuple(
        Hidden(kind, item.sources[0].package, item, place)
        for name, item in hidden.items()
        if (place := _place(core, kind.folder, name)) is not None
    )
    return catalog.run(catalog.active("plugin", settings.severities), scope)
