"""``stepwell pipeline export``: export a pipeline to another system."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from stepwell.frontends.cli.options import CommonOptions, project_options, tell, workspace_option
from stepwell.frontends.cli.pipeline.options import complete_pipeline, open_pipeline
from stepwell.source.diagnostic import Severity
from stepwell.source.escape_control import visible
from stepwell.source.spelling import suggest

if TYPE_CHECKING:
    from stepwell.write.export import Exporter

_EXAMPLE = """\b
Examples:
  stepwell pipeline export TrainAndEvaluate --to sagemaker -o pipeline.json
  stepwell pipeline export TrainAndEvaluate --to airflow -o dags/train_and_evaluate.py --force
  stepwell pipeline export TrainAndEvaluate --to argo | argo submit -
"""


def _complete_exporter(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from stepwell.write.export import exporter_names

    return [CompletionItem(name) for name in exporter_names() if name.startswith(incomplete)]


@click.command("export", epilog=_EXAMPLE, short_help="Export a pipeline to SageMaker, Airflow or Argo.")
@click.argument("name", shell_complete=complete_pipeline)
@click.option(
    "--to",
    metavar="SYSTEM",
    required=True,
    shell_complete=_complete_exporter,
    help="Target system: `sagemaker` (pipeline definition), `airflow` (DAG file), `argo` (workflow), or an "
    "exporter of an installed package.",
)
@workspace_option("Use the view of this workspace (default: core).")
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(),
    help="Write to this file (default: standard output, also -).",
)
@click.option("--force", is_flag=True, help="Overwrite a file with different content.")
@project_options
def command(
    name: str, to: str, workspace: str | None, output: str | None, force: bool, common: CommonOptions
) -> int:
    """Export the pipeline NAME to another system.

    The output is built from the interfaces and configurations of the steps, the settings that their builders
    and configuration classes declare, and the pipeline's parameters. No network access or credentials are
    needed, and the output is reproducible. If a step cannot be represented in that system, nothing is written
    and the exit code is 1.
    """
    exporter = _exporter(to)
    registry, pipeline = open_pipeline(common, workspace, name)
    from stepwell.write.export.jobs import with_declared_settings

    given = exporter(with_declared_settings(registry, pipeline))
    if given.diagnostics:
        click.echo("\n".join(tell(given.diagnostics, registry.project)), err=True)
    if any(finding.severity is Severity.ERROR for finding in given.diagnostics):
        click.echo(f"{pipeline.name} was not exported", err=True)
        return 1
    if output is None or output == "-":
        sys.stdout.write(given.value)
        return 0
    changed = _write(output, given.value, force=force)
    if not common.quiet:
        click.echo(f"{'wrote' if changed else 'unchanged:'} {visible(output)}", err=True)
    return 0


def _exporter(name: str) -> Exporter:
    from stepwell.write.export import exporter_names, find_exporter

    try:
        return find_exporter(name)
    except KeyError:
        names = exporter_names()
        hint = suggest(name, names) or f"available: {', '.join(names)}"
        raise click.UsageError(f"unknown exporter `{visible(name)}` ({hint})") from None


def _write(output: str, text: str, *, force: bool) -> bool:
    from stepwell.source.atomic_write import write_atomically

    path = Path(output)
    if path.is_dir() or output.endswith("/"):
        raise click.UsageError(f"-o {output} is a folder; specify a file")
    try:
        if not force and path.exists() and path.read_bytes() != text.encode():
            raise click.UsageError(f"{output} exists with different content; use `--force` to overwrite it")
        return write_atomically(path, text)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise click.ClickException(f"{output} cannot be written: {reason}") from None
