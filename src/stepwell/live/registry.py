"""The registry as Python code meets it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from enum import Enum
from functools import cache as once
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar, final

from stepwell.code import SourceCode
from stepwell.live.store import Event, Store, Subscription
from stepwell.live.workspace_context import active_workspace
from stepwell.model.settings import Project
from stepwell.resolve.load import FindPlugins, Progress, load
from stepwell.resolve.snapshot import Snapshot
from stepwell.resolve.view import View
from stepwell.source.diagnostic import Diagnostic

if TYPE_CHECKING:
    from stepwell.live.health import Health
    from stepwell.live.register import Validator
    from stepwell.live.watch import Watch, WatchState
    from stepwell.model import PipelineDefinition, StepDefinition
    from stepwell.model.graph import Among, Pipeline
    from stepwell.resolve.choose import Choose, Mode, Resolution
    from stepwell.resolve.conflicts import Conflict
    from stepwell.resolve.runtime_layer import Registration
    from stepwell.resolve.table import LayeredTable

__all__ = ["InEffect", "Registry"]

T = TypeVar("T")

logging.getLogger("stepwell").addHandler(logging.NullHandler())  # silent until somebody listens

_NO_ENVIRONMENT: Mapping[str, str] = MappingProxyType({})

_GUESSES: Final = {
    "check": "`registry.diagnostics`, and `registry.reload()` before it to read the files again",
    "explain": "`registry.view().explain(step, field)`",
    "get": "`registry.view().get(name)`",
    "hyperparameters": "`registry.view().hyperparameters`",
    "providers": "`registry.view().providers`",
}
"""What to use for an attribute that a user may look for."""


class InEffect(Enum):
    """Stands for a workspace that the caller does not name; ``None`` names the core."""

    WORKSPACE = "the workspace in effect"

    def __repr__(self) -> str:
        return f"<{self.value}>"


@final
class Registry:
    """A project's definitions, read, checked and layered; kept right while they change.

    Args:
        today: gives the date to hold deprecations against.
        environment: the environment variables, which may name the workspace in effect.
        plugins: finds what installed packages bring; asked once, unless the project serves none.
        cache: a folder of the user in which what Python files define is kept; ``None`` to keep nothing.
    """

    __slots__ = ("_environment", "_store", "_watch")

    def __init__(
        self,
        project: Project,
        today: Callable[[], date],
        progress: Progress | None = None,
        environment: Mapping[str, str] = _NO_ENVIRONMENT,
        plugins: FindPlugins = tuple,
        cache: str | None = None,
    ) -> None:
        self._environment = environment
        find = once(plugins)
        loaded = load(project, today(), progress, find)
        code = SourceCode(project, loaded.layout.workspaces, find, cache)
        self._store = Store(loaded, today, find, code)
        self._watch: Watch | None = None

    def __repr__(self) -> str:
        counted = f"{len(self.snapshot.core)} core steps, {len(self.workspaces)} workspaces"
        return f"<Registry at {self.project.root}: {counted}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a Registry stays in its process: send `registry.snapshot`, or open the project there"
        )

    def __getitem__(self, name: str) -> StepDefinition:
        """The step that the workspace in effect sees: ``registry.view()[name]``.

        Raises:
            UnknownStep: with suggestions.
        """
        return self.view()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.view())

    if not TYPE_CHECKING:  # else any attribute would seem to exist

        def __getattr__(self, name: str) -> NoReturn:
            hint = _GUESSES.get(name)
            told = f"a Registry has no attribute {name!r}{f': use {hint}' if hint else ''}"
            raise AttributeError(told, name=name, obj=self)

    @property
    def steps(self) -> LayeredTable[StepDefinition]:
        """The steps that the workspace in effect sees: ``registry.view().steps``."""
        return self.view().steps

    @property
    def pipelines(self) -> LayeredTable[PipelineDefinition]:
        """The pipelines that the workspace in effect sees: ``registry.view().pipelines``."""
        return self.view().pipelines

    @property
    def project(self) -> Project:
        """The project that it was read from, as it was last read."""
        return self._store.seen.project

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """All that is found in the files as they were last read, in order.

        At first a definition with errors is left out, and the rest serve; later a reload that brings a
        new error is told here and not served.
        """
        return self._store.seen.diagnostics

    @property
    def files(self) -> int:
        """How many files were read."""
        return self._store.seen.files

    @property
    def code(self) -> SourceCode:
        """The project's Python sources at this instant, in which the parts of its steps lie."""
        code = self._store.snapshot.core.code
        if not isinstance(code, SourceCode):
            raise TypeError("the registry's own views have its sources")
        return code

    @property
    def snapshot(self) -> Snapshot:
        """Every view at this instant."""
        return self._store.snapshot

    @property
    def workspaces(self) -> tuple[str, ...]:
        """The ids of all workspaces, sorted."""
        return tuple(self._store.snapshot.workspaces)

    @property
    def digest(self) -> str:
        """A hash of everything that is served: equal content gives an equal digest, on any machine."""
        return self._store.snapshot.digest

    @property
    def active_workspace(self) -> str | None:
        """The workspace in effect where a caller names none; ``None`` for the core.

        The context comes first (``stepwell.workspace``), then the environment, then the project's
        ``[project] workspace``.
        """
        return active_workspace(self._environment, self._store.seen.project.settings.workspace)

    def view(self, workspace: str | InEffect | None = InEffect.WORKSPACE) -> View:
        """What a workspace sees: override, then local, then core.

        Args:
            workspace: its id, or ``None`` for the core alone; the workspace in effect when left out.

        Raises:
            UnknownWorkspace: with suggestions; never silently the core.
        """
        chosen = self.active_workspace if isinstance(workspace, InEffect) else workspace
        return self._store.snapshot.view(chosen)

    def resolve(
        self,
        name: str,
        workspace: str | InEffect | None = InEffect.WORKSPACE,
        framework: str | None = None,
        environment: Iterable[str] = (),
        mode: Mode = "automatic",
        strategy: str | None = None,
        choose: Choose | None = None,
    ) -> Resolution:
        """Choose which of several definitions a name stands for, and say why.

        Args:
            workspace: who asks: what it sees comes first, and what it prefers counts. The workspace in
                effect when left out, nobody in particular when ``None``.
            environment: where the step is to run, any of these tags.
            mode: ``automatic`` breaks a tie by the order of candidates and says so, ``strict`` refuses it,
                ``interactive`` puts it to ``choose``.
            strategy: what to choose by first; the workspace's, or else the definitions', when left out.
            choose: given the candidates that tie, gives one of them.

        Raises:
            UnknownStep: nobody defines the name; with suggestions.
            UnknownWorkspace: with suggestions.
            UnknownStrategy: with suggestions.
            StrategyFailed: the strategy of an installed package cannot be loaded, or fails.
            AmbiguousStep: nothing tells some candidates apart, and the mode is strict.
            ValueError: there is no such mode, ``choose`` is missing, or what it gives is no candidate.
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
        )

    def pipeline(self, name: str, *, workspace: str | InEffect | None = InEffect.WORKSPACE) -> Pipeline:
        """The graph of a pipeline, with all that it extends and the steps of other workspaces that it names.

        Args:
            workspace: whose view; the workspace in effect when left out, the core when ``None``.

        Raises:
            UnknownPipeline: with suggestions.
            UnknownWorkspace: with suggestions.
        """
        from stepwell.model.graph import Pipeline

        return Pipeline.from_view(self.view(workspace), name, self.among)

    @property
    def among(self) -> Among:
        """What the steps of pipelines may be named by, besides their own view."""
        from stepwell.model.graph import Among

        snapshot = self._store.snapshot
        views = MappingProxyType({one: snapshot.view(one) for one in snapshot.workspaces})
        return Among(views, self._store.seen.project.settings.naming.job_type_suffixes)

    def conflicts(self) -> tuple[Conflict, ...]:
        """Every name that has more than one definition, with all of them, the core's included; by name."""
        from stepwell.resolve.conflicts import conflicts

        return conflicts(self._store.snapshot)

    def reload(self) -> Event | None:
        """Read all files again, and serve what they say if they bring no new error.

        Returns:
            What happened; ``None`` when the files say what they said.
        """
        return self._store.reload()

    def subscribe(self, callback: Callable[[Event], object]) -> Subscription:
        """Call a function with every Event from now on, one at a time and in order.

        What it raises is logged, and stops neither the reload nor other subscribers.

        Raises:
            TypeError: it cannot be called.
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
        """Lay a step over all files, for as long as this registry lives or until it is taken back.

        Args:
            definition: the step, or the fields of its file, which are copied; or its name alone, where what
                runs it is given.
            implementation: what runs it, a ``StepType`` or a function of the same form; left out, what its
                definition names.
            workspace: who sees it; left out, everybody does.
            validator: called with the step; what it raises, and every finding it gives, refuses it.
            replace: whether it may hide a step of its name.
            fields: the fields of the step in place of a mapping, ``register(name="Scoring", …)``; or more of
                ``metadata``.

        Raises:
            TypeError: a whole definition is given, and ``fields`` too.
            RegistrationError: with the findings that a file would have got, and why the implementation
                does not fit.
            UnknownWorkspace: with suggestions.
        """
        from stepwell.live.register import register

        if definition is None:
            if isinstance(implementation, str):  # the name of what runs it, as in a file
                fields, implementation = {**fields, "implementation": implementation}, None
            definition = fields if implementation is None else fields.pop("name", "")
        if fields and isinstance(definition, str):
            metadata = {**metadata, **fields}
        elif fields and definition is not fields:
            raise TypeError(f"register takes a definition or its fields, not both: {', '.join(fields)}")
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
        """Register the function or class that follows as what runs a step: ``@registry.step_type("shout")``.

        Args:
            workspace: who sees it; left out, everybody does.
            validator: called with the step; what it raises, and every finding it gives, refuses it.
            replace: whether it may hide a step of its name.

        Raises:
            RegistrationError: as ``register``, where the function or class stands.
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
        """How it stands with the registry at this instant, and what to do about it."""
        from stepwell.live.health import health

        return health(self._store, self.watching, components=components)

    def watch(self, poll: float | None = None, *, tell: Callable[[str], object] | None = None) -> Watch:
        """Follow the files: ``with registry.watch(): ...``, or ``start`` and ``stop`` of the answer.

        Args:
            poll: seconds between two looks at all files; left out, ``[watch] poll`` of the settings says
                it, and without that the file system's events are waited for.
        """
        from stepwell.live.watch import Watch

        self._watch = Watch(self._store, poll, tell)
        return self._watch

    @property
    def watching(self) -> WatchState | None:
        """What the latest ``watch`` does at this instant; ``None`` when there was none."""
        return None if self._watch is None else self._watch.state
