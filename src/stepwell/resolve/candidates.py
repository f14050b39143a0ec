"""Definitions of a name in all views."""

from __future__ import annotations

from typing import NamedTuple, final

from stepwell.model import StepDefinition
from stepwell.model.layer import Layer
from stepwell.resolve.snapshot import Snapshot
from stepwell.source.diagnostic import Span

__all__ = ["Candidate", "all_names", "candidates_of"]


@final
class Candidate(NamedTuple):
    """One definition that matches a name.

    Args:
        workspace: ``None`` for the core.
    """

    definition: StepDefinition
    workspace: str | None

    @property
    def owner(self) -> str:
        """Title of the owning workspace or the core."""
        return "the core" if self.workspace is None else f"workspace {self.workspace}"

    @property
    def layer(self) -> Layer:
        """Topmost layer of the definition."""
        return self.definition.sources[0].layer

    @property
    def span(self) -> Span:
        """Location of the name in the topmost file."""
        return self.definition.sources[0].document.value_span(("name",))

    @property
    def place(self) -> str:
        """File and line of the name."""
        span = self.span
        return f"{span.path}:{span.line}"


def candidates_of(snapshot: Snapshot, name: str) -> tuple[Candidate, ...]:
    """Return the distinct definitions of a name: the core's first, then by workspace.

    As in a view, an alias matches only if no step has that name.
    """
    return snapshot.recall(name, lambda: tuple(_defined(snapshot, name)))


def _defined(snapshot: Snapshot, name: str) -> list[Candidate]:
    core = snapshot.core.steps
    common = core.get(name) or snapshot.core.by_alias(name)
    found = {} if common is None else {id(common): Candidate(common, None)}
    # Where the core has the name, a view answers something else only for an own step of that name.
    asked = snapshot.owners.get(name, ()) if name in core else snapshot.workspaces
    for workspace in asked:
        view = snapshot.view(workspace)
        definition = view.steps.above.get(name) or (None if name in core else view.by_alias(name))
        if definition is not None:
            # An alias may lead a view to a step of the core that it hides nothing of: the core's it stays.
            owner = workspace if definition.name in view.steps.above else None
            found.setdefault(id(definition), Candidate(definition, owner))
    return sorted(found.values(), key=lambda one: one.workspace is not None)


def all_names(snapshot: Snapshot) -> tuple[str, ...]:
    """Return the step names of all views."""
    return tuple(dict.fromkeys((*snapshot.core.steps.order, *snapshot.owners)))
