"""``stepwell pipeline check``: check pipelines and the code of their steps."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import click

from stepwell.check.catalog import ids
from stepwell.frontends.cli.options import (
    CommonOptions,
    began,
    color_wanted,
    displayed,
    format_option,
    open_names,
    project_options,
    with_progress,
    workspace_option,
    write_json,
)
from stepwell.frontends.cli.pipeline.options import (
    complete_pipeline,
    findings_of_store,
    linked_of,
    manifest_of,
)
from stepwell.live.registry import Registry
from stepwell.model import KINDS
from stepwell.model.graph import Linked, Node, Pipeline, crossing, cycles_in
from stepwell.resolve.pipelines import findings_in
from stepwell.resolve.view import View
from stepwell.source.diagnostic import Diagnostic, Severity, Span, counted_findings, in_order
from stepwell.source.excerpt import block
from stepwell.source.wording import counted

__all__ = ["RULES", "command", "pipeline_findings"]

if TYPE_CHECKING:
    from stepwell.run.pipelines import Manifest

_EXAMPLE = """\b
Examples:
  stepwell pipeline check
  stepwell pipeline check TrainAndEvaluate --workspace alice
  stepwell pipeline check --format json
"""

RULES: Final = ids("pipeline")
"""Rules whose findings `stepwell check` reports."""


@click.command("check", epilog=_EXAMPLE, short_help="Check pipelines and the code of their steps.")
@click.argument("names", metavar="[NAME]...", nargs=-1, shell_complete=complete_pipeline)
@workspace_option("Use the view of this workspace (default: core).")
@click.option(
    "--data",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="Data manifest for inputs without an upstream step.  [default: data_manifest.yaml]",
)
@click.option("--made-up", is_flag=True, help="Accept inputs without a source, as a run with --made-up does.")
@format_option("text", "json")
@project_options
def command(
    names: tuple[str, ...],
    workspace: str | None,
    data: str | None,
    made_up: bool,
    form: str,
    common: CommonOptions,
) -> int:
    """Check the pipelines of a view (default: all).

    Reports the pipeline findings of `stepwell check`, missing code of steps, the number of edges that cross
    workspaces, and everything that would prevent `stepwell pipeline run` from starting. No Python is run. The
    exit code is 1 if there is an error.
    """
    registry, view, named = open_names(common, workspace, linked_of, *dict.fromkeys(names))
    linked = named or tuple(linked_of(registry, view, name) for name in view.pipelines)
    if linked:
        with_progress(common, registry.code.index)
    views: dict[str | None, View] = {None: registry.view(None)}
    views.update((workspace, registry.view(workspace)) for workspace in registry.workspaces)
    manifest = manifest_of(registry, data)
    by_pipeline = {
        item.definition.name: pipeline_findings(registry, item, views, manifest.value, made_up=made_up)
        for item in linked
    }
    of_runs = (*manifest.diagnostics, *findings_of_store(registry)) if linked else ()
    left_out = (*(() if names else _in_files(registry, view)), *of_runs)
    every = in_order((*left_out, *(each for found_in in by_pipeline.values() for each in found_in)))
    if form == "json":
        from stepwell.frontends.render.output.pipelines import pipeline_check_output

        write_json(pipeline_check_output(view, linked, by_pipeline, left_out))
    else:
        for finding in displayed(every, registry.project.root):
            if not common.quiet or finding.severity is Severity.ERROR:
                sys.stdout.write(block(finding, color=color_wanted()).rstrip("\n") + "\n\n")
        if not common.quiet:
            for each in linked:
                sys.stdout.write(f"{_about(each)}\n")
            sys.stdout.write(f"{_summary(len(linked), every, time.monotonic() - began())}\n")
    return int(any(finding.severity is Severity.ERROR for finding in every))


def pipeline_findings(
    registry: Registry,
    linked: Linked,
    views: Mapping[str | None, View],
    manifest: Manifest,
    *,
    made_up: bool,
) -> tuple[Diagnostic, ...]:
    """Return the findings of the rules, and what prevents a run of the steps without errors."""
    from stepwell.run.pipelines import make_plan

    findings = findings_in(registry.project.settings, linked, views)
    errors = [finding.span for finding in findings if finding.severity is Severity.ERROR]
    valid = [node.id for node in linked.nodes.values() if not any(_contains(node, span) for span in errors)]
    pipeline = Pipeline.of(linked)
    if not valid or cycles_in(pipeline):
        return findings
    plan = make_plan(registry, pipeline, manifest=manifest, make_up=made_up, only=valid, unset=True)
    return in_order((*findings, *plan.diagnostics))


def _contains(node: Node, span: Span | None) -> bool:
    """Return whether a location is in the definition of a node."""
    entries = [stated.span() for stated in node.stated]
    return span is not None and any(
        entry.path == span.path and entry.line <= span.line <= entry.end_line for entry in entries
    )


def _in_files(registry: Registry, view: View) -> list[Diagnostic]:
    """Return findings in pipeline files, including files that the view skips."""
    settings = registry.project.settings
    folder = next(kind.folder for kind in KINDS.values() if kind.noun == "pipeline")
    homes = [f"{settings.core}/{folder}/"]
    if view.workspace is not None:
        homes += [
            f"{settings.workspaces}/{view.workspace}/{layer}/{folder}/" for layer in ("local", "override")
        ]
    return [
        finding
        for finding in view.diagnostics
        if finding.span is not None and finding.span.path.startswith(tuple(homes)) and finding.id not in RULES
    ]


def _about(linked: Linked) -> str:
    crossed, edges = crossing(Pipeline.of(linked))
    about = f"{counted(len(linked.nodes), 'step')}, {counted(edges, 'edge')}"
    return f"{linked.definition.name}: {about}, {len(crossed)} across workspaces"


def _summary(pipelines: int, reported: tuple[Diagnostic, ...], seconds: float) -> str:
    findings = counted_findings(reported) or "no findings"
    return f"Checked {counted(pipelines, 'pipeline')}: {findings} in {seconds:.2f} s."
