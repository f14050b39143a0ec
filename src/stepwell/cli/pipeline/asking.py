"""What the commands about pipelines share: which pipeline, and its names for the shell."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem

from stepwell.cli.opening import Asked, open_registry
from stepwell.errors import StepwellError, UnknownPipeline
from stepwell.graph import Linked, link
from stepwell.graph.linking import definition_of
from stepwell.registry import Registry
from stepwell.snapshot import View

__all__ = ["complete_pipeline", "linked_of"]


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
