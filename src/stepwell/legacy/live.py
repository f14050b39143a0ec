"""What a Registry serves, as the old tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from stepwell.legacy.held import Held
from stepwell.source.diagnostic import Severity

if TYPE_CHECKING:
    from stepwell.legacy.tables import Tables
    from stepwell.live.registry import Registry
    from stepwell.model import StepDefinition
    from stepwell.source.spelling import Naming

__all__ = ["Live"]


@final
class Live:
    """The tables of a Registry, as it is at the moment of each look-up.

    Args:
        registry: which one.
    """

    __slots__ = ("_store", "held", "registry")

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self._store = registry._store  # noqa: SLF001 - a property costs more than the rest of a look-up
        self.held = Held(self._store, registry.snapshot, registry.project.settings, {})

    @property
    def default(self) -> str:
        """The project's ``[project] workspace``."""
        return self._current().settings.workspace

    @property
    def naming(self) -> Naming:
        """The project's ``[naming]``."""
        return self._current().settings.naming

    def workspaces(self) -> tuple[str, ...]:
        """The ids of the workspaces, sorted."""
        return tuple(self.registry.snapshot.workspaces)

    def tables(self, workspace: str | None) -> Tables:
        """The tables of a workspace; of the project's default without one.

        Raises:
            UnknownWorkspace: with suggestions and all that there are.
        """
        held = self.held
        if held.snapshot is not self.registry.snapshot:
            held = self._current()
        return held.tables.get(workspace) or held.make(workspace)

    def has_conflicts(self) -> bool:
        """Whether two of the views, the core's included, define a step of the tables differently."""
        snapshot = self.registry.snapshot
        first: dict[str, StepDefinition] = dict(snapshot.core.steps.above)
        for one in snapshot.workspaces:
            for name, step in snapshot.view(one).steps.above.items():
                if step.sagemaker_step_type is None:
                    continue
                known = first.setdefault(name, step)
                if known.sagemaker_step_type is None:
                    first[name] = step
                elif known is not step and known != step:
                    return True
        return False

    def _current(self) -> Held:
        """The tables of the Snapshot that is served now; those of views that stayed are kept."""
        held, snapshot = self.held, self.registry.snapshot
        if held.snapshot is snapshot:
            return held
        project = self.registry.project
        broken = any(found.severity is Severity.ERROR for found in project.diagnostics)
        stayed = held.snapshot.core is snapshot.core
        settings = held.settings if broken else project.settings
        self.held = renewed = Held(self._store, snapshot, settings, held.made.copy() if stayed else {})
        return renewed
