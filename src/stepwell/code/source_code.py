"""The sources of a project at one instant: who asks where a part of a step is, or for the part itself."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, final

from stepwell.code.load import make_findable
from stepwell.model import StepDefinition
from stepwell.model.component import COMPONENT_KINDS, CodePlace, Component, ComponentState
from stepwell.model.layer import Layer
from stepwell.model.settings import Project, References
from stepwell.resolve.load import FindPlugins
from stepwell.resolve.snapshot import Snapshot
from stepwell.resolve.view import View

if TYPE_CHECKING:
    from stepwell.code.declared import Declaring
    from stepwell.code.files import Installed
    from stepwell.code.import_worlds import Worlds
    from stepwell.code.lookup import ByName, Tier
    from stepwell.source.python import SourceFile, SourceIndex

__all__ = [
    "SourceCode",
    "own_components",
    "own_folder",
    "own_implementations",
    "source_folders",
]


def own_folder(project: Project, workspace: str) -> str:
    """The folder of a workspace's own sources, relative to the project."""
    return f"{project.settings.workspaces}/{workspace}/src"


def source_folders(project: Project, workspaces: Iterable[str]) -> tuple[str, ...]:
    """The folders to index: those of the configuration, and the ``src/`` of each workspace."""
    settings = project.settings
    of_references = (settings.references or References()).source
    own = (own_folder(project, one) for one in workspaces)
    return tuple(dict.fromkeys((*settings.component_folders, *of_references, *own)))


Progress = Callable[[int, int], None]


