"""``stepwell rename``, ``move``, ``remove`` and ``rebase``: change where steps are defined and overridden."""

from __future__ import annotations

import re
import sys

import click

from stepwell.code.usages import impact_of
from stepwell.frontends.cli.edit import edit_options, finish, steps_edits
from stepwell.frontends.cli.options import (
    CommonOptions,
    Mistakes,
    complete_step,
    complete_workspace,
    displayed_path,
    finding_lines,
    open_registry,
    project_options,
    step_of,
    steps_of,
    view_of,
    workspace_option,
)
from stepwell.live.registry import Registry
from stepwell.model import StepDefinition
from stepwell.resolve.view import View
from stepwell.source.escape_control import visible
from stepwell.source.wording import counted

_RENAME_EXAMPLE = """\b
Examples:
  stepwell rename XGBoostTraining XGBoostFit --dry-run
  stepwell rename XGBoostTraining XGBoostFit --python
"""


def _view_with(registry: Registry, name: str) -> View:
    """Return the first view that contains a step: the core, then the workspaces."""
    views = (registry.view(None), *(registry.view(workspace) for workspace in registry.workspaces))
    return next((view for view in views if name in view.steps), views[0])


@click.command("rename", epilog=_RENAME_EXAMPLE, short_help="Rename a step with all references.")
@click.argument("step", metavar="OLD", shell_complete=complete_step)
@click.argument("new", metavar="NEW")
@click.option("--python", "in_python", is_flag=True, help="Also rename strings in Python sources.")
@edit_options
@project_options
def rename(
    step: str, new: str, in_python: bool, dry_run: bool, force: bool, form: str, common: CommonOptions
) -> int:
    """Rename OLD to NEW: the definition, its file, overrides, pipelines, workflows, `replaced_by` and
    the configuration.

    OLD becomes an alias. Class names that OLD has by convention are written out, so that its code remains
    valid. With --python, strings that equal OLD, with or without a job type, are renamed too; all files are
    written together, or none.
    """
    registry = open_registry(common)
    mistakes = Mistakes("nothing was written")
    definition = mistakes.collect(step_of, registry, _view_with(registry, step), step)
    with mistakes:
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", new):
            raise click.UsageError(f"`{visible(new)}` is not a valid name of a step")
        owner = next((view for view in _views(registry) if new in view.steps), None)
        if owner is not None:
            raise click.UsageError(f"step `{new}` already exists in {owner.title}")
    mistakes.report()
    edits, files = steps_edits(registry)
    edits.rename(definition.name, new, in_python=in_python)
    return finish(registry, files, common, dry_run=dry_run, force=force, form=form)


def _views(registry: Registry) -> tuple[View, ...]:
    return (registry.view(None), *(registry.view(workspace) for workspace in registry.workspaces))


_REMOVE_EXAMPLE = """\b
Examples:
  stepwell remove XGBoostTraining
  stepwell remove RowCount --workspace alice --force
"""


@click.command("remove", epilog=_REMOVE_EXAMPLE, short_help="Remove a step and its overrides.")
@click.argument("step", shell_complete=complete_step)
@workspace_option("Remove it from this workspace only (default: core and overrides).", from_environment=False)
@edit_options
@project_options
def remove(
    step: str, workspace: str | None, dry_run: bool, force: bool, form: str, common: CommonOptions
) -> int:
    """Delete the definition of STEP and its overrides.

    Lists the places that use the step; if there are any, --force is required.
    """
    registry = open_registry(common)
    view, (definition,) = steps_of(registry, workspace, step)
    edits, files = steps_edits(registry)
    edits.remove(definition.name, workspace)
    users = _list_users(registry, view, definition, frozenset(files.files), quiet=form == "json")
    obstacle = f"`{definition.name}` is still used" if users else ""
    return finish(registry, files, common, dry_run=dry_run, force=force, form=form, obstacle=obstacle)


