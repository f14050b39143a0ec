"""What every workspace sees at one instant: the views together, immutable, with a digest of their content."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Any, TypeVar, final

from stepwell.layered_table import Immutable
from stepwell.model import Workspace
from stepwell.source.errors import UnknownWorkspace
from stepwell.source.spelling import closest
from stepwell.view import Code, View

__all__ = ["Snapshot"]

T = TypeVar("T")


@final
class Snapshot(Immutable):
    """Every view at one instant.

    Args:
        core: the view with no workspace.
        workspaces: what each ``workspace.yaml`` says, by id, ids sorted.
        views: the view of each workspace, by id; handed over, not copied, since it may make them late.
    """

    def __init__(self, core: View, workspaces: Mapping[str, Workspace], views: Mapping[str, View]) -> None:
        self.__dict__.update(
            core=core, workspaces=MappingProxyType(dict(workspaces)), _views=MappingProxyType(views)
        )

    core: View
    workspaces: Mapping[str, Workspace]
    _views: Mapping[str, View]

    def view(self, workspace: str | None = None) -> View:
        """What a workspace sees; the core view without one.

        Raises:
            UnknownWorkspace: with suggestions; never silently the core.
        """
        if workspace is None:
            return self.core
        try:
            return self._views[workspace]
        except KeyError:
            raise UnknownWorkspace(workspace, closest(workspace, self._views, 3)) from None

    def with_code(self, code: Code) -> Snapshot:
        """The same definitions over other sources; views that have these already stay what they are."""
        views = {one: self._views[one].with_code(code) for one in self.workspaces}
        core = self.core.with_code(code)
        if core is self.core and all(views[one] is self._views[one] for one in views):
            return self
        return Snapshot(core, self.workspaces, views)

    @cached_property
    def owners(self) -> Mapping[str, tuple[str, ...]]:
        """For every name that a workspace lays above the core's steps, the workspaces that do; ids sorted."""
        found: dict[str, list[str]] = {}
        for workspace in self.workspaces:
            for name in self._views[workspace].steps.above:
                if name in found:
                    found[name].append(workspace)
                else:
                    found[name] = [workspace]
        return MappingProxyType({name: tuple(ids) for name, ids in found.items()})

    def recall(self, name: str, work_out: Callable[[], tuple[T, ...]]) -> tuple[T, ...]:
        """What is worked out about a name once, and kept as long as the Snapshot is.

        Args:
            name: the name.
            work_out: gives it; nothing is kept where it gives nothing.
        """
        found: tuple[T, ...] | None = self._kept.get(name)
        if found is None:
            found = work_out()
            if found:
                self._kept[name] = found
        return found

    @cached_property
    def _kept(self) -> dict[str, Any]:
        return {}

    @property
    def digest(self) -> str:
        """A hash of every view and of what every workspace says of itself."""
        digest = hashlib.blake2b(self.core.digest.encode("ascii"), digest_size=16)
        for workspace_id, workspace in self.workspaces.items():
            digest.update(
                f"\n{workspace_id} {self._views[workspace_id].digest} {workspace.digest}".encode("ascii")
            )
        return digest.hexdigest()
