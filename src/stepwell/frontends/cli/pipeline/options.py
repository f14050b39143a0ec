"""Shared by ``run`` and ``test``: options, plan, run and report."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar, final

import click
from click.shell_completion import CompletionItem

from stepwell.frontends.cli.options import (
    CommonOptions,
    Mistakes,
    color_wanted,
    displayed,
    open_registry,
    output_file,
    view_of,
)
from stepwell.live.registry import Registry
from stepwell.model.graph import Linked, Pipeline, link
from stepwell.model.graph.link import definition_of
from stepwell.resolve.view import View
from stepwell.source import scalars
from stepwell.source.diagnostic import Checked, Diagnostic, Severity
from stepwell.source.errors import StepwellError, UnknownPipeline
from stepwell.source.escape_control import visible
from stepwell.source.spelling import closest, did_you_mean, snake_case

if TYPE_CHECKING:
    from stepwell.model import StepDefinition
    from stepwell.model.graph import Pipeline
    from stepwell.run.pipelines import Manifest, RunDatabase, RunPlan, RunRecord, StepState

__all__ = [
    "RunOptions",
    "complete_pipeline",
    "engine_options",
    "exit_code_of",
    "findings_of_store",
    "linked_of",
    "make_run",
    "manifest_of",
    "open_pipeline",
    "plan_of",
    "print_findings",
    "values_of",
    "write_report",
]


def linked_of(registry: Registry, view: View | None, name: str) -> Linked:
    """Return a pipeline of a view as a graph; without a view, of the first that has it.

    Raises:
       UsageError: the view has no pipeline with this name.
    """
    if view is None:
        views = [*map(registry.view, (None, *registry.workspaces))]
        view = next((each for each in views if name in each.pipelines), None)
    if view is None:
        names = dict.fromkeys(each for view in views for each in view.pipelines)
        hint = did_you_mean(closest(name, names)) or "run `stepwell pipeline list` for a list"
        raise click.UsageError(f"no pipeline `{visible(name)}` in any view ({hint})")
    try:
        return link(view, definition_of(view, name), registry.among)
    except UnknownPipeline as error:
        elsewhere = [
            workspace for workspace in registry.workspaces if name in registry.view(workspace).pipelines
        ]
        skipped = next(
            (
                finding.span
                for finding in view.diagnostics
                if finding.severity is Severity.ERROR
                and finding.span is not None
                and "/pipelines/" in finding.span.path
                and Path(finding.span.path).stem == snake_case(name)
            ),
            None,
        )
        if skipped is not None:
            hint = f"{skipped.path}:{skipped.line} has an error: run `stepwell check`"
        elif elsewhere:
            hint = f"found with `--workspace {elsewhere[0]}`"
        elif error.suggestions:
            hint = did_you_mean(error.suggestions)
        else:
            hint = "run `stepwell pipeline list` for a list"
        raise click.UsageError(f"no pipeline `{name}` in {view.title} ({hint})") from None


def complete_pipeline(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete names of pipelines."""
    try:
        registry = open_registry(CommonOptions(ctx.params.get("project"), quiet=True, verbose=False))
        named = ctx.params.get("workspace")
        view = registry.view((registry.project.settings.workspace if named is None else named) or None)
    except StepwellError:
        return []
    return [CompletionItem(name) for name in view.pipelines if name.startswith(incomplete)]


def values_of(pipeline: Pipeline, settings: tuple[str, ...]) -> dict[str, Any]:
    """Parse ``--set`` options; the type of a parameter's default decides how a value is read.

    Raises:
        UsageError: an option is not ``PARAMETER=VALUE``, the pipeline has no such parameter, or the value has
            another type than its default.
    """
    mistakes = Mistakes()
    values = dict(filter(None, (mistakes.collect(_value_of, pipeline, setting) for setting in settings)))
    mistakes.report()
    return values


def _value_of(pipeline: Pipeline, setting: str) -> tuple[str, Any]:
    name, equals, text = setting.partition("=")
    if not equals or not name:
        raise click.UsageError(f"--set must be PARAMETER=VALUE, got `{setting}`")
    if name not in pipeline.parameters:
        near = closest(name, pipeline.parameters)
        listed = ", ".join(f"`{parameter}`" for parameter in pipeline.parameters) or "none"
        hint = did_you_mean(near) or f"its parameters are {listed}"
        raise click.UsageError(f"`{pipeline.name}` has no parameter `{name}` ({hint})")
    try:
        return name, scalars.typed(text, pipeline.parameters[name])
    except ValueError as error:
        raise click.UsageError(f"`--set {name}` {error}, got `{text}`") from None


