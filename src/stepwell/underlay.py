"""The layer below the core: what plugins bring is served where the core says nothing of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType

from stepwell.check import catalog
from stepwell.check.catalog import Hidden, LayerScope, ViewScope
from stepwell.check.file import CheckedFile, hide, is_served
from stepwell.layering import Layered, unique
from stepwell.model import KINDS, Definition, Kind, StepDefinition
from stepwell.model.settings import Settings
from stepwell.plugins import package_of
from stepwell.source.diagnostic import Diagnostic, Span, in_order

__all__ = ["lay_under"]


def lay_under(
    core: Layered, core_files: Iterable[CheckedFile], plugins: Iterable[CheckedFile], settings: Settings
) -> Layered:
    """The core's tables with the definitions of plugins below them.

    A plugin changes nothing that the core says: where the core has its name, or an alias or a
    configuration class that collides with it, the plugin's definition is left out and told.

    Args:
        core: the tables of the core's own files.
        core_files: these files.
        plugins: what plugins bring, by package.
        settings: the project's.
    """
    guests = tuple(plugins)
    if not guests:
        return core
    found = [diagnostic for file in guests for diagnostic in file.diagnostics]
    tables: dict[str, Mapping[str, Definition]] = {}
    covered: dict[str, Mapping[str, tuple[Definition, ...]]] = {}
    by_config_class, by_alias = dict(core.by_config_class), dict(core.by_alias)
    for folder, kind in KINDS.items():
        table, repeated = unique(file for file in guests if file.listed.kind == folder)
        found += catalog.run(
            catalog.active(catalog.LAYER_RULES, settings.severities), LayerScope(kind, repeated)
        )
        below = {name: file.definition for name, file in table.items() if file.definition is not None}
        hidden = {name: one for name, one in below.items() if _place(core, folder, name) is not None}
        covered[folder] = MappingProxyType({name: (one,) for name, one in hidden.items()})
        found += _told_hidden(core, kind, hidden, settings)
        served = dict(core.tables[folder])
        for name, one in below.items():
            if name in hidden:
                continue
            scope = ViewScope(
                kind, None, served, {name: one}, {name: one}, (), (), by_config_class, by_alias, {}, settings
            )
            faults = tuple(catalog.run(catalog.active(catalog.VIEW_RULES, settings.severities), scope))
            found += faults
            if is_served(faults):
                served[name] = one
                _index(one, by_config_class, by_alias)
        tables[folder] = MappingProxyType(served)
    shown, used = hide(found, [ignore for file in core_files for ignore in file.ignores])
    return replace(
        core,
        tables=MappingProxyType(tables),
        diagnostics=in_order((*core.diagnostics, *shown)),
        used=(*core.used, *used),
        by_config_class=by_config_class,
        by_alias=by_alias,
        covered=MappingProxyType(covered),
    )


def _place(core: Layered, folder: str, name: str) -> Span | None:
    """Where the core gives a name, served or not; ``None`` where it does not."""
    served = core.tables[folder].get(name)
    if served is not None:
        return served.sources[-1].document.value_span(("name",))
    return core.left_out[folder].get(name)


def _told_hidden(
    core: Layered, kind: Kind, hidden: Mapping[str, Definition], settings: Settings
) -> Iterable[Diagnostic]:
    scope = tuple(
        Hidden(kind, package_of(one.sources[0].document.path), one, place)
        for name, one in hidden.items()
        if (place := _place(core, kind.folder, name)) is not None
    )
    return catalog.run(catalog.active(catalog.PLUGIN_RULES, settings.severities), scope)


def _index(
    one: Definition, by_config_class: dict[str, tuple[str, ...]], by_alias: dict[str, tuple[str, ...]]
) -> None:
    if not isinstance(one, StepDefinition):
        return
    if one.config_class is not None:
        by_config_class[one.config_class] = (*by_config_class.get(one.config_class, ()), one.name)
    for alias in one.aliases:
        by_alias[alias] = (*by_alias.get(alias, ()), one.name)
