"""``stepwell workspace remove``: remove a workspace, optionally with a backup."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from datetime import datetime

import click

from stepwell.frontends.cli.options import CommonOptions, configuration_of, open_registry, project_options
from stepwell.frontends.cli.workspace.options import complete_id, known_view, names_of, undone_when_ended
from stepwell.live.registry import Registry
from stepwell.model.settings import Project
from stepwell.source.atomic_write import leftovers
from stepwell.source.escape_control import visible

_EXAMPLE = """\b
Examples:
  stepwell workspace remove dana
  stepwell workspace remove dana --backup --yes
"""


@click.command("remove", epilog=_EXAMPLE, short_help="Remove a workspace.")
@click.argument("workspace", metavar="ID", shell_complete=complete_id)
@click.option("--backup", is_flag=True, help="Keep a tar.gz archive in `.backup/` next to the workspace.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation; required without a terminal.")
@project_options
def command(workspace: str, backup: bool, yes: bool, common: CommonOptions) -> int:
    """Remove the workspace ID with all its files.

    The workspace is removed from the registry completely or not at all. If some of its files cannot be
    deleted, they remain in a hidden folder, which the error names and the next `workspace new` or `remove`
    deletes.
    """
    registry = open_registry(common)
    known_view(registry, workspace)
    project = registry.project
    base = project.settings.workspaces
    if project.tree.follow(base).path is None:
        raise click.UsageError(f"{base} leaves the project through a symbolic link; nothing was removed")
    if not yes:
        _ask(registry, workspace, backup=backup)
    from stepwell.write.scaffold import remove

    stamp = datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
    try:
        with undone_when_ended():
            kept = remove(project.root, base, workspace, f"{workspace}-{stamp}" if backup else None)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        there = os.path.lexists(f"{project.root}/{base}/{workspace}")
        remaining = f"it is removed, but some of its files remain in {_hidden(project, workspace)}"
        state = "nothing was removed" if there else remaining
        raise click.ClickException(f"{base}/{workspace} cannot be removed: {reason}; {state}") from None
    if kept is not None:
        sys.stdout.write(f"kept {visible(kept)}\n")
    if not common.quiet:
        sys.stdout.write(f"removed {base}/{workspace}\n")
        sys.stdout.writelines(f"{line}\n" for line in _left(registry, workspace))
    return 0


def _hidden(project: Project, workspace: str) -> str:
    base = project.settings.workspaces
    left = [name for name in leftovers(os.path.join(project.root, base)) if name.startswith(f".{workspace}.")]
    return ", ".join(f"{base}/{name}" for name in left)


def _ask(registry: Registry, workspace: str, *, backup: bool) -> None:
    if not sys.stdin.isatty():
        raise click.UsageError(
            f"no terminal to ask for confirmation; use --yes to remove the workspace `{workspace}`"
        )
    own, overridden = names_of(registry.view(workspace))
    folder = f"{registry.project.settings.workspaces}/{workspace}"
    kept = "with backup" if backup else "no backup"
    click.echo(f"{folder}: {len(own)} local steps, {len(overridden)} overrides; {kept}", err=True)
    if not click.confirm(f"Remove {folder} with all its files?", default=False, err=True):
        raise click.UsageError("nothing was removed")


def _left(registry: Registry, workspace: str) -> Iterator[str]:
    """Yield the settings that still reference the workspace."""
    settings = registry.project.settings
    name = configuration_of(registry.project)
    if settings.workspace == workspace:
        yield f"next: remove it from `[project] workspace` in {name}"
    for target in settings.freeze:
        if target.workspace == workspace:
            yield f"next: remove the [[freeze]] table with output {visible(target.output)} from {name}"
