"""Tables of one file of a legacy registry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, final

from stepwell.source.diagnostic import Diagnostic, Span
from stepwell.source.document import Document, FrozenMapping
from stepwell.source.immutable import record

__all__ = [
    "HYPERPARAMETERS",
    "LEGACY_FIELDS",
    "METADATA",
    "STEPS",
    "TABLES",
    "LegacyTables",
    "Remark",
    "Table",
    "TableRow",
]

STEPS: Final = "STEP_NAMES"
HYPERPARAMETERS: Final = "HYPERPARAMETER_REGISTRY"
METADATA: Final = "WORKSPACE_METADATA"
TABLES: Final = (STEPS, "LOCAL_STEPS", "STEP_OVERRIDES", HYPERPARAMETERS)
"""Names of definition tables in legacy modules."""
LEGACY_FIELDS: Final = (
    "config_class",
    "builder_step_name",
    "spec_type",
    "sagemaker_step_type",
    "description",
)
"""Fields of a row of ``STEP_NAMES``."""

_NONE: Final[Mapping[str, Any]] = FrozenMapping()


@final
@record
class Remark:
    """One comment.

    Args:
        text: without ``#`` and surrounding blanks.
        field: the field that it belongs to; empty for the whole entry.
    """

    text: str
    field: str = ""


@final
@record
class TableRow:
    """One entry of a table.

    Args:
        document: its fields as in a definition, ``name`` first; its text is the module's.
        remarks: its comments, in order.
        verbatim: the original text of fields that are kept as written.
    """

    name: str
    document: Document
    remarks: tuple[Remark, ...] = ()
    dropped: tuple[Diagnostic, ...] = ()
    verbatim: Mapping[str, str] = _NONE

    @property
    def comments(self) -> tuple[str, ...]:
        """Texts of its comments."""
        return tuple(remark.text for remark in self.remarks)


@final
@record
class Table:
    """Final state of a table after evaluating the module.

    Args:
        name: one of ``TABLES``.
        rows: its entries, in order.
        span: location of the last assignment to its name.
    """

    name: str
    rows: tuple[TableRow, ...]
    span: Span


@final
@record
class LegacyTables:
    """Tables of one file.

    Args:
        metadata: workspace metadata, or ``None``.
        others: tables with complete rows of steps under other names.
    """

    path: str
    tables: Mapping[str, Table]
    metadata: Document | None = None
    diagnostics: tuple[Diagnostic, ...] = ()
    others: Mapping[str, Table] = _NONE
