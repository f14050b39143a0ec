"""Write the goldens beside this file: what the SageMaker SDK for Python renders for some small pipelines.

Run by `make sagemaker`, in an environment of its own: the SDK is large and no dependency of Stepwell. It
asks nobody and needs no credentials. `tests/contracts/test_export_sagemaker.py` exports the same pipelines
and compares.
"""

from __future__ import annotations

import json
import logging
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ["SAGEMAKER_SUPPRESS_V2_WARNING"] = "1"
warnings.simplefilter("ignore")

import boto3  # noqa: E402
import sagemaker  # noqa: E402
from sagemaker.estimator import Estimator  # noqa: E402
from sagemaker.inputs import CreateModelInput, TrainingInput  # noqa: E402
from sagemaker.lambda_helper import Lambda  # noqa: E402
from sagemaker.model import Model  # noqa: E402
from sagemaker.processing import ProcessingInput, ProcessingOutput, ScriptProcessor  # noqa: E402
from sagemaker.transformer import Transformer  # noqa: E402
from sagemaker.workflow.execution_variables import ExecutionVariables  # noqa: E402
from sagemaker.workflow.functions import Join  # noqa: E402
from sagemaker.workflow.lambda_step import LambdaOutput, LambdaOutputTypeEnum, LambdaStep  # noqa: E402
from sagemaker.workflow.model_step import ModelStep  # noqa: E402
from sagemaker.workflow.parameters import (  # noqa: E402
    ParameterBoolean,
    ParameterFloat,
    ParameterInteger,
    ParameterString,
)
from sagemaker.workflow.pipeline import Pipeline  # noqa: E402
from sagemaker.workflow.pipeline_context import PipelineSession  # noqa: E402
from sagemaker.workflow.steps import CreateModelStep, ProcessingStep, TrainingStep, TransformStep  # noqa: E402

IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/steps:1"
ROLE = "arn:aws:iam::123456789012:role/pipelines"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:prepare"
PREFIX = ParameterString("output-prefix")
ROWS = ParameterString("rows")
QUIET = {"SchemaVersion": "1.0", "SageMaker": {"PythonSDK": {"Modules": {"TelemetryOptOut": True}}}}


def session() -> PipelineSession:
    """A session that asks nobody: no account, no bucket, no telemetry."""
    keys = {"aws_access_key_id": "none", "aws_secret_access_key": "none"}
    made = PipelineSession(boto_session=boto3.Session(region_name="us-east-1", **keys))
    made.sagemaker_config = QUIET
    made.account_id = lambda: "123456789012"
    made.default_bucket = lambda: "bucket"
    return made


def output(*below: str) -> Join:
    return Join(on="/", values=[PREFIX, ExecutionVariables.PIPELINE_EXECUTION_ID, *below])


def processing(used: PipelineSession, **said: Any) -> ProcessingStep:
    settings = {"image_uri": IMAGE, "role": ROLE, "instance_type": "ml.m5.2xlarge", "instance_count": 2}
    settings |= {"volume_size_in_gb": 50, "max_runtime_in_seconds": 3600, "env": {"LABEL_FIELD": "label"}}
    processor = ScriptProcessor(command=["python3"], sagemaker_session=used, **(settings | said))
    path = "/opt/ml/processing"
    return ProcessingStep(
        "prepare",
        description="Split a table.",
        step_args=processor.run(
            code="s3://bucket/code/prepare.py",
            inputs=[ProcessingInput(input_name="DATA", source=ROWS, destination=f"{path}/input/data")],
            outputs=[
                ProcessingOutput(
                    output_name="processed_data",
                    source=f"{path}/output",
                    destination=output("prepare", "processed_data"),
                )
            ],
            arguments=["--job_type", "training"],
        ),
    )


def training(used: PipelineSession, before: ProcessingStep, **said: Any) -> TrainingStep:
    data = before.properties.ProcessingOutputConfig.Outputs["processed_data"].S3Output.S3Uri
    settings = {"image_uri": IMAGE, "role": ROLE, "instance_type": "ml.m5.xlarge", "instance_count": 1}
    estimator = Estimator(output_path=output("train"), sagemaker_session=used, **(settings | said))
    channels = {name: TrainingInput(Join(on="/", values=[data, name])) for name in ("train", "val")}
    return TrainingStep("train", description="Fit a model.", step_args=estimator.fit(inputs=channels))


