"""`[[freeze]]` table refers to an unknown step or workspace, or has an invalid or shared path.

The names in `first` must be steps or hyperparameter classes of the frozen view: an unknown name would
shift all later rows of the legacy table. `workspace` is empty, `all`, or a workspace of the project. Each
path of `output` and `alias` ends with `.py` (a module) or `/` (a package), is used once, and an alias has the
form of its output. A single module contains the table of steps, so it must not be named like another module
of a package, such as `hyperparameter_registry.py`.

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
from stepwell.model.settings import PACKAGE_MODULES, RESERVED_ID, VARIANTS_MODULE, FreezeTarget
from stepwell.source.diagnostic import Related, Severity, Span
from stepwell.source.document import Document, Pointer
from stepwell.source.spelling import closest, did_you_mean, respelled

ID: Final = "freeze-target"
SEVERITY: Final = Severity.ERROR


def check(scope: FreezeScope) -> Iterator[Finding]:
    spans: dict[str, Span] = {}
    for place, target in enumerate(scope.settings.freeze):
        pointer = (*scope.prefix, "freeze", place)
        ending = "/" if target.output.endswith("/") else ".py"
        for key, path in ((("output",), target.output), *_aliases(target)):
            span = scope.config.value_span((*pointer, *key))
            first = spans.setdefault(path, span)
            if first is not span:
                yield Finding(
                    f"two `[[freeze]]` tables write `{path}`",
                    span,
                    "use a different output file for each table",
                    (Related("the first is in", first),),
                )
            module = path.rpartition("/")[2].removesuffix(".py")
            if module in (*PACKAGE_MODULES, VARIANTS_MODULE):
                yield Finding(
                    f"`{path}` would contain the table of steps, but importers of `{module}` expect another "
                    "module",
                    span,
                    "freeze a package, which contains it: write the folder, with `/` at the end",
                )
            if not path.endswith(ending):
                wanted = (
                    f"`{ending}` like `output`"
                    if key[0] == "alias"
                    else "`.py` (a module) or `/` (a package)"
                )
                yield Finding(f"`{path}` must end with {wanted}", span, "add it to the path")
        if target.workspace in ("", RESERVED_ID) or target.workspace in scope.names:
            yield from _unknown_steps(scope.config, pointer, target, scope.names.get(target.workspace))
        else:
            near = closest(target.workspace, [workspace for workspace in scope.names if workspace])
            span = scope.config.value_span((*pointer, "workspace"))
            yield Finding(
                f"unknown workspace `{target.workspace}`",
                span,
                did_you_mean(near) or "remove it for the core, or write `all`",
                fix=respelled(span, target.workspace, [name for name in scope.names if name]),
            )


def _aliases(target: FreezeTarget) -> Iterator[tuple[Pointer, str]]:
    yield from ((("alias", at), alias) for at, alias in enumerate(target.alias))


def _unknown_steps(
    config: Document, pointer: Pointer, target: FreezeTarget, names: Collection[str] | None
) -> Iterator[Finding]:
    for place, name in enumerate(target.first if names is not None else ()):
        if names is not None and name not in names:
            near = closest(name, names)
            span = config.value_span((*pointer, "first", place))
            yield Finding(
                f"unknown step `{name}` in `first`",
                span,
                did_you_mean(near) or "remove it, or fix the definition of the step",
                fix=respelled(span, name, names),
            )
