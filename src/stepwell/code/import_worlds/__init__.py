"""Loading classes and functions out of workspaces, each in an import world of its own.

A module of a workspace imports its own files first, then the core's sources, then the environment.
Nothing of the process changes for it but one finder in ``sys.meta_path``; see the decision on import
worlds (docs/decisions/0014-import-worlds.md).
"""

from __future__ import annotations

from stepwell.code.import_worlds.finder import FINDER
from stepwell.code.import_worlds.names import project_key
from stepwell.code.import_worlds.worlds import World, Worlds

__all__ = ["FINDER", "World", "Worlds", "project_key"]
