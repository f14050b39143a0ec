"""Property path of an output does not match the step's type.

The properties of a SageMaker step follow the responses of the SageMaker API (DescribeProcessingJob,
DescribeTrainingJob, DescribeTransformJob, DescribeModel). A processing job has
`properties.ProcessingOutputConfig.Outputs['NAME'].S3Output.S3Uri`, where NAME is an output of the step; a
training job has `properties.ModelArtifacts.S3ModelArtifacts`. For custom types only the syntax is checked:
`properties`, then names joined by dots.

Passes:

    # registry.d/steps/scoring.yaml
    name: Scoring
    sagemaker_step_type: Processing
    description: Score a batch.
    interface:
      outputs:
        scores: {property_path: "properties.ProcessingOutputConfig.Outputs['scores'].S3Output.S3Uri"}

Fails:

    # registry.d/steps/scoring.yaml
    name: Scoring
    sagemaker_step_type: Processing
    description: Score a batch.
    interface:
      outputs:
        scores: {property_path: properties.ModelArtifacts.S3ModelArtifacts}
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Final

from stepwell.check.alignment.scope import AlignmentScope, related
from stepwell.check.rule import Finding
from stepwell.source.diagnostic import Severity, Span
from stepwell.source.spelling import closest, did_you_mean

PROPERTIES: Final = {
    "Processing": (
        "ProcessingOutputConfig",
        "ProcessingJobName",
        "ProcessingJobArn",
        "ProcessingInputs",
        "ProcessingResources",
        "StoppingCondition",
        "AppSpecification",
        "Environment",
        "NetworkConfig",
        "RoleArn",
        "ExperimentConfig",
        "ProcessingJobStatus",
        "ExitMessage",
        "FailureReason",
        "ProcessingEndTime",
        "ProcessingStartTime",
        "LastModifiedTime",
        "CreationTime",
        "MonitoringScheduleArn",
        "AutoMLJobArn",
        "TrainingJobArn",
    ),
    "Training": (
        "ModelArtifacts",
        "OutputDataConfig",
        "TrainingJobName",
        "TrainingJobArn",
        "FinalMetricDataList",
        "CheckpointConfig",
        "TensorBoardOutputConfig",
        "TuningJobArn",
        "LabelingJobArn",
        "AutoMLJobArn",
        "TrainingJobStatus",
        "SecondaryStatus",
        "FailureReason",
        "HyperParameters",
        "AlgorithmSpecification",
        "RoleArn",
        "InputDataConfig",
        "ResourceConfig",
        "WarmPoolStatus",
        "VpcConfig",
        "StoppingCondition",
        "CreationTime",
        "TrainingStartTime",
        "TrainingEndTime",
        "LastModifiedTime",
        "SecondaryStatusTransitions",
        "EnableNetworkIsolation",
        "EnableInterContainerTrafficEncryption",
        "EnableManagedSpotTraining",
        "TrainingTimeInSeconds",
        "BillableTimeInSeconds",
        "DebugHookConfig",
        "ExperimentConfig",
        "DebugRuleConfigurations",
        "DebugRuleEvaluationStatuses",
        "ProfilerConfig",
        "ProfilerRuleConfigurations",
        "ProfilerRuleEvaluationStatuses",
        "ProfilingStatus",
        "Environment",
        "RetryStrategy",
        "RemoteDebugConfig",
        "InfraCheckConfig",
    ),
    "Transform": (
        "TransformOutput",
        "TransformJobName",
        "TransformJobArn",
        "ModelName",
        "TransformJobStatus",
        "FailureReason",
        "MaxConcurrentTransforms",
        "ModelClientConfig",
        "MaxPayloadInMB",
        "BatchStrategy",
        "Environment",
        "TransformInput",
        "DataCaptureConfig",
        "TransformResources",
        "CreationTime",
        "TransformStartTime",
        "TransformEndTime",
        "LabelingJobArn",
        "AutoMLJobArn",
        "DataProcessing",
        "ExperimentConfig",
    ),
    "CreateModel": (
        "ModelName",
        "ModelArn",
        "PrimaryContainer",
        "Containers",
        "InferenceExecutionConfig",
        "ExecutionRoleArn",
        "VpcConfig",
        "CreationTime",
        "EnableNetworkIsolation",
        "DeploymentRecommendation",
    ),
    "RegisterModel": (
        "ModelPackageArn",
        "ModelPackageGroupName",
        "ModelPackageName",
        "ModelPackageVersion",
        "ModelPackageDescription",
        "CreationTime",
        "InferenceSpecification",
        "SourceAlgorithmSpecification",
        "ValidationSpecification",
        "ModelPackageStatus",
        "ModelPackageStatusDetails",
        "CertifyForMarketplace",
        "ModelApprovalStatus",
        "CreatedBy",
        "MetadataProperties",
        "ModelMetrics",
        "LastModifiedTime",
        "LastModifiedBy",
        "ApprovalDescription",
        "Domain",
        "Task",
        "SamplePayloadUrl",
        "CustomerMetadataProperties",
        "DriftCheckBaselines",
        "AdditionalInferenceSpecifications",
        "SkipModelValidation",
        "SourceUri",
        "SecurityConfig",
        "ModelCard",
        "ModelLifeCycle",
    ),
    "Tuning": (
        "BestTrainingJob",
        "OverallBestTrainingJob",
        "TrainingJobSummaries",
        "HyperParameterTuningJobName",
        "HyperParameterTuningJobArn",
        "HyperParameterTuningJobConfig",
        "TrainingJobDefinition",
        "TrainingJobDefinitions",
        "HyperParameterTuningJobStatus",
        "CreationTime",
        "HyperParameterTuningEndTime",
        "LastModifiedTime",
        "TrainingJobStatusCounters",
        "ObjectiveStatusCounters",
        "WarmStartConfig",
        "Autotune",
        "FailureReason",
        "TuningJobCompletionDetails",
        "ConsumedResources",
    ),
    "Lambda": ("Outputs",),
}
"""Step type to the members of its ``Describe*`` response (SageMaker API reference: DescribeProcessingJob,
DescribeTrainingJob and so on), the most used ones first.
"""


ID: Final = "property-path-mismatch"
SEVERITY: Final = Severity.ERROR

_FORM: Final = re.compile(
    r"properties(\.[A-Za-z_][A-Za-z0-9_]*(\[('[^']*'|\"[^\"]*\"|[0-9]+)\])*)+\Z", re.ASCII
)
_FIRST: Final = re.compile(r"properties\.([A-Za-z_][A-Za-z0-9_]*)")
_OUTPUT: Final = re.compile(r"properties\.ProcessingOutputConfig\.Outputs\[(['\"])(.*?)\1\]")


def check(scope: AlignmentScope) -> Iterator[Finding]:
    outputs = scope.part("outputs")
    step_type = scope.step.sagemaker_step_type
    for name, output in outputs.items():
        path = output.get("property_path")
        fault = None if path is None else _fault(path, step_type, outputs)
        if fault:
            yield Finding(
                f"property path of output `{name}` of `{scope.step.name}` {fault[0]}",
                scope.value("outputs", name, "property_path"),
                fault[1],
                related("the step's type is set in", _type_span(scope)) if step_type else (),
            )


def _fault(path: str, step_type: str | None, outputs: Collection[str]) -> tuple[str, str | None] | None:
    if not _FORM.match(path):
        return "is not a valid property path", "write `properties`, then names joined by dots"
    first = _FIRST.match(path)
    known = PROPERTIES.get(step_type or "", ())
    if known and first is not None and first[1] not in known:
        near = closest(first[1], known)
        hint = did_you_mean(near) or f"begin with a property such as {' or '.join(known[:2])}"
        return f"begins with `{first[1]}`, which is not a property of {step_type} steps", hint
    output = _OUTPUT.match(path)
    if step_type == "Processing" and output is not None and output[2] not in outputs:
        near = closest(output[2], outputs)
        hint = did_you_mean(near) or "write the name of an output"
        return f"refers to `{output[2]}`, which is not an output of the step", hint
    return None


def _type_span(scope: AlignmentScope) -> Span:
    for source in scope.step.sources:
        if source.document.data.get("sagemaker_step_type") is not None:
            return source.document.value_span(("sagemaker_step_type",))
    return scope.name_span
