"""The questions of ``stepwell workspace new --interactive``."""

from __future__ import annotations

import sys
from collections.abc import Callable

import click

from stepwell.cli.workspace.sharing import refuse_bad_id
from stepwell.live.registry import Registry
from stepwell.source.escape_control import visible

__all__ = ["ask"]

_DEFAULT = "standard"


def ask(
    registry: Registry,
    workspace: str | None,
    template: str | None,
    copy_from: str | None,
    description: str | None,
    framework: str | None,
) -> tuple[str, str | None, str | None, str | None]:
    """Ask for what is not said yet: id, template, description, framework.

    Args:
        registry: of which project.
        workspace: the id.
        template: the template's name.
        copy_from: the workspace to copy; with one, only the id is asked for.
        description: what the workspace is for.
        framework: what its steps are written for.

    Raises:
        UsageError: there is no terminal to ask on.
    """
    if not sys.stdin.isatty():
        raise click.UsageError("--interactive asks questions, and there is no terminal to ask on")
    if workspace is None:
        workspace = _until("Id of the workspace", lambda given: _free_id(registry, given))
    if copy_from is not None:
        return workspace, None, None, None
    if template is None:
        from stepwell.write.scaffold import find_templates

        found = find_templates(registry.project).value
        for one in found.values():
            click.echo(f"  {visible(one.name)}: {visible(one.description)}".rstrip(": "), err=True)
        template = _until("Template", lambda given: _one_of(given, tuple(found)), _DEFAULT)
    if description is None:
        description = _until("What is it for (one line, may stay empty)", _one_line, "")
    if framework is None:
        allowed = registry.project.settings.vocabulary.get("frameworks")
        told = f" ({', '.join(allowed)})" if allowed else ""
        framework = _until(
            f"Framework{told}, may stay empty",
            lambda given: given if not given or allowed is None else _one_of(given, allowed),
            "",
        )
    return workspace, template, description, framework


def _until(question: str, accept: Callable[[str], str], default: str | None = None) -> str:
    """Ask until the answer can be used."""
    while True:
        given: str = click.prompt(question, default=default, show_default=bool(default), err=True)
        try:
            return accept(given.strip())
        except click.UsageError as error:
            click.echo(error.format_message(), err=True)


def _free_id(registry: Registry, given: str) -> str:
    refuse_bad_id(given)
    if given in registry.workspaces:
        raise click.UsageError(f"there is a workspace `{given}` already")
    return given


def _one_of(given: str, choices: tuple[str, ...]) -> str:
    if given not in choices:
        raise click.UsageError(f"`{visible(given)}` is none of {', '.join(choices)}")
    return given


def _one_line(given: str) -> str:
    if not given.isprintable():
        raise click.UsageError("use one line of characters that can be shown")
    return given
