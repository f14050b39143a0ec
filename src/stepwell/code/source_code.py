"""Python sources of a project: locates components of steps and imports them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, final

from stepwell.code.load import make_findable
from stepwell.model import StepDefinition
from stepwell.model.component import COMPONENT_KINDS, CodePlace, Component, ComponentState
from stepwell.model.layer import Layer
from stepwell.model.settings import Project, References
from stepwell.source.fork_lock import ForkLock

if TYPE_CHECKING:
    from stepwell.code.declared import Declaring
    from stepwell.code.files import Installed
    from stepwell.code.import_worlds import Worlds
    from stepwell.code.lookup import ByName, Tier
    from stepwell.resolve.load import FindPlugins
    from stepwell.resolve.snapshot import Snapshot
    from stepwell.resolve.view import View
    from stepwell.source.python import SourceFile, SourceIndex
    from stepwell.source.seal import CachePlace

__all__ = [
    "SourceCode",
    "own_components",
    "own_folder",
    "own_implementations",
    "source_folders",
]


def own_folder(project: Project, workspace: str) -> str:
    """Return the source folder of a workspace, relative to the project."""
    return f"{project.settings.workspaces}/{workspace}/src"


def source_folders(project: Project, workspaces: Iterable[str]) -> tuple[str, ...]:
    """Return the folders to index: configured folders and ``src/`` of each workspace."""
    settings = project.settings
    of_references = (settings.references or References()).source
    own = (own_folder(project, workspace) for workspace in workspaces)
    return tuple(dict.fromkeys((*settings.component_folders, *of_references, *own)))


Progress = Callable[[int, int], None]


@final
class SourceCode:
    """Python sources of a project between two changes, read on first use.

    Args:
        cache: folder for outlines of files; ``None`` disables the cache.
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
        cache: CachePlace | None = None,
    ) -> None:
        self._project = project
        self._workspaces = tuple(workspaces)
        self._plugins = plugins
        self._cache = cache
        self._reading = ForkLock()
        self._index: SourceIndex | None = None
        self._tiers: dict[str | None, tuple[tuple[Tier, ...], ...]] = {}
        self._installed: tuple[Installed, ...] | None = None
        self._outlines: dict[str, SourceFile] = {}  # declared files outside the index
        self._worlds: Worlds | None = None
        make_findable(project)

    def index(self, progress: Progress | None = None) -> SourceIndex:
        """Return the index of all files, built on first use."""
        with self._reading:
            if self._index is None:
                from stepwell.source.python import index_sources

                folders = source_folders(self._project, self._workspaces)
                self._index = index_sources(self._project.root, folders, self._cache, progress)
            return self._index

    def components(self, workspace: str | None, step: StepDefinition) -> Mapping[str, Component]:
        """Return the location of every component of a step by kind, without running Python.

        Args:
            workspace: ``None`` for the core.
        """
        from stepwell.code.declared import Declaring

        declaring = Declaring(self._project, self._outline, self._of_packages())
        tiers = self._tiers_of(workspace)
        kinds = {kind: self._component(kind, step, declaring, tiers) for kind in COMPONENT_KINDS}
        return MappingProxyType(kinds)

    def implementation(self, step: StepDefinition) -> Component:
        """Return the location of a step's implementation, without running Python."""
        from stepwell.code.declared import Declaring
        from stepwell.code.implementation import implementation_of

        plugins = (
            () if all(source.layer is not Layer.PLUGIN for source in step.sources) else self._of_packages()
        )
        return implementation_of(step, Declaring(self._project, self._outline, plugins))

    def load(self, workspace: str | None, step: StepDefinition, component: Component) -> Any:
        """Import a component of a step: in the import world of its workspace, or from its package.

        Packages of the core that the process can import are imported from there, so that all code of the
        process has the same classes.

        Args:
            workspace: ``None`` for the core.

        Raises:
            ComponentError: the component is missing or ambiguous, or its import fails.
        """
        from stepwell.code.load import from_package, not_there

        place = component.place
        if place is None:
            raise not_there(workspace, step, component)
        if place.module:
            return from_package(workspace, place)
        path = f"{self._project.root}/{place.path}"
        module = self.worlds().importable(path)
        if module is not None:
            return from_package(workspace, replace(place, module=module))
        return self.worlds().world_of(workspace).load(path, place.name)

    def has_own(self, workspace: str) -> bool:
        """Return whether a workspace has own sources."""
        own = f"{own_folder(self._project, workspace)}/"
        return any(path.startswith(own) for path in self.index().files)

    def worlds(self) -> Worlds:
        """Return the import worlds, created on first use."""
        with self._reading:
            if self._worlds is None:
                from stepwell.code.import_worlds import Worlds

                settings = self._project.settings
                self._worlds = Worlds(self._project.root, settings.component_folders, settings.workspaces)
            return self._worlds

    def renew(self, changed: Iterable[str] | None, project: Project, workspaces: Iterable[str]) -> SourceCode:
        """Return the sources after a change; ``self`` if nothing differs.

        Args:
            changed: paths that may have changed, relative to the project; ``None`` for all.
        """
        current = tuple(workspaces)
        hints = None if changed is None else tuple(path for path in changed if not path.endswith(_NOT_CODE))
        same = current == self._workspaces and _location_settings(project) == _location_settings(
            self._project
        )
        if same and (hints is not None and not hints):
            return self
        with self._reading:
            after = SourceCode(project, current, self._plugins, self._cache)
            after._installed = (
                self._installed if _location_settings(project) == _location_settings(self._project) else None
            )
            differs = not same
            if self._index is not None:
                after._index = _renewed(self._index, hints, source_folders(project, current))
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

        file = self.index().files.get(path) or self._outlines.get(path)
        if file is None:
            file = self._outlines.setdefault(path, outline_file(self._project.root, path, real))
        return file

    def _of_packages(self) -> tuple[Installed, ...]:
        with self._reading:
            if self._installed is None:
                from stepwell.code.files import installed_sources

                plugins = self._plugins() if self._project.settings.plugins else ()
                self._installed = installed_sources(plugins) if plugins else ()
            return self._installed

    def _tiers_of(self, workspace: str | None) -> tuple[tuple[Tier, ...], ...]:
        """Return the tiers, nearest first: workspace, core, installed packages."""
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
            Tier(Files(package.sources), lambda _: True, Layer.PLUGIN, None, package.package)
            for package in self._of_packages()
        )
        return self._tiers.setdefault(None, ((Tier(Files(self.index()), is_core, Layer.CORE),), packages))

    def _component(
        self, kind: str, step: StepDefinition, declaring: Declaring, tiers: tuple[tuple[Tier, ...], ...]
    ) -> Component:
        from stepwell.code.declared import declarations

        wanted, by_name = self._by_name(kind, step, tiers)
        declared = declarations(step.sources, kind)
        if not declared:
            from stepwell.code.lookup import ENDINGS, near_file, unread_files
            from stepwell.source.python import matches

            references = self._project.settings.references
            component = _of_names(kind, wanted, by_name, unread_files(tiers))
            if component.state is ComponentState.NONE and kind in ENDINGS:
                near = near_file(kind, self._project.settings.naming.stem(step.name), tiers)
                hint = f"did you mean `components: {{{kind}: {near}}}`?" if near else ""
                return replace(component, help=hint)
            is_external = references is not None and matches(wanted, references.external)
            if is_external and component.state is ComponentState.MISSING:
                return Component(kind, ComponentState.NONE, None, wanted)
            return component
        source, value = declared[0]
        span = source.document.value_span(("components", kind))
        place, fault, hint = declaring.follow(source, value)
        if place is None:
            return Component(kind, ComponentState.MISSING, None, value, span, fault=fault, help=hint)
        lower = (declaring.follow(*declaration).place for declaration in declared[1:])
        below = (*(other for other in lower if other is not None), *by_name.places, *by_name.below)
        shadows = tuple(other for other in dict.fromkeys(below) if not _is_same(other, place))
        return Component(kind, ComponentState.DECLARED, place, value, span, shadows)

    def _by_name(
        self, kind: str, step: StepDefinition, tiers: tuple[tuple[Tier, ...], ...]
    ) -> tuple[str, ByName]:
        """Return the expected name of an undeclared component and its matches."""
        from stepwell.code.lookup import ENDINGS, ByName

        entry = (step.interface or {}).get("entry_point") if kind == "script" else None
        if entry is not None:
            of_entry = ByName.of_entry_point(entry, tiers, self._project.settings.component_folders)
            if of_entry.places:
                return entry, of_entry
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
"""Kinds with a declared name, which must exist."""


