"""Pipeline step does not set a required argument or environment variable.

The step's `interface` declares the argument or variable as required and without a default, so a run is
rejected. Set the key named in the help in the step's `config`.

Passes:

    # registry.d/steps/scoring.yaml
    name: Scoring
    description: Score a batch.
    interface:
      entry_point: scoring.py
      env: {required: [MODEL_NAME]}
    # registry.d/pipelines/nightly.yaml
    name: Nightly
    description: Score a batch every night.
    steps:
      - {id: score, step: Scoring, config: {model_name: trees}}

Fails:

    # registry.d/steps/scoring.yaml
    name: Scoring
    description: Score a batch.
    interface:
      entry_point: scoring.py
      env: {required: [MODEL_NAME]}
    # registry.d/pipelines/nightly.yaml
    name: Nightly
    description: Score a batch every night.
    steps:
      - {id: score, step: Scoring}
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from stepwell.check.pipeline_scope import PipelineScope
from stepwell.check.rule import Finding
from stepwell.model.graph.job_settings import missing_settings
from stepwell.source.diagnostic import Severity

ID: Final = "missing-setting"
SEVERITY: Final = Severity.ERROR


def check(scope: PipelineScope) -> Iterator[Finding]:
    for node in scope.nodes.values():
        if node.definition is None or node.definition.interface is None:
            continue
        config = dict(node.config) if node.job_type is None else {**node.config, "job_type": node.job_type}
        for label, key in missing_settings(node.definition.interface, config):
            yield Finding(
                f"`{node.definition.name}` requires a value for the {label}",
                scope.at(node, "config"),
                f"add `{key}` to the step's `config`",
            )
