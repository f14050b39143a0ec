"""``stepwell pipeline compare``: what differs between two runs of a pipeline."""

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


@click.command("compare", epilog=_EXAMPLE, short_help="Tell what differs between two runs of a pipeline.")
@click.argument("name", shell_complete=complete_pipeline)
@click.argument("runs", nargs=-1, metavar="[RUN [RUN]]")
@format_option("text", "json")
@project_options
def command(name: str, runs: tuple[str, ...], form: str, asked: CommonOptions) -> int:
    """Tell what differs between two runs of the pipeline NAME: what each step came to, how long it took,
    whether it gave the same, and why not.

    Without RUN, compare the latest run with the one before; with one, the latest with that. Exit with 1
    when a step ended otherwise or gave something else.
    """
    from stepwell.frontends.render.run import comparison_lines
    from stepwell.run.pipelines import RunDatabase
    from stepwell.run.pipelines.statistics import compare_runs

    if len(runs) > 2:
        raise click.UsageError("two runs are compared, not more")
    registry = open_registry(asked)
    with RunDatabase(registry.project.root) as record:
        after = runs[1] if len(runs) == 2 else record.last(name)
        if after is None:
            raise click.UsageError(f"`{name}` was never run")
        before = runs[0] if runs else record.last(name, before=after)
        if before is None or before == after:
            raise click.UsageError(f"there is no run of `{name}` besides {after}")
        pair = record.read(before), record.read(after)
    for one in pair:
        if one.pipeline != name:
            raise click.UsageError(f"the run {one.id} is one of `{one.pipeline}`")
    differences = compare_runs(*pair)
    if form == "json":
        from stepwell.frontends.render.output.runs import pipeline_compare_output

        write_json(pipeline_compare_output(*pair, differences))
    else:
        sys.stdout.writelines(f"{line}\n" for line in comparison_lines(*pair, differences))
    return int(not all(one.is_same for one in differences))
