"""The Python components of steps, and explanations of steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

from msgspec import UNSET, UnsetType

from stepwell.frontends.render.output.findings import FilePosition, file_position
from stepwell.frontends.render.output.record import Ordinal, OutputPart, OutputRecord, doc, one_of
from stepwell.model.component import COMPONENT_KINDS, CodePlace, Component, ComponentState
from stepwell.model.layer import Layer, Origin
from stepwell.source.document import thaw

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stepwell.resolve.provenance import Explanation
    from stepwell.resolve.view import View


HOW: Final = ("stated", "removed", "by convention", "schema default", "not stated")
"""Kinds of origins."""


class ValueOrigin(OutputPart, frozen=True, kw_only=True):
    """Origin of a value: a file, the naming convention, or the schema default."""

    value: Annotated[
        Any,
        doc(
            "Value, for secrets the reference; null if the field is removed or unset.",
            "XGBoostTrainingConfig",
        ),
    ]
    how: Annotated[
        str,
        one_of(*HOW),
        doc(
            "`stated` or `removed` in a file, `by convention` of names, `schema default`, or `not "
            "stated` anywhere."
        ),
    ]
    layer: Annotated[Layer | None, doc("Layer of the file; null without a file.")]
    workspace: Annotated[
        str | None,
        doc("Workspace of the layer; null for the core or without a file.", "alice", None),
    ]
    file: Annotated[
        str | None,
        doc(
            "File, relative to the project, with `/` on every system; null without a file.",
            "registry.d/steps/training/xgboost_training.yaml",
            None,
        ),
    ]
    line: Annotated[Ordinal | None, doc("Line of the value, from 1; null without a file.", 3)]
    column: Annotated[
        Ordinal | None,
        doc("Column of the value in Unicode code points, from 1; null without a file.", 15),
    ]


def value_origin(origin: Origin) -> ValueOrigin:
    """An origin as a record."""
    span = origin.span
    return ValueOrigin(
        value=thaw(origin.value),
        how=origin.how,
        layer=origin.layer,
        workspace=origin.workspace,
        file=span.path if span else None,
        line=span.line if span else None,
        column=span.column if span else None,
    )


class ComponentPlace(OutputPart, frozen=True, kw_only=True):
    """A class, a function, a value or a whole file of Python."""

    file: Annotated[
        str,
        doc(
            "The file, relative to the project, with `/`; of an installed package `<package>/...`.",
            "src/builders/scoring.py",
        ),
    ]
    name: Annotated[str | None, doc("Name in the file; null for the whole file.", "ScoringStepBuilder", None)]
    line: Annotated[Ordinal, doc("Line, from 1.", 12)]
    column: Annotated[Ordinal, doc("Column in Unicode code points, from 1.", 7)]
    layer: Annotated[
        str,
        one_of("local", "core", "plugin"),
        doc("`local` for the sources of a workspace, `core`, or `plugin` for an installed package."),
    ]
    workspace: Annotated[
        str | None, doc("Workspace of the sources; null for core and packages.", "alice", None)
    ]


_Kind = Annotated[str, one_of(*COMPONENT_KINDS), doc("Kind of component.")]


_State = Annotated[
    ComponentState,
    doc(
        "`declared` by a definition; `found` by its name; `ambiguous`: several candidates; `missing`: "
        "referenced but not found; `none`: not referenced."
    ),
]


_Wanted = Annotated[
    str | None,
    doc(
        "Search target: the declaration, a class, or the end of a file path; null if not referenced.",
        "ScoringStepBuilder",
        None,
    ),
]


_Place = Annotated[ComponentPlace | None, doc("Location; null unless declared or found.")]


_DeclaredAt = Annotated[FilePosition | None, doc("Location of the declaration; null without one.")]


_Shadows = Annotated[
    tuple[ComponentPlace, ...],
    doc("Shadowed locations, nearest first."),
]


_Candidates = Annotated[tuple[ComponentPlace, ...], doc("Candidate locations of an ambiguous component.")]


_Fault = Annotated[
    str | None, doc("Why it is missing; null if found.", "there is no file `src/scoring.py`", None)
]


_Help = Annotated[
    str | None,
    doc(
        "How to fix it; null if there is nothing to fix.",
        "did you mean `src/scorings.py`?",
        None,
    ),
]


class ExplainedField(OutputPart, frozen=True, kw_only=True):
    """Origin of a field's value."""

    field: Annotated[str, doc("Field; dotted for one inside a mapping.", "config_class", "deprecated.note")]
    value: Annotated[Any, doc("Value in the view; null for none.", "EnhancedXGBoostTrainingConfig")]
    winner: Annotated[ValueOrigin, doc("Origin of the value.")]
    losers: Annotated[
        tuple[ValueOrigin, ...],
        doc("Overridden origins, topmost layer first, convention or default last."),
    ]


class StepComponent(OutputPart, frozen=True, kw_only=True):
    """Component of a step in the view."""

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
    """Output of `stepwell explain STEP[.FIELD] --format json`: for each field of a step the value that
    the view serves, its origin, and the values it replaced.
    """

    workspace: Annotated[str | None, doc("Workspace of the view; null for the core.", "alice", None)]
    step: Annotated[str, doc("Name of the step, also if queried by alias.", "XGBoostTraining")]
    fields: Annotated[
        tuple[ExplainedField, ...],
        doc(
            "Requested field, or every field with a value in the order of the schema `step`.",
            min_length=1,
        ),
    ]
    components: Annotated[
        tuple[StepComponent, ...] | UnsetType,
        doc("Components of the step; omitted with FIELD."),
    ] = UNSET


class ListedComponent(OutputPart, frozen=True, kw_only=True):
    """Part of a step in the view, with the step's name."""

    step: Annotated[str, doc("Step's name.", "Scoring")]
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
    """Output of `stepwell components --format json`: where each Python part of the steps of a view is,
    without any being run.
    """

    workspace: Annotated[str | None, doc("Workspace of the view; null for the core.", "alice", None)]
    components: Annotated[
        tuple[ListedComponent, ...],
        doc(
            "Components by step in table order, then by kind; without STEP, components with the state "
            "`none` are omitted."
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
                field=item.field,
                value=thaw(item.value),
                winner=value_origin(item.winner),
                losers=tuple(map(value_origin, item.losers)),
            )
            for item in explained
        ),
        components=UNSET
        if components is None
        else tuple(StepComponent(**_component(component)) for component in components),
    )


def components_output(view: View, components: Iterable[tuple[str, Component]]) -> ComponentsOutput:
    """Components of a view, each with the name of its step."""
    return ComponentsOutput(
        workspace=view.workspace,
        components=tuple(ListedComponent(step=step, **_component(item)) for step, item in components),
    )


def _component(component: Component) -> dict[str, Any]:
    return {
        "kind": component.kind,
        "state": component.state,
        "wanted": component.wanted or None,
        "place": None if component.place is None else _place(component.place),
        "declared_at": file_position(component.declared_at),
        "shadows": tuple(map(_place, component.shadows)),
        "candidates": tuple(map(_place, component.candidates)),
        "fault": component.fault or None,
        "help": component.help or None,
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
