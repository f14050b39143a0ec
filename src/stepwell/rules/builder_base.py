"""A builder derives from the class that the project says.

`[references] builder_base` in `stepwell.toml` names the class, alone or dotted with its module. Its
chain of bases is followed through the sources: through imports, other names, relative imports,
packages and generics. Where it leaves the sources it counts as derived when the class there has the
name of the base, or fits a pattern of `[references] external`. No Python is run.

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

from stepwell.diagnostics import Related, Severity
from stepwell.rules.rule import Finding, ReferenceScope

if TYPE_CHECKING:
    from stepwell.sources import Defined, Lost

ID: Final = "builder-base"
SEVERITY: Final = Severity.ERROR


def check(scope: ReferenceScope) -> Iterator[Finding]:
    """Find the builders whose every chain ends without the base."""
    from stepwell.sources import Lineage, matches, place_of

    table = scope.references_table
    if not table.builder_base:
        return
    lineage = Lineage(scope.sees, table.builder_base, table.external)
    for one in scope.named("builder_step_name"):
        if matches(one.name, table.external):
            continue
        for place in scope.sees.classes(one.name):
            ends = lineage.lost(place)
            if not ends:
                continue
            by = "" if one.stated else f", by convention that of `{one.definition.name}`,"
            related = [Related("it is defined in", place_of(scope.root, place))]
            if ends[0].by != place:
                related.append(Related("its chain of bases ends in", place_of(scope.root, ends[0].by)))
            yield Finding(
                f"the builder `{one.name}`{by} does not derive from `{table.builder_base}`",
                one.span,
                _help(ends[0], place, table.builder_base),
                tuple(related),
            )
            break


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
