"""``stepwell pipeline check``: check pipelines and the code of their steps."""

from __future__ import annotations

import sys
import time

import click

from stepwell.check.catalog import ids
from stepwell.frontends.cli.options import (
    CommonOptions,
    began,
    color_wanted,
    displayed,
    format_option,
    open_view,
    project_options,
    with_progress,
    workspace_option,
    write_json,
)
from stepwell.frontends.cli.pipeline.options import complete_pipeline, linked_of
from stepwell.live.registry import Registry
from stepwell.model import KINDS
from stepwell.model.graph import Linked, Pipeline, crossing
from stepwell.resolve.pipelines import findings_in
from stepwell.resolve.view import View
from stepwell.source.diagnostic import Diagnostic, Severity, counted_findings, in_order
from stepwell.source.excerpt import block
from stepwell.source.wording import counted

_EXAMPLE = """\b
Examples:
  stepwell pipeline check
  stepwell pipeline check TrainAndEvaluate --workspace alice
  stepwell pipeline check --format json
"""

_RULES = ids("pipeline")


@click.command("check", epilog=_EXAMPLE, short_help="Check pipelines and the code of their steps.")
@click.argument("names", metavar="[NAME]...", nargs=-1, shell_complete=complete_pipeline)
@workspace_option("Use the view of this workspace (default: core).")
@format_option("text", "json")
@project_options
def command(names: tuple[str, ...], workspace: str | None, form: str, common: CommonOptions) -> int:
    """Check the pipelines of a view (default: all).

    Reports the pipeline findings of `stepwell check`, missing code of steps, and the number of edges that
    cross workspaces. No Python is run. The exit code is 1 if there is an error.
    """
    registry, view = open_view(common, workspace)
    linked = [linked_of(registry, view, one) for one in dict.fromkeys(names) or view.pipelines]
    if linked:
        with_progress(common, registry.code.index)
    views: dict[str | None, View] = {None: registry.view(None)}
    views.update((one, registry.view(one)) for one in registry.workspaces)
    found = {one.definition.name: findings_in(registry.project.settings, one, views) for one in linked}
    left_out = () if names else tuple(_in_files(registry, view))
    every = in_order((*left_out, *(each for found_in in found.values() for each in found_in)))
    if form == "json":
        from stepwell.frontends.render.output.pipelines import pipeline_check_output

        write_json(pipeline_check_output(view, linked, found, left_out))
    else:
        for one in displayed(every, registry.project.root):
            if not common.quiet or one.severity is Severity.ERROR:
                sys.stdout.write(block(one, color=color_wanted()).rstrip("\n") + "\n\n")
        if not common.quiet:
            for each in linked:
                sys.stdout.write(f"{_about(each)}\n")
            sys.stdout.write(f"{_summary(len(linked), every, time.monotonic() - began())}\n")
    return int(any(one.severity is Severity.ERROR for one in every))


def _in_files(registry: Registry, view: View) -> list[Diagnostic]:
    """Return findings in pipeline files, including files that the view skips."""
    settings = registry.project.settings
    folder = next(one.folder for one in KINDS.values() if one.noun == "pipeline")
    homes = [f"{settings.core}/{folder}/"]
    if view.workspace is not None:
        homes += [
            f"{settings.workspaces}/{view.workspace}/{layer}/{folder}/" for layer in ("local", "override")
        ]
    return [
        finding
        for finding in view.diagnostics
        if finding.span is not None
        and finding.span.path.startswith(tuple(homes))
        and finding.id not in _RULES
    ]


def _about(linked: Linked) -> str:
    crossed, edges = crossing(Pipeline.of(linked))
    about = f"{counted(len(linked.nodes), 'step')}, {counted(edges, 'edge')}"
    return f"{linked.definition.name}: {about}, {len(crossed)} across workspaces"


def _summary(pipelines: int, found: tuple[Diagnostic, ...], seconds: float) -> str:
    findings = counted_findings(found) or "no findings"
    return f"Checked {counted(pipelines, 'pipeline')}: {findings} in {seconds:.2f} s."
