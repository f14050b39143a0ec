"""Pipeline step configures a key that its step does not read.

A key of `config` sets an argument or environment variable of the step's `interface`, a parameter in its
`parameters`, or a setting of an export such as `instance_type`. Other keys are ignored by a run, so they are
most often misspelt. Steps without `interface` are not checked.

Passes:

    # registry.d/steps/scoring.yaml
    name: Scoring
    description: Score a batch.
    interface:
      entry_point: scoring.py
      env: {optional: {THRESHOLD: "0.5"}}
    # registry.d/pipelines/nightly.yaml
    name: Nightly
    description: Score a batch every night.
    steps:
      - {id: score, step: Scoring, config: {threshold: 0.9}}

Fails:

    # registry.d/steps/scoring.yaml
    name: Scoring
    description: Score a batch.
    interface:
      entry_point: scoring.py
      env: {optional: {THRESHOLD: "0.5"}}
    # registry.d/pipelines/nightly.yaml
    name: Nightly
    description: Score a batch every night.
    steps:
      - {id: score, step: Scoring, config: {treshold: 0.9}}
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from stepwell.check.pipeline_scope import PipelineScope
from stepwell.check.rule import Finding
from stepwell.model import StepDefinition
from stepwell.model.graph.job_settings import SETTINGS, configurable
from stepwell.source.diagnostic import Severity
from stepwell.source.spelling import closest, did_you_mean, respelled

ID: Final = "unknown-config-key"
SEVERITY: Final = Severity.WARNING


def check(scope: PipelineScope) -> Iterator[Finding]:
    for node in scope.nodes.values():
        step = node.definition
        if step is None or step.interface is None or not node.stated:
            continue
        known = _known(step)
        for key in node.config if known else ():
            if key not in known and key not in SETTINGS:
                near = closest(key, (*known, *SETTINGS))
                keys = ", ".join(f"`{name}`" for name in known)
                fix = respelled(scope.at(node, "config", key, key=True), key, (*known, *SETTINGS))
                yield Finding(
                    f"`{step.name}` does not read the configuration `{key}`",
                    scope.at(node, "config", key),
                    did_you_mean(near) or f"it reads {keys}",
                    fix=fix,
                )


def _known(step: StepDefinition) -> tuple[str, ...]:
    parameters = step.parameters or {}
    declared = (
        *(parameters.get("properties") or ()),
        *(parameters.get("required_fields") or ()),
        *(parameters.get("optional_fields") or ()),
    )
    return tuple(dict.fromkeys((*configurable(step.interface or {}), *declared)))
