"""``stepwell pipeline run``: run a pipeline, here or on an engine, and keep a record of it."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, Final

import click

from stepwell.frontends.cli.options import (
    CommonOptions,
    format_option,
    project_options,
    workspace_option,
    write_json,
)
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
    write_report,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stepwell.run.pipelines import RunRecord
    from stepwell.source.diagnostic import Diagnostic

_EXAMPLE = """\b
Examples:
  stepwell pipeline run TrainAndEvaluate
  stepwell pipeline run TrainAndEvaluate --set rows=1000 --jobs 4 --report run.html
  stepwell pipeline run TrainAndEvaluate --resume
  stepwell pipeline run TrainAndEvaluate --engine dask --scheduler tcp://host:8786
"""

_LAST: Final = "the latest"


@click.command("run", epilog=_EXAMPLE, short_help="Run a pipeline here or on an engine.")
@click.argument("name", shell_complete=complete_pipeline)
@workspace_option("Whose view; the core's when left out.")
@click.option(
    "--set",
    "settings",
    metavar="NAME=VALUE",
    multiple=True,
    help="Set a parameter of the pipeline; JSON is read as such, anything else is text.",
)
@click.option(
    "--resume",
    metavar="[RUN]",
    is_flag=False,
    flag_value=_LAST,
    help="Go on with a run that did not come to its end, the latest one when none is named: only what is "
    "not done in it is done. What was set then is set again.",
)
@click.option(
    "--from", "start", metavar="STEP", help="Run this step and all that need it, whatever was made before."
)
@click.option("--only", metavar="STEP", help="Run this step alone, on what earlier runs gave.")
@click.option("--made-up", is_flag=True, help="Make up data for inputs that nothing feeds.")
@engine_options
@format_option("text", "json")
@project_options
def command(
    name: str,
    workspace: str | None,
    settings: tuple[str, ...],
    resume: str | None,
    start: str | None,
    only: str | None,
    made_up: bool,
    said: Said,
    form: str,
    asked: CommonOptions,
) -> int:
    """Run the pipeline NAME, each step's script in a process and a folder of its own.

    The folder stands for the step's container: `/opt/ml/...` in the script, its arguments and its variables
    leads there. Outputs are held against the interface before the next step reads them. When a step
    fails, those that do not need it go on. Runs are kept in `.stepwell/` of the project. Exit with 1
    when a step failed, or when something stands in the way of a run.
    """
    from stepwell.frontends.render.run import run_lines
    from stepwell.run.pipelines import RunDatabase

    if start is not None and only is not None:
        raise click.UsageError("--from and --only cannot both be given")
    registry, pipeline = open_pipeline(asked, workspace, name)
    root = registry.project.root
    with RunDatabase(root) as record:
        parameters: dict[str, Any] = {}
        if resume is not None:
            resume = record.last(name) if resume == _LAST else resume
            if resume is None:
                raise click.UsageError(f"`{name}` was never run, so there is nothing to resume")
            parameters.update(record.read(resume).parameters)
        parameters.update(_parameter(one) for one in settings)
        plan, found = plan_of(registry, pipeline, said, parameters=parameters, make_up=made_up)
        if has_errors(found):
            if form == "json":
                _write(None, root, found)
            else:
                tell_findings(found, registry)
            return 1
        run = make_run(plan, record, said, asked, mode="run", resume=resume, start=start, only=only)
    if form == "json":
        _write(run, root, found)
    else:
        if found and not asked.quiet:
            tell_findings(found, registry)
        if not (asked.quiet and run.state.is_good):
            sys.stdout.writelines(f"{line}\n" for line in run_lines(run, root))
    if said.report is not None:
        write_report(pipeline, run, root, said.report, asked)
    return exit_code_of(run.state)


def _write(run: RunRecord | None, root: str, found: Iterable[Diagnostic]) -> None:
    from stepwell.frontends.render.output.runs import pipeline_run_output

    write_json(pipeline_run_output(run, root, found))


def _parameter(word: str) -> tuple[str, Any]:
    name, equals, value = word.partition("=")
    if not equals or not name:
        raise click.UsageError(f"--set must be as in rows=1000, got `{word}`")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value
