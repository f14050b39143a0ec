"""What runs a step, as its definition says it: a name in a file of the project, or in an installed module."""

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
    """Where what runs a step is; no Python is run."""
    source = _stating(step.sources)
    value = step.implementation
    if source is None or value is None:
        return Component(IMPLEMENTATION, ComponentState.NONE)
    span = source.document.value_span((IMPLEMENTATION,))
    if _FILE.search(value):
        found = declaring.follow(source, value)
    else:
        found = _in_sources(source, value, declaring) or place_in_module(value)
    if found.place is None:
        return Component(
            IMPLEMENTATION, ComponentState.MISSING, None, value, span, fault=found.fault, help=found.help
        )
    return Component(IMPLEMENTATION, ComponentState.DECLARED, found.place, value, span)


def _stating(sources: tuple[Source, ...]) -> Source | None:
    for source in sources:
        if IMPLEMENTATION in source.document.data:
            return source if source.document.data[IMPLEMENTATION] is not None else None
    return None


def _in_sources(source: Source, value: str, declaring: Declaring) -> Declared | None:
    """The name in a module of the sources of the layer that states it, or of the core's."""
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
    """Where a name in an installed module is; only the first part is looked for, which imports nothing.

    Args:
        value: as it is written, ``package.module:Name``.
    """
    from importlib.util import find_spec

    module, _, name = value.partition(":")
    first, *rest = module.split(".")
    try:
        spec = find_spec(first)
    except (ImportError, ValueError):
        spec = None
    if spec is None:
        hint = "install its package, or name a file of the project: `path/to/file.py:Name`"
        return Declared(None, f"there is no installed module `{first}`", hint)
    place = CodePlace(f"<{first}>", name, 1, 1, Layer.PLUGIN, None, module)
    files = list(_files(spec, rest))
    if not files:
        if not rest and not spec.submodule_search_locations:
            return Declared(place)  # a part of Python itself
        return Declared(None, f"`{first}` has no module `{module}`", "see what the package holds")
    root, path = files[0]
    if not path.endswith(".py"):
        return Declared(place)  # compiled: what it defines is known when it is loaded
    file = outline_file(root, path, path)
    shown = f"<{first}>/{path}"
    if file.outline is None:
        why, line, _ = file.failure or ("it cannot be read", 1, 1)
        return Declared(None, f"what `{shown}` defines cannot be told: {why}, line {line}", "mend the file")
    at = place_of_name(root, file, name)
    if at is not None:
        return Declared(CodePlace(shown, name, *at, Layer.PLUGIN, None, module))
    if any(one.name == "__getattr__" for one in file.outline.bindings):
        return Declared(place)
    hint = (
        suggest(name, (*top_names(file), *(one.qualified for one in file.outline.classes)))
        or "see what the module defines"
    )
    return Declared(None, f"`{shown}` defines no `{name}`", hint)


def _files(spec: ModuleSpec, rest: list[str]) -> Iterator[tuple[str, str]]:
    """The files that a module may be, each as the folder of its top package and the path below it."""
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
