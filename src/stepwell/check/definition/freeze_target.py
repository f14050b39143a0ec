"""A `[[freeze]]` table says what exists.

The names in `first` are steps of the frozen view: a name that is no step there would silently move
every later row of the legacy table. `workspace` is empty, `all`, or a workspace of the project; and
two tables never write the same file.

Passes:

    # stepwell.toml
    [[freeze]]
    output = "generated/step_names.py"
    first = ["Scoring"]
    # registry.d/steps/scoring.yaml
    name: Scoring
    description: Score a batch.

Fails:

    # stepwell.toml
    [[freeze]]
    output = "generated/step_names.py"
    first = ["Skoring"]
    # registry.d/steps/scoring.yaml
    name: Scoring
    description: Score a batch.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from stepwell.check.rule import Finding, FreezeScope
from stepwell.model.settings import RESERVED_ID, FreezeTarget
from stepwell.source.diagnostic import Related, Severity
from stepwell.source.document import Document, Pointer
from stepwell.source.spelling import closest, did_you_mean

ID: Final = "freeze-target"
SEVERITY: Final = Severity.ERROR


def check(scope: FreezeScope) -> Iterator[Finding]:
    """Hold each table against the steps and the workspaces that there are, and against the others."""
    places: dict[str, Pointer] = {}
    for place, target in enumerate(scope.settings.freeze):
        pointer = (*scope.prefix, "freeze", place)
        first = places.setdefault(target.output, pointer)
        if first is not pointer:
            yield Finding(
                f"`{target.output}` is written by two tables",
                scope.config.value_span((*pointer, "output")),
                "give each its own output",
                (Related("the first is", scope.config.value_span((*first, "output"))),),
            )
        if target.workspace in ("", RESERVED_ID) or target.workspace in scope.steps:
            yield from _unknown_steps(scope.config, pointer, target, scope.steps.get(target.workspace))
        else:
            near = closest(target.workspace, [one for one in scope.steps if one])
            yield Finding(
                f"there is no workspace `{target.workspace}`",
                scope.config.value_span((*pointer, "workspace")),
                did_you_mean(near) or "leave it out for the core, or write `all`",
            )


def _unknown_steps(
    config: Document, pointer: Pointer, target: FreezeTarget, steps: Collection[str] | None
) -> Iterator[Finding]:
    for place, name in enumerate(target.first if steps is not None else ()):
        if steps is not None and name not in steps:
            near = closest(name, steps)
            yield Finding(
                f"there is no step `{name}` to put first",
                config.value_span((*pointer, "first", place)),
                did_you_mean(near) or "remove it, or mend the step that it names",
            )
