"""Old builder registry on top of the live registry; builders are loaded lazily.

A step is supported if its builder is in the sources of the current workspace: a config's ``workspace_id``,
or the context, the environment or the project's settings. Only the sources of a workspace are isolated;
builders of a package that the process can import are imported from it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeVar

from stepwell.frontends.legacy.exceptions import RegistryError
from stepwell.frontends.legacy.project import registry, tables_in, workspace_in_effect
from stepwell.frontends.legacy.tables import live_table
from stepwell.source.errors import ComponentError, ProjectError

if TYPE_CHECKING:
    from stepwell.resolve.view import View

__all__ = [
    "REVERSE_BUILDER_MAPPING",
    "StepBuilderRegistry",
    "get_global_registry",
    "list_global_step_types",
    "register_builder",
    "register_global_builder",
]

B = TypeVar("B", bound=type)

_log = logging.getLogger("stepwell.legacy")

_OLD_ALIASES: Final = MappingProxyType(
    {
        "MIMSPackaging": "Package",
        "MIMSPayload": "Payload",
        "ModelRegistration": "Registration",
        "PytorchModel": "PyTorchModel",
        "PytorchTraining": "PyTorchTraining",
    }
)
"""Old names of step types."""

REVERSE_BUILDER_MAPPING: dict[str, str] = live_table(
    "REVERSE_BUILDER_MAPPING", lambda: {builder: name for name, builder in tables_in(None).builders.items()}
)
"""Builder classes to step names."""

_CLASS_WIDE: Final[dict[str, type | None]] = {}
"""Builders of all registries that differ from the sources, ``None`` for removed ones."""


def _builders() -> dict[str, type]:
    builders = {**StepBuilderRegistry.discover_builders(), **_CLASS_WIDE}
    return {step_type: builder for step_type, builder in builders.items() if builder is not None}


def _replace_builders(content: dict[str, type]) -> None:
    builders = StepBuilderRegistry.discover_builders()
    _CLASS_WIDE.clear()
    _CLASS_WIDE.update({name: None for name in builders if name not in content})
    _CLASS_WIDE.update({name: each for name, each in content.items() if builders.get(name) is not each})


class StepBuilderRegistry:
    """Builders by step type: registered ones and those of the live registry."""

    BUILDER_REGISTRY: ClassVar[dict[str, type]] = live_table(
        "BUILDER_REGISTRY", _builders, _replace_builders, None
    )
    LEGACY_ALIASES: ClassVar[dict[str, str]] = dict(_OLD_ALIASES)

    def __init__(self) -> None:
        self._custom_builders: dict[str, type] = {}
        self._writing = threading.Lock()
        self.logger = _log

    @classmethod
    def register_builder_class(
        cls,
        step_type: str,
        builder_class: type,
        validation_mode: str = "warn",  # noqa: ARG003 - as it was
    ) -> list[str]:
        """Register a class as the builder of a step type in all registries.

        Args:
            validation_mode: ignored; ``stepwell check`` validates definitions.

        Returns:
            The warnings, of which there are none.

        Raises:
            ValueError: the step type is empty, or the builder is no class.
        """
        _CLASS_WIDE[_valid(step_type, builder_class)] = builder_class
        return []

    @classmethod
    def discover_builders(cls) -> dict[str, type]:
        """Return every builder in the sources that can be loaded by step type, and log the others."""
        view = _view(None)
        builders: dict[str, type] = {}
        for step_type in _with_builder(view):
            try:
                builders[step_type] = _load(view, step_type)
            except ComponentError as error:  # noqa: PERF203 - one builder that fails hides no other
                _log.warning("No step builder found for step type: %s: %s", step_type, error)
        return builders

    def get_builder_for_config(self, config: Any, node_name: str | None = None) -> type:
        """Return the builder for a config.

        Args:
            node_name: the step's name in a graph, used if no step names the class.

        Raises:
            RegistryError: no step names the class, or its builder cannot be loaded.
        """
        view = _view(getattr(config, "workspace_id", None))
        config_class = type(config).__name__
        job_type = getattr(config, "job_type", None)
        step_type = self._of_config(view, config_class, node_name)
        if step_type is None:
            raise self._unresolvable(
                view, f"No step builder found for config type: {config_class}", config_class
            )
        variant = f"{step_type}_{job_type}"
        if job_type:
            own = self._own(variant)
            if own is not None:
                return own
        return self._builder(view, step_type)

    def get_builder_for_step_type(self, step_type: str) -> type:
        """Return the builder of a step, by its name or an alias.

        Raises:
            RegistryError: there is no such step, or its builder cannot be loaded.
        """
        view = _view(None)
        return self._builder(view, self._canonical(view, step_type))

    def get_builder_map(self) -> dict[str, type]:
        """Return every builder that can be loaded by step type, in a dict of the caller's own."""
        return {**self.BUILDER_REGISTRY, **self._custom_builders}

    def register_builder(
        self,
        step_type: str,
        builder_class: type,
        validation_mode: str = "warn",  # noqa: ARG002 - as it was
    ) -> list[str]:
        """Register a class as the builder of a step type in this registry.

        Args:
            validation_mode: ignored; ``stepwell check`` validates definitions.

        Returns:
            The warnings, of which there are none.

        Raises:
            ValueError: the step type is empty, or the builder is no class.
        """
        name = _valid(step_type, builder_class)
        with self._writing:
            self._custom_builders = {**self._custom_builders, name: builder_class}
        return []

    def unregister_builder(self, step_type: str) -> None:
        """Remove a registered class, if any."""
        with self._writing:
            kept = {key: builder for key, builder in self._custom_builders.items() if key != step_type}
            self._custom_builders = kept

    def list_supported_step_types(self) -> list[str]:
        """Return every step type with a builder, aliases included, sorted; no builder is loaded."""
        return self._supported(_view(None))

    def is_step_type_supported(self, step_type: str) -> bool:
        """Return whether a step type or alias has a builder."""
        view = _view(None)
        return self._canonical(view, step_type) in self._names(view)

    def get_config_types_for_step_type(self, step_type: str) -> list[str]:
        """Return the configuration classes of a step type; none for an unknown one."""
        view = _view(None)
        step = view.get(self._canonical(view, step_type))
        return [step.config_class] if step is not None and step.config_class is not None else []

    def validate_registry(self) -> dict[str, list[str]]:
        """Load every builder, and return which steps are valid, invalid (with the reason), and missing."""
        view = _view(None)
        states: dict[str, list[str]] = {"valid": [], "invalid": [], "missing": []}
        supported = self._names(view)
        for step_type in sorted({*supported, *_steps(view)}):
            if step_type not in supported:
                states["missing"].append(step_type)
                continue
            try:
                self._builder(view, step_type)
            except RegistryError as error:
                states["invalid"].append(f"{step_type}: {error.args[0]}")
            else:
                states["valid"].append(step_type)
        return states

    def get_registry_stats(self) -> dict[str, int]:
        """Return how many builders, aliases and steps there are."""
        view = _view(None)
        names = self._names(view)
        return {
            "total_builders": len(names),
            "default_builders": sum(name not in self._custom_builders for name in names),
            "custom_builders": len(self._custom_builders),
            "legacy_aliases": len(self.LEGACY_ALIASES),
            "step_registry_names": len(_steps(view)),
        }

    def _names(self, view: View) -> dict[str, None]:
        """Return the step types with a builder, without aliases."""
        in_all = {**dict.fromkeys(_with_builder(view), True), **_CLASS_WIDE}
        there = (name for name, builder in in_all.items() if builder is not None)
        return dict.fromkeys((*there, *self._custom_builders))

    def _supported(self, view: View) -> list[str]:
        names = self._names(view)
        old = (alias for alias, name in self.LEGACY_ALIASES.items() if name in names)
        own = (alias for name in names if name in view.steps for alias in view.steps[name].aliases)
        return sorted({*names, *old, *own})

    def _canonical(self, view: View, step_type: str) -> str:
        if self._own(step_type) is not None or step_type in view.steps:
            return step_type
        step = view.by_alias(step_type)
        return step.name if step is not None else self.LEGACY_ALIASES.get(step_type, step_type)

    def _of_config(self, view: View, config_class: str, node_name: str | None) -> str | None:
        """Return the step type of a configuration class, also by old naming."""
        step = view.by_config_class(config_class)
        if step is not None:
            return step.name
        bare = config_class.removesuffix("Config")
        for guess in (node_name, (node_name or "").partition("_")[0], bare, bare.removesuffix("Step")):
            if guess:
                name = self._canonical(view, guess)
                if self._own(name) is not None or name in view.steps:
                    return name
        return None

    def _own(self, step_type: str) -> type | None:
        """Return a registered builder, if any."""
        return self._custom_builders.get(step_type) or _CLASS_WIDE.get(step_type)

    def _builder(self, view: View, step_type: str) -> type:
        own = self._own(step_type)
        if own is not None:
            return own
        message = f"No step builder found for step type: {step_type}"
        if step_type not in view.steps or step_type in _CLASS_WIDE:
            raise self._unresolvable(view, message, step_type)
        try:
            return _load(view, step_type)
        except ComponentError as error:
            raise self._unresolvable(view, f"{message}: {error}", step_type) from error

    def _unresolvable(self, view: View, message: str, step_type: str) -> RegistryError:
        return RegistryError(message, [step_type], self._supported(view))


