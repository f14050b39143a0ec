"""``stepwell providers``: model providers, their status and health."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from stepwell.frontends.cli.explain import explained_lines
from stepwell.frontends.cli.options import (
    CommonOptions,
    format_option,
    open_registry,
    open_view,
    project_options,
    workspace_option,
    write_json,
)
from stepwell.frontends.render.columns import aligned
from stepwell.model import ProviderDefinition
from stepwell.resolve.provenance import Explanation, explain_all
from stepwell.resolve.view import View
from stepwell.source.errors import StepwellError, UnknownProvider
from stepwell.source.escape_control import visible
from stepwell.source.wording import counted

if TYPE_CHECKING:
    from stepwell.live.registry import Registry
    from stepwell.run.providers import ProviderRegistry
    from stepwell.run.providers.circuit import Figures

__all__ = [
    "Faults",
    "explained",
    "health_lines",
    "state_of",
    "table",
]


_HEADINGS = ("NAME", "IMPLEMENTATION", "PRIORITY", "CAPABILITIES", "MODELS", "LIMITS")

Faults = Mapping[str, StepwellError | None]
"""Error of each provider by name, or ``None``."""


def table(view: View, names: tuple[str, ...]) -> list[str]:
    """Return the lines of the table of providers."""
    if not names:
        return []
    return aligned([_HEADINGS, *(_row(view.providers[name]) for name in names)])


def _row(definition: ProviderDefinition) -> tuple[str, ...]:
    limits = [
        f"{definition.quota.concurrency} concurrent" if definition.quota.concurrency else "",
        f"{definition.quota.requests_per_minute} per minute" if definition.quota.requests_per_minute else "",
    ]
    return (
        definition.name,
        visible(definition.implementation),
        str(definition.priority),
        " ".join(definition.capabilities) or "-",
        visible(" ".join(model.name for model in definition.known_models)) or "-",
        ", ".join(filter(None, limits)) or "-",
    )


def health_lines(names: tuple[str, ...], faults: Faults, figures: Mapping[str, Figures]) -> list[str]:
    """Return the lines of the status table."""
    rows = [(name, figures[name].state, _said(faults.get(name))) for name in names]
    return aligned([("NAME", "STATE", "ERROR"), *rows])


def _said(fault: StepwellError | None) -> str:
    return "-" if fault is None else visible(" ".join(str(fault).split()))


def explained(view: View, name: str) -> tuple[Explanation, ...]:
    """Return the provenance of every field of a provider that has a value."""
    return explain_all(view.providers[name], view.providers.hidden(name))


def state_of(figures: Figures, fault: StepwellError | None) -> str:
    """Return the status of a provider as text."""
    if fault is not None and not figures.last_failure:
        return _said(fault)
    if figures.state in ("failing", "left alone", "trying again"):
        return f"{figures.state}: {visible(figures.last_failure)}"
    return figures.state


_EXAMPLE = """\b
Examples:
  stepwell providers
  stepwell providers HouseModels --workspace alice
  stepwell providers --health --format json
  stepwell providers --watch
