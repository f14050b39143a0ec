"""``stepwell workflow``: commands for workflow files."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from stepwell.frontends.cli import CommandGroup

__all__ = ["COMMANDS", "command"]

COMMANDS: Final = MappingProxyType(
    {"check": ("check", "Check workflow files."), "run": ("run", "Run a workflow file.")}
)
"""Module and short help by command."""

_EXAMPLE = """\b
Examples:
  stepwell workflow check review.yaml
  stepwell workflow run review.yaml --provider echo
"""


command = CommandGroup(
    "workflow",
    package=__name__,
    commands=COMMANDS,
    epilog=_EXAMPLE,
    short_help="Check and run workflow files.",
    help="Check and run workflow files: steps that run in sequence, each with a step type.",
)
