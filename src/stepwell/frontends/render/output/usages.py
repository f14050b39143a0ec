"""References to a step, and steps that still run old code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from stepwell.frontends.render.output.record import Ordinal, OutputPart, OutputRecord, doc, one_of
from stepwell.model.step_type import INTERFACE

if TYPE_CHECKING:
    from stepwell.code.usages import Impact
    from stepwell.model import StepDefinition
    from stepwell.resolve.view import View
    from stepwell.run.steps.compatibility import Compatibility, Fallback


class ImpactName(OutputPart, frozen=True, kw_only=True):
    """Name and its roles for the step."""

    name: Annotated[str, doc("Name.", "XGBoostTrainingConfig")]
    roles: Annotated[
        tuple[
            Annotated[
                Annotated[
                    str, one_of("name", "alias", "configuration class", "builder", "specification type")
                ],
                doc("Role."),
            ],
            ...,
        ],
        doc("Roles of the name.", ["configuration class"], min_length=1),
    ]


class ImpactPlace(OutputPart, frozen=True, kw_only=True):
    """Place."""

    group: Annotated[
        str, one_of("definitions", "configuration", "workflows", "python", "data"), doc("Kind of file.")
    ]
    what: Annotated[
        str,
        doc(
            "Kind of reference: text for definitions, configuration and workflows; for Python `class`, "
            "`function`, `import`, `name`, `attribute`, `argument`, `string`, or `text` in a file that "
            "cannot be parsed; `string` in notebooks and JSON.",
            "import",
            "`replaced_by` of `OldTraining`",
        ),
    ]
    name: Annotated[
        str,
        doc(
            "Name at the location; a string may add a job type.",
            "XGBoostTraining",
            "XGBoostTraining_Calibration",
        ),
    ]
    file: Annotated[str, doc("File, relative to the project, with `/`.", "src/pipeline/train.py")]
    line: Annotated[Ordinal, doc("Line, from 1.", 12)]
    column: Annotated[Ordinal, doc("Column in characters, from 1.", 7)]


class GeneratedMention(OutputPart, frozen=True, kw_only=True):
    """Generated file."""

    file: Annotated[str, doc("File, relative to the project, with `/`.", "generated/step_names.py")]
    times: Annotated[Ordinal, doc("Number of occurrences.", 10)]


class UnsearchedFile(OutputPart, frozen=True, kw_only=True):
    """File that was not searched."""

    file: Annotated[str, doc("File, relative to the project, with `/`.", "src/huge.py")]
    reason: Annotated[str, doc("Why it was not searched.", "it is larger than 4096 KiB")]


class ImpactOutput(OutputRecord, frozen=True, kw_only=True):
    """Output of `stepwell impact --format json`: every place that names a step, its classes or its
    aliases.
    """

    workspace: Annotated[str | None, doc("Workspace of the view; `null` for the core.", "alice")]
    step: Annotated[str, doc("Name of the step.", "Scoring")]
    names: Annotated[
        tuple[ImpactName, ...], doc("Names that were searched for, the step's own first.", min_length=1)
    ]
    places: Annotated[tuple[ImpactPlace, ...], doc("Every place, by kind of file, path, line and column.")]
    generated: Annotated[
        tuple[GeneratedMention, ...],
        doc("Files that Stepwell generated and that hold one of the names, by path."),
    ]
    unread: Annotated[tuple[UnsearchedFile, ...], doc("Files that were not searched, by path.")]


class FallbackMigration(OutputPart, frozen=True, kw_only=True):
    """File that would replace a fallback."""

    file: Annotated[str, doc("File, relative to the project.", "registry.d/steps/claude.yaml")]
    text: Annotated[
        str,
        doc(
            "Content of the file.",
            "# yaml-language-server: $schema=../../schemas/step.schema.json\nname: claude\n"
            "description: The step type claude.\nimplementation: old_runner.steps:run_claude\n",
        ),
    ]


class FallbackUse(OutputPart, frozen=True, kw_only=True):
    """Fallback, with the definition or file that replaces it."""

    step: Annotated[str, doc("Name of the step.", "claude")]
    code: Annotated[str, doc("Declared code.", "old_runner.steps:run_claude")]
    file: Annotated[str, doc("File that declares it, relative to the project.", "stepwell.toml")]
    line: Annotated[Ordinal, doc("Line, from 1.", 2)]
    column: Annotated[Ordinal, doc("Column in characters, from 1.", 10)]
    served_by: Annotated[
        str | None,
        doc(
            "File and line of the definition that replaces it; null if it is still used.",
            "registry.d/steps/claude.yaml:2",
            None,
        ),
    ]
    fault: Annotated[
        str | None,
        doc(
            "Why the code cannot be imported; null if it can, or is not needed.",
            "there is no installed module `old_runner`",
            None,
        ),
    ]
    migration: Annotated[
        FallbackMigration | None, doc("File that would replace it; null if it is already replaced.")
    ]


class InterfaceMismatch(OutputPart, frozen=True, kw_only=True):
    """Step that is incompatible with this interface version."""

    step: Annotated[str, doc("Name of the step.", "Summarize")]
    place: Annotated[str, doc("File and line that define it.", "registry.d/steps/summarize.yaml:1")]
    reason: Annotated[
        str,
        doc("Why it is incompatible.", "it needs interface 2.0 of step types, got 1.0"),
    ]


class CompatOutput(OutputRecord, frozen=True, kw_only=True):
    """Output of `stepwell compat --format json`: the steps that old code still runs, and those that were
    made for another version of the interface of step types.
    """

    interface: Annotated[str, doc("Version of the interface of step types that this Stepwell has.", "1.0")]
    workspace: Annotated[str | None, doc("Workspace of the view; null for the core.", "alice", None)]
    fallbacks: Annotated[
        tuple[FallbackUse, ...], doc("Every fallback that the project declares, by the step's name.")
    ]
    mismatches: Annotated[tuple[InterfaceMismatch, ...], doc("Incompatible steps in table order.")]


def impact_output(view: View, step: StepDefinition, impact: Impact) -> ImpactOutput:
    """Every place that names a step."""
    return ImpactOutput(
        workspace=view.workspace,
        step=step.name,
        names=tuple(ImpactName(name=name.name, roles=tuple(name.roles)) for name in impact.names),
        places=tuple(
            ImpactPlace(
                group=place.group,
                what=place.what,
                name=place.name,
                file=place.path,
                line=place.line,
                column=place.column,
            )
            for place in impact.places
        ),
        generated=tuple(GeneratedMention(file=path, times=count) for path, count in impact.generated.items()),
        unread=tuple(UnsearchedFile(file=path, reason=why) for path, why in impact.unread.items()),
    )


def compat_output(compat: Compatibility, workspace: str | None) -> CompatOutput:
    """Steps that old code runs, and steps made for another interface."""
    return CompatOutput(
        interface=INTERFACE,
        workspace=workspace,
        fallbacks=tuple(map(_fallback, compat.fallbacks)),
        mismatches=tuple(
            InterfaceMismatch(step=mismatch.step, place=mismatch.place, reason=mismatch.reason)
            for mismatch in compat.mismatches
        ),
    )


def _fallback(fallback: Fallback) -> FallbackUse:
    span = fallback.declared_at
    return FallbackUse(
        step=fallback.step,
        code=fallback.code,
        file=span.path,
        line=span.line,
        column=span.column,
        served_by=fallback.served_by or None,
        fault=fallback.fault or None,
        migration=FallbackMigration(file=fallback.file, text=fallback.text) if fallback.file else None,
    )
