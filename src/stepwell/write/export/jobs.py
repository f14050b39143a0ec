"""Jobs of a pipeline: the inputs, outputs, arguments and environment of each step, for all exporters."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import math
import os
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final, final

from stepwell.code import own_folder
from stepwell.code.alignment.builder_facts import defaults_of
from stepwell.code.alignment.parse import SourceReader
from stepwell.live.registry import Registry
from stepwell.model import StepDefinition
from stepwell.model.graph import Node, OutputOf, Pipeline
from stepwell.model.graph.job_settings import SETTINGS, arguments_of, environment_of, missing_settings
from stepwell.model.graph.node import parameter_named, parameters_in
from stepwell.run.pipelines.scripts import Script, Scripts
from stepwell.source.diagnostic import Checked, Diagnostic, Severity
from stepwell.source.document import freeze, thaw
from stepwell.source.errors import PipelineError
from stepwell.source.python import SourceView

__all__ = [
    "Input",
    "Job",
    "Output",
    "Parameter",
    "Text",
    "cannot",
    "jobs_of",
    "texts_of",
    "with_declared_settings",
    "with_scripts",
    "written",
]


def with_declared_settings(registry: Registry, pipeline: Pipeline) -> Pipeline:
    """Return a pipeline with the defaults that configuration classes and builders declare."""
    reader = SourceReader(registry.project.root)
    nodes = {node.id: _filled(registry, pipeline, node, reader) for node in pipeline.nodes.values()}
    return replace(pipeline, nodes=nodes)


def _filled(registry: Registry, pipeline: Pipeline, node: Node, reader: SourceReader) -> Node:
    if node.definition is None:
        return node
    workspace = node.workspace or pipeline.workspace
    own = () if workspace is None else (own_folder(registry.project, workspace),)
    sees = SourceView(registry.code.index(), (*own, *registry.project.settings.component_folders))
    components = registry.view(workspace).components(node.definition.name)
    filled: dict[str, Any] = {}
    for kind in ("builder", "config"):
        place = components[kind].place
        if place is not None:
            filled.update(_settings(defaults_of(reader, sees, place)))
    return replace(node, config={**filled, **node.config}) if filled else node


def _settings(defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Return the defaults that are settings with plain values."""
    return {
        name: freeze(list(value) if isinstance(value, tuple) else value)
        for name, value in defaults.items()
        if name in SETTINGS and isinstance(value, (str, int, float, list, tuple)) and value != ""
    }


BUNDLE: Final = "x-stepwell-bundle"
"""Extension of a node whose ``entry_point`` is in a folder of a bundle."""


def with_scripts(
    registry: Registry, pipeline: Pipeline, *, bundle: bool
) -> Checked[tuple[Pipeline, Mapping[str, bytes]]]:
    """Return a pipeline in which different scripts have different entry points, and the files of a bundle.

    Args:
        bundle: whether each entry point is in a folder that is named by the digest of its files.
    """
    return _Scripts(registry, pipeline, bundle=bundle).written()


@final
class _Scripts:
    """Paths of the scripts of an exported pipeline."""

    def __init__(self, registry: Registry, pipeline: Pipeline, *, bundle: bool) -> None:
        self._registry = registry
        self._pipeline = pipeline
        self._bundle = bundle
        self._scripts = Scripts(registry)
        self._files: dict[str, bytes] = {}
        self._found: list[Diagnostic] = []
        self._used: dict[str, tuple[str, str]] = {}

    def written(self) -> Checked[tuple[Pipeline, Mapping[str, bytes]]]:
        nodes = {node.id: self._node(node) for node in self._pipeline.nodes.values()}
        result = replace(self._pipeline, nodes=nodes), MappingProxyType(self._files)
        return Checked(result, tuple(self._found))

    def _node(self, node: Node) -> Node:
        step = node.definition
        interface = (step and step.interface) or _NOTHING
        entry = interface.get("entry_point")
        if step is None or entry is None:
            return node
        script = self._scripts.find(self._registry.view(node.workspace or self._pipeline.workspace), step)
        if isinstance(script, Script):
            workspace, actual = script.workspace, script.shown
            if script.function:
                why = f"calls the function `{script.function}` of {actual}, but an export runs the file"
                self._found.append(cannot(node, why, 'call it below `if __name__ == "__main__":`'))
        else:
            workspace = next((source.workspace for source in step.sources if source.workspace), "")
            actual = f"the script of `{step.name}`" + (f" of {workspace}" if workspace else "")
            if self._bundle:
                self._found.append(cannot(node, f"has no script for the bundle: {script[0]}", script[1]))
        if self._bundle and isinstance(script, Script):
            path = self._bundled(node, script)
        else:
            path = f"{self._registry.project.settings.workspaces}/{workspace}/{entry}" if workspace else entry
        other, other_id = self._used.setdefault(path, (actual, node.id))
        if other != actual:
            why = f"runs {actual}, but `{other_id}` runs {other} under the same path `{path}`"
            self._found.append(cannot(node, why, "rename one of the scripts, or use `--bundle`"))
        if path == entry:
            return node
        changed = StepDefinition({**step.data, "interface": {**interface, "entry_point": path}}, step.sources)
        extensions = {**node.extensions, BUNDLE: True} if self._bundle else node.extensions
        return replace(node, definition=changed, extensions=extensions)

    def _bundled(self, node: Node, script: Script) -> str:
        """Add the files of a script to the bundle and return its path there."""
        name = os.path.basename(script.path)
        try:
            files = self._scripts.files(script)
        except OSError as error:
            self._found.append(cannot(node, f"cannot be bundled: {error.filename}: {error.strerror}"))
            return name
        total = hashlib.sha256()
        for path, content in sorted(files.items()):
            total.update(path.encode() + b"\0" + hashlib.sha256(content).digest())
        folder = total.hexdigest()[:_DIGITS]
        self._files.update({f"{folder}/{path}": content for path, content in files.items()})
        if (node.definition and node.definition.sagemaker_step_type) == "Training":
            self._files[f"{folder}.tar.gz"] = _archive(files)
        return f"{folder}/{name}"