def _steps(view: View) -> list[str]:
    """Return the steps of the old tables."""
    return [name for name, step in view.items() if step.sagemaker_step_type is not None]


def _with_builder(view: View) -> list[str]:
    """Return the steps whose builder is in the sources."""
    return [name for name in _steps(view) if view.components(name)["builder"].is_there]


def _load(view: View, step_type: str) -> type:
    """Import the builder of a step.

    Raises:
        ComponentError: it cannot be loaded, or is no class.
    """
    builder = view.load(step_type, "builder")
    if isinstance(builder, type):
        return builder
    place = view.components(step_type)["builder"].place
    path, line = (place.path, place.line) if place is not None else (step_type, 1)
    fault = f"the builder of {step_type} is no class, but {type(builder).__name__}"
    raise ComponentError(f"{step_type}.builder", view.workspace, path, line, fault)


def _valid(step_type: object, builder_class: object) -> str:
    if not step_type or not isinstance(step_type, str):
        raise ValueError(f"Step type must be a non-empty string, not {step_type!r}")
    if not isinstance(builder_class, type):
        raise ValueError(f"Builder of {step_type} must be a class, not {builder_class!r}")  # noqa: TRY004 - as it was
    return step_type


def _view(workspace_id: object) -> View:
    """Return the view of a workspace or the current one.

    Raises:
        RegistryError: only frozen modules are available, which have no builders.
        UnknownWorkspace: there is no such workspace.
    """
    named = workspace_id if isinstance(workspace_id, str) else None
    try:
        return registry().view(named or workspace_in_effect())
    except ProjectError as error:
        raise RegistryError(f"There are no builders: {error}") from error


_GLOBAL: Final = StepBuilderRegistry()


def get_global_registry() -> StepBuilderRegistry:
    """Return the registry that the whole process shares."""
    return _GLOBAL


def register_global_builder(step_type: str, builder_class: type) -> None:
    """Register a builder in the shared registry."""
    _GLOBAL.register_builder(step_type, builder_class)


def list_global_step_types() -> list[str]:
    """Return the step types that the shared registry supports, sorted."""
    return _GLOBAL.list_supported_step_types()


def register_builder(step_type: str | None = None) -> Callable[[B], B]:
    """Decorate a class to register it in the shared registry.

    Args:
        step_type: what it builds (default: the step that names the class, else its name without
            ``StepBuilder``).
    """

    def register(builder_class: B) -> B:
        name = step_type or _built_by(builder_class.__name__)
        _GLOBAL.register_builder(name, builder_class)
        return builder_class

    return register


def _built_by(builder: str) -> str:
    try:
        return REVERSE_BUILDER_MAPPING[builder]
    except (KeyError, ProjectError):  # a builder may be registered where no project is
        return builder.removesuffix("StepBuilder")


def __dir__() -> list[str]:
    return __all__
