"""``stepwell workspace``: commands for workspaces."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from stepwell.frontends.cli import CommandGroup

__all__ = ["COMMANDS", "command"]

COMMANDS: Final = MappingProxyType(
    {
        "new": "new",
        "list": "list_workspaces",
        "show": "show",
        "check": "check",
        "compare": "compare",
        "remove": "remove",
    }
)
"""Modules by command."""

_EXAMPLE = """\b
Examples:
  stepwell workspace new dana
  stepwell workspace list
  stepwell workspace check dana
"""


command = CommandGroup(
    "workspace",
    package=__name__,
    modules=COMMANDS,
    epilog=_EXAMPLE,
    short_help="Create, list, show, check, compare and remove workspaces.",
    help="Create, list, show, check, compare and remove workspaces, the folders of developers.",
)