_DIGITS: Final = 32


def _archive(files: Mapping[str, bytes]) -> bytes:
    """Return a reproducible archive."""
    packed = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.USTAR_FORMAT) as archive,
    ):
        for path, content in sorted(files.items()):
            entry = tarfile.TarInfo(path)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


@final
@dataclass(frozen=True, slots=True)
class Parameter:
    """Pipeline parameter."""

    name: str


Text = str | Parameter
"""Value of an argument or an environment variable: text or a parameter."""


@final
@dataclass(frozen=True, slots=True)
class Input:
    """Input of a job.

    Args:
       type: data type; empty if the interface has none.
       path: path in the container; ``None`` if it is not a file.
       channels: subfolders that are passed separately; empty for the whole path.
       source: upstream output, or parameter with the location; ``None`` if not connected.
    """

    name: str
    type: str
    path: str | None
    channels: tuple[str, ...]
    required: bool
    source: OutputOf | Parameter | None


@final
@dataclass(frozen=True, slots=True)
class Output:
    """Output of a job.

    Args:
       path: path in the container; ``None`` if it is not a file.
       property_path: property of the SageMaker step; empty if not set.
    """

    name: str
    path: str | None
    property_path: str


@final
@dataclass(frozen=True, slots=True)
class Job:
    """Step of a pipeline for export.

    Args:
       arguments: flags of the script with their values, in order.
    """

    node: Node
    definition: StepDefinition
    arguments: tuple[tuple[str, Text], ...]
    environment: Mapping[str, Text]
    inputs: Mapping[str, Input]
    outputs: Mapping[str, Output]

    @property
    def id(self) -> str:
        """Return the step id."""
        return self.node.id

    @property
    def entry_point(self) -> str | None:
        """Return the script of the container."""
        return (self.definition.interface or _NOTHING).get("entry_point")

    @property
    def bundle(self) -> str | None:
        """Return the folder of the script in a bundle; ``None`` without a bundle."""
        entry = self.entry_point
        return entry.partition("/")[0] if entry is not None and self.node.extensions.get(BUNDLE) else None

    def setting(self, *names: str) -> Any:
        """Return a compute setting from the configuration or ``compute`` in the interface, if set."""
        compute = (self.definition.interface or _NOTHING).get("compute") or _NOTHING
        for settings in (self.node.config, compute):
            for name in names:
                if settings.get(name) is not None:
                    parameter = parameter_named(settings[name])
                    return thaw(settings[name]) if parameter is None else Parameter(parameter)
        return None


_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


