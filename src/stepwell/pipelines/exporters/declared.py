"""What builders and their configuration classes declare that a step runs on, read as text and never run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

from stepwell.code import own_folder
from stepwell.code.alignment.builder_facts import defaults_of
from stepwell.code.alignment.parse import Reader
from stepwell.live.registry import Registry
from stepwell.model.graph import Node, Pipeline
from stepwell.source.document import freeze
from stepwell.source.python import SourceView

__all__ = ["SETTINGS", "with_declared_settings"]

_OF_A_KIND: Final = ("instance_type", "instance_count", "volume_size")
SETTINGS: Final = frozenset(
    {
        *("role", "image_uri", "code_uri", "region", "max_runtime_seconds", "function_arn"),
        *("content_type", "split_type", "accept", "assemble_with"),
        *("model_package_group_name", "content_types", "response_types", "approval_status"),
        *("inference_instances", "transform_instances"),
        *_OF_A_KIND,
        *(f"{kind}_{one}" for kind in ("processing", "training", "transform") for one in _OF_A_KIND),
    }
)
"""The settings that exporters read, which a class may give a default."""


def with_declared_settings(registry: Registry, pipeline: Pipeline) -> Pipeline:
    """A pipeline whose steps are configured as their configuration classes and builders say by default.

    Args:
        registry: of the project, whose sources are read.
        pipeline: the pipeline; what its steps' configurations say stays.
    """
    reader = Reader(registry.project.root)
    nodes = {one.id: _filled(registry, pipeline, one, reader) for one in pipeline.nodes.values()}
    return replace(pipeline, nodes=MappingProxyType(nodes))


def _filled(registry: Registry, pipeline: Pipeline, node: Node, reader: Reader) -> Node:
    if node.definition is None:
        return node
    workspace = node.workspace or pipeline.workspace
    own = () if workspace is None else (own_folder(registry.project, workspace),)
    sees = SourceView(registry.code.index(), (*own, *registry.project.settings.component_folders))
    components = registry.view(workspace).components(node.definition.name)
    found: dict[str, Any] = {}
    for kind in ("builder", "config"):
        place = components[kind].place
        if place is not None:
            found.update(_settings(defaults_of(reader, sees, place)))
    return replace(node, config=MappingProxyType({**found, **node.config})) if found else node


def _settings(defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the defaults that are settings, and plain."""
    return {
        name: freeze(list(value) if isinstance(value, tuple) else value)
        for name, value in defaults.items()
        if name in SETTINGS and isinstance(value, (str, int, float, list, tuple)) and value != ""
    }
