"""``stepwell workspace show``: what one workspace says of itself, adds, overrides and hides."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

import click

from stepwell.frontends.cli.options import Asked, format_option, open_registry, project_options
from stepwell.frontends.cli.workspace.options import (
    complete_id,
    counted,
    findings_of,
    names_of,
    refuse_unknown,
)
from stepwell.frontends.render.json import finding
from stepwell.live.registry import Registry
from stepwell.model import KINDS
from stepwell.model.layer import Layer
from stepwell.model.schema import fields
from stepwell.resolve.view import View
from stepwell.source.document import thaw
from stepwell.source.escape_control import visible, well_formed

_EXAMPLE = """\b
Examples:
  stepwell workspace show alice
  stepwell workspace show alice --format json
"""

_OTHER_KINDS = tuple(KINDS)[1:]
"""Every kind but steps, of which more is told."""

_CODE = ("src/builders", "src/configs", "src/contracts", "src/scripts", "src/specs", "tests")


@click.command("show", epilog=_EXAMPLE, short_help="Show what a workspace adds, overrides and hides.")
@click.argument("workspace", metavar="ID", shell_complete=complete_id)
@format_option("text", "json")
@project_options
def command(workspace: str, form: str, asked: Asked) -> int:
    """Show the workspace ID: its settings, its layers, its folders of code, and its findings."""
    registry = open_registry(asked)
    refuse_unknown(registry, workspace)
    told = _plain(registry, workspace)
    if form == "json":
        json.dump(told, sys.stdout, indent=2)
        sys.stdout.write("\n")
    else:
        sys.stdout.writelines(f"{line}\n" for line in _lines(registry, told))
    return 0


def _plain(registry: Registry, workspace: str) -> dict[str, Any]:
    said = registry.snapshot.workspaces[workspace]
    view = registry.view(workspace)
    own, overridden = names_of(view)
    folder = f"{registry.project.settings.workspaces}/{workspace}"
    found = findings_of(registry.project, registry.diagnostics, workspace)
    return {
        "version": 1,
        "id": workspace,
        "folder": folder,
        "file": None if said.document is None else said.document.path,
        "settings": {key: thaw(said[key]) for key in _settings()},
        "adds": [_place(view, name, Layer.LOCAL) for name in own if not _hides(registry, view, name)],
        "hides": [_place(view, name, Layer.LOCAL) for name in own if _hides(registry, view, name)],
        "overrides": [_place(view, name, Layer.OVERRIDE) for name in overridden],
        **{folder: sorted(view.tables[folder].above) for folder in _OTHER_KINDS},
        "code": [
            {"folder": f"{folder}/{name}", "files": count}
            for name in _CODE
            if (count := _python_files(registry, f"{folder}/{name}")) is not None
        ],
        "findings": [finding(one) for one in found],
    }


def _shown(value: Any) -> str:
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return ", ".join(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _settings() -> tuple[str, ...]:
    """The fields of a workspace besides its id, which has a line of its own."""
    return tuple(field for field in fields("workspace") if field != "developer_id")


def _hides(registry: Registry, view: View, name: str) -> bool:
    """Whether a step of the core is out of sight behind a local one."""
    return name in registry.snapshot.core.steps and view.steps[name].sources[-1].layer is Layer.LOCAL


def _place(view: View, name: str, layer: Layer) -> dict[str, Any]:
    source = next(one for one in view.steps[name].sources if one.layer is layer)
    fields = [key for key in source.document.data if key not in ("name", "$schema")]
    return {"step": name, "file": well_formed(source.document.path), "fields": fields}


def _python_files(registry: Registry, folder: str) -> int | None:
    from stepwell.source.python.index import list_sources

    target = registry.project.tree.follow(folder)
    if target.kind is None or target.path is None:
        return None
    return sum(1 for one in list_sources(registry.project.root, (folder,)) if one.path.endswith(".py"))


def _lines(registry: Registry, told: dict[str, Any]) -> Iterator[str]:
    said = told["settings"]
    yield f"{told['id']} in {visible(told['folder'])}"
    if said["description"]:
        yield f"  {visible(' '.join(said['description'].split()))}"
    for key in _settings():
        if key != "description" and said[key]:
            yield f"  {key}: {visible(_shown(said[key]))}"
    for title, verb in (("adds", "Adds"), ("hides", "Hides steps of the core"), ("overrides", "Overrides")):
        if told[title]:
            yield ""
            yield verb
            for one in told[title]:
                fields = f" ({', '.join(map(visible, one['fields']))})" if title == "overrides" else ""
                yield f"  {one['step']}  {visible(one['file'])}{fields}"
    for folder in _OTHER_KINDS:
        if told[folder]:
            yield ""
            yield KINDS[folder].titles.capitalize()
            yield from (f"  {name}" for name in told[folder])
    if told["code"]:
        yield ""
        yield "Code"
        for one in told["code"]:
            files = "1 Python file" if one["files"] == 1 else f"{one['files']} Python files"
            yield f"  {visible(one['folder'])}/  {files}"
    found = findings_of(registry.project, registry.diagnostics, told["id"])
    yield ""
    more = f"; `stepwell check {told['folder']}` tells them" if found else ""
    yield f"Findings: {counted(found)}{more}."