@final
class SourceCode:
    """The Python sources of a project, from one change of them to the next; nothing is read until asked.

    Args:
        cache: a folder of the user in which what files define is kept; ``None`` to keep nothing.
    """

    __slots__ = (
        "_cache",
        "_index",
        "_installed",
        "_outlines",
        "_plugins",
        "_project",
        "_reading",
        "_tiers",
        "_workspaces",
        "_worlds",
    )

    def __init__(
        self,
        project: Project,
        workspaces: Iterable[str],
        plugins: FindPlugins = tuple,
        cache: str | None = None,
    ) -> None:
        self._project = project
        self._workspaces = tuple(workspaces)
        self._plugins = plugins
        self._cache = cache
        self._reading = threading.RLock()
        self._index: SourceIndex | None = None
        self._tiers: dict[str | None, tuple[tuple[Tier, ...], ...]] = {}
        self._installed: tuple[Installed, ...] | None = None
        self._outlines: dict[str, SourceFile] = {}  # of files that are declared and lie outside the index
        self._worlds: Worlds | None = None
        make_findable(project.root, project.settings.component_folders, project.settings.workspaces)

    def index(self, progress: Progress | None = None) -> SourceIndex:
        """What all files define, read when first asked for."""
        with self._reading:
            if self._index is None:
                from stepwell.source.python import index_sources

                folders = source_folders(self._project, self._workspaces)
                self._index = index_sources(self._project.root, folders, self._cache, progress)
            return self._index

    def components(self, workspace: str | None, step: StepDefinition) -> Mapping[str, Component]:
        """Where every part of a step is, by kind; no Python is run.

        Args:
            workspace: who sees it; ``None`` for the core.
        """
        from stepwell.code.declared import Declaring

        declaring = Declaring(self._project, self._outline, self._of_packages())
        tiers = self._tiers_of(workspace)
        found = {kind: self._component(kind, step, declaring, tiers) for kind in COMPONENT_KINDS}
        return MappingProxyType(found)

    def implementation(self, step: StepDefinition) -> Component:
        """Where what runs a step is, as its definition says; no Python is run."""
        from stepwell.code.declared import Declaring
        from stepwell.code.implementation import implementation_of

        plugins = () if all(one.layer is not Layer.PLUGIN for one in step.sources) else self._of_packages()
        return implementation_of(step, Declaring(self._project, self._outline, plugins))

    def load(self, workspace: str | None, step: StepDefinition, component: Component) -> Any:
        """Import a part of a step, in the workspace's own world.

        Args:
            workspace: who asks; ``None`` for the core.

        Raises:
            ComponentError: it is not there or could be several, or its import fails.
        """
        from stepwell.code.load import from_package, not_there

        place = component.place
        if place is None:
            raise not_there(workspace, step, component)
        if place.module:
            return from_package(workspace, place)
        return self.worlds().world_of(workspace).load(f"{self._project.root}/{place.path}", place.name)

    def has_own(self, workspace: str) -> bool:
        """Whether a workspace has any sources of its own."""
        own = f"{own_folder(self._project, workspace)}/"
        return any(path.startswith(own) for path in self.index().files)

    def worlds(self) -> Worlds:
        """The import worlds of the workspaces and of the core, made when first asked for."""
        with self._reading:
            if self._worlds is None:
                from stepwell.code.import_worlds import Worlds

                settings = self._project.settings
                self._worlds = Worlds(self._project.root, settings.component_folders, settings.workspaces)
            return self._worlds

    def renew(self, changed: Iterable[str] | None, project: Project, workspaces: Iterable[str]) -> SourceCode:
        """The sources after a change: themselves where nothing differs for anybody who asked.

        Args:
            changed: files and folders that may have changed, relative to the project; ``None`` for all.
        """
        there = tuple(workspaces)
        hints = None if changed is None else tuple(one for one in changed if not one.endswith(_NOT_CODE))
        same = there == self._workspaces and _said(project) == _said(self._project)
        if same and (hints is not None and not hints):
            return self
        with self._reading:
            after = SourceCode(project, there, self._plugins, self._cache)
            after._installed = self._installed if _said(project) == _said(self._project) else None
            differs = not same
            if self._index is not None:
                after._index = _renewed(self._index, hints, source_folders(project, there))
                if after._index.files == self._index.files and same:
                    after._index, after._tiers = self._index, self._tiers
                else:
                    differs = True
            if self._worlds is not None:
                settings = project.settings
                after._worlds = self._worlds.renew(hints, settings.component_folders, settings.workspaces)
                differs = differs or bool(after._worlds.renewed)
            if differs or self._outlines_differ():
                return after
            return self

    def _outlines_differ(self) -> bool:
        from stepwell.code.files import outline_file

        known = self._outlines.items()
        return any(outline_file(self._project.root, path, file.real) != file for path, file in known)

    def _outline(self, path: str, real: str) -> SourceFile:
        from stepwell.code.files import outline_file

        found = self.index().files.get(path) or self._outlines.get(path)
        if found is None:
            found = self._outlines.setdefault(path, outline_file(self._project.root, path, real))
        return found

    def _of_packages(self) -> tuple[Installed, ...]:
        with self._reading:
            if self._installed is None:
                from stepwell.code.files import installed_sources

                served = self._plugins() if self._project.settings.plugins else ()
                self._installed = installed_sources(served) if served else ()
            return self._installed

    def _tiers_of(self, workspace: str | None) -> tuple[tuple[Tier, ...], ...]:
        """Where to look, the nearest first: the workspace, the core, the installed packages."""
        known = self._tiers.get(workspace)
        if known is not None:
            return known
        from stepwell.code.lookup import Files, Tier

        settings = self._project.settings
        if workspace is not None:
            lower = self._tiers_of(None)
            own = f"{own_folder(self._project, workspace)}/"
            mine = Tier(lower[0][0].files, lambda file: file.path.startswith(own), Layer.LOCAL, workspace)
            return self._tiers.setdefault(workspace, ((mine,), *lower))
        core = tuple(f"{folder}/" for folder in settings.component_folders)
        others = f"{settings.workspaces}/"

        def is_core(file: SourceFile) -> bool:
            return file.path.startswith(core) and not file.path.startswith(others)

        packages = tuple(
            Tier(Files(one.sources), lambda _: True, Layer.PLUGIN, None, one.package)
            for one in self._of_packages()
        )
        return self._tiers.setdefault(None, ((Tier(Files(self.index()), is_core, Layer.CORE),), packages))

    def _component(
        self, kind: str, step: StepDefinition, declaring: Declaring, tiers: tuple[tuple[Tier, ...], ...]
    ) -> Component:
        from stepwell.code.declared import declarations

        wanted, found = self._by_name(kind, step, tiers)
        declared = declarations(step.sources, kind)
        if not declared:
            from stepwell.code.lookup import unread_files

            return _of_names(kind, wanted, found, unread_files(tiers))
        source, value = declared[0]
        span = source.document.value_span(("components", kind))
        place, fault, hint = declaring.follow(source, value)
        if place is None:
            return Component(kind, ComponentState.MISSING, None, value, span, fault=fault, help=hint)
        lower = (declaring.follow(*one).place for one in declared[1:])
        below = (*(one for one in lower if one is not None), *found.places, *found.below)
        shadows = tuple(one for one in dict.fromkeys(below) if not _is_same(one, place))
        return Component(kind, ComponentState.DECLARED, place, value, span, shadows)

    def _by_name(
        self, kind: str, step: StepDefinition, tiers: tuple[tuple[Tier, ...], ...]
    ) -> tuple[str, ByName]:
        """What a part is called where nothing declares it, and what is found under that."""
        from stepwell.code.lookup import ENDINGS, ByName

        if kind in ENDINGS:
            stem = self._project.settings.naming.stem(step.name)
            how = ENDINGS[kind]
            return f"{how.folder}/{stem}{how.ending}", ByName.of_file(kind, stem, tiers)
        if kind == "hyperparameters":
            name: str | None = f"{step.name}Hyperparameters"
        else:
            name = step.builder_step_name if kind == "builder" else step.config_class
        if name is None:
            return "", ByName((), ())
        return name, ByName.of_class(name, tiers)


