"""Definitions that installed packages bring: found by their entry points, read like files.

A package names a folder of definitions, or a callable that gives mappings, in the entry-point group
``stepwell.steps``. A folder is found and read without importing anything; a callable is code of the
package, and is run. In the group ``stepwell.step_types`` it names what runs a step, by the step's name;
that is imported when the step is run.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any, Final, NamedTuple, final

from stepwell.check import catalog
from stepwell.check.file import CheckedFile, check_document
from stepwell.check.mapping import check_mapping
from stepwell.model import KINDS
from stepwell.model.layer import Layer, Listed
from stepwell.model.settings import Settings
from stepwell.resolve.layout import list_folder
from stepwell.source.diagnostic import Diagnostic, Severity
from stepwell.source.errors import ExtensionError
from stepwell.source.extensions import Extension, any_declared, extensions
from stepwell.source.read import read

__all__ = ["GROUP", "GROUP_OF_TYPES", "Plugin", "find_plugins", "package_of", "read_plugins"]

GROUP: Final = "stepwell.steps"
"""The entry-point group of definitions."""

GROUP_OF_TYPES: Final = "stepwell.step_types"
"""The entry-point group of what runs steps, each by the name of the step."""

_FORM: Final = re.compile(r"(?P<module>\w+(\.\w+)*)\s*(:\s*(?P<attr>\w+(\.\w+)*))?\s*(\[.*\])?")
"""The value of an entry point (entry points specification, data model)."""

_log = logging.getLogger(__name__)


@final
class Plugin(NamedTuple):
    """What one entry point of an installed package brings.

    Args:
        folder: its folder of definitions, absolute; ``None`` where a callable gives them, or nothing does.
        given: what the callable gave.
        fault: why there is nothing; empty when all is well.
        module: the first part of the dotted name that it names, whose sources hold its components.
    """

    package: str
    folder: str | None = None
    given: tuple[Any, ...] = ()
    fault: str = ""
    module: str = ""


def find_plugins() -> tuple[Plugin, ...]:
    """What the packages of this environment bring, by package and entry point.

    What a package's code raises is logged with its traceback, and told as the package's fault.
    """
    if not any_declared(GROUP, GROUP_OF_TYPES):
        return ()
    definitions = (_found(one) for one in extensions(GROUP))
    return (*definitions, *(_type_of_steps(one) for one in extensions(GROUP_OF_TYPES)))


def read_plugins(
    plugins: Iterable[Plugin], settings: Settings, today: date
) -> tuple[tuple[CheckedFile, ...], tuple[Diagnostic, ...]]:
    """Read and check what plugins bring.

    Returns:
        Each definition, and what is wrong with a plugin as a whole.
    """
    checked: list[CheckedFile] = []
    found: list[Diagnostic] = []
    for plugin in plugins:
        shown = f"<{plugin.package}>"
        if plugin.fault:
            found.append(_failed(plugin, plugin.fault))
        elif plugin.folder is not None:
            files, odd = list_folder(plugin.folder)
            checked += (_read(plugin.folder, kind, path, shown, settings, today) for kind, path in files)
            found += (_shown(one, shown) for one in odd)
            if not files and not odd:
                folders = " nor ".join(f"`{kind}/`" for kind in KINDS)
                found.append(_failed(plugin, f"its folder holds no definitions, neither in {folders}"))
        listed = Listed(shown, Layer.PLUGIN, None, "steps")
        checked += (check_mapping(one, listed, settings, today) for one in plugin.given)
    return tuple(checked), tuple(found)


def package_of(path: str) -> str:
    """The package that a path of a plugin's definition names."""
    return path[1:].partition(">")[0]


def _found(point: Extension) -> Plugin:
    package = point.package
    form = _FORM.fullmatch(point.value)
    if form is None:
        return Plugin(package, fault=f"`{point.value}` names neither a folder nor a callable")
    try:
        if form["attr"]:
            given = point.load()()
            if isinstance(given, (str, bytes, dict)):
                return Plugin(
                    package, fault=f"`{point.value}` gives a {type(given).__name__}, not a list of steps"
                )
            return Plugin(
                package,
                given=tuple(dict(one) if isinstance(one, Mapping) else one for one in given),
                module=form["module"].partition(".")[0],
            )
        folder = _folder(form["module"])
    except ExtensionError as error:
        _log.warning("the plugin %s of %s failed", point.name, package, exc_info=error.__cause__)
        return Plugin(package, fault=f"`{point.value}` {error.fault}")
    except Exception as error:  # noqa: BLE001 - a package's code may raise anything; it is logged and told
        _log.warning("the plugin %s of %s failed", point.name, package, exc_info=True)
        return Plugin(package, fault=f"`{point.value}` fails with {type(error).__name__}: {error}")
    if folder is None:
        return Plugin(package, fault=f"there is no folder `{point.value}`")
    _log.debug("the package %s brings the folder %s", package, folder)
    return Plugin(package, folder, module=form["module"].partition(".")[0])


def _type_of_steps(point: Extension) -> Plugin:
    """The definition that an implementation stands for: its name, and where it is."""
    package, form = point.package, _FORM.fullmatch(point.value)
    if form is None or not form["attr"]:
        return Plugin(package, fault=f"`{point.value}` names no implementation of a step")
    step = {
        "name": point.name,
        "description": f"The step type {point.name} of the package {package}.",
        "implementation": f"{form['module']}:{form['attr']}",
    }
    return Plugin(package, given=(step,), module=form["module"].partition(".")[0])


def _folder(module: str) -> str | None:
    """The folder of a dotted name; only its first part is looked for, which imports nothing."""
    from importlib.util import find_spec

    first, *rest = module.split(".")
    spec = find_spec(first)
    for place in (spec.submodule_search_locations if spec is not None else None) or ():
        folder = os.path.join(place, *rest)
        if os.path.isdir(folder):
            return os.path.realpath(folder)
    return None


def _read(folder: str, kind: str, path: str, shown: str, settings: Settings, today: date) -> CheckedFile:
    content = read(folder, path)
    listed = Listed(f"{shown}/{path}", Layer.PLUGIN, None, kind)
    document = (
        _shown(content, shown) if isinstance(content, Diagnostic) else content._replace(path=listed.path)
    )
    held = catalog.active("plugin file", settings.severities)
    return check_document(listed, document, settings, today, held)


def _shown(found: Diagnostic, shown: str) -> Diagnostic:
    """A finding about a file of a package, by a path that names the package and no folder of this machine."""
    related = tuple(
        replace(one, span=replace(one.span, path=f"{shown}/{one.span.path}")) for one in found.related
    )
    span = found.span and replace(found.span, path=f"{shown}/{found.span.path}")
    return replace(found, span=span, related=related)


def _failed(plugin: Plugin, fault: str) -> Diagnostic:
    return Diagnostic(
        "plugin-failed",
        Severity.ERROR,
        f"the package {plugin.package} brings no steps: {fault}",
        None,
        "mend or remove the package, or set `enabled = false` in `[plugins]`",
    )
