"""Catalog of pipelines shipped with Stepwell: this repository in a checkout, a copy of it in the wheel."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final, final

from stepwell.live.registry import Registry
from stepwell.model.graph import Node
from stepwell.model.layer import Source
from stepwell.model.settings import open_project
from stepwell.resolve.view import View
from stepwell.source.spelling import suggest
from stepwell.source.tree import EntryKind
from stepwell.write.scaffold.step import NotWritten

__all__ = ["CopiedPipeline", "copy_pipeline", "open_catalog"]

_SCHEMA_LINE: Final = re.compile(r"\A(# yaml-language-server: \$schema=|#:schema )[^\n]*\n")
_NAME_LINE: Final = re.compile(r"^name: .*$", re.MULTILINE)
_SOURCES: Final = re.compile(r"(?<=compatible_sources)(: | = )\[([^]\n]*)\]")


@final
@dataclass(frozen=True, slots=True)
class CopiedPipeline:
    """Planned copy of a catalog pipeline with its steps and scripts."""

    pipeline: str
    files: Mapping[str, str]
    kept: tuple[str, ...]


def open_catalog(today: Callable[[], date]) -> Registry:
    """Open the project of the catalog, without plugins.

    Args:
       today: returns the date for deprecations.
    """
    inside = Path(__file__).parents[2] / "shipped"  # in the wheel
    folder = inside if inside.is_dir() else Path(__file__).parents[4]
    return Registry(open_project(str(folder)), today)


def copy_pipeline(
    catalog: Registry, registry: Registry, workspace: str | None, source: str, name: str
) -> CopiedPipeline:
    """Return the files that a project lacks to use a catalog pipeline.

    Args:
       workspace: target of the local layer; ``None`` for the core.

    Raises:
       NotWritten: the pipeline is unknown, or its name or a file exists.
    """
    pipelines = catalog.view(None).pipelines
    if source not in pipelines:
        hint = suggest(source, pipelines) or f"available: {', '.join(pipelines)}"
        raise NotWritten(f"the catalog has no pipeline `{source}` ({hint})")
    if name in registry.view(workspace).pipelines:
        raise NotWritten(f"pipeline `{name}` already exists")
    return _Copying(catalog, registry, workspace).copied(source, name)


@final
class _Copying:
    """Copy under construction."""

    def __init__(self, catalog: Registry, registry: Registry, workspace: str | None) -> None:
        self._catalog = catalog
        self._registry = registry
        self._workspace = workspace
        self._settings = registry.project.settings
        self._files: dict[str, str] = {}
        self._kept: dict[str, None] = {}
        self._known = {
            *registry.view(workspace).steps,
            *catalog.project.settings.alignment.generic_sources,
        }

    def copied(self, source: str, name: str) -> CopiedPipeline:
        """Return the complete copy."""
        nodes = self._catalog.pipeline(source, workspace=None).nodes.values()
        self._known |= {node.step for node in nodes}
        for node in nodes:
            self._step(node)
        source_file = self._catalog.view(None).pipelines[source].sources[0]
        layer = self._layer(self._workspace)
        path = f"{layer}/pipelines/{self._settings.naming.stem(name)}.yaml"
        self._add(
            path, _NAME_LINE.sub(f"name: {name}", self._definition("pipeline", source_file, path), count=1)
        )
        return CopiedPipeline(path, self._files, tuple(self._kept))

    def _step(self, node: Node) -> None:
        """Copy a step unless the project already has it."""
        whose = node.workspace
        named = f"{whose}:{node.step}" if whose else node.step
        if whose is not None and whose not in self._registry.workspaces:
            self._copy(f"{self._catalog.project.settings.workspaces}/{whose}/workspace.yaml", "workspace")
        elif node.step in self._registry.view(whose or self._workspace).steps:
            self._kept[named] = None
            return
        view = self._catalog.view(whose)
        for source in view.steps[node.step].sources:
            self._defined(view, node.step, source)

    def _defined(self, view: View, step: str, source: Source) -> None:
        """Copy a step definition and its script."""
        catalog = self._catalog.project.settings
        below = source.document.path.split("/steps/", 1)[1]
        path = f"{self._layer(source.workspace)}/steps/{below}"
        text = _SOURCES.sub(self._without_unknown, self._definition("step", source, path))
        place = view.components(step)["script"].place
        if place is not None:
            script = place.path
            if place.workspace is not None:  # was found by name
                script = script.replace(catalog.workspaces, self._settings.workspaces, 1)
            elif source.workspace is None:
                roots = (
                    f"{folder}/" for folder in catalog.component_folders if script.startswith(f"{folder}/")
                )
                script = script.removeprefix(next(roots, ""))
                text = f"{text}components:\n  script: {script}\n"
            self._add(script, self._text(place.path))
        self._add(path, text)

    def _without_unknown(self, sources: re.Match[str]) -> str:
        """Return a list of input sources without the steps that the project lacks."""
        names = [name for name in sources[2].split(", ") if name.strip('"') in self._known]
        return f"{sources[1]}[{', '.join(names)}]"

    def _copy(self, path: str, form: str) -> None:
        text = _SCHEMA_LINE.sub("", self._text(path))
        place = path.replace(self._catalog.project.settings.workspaces, self._settings.workspaces, 1)
        self._add(place, f"{self._schema_line(form, place)}{text}")

    def _definition(self, form: str, source: Source, path: str) -> str:
        return self._schema_line(form, path) + _SCHEMA_LINE.sub("", source.document.text)

    def _schema_line(self, form: str, path: str) -> str:
        """Return the schema comment for editors, if the project has the schema."""
        schema = f"schemas/{form}.schema.json"
        if self._registry.project.tree.follow(schema).kind is not EntryKind.FILE:
            return ""
        opening = "#:schema " if path.endswith(".toml") else "# yaml-language-server: $schema="
        return f"{opening}{posixpath.relpath(schema, posixpath.dirname(path))}\n"

    def _layer(self, workspace: str | None) -> str:
        if workspace is None:
            return self._settings.core
        return f"{self._settings.workspaces}/{workspace}/local"

    def _text(self, path: str) -> str:
        return Path(self._catalog.project.root, path).read_text(encoding="utf-8")

    def _add(self, path: str, text: str) -> None:
        """Plan a file unless it is unchanged."""
        target = self._registry.project.tree.follow(path)
        if target.kind is not None:
            there = self._registry.project.tree.read(path)
            if there != text.encode():
                raise NotWritten(f"{path} already exists with different content; nothing was written")
        elif target.path != path:
            raise NotWritten(f"{path} leads elsewhere through a symbolic link; nothing was written")
        else:
            self._files[path] = text
