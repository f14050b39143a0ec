"""Where the value of a field comes from."""

from __future__ import annotations

from typing import Annotated, Any, Final

from stepwell.frontends.render.output.record import Ordinal, OutputPart, doc, one_of
from stepwell.model.layer import Layer, Origin
from stepwell.source.document import thaw

HOW: Final = ("stated", "removed", "by convention", "schema default", "not stated")
"""How a field can get its value."""


class ValueOrigin(OutputPart, frozen=True, kw_only=True):
    """One thing that speaks of a field: a file, the naming convention, or the schema's default."""

    value: Annotated[
        Any,
        doc(
            "The value that it gives, of a secret the reference; null where it removes the field or "
            "where nothing gives one.",
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
    layer: Annotated[Layer | None, doc("The layer of the file; null where no file speaks.")]
    workspace: Annotated[
        str | None,
        doc("The workspace of the layer; null for the core and where no file speaks.", "alice", None),
    ]
    file: Annotated[
        str | None,
        doc(
            "The file, relative to the project, with `/` on every system; null where no file speaks.",
            "registry.d/steps/training/xgboost_training.yaml",
            None,
        ),
    ]
    line: Annotated[Ordinal | None, doc("The line of the value, from 1; null where no file speaks.", 3)]
    column: Annotated[
        Ordinal | None,
        doc("The column of the value in Unicode code points, from 1; null where no file speaks.", 15),
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
