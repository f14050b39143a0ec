"""A component that a definition declares: the file that it names, and the name in it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple, final

from stepwell.code.files import Installed, in_project, place_of_name, top_names
from stepwell.model.component import CodePlace
from stepwell.model.layer import Layer, Source
from stepwell.model.settings import Project
from stepwell.resolve.plugins import package_of
from stepwell.source.python import SourceFile
from stepwell.source.spelling import closest, did_you_mean

__all__ = ["Declared", "Declaring", "declarations", "place_named"]


@final
class Declared(NamedTuple):
    """What a declaration came to.

    Args:
        place: where it leads; ``None`` when it leads nowhere.
    """

    place: CodePlace | None
    fault: str = ""
    help: str = ""


def declarations(sources: tuple[Source, ...], kind: str) -> list[tuple[Source, str]]:
    """What the documents of a definition declare of a kind, topmost first; nothing below a removal.

    Args:
        sources: its documents, topmost first.
    """
    found: list[tuple[Source, str]] = []
    for source in sources:
        if "components" not in source.document.data:
            continue
        table = source.document.data["components"]
        if table is None:
            break
        if kind in table:
            if table[kind] is None:
                break
            found.append((source, table[kind]))
    return found


@final
class Declaring(NamedTuple):
    """Follows declarations.

    Args:
        outline: gives what a file of the project defines.
    """

    project: Project
    outline: Callable[[str, str], SourceFile]
    installed: tuple[Installed, ...]

    def follow(self, source: Source, value: str) -> Declared:
        """Where a declaration leads.

        Args:
            value: as it is written, ``path/to/file.py:Name`` or a path alone.
        """
        path, _, name = value.partition(":")
        if source.layer is Layer.PLUGIN:
            return self._in_package(package_of(source.document.path), path, name)
        base = f"{self.project.settings.workspaces}/{source.workspace}/" if source.workspace else ""
        full = f"{base}{path}"
        real = in_project(self.project.root, full)
        if real is None:
            return self._nowhere(full, base)
        refused = self._refusal(full, source.workspace) or self._refusal(real, source.workspace)
        if refused:
            return Declared(None, refused, "declare a file of its own, or one of the core")
        layer = Layer.CORE if source.workspace is None else Layer.LOCAL
        place = CodePlace(full, name or None, 1, 1, layer, source.workspace)
        return place_named(self.outline(full, real), self.project.root, place)

    def _in_package(self, package: str, path: str, name: str) -> Declared:
        for one in self.installed:
            if one.package != package:
                continue
            full = f"{one.folder}/{path}" if one.folder else path
            file = one.sources.files.get(full)
            if file is not None:
                module = full.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
                shown = f"<{package}>/{full}"
                place = CodePlace(shown, name or None, 1, 1, Layer.PLUGIN, None, module)
                return place_named(file, one.sources.root, place)
        return Declared(None, f"the package {package} has no file `{path}`", "ask its authors")

    def _nowhere(self, full: str, base: str) -> Declared:
        outside = os.path.lexists(os.path.join(self.project.root, full))
        if outside:
            fault = f"`{full}` leads out of the project, or nowhere"
            return Declared(None, fault, "copy the file here instead of linking to it")
        folder, _, file = full.rpartition("/")
        try:
            there = sorted(os.listdir(os.path.join(self.project.root, folder)))
        except (OSError, ValueError):
            there = []
        near = closest(file, (one for one in there if one.endswith(".py")))
        hint = did_you_mean([f"{folder}/{one}".removeprefix("/").removeprefix(base) for one in near])
        if not hint:
            hint = f"the path is relative to {f'`{base}`' if base else 'the project'}"
        return Declared(None, f"there is no file `{full}`", hint)

    def _refusal(self, path: str, workspace: str | None) -> str:
        """Why a file may not be a component of a workspace; empty where it may."""
        base = f"{self.project.settings.workspaces}/"
        if not path.startswith(base):
            return ""
        owner = path[len(base) :].partition("/")[0]
        if owner == workspace:
            return ""
        return f"`{path}` belongs to workspace {owner}"


def place_named(file: SourceFile, root: str, place: CodePlace) -> Declared:
    """The place of a name, once it is known where in the file it stands.

    Args:
        root: the folder that its path is relative to.
    """
    if file.outline is None:
        why, line, _ = file.failure or ("it cannot be read", 1, 1)
        return Declared(
            None, f"what `{place.path}` defines cannot be told: {why}, line {line}", "mend the file"
        )
    if place.name is None:
        return Declared(place)
    at = place_of_name(root, file, place.name)
    if at is not None:
        return Declared(replace(place, line=at[0], column=at[1]))
    hint = (
        did_you_mean(
            closest(place.name, (*top_names(file), *(one.qualified for one in file.outline.classes)))
        )
        or "define it there, or declare where it is"
    )
    return Declared(None, f"`{place.path}` defines no `{place.name}`", hint)
