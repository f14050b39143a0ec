"""``stepwell help``: the help of a command, and version details."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem

__all__ = ["command", "details"]

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
        _, found, _ = context.command.resolve_command(context, [name])
        if found is not None:
            context = click.Context(found, context, info_name=name)
    return context


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
