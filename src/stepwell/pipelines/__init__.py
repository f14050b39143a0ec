"""Pipelines: graphs of steps, from their definitions to what is checked, wired and run."""

from __future__ import annotations

from stepwell.pipelines.graph import Node, OutputOf, Pipeline

__all__ = ["Node", "OutputOf", "Pipeline"]
