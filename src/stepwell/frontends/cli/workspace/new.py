"""``stepwell workspace new``: create a workspace with a working example."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from datetime import date
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from stepwell.frontends.cli.options import (
    CommonOptions,
    displayed_path,
    finding_lines,
    open_registry,
    project_options,
)
from stepwell.frontends.cli.workspace.options import (
    complete_id,
    known_view,
    refuse_bad_id,
    undone_when_ended,
)
from stepwell.live.registry import Registry
from stepwell.model.settings import Project
from stepwell.resolve.plugins import find_plugins
from stepwell.source.diagnostic import Checked, Diagnostic, Severity
from stepwell.source.errors import ProjectError, StepwellError
from stepwell.source.escape_control import visible
from stepwell.source.spelling import suggest
from stepwell.source.tree import EntryKind

if TYPE_CHECKING:
    from stepwell.write.scaffold import ScaffoldPlan, Template

__all__ = [
    "ask",
]


_DEFAULT = "standard"


def ask(
    registry: Registry,
    workspace: str | None,
    template: str | None,
    copy_from: str | None,
    description: str | None,
    framework: str | None,
) -> tuple[str, str | None, str | None, str | None]:
    """Prompt for missing values: id, template, description and framework.

    Args:
       copy_from: the workspace to copy; if set, prompts only for the id.

    Raises:
       UsageError: there is no terminal.
    """
    if not sys.stdin.isatty():
        raise click.UsageError("--interactive needs a terminal")
    if workspace is None:
        workspace = _until("Workspace id", lambda given: _free_id(registry, given))
    if copy_from is not None:
        return workspace, None, None, None
    if template is None:
        from stepwell.write.scaffold import find_templates

        templates = find_templates(registry.project).value
        for item in templates.values():
            click.echo(f"  {visible(item.name)}: {visible(item.description)}".rstrip(": "), err=True)
        template = _until("Template", lambda given: _one_of(given, tuple(templates)), _DEFAULT)
    if description is None:
        description = _until("Description (one line, optional)", _one_line, "")
    if framework is None:
        allowed = registry.project.settings.vocabulary.get("frameworks")
        text = f" ({', '.join(allowed)})" if allowed else ""
        framework = _until(
            f"Framework{text} (optional)",
            lambda given: given if not given or allowed is None else _one_of(given, allowed),
            "",
        )
    return workspace, template, description, framework


def _until(question: str, accept: Callable[[str], str], default: str | None = None) -> str:
    """Prompt until the answer is valid."""
    while True:
        given: str = click.prompt(question, default=default, show_default=bool(default), err=True)
        try:
            return accept(given.strip())
        except click.UsageError as error:
            click.echo(error.format_message(), err=True)


def _free_id(registry: Registry, given: str) -> str:
    refuse_bad_id(given)
    if given in registry.workspaces:
        raise click.UsageError(f"workspace `{given}` already exists")
    return given


def _one_of(given: str, choices: tuple[str, ...]) -> str:
    if given not in choices:
        raise click.UsageError(f"must be one of {', '.join(choices)}, got `{visible(given)}`")
    return given


def _one_line(given: str) -> str:
    if not given.isprintable():
        raise click.UsageError("must be one line of printable characters")
    return given


_EXAMPLE = """\b
Examples:
  stepwell workspace new dana
  stepwell workspace new dana --template advanced --framework xgboost
  stepwell workspace new dana --copy-from alice
  stepwell workspace new --interactive
"""

_LONGEST_DESCRIPTION = 1000


def _templates(ctx: click.Context) -> Mapping[str, Template]:
    """Return the templates of the project, or the built-in ones without a project."""
    from stepwell.write.scaffold import find_templates

    try:
        project = open_registry(CommonOptions(ctx.params.get("project"), quiet=True, verbose=False)).project
    except StepwellError:
        return find_templates(None).value
    return find_templates(project).value


class _TemplateOption(click.Option):
    """Option whose help lists the project's templates."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        record = super().get_help_record(ctx)
        if record is None:
            return None
        listed = "; ".join(
            f"{template.name}: {visible(template.description) or 'no description'}".rstrip(".")
            for template in _templates(ctx).values()
        )
        return record[0], f"{record[1]}  Available: {listed}."


def _complete_template(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(name) for name in _templates(ctx) if name.startswith(incomplete)]


