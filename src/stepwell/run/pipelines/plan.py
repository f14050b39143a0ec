"""From a pipeline to what a run of it does: each step's script, its settings and what feeds its inputs.

Nothing is run here; what stands in the way of a run is told, each thing with its place.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, final

from stepwell.live.registry import Registry
from stepwell.model import StepDefinition
from stepwell.model.graph import Node, OutputOf, Pipeline
from stepwell.resolve.view import View
from stepwell.run.pipelines.data_manifest import Manifest
from stepwell.run.pipelines.scripts import Script, Scripts
from stepwell.run.pipelines.settings import arguments_of, environment_of, missing_settings, resources_of
from stepwell.run.pipelines.task import Port
from stepwell.source.diagnostic import Checked, Diagnostic, Related, Severity, Span
from stepwell.source.document import Pointer, thaw
from stepwell.source.errors import PipelineError

__all__ = ["Feed", "PlannedStep", "RunPlan", "make_plan", "stated_at"]

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


@final
@dataclass(frozen=True, slots=True)
class Feed:
    """What feeds one input.

    Args:
        port: the input; its ``source`` is set where a file feeds it.
        output: the output of another step that does; ``None`` for none.
        kind: its ``type`` in the interface.
    """

    port: Port
    output: OutputOf | None = None
    kind: str = ""
    made_up: bool = False


@final
@dataclass(frozen=True, slots=True)
class PlannedStep:
    """One step, ready to be run as soon as its inputs are there.

    Args:
        developer: whose it is: the workspace that defines it or has its script; empty for the core.
        code: the digest of the script and of what it imports beside it.
        compiled: the script as ``Scripts.compiled`` gives it.
        outputs: where each output is to be.
        resources: what an engine must have free for it.
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


@final
@dataclass(frozen=True, slots=True)
class RunPlan:
    """What a run of a pipeline does.

    Args:
        steps: by the id of their nodes, each after what it needs; without those because of which something
            is told.
    """

    pipeline: Pipeline
    parameters: Mapping[str, Any]
    steps: Mapping[str, PlannedStep]

    def below(self, node: str) -> tuple[str, ...]:
        """A node and all that need it, however far, in order."""
        found = {node}
        for one in self.steps.values():
            if found.intersection(one.needs):
                found.add(one.node.id)
        return tuple(one for one in self.steps if one in found)


def make_plan(
    registry: Registry,
    pipeline: Pipeline,
    *,
    parameters: Mapping[str, Any] = _NOTHING,
    manifest: Manifest | None = None,
    make_up: bool = False,
    only: Collection[str] = (),
) -> Checked[RunPlan]:
    """Work out what a run of a pipeline would do.

    Args:
        manifest: what feeds inputs that no step feeds; ``None`` for nothing.
        make_up: whether an input that nothing feeds is fed made-up data; otherwise that is an error.
        only: the steps that are of interest, by id; none means all. Of others nothing wrong is told.

    Returns:
        The plan, and an error for everything because of which a step of it cannot be run.
    """
    return _Planning(registry, pipeline, parameters, manifest or Manifest(""), make_up, only).made()


