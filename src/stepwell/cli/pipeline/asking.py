"""What the commands about pipelines share: which pipeline, and its names for the shell."""

from __future__ import annotations

from typing import Any

import click
from click.shell_completion import CompletionItem

from stepwell.cli.opening import Asked, open_registry
from stepwell.live.registry import Registry
from stepwell.model.graph import Linked, Pipeline, link
from stepwell.model.graph.link import definition_of
from stepwell.resolve.view import View
from stepwell.source import scalars
from stepwell.source.errors import StepwellError, UnknownPipeline
from stepwell.source.spelling import closest

__all__ = ["complete_pipeline", "linked_of", "values_of"]


def linked_of(registry: Registry, view: View, name: str) -> Linked:
    """A pipeline of a view as a graph.

    Raises:
        UsageError: the view has none of that name; the message tells where else it is.
    """
    try:
        return link(view, definition_of(view, name), registry.among)
    except UnknownPipeline as error:
        elsewhere = [one for one in registry.workspaces if name in registry.view(one).pipelines]
        if elsewhere:
            hint = f"`--workspace {elsewhere[0]}` has it"
        elif error.suggestions:
            hint = f"did you mean {' or '.join(f'`{one}`' for one in error.suggestions)}?"
        else:
            hint = "`stepwell pipeline list` shows all"
        raise click.UsageError(f"there is no pipeline `{name}` in {view.title} ({hint})") from None


def complete_pipeline(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of pipelines for the shell."""
    try:
        registry = open_registry(Asked(ctx.params.get("project"), quiet=True, verbose=False))
        named = ctx.params.get("workspace")
        view = registry.view((registry.project.settings.workspace if named is None else named) or None)
    except StepwellError:
        return []
    return [CompletionItem(name) for name in view.pipelines if name.startswith(incomplete)]


def values_of(pipeline: Pipeline, said: tuple[str, ...]) -> dict[str, Any]:
    """The parameters that a command line sets; a value is read as YAML would read it.

    Raises:
        UsageError: one is not ``PARAMETER=VALUE``, or the pipeline has no such parameter.
    """
    values: dict[str, Any] = {}
    for one in said:
        name, equals, text = one.partition("=")
        if not equals or not name:
            raise click.UsageError(f"--set takes PARAMETER=VALUE, and this is `{one}`")
        if name not in pipeline.parameters:
            near = closest(name, pipeline.parameters)
            listed = ", ".join(f"`{each}`" for each in pipeline.parameters) or "none"
            hint = f"did you mean `{near[0]}`?" if near else f"its parameters are {listed}"
            raise click.UsageError(f"`{pipeline.name}` has no parameter `{name}` ({hint})")
        try:
            values[name] = scalars.resolve(text)
        except OverflowError:
            values[name] = text
    return values
