"""``stepwell pipeline test``: a pipeline or one script on given or made-up data, also with others' steps."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from stepwell.frontends.cli.options import Asked, format_option, project_options, view_of, workspace_option
from stepwell.frontends.cli.pipeline.options import (
    Said,
    complete_pipeline,
    engine_options,
    exit_code_of,
    has_errors,
    make_run,
    open_pipeline,
    plan_of,
    tell_findings,
    without_run,
    write_report,
)

if TYPE_CHECKING:
    from stepwell.live.registry import Registry
    from stepwell.model.graph import Pipeline
    from stepwell.run.pipelines import Record

_EXAMPLE = """\b
Examples:
  stepwell pipeline test TrainAndEvaluate
  stepwell pipeline test TrainAndEvaluate --step train
  stepwell pipeline test TrainAndEvaluate --components-from alice,bob
"""


@click.command("test", epilog=_EXAMPLE, short_help="Run a pipeline or one of its scripts on made-up data.")
@click.argument("name", shell_complete=complete_pipeline)
@workspace_option("Whose view; the core's when left out.")
@click.option("--step", metavar="ID", help="Only this step's script, alone: no other step feeds it.")
@click.option(
    "--components-from",
    metavar="ID[,ID]...",
    help="For each step tell whether the pipeline works with it as these workspaces have it.",
)
@engine_options
@format_option("text", "json")
@project_options
def command(
    name: str,
    workspace: str | None,
    step: str | None,
    components_from: str | None,
    said: Said,
    form: str,
    asked: Asked,
) -> int:
    """Run the pipeline NAME as `stepwell pipeline run` does, on the data of data_manifest.yaml, and where
    that has none on data made up from the interface: its `content`, or else its `type`.

    Exit with 1 when a step failed, or when something stands in the way.
    """
    from stepwell.frontends.render.run import plain_run, run_lines
    from stepwell.run.pipelines import Record
    from stepwell.run.pipelines.variants import alone

    registry, pipeline = open_pipeline(asked, workspace, name)
    root = registry.project.root
    with Record(root) as record:
        if components_from is not None:
            return _with_others(registry, pipeline, record, components_from, step, said, form, asked)
        if step is not None:
            pipeline = alone(pipeline, step)
        plan, found = plan_of(registry, pipeline, said, parameters={}, make_up=True)
        if has_errors(found):
            tell_findings(found, registry, form, components=None)
            return 1
        run = make_run(plan, record, said, asked, mode="test")
    if form == "json":
        json.dump({**plain_run(run, root, findings=found), "components": None}, sys.stdout, indent=2)
        sys.stdout.write("\n")
    elif not (asked.quiet and run.state.is_good):
        sys.stdout.writelines(f"{line}\n" for line in run_lines(run, root))
    if said.report is not None:
        write_report(run, root, said.report, asked)
    return exit_code_of(run.state)


def _with_others(
    registry: Registry,
    pipeline: Pipeline,
    record: Record,
    words: str,
    step: str | None,
    said: Said,
    form: str,
    asked: Asked,
) -> int:
    ids = [one.strip() for one in words.split(",") if one.strip()]
    for one in ids:
        view_of(registry, one)
    tried = list(_tried(registry, pipeline, record, ids, step, said, asked))
    if form == "json":
        json.dump({**without_run(()), "components": tried}, sys.stdout, indent=2)
        sys.stdout.write("\n")
    else:
        from stepwell.frontends.render.run import swap_lines

        sys.stdout.writelines(f"{line}\n" for line in swap_lines(tried))
    return int(any(one["state"] == "does not work" for one in tried))


def _tried(
    registry: Registry,
    pipeline: Pipeline,
    record: Record,
    ids: list[str],
    step: str | None,
    said: Said,
    asked: Asked,
) -> Iterator[dict[str, Any]]:
    """Each step with each workspace: whether the pipeline works with that one's."""
    from stepwell.run.pipelines import State
    from stepwell.run.pipelines.variants import swaps

    for swap in swaps(registry, pipeline, ids):
        if step is not None and swap.node != step:
            continue
        told: dict[str, Any] = {
            "step": swap.node,
            "workspace": swap.workspace,
            "state": "",
            "run": None,
            "failed": None,
            "fault": None,
        }
        if swap.pipeline is None:
            yield {**told, "state": "not there"}
            continue
        if swap.is_same:
            yield {**told, "state": "the same"}
            continue
        plan, found = plan_of(registry, swap.pipeline, said, parameters={}, make_up=True)
        if has_errors(found):
            fault = next(one.message for one in found if one.severity.rank == 0)
            yield {**told, "state": "does not work", "fault": fault}
            continue
        run = make_run(plan, record, said, asked, mode="test")
        first = next((one for one in run.steps if one.state is State.FAILED), None)
        told["run"] = run.id
        if first is None:
            yield {**told, "state": "works"}
        else:
            yield {**told, "state": "does not work", "failed": first.node, "fault": first.fault}
