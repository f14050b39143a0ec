"""Exports a pipeline as a SageMaker pipeline definition, with a request per step type.

Defaults match the SageMaker Python SDK, whose output the tests compare.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from stepwell.model.graph import Pipeline
from stepwell.source.diagnostic import Checked
from stepwell.write.export.jobs import Input, Job, cannot, jobs_of, written
from stepwell.write.export.sagemaker_settings import (
    INSTANCE,
    Wording,
    environment,
    fed,
    image,
    instance,
    join,
    role,
    setting,
    training,
)

__all__ = [
    "export",
    "request_of",
]


_CODE: Final = "/opt/ml/processing/input/code"
_VOLUME: Final = 30  # GB


def request_of(job: Job, wording: Wording) -> dict[str, Any] | None:
    """Return the request of a step; ``None`` for an unsupported type."""
    kind = job.definition.sagemaker_step_type or ""
    if kind not in _KINDS:
        known = ", ".join(_KINDS)
        unsupported = f"of type `{kind}`, which SageMaker pipelines do not support"
        reason = unsupported if kind else "without a `sagemaker_step_type`"
        why = f"uses `{job.definition.name}` {reason}"
        wording.findings.append(cannot(job.node, why, f"supported types: {known}"))
        return None
    word, form = _KINDS[kind]
    step = {"Name": wording.name(job), "Type": word, **form(job, wording)}
    if job.node.depends_on:
        step["DependsOn"] = list(job.node.depends_on)
    step["Description"] = job.definition.description
    return step


def _processing(job: Job, wording: Wording) -> dict[str, Any]:
    inputs = [
        _local(item.name, {"S3Uri": uri}, item.path)
        for item, uri in fed(job, wording)
        if _has_path(job, item, wording)
    ]
    application: dict[str, Any] = {"ImageUri": image(job, wording)}
    if job.arguments:
        flat = (part for pair in job.arguments for part in pair)
        application["ContainerArguments"] = [wording.text(item) for item in flat]
    if job.entry_point is not None:
        script = job.entry_point.rpartition("/")[2]
        application["ContainerEntrypoint"] = ["python3", f"{_CODE}/{script}"]
        inputs.append(_local("code", {"S3Uri": _code(job, wording)}, _CODE))
    cluster = {
        "InstanceType": instance(job, wording, "processing"),
        "InstanceCount": setting(job, wording, 1, "instance_count", "processing_instance_count"),
        "VolumeSizeInGB": setting(job, wording, _VOLUME, "volume_size", "processing_volume_size"),
    }
    request: dict[str, Any] = {
        "ProcessingResources": {"ClusterConfig": cluster},
        "AppSpecification": application,
        "RoleArn": role(job, wording),
    }
    if inputs:
        request["ProcessingInputs"] = inputs
    outputs = [
        {
            "OutputName": output.name,
            "AppManaged": False,
            "S3Output": {
                "S3Uri": wording.output(job, output.name),
                "LocalPath": output.path,
                "S3UploadMode": "EndOfJob",
            },
        }
        for output in job.outputs.values()
        if output.path is not None
    ]
    if outputs:
        request["ProcessingOutputConfig"] = {"Outputs": outputs}
    if job.environment:
        request["Environment"] = environment(job, wording)
    seconds = setting(job, wording, None, "max_runtime_seconds")
    if seconds is not None:
        request["StoppingCondition"] = {"MaxRuntimeInSeconds": seconds}
    return {"Arguments": request}


def _model(job: Job, wording: Wording) -> dict[str, Any]:
    request = {"ExecutionRoleArn": role(job, wording), "PrimaryContainer": _container(job, wording)}
    return {"Arguments": request}


def _registration(job: Job, wording: Wording) -> dict[str, Any]:
    inference: dict[str, Any] = {"Containers": [_container(job, wording)]}
    for word, names, default in (
        ("SupportedContentTypes", "content_types", ("text/csv",)),
        ("SupportedResponseMIMETypes", "response_types", ("text/csv",)),
        ("SupportedRealtimeInferenceInstanceTypes", "inference_instances", ()),
        ("SupportedTransformInstanceTypes", "transform_instances", (INSTANCE,)),
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
            "ModelApprovalStatus": setting(job, wording, "PendingManualApproval", "approval_status"),
            "SkipModelValidation": "None",
        }
    }


def _container(job: Job, wording: Wording) -> dict[str, Any]:
    """Return the container of a model: image and artifacts."""
    given = list(fed(job, wording))
    data = [uri for item, uri in given if item.type == "model_artifacts"] or [uri for _, uri in given]
    if len(data) != 1:
        counted = "none" if not data else "several"
        why = f"must have exactly one input with model artifacts, got {counted}"
        wording.findings.append(cannot(job.node, why, "set `type: model_artifacts` for one input"))
    return {
        "Image": image(job, wording),
        "Environment": environment(job, wording),
        "ModelDataUrl": data[0] if data else "",
    }


def _transform(job: Job, wording: Wording) -> dict[str, Any]:
    names: list[Any] = []
    rows: list[Any] = []
    for item, uri in fed(job, wording):
        (names if item.name == "model_name" else rows).append(uri)
    if len(names) != 1 or len(rows) != 1:
        why = "must have exactly the inputs `model_name` and one for the data"
        wording.findings.append(cannot(job.node, why))
    data: dict[str, Any] = {
        "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": rows[0] if rows else ""}}
    }
    out: dict[str, Any] = {"S3OutputPath": wording.output(job)}
    for holder, word, name in (
        (data, "ContentType", "content_type"),
        (data, "SplitType", "split_type"),
        (out, "Accept", "accept"),
        (out, "AssembleWith", "assemble_with"),
    ):
        value = job.setting(name)
        if value is not None:
            holder[word] = wording.setting(value)
    request = {
        "ModelName": names[0] if names else "",
        "TransformInput": data,
        "TransformOutput": out,
        "TransformResources": {
            "InstanceType": instance(job, wording, "transform"),
            "InstanceCount": setting(job, wording, 1, "instance_count", "transform_instance_count"),
        },
    }
    return {"Arguments": request}


def _lambda(job: Job, wording: Wording) -> dict[str, Any]:
    arn = job.setting("function_arn")
    given = {flag.lstrip("-"): wording.text(value) for flag, value in job.arguments}
    step: dict[str, Any] = {
        "Arguments": {**{item.name: uri for item, uri in fed(job, wording)}, **given},
        "FunctionArn": wording.ask(f"function-of-{job.id}") if arn is None else wording.setting(arn),
        "OutputParameters": [{"OutputName": name, "OutputType": "String"} for name in job.outputs],
    }
    return step


def _has_path(job: Job, channel: Input, wording: Wording) -> bool:
    if channel.path is None:
        why = f"reads `{channel.name}`, which has no `path` in the interface"
        wording.findings.append(cannot(job.node, why))
    return channel.path is not None


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


def _code(job: Job, wording: Wording) -> Any:
    value = job.setting("code_uri")
    if value is not None:
        return wording.setting(value)
    return join("/", wording.ask("code-prefix"), written(job.bundle or job.entry_point))


_Form = Callable[[Job, Wording], dict[str, Any]]
_KINDS: Final[Mapping[str, tuple[str, _Form]]] = MappingProxyType(
    {
        "Processing": ("Processing", _processing),
        "Training": ("Training", training),
        "Transform": ("Transform", _transform),
        "CreateModel": ("Model", _model),
        "RegisterModel": ("RegisterModel", _registration),
        "Lambda": ("Lambda", _lambda),
        # Steps of in-house SDKs that are processing jobs.
        "CradleDataLoading": ("Processing", _processing),
        "MimsModelRegistrationProcessing": ("Processing", _processing),
    }
)
"""SageMaker type and request builder by step type."""


_EXPERIMENT = {
    "ExperimentName": {"Get": "Execution.PipelineName"},
    "TrialName": {"Get": "Execution.PipelineExecutionId"},
}


def export(pipeline: Pipeline) -> Checked[str]:
    """Return the pipeline definition as JSON and findings; the text is valid only without errors."""
    planned = jobs_of(pipeline)
    wording = Wording(pipeline, planned.value, list(planned.diagnostics))
    steps = [step for job in planned.value if (step := request_of(job, wording)) is not None]
    definition = {
        "Version": "2020-12-01",
        "Metadata": {},
        "Parameters": wording.parameters(),
        "PipelineExperimentConfig": _EXPERIMENT,
        "Steps": steps,
    }
    return Checked(json.dumps(definition, indent=2) + "\n", tuple(wording.findings))
