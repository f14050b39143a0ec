"""``stepwell set``, ``unset``, ``override``, ``deprecate`` and ``fmt``: edit definition files."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from datetime import date
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

import click

from stepwell.frontends.cli.options import (
    CommonOptions,
    Mistakes,
    color_wanted,
    complete_step,
    displayed_path,
    finding_lines,
    format_option,
    in_project,
    open_registry,
    project_of,
    project_options,
    step_of,
    view_of,
    workspace_option,
    write_json,
)
from stepwell.frontends.render.columns import painted
from stepwell.live.registry import Registry
from stepwell.model import StepDefinition
from stepwell.resolve.plugins import find_plugins
from stepwell.resolve.view import View
from stepwell.source.diagnostic import Diagnostic, Severity
from stepwell.source.document import thaw
from stepwell.source.escape_control import visible
from stepwell.source.wording import counted

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

F = TypeVar("F", bound=Callable[..., Any])

_IN_FILES = "Edit the files of this workspace, creating an override if needed (default: the core's file)."


def edit_options(command: Callable[..., int]) -> Callable[..., int]:
    """Add ``--dry-run``, ``--force`` and ``--format``, and report rejected edits as usage errors."""

    @wraps(command)
    def wrapper(*args: Any, **kwargs: Any) -> int:
        from stepwell.write.edit.engine import EditRefused
        from stepwell.write.scaffold import NotWritten

        try:
            return command(*args, **kwargs)
        except (EditRefused, NotWritten) as error:
            raise click.UsageError(f"{visible(str(error))}; nothing was written") from None

    for option in (
        format_option("text", "json"),
        click.option("--force", is_flag=True, help="Write the files even if the edit adds errors."),
        click.option("--dry-run", is_flag=True, help="Print a unified diff and write nothing."),
    ):
        wrapper = option(wrapper)
    return wrapper


def finish(
    registry: Registry,
    files: Any,
    common: CommonOptions,
    *,
    dry_run: bool,
    force: bool,
    form: str,
    obstacle: str = "",
) -> int:
    """Check planned edits, then write them or print their diff.

    Args:
       obstacle: reason for which only ``--force`` writes the files.

    Returns:
       The exit code: 1 if the edit was rejected.
    """
    planned = files.check(registry.diagnostics, date.today(), find_plugins)  # noqa: DTZ011 - local date
    if not planned.is_sound:
        obstacle = "the edit adds errors"
    refused = bool(obstacle) and not force
    is_written = bool(files.files) and not refused and not dry_run
    if is_written:
        _save(files)
    if form == "json":
        from stepwell.frontends.render.output.findings import edit_output

        rows = {
            path: (files.read[path], content, files.diff_of(path)) for path, content in files.files.items()
        }
        write_json(edit_output(rows, planned.diagnostics, written=is_written))
        return int(refused)
    if dry_run:
        sys.stdout.writelines(map(_colored, files.diff()))
    sys.stdout.writelines(f"{line}\n" for line in finding_lines(planned.diagnostics, registry.project))
    root = registry.project.root
    if refused:
        sys.stdout.write(f"{obstacle}, so nothing was written (--force writes the files)\n")
    elif not files.files:
        sys.stdout.write("nothing to change\n")
    elif is_written and not common.quiet:
        for path, content in files.files.items():
            before = files.read[path]
            word = "deleted" if content is None else "wrote" if before is None else "edited"
            sys.stdout.write(f"{word} {visible(displayed_path(root, path))}\n")
    return int(refused)


def save_fixes(
    registry: Registry,
    findings: tuple[Diagnostic, ...],
    is_shown: Callable[[Diagnostic], bool],
    is_path: Callable[[str], bool],
    common: CommonOptions,
    unsafe: bool,
    dry_run: bool,
    form: str,
) -> bool:
    """Apply the fixes of findings, and report them; with ``dry_run``, print their diff.

    Args:
       is_shown: whether a finding that a fix reveals is fixed too.
       is_path: whether the `$schema` comment of a file is corrected.

    Returns:
       Whether files were written.
    """
    from stepwell.write.edit.fixes import correct_schema_comments, fix_all

    today = date.today()  # noqa: DTZ011 - the user's local date
    files, fixed = fix_all(registry.project, findings, today, find_plugins, is_shown, unsafe=unsafe)
    comments = correct_schema_comments(files, is_path)
    if not fixed and not comments:
        return False
    is_text = form == "text"
    if dry_run:
        sys.stdout.writelines(map(_colored, files.diff())) if is_text else None
        return False
    _save(files)
    if not common.quiet:
        counted_files = counted(len(files.files), "file")
        parts = [counted(len(fixed), "finding")] if fixed else []
        parts += [counted(comments, "`$schema` comment")] if comments else []
        click.echo(f"Fixed {' and '.join(parts)} in {counted_files}.", err=not is_text)
    return True


def install_schemas(registry: Registry, editor: str, common: CommonOptions, *, dry_run: bool) -> int:
    """Write the schemas of a project and their mapping in the settings of an editor.

    Raises:
       UsageError: the settings cannot be edited.
    """
    from stepwell.write.edit.editors import install
    from stepwell.write.edit.engine import EditRefused

    try:
        files = install(registry.project, registry.snapshot, editor)
    except EditRefused as error:
        raise click.UsageError(f"{error}\nnothing was written") from None
    if dry_run:
        sys.stdout.writelines(map(_colored, files.diff()))
        return 0
    _save(files)
    if not common.quiet:
        for path in files.files:
            word = "edited" if files.read[path] is not None else "wrote"
            click.echo(f"{word} {visible(displayed_path(registry.project.root, path))}")
        if not files.files:
            click.echo("nothing to change")
    return 0


def _save(files: Any) -> None:
    from stepwell.write.transaction import Busy, Changed

    try:
        files.save()
    except Busy:
        raise click.UsageError(
            "another command is writing to this project; try again when it has finished"
        ) from None
    except (Changed, ValueError) as error:
        raise click.UsageError(visible(str(error))) from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        where = f"{visible(str(error.filename))}: " if error.filename else ""
        raise click.ClickException(f"{where}{reason}; nothing was written") from None


def _colored(line: str) -> str:
    code = {"+": "32", "-": "31", "@": "36"}.get(line[:1], "")
    shown = visible(line.rstrip("\n"))
    return f"{painted(shown, code, color=color_wanted()) if code else shown}\n"


def steps_edits(registry: Registry) -> Any:
    """Return empty edits of the steps of a project, and their files.

    Raises:
       UsageError: the configuration has errors.
    """
    from stepwell.write.edit.plan import FileEdits
    from stepwell.write.edit.steps import StepEdits

    project = registry.project
    if any(finding.severity is Severity.ERROR for finding in project.diagnostics):
        raise click.UsageError("the configuration has errors, nothing was written (run `stepwell check`)")
    files = FileEdits(project)
    return StepEdits(project, registry.snapshot, files), files


def _complete_argument(
    ctx: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete the name of the step, then fields as ``field=``, and allowed values after it."""
    is_first = not ctx.params.get("arguments") and not ctx.params.get("where")
    if is_first and "=" not in incomplete:
        return complete_step(ctx, parameter, incomplete)
    return _complete_assignment(ctx, parameter, incomplete)