@final
class _Planning:
    """A plan while it is made."""

    def __init__(
        self,
        registry: Registry,
        pipeline: Pipeline,
        parameters: Mapping[str, Any],
        manifest: Manifest,
        make_up: bool,
        only: Collection[str],
    ) -> None:
        self._registry = registry
        self._pipeline = pipeline
        self._parameters = parameters
        self._manifest = manifest
        self._make_up = make_up
        self._only = only
        self._scripts = Scripts(registry)
        self._found: list[Diagnostic] = []

    def made(self) -> Checked[RunPlan]:
        pipeline = self._pipeline
        try:
            order = pipeline.order
        except PipelineError as error:
            self._tell(None, str(error), "`stepwell pipeline check` tells every edge of it")
            order = ()
        for name in self._parameters:
            if name not in pipeline.parameters:
                there = ", ".join(pipeline.parameters) or "none"
                self._tell(
                    None, f"`{pipeline.name}` has no parameter `{name}`", f"its parameters are {there}"
                )
        for name, value in pipeline.parameters.items():
            if value is None and name not in self._parameters:
                self._tell(None, f"the parameter `{name}` has no value", f"set it: `--set {name}=...`")
        steps: dict[str, PlannedStep] = {}
        for one in order:
            if self._only and one not in self._only:
                continue
            step = self._step(pipeline.nodes[one])
            if step is not None:
                steps[one] = step
        plan = RunPlan(pipeline, MappingProxyType(dict(self._parameters)), MappingProxyType(steps))
        return Checked(plan, tuple(self._found))

    def _step(self, node: Node) -> PlannedStep | None:
        before = len(self._found)
        definition = node.definition
        if definition is None:
            whose = f"workspace {node.workspace}" if node.workspace else self._view(None).title
            self._tell(node, f"`{node.id}` is a `{node.step}`, and {whose} has no such step")
            return None
        interface = definition.interface
        if interface is None:
            help_text = "say in its `interface` what goes in, what comes out and what its script needs"
            self._tell(node, f"`{node.id}` is a `{definition.name}`, which has no interface", help_text)
            return None
        for needed in node.needs:
            if needed not in self._pipeline.nodes:
                self._tell(node, f"`{node.id}` needs `{needed}`, which the pipeline does not have")
        config: dict[str, Any] = dict(self._pipeline.config_of(node.id, self._parameters))
        if node.job_type is not None:
            config["job_type"] = node.job_type
        for what, key in missing_settings(interface, config):
            hint = f"add `{key}` to its `config`"
            if key == "job_type":
                hint += f", or name the step as in `{node.step}:training`"
            self._tell(node, f"`{node.id}` needs a value for {what}", hint, "config")
        view = self._view(node.workspace)
        script = self._scripts.find(view, definition)
        if not isinstance(script, Script):
            self._tell(node, f"`{node.id}` cannot be run: {script[0]}", script[1])
            return None
        try:
            code, compiled = self._scripts.digest(script), self._scripts.compiled(script)
        except OSError as error:
            self._tell(node, f"`{node.id}` cannot be run: {error.filename}: {error.strerror}")
            return None
        owner = next((one.workspace for one in definition.sources if one.workspace is not None), None)
        feeds = tuple(self._feeds(node, definition, interface))
        outputs = tuple(
            Port(name, _path(said.get("path")), content=_content(said))
            for name, said in (interface.get("outputs") or _NOTHING).items()
        )
        if len(self._found) > before:
            return None
        return PlannedStep(
            node,
            definition,
            owner or script.workspace,
            tuple(one for one in node.needs if one in self._pipeline.nodes),
            script,
            code,
            compiled,
            arguments_of(interface, config),
            MappingProxyType(environment_of(interface, config)),
            feeds,
            outputs,
            resources_of(interface),
        )

    def _feeds(self, node: Node, definition: StepDefinition, interface: Mapping[str, Any]) -> Iterator[Feed]:
        inputs: Mapping[str, Mapping[str, Any]] = interface.get("inputs") or _NOTHING
        for name in (*node.inputs, *node.given):
            if name not in inputs:
                there = ", ".join(inputs) or "none"
                fault = f"`{node.id}` is fed `{name}`, and `{definition.name}` has no such input"
                self._tell(node, fault, f"its inputs are {there}", "inputs", name)
        for name, said in inputs.items():
            channels, kind = tuple(said.get("channels", ())), str(said.get("type", ""))
            port = Port(name, _path(said.get("path")), channels=channels, content=_content(said))
            if name in node.inputs:
                if self._gives(node, name, node.inputs[name]):
                    yield Feed(port, node.inputs[name], kind)
                continue
            if not port.path:
                continue
            source = self._source(node, definition, name)
            if source is not None:
                if os.path.lexists(source[0]):
                    yield Feed(_fed(port, source[0]), None, kind)
                else:
                    self._tell_at(
                        source[1], f"there is nothing at `{source[0]}`, which is to feed `{node.id}.{name}`"
                    )
            elif not said.get("required", True):
                continue
            elif self._make_up:
                yield Feed(port, None, kind, made_up=True)
            else:
                self._found.append(
                    Diagnostic(
                        "missing-data",
                        Severity.ERROR,
                        f"nothing feeds the input `{name}` of `{node.id}`",
                        node.where("inputs") or node.place,
                        "name data for it in data_manifest.yaml, connect it to an output, or make data up "
                        "with `--made-up`",
                        self._declared(definition, "inputs", name),
                    )
                )

    def _gives(self, node: Node, name: str, fed: OutputOf) -> bool:
        source = self._pipeline.nodes.get(fed.node)
        if source is None:
            return False  # told already: the node needs one that is not there
        interface = source.definition.interface if source.definition is not None else None
        if interface is None:
            return True  # told of that one
        there = interface.get("outputs") or _NOTHING
        if fed.output in there:
            return True
        fault = f"`{node.id}` reads `{fed}`, and `{fed.node}` has no such output"
        self._tell(node, fault, f"its outputs are {', '.join(there) or 'none'}", "inputs", name)
        return False

    def _source(self, node: Node, definition: StepDefinition, name: str) -> tuple[str, Span | None] | None:
        """The file that feeds an input: as the manifest says it, or else a parameter of the pipeline."""
        workspace = node.workspace or self._pipeline.workspace
        names = [f"{workspace}:{definition.name}"] if workspace else []
        found = self._manifest.source((*names, node.id, definition.name, *definition.aliases), name)
        if found is not None or name not in node.given:
            return found
        parameter = node.given[name]
        value = self._parameters.get(parameter, self._pipeline.parameters.get(parameter))
        if not isinstance(value, str) or "://" in value:
            return None
        return os.path.join(self._registry.project.root, value), node.where("inputs", name)

    def _view(self, workspace: str | None) -> View:
        return self._registry.view(workspace or self._pipeline.workspace)

    @staticmethod
    def _declared(definition: StepDefinition, *pointer: str) -> tuple[Related, ...]:
        span = stated_at(definition, *pointer)
        return () if span is None else (Related("it is declared at", span),)

    def _tell(self, node: Node | None, message: str, help_text: str | None = None, *inner: str) -> None:
        span = None if node is None else node.where(*inner) if inner else node.place
        self._tell_at(span, message, help_text)

    def _tell_at(self, span: Span | None, message: str, help_text: str | None = None) -> None:
        self._found.append(Diagnostic("cannot-run", Severity.ERROR, message, span, help_text))


def stated_at(definition: StepDefinition, *pointer: str) -> Span | None:
    """Where the topmost file of a step states something of its interface; ``None`` where none does.

    Args:
        pointer: the way to it in the interface, e.g. ``"inputs", "DATA"``.
    """
    whole: Pointer = ("interface", *pointer)
    for source in definition.sources:
        data: Any = source.document.data
        for key in whole:
            data = data.get(key) if isinstance(data, Mapping) else None
        if data is not None:
            return source.document.key_span(whole)
    return None


def _fed(port: Port, source: str) -> Port:
    return Port(port.name, port.path, source, port.digest, port.channels, port.content)


def _path(said: str | None) -> str:
    """A path of the container without dots in it, so that it stays in the sandbox."""
    return "" if not said else os.path.normpath(f"/{said.lstrip('/')}")


def _content(said: Mapping[str, Any]) -> str:
    content = said.get("content")
    return json.dumps(thaw(content), sort_keys=True) if content else ""
