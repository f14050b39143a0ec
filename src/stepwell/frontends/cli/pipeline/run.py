"""``stepwell pipeline run`` and ``compare``: run a pipeline, and compare two runs."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Literal

import click

from stepwell.frontends.cli.options import (
    CommonOptions,
    format_option,
    open_registry,
    project_options,
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
    values_of,
    write_report,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stepwell.run.pipelines import RunRecord
    from stepwell.source.diagnostic import Diagnostic

_COMPARE_EXAMPLE = """\b
Examples:
  stepwell pipeline compare TrainAndEvaluate
  stepwell pipeline compare TrainAndEvaluate 20270101-120000-1a2b
  stepwell pipeline compare TrainAndEvaluate 20270101-120000-1a2b 20270102-093000-3c4d --format json
"""


@click.command("compare", epilog=_COMPARE_EXAMPLE, short_help="Compare two runs of a pipeline.")
@click.argument("name", shell_complete=complete_pipeline)
@click.argument("runs", nargs=-1, metavar="[RUN [RUN]]")
@format_option("text", "json")
@project_options
def compare(name: str, runs: tuple[str, ...], form: str, common: CommonOptions) -> int:
    """Compare two runs of the pipeline NAME: state, duration and outputs of each step, and reasons.

    Without RUN, compare the latest run with the previous one; with one RUN, compare the latest run with it.
    The exit code is 1 if the state or the outputs of a step differ.
    """
    from stepwell.frontends.render.run import comparison_lines
    from stepwell.run.pipelines import RunDatabase
    from stepwell.run.pipelines.run_record import compare_runs

    if len(runs) > 2:
        raise click.UsageError("at most two runs can be compared")
    registry = open_registry(common)
    with RunDatabase(registry.project.root, registry.project.settings.run_store) as record:
        after = runs[1] if len(runs) == 2 else record.last(name)
        if after is None:
            raise click.UsageError(f"`{name}` has no runs")
        before = runs[0] if runs else record.last(name, before=after)
        if before is None or before == after:
            raise click.UsageError(f"`{name}` has no run other than {after}")
        pair = record.read(before), record.read(after)
    for item in pair:
        if item.pipeline != name:
            raise click.UsageError(f"run {item.id} belongs to `{item.pipeline}`")
    differences = compare_runs(*pair)
    if form == "json":
        from stepwell.frontends.render.output.runs import pipeline_compare_output

        write_json(pipeline_compare_output(*pair, differences))
    else:
        sys.stdout.writelines(f"{line}\n" for line in comparison_lines(*pair, differences))
    return int(not all(difference.is_same for difference in differences))


_EXAMPLE = """\b
Examples:
  stepwell pipeline run TrainAndEvaluate
  stepwell pipeline run TrainAndEvaluate --set rows=1000 --jobs 4 --report run.html
  stepwell pipeline run TrainAndEvaluate --resume
  stepwell pipeline run TrainAndEvaluate --engine dask --scheduler tcp://host:8786
