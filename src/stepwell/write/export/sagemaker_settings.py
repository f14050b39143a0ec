"""Values of a SageMaker pipeline definition: references, joined texts, parameters and settings of jobs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, final

from stepwell.model.graph import OutputOf, Pipeline
from stepwell.source.diagnostic import Diagnostic
from stepwell.write.export.jobs import Input, Job, Parameter, Text, cannot, texts_of, written

__all__ = [
    "INSTANCE",
    "Wording",
    "environment",
    "fed",
    "image",
    "instance",
    "join",
    "role",
    "setting",
    "training",
]


_PATH: Final = re.compile(r"[A-Za-z]\w*(\.[A-Za-z]\w*|\['[^'\[\]\n]+'\])*", re.ASCII)
_STEP: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_TYPES: Final = {bool: "Boolean", int: "Integer", float: "Float"}


def join(on: str, *values: Any) -> dict[str, Any]:
    """Return texts for SageMaker to join at run time."""
    return {"Std:Join": {"On": on, "Values": list(values)}}


@final
class Wording:
    """State shared by the steps of a definition during export."""

    def __init__(self, pipeline: Pipeline, jobs: tuple[Job, ...], findings: list[Diagnostic]) -> None:
        self.findings = findings
        self._pipeline = pipeline
        self._jobs = {job.id: job for job in jobs}
        self._asked: dict[str, dict[str, Any]] = {}

    def parameters(self) -> list[dict[str, Any]]:
        """Return the parameters of the pipeline, then those added by steps."""
        stated = []
        for name, default in self._pipeline.parameters.items():
            parameter = {"Name": name, "Type": _TYPES.get(type(default), "String")}
            if default is not None:
                parameter["DefaultValue"] = default if type(default) in _TYPES else written(default)
            stated.append(parameter)
        return [*stated, *self._asked.values()]

    def ask(self, name: str, default: Any = None) -> dict[str, str]:
        """Return a parameter to set when the pipeline is started.

        Args:
           name: contains a ``-``.
           default: default value, if any.
        """
        if name not in self._asked:
            self._asked[name] = {"Name": name, "Type": _TYPES.get(type(default), "String")}
            if default is not None:
                self._asked[name]["DefaultValue"] = default
        return {"Get": f"Parameters.{name}"}

    def text(self, value: Text) -> Any:
        """Return a value as text."""
        if not isinstance(value, Parameter):
            return value
        reference = {"Get": f"Parameters.{value.name}"}
        is_text = type(self._pipeline.parameters.get(value.name)) not in _TYPES
        return reference if is_text else join("", reference)

    def setting(self, value: Any) -> Any:
        """Return a setting, or the parameter that sets it."""
        return {"Get": f"Parameters.{value.name}"} if isinstance(value, Parameter) else value

    def name(self, job: Job) -> str:
        """The name of a step."""
        if not _STEP.fullmatch(job.id):
            why = "has an id of more than 64 characters, the limit of SageMaker"
            self.findings.append(cannot(job.node, why))
        return job.id

    def output(self, job: Job, *below: str) -> dict[str, Any]:
        """Return the output location: a folder per execution and step below the prefix."""
        execution = {"Get": "Execution.PipelineExecutionId"}
        return join("/", self.ask("output-prefix"), execution, job.id, *below)

    def fed(self, job: Job, channel: Input) -> Any:
        """Return the source of an input; ``None`` for an unconnected optional one."""
        if isinstance(channel.source, Parameter):
            return {"Get": f"Parameters.{channel.source.name}"}
        if channel.source is not None:
            return self._reference(job, channel.source)
        if channel.required:
            self.findings.append(
                cannot(job.node, f"needs the input `{channel.name}`, which is not connected")
            )
        return None

    def _reference(self, job: Job, source: OutputOf) -> Any:
        giver = self._jobs.get(source.node)
        given = giver.outputs.get(source.output) if giver is not None else None
        if giver is None or given is None:
            return {"Get": f"Steps.{source}"}  # already reported: the step or its output does not exist
        path = given.property_path.removeprefix("properties.")
        if not _PATH.fullmatch(path):
            help_text = "set `property_path` of the output in the interface"
            shown = f"the invalid property path `{path}`" if path else "no property path"
            self.findings.append(cannot(job.node, f"reads `{source}`, which has {shown}", help_text))
        return {"Get": f"Steps.{giver.id}.{path}"}


INSTANCE: Final = "ml.m5.xlarge"
"""Default instance types."""


def fed(job: Job, wording: Wording) -> Iterator[tuple[Input, Any]]:
    """Return the connected inputs with their sources."""
    for item in job.inputs.values():
        uri = wording.fed(job, item)
        if uri is not None:
            yield item, uri


def environment(job: Job, wording: Wording) -> dict[str, Any]:
    """The environment of the container."""
    return {name: wording.text(value) for name, value in job.environment.items()}


def setting(job: Job, wording: Wording, default: Any, *names: str) -> Any:
    """Return a setting or its default."""
    value = job.setting(*names)
    return default if value is None else wording.setting(value)


def instance(job: Job, wording: Wording, kind: str) -> Any:
    """The kind of machine.

    Args:
        kind: what the setting's name may begin with, e.g. ``processing``.
    """
    value = job.setting("instance_type", f"{kind}_instance_type")
    return wording.ask("instance-type", INSTANCE) if value is None else wording.setting(value)


def image(job: Job, wording: Wording) -> Any:
    """The image of the container."""
    value = job.setting("image_uri")
    return wording.ask("image-uri") if value is None else wording.setting(value)


def role(job: Job, wording: Wording) -> Any:
    """Return the role of the job."""
    value = job.setting("role")
    return wording.ask("role-arn") if value is None else wording.setting(value)


_CHANNELS: Final = "/opt/ml/input/data"
_A_DAY: Final = 24 * 60 * 60  # seconds
_VOLUME: Final = 30  # GB


def training(job: Job, wording: Wording) -> dict[str, Any]:
    place = wording.output(job)
    request: dict[str, Any] = {
        "AlgorithmSpecification": {"TrainingInputMode": "File", "TrainingImage": image(job, wording)},
        "OutputDataConfig": {"S3OutputPath": place},
        "StoppingCondition": {
            "MaxRuntimeInSeconds": setting(job, wording, _A_DAY, "max_runtime_seconds"),
        },
        "ResourceConfig": {
            "InstanceType": instance(job, wording, "training"),
            "InstanceCount": setting(job, wording, 1, "instance_count", "training_instance_count"),
            "VolumeSizeInGB": setting(job, wording, _VOLUME, "volume_size", "training_volume_size"),
        },
        "RoleArn": role(job, wording),
    }
    channels = [channel for item, uri in fed(job, wording) for channel in _channels(job, item, uri, wording)]
    if channels:
        request["InputDataConfig"] = channels
    hyperparameters = _hyperparameters(job, wording)
    if hyperparameters:
        request["HyperParameters"] = hyperparameters
    if job.environment:
        request["Environment"] = environment(job, wording)
    request["DebugHookConfig"] = {"S3OutputPath": place, "CollectionConfigurations": []}
    request["ProfilerConfig"] = {"S3OutputPath": place, "DisableProfiler": False}
    return {"Arguments": request}


def _channels(job: Job, channel: Input, uri: Any, wording: Wording) -> Iterator[dict[str, Any]]:
    """The channels of a training job, each a folder below the one that all of them share."""
    path = (channel.path or "").rstrip("/")
    inside = path.removeprefix(f"{_CHANNELS}/")
    if channel.channels and path == _CHANNELS:
        named = {name: join("/", uri, name) for name in channel.channels}
    elif not channel.channels and path != inside and "/" not in inside:
        named = {inside: uri}
    else:
        why = (
            f"reads `{channel.name}` from `{path}`, but inputs of a training job are in `{_CHANNELS}/CHANNEL`"
        )
        help_text = f"set `channels` for the path `{_CHANNELS}`, or use a path directly below it"
        wording.findings.append(cannot(job.node, why, help_text))
        return
    for name, place in named.items():
        source = {"S3DataType": "S3Prefix", "S3Uri": place, "S3DataDistributionType": "FullyReplicated"}
        yield {"DataSource": {"S3DataSource": source}, "ChannelName": name}


def _hyperparameters(job: Job, wording: Wording) -> dict[str, Any]:
    """Return the hyperparameters; in script mode they are JSON and include the script's location."""
    stated = job.node.config.get("hyperparameters")
    plain = texts_of(stated) if isinstance(stated, Mapping) else {}
    if job.entry_point is None:
        return {name: wording.text(value) for name, value in plain.items()}
    given = {**plain, **{flag.lstrip("-"): value for flag, value in job.arguments}}
    hyperparameters: dict[str, Any] = {
        name: wording.text(value) if isinstance(value, Parameter) else json.dumps(value)
        for name, value in given.items()
    }
    place = job.setting("code_uri")
    code = wording.ask("training-code") if place is None else wording.setting(place)
    program = job.entry_point
    if job.bundle is not None and place is None:
        code = join("/", wording.ask("code-prefix"), f"{job.bundle}.tar.gz")
        program = program.rpartition("/")[2]
    hyperparameters["sagemaker_submit_directory"] = json.dumps(code) if isinstance(code, str) else code
    hyperparameters["sagemaker_program"] = json.dumps(program)
    hyperparameters["sagemaker_container_log_level"] = "20"
    region = job.setting("region")
    if region is not None:
        hyperparameters["sagemaker_region"] = (
            json.dumps(region) if isinstance(region, str) else wording.setting(region)
        )
    return hyperparameters
