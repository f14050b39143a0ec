"""Locate the implementation of a step in the project or in an installed module."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from importlib.machinery import ModuleSpec, all_suffixes
from typing import Final

from stepwell.code.declared import Declared, Declaring, place_named
from stepwell.code.files import in_project, outline_file, place_of_name, top_names
from stepwell.model import StepDefinition
from stepwell.model.component import IMPLEMENTATION, CodePlace, Component, ComponentState
from stepwell.model.layer import Layer, Source
from stepwell.source.spelling import suggest

__all__ = ["implementation_of", "place_in_module"]

_FILE: Final = re.compile(r"\.py:")


def implementation_of(step: StepDefinition, declaring: Declaring) -> Component:
    """Return the location of a step's implementation, without running Python."""
    source = _stating(step.sources)
    value = step.implementation
    if source is None or value is None:
        return Component(IMPLEMENTATION, ComponentState.NONE)
    span = source.document.value_span((IMPLEMENTATION,))
    if _FILE.search(value):
        declared = declaring.follow(source, value)
    else:
        declared = _in_sources(source, value, declaring) or place_in_module(value)
    if declared.place is None:
        return Component(
            IMPLEMENTATION,
            ComponentState.MISSING,
            None,
            value,
            span,
            fault=declared.fault,
            help=declared.help,
        )
    return Component(IMPLEMENTATION, ComponentState.DECLARED, declared.place, value, span)


def _stating(sources: tuple[Source, ...]) -> Source | None:
    for source in sources:
        if IMPLEMENTATION in source.document.data:
            return source if source.document.data[IMPLEMENTATION] is not None else None
    return None


def _in_sources(source: Source, value: str, declaring: Declaring) -> Declared | None:
    """Return the implementation in the sources of the workspace or the core."""
    if source.layer is Layer.PLUGIN:
        return None
    module, _, name = value.partition(":")
    settings, root = declaring.project.settings, declaring.project.root
    own = () if source.workspace is None else (f"{settings.workspaces}/{source.workspace}/src",)
    for folder in (*own, *settings.component_folders):
        stem = f"{folder}/{module.replace('.', '/')}"
        for full in (f"{stem}.py", f"{stem}/__init__.py"):
            real = in_project(root, full)
            if real is not None:
                layer, workspace = (Layer.LOCAL, source.workspace) if folder in own else (Layer.CORE, None)
                place = CodePlace(full, name, 1, 1, layer, workspace)
                return place_named(declaring.outline(full, real), root, place)
    return None


def place_in_module(value: str) -> Declared:
    """Return the location of a name in an installed module; nothing is imported.

    Args:
        value: ``package.module:Name``.
    """
    from importlib.util import find_spec

    module, _, name = value.partition(":")
    first, *rest = module.split(".")
    try:
        spec = find_spec(first)
    except (ImportError, ValueError):
        spec = None
    if spec is None:
        hint = "install its package, or use a file of the project: `path/to/file.py:Name`"
        return Declared(None, f"module `{first}` is not installed", hint)
    place = CodePlace(f"<{first}>", name, 1, 1, Layer.PLUGIN, None, module)
    files = list(_files(spec, rest))
    if not files:
        if not rest and not spec.submodule_search_locations:
            return Declared(place)  # built into Python
        return Declared(None, f"`{first}` has no module `{module}`", "check the modules of the package")
    root, path = files[0]
    if not path.endswith(".py"):
        return Declared(place)  # compiled: checked when it is loaded
    file = outline_file(root, path, path)
    shown = f"<{first}>/{path}"
    if file.outline is None:
        why, line, _ = file.failure or ("cannot be read", 1, 1)
        return Declared(None, f"cannot parse `{shown}`: {why}, line {line}", "fix the file")
    at = place_of_name(root, file, name)
    if at is not None:
        return Declared(CodePlace(shown, name, *at, Layer.PLUGIN, None, module))
    if any(binding.name == "__getattr__" for binding in file.outline.bindings):
        return Declared(place)
    hint = (
        suggest(name, (*top_names(file), *(item.qualified for item in file.outline.classes)))
        or "check the names of the module"
    )
    return Declared(None, f"`{shown}` does not define `{name}`", hint)


def _files(spec: ModuleSpec, rest: list[str]) -> Iterator[tuple[str, str]]:
    """Yield the possible files of a module, as root folder and relative path."""
    for top in spec.submodule_search_locations or ():
        root, first = os.path.split(os.path.realpath(top))
        stem = os.path.join(first, *rest)
        for ending in all_suffixes():
            for path in (f"{stem}{ending}", os.path.join(stem, f"__init__{ending}")):
                if os.path.isfile(os.path.join(root, path)):
                    yield root, path.replace(os.sep, "/")
    if not spec.submodule_search_locations and not rest and spec.has_location and spec.origin is not None:
        root, path = os.path.split(os.path.realpath(spec.origin))
        yield root, path
