"""One step of a pipeline definition: what SageMaker's own call for such a job takes, by type of step.

The defaults are those of the SageMaker SDK for Python, whose own pipelines the tests hold these to.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from stepwell.pipelines.exporters.jobs import Input, Job, Parameter, cannot, texts_of, written
from stepwell.pipelines.exporters.sagemaker.wording import Wording, join

__all__ = ["request_of"]

_CODE: Final = "/opt/ml/processing/input/code"
_CHANNELS: Final = "/opt/ml/input/data"
_A_DAY: Final = 24 * 60 * 60  # seconds
_VOLUME: Final = 30  # GB
_INSTANCE: Final = "ml.m5.xlarge"


def request_of(job: Job, wording: Wording) -> dict[str, Any] | None:
    """A step as the definition has it; ``None`` for one that SageMaker has no words for.

    Args:
        job: the step.
        wording: what it shares with the others.
    """
    kind = job.definition.sagemaker_step_type or ""
    if kind not in _KINDS:
        known = ", ".join(_KINDS)
        why = f"is a `{job.definition.name}` of the type `{kind}`, which has no form in a pipeline definition"
        wording.found.append(cannot(job.node, why, f"types that have one are {known}"))
        return None
    word, form = _KINDS[kind]
    step = {"Name": wording.name(job), "Type": word, **form(job, wording)}
    if job.node.depends_on:
        step["DependsOn"] = list(job.node.depends_on)
    step["Description"] = job.definition.description
    return step


def _processing(job: Job, wording: Wording) -> dict[str, Any]:
    inputs = [
        _local(one.name, {"S3Uri": uri}, one.path)
        for one, uri in _fed(job, wording)
        if _has_path(job, one, wording)
    ]
    application: dict[str, Any] = {"ImageUri": _image(job, wording)}
    if job.arguments:
        flat = (part for pair in job.arguments for part in pair)
        application["ContainerArguments"] = [wording.text(one) for one in flat]
    if job.entry_point is not None:
        script = job.entry_point.rpartition("/")[2]
        application["ContainerEntrypoint"] = ["python3", f"{_CODE}/{script}"]
        inputs.append(_local("code", {"S3Uri": _code(job, wording)}, _CODE))
    cluster = {
        "InstanceType": _instance(job, wording, "processing"),
        "InstanceCount": _setting(job, wording, 1, "instance_count", "processing_instance_count"),
        "VolumeSizeInGB": _setting(job, wording, _VOLUME, "volume_size", "processing_volume_size"),
    }
    request: dict[str, Any] = {
        "ProcessingResources": {"ClusterConfig": cluster},
        "AppSpecification": application,
        "RoleArn": _role(job, wording),
    }
    if inputs:
        request["ProcessingInputs"] = inputs
    outputs = [
        {
            "OutputName": one.name,
            "AppManaged": False,
            "S3Output": {
                "S3Uri": wording.output(job, one.name),
                "LocalPath": one.path,
                "S3UploadMode": "EndOfJob",
            },
        }
        for one in job.outputs.values()
        if one.path is not None
    ]
    if outputs:
        request["ProcessingOutputConfig"] = {"Outputs": outputs}
    if job.environment:
        request["Environment"] = _environment(job, wording)
    seconds = _setting(job, wording, None, "max_runtime_seconds")
    if seconds is not None:
        request["StoppingCondition"] = {"MaxRuntimeInSeconds": seconds}
    return {"Arguments": request}


def _training(job: Job, wording: Wording) -> dict[str, Any]:
    place = wording.output(job)
    request: dict[str, Any] = {
        "AlgorithmSpecification": {"TrainingInputMode": "File", "TrainingImage": _image(job, wording)},
        "OutputDataConfig": {"S3OutputPath": place},
        "StoppingCondition": {
            "MaxRuntimeInSeconds": _setting(job, wording, _A_DAY, "max_runtime_seconds"),
        },
        "ResourceConfig": {
            "InstanceType": _instance(job, wording, "training"),
            "InstanceCount": _setting(job, wording, 1, "instance_count", "training_instance_count"),
            "VolumeSizeInGB": _setting(job, wording, _VOLUME, "volume_size", "training_volume_size"),
        },
        "RoleArn": _role(job, wording),
    }
    channels = [channel for one, uri in _fed(job, wording) for channel in _channels(job, one, uri, wording)]
    if channels:
        request["InputDataConfig"] = channels
    hyperparameters = _hyperparameters(job, wording)
    if hyperparameters:
        request["HyperParameters"] = hyperparameters
    if job.environment:
        request["Environment"] = _environment(job, wording)
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
        why = f"takes `{one.name}` at `{path}`, and a training job finds its inputs at `{_CHANNELS}/CHANNEL`"
        help_text = f"state `channels` for a path of `{_CHANNELS}` itself, or a path just below it"
        wording.found.append(cannot(job.node, why, help_text))
        return
    for name, place in named.items():
        source = {"S3DataType": "S3Prefix", "S3Uri": place, "S3DataDistributionType": "FullyReplicated"}
        yield {"DataSource": {"S3DataSource": source}, "ChannelName": name}


def _hyperparameters(job: Job, wording: Wording) -> dict[str, Any]:
    """What the algorithm is given; with a script they are JSON, and say where it is (script mode)."""
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


def _model(job: Job, wording: Wording) -> dict[str, Any]:
    request = {"ExecutionRoleArn": _role(job, wording), "PrimaryContainer": _container(job, wording)}
    return {"Arguments": request}


def _registration(job: Job, wording: Wording) -> dict[str, Any]:
    inference: dict[str, Any] = {"Containers": [_container(job, wording)]}
    for word, names, default in (
        ("SupportedContentTypes", "content_types", ("text/csv",)),
        ("SupportedResponseMIMETypes", "response_types", ("text/csv",)),
        ("SupportedRealtimeInferenceInstanceTypes", "inference_instances", ()),
        ("SupportedTransformInstanceTypes", "transform_instances", (_INSTANCE,)),
    ):
        value = job.setting(names)
        chosen = default if value is None else wording.setting(value)
        if chosen:
            inference[word] = list(chosen) if isinstance(chosen, (list, tuple)) else chosen
    group = job.setting("model_package_group_name")
    return {
        "Arguments": {
            "ModelPackageGroupName": (
                wording.ask("model-package-group") if group is None else wording.setting(group)
            ),
            "InferenceSpecification": inference,
            "ModelApprovalStatus": _setting(job, wording, "PendingManualApproval", "approval_status"),
            "SkipModelValidation": "None",
        }
    }


def _container(job: Job, wording: Wording) -> dict[str, Any]:
    """The container of a model: its image, and the artifacts that the step is given."""
    fed = list(_fed(job, wording))
    data = [uri for one, uri in fed if one.type == "model_artifacts"] or [uri for _, uri in fed]
    if len(data) != 1:
        counted = "none" if not data else "several"
        why = f"makes a model of one input with artifacts, and {counted} could be meant"
        wording.found.append(cannot(job.node, why, "give one input the `type: model_artifacts`"))
    return {
        "Image": _image(job, wording),
        "Environment": _environment(job, wording),
        "ModelDataUrl": data[0] if data else "",
    }


def _transform(job: Job, wording: Wording) -> dict[str, Any]:
    names: list[Any] = []
    rows: list[Any] = []
    for one, uri in _fed(job, wording):
        (names if one.name == "model_name" else rows).append(uri)
    if len(names) != 1 or len(rows) != 1:
        why = "takes other inputs than a `model_name` and one with the data"
        wording.found.append(cannot(job.node, why))
    data: dict[str, Any] = {
        "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": rows[0] if rows else ""}}
    }
    out: dict[str, Any] = {"S3OutputPath": wording.output(job)}
    for holder, word, setting in (
        (data, "ContentType", "content_type"),
        (data, "SplitType", "split_type"),
        (out, "Accept", "accept"),
        (out, "AssembleWith", "assemble_with"),
    ):
        value = job.setting(setting)
        if value is not None:
            holder[word] = wording.setting(value)
    request = {
        "ModelName": names[0] if names else "",
        "TransformInput": data,
        "TransformOutput": out,
        "TransformResources": {
            "InstanceType": _instance(job, wording, "transform"),
            "InstanceCount": _setting(job, wording, 1, "instance_count", "transform_instance_count"),
        },
    }
    return {"Arguments": request}


def _lambda(job: Job, wording: Wording) -> dict[str, Any]:
    arn = job.setting("function_arn")
    given = {flag.lstrip("-"): wording.text(value) for flag, value in job.arguments}
    step: dict[str, Any] = {
        "Arguments": {**{one.name: uri for one, uri in _fed(job, wording)}, **given},
        "FunctionArn": wording.ask(f"function-of-{job.id}") if arn is None else wording.setting(arn),
        "OutputParameters": [{"OutputName": name, "OutputType": "String"} for name in job.outputs],
    }
    return step


def _fed(job: Job, wording: Wording) -> Iterator[tuple[Input, Any]]:
    """The inputs that something feeds, each with it."""
    for one in job.inputs.values():
        uri = wording.fed(job, one)
        if uri is not None:
            yield one, uri


def _has_path(job: Job, one: Input, wording: Wording) -> bool:
    if one.path is None:
        why = f"takes `{one.name}`, and its interface has no `path` for it"
        wording.found.append(cannot(job.node, why))
    return one.path is not None


def _local(name: str, place: Mapping[str, Any], path: str | None) -> dict[str, Any]:
    return {
        "InputName": name,
        "AppManaged": False,
        "S3Input": {
            **place,
            "LocalPath": path,
            "S3DataType": "S3Prefix",
            "S3InputMode": "File",
            "S3DataDistributionType": "FullyReplicated",
            "S3CompressionType": "None",
        },
    }


def _environment(job: Job, wording: Wording) -> dict[str, Any]:
    return {name: wording.text(value) for name, value in job.environment.items()}


def _setting(job: Job, wording: Wording, default: Any, *names: str) -> Any:
    value = job.setting(*names)
    return default if value is None else wording.setting(value)


def _instance(job: Job, wording: Wording, kind: str) -> Any:
    value = job.setting("instance_type", f"{kind}_instance_type")
    return wording.ask("instance-type", _INSTANCE) if value is None else wording.setting(value)


def _image(job: Job, wording: Wording) -> Any:
    value = job.setting("image_uri")
    return wording.ask("image-uri") if value is None else wording.setting(value)


def _role(job: Job, wording: Wording) -> Any:
    value = job.setting("role")
    return wording.ask("role-arn") if value is None else wording.setting(value)


def _code(job: Job, wording: Wording) -> Any:
    value = job.setting("code_uri")
    if value is not None:
        return wording.setting(value)
    return join("/", wording.ask("code-prefix"), written(job.entry_point))


_Form = Callable[[Job, Wording], dict[str, Any]]
_KINDS: Final[Mapping[str, tuple[str, _Form]]] = MappingProxyType(
    {
        "Processing": ("Processing", _processing),
        "Training": ("Training", _training),
        "Transform": ("Transform", _transform),
        "CreateModel": ("Model", _model),
        "RegisterModel": ("RegisterModel", _registration),
        "Lambda": ("Lambda", _lambda),
        # Steps of a company's own SDK that are processing jobs in the end.
        "CradleDataLoading": ("Processing", _processing),
        "MimsModelRegistrationProcessing": ("Processing", _processing),
    }
)
"""Every type of step that has a form here: SageMaker's word for it, and the form."""
