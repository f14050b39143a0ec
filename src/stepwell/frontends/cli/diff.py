"""``stepwell diff`` and ``stepwell snapshot``: compare states of the registry, and write one to a file."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace
from datetime import date
from pathlib import Path

import click

from stepwell.frontends.cli.options import (
    CommonOptions,
    color_wanted,
    format_option,
    project_options,
    shows_unicode,
    workspace_option,
)
from stepwell.frontends.cli.states import Here, read_both, read_one, with_tables
from stepwell.frontends.render.comparison import COMPARISON_RENDERERS
from stepwell.frontends.render.comparison.wording import headline
from stepwell.review import Comparison, RegistryState, compare
from stepwell.review.comparison import Level
from stepwell.source.diagnostic import rebased
from stepwell.source.escape_control import visible
from stepwell.source.spelling import suggest
from stepwell.source.wording import counted

_SNAPSHOT_EXAMPLE = """\b
Examples:
  stepwell snapshot -o before.json
  stepwell snapshot v1.2 -o v1.2.json
  stepwell snapshot | jq '.views[0].steps[].name'
"""
_KNOWN_BY = b'/snapshot.schema.json"'


@click.command("snapshot", epilog=_SNAPSHOT_EXAMPLE, short_help="Write a state of the registry to a file.")
@click.argument("state", required=False)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(),
    help="Write to this file (default: standard output, also -).",
)
@click.option("--force", is_flag=True, help="Overwrite a file that is not a snapshot.")
@project_options
def snapshot(state: str | None, output: str | None, force: bool, common: CommonOptions) -> int:
    """Write a state of the registry to a JSON file, for `stepwell diff` and other programs.

    STATE is a revision, a folder or a Python table, as for `stepwell diff` (default: the working tree). The
    file contains every view, with the location of each field, and the source files. The output is
    reproducible.
    """
    from stepwell.review.snapshot_file import pack

    here, today = Here(common), date.today()  # noqa: DTZ011 - the user's local date
    if output is not None and output != "-":
        _refuse_to_harm(output, force=force)
    place = here.working_tree() if state is None else here.state(state)
    read = read_one(place, today, common)
    text = pack(replace(read, title=place.name or place.title))
    if read.errors and not common.quiet:
        count = counted(len(read.errors), "error")
        click.echo(
            f"{count} in {read.title}; invalid definitions are skipped (run `stepwell check`)", err=True
        )
    if output is None or output == "-":
        sys.stdout.write(text)
        return 0
    changed = _write(output, text)
    if not common.quiet:
        click.echo(f"{'wrote' if changed else 'unchanged:'} {visible(output)}", err=True)
    return 0


def _refuse_to_harm(output: str, *, force: bool) -> None:
    path = Path(output)
    if path.is_dir() or output.endswith("/"):
        raise click.UsageError(f"-o {output} is a folder; specify a file")
    if force:
        return
    try:
        with path.open("rb") as file:
            start = file.read(4096)
    except FileNotFoundError:
        return
    except OSError as error:
        raise click.ClickException(
            f"{output} cannot be read: {(error.strerror or str(error)).lower()}"
        ) from None
    if start.strip() and _KNOWN_BY not in start:
        raise click.UsageError(f"{output} is not a snapshot; use `--force` to overwrite it")


def _write(output: str, text: str) -> bool:
    from stepwell.source.atomic_write import write_atomically

    try:
        return write_atomically(Path(output), text)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise click.ClickException(f"{output} cannot be written: {reason}") from None


_EXAMPLE = """\b
Examples:
  stepwell diff
  stepwell diff v1.2 v1.3 --workspace alice
  stepwell diff main...HEAD --format markdown --exit-code
  stepwell diff HEAD~20:src/registry/step_names.py
  stepwell diff v0.3 --base-table src/registry/names.yaml
  stepwell diff ../other-checkout before.json
"""


@click.command("diff", epilog=_EXAMPLE, short_help="Compare two states and report breaking changes.")
@click.argument("base", required=False)
@click.argument("head", required=False)
@workspace_option("Compare only the core and the view of this workspace.", from_environment=False)
@format_option("text", "markdown", "json", "github")
@click.option(
    "--base-table",
    "base_tables",
    metavar="PATH",
    multiple=True,
    help="Read BASE from this old table or folder of interface files (relative to its project folder).",
)
@click.option("--head-table", "head_tables", metavar="PATH", multiple=True, help="The same for HEAD.")
@click.option(
    "--exit-code", is_flag=True, help="Exit with 1 if there are breaking changes that are not accepted."
)
@project_options
def command(
    base: str | None,
    head: str | None,
    workspace: str | None,
    form: str,
    base_tables: tuple[str, ...],
    head_tables: tuple[str, ...],
    exit_code: bool,
    common: CommonOptions,
) -> int:
    """Compare two states of the registry field by field and report which users the changes break.

    BASE and HEAD are revisions, folders (another checkout), snapshot files (.json), old tables (.py, .yaml)
    or, as REV:PATH, an old table in a revision. `A..B` names both; `A...B` compares B with the merge base.
    HEAD defaults to the working tree, BASE to the merge base with the default branch. `./NAME` is always
    a path; put a revision that looks like an option after `--`.

    In a state without definitions, the old registry is looked up: Python, YAML and JSON tables under any
    name, and *.step.yaml files. If nothing can be read or several files could be the table, the exit code
    is 2; --base-table and --head-table name the files.

    List accepted breaking changes in accepted_breaks.yaml. `-q` prints only the verdict, `-v` also the
    fields of added and removed definitions.
    """
    began = time.monotonic()
    here, today = Here(common), date.today()  # noqa: DTZ011 - the user's local date
    older, newer = here.states(base, head)
    older, newer = with_tables(older, base_tables), with_tables(newer, head_tables)
    old, new = read_both(older, newer, today, common)
    comparison = compare(old, new, lambda until: here.is_past(newer, today, until))
    if workspace:
        comparison = _of_workspace(comparison, old, new, workspace)
    if common.verbose:
        click.echo(f"project: {visible(here.root)}", err=True)
        files = f"{old.loaded.files} and {new.loaded.files}"
        click.echo(f"files read: {files} in {time.monotonic() - began:.2f} s", err=True)
    if form == "text":
        _print(comparison, here.root, common)
    else:
        sys.stdout.writelines(COMPARISON_RENDERERS[form](comparison, color=False, verbose=True))
    return int(exit_code and comparison.verdict is Level.BREAKING)


def _print(comparison: Comparison, root: str, common: CommonOptions) -> None:
    comparison = rebased(comparison, root, os.getcwd())
    pieces = COMPARISON_RENDERERS["text"](comparison, color=color_wanted(), verbose=common.verbose)
    if common.quiet:
        pieces = iter((f"{headline(comparison)}\n",))
    for piece in pieces:
        sys.stdout.write(piece if shows_unicode() else piece.replace("→", "->").replace("·", "-"))


def _of_workspace(
    comparison: Comparison, old: RegistryState, new: RegistryState, workspace: str
) -> Comparison:
    """Return the part of a comparison that concerns the core and one workspace."""
    there = {**old.loaded.snapshot.workspaces, **new.loaded.snapshot.workspaces}
    if workspace not in there:
        hint = suggest(workspace, there) or "it is in neither state"
        raise click.UsageError(f"unknown workspace: {workspace} ({hint})")
    return replace(
        comparison,
        views=tuple(view for view in comparison.views if view.workspace in (None, workspace)),
        effects=tuple(effect for effect in comparison.effects if effect.workspace in (None, workspace)),
    )
