"""A pipeline as a SageMaker pipeline definition, version 2020-12-01, as ``create_pipeline`` takes it.

Nobody is asked, so what only an account knows is a parameter of the pipeline that is made: ``role-arn``,
``output-prefix``, ``code-prefix`` and ``image-uri`` have no default and are given when it is started. Their
names have a ``-``, which no parameter of a definition can have.
"""

from __future__ import annotations

import json

from stepwell.model.graph import Pipeline
from stepwell.pipelines.exporters.jobs import jobs_of
from stepwell.pipelines.exporters.sagemaker.requests import request_of
from stepwell.pipelines.exporters.sagemaker.wording import Wording
from stepwell.source.diagnostic import Checked

__all__ = ["export"]

_EXPERIMENT = {
    "ExperimentName": {"Get": "Execution.PipelineName"},
    "TrialName": {"Get": "Execution.PipelineExecutionId"},
}


def export(pipeline: Pipeline) -> Checked[str]:
    """The definition as JSON.

    Args:
        pipeline: a graph whose inputs are connected.

    Returns:
        The text, and an error for every step that SageMaker cannot run as it is; the text is of use only
        without one.
    """
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
    return Checked(json.dumps(definition, indent=2) + "\n", tuple(wording.found))
