"""Builder does not derive from the required base class.

`[references] builder_base` in `stepwell.toml` names the base class, optionally with its module. The chain of
bases is resolved through the sources, including imports, aliases, relative imports, packages and generics. A
class outside the sources counts as derived if it has the name of the base class or matches a pattern of
`[references] external`. Reported by `stepwell check --references` and by level 4 of `stepwell align`. No
Python is run.

Passes:

    # stepwell.toml
    [references]
    builder_base = "StepBuilderBase"
    external = ["*Config"]
    # src/builders.py
    class StepBuilderBase:
        pass

    class ScoringStepBuilder(StepBuilderBase):
        pass
    # registry.d/steps/scoring.yaml
    name: Scoring
    sagemaker_step_type: Processing
    description: Score a batch.

Fails:

    # stepwell.toml
    [references]
    builder_base = "StepBuilderBase"
    external = ["*Config"]
    # src/builders.py
    class StepBuilderBase:
        pass

    class ScoringStepBuilder:
        pass
    # registry.d/steps/scoring.yaml
    name: Scoring
    sagemaker_step_type: Processing
    description: Score a batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from stepwell.check.alignment.scope import AlignmentScope, Stray, stated
from stepwell.check.rule import Finding, ReferenceScope
from stepwell.model import StepDefinition
from stepwell.source.diagnostic import Related, Severity, Span

if TYPE_CHECKING:
    from stepwell.source.python import Defined, Lineage, Lost

ID: Final = "builder-base"
SEVERITY: Final = Severity.ERROR


def check(scope: ReferenceScope) -> Iterator[Finding]:
    from stepwell.source.python import Lineage, matches

    table = scope.references_table
    if not table.builder_base:
        return
    lineage = Lineage(scope.sees, table.builder_base, table.external)
    for reference in scope.named("builder_step_name"):
        if matches(reference.name, table.external):
            continue
        for place in scope.sees.classes(reference.name):
            stray = stray_of(scope.root, lineage, table.builder_base, place)
            if stray is not None:
                yield _finding(stray, reference.span, "" if reference.stated else reference.definition.name)
                break
    for _, part in scope.components:
        place_of_part = part.place
        if part.kind != "builder" or part.declared_at is None or place_of_part is None:
            continue
        defined = scope.sees.class_at(place_of_part.path, place_of_part.name or "")
        stray = None if defined is None else stray_of(scope.root, lineage, table.builder_base, defined)
        if stray is not None:
            yield _finding(stray, part.declared_at, "")


def check_step(scope: AlignmentScope) -> Iterator[Finding]:
    if scope.builder is not None and scope.builder.stray is not None:
        by_name = not _is_stated(scope.step)
        span = stated(scope, "builder", "builder_step_name")
        yield _finding(scope.builder.stray, span, scope.step.name if by_name else "")


def stray_of(root: str, lineage: Lineage, base: str, place: Defined) -> Stray | None:
    """Return where the chain of bases ends without the base, or ``None`` if the class derives from it."""
    from stepwell.source.python import place_of

    ends = lineage.lost(place)
    if not ends:
        return None
    related = [Related("defined in", place_of(root, place))]
    if ends[0].by != place:
        related.append(Related("its chain of bases ends in", place_of(root, ends[0].by)))
    return Stray(place.outline.name, base, _help(ends[0], place, base), tuple(related))


def _finding(stray: Stray, span: Span, by_convention_of: str) -> Finding:
    by = f" (by convention the builder of `{by_convention_of}`)" if by_convention_of else ""
    return Finding(
        f"builder `{stray.name}`{by} does not derive from `{stray.base}`", span, stray.help, stray.related
    )


def _is_stated(step: StepDefinition) -> bool:
    return "builder_step_name" in step.data or "builder" in (step.components or ())


def _help(end: Lost, start: Defined, base: str) -> str:
    last = end.by.outline
    if end.outside:
        return (
            f"`{last.name}` derives from `{end.outside}`, which is outside the sources: add it to "
            f"`[references] external` if it derives from `{base}`"
        )
    if end.base:
        return f"the base `{end.base}` of `{last.name}` is neither defined nor imported in its file"
    if last.bases:
        return f"a base of `{last.name}` is an expression that cannot be resolved without running it"
    if end.by == start:
        return f"derive it from `{base.rpartition('.')[2]}`"
    return f"`{last.name}`, at the end of its chain, has no base"