F = TypeVar("F", bound=Callable[..., Any])

_OF_THE_MACHINE: Final = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES")
"""Environment variables passed to scripts: locations of programs, libraries and devices."""


@final
@dataclass(frozen=True, slots=True)
class RunOptions:
    """Values of the options that ``run`` and ``test`` share."""

    engine: str
    scheduler: str | None
    connect_timeout: float
    jobs: int
    resources: tuple[str, ...]
    retries: int
    timeout: float | None
    disk: int
    cache: bool
    data: str | None
    report: str | None
    fetch: Literal["none", "final", "all"] = "none"


def engine_options(command: F) -> Callable[..., Any]:
    """Add the run options to a command, passed as ``run_options``."""
    from functools import wraps

    @wraps(command)
    def wrapper(
        *args: Any,
        engine: str,
        scheduler: str | None,
        connect_timeout: float,
        jobs: int | None,
        resources: tuple[str, ...],
        retries: int,
        timeout: float | None,
        disk: int,
        cache: bool,
        data: str | None,
        report: str | None,
        **kwargs: Any,
    ) -> Any:
        count = jobs or _cores()
        run_options = RunOptions(
            engine, scheduler, connect_timeout, count, resources, retries, timeout, disk, cache, data, report
        )
        return command(*args, run_options=run_options, **kwargs)

    wrapped: Any = wrapper
    for option in (
        click.option(
            "--report",
            metavar="FILE",
            type=click.Path(dir_okay=False),
            callback=output_file,
            help="Write an HTML report with the graph, the duration of each step, and the logs.",
        ),
        click.option(
            "--data",
            metavar="FILE",
            type=click.Path(dir_okay=False),
            help="Data manifest for inputs without an upstream step.  [default: data_manifest.yaml]",
        ),
        click.option(
            "--cache/--no-cache",
            default=True,
            show_default=True,
            help="Reuse the outputs of an earlier run with the same script, settings and inputs.",
        ),
        click.option(
            "--disk",
            metavar="MIB",
            type=click.IntRange(1),
            default=10240,
            show_default=True,
            help="Disk limit for the files of one step.",
        ),
        click.option(
            "--timeout",
            metavar="SECONDS",
            type=click.FloatRange(0, min_open=True),
            help="Time limit for one attempt.",
        ),
        click.option(
            "--retries",
            metavar="N",
            type=click.IntRange(0),
            default=0,
            show_default=True,
            help="Number of retries of a failed step.",
        ),
        click.option(
            "--resource",
            "resources",
            metavar="NAME=N",
            multiple=True,
            help="Available amount of a resource that steps request, e.g. gpu=1 (repeatable).",
        ),
        click.option(
            "--jobs",
            metavar="N",
            type=click.IntRange(1, 1024),
            help="Maximum number of parallel steps.  [default: number of cores]",
        ),
        click.option(
            "--connect-timeout",
            metavar="SECONDS",
            type=click.FloatRange(0, min_open=True),
            default=10.0,
            show_default=True,
            help="Time limit for reaching the scheduler, and for its first worker.",
        ),
        click.option(
            "--scheduler",
            metavar="ADDRESS",
            help="Address of a Dask scheduler, e.g. tcp://host:8786 (default: a local cluster).",
        ),
        click.option(
            "--engine",
            metavar="NAME",
            default="local",
            show_default=True,
            help="Execution engine: local, dask, or an engine of an installed package.",
        ),
    ):
        wrapped = option(wrapped)
    done: Callable[..., Any] = wrapped
    return done


def open_pipeline(common: CommonOptions, workspace: str | None, name: str) -> tuple[Registry, Pipeline]:
    """Open the registry and return a pipeline of a view.

    Raises:
       ProjectError: there is no project.
       UsageError: the workspace or the pipeline does not exist.
    """
    registry = open_registry(common)
    mistakes = Mistakes()
    named = registry.project.settings.workspace if workspace is None else workspace
    view = mistakes.collect(view_of, registry, named)
    linked = mistakes.collect(linked_of, registry, view, name)
    mistakes.report()
    return registry, Pipeline.of(linked)


