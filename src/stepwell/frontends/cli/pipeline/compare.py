"""``stepwell pipeline compare``: compare two runs of a pipeline."""

from __future__ import annotations

import sys

import click

from stepwell.frontends.cli.options import (
    CommonOptions,
    format_option,
    open_registry,
    project_options,
    write_json,
)
from stepwell.frontends.cli.pipeline.options import complete_pipeline

_EXAMPLE = """\b
Examples:
  stepwell pipeline compare TrainAndEvaluate
  stepwell pipeline compare TrainAndEvaluate 20270101-120000-1a2b
  stepwell pipeline compare TrainAndEvaluate 20270101-120000-1a2b 20270102-093000-3c4d --format json
"""


@click.command("compare", epilog=_EXAMPLE, short_help="Compare two runs of a pipeline.")
@click.argument("name", shell_complete=complete_pipeline)
@click.argument("runs", nargs=-1, metavar="[RUN [RUN]]")
@format_option("text", "json")
@project_options
def command(name: str, runs: tuple[str, ...], form: str, common: CommonOptions) -> int:
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
    with RunDatabase(registry.project.root) as record:
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
