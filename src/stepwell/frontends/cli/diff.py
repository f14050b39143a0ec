"""``stepwell diff``: what changed between two states of the registry, and whom it breaks."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from datetime import date

import click

from stepwell.frontends.cli.options import (
    CommonOptions,
    color_wanted,
    format_option,
    project_options,
    shows_unicode,
    workspace_option,
)
from stepwell.frontends.cli.states import Here, read_both
from stepwell.frontends.render.comparison import COMPARISON_RENDERERS
from stepwell.review import Comparison, RegistryState, compare
from stepwell.review.comparison import Level
from stepwell.source.spelling import suggest

_EXAMPLE = """\b
Examples:
  stepwell diff
  stepwell diff v1.2 v1.3 --workspace alice
  stepwell diff main...HEAD --format markdown --exit-code
  stepwell diff HEAD~20:src/registry/step_names.py
  stepwell diff ../other-checkout before.json
"""


@click.command("diff", epilog=_EXAMPLE, short_help="Compare two states of the registry, with a verdict.")
@click.argument("base", required=False)
@click.argument("head", required=False)
@workspace_option("Only what this workspace sees: its own view and the core.", from_environment=False)
@format_option("text", "markdown", "json", "github")
@click.option(
    "--exit-code", is_flag=True, help="Exit with 1 when something breaks and nobody has accepted it."
)
@project_options
def command(
    base: str | None,
    head: str | None,
    workspace: str | None,
    form: str,
    exit_code: bool,
    asked: CommonOptions,
) -> int:
    """Compare two states of the registry, field by field, and tell whom the changes break.

    BASE and HEAD are revisions, folders (another checkout), snapshot files (.json), Python tables (.py) or,
    as REV:PATH, a Python table in a revision. `A..B` names both, and `A...B` compares B with the merge base.
    Without HEAD it is the working tree, and without BASE the merge base with the default branch. `./NAME`
    is always a path; a revision that reads like an option goes after `--`.

    Breaks are accepted in accepted_breaks.yaml. With `-q` only the verdict is printed, with `-v` also what
    added and removed definitions state.
    """
    began = time.monotonic()
    here, today = Here(asked), date.today()  # noqa: DTZ011 - the user's own day, as everywhere
    older, newer = here.states(base, head)
    old, new = read_both(older, newer, today, asked)
    found = compare(old, new, lambda until: here.is_past(newer, today, until))
    if workspace:
        found = _of_workspace(found, old, new, workspace)
    if asked.verbose:
        click.echo(f"project: {here.root}", err=True)
        files = f"{old.loaded.files} and {new.loaded.files}"
        click.echo(f"files read: {files} in {time.monotonic() - began:.2f} s", err=True)
    if form == "text":
        _tell(found, asked)
    else:
        sys.stdout.writelines(COMPARISON_RENDERERS[form](found, color=False, verbose=True))
    return int(exit_code and found.verdict is Level.BREAKING)


def _tell(found: Comparison, asked: CommonOptions) -> None:
    pieces = COMPARISON_RENDERERS["text"](found, color=color_wanted(), verbose=asked.verbose)
    for piece in pieces:
        sys.stdout.write(piece if shows_unicode() else piece.replace("→", "->"))
        if asked.quiet:
            return


def _of_workspace(found: Comparison, old: RegistryState, new: RegistryState, workspace: str) -> Comparison:
    """What concerns the core and one workspace."""
    there = {**old.loaded.snapshot.workspaces, **new.loaded.snapshot.workspaces}
    if workspace not in there:
        hint = suggest(workspace, there) or "neither state has it"
        raise click.UsageError(f"unknown workspace: {workspace} ({hint})")
    return replace(
        found,
        views=tuple(view for view in found.views if view.workspace in (None, workspace)),
        effects=tuple(effect for effect in found.effects if effect.workspace in (None, workspace)),
    )