@click.command("new", epilog=_EXAMPLE, short_help="Create a workspace with a working example.")
@click.argument("workspace", metavar="[ID]", required=False)
@click.option(
    "--template",
    metavar="NAME",
    cls=_TemplateOption,
    shell_complete=_complete_template,
    help="Template: `minimal`, `standard` (default), `advanced`, or a folder of `[templates] path`.",
)
@click.option(
    "--copy-from",
    metavar="ID",
    shell_complete=complete_id,
    help="Copy the files of this workspace instead.",
)
@click.option("--description", metavar="TEXT", help="Description of the workspace, one line.")
@click.option("--framework", metavar="NAME", help="Framework of its steps.")
@click.option("--interactive", is_flag=True, help="Prompt for missing values; needs a terminal.")
@click.option("--force", is_flag=True, help="Write the template's files into an existing workspace.")
@project_options
def command(
    workspace: str | None,
    template: str | None,
    copy_from: str | None,
    description: str | None,
    framework: str | None,
    interactive: bool,
    force: bool,
    common: CommonOptions,
) -> int:
    """Create the workspace ID with its folders and an example step: definition, classes and a working script.

    The files are checked first, together with the rest of the project, and not written if they cause errors.
    An existing workspace is not changed unless --force is given. The exit code is 1 if the check finds an
    error.
    """
    if template is not None and copy_from is not None:
        raise click.UsageError("--template cannot be used with --copy-from")
    if copy_from is not None and (description is not None or framework is not None):
        raise click.UsageError("--description and --framework cannot be used with --copy-from")
    registry = open_registry(common)
    if any(finding.severity is Severity.ERROR for finding in registry.project.diagnostics):
        raise ProjectError("the configuration has errors, nothing was written (run `stepwell check`)")
    if interactive:
        workspace, template, description, framework = ask(
            registry, workspace, template, copy_from, description, framework
        )
    if workspace is None:
        raise click.UsageError("missing id of the new workspace (or use --interactive)")
    there = _refuse_place(registry, workspace, force=force)
    files, broken = _files(registry, workspace, template, copy_from, description or "", framework or "")
    folder = f"{registry.project.settings.workspaces}/{workspace}"
    if broken:
        return _not_made(broken, registry.project, folder)
    from stepwell.write.scaffold import plan

    laid = {f"{folder}/{path}": content for path, content in files.items()}
    today = date.today()  # noqa: DTZ011 - the user's local date
    planned = plan(registry.project, registry.diagnostics, laid, today, find_plugins, workspace)
    if not planned.is_sound:
        return _not_made(planned.diagnostics, registry.project, folder)
    with undone_when_ended():
        written = _write(registry.project, folder, planned, there=there)
    if not common.quiet:
        sys.stdout.writelines(f"{line}\n" for line in finding_lines(planned.diagnostics, registry.project))
        sys.stdout.writelines(
            f"wrote {visible(displayed_path(registry.project.root, path))}\n" for path in written
        )
        shown = displayed_path(registry.project.root, folder)
        if not written:
            sys.stdout.write(f"{shown} is already up to date\n")
        sys.stdout.write(f"next: stepwell workspace check {workspace}, and {shown}/README.md\n")
    return 0


def _refuse_place(registry: Registry, workspace: str, *, force: bool) -> bool:
    """Return whether the workspace already exists.

    Raises:
       UsageError: it cannot be created.
    """
    refuse_bad_id(workspace)
    project = registry.project
    base = project.settings.workspaces
    if os.path.lexists(f"{project.root}/{base}"):
        target = project.tree.follow(base)
        if target.path is None:
            raise click.UsageError(f"{base} leaves the project through a symbolic link; nothing was written")
        if target.kind is not EntryKind.FOLDER:
            raise click.UsageError(f"{base} is not a folder")
    full = f"{project.root}/{base}/{workspace}"
    if os.path.islink(full):
        raise click.UsageError(f"{base}/{workspace} is a symbolic link; nothing was written")
    if os.path.lexists(full) and not os.path.isdir(full):
        raise click.UsageError(f"{base}/{workspace} is a file; it was not overwritten")
    if os.path.isdir(full) and workspace in registry.workspaces:
        if not force:
            raise click.UsageError(
                f"workspace `{workspace}` already exists; use --force to write the template's files into it"
            )
        return True
    if os.path.isdir(full) and not force:
        raise click.UsageError(
            f"{base}/{workspace} already exists; use --force to write the template's files into it"
        )
    for workspace_id in registry.workspaces:
        if workspace_id != workspace and workspace_id.lower() == workspace.lower():
            raise click.UsageError(f"`{workspace}` differs from the workspace `{workspace_id}` only in case")
    return os.path.isdir(full)