def plan_of(
    registry: Registry,
    pipeline: Pipeline,
    run_options: RunOptions,
    *,
    parameters: Mapping[str, Any],
    make_up: bool,
) -> tuple[RunPlan, tuple[Diagnostic, ...]]:
    """Return the plan of a run and the findings that concern it."""
    from stepwell.run.pipelines import make_plan
    from stepwell.source.diagnostic import in_order

    manifest = manifest_of(registry, run_options.data, pipeline)
    plan = make_plan(registry, pipeline, parameters=parameters, manifest=manifest.value, make_up=make_up)
    return plan.value, in_order((*manifest.diagnostics, *plan.diagnostics, *findings_of_store(registry)))


def findings_of_store(registry: Registry) -> Iterator[Diagnostic]:
    """Report a shared store that cannot be used."""
    from stepwell.source.remote import is_url, location, unusable

    store, document = registry.project.settings.run_store, registry.project.config
    rejection = unusable(store, writes=True) if is_url(location(store, "/")) and store else None
    if rejection is not None and document is not None:
        span = document.value_span((*registry.project.prefix, "runs", "store"))
        yield Diagnostic(
            "cannot-run", Severity.ERROR, f"the store of runs: {rejection[0]}", span, rejection[1]
        )


def manifest_of(registry: Registry, data: str | None, pipeline: Pipeline | None = None) -> Checked[Manifest]:
    """Return the data manifest and its findings.

    Args:
       data: value of ``--data``.
       pipeline: what is run, besides the pipelines of the registry.
    """
    from stepwell.run.pipelines import MANIFEST, read_manifest

    path = MANIFEST if data is None else os.path.abspath(data)
    manifest = read_manifest(registry.project.root, path, must_exist=data is not None)
    findings = manifest.value.check(lambda: _known(registry, manifest.value, pipeline))
    outputs = manifest.value.check_outputs(_outputs(registry)) if manifest.value.has_targets else ()
    return Checked(manifest.value, (*manifest.diagnostics, *findings, *outputs))


def make_run(
    plan: RunPlan,
    record: RunDatabase,
    run_options: RunOptions,
    common: CommonOptions,
    *,
    mode: str,
    resume: str | None = None,
    take_over: bool = False,
    start: str | None = None,
    only: str | None = None,
) -> RunRecord:
    """Run a plan with progress on a terminal.

    Args:
       mode: ``run`` or ``test``.
    """
    from stepwell.run.pipelines import AttemptLimits, Options, StepSelection, run_plan
    from stepwell.run.pipelines.engines import engine_named

    engine = engine_named(
        run_options.engine,
        scheduler=run_options.scheduler,
        connect_timeout=run_options.connect_timeout,
        jobs=run_options.jobs,
        resources=_amounts(run_options.resources),
    )
    machine = {name: os.environ[name] for name in _OF_THE_MACHINE if name in os.environ}
    options = Options(
        run_options.retries,
        AttemptLimits(run_options.timeout, run_options.disk * 2**20),
        run_options.cache,
        machine,
        run_options.fetch,
    )
    if run_options.scheduler is not None and not common.quiet:
        limit = f"at most {run_options.connect_timeout:g} s"
        click.echo(f"connecting to {visible(run_options.scheduler)} ({limit})", err=True)
    with _progress(plan, common) as on_state:
        return run_plan(
            plan,
            record,
            engine,
            options=options,
            choice=StepSelection(start, only),
            resume=resume,
            take_over=take_over,
            mode=mode,
            on_state=on_state,
        )


def print_findings(findings: tuple[Diagnostic, ...], registry: Registry) -> None:
    """Print the findings that prevent a run."""
    from stepwell.frontends.render import RENDERERS
    from stepwell.frontends.render.report import Report
    from stepwell.version import __version__

    report = Report(
        displayed(findings, registry.project.root),
        registry.files,
        len(registry.snapshot.core),
        len(registry.workspaces),
        0.0,
        __version__,
    )
    text = "".join(RENDERERS["text"](report, color=color_wanted(), rules={}))
    sys.stdout.write(text.rpartition("\n\n")[0] + "\n")  # without the summary of a check


