"""New workspaces and new definitions: planned, checked by Stepwell's own flow, and only then written."""

from __future__ import annotations

from stepwell.scaffolding.cataloguing import Copied, copy_pipeline, open_catalog
from stepwell.scaffolding.copying import copy_files
from stepwell.scaffolding.listing import Template, find_templates
from stepwell.scaffolding.pipelining import plan_pipeline
from stepwell.scaffolding.planning import Plan, plan
from stepwell.scaffolding.rendering import render
from stepwell.scaffolding.stepping import NotWritten, plan_step
from stepwell.scaffolding.values import values_for
from stepwell.scaffolding.writing import create, remove

__all__ = [
    "Copied",
    "NotWritten",
    "Plan",
    "Template",
    "copy_files",
    "copy_pipeline",
    "create",
    "find_templates",
    "open_catalog",
    "plan",
    "plan_pipeline",
    "plan_step",
    "remove",
    "render",
    "values_for",
]
