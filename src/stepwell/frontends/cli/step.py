"""``stepwell step run`` and ``test``: try the script of one step without a pipeline."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import click

from stepwell.frontends.cli import CommandGroup
from stepwell.frontends.cli.options import (
    CommonOptions,
    Mistakes,
    complete_step,
    format_option,
    open_names,
    project_of,
    project_options,
    step_of,
    workspace_option,
    write_json,
)
from stepwell.frontends.cli.pipeline.options import (
    RunOptions,
    engine_options,
    exit_code_of,
    has_errors,
    make_run,
    plan_of,
    print_findings,
    write_report,
)
from stepwell.model.graph import Node, Pipeline
from stepwell.model.graph.job_settings import configurable
from stepwell.model.graph.node import read_step
from stepwell.source.spelling import closest, did_you_mean

__all__ = ["COMMANDS", "command", "run", "test"]

COMMANDS: Final = MappingProxyType(
    {
        "run": ("step:run", "Run the script of a step with files as its inputs."),
        "test": ("step:test", "Run the script of a step with files or synthetic data."),
    }
)
"""Module and short help by command."""

_EXAMPLE = """\b
Examples:
  stepwell step run AddUp --input table=rows.csv --set column=number
  stepwell step test AddUp --workspace alice
"""

command = CommandGroup(
    "step",
    package="stepwell.frontends.cli",
    commands=COMMANDS,
    epilog=_EXAMPLE,
    short_help="Run or test the script of one step.",
    help="Try the script of one step without a pipeline.",
)


class _Trial(NamedTuple):
    """Arguments and options of both commands."""

    name: str
    workspace: str | None
    inputs: tuple[str, ...]
    settings: tuple[str, ...]
    run_options: RunOptions
    form: str
    common: CommonOptions


def _options(function: Callable[[_Trial], int]) -> Callable[..., int]:
    """Add the arguments and options that both commands have."""

    @wraps(function)
    def with_trial(**values: Any) -> int:
        return function(_Trial(**values))

    decorated: Any = project_options(format_option("text", "json")(engine_options(with_trial)))
    for option in (
        click.option(
            "--set",
            "settings",
            metavar="KEY=VALUE",
            multiple=True,
            help="Set an argument or environment variable of the script (repeatable).",
        ),
        click.option(
            "--input",
            "inputs",
            metavar="NAME=PATH",
            multiple=True,
            help="File, folder or URL for an input (repeatable).  [default: the data manifest]",
        ),
        workspace_option("Use the view of this workspace (default: core)."),
        click.argument("name", metavar="NAME[:JOB_TYPE]", shell_complete=complete_step),
    ):
        decorated = option(decorated)
    wrapped: Callable[..., int] = decorated
    return wrapped


@click.command("run", epilog=_EXAMPLE, short_help=COMMANDS["run"][1])
@_options
def run(trial: _Trial) -> int:
    """Run the script of the step NAME in a sandbox, as `pipeline run` does, and check its outputs.

    Required inputs need `--input` or an entry in the data manifest. The exit code is 1 if the step fails or
    cannot start.
    """
    return _run(*trial, mode="run")


@click.command("test", epilog=_EXAMPLE, short_help=COMMANDS["test"][1])
@_options
def test(trial: _Trial) -> int:
    """Run the script of the step NAME like `step run`, with synthetic data for inputs without a source.

    The exit code is 1 if the step fails or cannot start.
    """
    return _run(*trial, mode="test")


def _run(
    name: str,
    workspace: str | None,
    inputs: tuple[str, ...],
    settings: tuple[str, ...],
    run_options: RunOptions,
    form: str,
    common: CommonOptions,
    *,
    mode: str,
) -> int:
    from stepwell.frontends.render.output.runs import pipeline_run_output
    from stepwell.frontends.render.run import run_lines
    from stepwell.run.pipelines import RunDatabase
    from stepwell.source.remote import is_url, location

    suffixes = project_of(common).settings.naming.job_type_suffixes
    reading = read_step(name, (), suffixes)
    registry, view, (definition,) = open_names(common, workspace, step_of, reading.name)
    root = registry.project.root
    interface = definition.interface or {}
    mistakes = Mistakes()
    config = _pairs("--set", settings, (*configurable(interface), "job_type"), definition.name, mistakes)
    files = _pairs("--input", inputs, tuple(interface.get("inputs") or ()), definition.name, mistakes)
    parameters = {given: location(path, os.getcwd()) for given, path in files.items()}
    for given, path in parameters.items():
        with mistakes:
            if not is_url(path) and not os.path.lexists(path):
                raise click.UsageError(f"no such file or folder: `{files[given]}`")
    mistakes.report()
    node = Node(
        "step",
        definition.name,
        job_type=reading.job_type,
        definition=definition,
        config=config,
        given={given: given for given in files},
    )
    title = f"step {definition.name}"
    pipeline = Pipeline(title, definition.description, parameters, {node.id: node}, view.workspace)
    plan, findings = plan_of(registry, pipeline, run_options, parameters={}, make_up=mode == "test")
    help_text = "set `--input NAME=PATH`, add a file to data_manifest.yaml, or use `stepwell step test`"
    findings = tuple(
        replace(finding, help=help_text) if finding.id == "missing-data" and finding.span is None else finding
        for finding in findings
    )
    if findings and form == "text" and (has_errors(findings) or not common.quiet):
        print_findings(findings, registry)
        sys.stdout.flush()
    if has_errors(findings):
        if form == "json":
            write_json(pipeline_run_output(None, root, findings))
        return 1
    with RunDatabase(root, registry.project.settings.run_store) as record:
        result = make_run(plan, record, replace(run_options, fetch="all"), common, mode=mode)
    if form == "json":
        write_json(pipeline_run_output(result, root, findings))
    elif not (common.quiet and result.state.is_good):
        sys.stdout.writelines(f"{line}\n" for line in run_lines(result, root))
        for output in result.steps[0].outputs:
            path = os.path.relpath(os.path.join(result.folder, "outputs", f"{node.id}.{output.name}"))
            sys.stdout.write(f"{output.name}: {path}\n")
    if run_options.report is not None:
        write_report(pipeline, result, root, run_options.report, common)
    return exit_code_of(result.state)


def _pairs(
    option: str, words: tuple[str, ...], names: tuple[str, ...], step: str, mistakes: Mistakes
) -> dict[str, str]:
    """Return the values of an option by name; a mistake is no ``NAME=VALUE``, or no name of the step."""
    values: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        with mistakes:
            if not equals or not name:
                raise click.UsageError(f"{option} must be NAME=VALUE, got `{word}`")
            if name not in names:
                hint = did_you_mean(closest(name, names)) or f"available: {', '.join(names) or 'none'}"
                raise click.UsageError(f"`{step}` has no `{name}` for {option} ({hint})")
            values[name] = value
    return values
