"""Parameter reference is part of a longer text, where it is not replaced.

`${name}` is replaced only if it is the complete value, so that the value keeps its type and every export can
express it. In a longer text, with blanks or nested, it would reach the script as it is written.

Passes:

    # registry.d/steps/scoring.yaml
    name: Scoring
    description: Score a batch.
    # registry.d/pipelines/nightly.yaml
    name: Nightly
    description: Score a batch every night.
    parameters: {table: "s3://tables/today"}
    steps:
      - {id: score, step: Scoring, config: {path: "${table}"}}

Fails:

    # registry.d/steps/scoring.yaml
    name: Scoring
    description: Score a batch.
    # registry.d/pipelines/nightly.yaml
    name: Nightly
    description: Score a batch every night.
    parameters: {bucket: tables}
    steps:
      - {id: score, step: Scoring, config: {path: "s3://${bucket}/today"}}
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from stepwell.check.pipeline_scope import PipelineScope
from stepwell.check.rule import Finding
from stepwell.model.graph.node import parameters_inside, texts_in
from stepwell.source.diagnostic import Severity
from stepwell.source.spelling import closest

ID: Final = "embedded-parameter"
SEVERITY: Final = Severity.ERROR


def check(scope: PipelineScope) -> Iterator[Finding]:
    known = scope.pipeline.parameters
    for node in scope.nodes.values():
        for pointer, text in texts_in(node.config):
            for name in parameters_inside(text):
                near = (name,) if name in known else closest(name, known)
                if near:
                    yield Finding(
                        f"`${{{name}}}` is not replaced inside a longer text",
                        scope.at(node, "config", *pointer),
                        f"make `${{{near[0]}}}` the whole value, and move the rest into the parameter",
                    )