def _list_users(
    registry: Registry, view: View, step: StepDefinition, deleted: frozenset[str], *, quiet: bool
) -> int:
    """Print the places outside deleted files that use a step, and return their number."""
    impact = impact_of(registry.project, registry.snapshot, step, view.workspace)
    places = [place for place in impact.places if place.path not in deleted]
    if places and not quiet:
        root = registry.project.root
        sys.stdout.write(f"`{step.name}` is used in {counted(len(places), 'place')}:\n")
        sys.stdout.writelines(
            f"  {visible(displayed_path(root, place.path))}:{place.line}  {visible(place.what)}\n"
            for place in places
        )
    return len(places)


_MOVE_EXAMPLE = """\b
Examples:
  stepwell move RowCount --from alice --to core
  stepwell move RowCount --from alice --to bob --dry-run
"""


@click.command("move", epilog=_MOVE_EXAMPLE, short_help="Move a step to another workspace or to the core.")
@click.argument("step", shell_complete=complete_step)
@click.option(
    "--from",
    "origin",
    metavar="ID",
    required=True,
    shell_complete=complete_workspace,
    help="Workspace of the step, or `core`.",
)
@click.option(
    "--to",
    "target",
    metavar="ID",
    required=True,
    shell_complete=complete_workspace,
    help="Workspace to move it to, or `core`.",
)
@edit_options
@project_options
def move(
    step: str, origin: str, target: str, dry_run: bool, force: bool, form: str, common: CommonOptions
) -> int:
    """Move the definition of STEP to another layer, with its override if it has one.

    An override that moves to the core is merged into the core's definition. Paths of `components` are
    adjusted.
    """
    registry = open_registry(common)
    if origin == target:
        raise click.UsageError(f"`{origin}` is both --from and --to")
    mistakes = Mistakes("nothing was written")
    views = [
        mistakes.collect(view_of, registry, None if name == "core" else name) for name in (origin, target)
    ]
    definition = mistakes.collect(step_of, registry, views[0], step)
    mistakes.report()
    edits, files = steps_edits(registry)
    edits.move(definition.name, views[0].workspace, views[1].workspace)
    return finish(registry, files, common, dry_run=dry_run, force=force, form=form)


_REBASE_EXAMPLE = """\b
Examples:
  stepwell rebase alice
  stepwell rebase alice --ours
  stepwell rebase alice --theirs --dry-run
"""


@click.command("rebase", epilog=_REBASE_EXAMPLE, short_help="Merge changes of the core into overrides.")
@click.argument("workspace", metavar="WORKSPACE", shell_complete=complete_workspace)
@click.option("--ours", is_flag=True, help="Keep the overrides of values that changed below.")
@click.option("--theirs", is_flag=True, help="Remove the overrides of values that changed below.")
@edit_options
@project_options
def rebase(
    workspace: str, ours: bool, theirs: bool, dry_run: bool, force: bool, form: str, common: CommonOptions
) -> int:
    """Merge changes of the layers below into the overrides of WORKSPACE, field by field.

    `based_on` of an override contains the values that it replaced. A field that the layers below now set to
    the same value is removed from the override. If they changed a value to another one, `check` reports
    `outdated-override` and the exit code is 1, until --ours or --theirs decides. Missing values of `based_on`
    are recorded.
    """
    if ours and theirs:
        raise click.UsageError("--ours cannot be used with --theirs")
    registry = open_registry(common)
    view = view_of(registry, workspace)
    edits, files = steps_edits(registry)
    conflicts = edits.rebase(workspace, "ours" if ours else "theirs" if theirs else "neither")
    code = finish(registry, files, common, dry_run=dry_run, force=force, form=form)
    if conflicts and form == "text":
        findings = (finding for finding in view.diagnostics if finding.id == "outdated-override")
        sys.stdout.writelines(f"{line}\n" for line in finding_lines(tuple(findings), registry.project))
        sys.stdout.write(f"{counted(conflicts, 'conflict')}: choose --ours or --theirs\n")
    return 1 if conflicts else code
