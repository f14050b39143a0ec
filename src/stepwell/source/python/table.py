"""What one Python module of an old registry holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, final

from stepwell.source.diagnostic import Diagnostic, Span
from stepwell.source.document import Document

__all__ = ["HYPERPARAMETERS", "METADATA", "TABLES", "PythonTables", "Remark", "Table", "TableRow"]

HYPERPARAMETERS: Final = "HYPERPARAMETER_REGISTRY"
METADATA: Final = "WORKSPACE_METADATA"
TABLES: Final = ("STEP_NAMES", "LOCAL_STEPS", "STEP_OVERRIDES", HYPERPARAMETERS)
"""The names that the tables of definitions have in the old modules."""


@final
@dataclass(frozen=True, slots=True)
class Remark:
    """One comment.

    Args:
        text: without the ``#`` and the blanks around it.
        field: the field that it belongs to; empty for the entry as a whole.
    """

    text: str
    field: str = ""


@final
@dataclass(frozen=True, slots=True)
class TableRow:
    """One entry of a table.

    Args:
        document: its fields, with ``name`` first, as a definition has them; its text is the module's.
        remarks: the comments that belong to it, in order.
    """

    name: str
    document: Document
    remarks: tuple[Remark, ...] = ()
    dropped: tuple[Diagnostic, ...] = ()

    @property
    def comments(self) -> tuple[str, ...]:
        """The texts of its comments, in order."""
        return tuple(remark.text for remark in self.remarks)


@final
@dataclass(frozen=True, slots=True)
class Table:
    """One table as it is when the module has been read to its end.

    Args:
        name: one of ``TABLES``.
        rows: its entries, in Python's order.
        span: where its name is last given a value.
    """

    name: str
    rows: tuple[TableRow, ...]
    span: Span


@final
@dataclass(frozen=True, slots=True)
class PythonTables:
    """One module.

    Args:
        metadata: what it says of its workspace; ``None`` when it says nothing.
    """

    path: str
    tables: Mapping[str, Table]
    metadata: Document | None = None
    diagnostics: tuple[Diagnostic, ...] = ()
