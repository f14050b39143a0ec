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

__all__ = [
    "ClassOutline",
    "Defined",
    "Lineage",
    "Lost",
    "ParseFailure",
    "PythonSource",
    "SourceFile",
    "SourceIndex",
    "SourceView",
    "index_sources",
    "matches",
    "module_defines",
    "place_of",
    "read_source",
    "read_tables",
    "span_in",
    "text_of",
]