def _files(
    registry: Registry,
    workspace: str,
    template: str | None,
    copy_from: str | None,
    description: str,
    framework: str,
) -> tuple[Mapping[str, bytes], tuple[Diagnostic, ...]]:
    """Return the files of the new workspace, or findings."""
    from stepwell.write.scaffold import copy_files

    if copy_from is not None:
        known_view(registry, copy_from)
        if copy_from == workspace:
            raise click.UsageError("cannot copy a workspace to itself")
        copied = copy_files(registry.project, registry.snapshot.workspaces[copy_from], workspace)
        for path, why in copied.skipped:
            click.echo(f"skipped {visible(path)}: {why}", err=True)
        for path in copied.mentions:
            place = f"{registry.project.settings.workspaces}/{workspace}/{path}"
            click.echo(f"{visible(place)} still mentions {visible(copy_from)}", err=True)
        return copied.files, ()
    _refuse_words(registry, description, framework)
    rendered = _rendered(registry, workspace, template or _DEFAULT, description, framework)
    return rendered.value, rendered.diagnostics


def _rendered(
    registry: Registry, workspace: str, template: str, description: str, framework: str
) -> Checked[Mapping[str, bytes]]:
    from stepwell.source.python import index_sources
    from stepwell.write.scaffold import find_templates, render, values_for

    project = registry.project
    templates = find_templates(project)
    chosen = templates.value.get(template)
    if chosen is None:
        hint = suggest(template, templates.value) or f"available: {', '.join(templates.value)}"
        raise click.UsageError(f"unknown template `{visible(template)}` ({hint})")
    broken = tuple(
        finding
        for finding in templates.diagnostics
        if finding.span is None or f"{finding.span.path}/".startswith(f"{chosen.folder}/")
    )
    if broken:
        return Checked({}, broken)
    table = project.settings.references
    index = index_sources(project.root, table.source) if table is not None and table.builder_base else None
    folder = f"{project.settings.workspaces}/{workspace}"

    def schemas(form: str, path: str) -> str:
        schema = f"schemas/{form}.schema.json"
        if project.tree.follow(schema).kind is not EntryKind.FILE:
            return ""
        return os.path.relpath(schema, os.path.dirname(f"{folder}/{path}")).replace(os.sep, "/")

    values = values_for(project, registry.snapshot, workspace, description, framework, index)
    return render(chosen, values, schemas)


def _refuse_words(registry: Registry, description: str, framework: str) -> None:
    if not description.isprintable() or len(description) > _LONGEST_DESCRIPTION:
        raise click.UsageError(
            f"--description must be one line of at most {_LONGEST_DESCRIPTION} printable characters"
        )
    allowed = registry.project.settings.vocabulary.get("frameworks")
    if framework and allowed is not None and framework not in allowed:
        hint = suggest(framework, allowed) or f"the project has {', '.join(allowed) or 'none'}"
        raise click.UsageError(f"`{visible(framework)}` is not a framework of the project ({hint})")
    if framework and (not framework.isprintable() or framework != framework.strip() or len(framework) > 128):
        raise click.UsageError(
            "--framework must be one line of at most 128 characters without surrounding whitespace"
        )


def _not_made(findings: tuple[Diagnostic, ...], project: Project, folder: str) -> int:
    sys.stdout.writelines(f"{line}\n" for line in finding_lines(findings, project))
    sys.stdout.write(f"{displayed_path(project.root, folder)} was not created; nothing was written\n")
    return 1


def _write(project: Project, folder: str, planned: ScaffoldPlan, *, there: bool) -> list[str]:
    """Write the files and return the paths of those that changed."""
    from stepwell.write.transaction import Busy, write_files

    try:
        return sorted(write_files(project.root, planned.files, overwrite=there))
    except Busy:
        raise click.UsageError(
            "another command is writing to this project; try again when it has finished"
        ) from None
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise click.ClickException(f"{folder} cannot be created: {reason}; nothing was written") from None
