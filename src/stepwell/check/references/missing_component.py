"""Declared component of a step does not exist.

An entry of `components` is a Python file in the project and, except for scripts, a class, function or value
in it: `path/to/file.py:Name`. In a workspace, the path is relative to the workspace's folder; in the core, to
the project. The file is parsed but not run, so names inside a class are only checked when the component is
loaded.

Passes:

    # stepwell.toml
    [references]
    source = ["src"]
    # src/building/scoring.py
    class ScoringBuilder:
        pass
    # src/configs.py
    class ScoringConfig:
        threshold: float = 0.5
    # registry.d/steps/scoring.yaml
    name: Scoring
    description: Score a batch.
    components:
      builder: src/building/scoring.py:ScoringBuilder
      config: src/configs.py:ScoringConfig

Fails:

    # stepwell.toml
    [references]
    source = ["src"]
    # src/building/scoring.py
    class ScoringBuilder:
        pass
    # registry.d/steps/scoring.yaml
    name: Scoring
    description: Score a batch.
    components:
      builder: src/building/scoring.py:ScoringBilder
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from stepwell.check.rule import Finding, ReferenceScope
from stepwell.model.component import ComponentState
from stepwell.source.diagnostic import Severity

ID: Final = "missing-component"
SEVERITY: Final = Severity.ERROR


def check(scope: ReferenceScope) -> Iterator[Finding]:
    for step, component in scope.components:
        span = component.declared_at
        if component.state is ComponentState.MISSING and span is not None:
            message = f"{component.kind} of `{step.name}` does not exist: {component.fault}"
            yield Finding(message, span, component.help)
