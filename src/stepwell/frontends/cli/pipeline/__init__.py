"""``stepwell pipeline``: commands for pipelines."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from stepwell.frontends.cli import CommandGroup

__all__ = ["COMMANDS", "command"]

COMMANDS: Final = MappingProxyType(
    {
        "list": "list_pipelines",
        "show": "show",
        "check": "check",
        "wire": "wire",
        "graph": "graph",
        "run": "run",
        "test": "test",
        "compare": "compare",
        "new": "new",
        "export": "export",
    }
)
"""Modules by command."""

_EXAMPLE = """\b
Examples:
  stepwell pipeline list
  stepwell pipeline check TrainAndEvaluate
  stepwell pipeline graph TrainAndEvaluate --format svg -o train.svg
  stepwell pipeline run TrainAndEvaluate
"""


command = CommandGroup(
    "pipeline",
    package=__name__,
    modules=COMMANDS,
    epilog=_EXAMPLE,
    short_help="List, check, draw, run, test, create and export pipelines.",
    help="Work with pipelines: graphs of steps, one pipeline per file.",
)
