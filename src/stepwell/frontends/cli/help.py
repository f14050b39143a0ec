"""``stepwell help``, ``schema`` and ``explain-rule``: help, schemas, rules and version details."""

from __future__ import annotations

import sys

import click
from click.shell_completion import CompletionItem

from stepwell.frontends.cli.options import CommonOptions, open_registry, project_options

__all__ = ["command", "details", "explain_rule", "schema"]

_EXAMPLE = """\b
Examples:
  stepwell help check
  stepwell help pipeline run
  stepwell help completion
"""

_COMPLETION = """\
Add one line to the start-up file of your shell:

  eval "$(_STEPWELL_COMPLETE=bash_source stepwell)"   # ~/.bashrc
  eval "$(_STEPWELL_COMPLETE=zsh_source stepwell)"    # ~/.zshrc
  _STEPWELL_COMPLETE=fish_source stepwell | source    # ~/.config/fish/config.fish"""


def _complete(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    try:
        named = _find(ctx.find_root(), ctx.params.get("names") or ())
    except click.UsageError:
        return []
    return named.command.shell_complete(named, incomplete) if isinstance(named.command, click.Group) else []


@click.command("help", epilog=_EXAMPLE)
@click.argument("names", nargs=-1, metavar="[COMMAND]...", shell_complete=_complete)
@click.pass_context
def command(ctx: click.Context, names: tuple[str, ...]) -> int:
    """Show the help of a command.

    Without COMMAND, list the commands. `stepwell help completion` describes how to set up shell completion.
    """
    if names == ("completion",):
        click.echo(_COMPLETION)
    else:
        click.echo(_find(ctx.find_root(), names).get_help())
    return 0


def _find(context: click.Context, names: tuple[str, ...]) -> click.Context:
    """Return the context of a command.

    Raises:
       UsageError: there is no such command.
    """
    for name in names:
        if not isinstance(context.command, click.Group):
            raise click.UsageError(f"`{context.command_path}` has no commands")
        _, command, _ = context.command.resolve_command(context, [name])
        if command is not None:
            context = click.Context(command, context, info_name=name)
    return context


_SCHEMA_EXAMPLE = """\b
Examples:
  stepwell schema
  stepwell schema step > step.schema.json
  stepwell schema --install vscode
  stepwell schema --install helix --dry-run
"""


@click.command(
    "schema", epilog=_SCHEMA_EXAMPLE, short_help="Print the JSON Schema of a kind, or set up an editor."
)
@click.argument("kind", required=False)
@click.option(
    "--install",
    "editor",
    metavar="EDITOR",
    type=click.Choice(["helix", "jetbrains", "neovim", "vscode", "zed"]),
    help="Write schemas with the vocabulary and step names of the project, and their mapping in the settings "
    "of this editor: helix, jetbrains, neovim, vscode or zed.",
)
@click.option("--dry-run", is_flag=True, help="With --install, print a unified diff and write nothing.")
@project_options
def schema(kind: str | None, editor: str | None, dry_run: bool, common: CommonOptions) -> int:
    """Print the JSON Schema of a kind, or list the kinds.

    With --install, an editor with a YAML language server completes and checks the values of the project. The
    schemas are in `.stepwell/schemas/`; run the command again when `check` reports that they are outdated.
    Existing settings keep their other entries and comments.
    """
    if editor is not None:
        from stepwell.frontends.cli.edit import install_schemas

        if kind is not None:
            raise click.UsageError("--install cannot be used with KIND")
        return install_schemas(open_registry(common), editor, common, dry_run=dry_run)
    if dry_run:
        raise click.UsageError("--dry-run needs --install")
    from stepwell.model.schema import schema_names, schema_text
    from stepwell.source.spelling import suggest

    names = schema_names()
    if kind is None:
        for name in names:
            click.echo(name)
        return 0
    if kind not in names:
        hint = suggest(kind, names) or "run `stepwell schema` for a list"
        raise click.UsageError(f"unknown schema `{kind}` ({hint})")
    sys.stdout.write(schema_text(kind))  # ASCII if stdout is not UTF-8
    return 0


_RULE_EXAMPLE = """\b
Examples:
  stepwell explain-rule
  stepwell explain-rule shadows-core
"""


@click.command("explain-rule", epilog=_RULE_EXAMPLE, short_help="Explain a rule, or list the rules.")
@click.argument("rule_id", metavar="[ID]", required=False)
def explain_rule(rule_id: str | None) -> int:
    """Explain a rule and how to fix its findings, or list all rules."""
    from stepwell.check.catalog import FIXED_PAGES, RULES, page_of, severity_of
    from stepwell.source.spelling import suggest

    if rule_id is None:
        for item in sorted((*RULES, *FIXED_PAGES)):
            click.echo(f"{item:<26} {severity_of(item).value:<8} {str(page_of(item)).partition(chr(10))[0]}")
        return 0
    page = page_of(rule_id)
    if page is None:
        hint = suggest(rule_id, (*RULES, *FIXED_PAGES)) or "run `stepwell explain-rule` for a list"
        raise click.UsageError(f"unknown rule `{rule_id}` ({hint})")
    words = "by default" if rule_id in RULES else "always"
    click.echo(f"{rule_id} ({words} {severity_of(rule_id).value})\n\n{page}")
    return 0


_WITHOUT_LIBYAML = "PyYAML's own parser (this PyYAML was built without libyaml, so reading is slower)"
_PACKAGES = ("pyyaml", "jsonschema", "jsonschema-rs", "tomli")


def details() -> str:
    """Return the versions of Python, the YAML reader and the libraries."""
    import platform
    from importlib.metadata import version

    from stepwell.source import yaml

    libyaml = yaml.libyaml_version()
    reader = f"libyaml {libyaml}" if libyaml else _WITHOUT_LIBYAML
    lines = [f"YAML reader: {reader}", f"Python {platform.python_version()}"]
    lines += [f"{package} {version(package)}" for package in _PACKAGES]
    return "\n".join(lines)
