"""Exporters of pipelines."""