"""

_LAST: Final = "the latest"


@click.command("run", epilog=_EXAMPLE, short_help="Run a pipeline locally or on an engine.")
@click.argument("name", shell_complete=complete_pipeline)
@workspace_option("Use the view of this workspace (default: core).")
@click.option(
    "--set",
    "settings",
    metavar="NAME=VALUE",
    multiple=True,
    help="Set a pipeline parameter (repeatable); the value is parsed as JSON if possible, otherwise as text.",
)
@click.option(
    "--resume",
    metavar="[RUN]",
    is_flag=False,
    flag_value=_LAST,
    help="Resume an unfinished run (default: the latest) with its original parameters; finished steps are "
    "not run again.",
)
@click.option(
    "--take-over",
    is_flag=True,
    help="With --resume: resume the run although it is in progress on another machine, which stops it there.",
)
@click.option(
    "--from", "start", metavar="STEP", help="Run this step and all downstream steps, ignoring cached results."
)
@click.option("--only", metavar="STEP", help="Run only this step, with the outputs of earlier runs.")
@click.option(
    "--fetch",
    type=click.Choice(["none", "final", "all"]),
    default="none",
    show_default=True,
    help="With a store of runs: copy these outputs from it; `final` are those that no step reads.",
)
@click.option("--made-up", is_flag=True, help="Use synthetic data for inputs without a source.")
@engine_options
@format_option("text", "json")
@project_options
def command(
    name: str,
    workspace: str | None,
    settings: tuple[str, ...],
    resume: str | None,
    take_over: bool,
    start: str | None,
    only: str | None,
    fetch: Literal["none", "final", "all"],
    made_up: bool,
    run_options: RunOptions,
    form: str,
    common: CommonOptions,
) -> int:
    """Run the pipeline NAME, with a separate process and folder for each step's script.

    The folder replaces the step's container: `/opt/ml/...` paths in the script, its arguments and its
    variables point into it. Outputs are checked against the interface before downstream steps read them.
    If a step fails, steps that do not depend on it continue. Runs are stored in `.stepwell/` of the project.
    The exit code is 1 if a step fails or the run cannot start.
    """
    from stepwell.frontends.render.run import run_lines
    from stepwell.run.pipelines import RunDatabase
    from stepwell.run.pipelines.engines import EngineError

    if start is not None and only is not None:
        raise click.UsageError("--from cannot be used with --only")
    if take_over and resume is None:
        raise click.UsageError("--take-over needs --resume")
    registry, pipeline = open_pipeline(common, workspace, name)
    root = registry.project.root
    with RunDatabase(root, registry.project.settings.run_store) as record:
        parameters: dict[str, Any] = {}
        if resume is not None:
            resume = record.last(name) if resume == _LAST else resume
            if resume is None:
                raise click.UsageError(f"`{name}` has no run to resume")
            before = record.read(resume).parameters
            parameters.update({key: value for key, value in before.items() if key in pipeline.parameters})
        parameters.update(values_of(pipeline, settings))
        plan, findings = plan_of(registry, pipeline, run_options, parameters=parameters, make_up=made_up)
        if has_errors(findings):
            if form == "json":
                _write(None, root, findings)
            else:
                print_findings(findings, registry)
            return 1
        if findings and form == "text" and not common.quiet:
            print_findings(findings, registry)
            sys.stdout.flush()
        earlier = record.last(name)
        try:
            run = make_run(
                plan,
                record,
                replace(run_options, fetch=fetch),
                common,
                mode="run",
                resume=resume,
                take_over=take_over,
                start=start,
                only=only,
            )
        except (KeyboardInterrupt, EngineError) as error:
            interrupted = record.last(name)
            is_new = interrupted != earlier or interrupted == resume
            if interrupted is not None and is_new and form == "text":
                stopped = record.read(interrupted)
                if stopped.steps or isinstance(error, KeyboardInterrupt):
                    sys.stdout.writelines(f"{line}\n" for line in run_lines(stopped, root))
                    sys.stdout.flush()
                    _print_next(stopped)
            raise
        is_elsewhere = not all(record.is_here(output.digest) for step in run.steps for output in step.outputs)
    if form == "json":
        _write(run, root, findings)
    else:
        if not (common.quiet and run.state.is_good):
            sys.stdout.writelines(f"{line}\n" for line in run_lines(run, root))
            sys.stdout.flush()
        if form == "text" and not common.quiet:
            if not run.state.is_good:
                _print_next(run)
            elif is_elsewhere and fetch == "none":
                _print_next(run, " --fetch final", "copies the final outputs from the store")
    if run_options.report is not None:
        write_report(pipeline, run, root, run_options.report, common)
    return exit_code_of(run.state)


def _print_next(run: RunRecord, more: str = "", effect: str = "reuses the completed steps") -> None:
    workspace = f" --workspace {run.workspace}" if run.workspace is not None else ""
    command = f"stepwell pipeline run {run.pipeline}{workspace} --resume {run.id}{more}"
    click.echo(f"next: {command}, which {effect}", err=True)


def _write(run: RunRecord | None, root: str, findings: Iterable[Diagnostic]) -> None:
    from stepwell.frontends.render.output.runs import pipeline_run_output

    write_json(pipeline_run_output(run, root, findings))
