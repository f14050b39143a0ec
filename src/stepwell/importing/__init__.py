"""Old registries to definitions: read without running them, planned, proved, and only then written."""

from __future__ import annotations

from stepwell.importing.planning import PlannedFile, Status
from stepwell.importing.proof import TableProof
from stepwell.importing.result import Import, prepare
from stepwell.importing.sources import NoWorkspace, gather
from stepwell.importing.writing import Busy, left_behind, recover, write_whole

__all__ = [
    "Busy",
    "Import",
    "NoWorkspace",
    "PlannedFile",
    "Status",
    "TableProof",
    "gather",
    "left_behind",
    "prepare",
    "recover",
    "write_whole",
]
