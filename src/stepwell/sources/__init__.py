"""Python sources as text: who defines a class, who derives from what, who names what; no code is run.

``ast`` is imported where something is parsed, and only there: a plain check never pays for it.
"""

from __future__ import annotations

from stepwell.sources.indexing import Defined, SourceIndex, index_sources
from stepwell.sources.lineage import Lineage, Lost, matches, module_defines
from stepwell.sources.outline import ClassOutline, Failure, SourceFile
from stepwell.sources.viewing import SourceView, place_of, span_in

__all__ = [
    "ClassOutline",
    "Defined",
    "Failure",
    "Lineage",
    "Lost",
    "SourceFile",
    "SourceIndex",
    "SourceView",
    "index_sources",
    "matches",
    "module_defines",
    "place_of",
    "span_in",
]
