"""``stepwell workspace``: the commands about whole workspaces, each in a file of its own."""

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
"""Every command about workspaces, and its module."""

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
    short_help="Make, list, check, compare and remove workspaces.",
    help="Make, list, check, compare and remove workspaces, each the folder of one developer.",
)
