"""A pipeline as a graph of steps: frozen values; where they come from is no matter here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, final

from stepwell.diagnostics import Span
from stepwell.model import StepDefinition

__all__ = ["Node", "OutputOf", "Pipeline"]

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@final
@dataclass(frozen=True, slots=True)
class OutputOf:
    """An output of another node, as an input names it: ``node.output``."""

    node: str
    output: str

    def __str__(self) -> str:
        return f"{self.node}.{self.output}"


@final
@dataclass(frozen=True, slots=True)
class Node:
    """One step of a pipeline.

    Args:
        id: what the pipeline calls it, once.
        step: the step's name, or an alias of it.
        workspace: whose view the step is taken from, where it is named as ``workspace:Name``; ``None`` for
            the pipeline's own view.
        job_type: the variant, where it is named as ``Name:job_type``.
        definition: the step as that view serves it; ``None`` where there is none.
        config: the configuration, which the step's ``parameters`` describe.
        inputs: the step's inputs by name, each with the output that feeds it.
        depends_on: the nodes that must be done before, beside those that feed it.
        place: where its file names the step; ``None`` for one that was made in code.
    """

    id: str
    step: str
    workspace: str | None = None
    job_type: str | None = None
    definition: StepDefinition | None = None
    config: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    inputs: Mapping[str, OutputOf] = field(default_factory=lambda: _NOTHING)
    depends_on: tuple[str, ...] = ()
    place: Span | None = None

    @property
    def needs(self) -> tuple[str, ...]:
        """The nodes that must be done before this one, each once, in the order in which they are named."""
        return tuple(dict.fromkeys((*(one.node for one in self.inputs.values()), *self.depends_on)))


@final
@dataclass(frozen=True, slots=True)
class Pipeline:
    """A graph of steps.

    Args:
        name: what it is called.
        description: what it is for.
        parameters: the values that a run may set, by name, each with its default.
        nodes: the steps by id, in the order in which they are stated.
        workspace: whose view it is; ``None`` for the core.
    """

    name: str
    description: str = ""
    parameters: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    nodes: Mapping[str, Node] = field(default_factory=lambda: MappingProxyType({}))
    workspace: str | None = None