def write_report(pipeline: Pipeline, run: RunRecord, root: str, path: str, common: CommonOptions) -> None:
    """Write the HTML report of a run."""
    from stepwell.frontends.render.output.record import plain
    from stepwell.frontends.render.output.runs import pipeline_run_output
    from stepwell.frontends.render.run import as_html, logs_of
    from stepwell.source.atomic_write import write_atomically

    write_atomically(Path(path), as_html(pipeline, plain(pipeline_run_output(run, root)), logs_of(run)))
    if not common.quiet:
        click.echo(f"wrote {visible(str(path))}", err=True)


def exit_code_of(state: StepState) -> int:
    """Return 0 if a run succeeded, else 1."""
    return int(not state.is_good)


def has_errors(findings: Iterable[Diagnostic]) -> bool:
    """Return whether a finding is an error."""
    return any(finding.severity is Severity.ERROR for finding in findings)


def _known(registry: Registry, manifest: Manifest, run: Pipeline | None) -> dict[str, dict[str, bool]]:
    """Return the inputs by every step name that a data manifest may use, and whether their data is used."""
    from stepwell.run.pipelines.plan import manifest_names

    known: dict[str, dict[str, bool]] = {}
    used: dict[tuple[str, str], bool] = {}
    for view in (registry.view(workspace) for workspace in (None, *registry.workspaces)):
        for step in view.values():
            inputs = dict.fromkeys((step.interface or {}).get("inputs") or (), True)
            for name in (step.name, *step.aliases):
                known.setdefault(name, {}).update(inputs)
                if view.workspace is not None:
                    known.setdefault(f"{view.workspace}:{name}", {}).update(inputs)
        pipelines = [registry.pipeline(name, workspace=view.workspace) for name in view.pipelines]
        for pipeline in (*pipelines, *((run,) if run is not None else ())):
            for node in pipeline.nodes.values():
                names, inputs = manifest_names(pipeline, node), known.setdefault(node.id, {})
                interface = node.definition.interface if node.definition is not None else None
                for given in (interface or {}).get("inputs") or ():
                    entry = None if given in node.inputs else manifest.entry(names, given)
                    inputs.setdefault(given, True)
                    used.update(
                        {(name, given): used.get((name, given), False) or name == entry for name in names}
                    )
    for (name, given), is_used in used.items():
        if given in known.get(name, ()):
            known[name][given] = is_used
    return known


def _outputs(registry: Registry) -> dict[str, list[str]]:
    """Return the outputs by every step name that a data manifest may use."""
    from stepwell.run.pipelines.plan import manifest_names

    known: dict[str, list[str]] = {}

    def add(names: Iterable[str], step: StepDefinition) -> None:
        for name in names:
            known.setdefault(name, []).extend((step.interface or {}).get("outputs") or ())

    for view in (registry.view(workspace) for workspace in (None, *registry.workspaces)):
        for step in view.values():
            whose = () if view.workspace is None else (f"{view.workspace}:{step.name}",)
            add((step.name, *step.aliases, *whose), step)
        for pipeline in (registry.pipeline(name, workspace=view.workspace) for name in view.pipelines):
            for node in pipeline.nodes.values():
                if node.definition is not None:
                    add(manifest_names(pipeline, node), node.definition)
    return known


def _amounts(words: tuple[str, ...]) -> dict[str, float]:
    amounts = {}
    for word in words:
        name, _, amount = word.partition("=")
        try:
            amounts[name] = float(amount)
        except ValueError:
            raise click.UsageError(f"--resource must be NAME=AMOUNT, e.g. gpu=1, got `{word}`") from None
        if not name or amounts[name] <= 0:
            raise click.UsageError(f"--resource must be NAME=AMOUNT, e.g. gpu=1, got `{word}`")
    return amounts


def _progress(
    plan: RunPlan, common: CommonOptions
) -> AbstractContextManager[Callable[[str, StepState, str], object]]:
    if common.quiet or not sys.stderr.isatty():
        return nullcontext(lambda *_: None)
    from stepwell.frontends.render.run.text import LiveRun

    return LiveRun(tuple(plan.steps))


def _cores() -> int:
    affinity = getattr(os, "sched_getaffinity", None)  # Linux only
    return len(affinity(0)) if affinity else os.cpu_count() or 1
