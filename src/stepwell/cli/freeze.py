"""``stepwell freeze``: the generated modules, written or compared."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import click

from stepwell.cli.freezing import errors_of, failed, refuse_to_harm, tell_errors, texts_of, write
from stepwell.cli.opening import (
    Asked,
    configuration_of,
    open_registry,
    project_options,
    view_of,
    workspace_option,
)
from stepwell.live.registry import Registry
from stepwell.model.settings import RESERVED_ID, FreezeTarget, Project

_EXAMPLE = """\b
Examples:
  stepwell freeze
  stepwell freeze --check
  stepwell freeze --workspace alice --output generated/alice_step_names.py
"""


@click.command("freeze", epilog=_EXAMPLE)
@click.option(
    "--check", "checking", is_flag=True, help="Write nothing; show how the files differ, exit 1 if they do."
)
@click.option(
    "--output",
    metavar="PATH",
    type=click.Path(),
    help="A .py file, a folder ending in / for a package, or - for standard output; "
    "instead of the [[freeze]] tables of stepwell.toml.",
)
@workspace_option(
    "Whose view: an id, or `all` for core and every workspace in one module.", from_environment=False
)
@project_options
def command(checking: bool, output: str | None, workspace: str | None, asked: Asked) -> int:
    """Write the frozen modules that legacy code imports.

    A view with errors is not frozen. A file that Stepwell did not generate is not overwritten.
    """
    if checking and output == "-":
        raise click.UsageError("--check compares files, and --output - names none")
    registry = open_registry(asked)
    targets = _targets(registry, output, workspace)
    if tell_errors(registry, targets):
        return 1
    if output == "-":
        sys.stdout.write(next(iter(texts_of(registry, targets[0]).values())))
        return 0
    texts = {path: text for target in targets for path, text in texts_of(registry, target).items()}
    if checking:
        return _compare(registry.project, texts, quiet=asked.quiet)
    for path in texts:
        refuse_to_harm(registry.project, path)
    for path, text in texts.items():
        changed = write(registry.project, path, text)
        if not asked.quiet:
            click.echo(f"{'wrote' if changed else 'unchanged:'} {path}", err=True)
    return 0


def _targets(registry: Registry, output: str | None, workspace: str | None) -> tuple[FreezeTarget, ...]:
    if workspace != RESERVED_ID:
        view_of(registry, workspace)  # an unknown one is refused before anything is written
    if output is not None:
        return (FreezeTarget(_relative(registry.project, output), workspace or ""),)
    targets = registry.project.settings.freeze
    if workspace:
        targets = tuple(target for target in targets if target.workspace == workspace)
    for target in targets:
        if target.workspace != RESERVED_ID:
            view_of(registry, target.workspace, f", as {configuration_of(registry.project)} says")
    if not targets and not errors_of(registry.project.diagnostics):
        where = f" for workspace `{workspace}`" if workspace else ""
        table = f"[[{'.'.join((*map(str, registry.project.prefix), 'freeze'))}]]"
        raise click.UsageError(
            f"{configuration_of(registry.project)} has no {table} table{where}; add one, or say --output PATH"
        )
    return targets


def _relative(project: Project, output: str) -> str:
    """An output of the command line, relative to the project."""
    if output == "-":
        return output
    if not output.endswith((".py", "/")):
        raise click.UsageError(f"--output {output}: a module ends in .py and a package folder in /")
    inside = os.path.relpath(os.path.realpath(output), project.root).replace(os.sep, "/")
    if inside == ".." or inside.startswith("../") or os.path.isabs(inside):
        raise click.UsageError(f"--output {output} is not in the project {project.root}; use - and redirect")
    if inside == ".":
        raise click.UsageError(f"--output {output} is the project's own folder; name one in it")
    return f"{inside}/" if output.endswith("/") else inside


def _compare(project: Project, texts: Mapping[str, str], *, quiet: bool) -> int:
    from stepwell.write.freeze.drift import drift

    differing = 0
    for path, text in texts.items():
        try:
            difference = drift(Path(project.root, path), text, path)
        except OSError as error:
            raise failed(path, "read", error) from None
        sys.stdout.write(difference)
        differing += bool(difference)
    if differing:
        files = "1 frozen file differs" if differing == 1 else f"{differing} frozen files differ"
        click.echo(f"{files} from what the definitions give; `stepwell freeze` writes them", err=True)
    elif not quiet:
        click.echo("the frozen files are up to date", err=True)
    return int(differing > 0)
