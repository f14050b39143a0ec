"""Implementation of a step does not exist.

`implementation` is a file and a name, `path/to/file.py:Name`, or a module and a name, `package.module:Name`.
In a workspace, the path is relative to the workspace's folder; in the core, to the project. Modules are
searched in the workspace's `src/`, in the folders of `[components] source`, and among installed packages.
Files are parsed but not run. To verify that an implementation can run a step, use
`stepwell.testing.check_step_type`.

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
    for step, component in scope.implementations:
        span = component.declared_at
        if component.state is ComponentState.MISSING and span is not None:
            message = f"implementation of `{step.name}` does not exist: {component.fault}"
            yield Finding(message, span, component.help)
