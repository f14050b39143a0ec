"""A declarative registry of pipeline steps.

>>> registry = stepwell.open(".")
>>> registry.view("alice")["XGBoostTraining"].config_class

Open a project     open, Registry, Snapshot, View
Definitions        StepDefinition, HyperparameterDefinition, ProviderDefinition, PipelineDefinition, Workspace
Findings           Diagnostic, Severity, Span, Related
Origins            Explanation, Origin, Layer
Several of a name  Resolution, Candidate, Conflict
While it runs      Event, Changes, ViewChanges, Subscription, Registration, Health
Pipelines          Pipeline
Running steps      Executor, Context, StepResult, StepError, RunContext
Active workspace   workspace, set_workspace, clear_workspace, current_workspace
Errors             StepwellError and its subclasses
"""

import os
import sys

if sys.argv[:1] == ["-m"] and "stepwell" in sys.orig_argv and sys.path[:1] in ([""], [os.getcwd()]):
    # `python -m stepwell`, as the command `stepwell` and as `python -P`: no module of the working directory
    # replaces a module of Python. This comes before any import that is not part of the interpreter.
    del sys.path[0]

from datetime import date
from importlib import import_module
from typing import TYPE_CHECKING, Final, Literal

from stepwell.source.errors import (
    AmbiguousStep,
    ComponentError,
    ExtensionError,
    NoProvider,
    PipelineError,
    ProjectError,
    RegistrationError,
    RevisionError,
    StepwellError,
    StrategyFailed,
    UnknownPipeline,
    UnknownProvider,
    UnknownStep,
    UnknownStrategy,
    UnknownWorkspace,
)
from stepwell.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable

    from stepwell.live.health import Health
    from stepwell.live.registry import Registry
    from stepwell.live.store import Event, Subscription
    from stepwell.live.workspace_context import clear_workspace, current_workspace, set_workspace, workspace
    from stepwell.model import (
        HyperparameterDefinition,
        PipelineDefinition,
        ProviderDefinition,
        StepDefinition,
        Workspace,
    )
    from stepwell.model.graph import Pipeline
    from stepwell.model.layer import Layer, Origin
    from stepwell.model.step_type import RunContext
    from stepwell.resolve.choose import Resolution
    from stepwell.resolve.conflicts import Conflict
    from stepwell.resolve.provenance import Explanation
    from stepwell.resolve.runtime_layer import Registration
    from stepwell.resolve.snapshot import Changes, Snapshot, ViewChanges
    from stepwell.resolve.strategies import Candidate
    from stepwell.resolve.view import View
    from stepwell.run.steps import Context, Executor, StepError, StepResult
    from stepwell.source.diagnostic import Diagnostic, Related, Severity, Span

__all__ = [
    "AmbiguousStep",
    "Candidate",
    "Changes",
    "ComponentError",
    "Conflict",
    "Context",
    "Diagnostic",
    "Event",
    "Executor",
    "Explanation",
    "ExtensionError",
    "Health",
    "HyperparameterDefinition",
    "Layer",
    "NoProvider",
    "Origin",
    "Pipeline",
    "PipelineDefinition",
    "PipelineError",
    "ProjectError",
    "ProviderDefinition",
    "Registration",
    "RegistrationError",
    "Registry",
    "Related",
    "Resolution",
    "RevisionError",
    "RunContext",
    "Severity",
    "Snapshot",
    "Span",
    "StepDefinition",
    "StepError",
    "StepResult",
    "StepwellError",
    "StrategyFailed",
    "Subscription",
    "UnknownPipeline",
    "UnknownProvider",
    "UnknownStep",
    "UnknownStrategy",
    "UnknownWorkspace",
    "View",
    "ViewChanges",
    "Workspace",
    "__version__",
    "clear_workspace",
    "current_workspace",
    "open",
    "set_workspace",
    "workspace",
]

