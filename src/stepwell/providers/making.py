"""From a definition to something that can be asked: its implementation is looked up, loaded and made."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from functools import reduce
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from stepwell.model import ProviderDefinition
from stepwell.model.layer import Layer, Source, given_by
from stepwell.model.provider import Provider, Setup
from stepwell.source.errors import ComponentError, StepwellError
from stepwell.source.exception_text import worded
from stepwell.source.spelling import closest

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from stepwell.live.registry import Registry

__all__ = ["GROUP", "IMPLEMENTATIONS", "CannotBeMade", "implementation_by_name", "implementation_of", "make"]

GROUP: Final = "stepwell.providers"
"""The group of entry points by which an installed package adds implementations."""

IMPLEMENTATIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "openai_compatible": "stepwell.providers.openai_compatible:openai_compatible",
        "anthropic": "stepwell.providers.anthropic:anthropic",
        "gemini": "stepwell.providers.gemini:gemini",
        "command": "stepwell.providers.command:Command",
        "replay": "stepwell.providers.replay:Replay",
        "echo": "stepwell.providers.echo:Echo",
    }
)
"""Our own implementations, by name."""

_METHODS: Final = ("complete", "stream", "probe", "close")

_log = logging.getLogger(__name__)


class CannotBeMade(Exception):
    """A provider whose implementation is not there or refuses its settings; the message says why."""


def make(factory: Callable[[Setup], Provider], setup: Setup) -> Provider:
    """Make a provider.

    Args:
        factory: what ``implementation_of`` gave.
        setup: what it is made with.

    Raises:
        CannotBeMade: it refuses.
    """
    fault = ""
    try:
        made = factory(setup)
    except (ValueError, StepwellError) as error:
        fault = str(error)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - it may raise anything; it is told by its type
        fault = f"its implementation fails with {worded(error)}"
        _log.debug("the provider %s cannot be made: %s", setup.name, type(error).__name__)
    if fault:
        raise CannotBeMade(fault)
    missing = [name for name in _METHODS if not callable(getattr(made, name, None))]
    if missing:
        raise CannotBeMade(f"its implementation has no `{missing[0]}`")
    return made


def implementation_of(registry: Registry, definition: ProviderDefinition) -> Callable[[Setup], Provider]:
    """The implementation of a provider.

    Args:
        registry: the registry, in whose import worlds the code of a workspace is loaded.
        definition: the provider.

    Raises:
        CannotBeMade: there is no such implementation, or its import fails.
    """
    named = definition.implementation
    if ":" not in named:
        return _callable(named, implementation_by_name(named))
    source = _stated_in(definition)
    workspace = None if source is None else source.workspace
    place, _, name = named.partition(":")
    try:
        path = _file_of(registry, workspace, place)
        if path is None:
            return _callable(named, _imported(named, place, name))
        if source is not None and source.layer is Layer.PLUGIN:
            raise CannotBeMade(f"`{named}` is a path in a package: name it as `package.module:Name`")
        found = registry.code.worlds().world_of(workspace).load(path, name)
    except ComponentError as error:
        near = f" (did you mean `{error.suggestions[0]}`?)" if error.suggestions else ""
        raise CannotBeMade(f"{error.path}:{error.line}: {error.fault}{near}") from error
    except (ImportError, AttributeError) as error:
        raise CannotBeMade(f"`{named}` cannot be loaded: {error}") from error
    return _callable(named, found)


def _imported(named: str, module: str, name: str) -> Any:
    try:
        return reduce(getattr, name.split("."), import_module(module))
    except (ImportError, AttributeError) as error:
        raise CannotBeMade(f"`{named}` cannot be loaded: {error}") from error
    except (Exception, SystemExit) as error:  # a package's code may raise anything; all of it is told
        raise CannotBeMade(f"`{named}` cannot be loaded: {worded(error)}") from error


def implementation_by_name(name: str) -> Any:
    """An implementation by its name: one of ours, or one that an installed package gives.

    Raises:
        CannotBeMade: there is none, or its import fails.
    """
    ours = IMPLEMENTATIONS.get(name)
    if ours is not None:
        module, _, attribute = ours.partition(":")
        try:
            return getattr(import_module(module), attribute)
        except ImportError as error:
            if error.name is not None and error.name.startswith("stepwell"):
                raise
            raise CannotBeMade(f"`{name}` needs the extra `ai`: pip install 'stepwell[ai]'") from error
    from importlib.metadata import entry_points

    group = entry_points(group=GROUP)
    points = tuple({point.value: point for point in group if point.name == name}.values())
    if not points:
        near = closest(name, (*IMPLEMENTATIONS, *group.names))
        hint = f"did you mean `{near[0]}`?" if near else f"there are {', '.join(IMPLEMENTATIONS)}"
        raise CannotBeMade(f"there is no implementation `{name}` ({hint})")
    if len(points) > 1:
        raise CannotBeMade(f"several packages give an implementation `{name}`, so none is used")
    return _load(points[0])


def _load(point: EntryPoint) -> Any:
    try:
        return point.load()
    except (Exception, SystemExit) as error:  # a package's code may raise anything; all of it is told
        raise CannotBeMade(f"`{point.value}` cannot be loaded: {worded(error)}") from error


def _callable(named: str, found: Any) -> Callable[[Setup], Provider]:
    if not callable(found):
        raise CannotBeMade(f"`{named}` is no class and no function")
    factory: Callable[[Setup], Provider] = found
    return factory


def _stated_in(definition: ProviderDefinition) -> Source | None:
    document = given_by(definition.sources, ("implementation",)) if definition.sources else None
    return next((one for one in definition.sources if one.document is document), None)


def _file_of(registry: Registry, workspace: str | None, place: str) -> str | None:
    """The file of the project that a path or a dotted name means; ``None`` where it means a package."""
    root, settings = registry.project.root, registry.project.settings
    own = f"{settings.workspaces}/{workspace}" if workspace is not None else ""
    if place.endswith(".py"):
        base = own if workspace is not None else ""
        path = os.path.join(root, base, place)
        if not os.path.isfile(path):
            raise CannotBeMade(f"there is no file `{f'{base}/{place}'.removeprefix('/')}`")
        return path
    folders = ([f"{own}/src"] if workspace is not None else []) + list(settings.component_folders)
    stem = place.replace(".", "/")
    for folder in folders:
        for ending in (f"{stem}.py", f"{stem}/__init__.py"):
            path = os.path.join(root, folder, ending)
            if os.path.isfile(path):
                return path
    return None
