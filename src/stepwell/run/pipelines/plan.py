"""Run plans: script, settings and input sources of each step, with all problems that prevent a run."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, final

from stepwell.live.registry import Registry
from stepwell.model import StepDefinition
from stepwell.model.graph import Node, OutputOf, Pipeline
from stepwell.model.graph.job_settings import arguments_of, environment_of, missing_settings, resources_of
from stepwell.model.schema_errors import reasons
from stepwell.model.validator import InvalidSchema
from stepwell.resolve.view import View
from stepwell.run.pipelines.artifacts import Unholdable, check_kinds, has_parquet
from stepwell.run.pipelines.data_manifest import Manifest
from stepwell.run.pipelines.scripts import Script, Scripts
from stepwell.run.pipelines.task import Port
from stepwell.run.run_store import FOLDER
from stepwell.source.diagnostic import Checked, Diagnostic, Related, Severity, Span
from stepwell.source.document import Pointer, thaw
from stepwell.source.errors import PipelineError
from stepwell.source.extensions import installed_version, missing_package
from stepwell.source.remote import is_url, location, unusable

__all__ = ["Feed", "PlannedStep", "RunPlan", "make_plan", "manifest_names", "stated_at"]

_LONGEST: Final = 128 * 1024
"""Limit of Linux for an environment variable with its name, in bytes."""
_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


@final
@dataclass(frozen=True, slots=True)
class Feed:
    """Source of one input.

    Args:
        port: ``source`` is set if a file provides the input.
        output: output of another step that provides the input.
        kind: ``type`` in the interface.
    """

    port: Port
    output: OutputOf | None = None
    kind: str = ""
    made_up: bool = False


@final
@dataclass(frozen=True, slots=True)
class PlannedStep:
    """One step, ready to run once its inputs exist.

    Args:
        developer: workspace that defines the step or its script; empty for the core.
        code: digest of the script and its local imports.
        compiled: result of ``Scripts.compiled``.
        resources: required free resources of the engine.
        targets: output to the path or URL that it is copied to.
        files: script and its local imports, by path relative to their import folders.
    """

    node: Node
    definition: StepDefinition
    developer: str
    needs: tuple[str, ...]
    script: Script
    code: str
    compiled: bytes
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    inputs: tuple[Feed, ...]
    outputs: tuple[Port, ...]
    resources: tuple[tuple[str, float], ...]
    targets: Mapping[str, str]
    files: Mapping[str, bytes]

    def cache_key(self, inputs: Mapping[str, str]) -> str:
        """Return the cache key: equal keys mean equal outputs of a deterministic step.

        It covers the script with its local imports, settings, inputs, declared outputs, the interpreter and
        the versions of the packages that the interface names.

        Args:
            inputs: digests by input name.
        """
        requirements = (self.definition.interface or _NOTHING).get("framework_requirements") or ()
        parts = {
            "code": self.code,
            "function": self.script.function,
            "arguments": self.arguments,
            "environment": dict(self.environment),
            "inputs": [
                [
                    feed.port.name,
                    feed.port.path,
                    feed.port.channels,
                    feed.port.content,
                    inputs.get(feed.port.name),
                ]
                for feed in self.inputs
            ],
            "outputs": [[port.name, port.path, port.content] for port in self.outputs],
            "python": [sys.implementation.name, platform.python_version(), sys.platform, platform.machine()],
            "packages": {name: installed_version(name) for name in sorted(requirements)},
        }
        text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
        return hashlib.blake2b(text.encode("ascii"), digest_size=20).hexdigest()


@final
@dataclass(frozen=True, slots=True)
class RunPlan:
    """Plan of a pipeline run.

    Args:
        parameters: values of all parameters, defaults included.
        steps: by node id, in topological order; steps with problems are omitted.
    """

    pipeline: Pipeline
    parameters: Mapping[str, Any]
    steps: Mapping[str, PlannedStep]

    @property
    def is_synthetic(self) -> bool:
        """Return whether an input is synthetic."""
        return any(feed.made_up for step in self.steps.values() for feed in step.inputs)

    def below(self, node: str) -> tuple[str, ...]:
        """Return a node and all nodes downstream, in order."""
        selected = {node}
        for step in self.steps.values():
            if selected.intersection(step.needs):
                selected.add(step.node.id)
        return tuple(node_id for node_id in self.steps if node_id in selected)


def make_plan(
    registry: Registry,
    pipeline: Pipeline,
    *,
    parameters: Mapping[str, Any] = _NOTHING,
    manifest: Manifest | None = None,
    make_up: bool = False,
    only: Collection[str] = (),
    unset: bool = False,
) -> Checked[RunPlan]:
    """Plan a run of a pipeline.

    Args:
        manifest: files for inputs that no step provides.
        make_up: whether to generate synthetic data for missing inputs; otherwise they are errors.
        only: ids of the steps to plan and check; empty for all.
        unset: whether parameters may have no value, which a run sets.

    Returns:
        The plan, an error for every problem that prevents a step from running, and a warning for every
        required package that is not installed.
    """
    return _Planning(registry, pipeline, parameters, manifest or Manifest(""), make_up, only, unset).made()


@final
class _Planning:
    """Builder of a plan."""

    def __init__(
        self,
        registry: Registry,
        pipeline: Pipeline,
        parameters: Mapping[str, Any],
        manifest: Manifest,
        make_up: bool,
        only: Collection[str],
        unset: bool,
    ) -> None:
        self._registry = registry
        self._pipeline = pipeline
        self._parameters = parameters
        self._manifest = manifest
        self._make_up = make_up
        self._only = only
        self._unset = unset
        self._lacking: dict[str, list[Span]] = {}
        self._scripts = Scripts(registry)
        # With a broken configuration a run would use other settings than the written ones.
        self._problems = [
            finding for finding in registry.project.diagnostics if finding.severity is Severity.ERROR
        ]

    def made(self) -> Checked[RunPlan]:
        pipeline = self._pipeline
        try:
            order = pipeline.order
        except PipelineError as error:
            self._report(None, str(error), "run `stepwell pipeline check` to list every edge of the cycle")
            order = ()
        for name in self._parameters:
            if name not in pipeline.parameters:
                available = ", ".join(pipeline.parameters) or "none"
                fault = f"`{pipeline.name}` has no parameter `{name}`"
                self._report(None, fault, f"available parameters: {available}")
        for name, value in pipeline.parameters.items():
            if value is None and name not in self._parameters and not self._unset:
                self._report(None, f"parameter `{name}` has no value", f"set it with `--set {name}=...`")
        steps: dict[str, PlannedStep] = {}
        for node_id in order:
            if self._only and node_id not in self._only:
                continue
            step = self._step(pipeline.nodes[node_id])
            if step is not None:
                steps[node_id] = step
        for fault, spans in self._lacking.items():
            related = tuple(Related("also required in", span) for span in spans[1:])
            help_text = "install it in the environment of Stepwell, which runs the scripts"
            self._problems.append(
                Diagnostic("missing-package", Severity.WARNING, fault, spans[0], help_text, related)
            )
        effective = {name: thaw(value) for name, value in pipeline.parameters.items() if value is not None}
        parameters = MappingProxyType({**effective, **self._parameters})
        plan = RunPlan(pipeline, parameters, MappingProxyType(steps))
        return Checked(plan, tuple(self._problems))

    def _step(self, node: Node) -> PlannedStep | None:
        before = len(self._problems)
        definition = node.definition
        if definition is None:
            whose = f"workspace {node.workspace}" if node.workspace else self._view(None).title
            self._report(node, f"unknown step `{node.step}` of `{node.id}` in {whose}")
            return None
        interface = definition.interface
        if interface is None:
            help_text = "declare inputs, outputs and settings of its script in `interface`"
            self._report(node, f"step `{definition.name}` of `{node.id}` has no interface", help_text)
            return None
        for needed in node.needs:
            if needed not in self._pipeline.nodes:
                self._report(node, f"`{node.id}` needs `{needed}`, which is not in the pipeline")
        config: dict[str, Any] = dict(self._pipeline.config_of(node.id, self._parameters))
        if node.job_type is not None:
            config["job_type"] = node.job_type
        for what, key in missing_settings(interface, config):
            hint = f"add `{key}` to its `config`"
            if key == "job_type":
                hint += f", or set the job type in `step`, e.g. `{node.step}:training`"
            self._report(node, f"`{node.id}` has no value for {what}", hint, "config")
        for package, specifier in (interface.get("framework_requirements") or _NOTHING).items():
            fault = missing_package(package, specifier)
            span = stated_at(definition, "framework_requirements", package)
            spans = self._lacking.setdefault(fault, []) if fault and span is not None else []
            if span is not None and span not in spans:
                spans.append(span)
        view = self._view(node.workspace)
        script = self._scripts.find(view, definition)
        if not isinstance(script, Script):
            self._report(node, f"`{node.id}` cannot be run: {script[0]}", script[1])
            return None
        try:
            code, compiled = self._scripts.digest(script), self._scripts.compiled(script)
            files = self._scripts.files(script)
        except OSError as error:
            self._report(node, f"`{node.id}` cannot be run: {error.filename}: {error.strerror}")
            return None
        except SyntaxError as error:
            place = f"{script.shown}:{error.lineno}" if error.lineno else script.shown
            self._report(node, f"`{node.id}` cannot be run: {place}: {error.msg}", "fix the script")
            return None
        environment = environment_of(interface, config)
        for variable, value in environment.items():
            size = len(f"{variable}={value}".encode("utf-8", "replace"))
            if "\0" in value or size >= _LONGEST:
                reason = "contains a NUL character" if "\0" in value else f"has {size} bytes"
                help_text = f"an environment variable is a text of less than {_LONGEST} bytes without NUL"
                self._report(node, f"`{node.id}` cannot be run: `{variable}` {reason}", help_text, "config")
        owner = next(
            (source.workspace for source in definition.sources if source.workspace is not None), None
        )
        feeds = tuple(self._feeds(node, definition, interface))
        outputs = tuple(
            Port(name, _path(declared.get("path")), content=_content(declared))
            for name, declared in (interface.get("outputs") or _NOTHING).items()
        )
        targets = {port.name: self._target(node, port.name) for port in outputs}
        self._check_formats(node, (*(feed.port for feed in feeds), *outputs))
        if any(problem.severity is Severity.ERROR for problem in self._problems[before:]):
            return None
        return PlannedStep(
            node,
            definition,
            owner or script.workspace,
            tuple(needed for needed in node.needs if needed in self._pipeline.nodes),
            script,
            code,
            compiled,
            arguments_of(interface, config),
            MappingProxyType(environment),
            feeds,
            outputs,
            resources_of(interface),
            MappingProxyType({name: target for name, target in targets.items() if target}),
            MappingProxyType(files),
        )

    def _target(self, node: Node, name: str) -> str:
        """Return the path or URL to copy an output to; empty for none."""
        target = self._manifest.target(manifest_names(self._pipeline, node), name)
        if target is None:
            return ""
        fault = unusable(target[0], writes=True) if is_url(target[0]) else None
        if fault is not None:
            self._report_at(target[1], f"output `{node.id}.{name}`: {fault[0]}", fault[1])
        return target[0]

    def _check_formats(self, node: Node, ports: Iterable[Port]) -> None:
        for port in ports:
            try:
                if '"schema": ' in port.content:
                    reasons(json.loads(port.content).get("schema", True), "the content", None)
            except InvalidSchema as error:
                self._report(node, f"the content of `{node.id}.{port.name}` has an invalid schema: {error}")
            if '"format": "parquet"' in port.content and not has_parquet():
                message = f"the format of `{node.id}.{port.name}` is not checked: Parquet needs `pyarrow`"
                hint = "install it: `python -m pip install 'stepwell[data]'`"
                self._problems.append(
                    Diagnostic("missing-package", Severity.WARNING, message, node.place, hint)
                )

    def _feeds(self, node: Node, definition: StepDefinition, interface: Mapping[str, Any]) -> Iterator[Feed]:
        inputs: Mapping[str, Mapping[str, Any]] = interface.get("inputs") or _NOTHING
        for name in (*node.inputs, *node.given):
            if name not in inputs:
                available = ", ".join(inputs) or "none"
                fault = f"`{definition.name}` of `{node.id}` has no input `{name}`"
                self._report(node, fault, f"available inputs: {available}", "inputs", name)
        for name, declared in inputs.items():
            channels, kind = tuple(declared.get("channels", ())), str(declared.get("type", ""))
            port = Port(name, _path(declared.get("path")), channels=channels, content=_content(declared))
            if name in node.inputs:
                if self._has_output(node, name, node.inputs[name]):
                    yield Feed(port, node.inputs[name], kind)
                continue
            if not port.path:
                continue
            source = self._source(node, name)
            if source is not None:
                rejection = unusable(source[0]) if is_url(source[0]) else None
                if rejection is not None:
                    self._report_at(source[1], f"input `{node.id}.{name}`: {rejection[0]}", rejection[1])
                elif is_url(source[0]) or not (fault := self._unreadable(source[0])):
                    yield Feed(_with_source(port, source[0]), None, kind)
                else:
                    self._report_at(source[1], f"input `{node.id}.{name}`: {fault}")
            elif not declared.get("required", True):
                continue
            elif name in node.given and self._value(node.given[name]) is None:
                continue  # reported for the parameter
            elif self._make_up:
                yield Feed(port, None, kind, made_up=True)
            else:
                self._problems.append(
                    Diagnostic(
                        "missing-data",
                        Severity.ERROR,
                        f"input `{name}` of `{node.id}` has no source",
                        node.where("inputs") or node.place,
                        "add a file to data_manifest.yaml, connect it to an output, or use `--made-up`",
                        self._declared(definition, "inputs", name),
                    )
                )

    def _unreadable(self, path: str) -> str:
        """Return why a file or folder cannot be copied to a step; empty if it can."""
        if "\0" in path:
            return "the path contains a NUL character"
        runs = os.path.join(os.path.realpath(self._registry.project.root), FOLDER)
        if f"{runs}/".startswith(f"{os.path.realpath(path)}/"):
            return f"`{path}` contains the runs of the project"
        try:
            check_kinds(path)
        except FileNotFoundError:
            return f"`{path}` does not exist"
        except OSError as error:
            return f"`{error.filename or path}` cannot be read: {(error.strerror or str(error)).lower()}"
        except Unholdable as error:
            return f"`{path}`: {error}"
        return ""

    def _has_output(self, node: Node, name: str, source_output: OutputOf) -> bool:
        source = self._pipeline.nodes.get(source_output.node)
        if source is None:
            return False  # already reported: the node does not exist
        interface = source.definition.interface if source.definition is not None else None
        if interface is None:
            return True  # already reported
        outputs = interface.get("outputs") or _NOTHING
        if source_output.output in outputs:
            return True
        fault = f"`{source_output}`: `{source_output.node}` has no such output (read by `{node.id}`)"
        self._report(node, fault, f"available outputs: {', '.join(outputs) or 'none'}", "inputs", name)
        return False

    def _source(self, node: Node, name: str) -> tuple[str, Span | None] | None:
        """Return the file for an input, from the manifest or from a parameter of the pipeline."""
        source = self._manifest.source(manifest_names(self._pipeline, node), name)
        if source is not None or name not in node.given:
            return source
        parameter = node.given[name]
        value = self._value(parameter)
        if not isinstance(value, str):
            return None
        path = location(value, self._registry.project.root)
        if is_url(path) and self._make_up:
            return None  # synthetic data needs no connection
        return path, node.where("inputs", name)

    def _value(self, parameter: str) -> Any:
        return self._parameters.get(parameter, self._pipeline.parameters.get(parameter))

    def _view(self, workspace: str | None) -> View:
        return self._registry.view(workspace or self._pipeline.workspace)

    @staticmethod
    def _declared(definition: StepDefinition, *pointer: str) -> tuple[Related, ...]:
        span = stated_at(definition, *pointer)
        return () if span is None else (Related("declared at", span),)

    def _report(self, node: Node | None, message: str, help_text: str | None = None, *inner: str) -> None:
        span = None if node is None else node.where(*inner) if inner else node.place
        self._report_at(span, message, help_text)

    def _report_at(self, span: Span | None, message: str, help_text: str | None = None) -> None:
        self._problems.append(Diagnostic("cannot-run", Severity.ERROR, message, span, help_text))


def manifest_names(pipeline: Pipeline, node: Node) -> tuple[str, ...]:
    """Return the names under which a data manifest may list the inputs of a node, most specific first."""
    definition, workspace = node.definition, node.workspace or pipeline.workspace
    if definition is None:
        return (node.id,)
    own = (f"{workspace}:{definition.name}",) if workspace else ()
    return (*own, node.id, definition.name, *definition.aliases)


def stated_at(definition: StepDefinition, *pointer: str) -> Span | None:
    """Return the topmost location in which a step declares a part of its interface.

    Args:
        pointer: path in the interface, e.g. ``"inputs", "DATA"``.
    """
    whole: Pointer = ("interface", *pointer)
    for source in definition.sources:
        data: Any = source.document.data
        for key in whole:
            data = data.get(key) if isinstance(data, Mapping) else None
        if data is not None:
            return source.document.key_span(whole)
    return None


def _with_source(port: Port, source: str) -> Port:
    return Port(port.name, port.path, source, port.digest, port.channels, port.content)


def _path(declared: str | None) -> str:
    """Return a normalized container path, which cannot leave the sandbox."""
    return "" if not declared else os.path.normpath(f"/{declared.lstrip('/')}")


def _content(declared: Mapping[str, Any]) -> str:
    content = declared.get("content")
    return json.dumps(thaw(content), sort_keys=True) if content else ""
