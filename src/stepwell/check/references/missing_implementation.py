"""What runs a step is where its definition says.

`implementation` names a Python file inside the project and a name in it, `path/to/file.py:Name`, or a
module and a name in it, `package.module:Name`. In a workspace's layers the path is relative to the
workspace's folder, in the core to the project; a module is looked for in the workspace's `src/`, then in the
folders of `[components] source`, then among what is installed. Files are parsed, and no Python is run.
Whether what is there can run a step is known when it is loaded; `stepwell.testing.check_step_type` tells.

Passes:

    # stepwell.toml
    [references]
    source = ["src"]
    # src/steps/summarize.py
    def summarize(parameters, context):
        return parameters["text"][:100]
    # registry.d/steps/summarize.yaml
    name: Summarize
    description: Say it in fewer words.
    implementation: src/steps/summarize.py:summarize

Fails:

    # stepwell.toml
    [references]
    source = ["src"]
    # src/steps/summarize.py
    def summarize(parameters, context):
        return parameters["text"][:100]
    # registry.d/steps/summarize.yaml
    name: Summarize
    description: Say it in fewer words.
    implementation: src/steps/summarize.py:sumarize
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from stepwell.check.rule import Finding, ReferenceScope
from stepwell.model.component import ComponentState
from stepwell.source.diagnostic import Severity

ID: Final = "missing-implementation"
SEVERITY: Final = Severity.ERROR


def check(scope: ReferenceScope) -> Iterator[Finding]:
    """Find the declarations that lead nowhere."""
    for step, component in scope.implementations:
        span = component.declared_at
        if component.state is ComponentState.MISSING and span is not None:
            message = f"what runs `{step.name}` is not there: {component.fault}"
            yield Finding(message, span, component.help)