_MODULES: Final = {
    "live.health": ("Health",),
    "live.registry": ("Registry",),
    "live.store": ("Event", "Subscription"),
    "live.workspace_context": ("clear_workspace", "current_workspace", "set_workspace", "workspace"),
    "model": (
        "HyperparameterDefinition",
        "PipelineDefinition",
        "ProviderDefinition",
        "StepDefinition",
        "Workspace",
    ),
    "model.graph": ("Pipeline",),
    "model.layer": ("Layer", "Origin"),
    "model.step_type": ("RunContext",),
    "resolve.strategies": ("Candidate",),
    "resolve.choose": ("Resolution",),
    "resolve.conflicts": ("Conflict",),
    "resolve.provenance": ("Explanation",),
    "resolve.runtime_layer": ("Registration",),
    "resolve.snapshot": ("Changes", "Snapshot", "ViewChanges"),
    "resolve.view": ("View",),
    "run.steps": ("Context", "Executor", "StepError", "StepResult"),
    "source.diagnostic": ("Diagnostic", "Related", "Severity", "Span"),
}
_MODULE_OF: Final = {name: module for module, names in _MODULES.items() for name in names}
"""Where a public name is defined; ``import stepwell`` alone loads none of these modules."""


def __getattr__(name: str) -> object:
    module = _MODULE_OF.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{module}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def open(  # noqa: A001
    path: str | os.PathLike[str] = ".",
    *,
    today: date | None = None,
    fallback: Literal["skip", "last-good"] = "skip",
    lock: str | os.PathLike[str] | None = None,
    public_key: str | os.PathLike[str] | None = None,
    timeout: float = 60.0,
) -> "Registry":
    """Open the project that a folder belongs to, found by walking up from it, or a published registry.

    Args:
        path: the folder, or the URL of a published registry (``s3://``, ``https://``, ``file://``, …). Its
            last valid version is kept on this machine, and served with a ``RuntimeWarning`` if the URL cannot
            be read.
        today: the date that deprecations are compared with (default: the machine's date).
        fallback: ``skip`` invalid definitions, or serve the ``last-good`` version of views with errors and of
            a missing project, with a ``RuntimeWarning``; every valid version is stored for this.
        lock: file with the only version of a published registry to accept (default: ``STEPWELL_LOCK``).
        public_key: file with the key of a required signature (default: ``STEPWELL_PUBLIC_KEY``).
        timeout: seconds to read one file of a published registry.

    Raises:
        ProjectError: only when there is no project, or no valid version of a published registry; what is
            wrong with its files is in ``registry.diagnostics``.
        ValueError: unknown fallback, or a lock or key for a folder.
    """
    clock: "Callable[[], date]" = (lambda: today) if today else date.today
    if fallback not in ("skip", "last-good"):
        raise ValueError(f"fallback must be `skip` or `last-good`, got {fallback!r}")
    if isinstance(path, str) and "://" in path:
        from stepwell.write.remote_registry import open_remote

        return open_remote(path, clock, os.environ, _warn, lock, public_key, timeout)
    if lock is not None or public_key is not None:
        raise ValueError("`lock` and `public_key` need the URL of a published registry, got a folder")
    from stepwell.code.load import make_findable
    from stepwell.live.registry import Registry
    from stepwell.resolve.project_cache import cache_options, installed_plugins, load_cached
    from stepwell.source.tree import find_project

    if fallback == "last-good":
        from stepwell.write.last_good import open_last_good

        return open_last_good(os.path.abspath(path), clock, os.environ, installed_plugins, _warn)
    root, options = find_project(os.path.abspath(path)), cache_options(os.environ)
    loaded, place = load_cached(root, clock(), options), options.place_of(root)
    registry = Registry(loaded, clock, environment=os.environ, plugins=installed_plugins, cache=place)
    make_findable(registry.project)
    return registry


def _warn(message: str) -> None:
    import warnings

    warnings.warn(message, RuntimeWarning, stacklevel=4)
