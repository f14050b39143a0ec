"""Import worlds: load classes and functions of each workspace in isolation.

A module of a workspace imports from its own files first, then the core's sources, then the environment. The
process is changed only by one finder in ``sys.meta_path`` (docs/decisions/0014-import-worlds.md).
"""

from __future__ import annotations

from stepwell.code.import_worlds.finder import FINDER
from stepwell.code.import_worlds.names import project_key
from stepwell.code.import_worlds.worlds import World, Worlds

__all__ = ["FINDER", "World", "Worlds", "project_key"]
