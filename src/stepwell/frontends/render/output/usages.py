"""Mentions of a step, and steps that old code still runs."""

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
    """One name and what it is to the step."""

    name: Annotated[str, doc("The name.", "XGBoostTrainingConfig")]
    roles: Annotated[
        tuple[
            Annotated[
                Annotated[
                    str, one_of("name", "alias", "configuration class", "builder", "specification type")
                ],
                doc("One role."),
            ],
            ...,
        ],
        doc("What it is to the step.", ["configuration class"], min_length=1),
    ]


class ImpactPlace(OutputPart, frozen=True, kw_only=True):
    """One place."""

    group: Annotated[str, one_of("definitions", "configuration", "python"), doc("The kind of file.")]
    what: Annotated[
        str,
        doc(
            "What the place is: words for definitions and configuration; for Python `class`, "
            "`function`, `import`, `name`, `attribute`, `argument`, `string`, or `text` in a file "
            "that cannot be parsed.",
            "import",
            "`replaced_by` of `OldTraining`",
        ),
    ]
    name: Annotated[
        str,
        doc(
            "The name that stands there; a text may add a job type to it.",
            "XGBoostTraining",
            "XGBoostTraining_Calibration",
        ),
    ]
    file: Annotated[str, doc("The file, relative to the project, with `/`.", "src/pipeline/train.py")]
    line: Annotated[Ordinal, doc("The line, from 1.", 12)]
    column: Annotated[Ordinal, doc("The column in characters, from 1.", 7)]


class GeneratedMention(OutputPart, frozen=True, kw_only=True):
    """One generated file."""

    file: Annotated[str, doc("The file, relative to the project, with `/`.", "generated/step_names.py")]
    times: Annotated[Ordinal, doc("How often it holds one of the names.", 10)]


class UnsearchedFile(OutputPart, frozen=True, kw_only=True):
    """One file that was not searched."""

    file: Annotated[str, doc("The file, relative to the project, with `/`.", "src/huge.py")]
    reason: Annotated[str, doc("Why it was not searched.", "it is larger than 4096 KiB")]


class ImpactOutput(OutputRecord, frozen=True, kw_only=True):
    """What `stepwell impact --format json` prints: every place that names a step, its classes or its
    aliases.
    """

    workspace: Annotated[str | None, doc("Whose view; `null` for the core's.", "alice")]
    step: Annotated[str, doc("The name of the step.", "Scoring")]
    names: Annotated[
        tuple[ImpactName, ...], doc("The names that were searched for, the step's own first.", min_length=1)
    ]
    places: Annotated[tuple[ImpactPlace, ...], doc("Every place, by kind of file, path, line and column.")]
    generated: Annotated[
        tuple[GeneratedMention, ...],
        doc("The files that Stepwell generated and that hold one of the names, by path."),
    ]
    unread: Annotated[tuple[UnsearchedFile, ...], doc("Python files that were not searched, by path.")]


class FallbackMigration(OutputPart, frozen=True, kw_only=True):
    """The file that would make a fallback needless."""

    file: Annotated[str, doc("The file, relative to the project.", "registry.d/steps/claude.yaml")]
    text: Annotated[
        str,
        doc(
            "What would stand in it.",
            "# yaml-language-server: $schema=../../schemas/step.schema.json\nname: claude\n"
            "description: The step type claude.\nimplementation: old_runner.steps:run_claude\n",
        ),
    ]


class FallbackUse(OutputPart, frozen=True, kw_only=True):
    """One fallback: whether a definition makes it needless, or which file would."""

    step: Annotated[str, doc("The name of the step.", "claude")]
    code: Annotated[str, doc("What serves it, as it is declared.", "old_runner.steps:run_claude")]
    file: Annotated[str, doc("The file that declares it, relative to the project.", "stepwell.toml")]
    line: Annotated[Ordinal, doc("The line, from 1.", 2)]
    column: Annotated[Ordinal, doc("The column, in characters from 1.", 10)]
    served_by: Annotated[
        str | None,
        doc(
            "The file and line of the definition that makes it needless; null where it is still used.",
            "registry.d/steps/claude.yaml:2",
            None,
        ),
    ]
    fault: Annotated[
        str | None,
        doc(
            "Why the code cannot be found from here; null where it is found, or is not needed.",
            "there is no installed module `old_runner`",
            None,
        ),
    ]
    migration: Annotated[
        FallbackMigration | None, doc("The file that would make it needless; null where it is so already.")
    ]


class InterfaceMismatch(OutputPart, frozen=True, kw_only=True):
    """One step that this version of the interface does not suit."""

    step: Annotated[str, doc("The name of the step.", "Summarize")]
    place: Annotated[str, doc("The file and line that define it.", "registry.d/steps/summarize.yaml:1")]
    reason: Annotated[
        str,
        doc("Why it does not suit, in words.", "it needs the interface 2.0 of step types, and this is 1.0"),
    ]


class CompatOutput(OutputRecord, frozen=True, kw_only=True):
    """What `stepwell compat --format json` prints: the steps that old code still runs, and those that were
    made for another version of the interface of step types.
    """

    interface: Annotated[
        str, doc("The version of the interface of step types that this Stepwell has.", "1.0")
    ]
    workspace: Annotated[
        str | None, doc("The id of the workspace whose view it is; null for the core's.", "alice", None)
    ]
    fallbacks: Annotated[
        tuple[FallbackUse, ...], doc("Every fallback that the project declares, by the step's name.")
    ]
    mismatches: Annotated[
        tuple[InterfaceMismatch, ...], doc("The steps that do not suit, in the order of the table.")
    ]


def impact_output(view: View, step: StepDefinition, found: Impact) -> ImpactOutput:
    """Every place that names a step."""
    return ImpactOutput(
        workspace=view.workspace,
        step=step.name,
        names=tuple(ImpactName(name=one.name, roles=tuple(one.roles)) for one in found.names),
        places=tuple(
            ImpactPlace(
                group=one.group,
                what=one.what,
                name=one.name,
                file=one.path,
                line=one.line,
                column=one.column,
            )
            for one in found.places
        ),
        generated=tuple(GeneratedMention(file=path, times=count) for path, count in found.generated.items()),
        unread=tuple(UnsearchedFile(file=path, reason=why) for path, why in found.unread.items()),
    )


def compat_output(found: Compatibility, workspace: str | None) -> CompatOutput:
    """Steps that old code runs, and steps made for another interface."""
    return CompatOutput(
        interface=INTERFACE,
        workspace=workspace,
        fallbacks=tuple(map(_fallback, found.fallbacks)),
        mismatches=tuple(
            InterfaceMismatch(step=one.step, place=one.place, reason=one.reason) for one in found.mismatches
        ),
    )


def _fallback(one: Fallback) -> FallbackUse:
    span = one.declared_at
    return FallbackUse(
        step=one.step,
        code=one.code,
        file=span.path,
        line=span.line,
        column=span.column,
        served_by=one.served_by or None,
        fault=one.fault or None,
        migration=FallbackMigration(file=one.file, text=one.text) if one.file else None,
    )
