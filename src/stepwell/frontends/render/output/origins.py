"""Origin of a field's value."""

from __future__ import annotations

from typing import Annotated, Any, Final

from stepwell.frontends.render.output.record import Ordinal, OutputPart, doc, one_of
from stepwell.model.layer import Layer, Origin
from stepwell.source.document import thaw

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
