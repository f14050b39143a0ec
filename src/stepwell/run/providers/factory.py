"""From a definition to something that can be asked: its implementation is looked up, loaded and made."""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Callable, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NoReturn, final

from stepwell.model import IMPLEMENTATION_SETTINGS, ProviderDefinition
from stepwell.model.layer import Layer, Source, given_by
from stepwell.model.provider_protocol import Failure, Provider, ProviderError, Setup
from stepwell.source.errors import ComponentError, ExtensionError, StepwellError
from stepwell.source.exception_text import worded
from stepwell.source.extensions import extensions, load_extension
from stepwell.source.foreign_code import Contained, Translated, import_object
from stepwell.source.redaction import SHORTEST, without_secrets
from stepwell.source.spelling import did_you_mean, suggest
from stepwell.source.wording import parenthesised

if TYPE_CHECKING:
    from stepwell.live.registry import Registry

__all__ = [
    "GROUP",
    "IMPLEMENTATIONS",
    "CannotBeMade",
    "ProviderSettings",
    "Secrets",
    "implementation_by_name",
    "implementation_of",
    "make",
]


GROUP: Final = "stepwell.providers"
"""The group of entry points by which an installed package adds implementations."""

IMPLEMENTATIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "openai_compatible": "stepwell.run.providers.openai:openai_compatible",
        "anthropic": "stepwell.run.providers.anthropic:anthropic",
        "gemini": "stepwell.run.providers.gemini:gemini",
        "command": "stepwell.run.providers.command:Command",
        "replay": "stepwell.run.providers.replay:Replay",
        "echo": "stepwell.run.providers.echo:Echo",
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

    Raises:
        CannotBeMade: it refuses.
    """
    fault = ""
    try:
        with Contained(ValueError, StepwellError) as outcome:
            made = factory(setup)
    except (ValueError, StepwellError) as error:
        fault = str(error)
    if outcome.error is not None:
        fault = f"its implementation fails with {worded(outcome.error)}"
        _log.debug("the provider %s cannot be made: %s", setup.name, type(outcome.error).__name__)
    if fault:
        raise CannotBeMade(fault)
    missing = [name for name in _METHODS if not callable(getattr(made, name, None))]
    if missing:
        raise CannotBeMade(f"its implementation has no `{missing[0]}`")
    return made


def implementation_of(registry: Registry, definition: ProviderDefinition) -> Callable[[Setup], Provider]:
    """The implementation of a provider.

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
        hint = parenthesised(did_you_mean(error.suggestions[:1]))
        raise CannotBeMade(f"{error.path}:{error.line}: {error.fault}{hint}") from error
    except (ImportError, AttributeError) as error:
        raise CannotBeMade(f"`{named}` cannot be loaded: {error}") from error
    return _callable(named, found)


def _imported(named: str, module: str, name: str) -> Any:
    def failed(error: BaseException) -> CannotBeMade:
        is_plain = isinstance(error, (ImportError, AttributeError))
        return CannotBeMade(f"`{named}` cannot be loaded: {error if is_plain else worded(error)}")

    with Translated(failed):
        return import_object(module, name)


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
    try:
        loaded = load_extension(GROUP, name)
    except ExtensionError as error:
        raise CannotBeMade(str(error)) from error
    if loaded is None:
        hint = (
            suggest(name, (*IMPLEMENTATIONS, *(one.name for one in extensions(GROUP))))
            or f"there are {', '.join(IMPLEMENTATIONS)}"
        )
        raise CannotBeMade(f"there is no implementation `{name}` ({hint})")
    return loaded.call


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


_MOST: Final = 64 * 1024
"""Bytes of a file that may be a secret."""


