"""Static analysis of Python sources: class definitions, base classes and occurrences of names.

``ast`` is imported only for parsing, so that plain checks do not load it.
"""

from __future__ import annotations

from stepwell.source.python.class_members import text_of
from stepwell.source.python.index import Defined, SourceIndex, index_sources
from stepwell.source.python.inheritance import Lineage, Lost, matches, module_defines
from stepwell.source.python.literal_tables import read_tables
from stepwell.source.python.outline import ClassOutline, ParseFailure, SourceFile
from stepwell.source.python.parse import PythonSource, read_source
from stepwell.source.python.search import SourceView, place_of, span_in
from stepwell.source.python.table import (
    HYPERPARAMETERS,
    LEGACY_FIELDS,
    METADATA,
    STEPS,
    TABLES,
    LegacyTables,
    Remark,
    Table,
    TableRow,
)

__all__ = [
    "HYPERPARAMETERS",
    "LEGACY_FIELDS",
    "METADATA",
    "STEPS",
    "TABLES",
    "ClassOutline",
    "Defined",
    "LegacyTables",
    "Lineage",
    "Lost",
    "ParseFailure",
    "PythonSource",
    "Remark",
    "SourceFile",
    "SourceIndex",
    "SourceView",
    "Table",
    "TableRow",
    "index_sources",
    "matches",
    "module_defines",
    "place_of",
    "read_source",
    "read_tables",
    "span_in",
    "text_of",
]
