"""Training jobs: channels for inputs, and hyperparameters, which include the script."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from stepwell.write.export.jobs import Input, Job, Parameter, cannot, texts_of
from stepwell.write.export.sagemaker_names import Wording, join

__all__ = [
    "INSTANCE",
    "environment",
    "fed",
    "image",
    "instance",
    "role",
    "setting",
    "training",
]


INSTANCE: Final = "ml.m5.xlarge"
"""Default instance types."""


def fed(job: Job, wording: Wording) -> Iterator[tuple[Input, Any]]:
    """Return the connected inputs with their sources."""
    for one in job.inputs.values():
        uri = wording.fed(job, one)
        if uri is not None:
            yield one, uri


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
    channels = [channel for one, uri in fed(job, wording) for channel in _channels(job, one, uri, wording)]
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


def _channels(job: Job, one: Input, uri: Any, wording: Wording) -> Iterator[dict[str, Any]]:
    """The channels of a training job, each a folder below the one that all of them share."""
    path = (one.path or "").rstrip("/")
    inside = path.removeprefix(f"{_CHANNELS}/")
    if one.channels and path == _CHANNELS:
        named = {name: join("/", uri, name) for name in one.channels}
    elif not one.channels and path != inside and "/" not in inside:
        named = {inside: uri}
    else:
        why = f"reads `{one.name}` from `{path}`, but inputs of a training job are in `{_CHANNELS}/CHANNEL`"
        help_text = f"set `channels` for the path `{_CHANNELS}`, or use a path directly below it"
        wording.found.append(cannot(job.node, why, help_text))
        return
    for name, place in named.items():
        source = {"S3DataType": "S3Prefix", "S3Uri": place, "S3DataDistributionType": "FullyReplicated"}
        yield {"DataSource": {"S3DataSource": source}, "ChannelName": name}


def _hyperparameters(job: Job, wording: Wording) -> dict[str, Any]:
    """Return the hyperparameters; in script mode they are JSON and include the script's location."""
    said = job.node.config.get("hyperparameters")
    plain = texts_of(said) if isinstance(said, Mapping) else {}
    if job.entry_point is None:
        return {name: wording.text(value) for name, value in plain.items()}
    given = {**plain, **{flag.lstrip("-"): value for flag, value in job.arguments}}
    told: dict[str, Any] = {
        name: wording.text(value) if isinstance(value, Parameter) else json.dumps(value)
        for name, value in given.items()
    }
    place = job.setting("code_uri")
    code = wording.ask("training-code") if place is None else wording.setting(place)
    told["sagemaker_submit_directory"] = json.dumps(code) if isinstance(code, str) else code
    told["sagemaker_program"] = json.dumps(job.entry_point)
    told["sagemaker_container_log_level"] = "20"
    region = job.setting("region")
    if region is not None:
        told["sagemaker_region"] = json.dumps(region) if isinstance(region, str) else wording.setting(region)
    return told
