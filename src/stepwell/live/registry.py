"""The registry of a project: the entry point of the Python API."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum
from functools import cache as once
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, NoReturn, TypeVar, final

from stepwell.live.workspace_context import active_workspace
from stepwell.resolve import LoadResult, Summary
from stepwell.source.errors import ProjectError
from stepwell.source.immutable import Immutable, InNotebook

if TYPE_CHECKING:
    from datetime import date

    from stepwell.code import SourceCode
    from stepwell.live.health import Health
    from stepwell.live.register import Validator
    from stepwell.live.store import Event, RegistrySource, RenewedCode, Store, Subscription
    from stepwell.live.watch import Watch, WatchState
    from stepwell.model import PipelineDefinition, StepDefinition
    from stepwell.model.component import Component
    from stepwell.model.graph import Among, Pipeline
    from stepwell.model.settings import Project
    from stepwell.resolve.choose import Choose, Mode, Resolution
    from stepwell.resolve.conflicts import Conflict
    from stepwell.resolve.load import FindPlugins, Progress
    from stepwell.resolve.runtime_layer import Registration
    from stepwell.resolve.snapshot import Snapshot
    from stepwell.resolve.table import LayeredTable
    from stepwell.resolve.view import View
    from stepwell.source.diagnostic import Diagnostic
    from stepwell.source.seal import CachePlace

__all__ = ["InEffect", "Registry", "as_written", "only_read"]

T = TypeVar("T")

_NO_ENVIRONMENT: Mapping[str, str] = MappingProxyType({})

_GUESSES: Final = {
    "check": "`registry.diagnostics`, and `registry.reload()` before it to read the files again",
    "explain": "`registry.view().explain(step, field)`",
    "get": "`registry.view().get(name)`",
    "hyperparameters": "`registry.view().hyperparameters`",
    "providers": "`registry.view().providers`",
}
"""Suggestions for missing attributes."""


class InEffect(Enum):
    """Default of workspace arguments, as ``None`` is the core."""

    WORKSPACE = "the workspace in effect"

    def __repr__(self) -> str:
        return f"<{self.value}>"


@final
class _CodeOnDemand(Immutable):
    """Python sources of a registry, which few programs need."""

    def __init__(self, make: Callable[[], SourceCode]) -> None:
        self.__dict__["_make"] = make

    @cached_property
    def sources(self) -> SourceCode:
        """The sources, created on first use."""
        made: SourceCode = self.__dict__["_make"]()
        return made

    def components(self, workspace: str | None, step: StepDefinition) -> Mapping[str, Component]:
        return self.sources.components(workspace, step)

    def load(self, workspace: str | None, step: StepDefinition, component: Component) -> Any:
        return self.sources.load(workspace, step, component)

    def implementation(self, step: StepDefinition) -> Component:
        return self.sources.implementation(step)

    def has_own(self, workspace: str) -> bool:
        return self.sources.has_own(workspace)

    def renew(
        self, changed: Iterable[str] | None, project: Project, workspaces: Iterable[str]
    ) -> RenewedCode:
        renewed = self.sources.renew(changed, project, workspaces)
        return self if renewed is self.sources else renewed


@final
class Registry(InNotebook):
    """Definitions of a project, checked, layered and reloadable.

    Args:
        project: the project, or the result of loading it.
        today: returns the date for deprecations.
        environment: environment variables, which may set the default workspace.
        plugins: returns the installed plugins; called at most once.
        cache: place for outlines of Python files; ``None`` disables the cache.
        good: an earlier valid state, for views with errors; its own project if the project is missing.
        source: of a published registry, which has no Python sources.
    """

    __slots__ = (
        "_cache",
        "_code",
        "_environment",
        "_find",
        "_loaded",
        "_made",
        "_source",
        "_today",
        "_watch",
    )

    def __init__(
        self,
        project: Project | LoadResult,
        today: Callable[[], date],
        progress: Progress | None = None,
        environment: Mapping[str, str] = _NO_ENVIRONMENT,
        plugins: FindPlugins = tuple,
        cache: CachePlace | None = None,
        good: LoadResult | None = None,
        source: RegistrySource | None = None,
    ) -> None:
        self._environment = environment
        self._source = source
        self._today = today
        self._find = once(plugins)
        self._cache = cache
        self._watch: Watch | None = None
        self._made: dict[str, Store] = {}
        if isinstance(project, LoadResult):
            self._loaded = project
        elif good is not None and good.project is project:
            self._loaded = good
        else:
            from stepwell.resolve.load import load

            self._loaded = load(project, today(), progress, self._find)
        self._code = _CodeOnDemand(self._make_code) if source is None else None
        if good is not None:
            self._make_store(good)

    def _make_code(self) -> SourceCode:
        from stepwell.code import SourceCode

        return SourceCode(self._loaded.project, self._loaded.snapshot.workspaces, self._find, self._cache)

    def _make_store(self, good: LoadResult | None = None) -> Store:
        from stepwell.live.store import Store

        store = Store(self._loaded, self._today, self._find, self._code, good, self._source)
        return self._made.setdefault("store", store)

    @property
    def _store(self) -> Store:
        """The current state, built when more than the views is used for the first time."""
        return self._made.get("store") or self._make_store()

    def _current(self, which: Literal["good", "seen"]) -> LoadResult:
        """Return a load of the current state."""
        store = self._made.get("store")
        return self._loaded if store is None else getattr(store, which)

    def __repr__(self) -> str:
        counted = f"{len(self.snapshot.core)} core steps, {len(self.workspaces)} workspaces"
        return f"<Registry at {self.summary.root}: {counted}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a Registry cannot be pickled: send `registry.snapshot`, or open the project in the other process"
        )

    def __getitem__(self, name: str) -> StepDefinition:
        """Return a step of the active workspace: ``registry.view()[name]``.

        Raises:
            UnknownStep: with suggestions.
        """
        return self.view()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.view())

    if not TYPE_CHECKING:  # otherwise every attribute would type-check

        def __getattr__(self, name: str) -> NoReturn:
            hint = _GUESSES.get(name)
            message = f"a Registry has no attribute {name!r}{f': use {hint}' if hint else ''}"
            raise AttributeError(message, name=name, obj=self)

    @property
    def steps(self) -> LayeredTable[StepDefinition]:
        """Return the steps of the active workspace: ``registry.view().steps``."""
        return self.view().steps

    @property
    def pipelines(self) -> LayeredTable[PipelineDefinition]:
        """Return the pipelines of the active workspace: ``registry.view().pipelines``."""
        return self.view().pipelines

    @property
    def project(self) -> Project:
        """Return the project with the settings in use: the last valid ones."""
        return self._current("good").project

    @property
    def is_local(self) -> bool:
        """Whether the registry is read from files of this machine, and not published."""
        return self._source is None

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """Return all findings in the current files, in order.

        On opening, invalid definitions are skipped; later, a view with new errors keeps its last valid state.
        """
        return self._current("seen").diagnostics

    @property
    def summary(self) -> Summary:
        """Return the figures of the current files and views."""
        if not self._made and self._loaded.summary is not None:
            return self._loaded.summary
        snapshot, files = self.snapshot, self._current("seen").files
        views = {key: snapshot.view(key) for key in (None, *snapshot.workspaces)}
        steps = MappingProxyType({key: (len(view), len(view.steps.above)) for key, view in views.items()})
        findings = MappingProxyType({key: view.diagnostics for key, view in views.items()})
        settings = self.project.settings
        return Summary(
            self.project.root,
            files,
            steps,
            findings,
            settings.workspace,
            settings.references is not None,
            snapshot.view,
        )

    @property
    def files(self) -> int:
        """Return the number of files."""
        summary = None if self._made else self._loaded.summary
        return self._current("seen").files if summary is None else summary.files

    @property
    def code(self) -> SourceCode:
        """Return the Python sources of the project.

        Raises:
            ProjectError: the registry is published.
        """
        from stepwell.code import SourceCode

        if self._source is not None:
            raise only_read(self._source.url)
        code = self.snapshot.core.code
        if isinstance(code, _CodeOnDemand):
            return code.sources
        if not isinstance(code, SourceCode):
            raise TypeError("views of a registry have Python sources")
        return code

    @property
    def snapshot(self) -> Snapshot:
        """Return the current Snapshot with all views."""
        store = self._made.get("store")
        if store is not None:
            return store.snapshot
        if self._code is None:
            return self._loaded.snapshot
        snapshot = self._loaded.snapshot.with_code(self._code)
        if snapshot is not self._loaded.snapshot:
            self._loaded = self._loaded.replaced(snapshot=snapshot)
        return snapshot

    @property
    def workspaces(self) -> tuple[str, ...]:
        """Return the ids of all workspaces, sorted."""
        if not self._made and self._loaded.summary is not None:
            return tuple(key for key in self._loaded.summary.steps if key is not None)
        return tuple(self.snapshot.workspaces)

    @property
    def digest(self) -> str:
        """Return a hash of all definitions; equal content has the same digest on every machine."""
        return self.snapshot.digest

    @property
    def active_workspace(self) -> str | None:
        """Return the default workspace; ``None`` is the core.

        Sources by precedence: ``stepwell.workspace``, the environment, ``[project] workspace``.
        """
        return active_workspace(self._environment, self.summary.workspace)

    def view(self, workspace: str | InEffect | None = InEffect.WORKSPACE) -> View:
        """Return the view of a workspace: override, then local, then core.

        Args:
            workspace: id, or ``None`` for the core (default: the active workspace).

        Raises:
            UnknownWorkspace: with suggestions.
        """
        selected = self.active_workspace if isinstance(workspace, InEffect) else workspace
        return self.snapshot.view(selected)

    def resolve(
        self,
        name: str,
        workspace: str | InEffect | None = InEffect.WORKSPACE,
        framework: str | None = None,
        environment: Iterable[str] = (),
        mode: Mode = "automatic",
        strategy: str | None = None,
        choose: Choose | None = None,
        *,
        across: bool = False,
    ) -> Resolution:
        """Select one of several definitions of a step and explain the choice.

        Args:
            workspace: its definitions and preferences come first; ``None`` for no workspace (default: the
                active workspace).
            environment: tags of the target environment; any may match.
            mode: ``automatic`` breaks ties by order, ``strict`` rejects them, ``interactive`` calls
                ``choose``.
            strategy: first criterion (default: of the workspace, then of the definitions).
            choose: returns one of the tied candidates.
            across: without a workspace, also consider the overrides of workspaces, which are private to them.

        Raises:
            UnknownStep: with suggestions.
            UnknownWorkspace: with suggestions.
            UnknownStrategy: with suggestions.
            StrategyFailed: an installed strategy cannot be loaded or raises.
            AmbiguousStep: several candidates tie in strict mode.
            ValueError: the mode is invalid, ``choose`` is missing, or its result is not a candidate.
        """
        from stepwell.resolve.choose import resolve

        self._store.count("resolutions")
        return resolve(
            self._store.snapshot,
            name,
            workspace=self.active_workspace if isinstance(workspace, InEffect) else workspace,
            framework=framework,
            environment=environment,
            mode=mode,
            strategy=strategy,
            choose=choose,
            across=across,
        )

    def pipeline(self, name: str, *, workspace: str | InEffect | None = InEffect.WORKSPACE) -> Pipeline:
        """Return the graph of a pipeline, with inherited steps and steps of other workspaces.

        Args:
            workspace: ``None`` for the core (default: the active workspace).

        Raises:
            UnknownPipeline: with suggestions.
            UnknownWorkspace: with suggestions.
        """
        from stepwell.model.graph import Pipeline

        return Pipeline.from_view(self.view(workspace), name, self.among)

    @property
    def among(self) -> Among:
        """Return the context for resolving pipeline steps: views of workspaces and job types."""
        from stepwell.model.graph import Among

        snapshot = self.snapshot
        views = MappingProxyType({name: snapshot.view(name) for name in snapshot.workspaces})
        return Among(views, self.project.settings.naming.job_type_suffixes)

    def conflicts(self) -> tuple[Conflict, ...]:
        """Return every name with several definitions, sorted by name."""
        from stepwell.resolve.conflicts import conflicts

        return conflicts(self.snapshot)

    def reload(self) -> Event | None:
        """Read all files again; views with new errors keep their last valid state.

        Returns:
            The outcome, or ``None`` if nothing changed.
        """
        return self._store.reload()

    def subscribe(self, callback: Callable[[Event], object]) -> Subscription:
        """Call a function with every future Event, one at a time and in order.

        Exceptions are logged and affect neither the reload nor other subscribers.

        Raises:
            TypeError: the callback is not callable.
        """
        return self._store.subscribe(callback)

    def register(
        self,
        definition: StepDefinition | Mapping[str, Any] | str | None = None,
        implementation: Any = None,
        *,
        workspace: str | None = None,
        validator: Validator | None = None,
        replace: bool = False,
        metadata: Mapping[str, Any] = MappingProxyType({}),
        **fields: Any,
    ) -> Registration:
        """Register a step with precedence over all files, until it is removed or the registry is closed.

        Args:
            definition: step, fields of its file (copied), or only its name together with an implementation.
            implementation: ``StepType`` or function of the same form (default: as in the definition).
            workspace: visible only there (default: everywhere).
            validator: called with the step; a finding or an exception rejects it.
            replace: whether the step may hide another one of the same name.
            fields: fields of the step, ``register(name="Scoring", …)``, or more ``metadata``.

        Raises:
            TypeError: both a definition and ``fields`` are given.
            RegistrationError: with the findings of a file and of the implementation.
            UnknownWorkspace: with suggestions.
        """
        from stepwell.live.register import register

        if definition is None:
            if isinstance(implementation, str):  # name of an implementation, as in a file
                fields, implementation = {**fields, "implementation": implementation}, None
            definition = fields if implementation is None else fields.pop("name", "")
        if fields and isinstance(definition, str):
            metadata = {**metadata, **fields}
        elif fields and definition is not fields:
            raise TypeError(f"pass either a definition or its fields, got both: {', '.join(fields)}")
        return register(self._store, definition, workspace, validator, replace, implementation, metadata)

    def step_type(
        self,
        name: str,
        *,
        workspace: str | None = None,
        validator: Validator | None = None,
        replace: bool = False,
        metadata: Mapping[str, Any] = MappingProxyType({}),
    ) -> Callable[[T], T]:
        """Register a function or class as a step: ``@registry.step_type("shout")``.

        Args:
            workspace: visible only there (default: everywhere).
            validator: called with the step; a finding or an exception rejects it.
            replace: whether the step may hide another one of the same name.

        Raises:
            RegistrationError: see ``register``.
        """

        def registered(implementation: T) -> T:
            self.register(
                name,
                implementation,
                workspace=workspace,
                validator=validator,
                replace=replace,
                metadata=metadata,
            )
            return implementation

        return registered

    def health(self, *, components: bool = False) -> Health:
        """Return the health of the registry, with recommendations."""
        from stepwell.live.health import health

        return health(self._store, self.watching, components=components)

    def watch(self, poll: float | None = None, *, notify: Callable[[str], object] | None = None) -> Watch:
        """Watch the files: ``with registry.watch(): ...``, or ``start`` and ``stop``.

        Args:
            poll: seconds between two scans of all files (default: ``[watch] poll``, or file system events).
            notify: called with warnings.
        """
        from stepwell.live.watch import Watch

        self._watch = Watch(self._store, poll, notify)
        return self._watch

    @property
    def watching(self) -> WatchState | None:
        """Return the state of the latest ``watch``, if any."""
        return None if self._watch is None else self._watch.state


def only_read(url: str) -> ProjectError:
    """Return the error about something that a published registry cannot do."""
    return ProjectError(
        f"{url} is a published registry: `stepwell.open`, `list`, `show` and `explain` read it; only the "
        "project that it was published from has Python sources and can be edited or run"
    )


def as_written(registry: Registry) -> Snapshot:
    """Return all views with the valid fields of invalid definitions; only for further checks."""
    from stepwell.resolve.load import written_views

    return written_views(registry._store.seen).with_code(registry.code)  # noqa: SLF001 - no part of the public class
