"""Pipelines: graphs of steps, from their definitions to what is checked, wired and run."""

from __future__ import annotations

from stepwell.model.graph import Among, Edge, Node, OutputOf, Pipeline, Stated

__all__ = ["Among", "Edge", "Node", "OutputOf", "Pipeline", "Stated"]