"""

_LOOKS_AGAIN = 0.2
"""Seconds between two status updates of ``--watch``."""


def _complete(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    try:
        registry = open_registry(CommonOptions(ctx.params.get("project"), quiet=True, verbose=False))
        named = ctx.params.get("workspace")
        view = registry.view((registry.project.settings.workspace if named is None else named) or None)
    except StepwellError:
        return []
    return [CompletionItem(name) for name in view.providers if name.startswith(incomplete)]


@click.command("providers", epilog=_EXAMPLE, short_help="Show providers, their status and health.")
@click.argument("name", required=False, shell_complete=_complete)
@click.option(
    "--health",
    "probing",
    is_flag=True,
    help="Run a health check of each provider (runs its implementation); exit with 1 if one fails.",
)
@click.option(
    "--watch", "watching", is_flag=True, help="Repeat health checks and print changes until Ctrl-C."
)
@workspace_option("Use the view of this workspace (default: core).")
@format_option("text", "json")
@project_options
def command(
    name: str | None, probing: bool, watching: bool, workspace: str | None, form: str, common: CommonOptions
) -> int:
    """Show the providers of a view with their capabilities, models and limits.

    With NAME, show one provider with the origin of every field. For secrets only their source is shown, never
    their value. Ctrl-C ends --watch with exit code 0.
    """
    registry, view = open_view(common, workspace)
    names = tuple(view.providers.order) if name is None else (_named(view, name).name,)
    if watching:
        return _Watching(registry, view, names if name is not None else None, form, common).run()
    faults: Faults = {}
    figures: Mapping[str, Figures] = {}
    if probing:
        faults, figures = asyncio.run(_probe(registry, view, names))
    if form == "json":
        from stepwell.frontends.render.output.providers import providers_output

        origins = None if name is None else {item: explained(view, item) for item in names}
        write_json(providers_output(view, names, faults, figures, explained=origins))
    else:
        if name is None:
            sys.stdout.writelines(f"{line}\n" for line in table(view, names))
        else:
            lines = explained_lines(view, explained(view, name), registry.project.root)
            sys.stdout.writelines(f"{line}\n" for line in lines)
        if probing and names:
            sys.stdout.write("\n")
            sys.stdout.writelines(f"{line}\n" for line in health_lines(names, faults, figures))
        if not names and not common.quiet:
            sys.stdout.write(f"{view.title} has no providers; define one in a file in `providers/`\n")
    return int(any(faults.values()))


def _named(view: View, name: str) -> ProviderDefinition:
    from stepwell.run.providers.registry import definition_of

    try:
        return definition_of(view, name)
    except UnknownProvider as error:
        raise click.UsageError(str(error)) from None


def _registry_of(registry: Registry) -> ProviderRegistry:
    from stepwell.run.providers import ProviderRegistry

    return ProviderRegistry(registry, os.environ)


async def _probe(
    registry: Registry, view: View, names: tuple[str, ...]
) -> tuple[Faults, Mapping[str, Figures]]:
    async with _registry_of(registry) as providers:
        faults = await providers.probe(names, workspace=view.workspace)
        return faults, {name: providers.figures(name, view=view) for name in names}


class _Watching:
    """Prints changes of the status of providers.

    Args:
       names: providers to watch; ``None`` for all.
       form: ``text`` or ``json``.
    """

    def __init__(
        self, registry: Registry, view: View, names: tuple[str, ...] | None, form: str, common: CommonOptions
    ) -> None:
        self._registry = registry
        self._workspace = view.workspace
        self._names = names
        self._form = form
        self._asked = common
        self._known: dict[str, str] = {}

    def run(self) -> int:
        """Print changes until Ctrl-C."""
        with suppress(KeyboardInterrupt), self._registry.watch(notify=self._note):
            asyncio.run(self._follow())
        if sys.stdout.isatty():
            click.echo("\r", nl=False)  # over the ^C
        if self._form == "text" and not self._asked.quiet:
            click.echo("stopped watching")
        return 0

    async def _follow(self) -> None:
        if self._form == "text" and not self._asked.quiet:
            count = len(self._there(self._view()))
            click.echo(f"watching {counted(count, 'provider')}; press Ctrl-C to stop")
        async with _registry_of(self._registry) as providers:
            faults = await providers.probe(self._names, workspace=self._workspace)
            probing = asyncio.ensure_future(providers.watch_over(self._workspace))
            try:
                while not probing.done():
                    self._print_all(providers, faults)
                    faults = {}
                    await asyncio.sleep(_LOOKS_AGAIN)
                await probing
            finally:
                probing.cancel()
                await asyncio.gather(probing, return_exceptions=True)

    def _view(self) -> View:
        with suppress(StepwellError):  # the workspace may be removed meanwhile
            return self._registry.view(self._workspace)
        return self._registry.view(None)

    def _there(self, view: View) -> tuple[str, ...]:
        return tuple(name for name in view.providers.order if self._names is None or name in self._names)

    def _print_all(self, providers: ProviderRegistry, faults: Faults) -> None:
        view = self._view()
        figures = {name: providers.figures(name, view=view) for name in self._there(view)}
        states = {name: state_of(figure, faults.get(name)) for name, figure in figures.items()}
        if states == self._known:
            return
        if self._form == "json":
            from stepwell.frontends.render.output.providers import providers_output
            from stepwell.frontends.render.output.record import encode

            clock = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
            click.echo(encode(providers_output(view, figures, faults, figures, time=clock), indent=None))
        else:
            clock = time.strftime("%H:%M:%S")
            for name, state in states.items():
                if self._known.get(name) != state:
                    click.echo(f"{clock}  {name}  {state}")
            for name in self._known.keys() - states.keys():
                click.echo(f"{clock}  {name}  removed")
        self._known = states

    def _note(self, news: str) -> None:
        if self._form == "text":
            click.echo(f"note: {news}", err=True)