def jobs_of(pipeline: Pipeline) -> Checked[tuple[Job, ...]]:
    """Return the jobs of a pipeline in topological order, and errors for steps that cannot be exported."""
    planned = [
        cannot(node, f"depends on `{needed}`, which is not in the pipeline")
        for node in pipeline.nodes.values()
        for needed in node.needs
        if needed not in pipeline.nodes
    ]
    for name, default in pipeline.parameters.items():
        if parameter_named(f"${{{name}}}") is None:  # of a pipeline that no file defines
            why = f"the parameter `{name}` cannot be exported: its name is not an ASCII identifier"
            planned.append(Diagnostic("cannot-export", Severity.ERROR, why))
        if not _is_json(default):
            why = f"the default of the parameter `{name}` cannot be represented in JSON: {thaw(default)}"
            planned.append(Diagnostic("cannot-export", Severity.ERROR, why))
    planned += (
        cannot(node, f"has the configuration `{key}: {thaw(value)}`, which cannot be represented in JSON")
        for node in pipeline.nodes.values()
        for key, value in node.config.items()
        if not _is_json(value)
    )
    try:
        order = pipeline.order
    except PipelineError as error:
        place = next(iter(pipeline.nodes.values())).place
        planned.append(Diagnostic("cannot-export", Severity.ERROR, str(error), place))
        return Checked((), tuple(planned))
    jobs = tuple(job for item in order if (job := _job(pipeline, pipeline.nodes[item], planned)) is not None)
    return Checked(jobs, tuple(planned))


def written(value: Any) -> str:
    """Return a value for the command line or environment: text as is, other values as JSON."""
    return value if isinstance(value, str) else json.dumps(thaw(value), ensure_ascii=False)


def cannot(node: Node, why: str, help_text: str | None = None) -> Diagnostic:
    """Return the finding for a step that cannot be exported."""
    return Diagnostic("cannot-export", Severity.ERROR, f"`{node.id}` {why}", node.place, help_text)


def texts_of(settings: Mapping[str, Any]) -> dict[str, Text]:
    """Return a mapping of a configuration with values as text."""
    return {name: _text(value) for name, value in settings.items()}


def _job(pipeline: Pipeline, node: Node, findings: list[Diagnostic]) -> Job | None:
    definition = node.definition
    if definition is None:
        findings.append(cannot(node, f"uses the unknown step `{node.step}`"))
        return None
    interface = definition.interface
    if interface is None:
        help_text = "add an `interface` with the inputs, the outputs and the arguments of the script"
        findings.append(cannot(node, f"uses `{definition.name}`, which has no interface", help_text))
        return None
    sources = {name: _named(pipeline, node, item, findings) for name, item in node.inputs.items()}
    inputs = {
        name: Input(
            name,
            item.get("type", ""),
            item.get("path"),
            tuple(item.get("channels", ())),
            item.get("required", True),
            Parameter(node.given[name]) if name in node.given else sources.get(name),
        )
        for name, item in interface.get("inputs", {}).items()
    }
    outputs = {
        name: Output(name, item.get("path"), item.get("property_path", ""))
        for name, item in interface.get("outputs", {}).items()
    }
    findings += (
        cannot(node, f"connects `{name}`, which is not an input of `{definition.name}`")
        for name in (*node.inputs, *node.given)
        if name not in inputs
    )
    for parameter in node.given.values():
        _ask(pipeline, node, parameter, findings)
    config = dict(node.config) if node.job_type is None else {**node.config, "job_type": node.job_type}
    findings += (
        cannot(node, f"needs a value for {what}", f"add `{key}` to its `config`")
        for what, key in missing_settings(interface, config)
    )
    for _, parameter in parameters_in(node.config):
        _ask(pipeline, node, parameter, findings)
    words = arguments_of(interface, config)
    return Job(
        node,
        definition,
        tuple((flag, _text(value)) for flag, value in zip(words[::2], words[1::2], strict=True)),
        MappingProxyType(texts_of(environment_of(interface, config))),
        MappingProxyType(inputs),
        MappingProxyType(outputs),
    )


def _named(pipeline: Pipeline, node: Node, source: OutputOf, findings: list[Diagnostic]) -> OutputOf:
    """Return an output by name or alias."""
    giver = pipeline.nodes.get(source.node)
    interface = giver and giver.definition and giver.definition.interface
    if not interface:
        return source  # already reported
    outputs = interface.get("outputs", {})
    for name, output in outputs.items():
        if source.output == name or (
            source.output not in outputs and source.output in output.get("aliases", ())
        ):
            return OutputOf(source.node, name)
    findings.append(cannot(node, f"reads `{source}`, which is not an output of `{source.node}`"))
    return source


def _is_json(value: Any) -> bool:
    """Return whether all numbers are finite."""
    if isinstance(value, Mapping):
        return all(map(_is_json, value.values()))
    if isinstance(value, (list, tuple)):
        return all(map(_is_json, value))
    return not isinstance(value, float) or math.isfinite(value)


def _text(value: Any) -> Text:
    parameter = parameter_named(value)
    return written(value) if parameter is None else Parameter(parameter)


def _ask(pipeline: Pipeline, node: Node, name: str, findings: list[Diagnostic]) -> None:
    if name not in pipeline.parameters:
        findings.append(cannot(node, f"uses the parameter `{name}`, which is not in the pipeline"))
