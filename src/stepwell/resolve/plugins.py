"""Definitions of installed packages, discovered by entry points.

An entry point of the group ``stepwell.steps`` refers to a folder of definitions, which is read without
imports, or to a callable that returns mappings. Entry points of the group ``stepwell.step_types`` refer to
implementations by step name, which are imported when the step runs.
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
from stepwell.source.extensions import (
    GROUP_OF_STEPS,
    GROUP_OF_TYPES,
    Extension,
    any_declared,
    extensions,
)
from stepwell.source.read import read

__all__ = [
    "Plugin",
    "PluginDefinitions",
    "find_plugins",
    "read_plugins",
]

_FORM: Final = re.compile(r"(?P<module>\w+(\.\w+)*)\s*(:\s*(?P<attr>\w+(\.\w+)*))?\s*(\[.*\])?")
"""Syntax of entry point values (entry points specification, data model)."""

logging.getLogger("stepwell").addHandler(logging.NullHandler())  # silent by default

_log = logging.getLogger(__name__)


@final
class Plugin(NamedTuple):
    """Definitions of one entry point.

    Args:
        folder: absolute; ``None`` without a folder.
        given: result of the callable.
        fault: the error; empty on success.
        module: top-level module of the entry point, which contains its components.
    """

    package: str
    folder: str | None = None
    given: tuple[Any, ...] = ()
    fault: str = ""
    module: str = ""


@final
class PluginDefinitions(NamedTuple):
    """Definitions of plugins.

    Args:
        diagnostics: findings about plugins as a whole.
    """

    files: tuple[CheckedFile, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()


def find_plugins() -> tuple[Plugin, ...]:
    """Return the plugins of this environment by package and entry point.

    Exceptions of a package are logged with tracebacks and reported as the package's fault.
    """
    if not any_declared(GROUP_OF_STEPS, GROUP_OF_TYPES):
        return ()
    definitions = (_found(item) for item in extensions(GROUP_OF_STEPS))
    return (*definitions, *(_type_of_steps(item) for item in extensions(GROUP_OF_TYPES)))


def read_plugins(plugins: Iterable[Plugin], settings: Settings, today: date) -> PluginDefinitions:
    """Read and check the definitions of plugins."""
    checked: list[CheckedFile] = []
    findings: list[Diagnostic] = []
    for plugin in plugins:
        shown = f"<{plugin.package}>"
        if plugin.fault:
            findings.append(_failed(plugin, plugin.fault))
        elif plugin.folder is not None:
            files, odd = list_folder(plugin.folder)
            checked += (_read(plugin.folder, kind, path, shown, settings, today) for kind, path in files)
            findings += (_shown(item, shown) for item in odd)
            if not files and not odd:
                folders = " or ".join(f"`{kind}/`" for kind in KINDS)
                findings.append(_failed(plugin, f"its folder has no definitions in {folders}"))
        listed = Listed(shown, Layer.PLUGIN, None, "steps")
        checked += (check_mapping(item, listed, settings, today) for item in plugin.given)
    return PluginDefinitions(tuple(checked), tuple(findings))


def _found(point: Extension) -> Plugin:
    package = point.package
    form = _FORM.fullmatch(point.value)
    if form is None:
        return Plugin(package, fault=f"`{point.value}` is neither a folder nor a callable")
    try:
        if form["attr"]:
            given = point.load()()
            if isinstance(given, (str, bytes, dict)):
                return Plugin(
                    package, fault=f"`{point.value}` must return a list of steps, got {type(given).__name__}"
                )
            return Plugin(
                package,
                given=tuple(dict(item) if isinstance(item, Mapping) else item for item in given),
                module=form["module"].partition(".")[0],
            )
        folder = _folder(form["module"])
    except ExtensionError as error:
        _log.warning("plugin %s of %s failed", point.name, package, exc_info=error.__cause__)
        return Plugin(package, fault=f"`{point.value}` {error.fault}")
    except Exception as error:  # noqa: BLE001 - a package's code may raise anything; it is logged and reported
        _log.warning("plugin %s of %s failed", point.name, package, exc_info=True)
        return Plugin(package, fault=f"`{point.value}` fails with {type(error).__name__}: {error}")
    if folder is None:
        return Plugin(package, fault=f"folder `{point.value}` does not exist")
    _log.debug("package %s provides the folder %s", package, folder)
    return Plugin(package, folder, module=form["module"].partition(".")[0])


def _type_of_steps(point: Extension) -> Plugin:
    """Return the definition of an implementation: its name and import path."""
    package, form = point.package, _FORM.fullmatch(point.value)
    if form is None or not form["attr"]:
        return Plugin(package, fault=f"`{point.value}` is not an implementation of a step")
    step = {
        "name": point.name,
        "description": f"The step type {point.name} of the package {package}.",
        "implementation": f"{form['module']}:{form['attr']}",
    }
    return Plugin(package, given=(step,), module=form["module"].partition(".")[0])


def _folder(module: str) -> str | None:
    """Return the folder of a dotted name; finds only the top-level module, without importing."""
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


def _shown(finding: Diagnostic, shown: str) -> Diagnostic:
    """Return a finding with a path that shows the package instead of a local folder."""
    related = tuple(
        replace(item, span=replace(item.span, path=f"{shown}/{item.span.path}")) for item in finding.related
    )
    span = finding.span and replace(finding.span, path=f"{shown}/{finding.span.path}")
    return replace(finding, span=span, related=related)


def _failed(plugin: Plugin, fault: str) -> Diagnostic:
    return Diagnostic(
        "plugin-failed",
        Severity.ERROR,
        f"cannot load steps of package {plugin.package}: {fault}",
        None,
        "fix or uninstall the package, or set `enabled = false` in `[plugins]`",
    )
