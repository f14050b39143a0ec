"""``stepwell pipeline``: commands for pipelines."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from stepwell.frontends.cli import CommandGroup

__all__ = ["COMMANDS", "command"]

COMMANDS: Final = MappingProxyType(
    {
        "list": ("list_pipelines", "List the pipelines of a view."),
        "show": ("show", "Show a pipeline and preview a run."),
        "check": ("check", "Check pipelines and the code of their steps."),
        "wire": ("new:wire", "Propose or write sources for unconnected inputs."),
        "graph": ("show:graph", "Draw a pipeline."),
        "run": ("run", "Run a pipeline locally or on an engine."),
        "test": ("test", "Test a pipeline or one of its scripts with synthetic data."),
        "compare": ("run:compare", "Compare two runs of a pipeline."),
        "new": ("new", "Create the definition of a pipeline."),
        "export": ("export", "Export a pipeline to SageMaker, Airflow or Argo."),
    }
)
"""Module and short help by command."""

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
    commands=COMMANDS,
    epilog=_EXAMPLE,
    short_help="List, check, draw, run, test, create and export pipelines.",
    help="Work with pipelines: graphs of steps, one pipeline per file.",
)
