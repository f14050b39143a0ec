"""Converts old registries to definitions: read without running, plan, verify, write."""

from __future__ import annotations

from stepwell.write.migrate.plan import PlannedFile, WriteStatus
from stepwell.write.migrate.readers import NoWorkspace, gather
from stepwell.write.migrate.round_trip import Import, TableProof, prepare

__all__ = [
    "Import",
    "NoWorkspace",
    "PlannedFile",
    "TableProof",
    "WriteStatus",
    "gather",
    "prepare",
]