def _complete_assignment(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete fields as ``field=``, and allowed values after it."""
    from click.shell_completion import CompletionItem

    field, equals, _text = incomplete.partition("=")
    words = [f"{field}={value}" for value in _allowed_values(ctx, field)] if equals else _fields("=")
    return [CompletionItem(word) for word in words if word.startswith(incomplete)]


def _complete_field(_ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    return [CompletionItem(field) for field in _fields("") if field.startswith(incomplete)]


def _fields(suffix: str) -> list[str]:
    from stepwell.model.schema import fields

    return [f"{field}{suffix}" for field in fields("step") if field != "name"]


def _allowed_values(ctx: click.Context, field: str) -> list[str]:
    """Return the values that the schema or the vocabulary of the project allows for a field."""
    from stepwell.check.definition.not_in_vocabulary import FIELDS
    from stepwell.source.errors import StepwellError
    from stepwell.write.scaffold import NotWritten, located

    try:
        _, form = located(field)
        vocabulary = project_of(CommonOptions(ctx.params.get("project"), True, False)).settings.vocabulary
    except (NotWritten, StepwellError):
        return []
    words = [value for value in (form or {}).get("enum", ()) if value is not None]
    for name, allowed in vocabulary.items():
        words += allowed if field in FIELDS[name] else ()
    return words


_SET_EXAMPLE = """\b
Examples:
  stepwell set XGBoostTraining framework=xgboost
  stepwell set XGBoostTraining priority=75 environment_tags=gpu,production --workspace alice
  stepwell set --where framework=xgboost environment_tags=gpu --dry-run
"""


@click.command("set", epilog=_SET_EXAMPLE, short_help="Set fields of a step in its files.")
@click.argument(
    "arguments", metavar="[STEP] FIELD=VALUE...", nargs=-1, required=True, shell_complete=_complete_argument
)
@click.option(
    "--where",
    metavar="FIELD=VALUE",
    multiple=True,
    shell_complete=_complete_assignment,
    help="Instead of STEP, edit every step of the view with this value (repeatable).",
)
@workspace_option(_IN_FILES, from_environment=False)
@edit_options
@project_options
def set_fields(
    arguments: tuple[str, ...],
    where: tuple[str, ...],
    workspace: str | None,
    dry_run: bool,
    force: bool,
    form: str,
    common: CommonOptions,
) -> int:
    """Set fields of STEP in the file that `explain` names as their origin.

    Values have the type that the schema declares, so `since=1.10` stays text. Write a list as `a,b` or as
    YAML, and a nested field as `deprecated.since=1.4`. Only the bytes of the values change; comments, key
    order and layout remain. The result is checked, and an edit that adds errors is not written without
    --force.
    """
    from stepwell.write.scaffold import assigned

    registry = open_registry(common)
    name, fields = _step_and_fields(arguments, where)
    mistakes = Mistakes("nothing was written")
    assignments = []
    for item in fields:
        with mistakes:
            pointer, value = assigned(item)
            if value is None and not pointer[0].startswith("x-"):
                raise click.UsageError(f"`{item}` has no value; run `stepwell unset` to remove a field")
            if pointer == ("name",):
                raise click.UsageError("the name cannot be set; run `stepwell rename`")
            assignments.append((pointer, value))
    skipped: str | None = None
    steps: list[StepDefinition] = []
    view = mistakes.collect(view_of, registry, workspace)
    with mistakes:
        skipped = _skipped_file(registry, view, name) if name else None
        if skipped is None:
            steps = [step_of(registry, view, name)] if name else _matching(view, where, mistakes)
    mistakes.report()
    edits, files = steps_edits(registry)
    if skipped is not None:
        edits.set_in(skipped, assignments)
    for step in steps:
        edits.set(view, step, assignments)
    return finish(registry, files, common, dry_run=dry_run, force=force, form=form)


def _skipped_file(registry: Registry, view: View | None, name: str) -> str | None:
    """Return the file of a step that the view skips because of its errors, so that an edit can correct it."""
    from stepwell.resolve.load import load

    if view is None or view.get(name) is not None:
        return None
    today = date.today()  # noqa: DTZ011 - the user's local date
    for checked in load(registry.project, today, plugins=find_plugins).checked.values():
        listed = checked.listed
        if (listed.kind, listed.workspace, checked.name) == ("steps", view.workspace, name):
            return listed.path
    return None


def _step_and_fields(arguments: tuple[str, ...], where: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    first = arguments[0]
    name = "" if "=" in first else first
    fields = arguments[1:] if name else arguments
    if bool(name) == bool(where):
        raise click.UsageError("name a STEP, or select steps with --where")
    if not fields:
        raise click.UsageError("no FIELD=VALUE to set")
    return name, fields


def _matching(view: View | None, where: tuple[str, ...], mistakes: Mistakes) -> list[StepDefinition]:
    """Return the steps with all values of ``--where``."""
    from stepwell.write.edit.engine import at
    from stepwell.write.scaffold import assigned

    wanted = [mistakes.collect(assigned, item) for item in where]
    if view is None or None in wanted:
        return []

    def fits(step: StepDefinition) -> bool:
        for pointer, value in wanted:
            try:
                there = at(step.effective(), pointer)
            except LookupError:
                there = None
            if thaw(there) != value:
                return False
        return True

    steps = [step for step in view.values() if fits(step)]
    if not steps:
        raise click.UsageError(f"no step in {view.title} has {' and '.join(f'`{item}`' for item in where)}")
    return steps


_UNSET_EXAMPLE = """\b
Examples:
  stepwell unset XGBoostTraining framework
  stepwell unset XGBoostTraining deprecated.note --workspace alice
"""


@click.command("unset", epilog=_UNSET_EXAMPLE, short_help="Remove fields of a step from its files.")
@click.argument("step", shell_complete=complete_step)
@click.argument("fields", metavar="FIELD...", nargs=-1, required=True, shell_complete=_complete_field)
@workspace_option(_IN_FILES, from_environment=False)
@edit_options
@project_options
def unset_fields(
    step: str,
    fields: tuple[str, ...],
    workspace: str | None,
    dry_run: bool,
    force: bool,
    form: str,
    common: CommonOptions,
) -> int:
    """Remove fields of STEP from the file that `explain` names as their origin.

    In a workspace, a field of the core is removed by `null` in the override. A comment beside a removed field
    is kept in its own line.
    """
    from stepwell.write.scaffold import located

    registry = open_registry(common)
    mistakes = Mistakes("nothing was written")
    places = [mistakes.collect(located, field) for field in fields]
    definition: StepDefinition | None = None
    view = mistakes.collect(view_of, registry, workspace)
    with mistakes:
        skipped = _skipped_file(registry, view, step)
        definition = step_of(registry, view, step) if skipped is None else None
    mistakes.report()
    edits, files = steps_edits(registry)
    if definition is not None:
        edits.unset(view, definition, [pointer for pointer, _ in places])
    elif skipped is not None:
        edits.unset_in(skipped, [pointer for pointer, _ in places])
    return finish(registry, files, common, dry_run=dry_run, force=force, form=form)


_OVERRIDE_EXAMPLE = """\b
Examples:
  stepwell override XGBoostTraining --workspace alice --set priority=75
  stepwell override XGBoostTraining -w alice --set framework= --dry-run
"""


@click.command("override", epilog=_OVERRIDE_EXAMPLE, short_help="Override fields of a step in a workspace.")
@click.argument("step", shell_complete=complete_step)
@workspace_option("Workspace of the override; required.", from_environment=False)
@click.option(
    "--set",
    "fields",
    metavar="FIELD=VALUE",
    multiple=True,
    shell_complete=_complete_assignment,
    help="Override a field (repeatable).",
)
@edit_options
@project_options
def override(
    step: str,
    workspace: str | None,
    fields: tuple[str, ...],
    dry_run: bool,
    force: bool,
    form: str,
    common: CommonOptions,
) -> int:
    """Write the smallest override of STEP in a workspace: only values that differ from the layers below.

    An empty value removes an optional field.
    """
    from stepwell.write.scaffold import assigned

    if not workspace or not fields:
        raise click.UsageError("--workspace and at least one --set are required")
    registry = open_registry(common)
    mistakes = Mistakes("nothing was written")
    assignments = [mistakes.collect(assigned, item) for item in fields]
    view = mistakes.collect(view_of, registry, workspace)
    definition = mistakes.collect(step_of, registry, view, step)
    mistakes.report()
    edits, files = steps_edits(registry)
    edits.override(workspace, definition, assignments)
    return finish(registry, files, common, dry_run=dry_run, force=force, form=form)


_DEPRECATE_EXAMPLE = """\b
Examples:
  stepwell deprecate OldTraining --replaced-by NewTraining --remove-after 2030-06-30
  stepwell deprecate OldTraining --note "Use pipelines." --workspace alice
"""


@click.command("deprecate", epilog=_DEPRECATE_EXAMPLE, short_help="Mark a step as deprecated.")
@click.argument("step", shell_complete=complete_step)
@click.option("--replaced-by", metavar="STEP", shell_complete=complete_step, help="Step to use instead.")
@click.option("--remove-after", metavar="DATE", help="Date after which the step may be removed: YYYY-MM-DD.")
@click.option("--since", metavar="VERSION", help="Version of the deprecation.")
@click.option("--note", metavar="TEXT", help="Advice for users.")
@workspace_option(_IN_FILES, from_environment=False)
@edit_options
@project_options
def deprecate(
    step: str,
    replaced_by: str | None,
    remove_after: str | None,
    since: str | None,
    note: str | None,
    workspace: str | None,
    dry_run: bool,
    force: bool,
    form: str,
    common: CommonOptions,
) -> int:
    """Mark STEP as deprecated. Its users see the notice; after the date, `check` reports the step."""
    registry = open_registry(common)
    mistakes = Mistakes("nothing was written")
    with mistakes:
        if remove_after is not None and not re.fullmatch(r"\d{4}-\d{2}-\d{2}", remove_after):
            raise click.UsageError(f"`{visible(remove_after)}` is no date: write YYYY-MM-DD")
    view = mistakes.collect(view_of, registry, workspace)
    definition = mistakes.collect(step_of, registry, view, step)
    successor: str | None = None
    with mistakes:
        successor = step_of(registry, view, replaced_by).name if replaced_by else None
    mistakes.report()
    stated = {"since": since, "replaced_by": successor, "remove_after": remove_after, "note": note}
    notice = {field: text for field, text in stated.items() if text is not None}
    if not notice:
        raise click.UsageError("specify --replaced-by, --remove-after, --since or --note")
    edits, files = steps_edits(registry)
    edits.deprecate(view, definition, notice)
    return finish(registry, files, common, dry_run=dry_run, force=force, form=form)


_FORMAT_EXAMPLE = """\b
Examples:
  stepwell fmt
  stepwell fmt --check
  stepwell fmt --diff registry.d/steps/training
"""


@click.command("fmt", epilog=_FORMAT_EXAMPLE, short_help="Format definition files.")
@click.argument("paths", nargs=-1, metavar="[PATH]...", type=click.Path())
@click.option(
    "--check", is_flag=True, help="Write nothing; list files that are not formatted, with exit code 1."
)
@click.option("--diff", is_flag=True, help="Write nothing; print a unified diff.")
@format_option("text", "json")
@project_options
def fmt(paths: tuple[str, ...], check: bool, diff: bool, form: str, common: CommonOptions) -> int:
    """Format the definition and workspace files of the project, or those at PATHs, in YAML and TOML.

    Keys are in the order of their schema. Spacing, indentation and blank lines are uniform, and lists of
    scalars that fit into a line are in one line. Comments and the text of values are kept, and files keep
    their meaning: each result is read again and compared. A comment for editors that refers to a missing
    schema refers to the project's schema again. Files with syntax errors are reported and skipped.
    """
    from stepwell.write.edit.format import SchemaComments, definition_files
    from stepwell.write.edit.plan import FileEdits

    project = project_of(common)
    listed = definition_files(project)
    if paths:
        wanted = {way for path in paths for way in in_project(project.root, path)}
        listed = {path: noun for path, noun in listed.items() if any(is_in(path, way) for way in wanted)}
    files = FileEdits(project)
    comments = SchemaComments(project)
    results = [_format(files, comments, path, schema) for path, schema in listed.items()]
    skipped = [error for error in results if error is not None]
    for error in skipped:
        click.echo(f"cannot format {visible(error)}", err=True)
    is_written = not (check or diff) and bool(files.files)
    if is_written:
        _save(files)
    if form == "json":
        from stepwell.frontends.render.output.findings import edit_output

        rows = {
            path: (files.read[path], content, files.diff_of(path)) for path, content in files.files.items()
        }
        write_json(edit_output(rows, (), written=is_written))
    else:
        if diff:
            sys.stdout.writelines(map(_colored, files.diff()))
        word = "formatted" if is_written else "not formatted:"
        for path in files.files if not diff and not (is_written and common.quiet) else ():
            sys.stdout.write(f"{word} {visible(displayed_path(project.root, path))}\n")
        if not common.quiet and not diff:
            left = len(listed) - len(files.files) - len(skipped)
            sys.stdout.write(f"{counted(left, 'file')} already formatted\n")
    return int(bool(skipped) or (bool(files.files) and not is_written))


def _format(files: Any, comments: Any, path: str, schema: str) -> str | None:
    """Plan the format of one file, or return why it cannot be formatted."""
    from stepwell.write.edit.engine import EditRefused
    from stepwell.write.edit.format import formatted

    try:
        content = files.content(path)
        if content is not None:
            result = formatted(path, content, schema)
            files.write(path, comments.corrected(path, schema, result))
    except EditRefused as error:
        return str(error)
    return None


def is_in(path: str, folder: str) -> bool:
    """Return whether a path is a folder or inside it; empty text is the project."""
    return not folder or path == folder or path.startswith(f"{folder}/")
