"""Creates workspaces and definitions: plan, check, write."""

from __future__ import annotations

from stepwell.write.scaffold.catalog import CopiedPipeline, copy_pipeline, open_catalog
from stepwell.write.scaffold.plan import ScaffoldPlan, plan, values_for
from stepwell.write.scaffold.step import NotWritten, assigned, located, plan_code, plan_pipeline, plan_step
from stepwell.write.scaffold.template_files import Template, find_templates, render
from stepwell.write.scaffold.workspace_files import copy_files, remove

__all__ = [
    "CopiedPipeline",
    "NotWritten",
    "ScaffoldPlan",
    "Template",
    "assigned",
    "copy_files",
    "copy_pipeline",
    "find_templates",
    "located",
    "open_catalog",
    "plan",
    "plan_code",
    "plan_pipeline",
    "plan_step",
    "remove",
    "render",
    "values_for",
]