def _location_settings(project: Project) -> tuple[object, ...]:
    """Return the settings that determine where components are."""
    settings = project.settings
    references = settings.references
    return (
        settings.component_folders,
        (references.source, references.external) if references is not None else None,
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
    known = {path: file for path, file in fresh.files.items() if path.startswith(starts)}
    added = index_sources(index.root, (folder for folder in folders if folder not in index.folders))
    return SourceIndex(index.root, folders, {**known, **added.files}, fresh.parsed + added.parsed)


def _of_names(kind: str, wanted: str, matches: ByName, unread: str) -> Component:
    if len(matches.places) == 1:
        return Component(kind, ComponentState.FOUND, matches.places[0], wanted, shadows=matches.below)
    if matches.places:
        several = _enumerated(matches.places)
        fault = f"`{wanted}` matches {several}"
        hint = f"declare the right one: `components: {{{kind}: path/to/file.py:Name}}`"
        return Component(
            kind, ComponentState.AMBIGUOUS, None, wanted, candidates=matches.places, fault=fault, help=hint
        )
    if matches.fault:
        return Component(kind, ComponentState.MISSING, None, wanted, fault=matches.fault, help="fix the file")
    if wanted and kind in _NAMED:
        fault = f"no source file defines `{wanted}`"
        hint = f"define it, or declare its location: `components: {{{kind}: path/to/file.py:Name}}`"
        hint = f"{hint}; {unread}" if unread else hint
        return Component(kind, ComponentState.MISSING, None, wanted, fault=fault, help=hint)
    return Component(kind, ComponentState.NONE, None, wanted)


def _enumerated(places: Iterable[CodePlace]) -> str:
    *most, last = (place.shown for place in places)
    return f"{', '.join(most)} and {last}"


def _is_same(place: CodePlace, other: CodePlace) -> bool:
    return (place.path, place.name) == (other.path, other.name)


_NONE: Final[Mapping[str, Component]] = MappingProxyType({})


def own_components(snapshot: Snapshot, view: View) -> Iterator[tuple[StepDefinition, Component]]:
    """Yield the components of a view that differ from the core.

    Workspaces without own sources and views that were read without sources have none.
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
    """Yield the implementations of a view's own steps that differ from the core."""
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
