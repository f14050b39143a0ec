"""``stepwell workflow``: checking and running workflow files, each command in a file of its own."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from stepwell.frontends.cli import CommandGroup

__all__ = ["COMMANDS", "command"]

COMMANDS: Final = MappingProxyType({"check": "check", "run": "run"})
"""Every command about workflows, and its module."""

_EXAMPLE = """\b
Examples:
  stepwell workflow check review.yaml
  stepwell workflow run review.yaml --provider echo
"""


command = CommandGroup(
    "workflow",
    package=__name__,
    modules=COMMANDS,
    epilog=_EXAMPLE,
    short_help="Check and run workflow files.",
    help="Check and run workflow files: steps that are run one after the other, each by a step type.",
)
