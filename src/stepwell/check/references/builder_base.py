"""A builder derives from the class that the project says.

`[references] builder_base` in `stepwell.toml` names the class, alone or dotted with its module. Its
chain of bases is followed through the sources: through imports, other names, relative imports,
packages and generics. Where it leaves the sources it counts as derived when the class there has the
name of the base, or fits a pattern of `[references] external`. `stepwell check --references` and level 4 of
`stepwell align` look for it. No Python is run.

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
    """Find the builders whose every chain ends without the base."""
    from stepwell.source.python import Lineage, matches

    table = scope.references_table
    if not table.builder_base:
        return
    lineage = Lineage(scope.sees, table.builder_base, table.external)
    for one in scope.named("builder_step_name"):
        if matches(one.name, table.external):
            continue
        for place in scope.sees.classes(one.name):
            stray = stray_of(scope.root, lineage, table.builder_base, place)
            if stray is not None:
                yield _finding(stray, one.span, "" if one.stated else one.definition.name)
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
    """Find it in the builder of one step."""
    if scope.builder is not None and scope.builder.stray is not None:
        by_name = not _is_stated(scope.step)
        span = stated(scope, "builder", "builder_step_name")
        yield _finding(scope.builder.stray, span, scope.step.name if by_name else "")


def stray_of(root: str, lineage: Lineage, base: str, place: Defined) -> Stray | None:
    """Where the chain of a class ends without the base; ``None`` where it leads to it."""
    from stepwell.source.python import place_of

    ends = lineage.lost(place)
    if not ends:
        return None
    related = [Related("it is defined in", place_of(root, place))]
    if ends[0].by != place:
        related.append(Related("its chain of bases ends in", place_of(root, ends[0].by)))
    return Stray(place.outline.name, base, _help(ends[0], place, base), tuple(related))


def _finding(stray: Stray, span: Span, by_convention_of: str) -> Finding:
    by = f", by convention that of `{by_convention_of}`," if by_convention_of else ""
    return Finding(
        f"the builder `{stray.name}`{by} does not derive from `{stray.base}`", span, stray.help, stray.related
    )


def _is_stated(step: StepDefinition) -> bool:
    return "builder_step_name" in step.data or "builder" in (step.components or ())


def _help(end: Lost, start: Defined, base: str) -> str:
    last = end.by.outline
    if end.outside:
        return (
            f"`{last.name}` derives from `{end.outside}`, outside the sources: list that in "
            f"`[references] external` if it derives from `{base}`"
        )
    if end.base:
        return f"the base `{end.base}` of `{last.name}` is found neither in its file nor by its imports"
    if last.bases:
        return f"a base of `{last.name}` is not a plain name: what it gives cannot be told without running it"
    if end.by == start:
        return f"give it the base `{base.rpartition('.')[2]}`"
    return f"`{last.name}`, at the end of its chain, has no base"