_NOT_CODE: Final = (".yaml", ".yml", ".toml")
_NAMED: Final = frozenset({"builder", "config"})
"""The kinds whose names a step always says, so that it is a fault when they are nowhere."""


def _said(project: Project) -> tuple[object, ...]:
    """What of the settings decides where components are."""
    settings = project.settings
    references = settings.references
    return (
        settings.component_folders,
        references.source if references is not None else None,
        settings.workspaces,
        settings.naming,
        settings.plugins,
    )


def _renewed(index: SourceIndex, hints: tuple[str, ...] | None, folders: tuple[str, ...]) -> SourceIndex:
    from stepwell.source.python import SourceIndex, index_sources

    fresh = index.refresh(index.folders if hints is None else hints)
    if folders == index.folders:
        return fresh
    starts = tuple(f"{folder}/" for folder in folders)
    kept = {path: file for path, file in fresh.files.items() if path.startswith(starts)}
    added = index_sources(index.root, (one for one in folders if one not in index.folders))
    return SourceIndex(index.root, folders, {**kept, **added.files}, fresh.parsed + added.parsed)


def _of_names(kind: str, wanted: str, found: ByName, unread: str) -> Component:
    if len(found.places) == 1:
        return Component(kind, ComponentState.FOUND, found.places[0], wanted, shadows=found.below)
    if found.places:
        several = _either(found.places)
        fault = f"`{wanted}` could be {several}"
        hint = f"declare the one that is meant: `components: {{{kind}: path/to/file.py:Name}}`"
        return Component(
            kind, ComponentState.AMBIGUOUS, None, wanted, candidates=found.places, fault=fault, help=hint
        )
    if found.fault:
        return Component(kind, ComponentState.MISSING, None, wanted, fault=found.fault, help="mend the file")
    if wanted and kind in _NAMED:
        fault = f"no file of the sources defines `{wanted}`"
        hint = f"define it, or declare where it is: `components: {{{kind}: path/to/file.py:Name}}`"
        hint = f"{hint}; {unread}" if unread else hint
        return Component(kind, ComponentState.MISSING, None, wanted, fault=fault, help=hint)
    return Component(kind, ComponentState.NONE, None, wanted)


def _either(places: Iterable[CodePlace]) -> str:
    *most, last = (one.shown for one in places)
    return f"{', '.join(most)} or {last}"


def _is_same(one: CodePlace, other: CodePlace) -> bool:
    return (one.path, one.name) == (other.path, other.name)


_NONE: Final[Mapping[str, Component]] = MappingProxyType({})


def own_components(snapshot: Snapshot, view: View) -> Iterator[tuple[StepDefinition, Component]]:
    """The parts of a view's steps, but for those that the core's view has just so.

    What a workspace inherits can differ only where it has sources of its own. A view that was read
    without sources has no parts.
    """
    if view.code is None:
        return
    core = snapshot.core
    has_own = view.workspace is not None and view.code.has_own(view.workspace)
    for name in view.steps if has_own else view.steps.above:
        step = view.steps[name]
        below = core.components(name) if view is not core and name in core.steps else _NONE
        for kind, component in view.components(name).items():
            if below.get(kind) != component:
                yield step, component


def own_implementations(snapshot: Snapshot, view: View) -> Iterator[tuple[StepDefinition, Component]]:
    """What runs a view's own steps, but for what they inherit from the core."""
    if view.code is None:
        return
    below = snapshot.core.steps if view is not snapshot.core else _NO_STEPS
    for name, step in view.steps.above.items():
        if step.implementation is not None:
            component = view.code.implementation(step)
            core = below.get(name)
            if core is None or snapshot.core.implementation(name) != component:
                yield step, component


_NO_STEPS: Final[Mapping[str, StepDefinition]] = MappingProxyType({})