def pipelines(used: PipelineSession) -> Iterator[tuple[str, list[Any], list[Any]]]:
    """The name of each golden, its parameters and its steps."""
    yield "processing", [ROWS, PREFIX], [processing(used)]

    role, image = ParameterString("role-arn"), ParameterString("image-uri")
    instance = ParameterString("instance-type", default_value="ml.m5.xlarge")
    asked = {"role": role, "image_uri": image, "instance_type": instance, "instance_count": 1, "env": None}
    said = {**asked, "volume_size_in_gb": 30, "max_runtime_in_seconds": None}
    yield "processing-that-asks", [ROWS, PREFIX, role, image, instance], [processing(used, **said)]

    prepare = processing(used)
    eta, depth = ParameterFloat("eta", default_value=0.3), ParameterInteger("depth", default_value=6)
    noisy = ParameterBoolean("noisy", default_value=True)
    hyperparameters = {"eta": eta.to_string(), "depth": depth.to_string(), "objective": "binary:logistic"}
    train = training(used, prepare, hyperparameters=hyperparameters, environment={"NOISY": noisy.to_string()})
    yield "training", [ROWS, eta, depth, noisy, PREFIX], [prepare, train]

    prepare = processing(used)
    script = {"entry_point": "train.py", "source_dir": "s3://bucket/code/source.tar.gz"}
    train = training(used, prepare, hyperparameters={"rounds": "10", "job_type": "training"}, **script)
    yield "training-with-a-script", [ROWS, PREFIX], [prepare, train]

    prepare = processing(used)
    train = training(used, prepare, hyperparameters={})
    artifacts = train.properties.ModelArtifacts.S3ModelArtifacts
    container = {"image_uri": IMAGE, "model_data": artifacts, "role": ROLE, "env": {"WORKERS": "2"}}
    model = Model(sagemaker_session=used, **container)
    created = CreateModelStep("model", model=model, inputs=CreateModelInput(), description="Create a model.")
    transformer = Transformer(
        model_name=created.properties.ModelName,
        instance_count=1,
        instance_type="ml.m5.xlarge",
        output_path=output("score"),
        assemble_with="Line",
        accept="text/csv",
        sagemaker_session=used,
    )
    data = prepare.properties.ProcessingOutputConfig.Outputs["processed_data"].S3Output.S3Uri
    score = TransformStep(
        "score",
        description="Score a table.",
        depends_on=["train"],
        step_args=transformer.transform(data=data, content_type="text/csv", split_type="Line"),
    )
    yield "model-and-transform", [ROWS, PREFIX], [prepare, train, created, score]

    prepare = processing(used)
    train = training(used, prepare, hyperparameters={})
    artifacts = train.properties.ModelArtifacts.S3ModelArtifacts
    model = Model(image_uri=IMAGE, model_data=artifacts, role=ROLE, env={}, sagemaker_session=used)
    register = ModelStep(
        "catalog",
        description="Register a model.",
        step_args=model.register(
            content_types=["text/csv"],
            response_types=["text/csv"],
            inference_instances=["ml.m5.large"],
            transform_instances=["ml.m5.xlarge"],
            model_package_group_name="fraud",
            approval_status="Approved",
        ),
    )
    yield "registration", [ROWS, PREFIX], [prepare, train, register]

    step = LambdaStep(
        "hyperparameters",
        description="Write hyperparameters.",
        lambda_func=Lambda(function_arn=FUNCTION, session=used),
        inputs={"rows": ROWS, "depth": "6"},
        outputs=[LambdaOutput("hyperparameters_s3_uri", LambdaOutputTypeEnum.String)],
    )
    prepare = processing(used)
    told = step.properties.Outputs["hyperparameters_s3_uri"]
    estimator = Estimator(
        image_uri=IMAGE,
        role=ROLE,
        instance_type="ml.m5.xlarge",
        instance_count=1,
        output_path=output("train"),
        sagemaker_session=used,
    )
    fitted = estimator.fit(inputs={"hyperparameters": TrainingInput(told)})
    yield (
        "lambda",
        [ROWS, PREFIX],
        [step, TrainingStep("train", description="Fit a model.", step_args=fitted)],
    )


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    for name, parameters, steps in pipelines(session()):
        pipeline = Pipeline(name, parameters=parameters, steps=steps, sagemaker_session=session())
        rendered = {
            "made_by": f"sagemaker {sagemaker.__version__}",
            "definition": json.loads(pipeline.definition()),
        }
        file = Path(__file__).with_name(f"{name}.json")
        file.write_text(json.dumps(rendered, indent=2) + "\n", encoding="utf-8")
        print(f"wrote {file.name}")  # noqa: T201