@final
class Secrets:
    """What a definition's ``secrets`` refer to.

    Args:
        references: ``env:NAME`` or ``file:PATH`` by name.
        root: the project's folder, absolute.
    """

    __slots__ = ("_environment", "_provider", "_references", "_root")

    def __init__(
        self, provider: str, references: Mapping[str, str], environment: Mapping[str, str], root: str
    ) -> None:
        self._provider = provider
        self._references = references
        self._environment = environment
        self._root = root

    def __repr__(self) -> str:
        return f"<Secrets of {self._provider}: {', '.join(self._references) or 'none'}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("secrets are not pickled")

    def get(self, name: str) -> str | None:
        """A secret by its name; ``None`` where none of this name is declared.

        Raises:
            ProviderError: the reference leads nowhere; the message tells the reference, not what it holds.
        """
        reference = self._references.get(name)
        if reference is None:
            return None
        how, _, where = reference.partition(":")
        found = self._variable(where) if how == "env" else self._file(where)
        if not found:
            raise self._missing(f"`{reference}` for `{name}` is empty")
        if not found.isprintable():
            raise self._missing(f"`{reference}` for `{name}` holds more than one line of plain text")
        return found

    def without(self, text: str) -> str:
        """A text with each of the secrets drawn over, and whatever else looks like one."""
        return without_secrets(text, self.known())

    def known(self) -> tuple[str, ...]:
        """Every secret that can be found at this instant, the longest first.

        One of fewer than four characters is not told, since it would be seen everywhere.
        """
        known: list[str] = []
        for name in self._references:
            try:
                found = self.get(name)
            except ProviderError:
                continue
            if found and len(found) >= SHORTEST:
                known.append(found)
        return tuple(sorted(known, key=len, reverse=True))

    def _variable(self, name: str) -> str:
        value = self._environment.get(name)
        if value is None:
            hint = parenthesised(suggest(name, self._environment))
            raise self._missing(f"the environment variable {name} is not set{hint}")
        return value.strip()

    def _file(self, path: str) -> str:
        full = path if os.path.isabs(path) else os.path.join(self._root, path)
        if not os.path.isabs(path):
            inside = os.path.realpath(self._root)
            if os.path.commonpath([inside, os.path.realpath(full)]) != inside:
                raise self._missing(f"the file {path} leads out of the project; name it by its absolute path")
        fault = ""
        content = b""
        try:
            if stat.S_ISREG(os.stat(full).st_mode):  # a pipe would hold us for ever
                with open(full, "rb") as file:
                    content = file.read(_MOST + 1)
                fault = f"the file {path} is too long to be a secret" if len(content) > _MOST else ""
            else:
                fault = f"{path} is no file"
        except OSError as error:
            fault = f"the file {path} cannot be read: {error.strerror}"
        text = "" if fault else content.decode("utf-8", "replace").strip()
        if "\ufffd" in text:
            fault = f"the file {path} is not text in UTF-8"
        if fault:
            raise self._missing(fault)
        return text

    def _missing(self, fault: str) -> ProviderError:
        return ProviderError(self._provider, Failure.AUTHENTICATION, fault)


@final
class ProviderSettings:
    """Reads settings by name; what was read is what there is.

    Raises:
        ValueError: there is another one; with "did you mean".
    """

    __slots__ = ("_given",)

    def __init__(self, given: Mapping[str, Any], implementation: str) -> None:
        self._given = given
        known = IMPLEMENTATION_SETTINGS[implementation]
        for name in given:
            if name not in known:
                hint = suggest(name, known) or f"there are {', '.join(known)}"
                raise ValueError(f"it has no setting `{name}` ({hint})")

    def text(self, name: str, default: str | None = None) -> str:
        """A text that is not empty."""
        value = self._given.get(name, default)
        if not isinstance(value, str) or not value:
            raise self._wrong(name, "a text")
        return value

    def one_of(self, name: str, choices: tuple[str, ...]) -> str:
        """One of some words, the first where none is given."""
        value = self._given.get(name, choices[0])
        if value not in choices:
            raise self._wrong(name, f"one of {', '.join(choices)}")
        return str(value)

    def seconds(self, name: str, default: float) -> float:
        """A time, above zero."""
        return self._number(name, default, "seconds, above zero")

    def count(self, name: str, default: int) -> int:
        """A whole number, above zero."""
        value = self._number(name, default, "a whole number above zero")
        if value != int(value):
            raise self._wrong(name, "a whole number above zero")
        return int(value)

    def delay(self, name: str) -> float:
        """A time that may be zero, which it is where none is given."""
        value = self._given.get(name, 0)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0:
            raise self._wrong(name, "seconds")
        return float(value)

    def texts(self, name: str, *, least: int = 0) -> tuple[str, ...]:
        """A list of texts."""
        value = self._given.get(name, ())
        if not isinstance(value, (tuple, list)) or len(value) < least:
            raise self._wrong(name, "a list of texts")
        if not all(isinstance(one, str) and "\0" not in one for one in value):
            raise self._wrong(name, "a list of texts")
        return tuple(value)

    def mapping(self, name: str) -> Mapping[str, Any]:
        """A mapping."""
        value = self._given.get(name, {})
        if not isinstance(value, Mapping):
            raise self._wrong(name, "a mapping")
        return value

    def _number(self, name: str, default: float, words: str) -> float:
        value = self._given.get(name, default)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
            raise self._wrong(name, words)
        return float(value)

    def _wrong(self, name: str, words: str) -> ValueError:
        if name not in self._given:
            return ValueError(f"it needs the setting `{name}`: {words}")
        return ValueError(f"the setting `{name}` must be {words}")
