"""A component that a step declares is where the step says.

`components` names a Python file inside the project and, but for a script, a class, function or value in
it: `path/to/file.py:Name`. In a workspace's layers the path is relative to the workspace's folder, and
leads to a file of its own; in the core it is relative to the project. The file is parsed, and no Python
is run. Whether a name inside a class exists is known only when it is loaded.

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
    """Find the declarations that lead nowhere."""
    for step, component in scope.components:
        span = component.declared_at
        if component.state is ComponentState.MISSING and span is not None:
            message = f"the {component.kind} of `{step.name}` is not there: {component.fault}"
            yield Finding(message, span, component.help)
