"""Resolve components that definitions declare as a file and a name."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple, final

from stepwell.code.files import Installed, in_project, place_of_name, top_names
from stepwell.model.component import CodePlace
from stepwell.model.layer import Layer, Source
from stepwell.model.settings import Project
from stepwell.source.python import SourceFile
from stepwell.source.spelling import closest, did_you_mean

__all__ = ["Declared", "Declaring", "declarations", "place_named"]


@final
class Declared(NamedTuple):
    """Result of resolving a declaration.

    Args:
        place: ``None`` if it cannot be resolved.
    """

    place: CodePlace | None
    fault: str = ""
    help: str = ""


def declarations(sources: tuple[Source, ...], kind: str) -> list[tuple[Source, str]]:
    """Return the declarations of a kind, topmost first, up to a removal.

    Args:
        sources: documents of the definition, topmost first.
    """
    declared: list[tuple[Source, str]] = []
    for source in sources:
        if "components" not in source.document.data:
            continue
        table = source.document.data["components"]
        if table is None:
            break
        if kind in table:
            if table[kind] is None:
                break
            declared.append((source, table[kind]))
    return declared


@final
class Declaring(NamedTuple):
    """Resolves declarations.

    Args:
        outline: returns the outline of a project file.
    """

    project: Project
    outline: Callable[[str, str], SourceFile]
    installed: tuple[Installed, ...]

    def follow(self, source: Source, value: str) -> Declared:
        """Return the location of a declaration.

        Args:
            value: ``path/to/file.py:Name``, or only a path.
        """
        path, _, name = value.partition(":")
        if source.layer is Layer.PLUGIN:
            return self._in_package(source.package, path, name)
        base = f"{self.project.settings.workspaces}/{source.workspace}/" if source.workspace else ""
        full = f"{base}{path}"
        real = in_project(self.project.root, full)
        if real is None:
            return self._nowhere(full, base)
        rejection = self._rejection(full, source.workspace) or self._rejection(real, source.workspace)
        if rejection:
            return Declared(None, rejection, "declare a file of this workspace or of the core")
        layer = Layer.CORE if source.workspace is None else Layer.LOCAL
        place = CodePlace(full, name or None, 1, 1, layer, source.workspace)
        return place_named(self.outline(full, real), self.project.root, place)

    def _in_package(self, package: str, path: str, name: str) -> Declared:
        for installed in self.installed:
            if installed.package != package:
                continue
            full = f"{installed.folder}/{path}" if installed.folder else path
            file = installed.sources.files.get(full)
            if file is not None:
                module = full.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
                shown = f"<{package}>/{full}"
                place = CodePlace(shown, name or None, 1, 1, Layer.PLUGIN, None, module)
                return place_named(file, installed.sources.root, place)
        return Declared(
            None, f"package {package} has no file `{path}`", "report it to the authors of the package"
        )

    def _nowhere(self, full: str, base: str) -> Declared:
        outside = os.path.lexists(os.path.join(self.project.root, full))
        if outside:
            fault = f"link `{full}` is broken or leads outside the project"
            return Declared(None, fault, "copy the file here instead of linking to it")
        folder, _, file = full.rpartition("/")
        try:
            names = sorted(os.listdir(os.path.join(self.project.root, folder)))
        except (OSError, ValueError):
            names = []
        near = closest(file, (name for name in names if name.endswith(".py")))
        hint = did_you_mean([f"{folder}/{name}".removeprefix("/").removeprefix(base) for name in near])
        if not hint:
            hint = f"paths are relative to {f'`{base}`' if base else 'the project'}"
        return Declared(None, f"file `{full}` not found", hint)

    def _rejection(self, path: str, workspace: str | None) -> str:
        """Return why a workspace may not use a file; empty if it may."""
        base = f"{self.project.settings.workspaces}/"
        if not path.startswith(base):
            return ""
        owner = path[len(base) :].partition("/")[0]
        if owner == workspace:
            return ""
        return f"`{path}` belongs to workspace {owner}"


def place_named(file: SourceFile, root: str, place: CodePlace) -> Declared:
    """Return the location of a name in a file.

    Args:
        root: base of the path.
    """
    if file.outline is None:
        why, line, _ = file.failure or ("cannot be read", 1, 1)
        return Declared(None, f"cannot parse `{place.path}`: {why}, line {line}", "fix the file")
    if place.name is None:
        return Declared(place)
    at = place_of_name(root, file, place.name)
    if at is not None:
        return Declared(replace(place, line=at[0], column=at[1]))
    hint = (
        did_you_mean(
            closest(place.name, (*top_names(file), *(item.qualified for item in file.outline.classes)))
        )
        or "define it there, or correct the declaration"
    )
    return Declared(None, f"`{place.path}` does not define `{place.name}`", hint)
