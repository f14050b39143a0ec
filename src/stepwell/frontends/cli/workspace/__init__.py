"""``stepwell workspace``: commands for workspaces."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from stepwell.frontends.cli import CommandGroup

__all__ = ["COMMANDS", "command"]

COMMANDS: Final = MappingProxyType(
    {
        "new": ("new", "Create a workspace with a working example."),
        "list": ("show:list_workspaces", "List the workspaces."),
        "show": ("show", "Show what a workspace adds, overrides and shadows."),
        "check": ("check", "Check everything about workspaces."),
        "compare": ("compare", "Check which steps of a workspace would work in another."),
        "remove": ("remove", "Remove a workspace."),
    }
)
"""Module and short help by command."""

_EXAMPLE = """\b
Examples:
  stepwell workspace new dana
  stepwell workspace list
  stepwell workspace check dana
"""


command = CommandGroup(
    "workspace",
    package=__name__,
    commands=COMMANDS,
    epilog=_EXAMPLE,
    short_help="Create, list, show, check, compare and remove workspaces.",
    help="Create, list, show, check, compare and remove workspaces, the folders of developers.",
)
