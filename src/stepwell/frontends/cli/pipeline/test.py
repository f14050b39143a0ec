"""``stepwell pipeline test``: test a pipeline or a script with given or synthetic data."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from stepwell.frontends.cli.options import (
    CommonOptions,
    Mistakes,
    format_option,
    project_options,
    view_of,
    workspace_option,
    write_json,
)
from stepwell.frontends.cli.pipeline.options import (
    RunOptions,
    complete_pipeline,
    engine_options,
    exit_code_of,
    has_errors,
    make_run,
    open_pipeline,
    plan_of,
    print_findings,
    write_report,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stepwell.live.registry import Registry
    from stepwell.model.graph import Pipeline
    from stepwell.run.pipelines import RunDatabase, RunRecord
    from stepwell.run.pipelines.selection import Trial
    from stepwell.source.diagnostic import Diagnostic

_EXAMPLE = """\b
Examples:
  stepwell pipeline test TrainAndEvaluate
  stepwell pipeline test TrainAndEvaluate --step train
  stepwell pipeline test TrainAndEvaluate --components-from alice,bob
"""


@click.command(
    "test", epilog=_EXAMPLE, short_help="Test a pipeline or one of its scripts with synthetic data."
)
@click.argument("name", shell_complete=complete_pipeline)
@workspace_option("Use the view of this workspace (default: core).")
@click.option("--step", metavar="ID", help="Test only the script of this step, without upstream steps.")
@click.option(
    "--components-from",
    metavar="ID[,ID]...",
    help="Replace one step at a time by the version of these workspaces, and test the pipeline with each.",
)
@engine_options
@format_option("text", "json")
@project_options
def command(
    name: str,
    workspace: str | None,
    step: str | None,
    components_from: str | None,
    run_options: RunOptions,
    form: str,
    common: CommonOptions,
) -> int:
    """Run the pipeline NAME like `pipeline run`, with data from data_manifest.yaml or, for inputs that
    it does not list, synthetic data generated from the interface (`content` or `type`).

    The exit code is 1 if a step fails or the run cannot start.
    """
    from stepwell.frontends.render.run import run_lines
    from stepwell.run.pipelines import RunDatabase
    from stepwell.run.pipelines.selection import alone

    registry, pipeline = open_pipeline(common, workspace, name)
    root = registry.project.root
    with RunDatabase(root, registry.project.settings.run_store) as record:
        if components_from is not None:
            return _with_others(registry, pipeline, record, components_from, step, run_options, form, common)
        if step is not None:
            pipeline = alone(pipeline, step)
        plan, findings = plan_of(registry, pipeline, run_options, parameters={}, make_up=True)
        if has_errors(findings):
            if form == "json":
                _write(None, root, findings)
            else:
                print_findings(findings, registry)
            return 1
        if findings and form == "text" and not common.quiet:
            print_findings(findings, registry)
            sys.stdout.flush()
        run = make_run(plan, record, run_options, common, mode="test")
    if form == "json":
        _write(run, root, findings)
    elif not (common.quiet and run.state.is_good):
        sys.stdout.writelines(f"{line}\n" for line in run_lines(run, root))
    if run_options.report is not None:
        write_report(pipeline, run, root, run_options.report, common)
    return exit_code_of(run.state)


def _with_others(
    registry: Registry,
    pipeline: Pipeline,
    record: RunDatabase,
    words: str,
    step: str | None,
    run_options: RunOptions,
    form: str,
    common: CommonOptions,
) -> int:
    ids = [item.strip() for item in words.split(",") if item.strip()]
    mistakes = Mistakes()
    for item in ids:
        mistakes.collect(view_of, registry, item)
    mistakes.report()
    tried = list(_tried(registry, pipeline, record, ids, step, run_options, common))
    if form == "json":
        _write(None, registry.project.root, tried=tried)
    else:
        from stepwell.frontends.render.run import swap_lines

        sys.stdout.writelines(f"{line}\n" for line in swap_lines(tried))
    return int(any(item.state == "does not work" for item in tried))


def _tried(
    registry: Registry,
    pipeline: Pipeline,
    record: RunDatabase,
    ids: list[str],
    step: str | None,
    run_options: RunOptions,
    common: CommonOptions,
) -> Iterator[Trial]:
    """Yield the result of replacing each step by the version of each workspace."""
    from stepwell.run.pipelines import StepState
    from stepwell.run.pipelines.selection import Trial, swaps

    for swap in swaps(registry, pipeline, ids):
        if step is not None and swap.node != step:
            continue
        if swap.pipeline is None or swap.is_same:
            yield Trial(swap.node, swap.workspace, "not there" if swap.pipeline is None else "the same")
            continue
        plan, findings = plan_of(registry, swap.pipeline, run_options, parameters={}, make_up=True)
        if has_errors(findings):
            fault = next(finding.message for finding in findings if finding.severity.rank == 0)
            yield Trial(swap.node, swap.workspace, "does not work", fault=fault)
            continue
        run = make_run(plan, record, run_options, common, mode="test")
        first = next((step for step in run.steps if step.state is StepState.FAILED), None)
        yield Trial(
            swap.node,
            swap.workspace,
            "works" if first is None else "does not work",
            run.id,
            None if first is None else first.node,
            None if first is None else first.fault,
            ran=sum(bool(step.attempts) for step in run.steps),
            cached=sum(step.state is StepState.CACHED for step in run.steps),
        )


def _write(
    run: RunRecord | None,
    root: str,
    findings: Iterable[Diagnostic] = (),
    tried: Iterable[Trial] | None = None,
) -> None:
    from stepwell.frontends.render.output.runs import pipeline_test_output

    write_json(pipeline_test_output(run, root, findings, tried))
