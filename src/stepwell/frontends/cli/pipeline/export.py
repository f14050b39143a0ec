"""``stepwell pipeline export``: export a pipeline to another system."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from stepwell.frontends.cli.options import CommonOptions, finding_lines, project_options, workspace_option
from stepwell.frontends.cli.pipeline.options import complete_pipeline, open_pipeline
from stepwell.source.diagnostic import Checked, Severity
from stepwell.source.escape_control import visible
from stepwell.source.spelling import suggest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stepwell.model.graph import Pipeline
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
@click.option(
    "--bundle",
    metavar="DIR",
    type=click.Path(file_okay=False),
    help="Also write the scripts with their local imports to this folder, in folders named by digest, and a "
    "manifest (bundle.json); the output refers to them.",
)
@click.option("--force", is_flag=True, help="Overwrite a file with different content.")
@project_options
def command(
    name: str,
    to: str,
    workspace: str | None,
    output: str | None,
    bundle: str | None,
    force: bool,
    common: CommonOptions,
) -> int:
    """Export the pipeline NAME to another system.

    The output is built from the interfaces and configurations of the steps, the settings that their builders
    and configuration classes declare, and the pipeline's parameters. No network access or credentials are
    needed, and the output is reproducible. Scripts of a workspace have paths below `workspaces/ID/`; steps
    whose different scripts would have the same path are rejected. Upload the files of a bundle unchanged. If
    a step cannot be represented in that system, nothing is written and the exit code is 1.
    """
    from stepwell.write.export import RUN_THE_PROJECT

    exporter = _exporter(to)
    if bundle is not None and to in RUN_THE_PROJECT:
        raise click.UsageError(f"--bundle cannot be used with --to {to}: its tasks run the project itself")
    registry, pipeline = open_pipeline(common, workspace, name)
    from stepwell.write.export.jobs import with_declared_settings, with_scripts

    files: Mapping[str, bytes] = {}
    scripts = Checked((with_declared_settings(registry, pipeline), files))
    if to not in RUN_THE_PROJECT:
        scripts = with_scripts(registry, scripts.value[0], bundle=bundle is not None)
    exported, files = scripts.value
    given = exporter(exported)
    findings = (*scripts.diagnostics, *given.diagnostics)
    if findings:
        click.echo("\n".join(finding_lines(findings, registry.project)), err=True)
    if any(finding.severity is Severity.ERROR for finding in findings):
        click.echo(f"{pipeline.name} was not exported", err=True)
        return 1
    if bundle is not None:
        _write_bundle(bundle, exported, files)
    if output is None or output == "-":
        sys.stdout.write(given.value)
        return 0
    changed = _write(output, given.value, force=force)
    if not common.quiet:
        click.echo(f"{'wrote' if changed else 'unchanged:'} {visible(output)}", err=True)
    return 0


def _write_bundle(folder: str, pipeline: Pipeline, files: Mapping[str, bytes]) -> None:
    """Write the files of a bundle, and its manifest last."""
    import hashlib
    import json

    from stepwell.source.atomic_write import write_atomically

    interfaces = {
        node.id: (node.definition and node.definition.interface) or {} for node in pipeline.nodes.values()
    }
    manifest = {
        "pipeline": pipeline.name,
        "steps": {key: each["entry_point"] for key, each in interfaces.items() if "entry_point" in each},
        "files": {path: hashlib.sha256(content).hexdigest() for path, content in sorted(files.items())},
    }
    text = f"{json.dumps(manifest, indent=2)}\n"
    try:
        for path, content in (*files.items(), ("bundle.json", text.encode())):
            target = Path(folder, path)
            target.parent.mkdir(parents=True, exist_ok=True)
            if not target.is_file() or target.read_bytes() != content:
                write_atomically(target, content)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise click.ClickException(f"{visible(folder)} cannot be written: {reason}") from None


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
