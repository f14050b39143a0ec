"""The Python components of steps, and explanations of steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from msgspec import UNSET, UnsetType

from stepwell.frontends.render.output.findings import FilePosition, file_position
from stepwell.frontends.render.output.origins import ValueOrigin, value_origin
from stepwell.frontends.render.output.record import Ordinal, OutputPart, OutputRecord, doc, one_of
from stepwell.model.component import COMPONENT_KINDS, CodePlace, Component, ComponentState
from stepwell.source.document import thaw

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stepwell.resolve.provenance import Explanation
    from stepwell.resolve.view import View


class ComponentPlace(OutputPart, frozen=True, kw_only=True):
    """A class, a function, a value or a whole file of Python."""

    file: Annotated[
        str,
        doc(
            "The file, relative to the project, with `/`; of an installed package `<package>/...`.",
            "src/builders/scoring.py",
        ),
    ]
    name: Annotated[
        str | None, doc("What it is called in the file; null for the whole file.", "ScoringStepBuilder", None)
    ]
    line: Annotated[Ordinal, doc("The line, from 1.", 12)]
    column: Annotated[Ordinal, doc("The column in Unicode code points, from 1.", 7)]
    layer: Annotated[
        str,
        one_of("local", "core", "plugin"),
        doc("`local` for the sources of a workspace, `core`, or `plugin` for an installed package."),
    ]
    workspace: Annotated[
        str | None, doc("Whose sources; null for the core's and a package's.", "alice", None)
    ]


_Kind = Annotated[str, one_of(*COMPONENT_KINDS), doc("Which part of the step.")]


_State = Annotated[
    ComponentState,
    doc(
        "`declared` by a definition; `found` by its name; `ambiguous`: several places could be "
        "meant; `missing`: it is named, and nowhere; `none`: nothing names it."
    ),
]


_Wanted = Annotated[
    str | None,
    doc(
        "What was looked for: the declaration, a class, or the end of a file's path; null where "
        "nothing names it.",
        "ScoringStepBuilder",
        None,
    ),
]


_Place = Annotated[ComponentPlace | None, doc("Where it is; null unless it is declared or found.")]


_DeclaredAt = Annotated[FilePosition | None, doc("The value that declares it; null where none does.")]


_Shadows = Annotated[
    tuple[ComponentPlace, ...],
    doc("The places that would be taken if this one were not there, nearest first."),
]


_Candidates = Annotated[
    tuple[ComponentPlace, ...], doc("The places of which any could be meant, where it is ambiguous.")
]


_Fault = Annotated[
    str | None, doc("Why it is not there; null where it is.", "there is no file `src/scoring.py`", None)
]


_Help = Annotated[
    str | None,
    doc(
        "What to do about that; null where there is nothing to do.",
        "did you mean `src/scorings.py`?",
        None,
    ),
]


class ExplainedField(OutputPart, frozen=True, kw_only=True):
    """Where the value of one field comes from."""

    field: Annotated[
        str, doc("The field; dotted for one inside a mapping.", "config_class", "deprecated.note")
    ]
    value: Annotated[
        Any, doc("The value that the view serves; null for none.", "EnhancedXGBoostTrainingConfig")
    ]
    winner: Annotated[ValueOrigin, doc("What gave the value.")]
    losers: Annotated[
        tuple[ValueOrigin, ...],
        doc("What else speaks of the field, topmost layer first, the convention or default last."),
    ]


class StepComponent(OutputPart, frozen=True, kw_only=True):
    """One part of a step in the view."""

    kind: _Kind
    state: _State
    wanted: _Wanted
    place: _Place
    declared_at: _DeclaredAt
    shadows: _Shadows
    candidates: _Candidates
    fault: _Fault
    help: _Help


class ExplainOutput(OutputRecord, frozen=True, kw_only=True):
    """What `stepwell explain STEP[.FIELD] --format json` prints: for each field of a step the value that
    the view serves, what gave it, and what lost to it.
    """

    workspace: Annotated[
        str | None, doc("The id of the workspace whose view it is; null for the core's.", "alice", None)
    ]
    step: Annotated[str, doc("The name of the step, also where an alias was asked for.", "XGBoostTraining")]
    fields: Annotated[
        tuple[ExplainedField, ...],
        doc(
            "The field that was asked for; without one, every field that has a value, in the order "
            "of the schema `step`.",
            min_length=1,
        ),
    ]
    components: Annotated[
        tuple[StepComponent, ...] | UnsetType,
        doc("Where each Python part of the step is; told where no FIELD was asked for."),
    ] = UNSET


class ListedComponent(OutputPart, frozen=True, kw_only=True):
    """One part of a step in the view, with the step's name."""

    step: Annotated[str, doc("The step's name.", "Scoring")]
    kind: _Kind
    state: _State
    wanted: _Wanted
    place: _Place
    declared_at: _DeclaredAt
    shadows: _Shadows
    candidates: _Candidates
    fault: _Fault
    help: _Help


class ComponentsOutput(OutputRecord, frozen=True, kw_only=True):
    """What `stepwell components --format json` prints: where each Python part of the steps of a view is,
    without any being run.
    """

    workspace: Annotated[str | None, doc("Whose view; null for the core's.", "alice", None)]
    components: Annotated[
        tuple[ListedComponent, ...],
        doc(
            "The parts, by step in the order of the table, then by kind; without STEP, those of the "
            "state `none` are left out."
        ),
    ]


def explain_output(
    view: View, explained: Iterable[Explanation], components: Iterable[Component] | None
) -> ExplainOutput:
    """The origins of fields of one step, and its components where all fields are explained."""
    explained = tuple(explained)
    return ExplainOutput(
        workspace=view.workspace,
        step=explained[0].step,
        fields=tuple(
            ExplainedField(
                field=one.field,
                value=thaw(one.value),
                winner=value_origin(one.winner),
                losers=tuple(map(value_origin, one.losers)),
            )
            for one in explained
        ),
        components=UNSET
        if components is None
        else tuple(StepComponent(**_component(one)) for one in components),
    )


def components_output(view: View, found: Iterable[tuple[str, Component]]) -> ComponentsOutput:
    """Components of a view, each with the name of its step."""
    return ComponentsOutput(
        workspace=view.workspace,
        components=tuple(ListedComponent(step=step, **_component(one)) for step, one in found),
    )


def _component(one: Component) -> dict[str, Any]:
    return {
        "kind": one.kind,
        "state": one.state,
        "wanted": one.wanted or None,
        "place": None if one.place is None else _place(one.place),
        "declared_at": file_position(one.declared_at),
        "shadows": tuple(map(_place, one.shadows)),
        "candidates": tuple(map(_place, one.candidates)),
        "fault": one.fault or None,
        "help": one.help or None,
    }


def _place(place: CodePlace) -> ComponentPlace:
    return ComponentPlace(
        file=place.path,
        name=place.name,
        line=place.line,
        column=place.column,
        layer=place.layer.value,
        workspace=place.workspace,
    )
