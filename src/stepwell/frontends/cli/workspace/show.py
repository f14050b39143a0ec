"""``stepwell workspace list`` and ``show``: the workspaces, and the content of one."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

import click

from stepwell.frontends.cli.options import (
    CommonOptions,
    color_wanted,
    displayed_path,
    format_option,
    open_registry,
    project_options,
    write_json,
)
from stepwell.frontends.cli.workspace.options import (
    complete_id,
    findings_of,
    known_view,
    names_of,
)
from stepwell.frontends.render.columns import aligned, with_heading
from stepwell.frontends.render.output.workspaces import WorkspaceContents, fields_of
from stepwell.live.registry import Registry
from stepwell.model import KINDS
from stepwell.model.layer import Layer
from stepwell.model.schema import fields as schema_fields
from stepwell.resolve.view import View
from stepwell.source.diagnostic import counted_findings
from stepwell.source.document import Document, thaw
from stepwell.source.escape_control import visible
from stepwell.source.wording import counted

_LIST_EXAMPLE = """\b
Examples:
  stepwell workspace list
  stepwell workspace list --format json
"""

_HEADINGS = ("ID", "VERSION", "STEPS", "OVERRIDES", "FINDINGS")


@click.command("list", epilog=_LIST_EXAMPLE, short_help="List the workspaces.")
@format_option("table", "json")
@project_options
def list_workspaces(form: str, common: CommonOptions) -> int:
    """List workspaces with the number of their steps, overrides and findings.

    The findings are those of `stepwell check`; `stepwell workspace check` checks more.
    """
    registry = open_registry(common)
    if form == "json":
        from stepwell.frontends.render.output.workspaces import WorkspaceListOutput, listed_workspace

        rows = [
            listed_workspace(
                registry.snapshot.workspaces[workspace],
                f"{registry.project.settings.workspaces}/{workspace}",
                names_of(registry.view(workspace)),
                findings_of(registry.project, registry.diagnostics, workspace),
            )
            for workspace in registry.workspaces
        ]
        write_json(WorkspaceListOutput(workspaces=tuple(rows)))
        return 0
    if not registry.workspaces:
        if not common.quiet:
            sys.stdout.write("No workspaces; run `stepwell workspace new ID` to create one.\n")
        return 0
    sys.stdout.writelines(f"{line}\n" for line in _table(registry))
    return 0


def _table(registry: Registry) -> list[str]:
    rows = [_HEADINGS]
    for workspace in registry.workspaces:
        version = registry.snapshot.workspaces[workspace].version
        own, overridden = names_of(registry.view(workspace))
        findings = findings_of(registry.project, registry.diagnostics, workspace)
        counts = counted_findings(findings) or "no findings"
        rows.append((workspace, visible(version), str(len(own)), str(len(overridden)), counts))
    return with_heading(aligned(rows), color=color_wanted())


_EXAMPLE = """\b
Examples:
  stepwell workspace show alice
  stepwell workspace show alice --format json
"""

_OTHER_KINDS = tuple(KINDS)[1:]
"""All kinds except steps, which have more columns."""

_CODE = ("src/builders", "src/configs", "src/contracts", "src/scripts", "src/specs", "tests")


@click.command("show", epilog=_EXAMPLE, short_help="Show what a workspace adds, overrides and shadows.")
@click.argument("workspace", metavar="ID", shell_complete=complete_id)
@format_option("text", "json")
@project_options
def command(workspace: str, form: str, common: CommonOptions) -> int:
    """Show the workspace ID: its settings, its layers, its folders of code, and its findings."""
    registry = open_registry(common)
    known_view(registry, workspace)
    contents = _contents(registry, workspace)
    if form == "json":
        from stepwell.frontends.render.output.workspaces import workspace_show_output

        write_json(workspace_show_output(contents))
    else:
        sys.stdout.writelines(f"{line}\n" for line in _lines(contents, registry.project.root))
    return 0


def _contents(registry: Registry, workspace: str) -> WorkspaceContents:
    view = registry.view(workspace)
    own, overridden = names_of(view)
    folder = f"{registry.project.settings.workspaces}/{workspace}"
    hiding = [name for name in own if _hides(registry, view, name)]
    return WorkspaceContents(
        workspace=registry.snapshot.workspaces[workspace],
        folder=folder,
        adds={name: _document(view, name, Layer.LOCAL) for name in own if name not in hiding},
        hides={name: _document(view, name, Layer.LOCAL) for name in hiding},
        overrides={name: _document(view, name, Layer.OVERRIDE) for name in overridden},
        others={kind: tuple(sorted(view.tables[kind].above)) for kind in _OTHER_KINDS},
        code={
            f"{folder}/{name}": count
            for name in _CODE
            if (count := _python_files(registry, f"{folder}/{name}")) is not None
        },
        findings=findings_of(registry.project, registry.diagnostics, workspace),
    )


def _hides(registry: Registry, view: View, name: str) -> bool:
    """Return whether a local step shadows a step of the core."""
    return name in registry.snapshot.core.steps and view.steps[name].sources[-1].layer is Layer.LOCAL


def _shown(value: Any) -> str:
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ", ".join(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _document(view: View, name: str, layer: Layer) -> Document:
    return next(source.document for source in view.steps[name].sources if source.layer is layer)


def _python_files(registry: Registry, folder: str) -> int | None:
    from stepwell.source.python.index import list_sources

    target = registry.project.tree.follow(folder)
    if target.kind is None or target.path is None:
        return None
    return sum(1 for source in list_sources(registry.project.root, (folder,)) if source.path.endswith(".py"))


def _lines(contents: WorkspaceContents, root: str) -> Iterator[str]:
    workspace = contents.workspace
    yield f"{workspace.id} in {visible(displayed_path(root, contents.folder))}"
    if workspace.description:
        yield f"  {visible(' '.join(workspace.description.split()))}"
    for key in schema_fields("workspace"):
        value = thaw(workspace[key])
        if value and key not in {"developer_id", "description"}:
            yield f"  {key}: {visible(_shown(value))}"
    for title, steps in (
        ("Adds", contents.adds),
        ("Shadowed steps of the core", contents.hides),
        ("Overrides", contents.overrides),
    ):
        if steps:
            yield ""
            yield title
            for name, document in steps.items():
                fields = f" ({', '.join(map(visible, fields_of(document)))})" if title == "Overrides" else ""
                yield f"  {name}  {visible(displayed_path(root, document.path))}{fields}"
    for kind, names in contents.others.items():
        if names:
            yield ""
            yield KINDS[kind].titles.capitalize()
            yield from (f"  {name}" for name in names)
    if contents.code:
        yield ""
        yield "Code"
        for folder, count in contents.code.items():
            files = counted(count, "Python file")
            yield f"  {visible(displayed_path(root, folder))}/  {files}"
    yield ""
    more = f" (run `stepwell check {displayed_path(root, contents.folder)}`)" if contents.findings else ""
    yield f"Findings: {counted_findings(contents.findings) or 'no findings'}{more}."
