"""Find, load and instantiate the implementation of a provider."""

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
from stepwell.source.extensions import extensions, load_extension
from stepwell.source.foreign_code import Contained, Translated, import_object, worded
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
"""Entry point group for implementations in installed packages."""

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
"""Built-in implementations by name."""

_METHODS: Final = ("complete", "stream", "probe", "close")

_log = logging.getLogger(__name__)


class CannotBeMade(Exception):
    """The implementation is missing or rejects its settings."""


def make(factory: Callable[[Setup], Provider], setup: Setup) -> Provider:
    """Instantiate a provider.

    Raises:
        CannotBeMade: the implementation rejects the setup.
    """
    fault = ""
    try:
        with Contained(ValueError, StepwellError) as outcome:
            made = factory(setup)
    except (ValueError, StepwellError) as error:
        fault = str(error)
    if outcome.error is not None:
        fault = f"implementation raised {worded(outcome.error)}"
        _log.debug("cannot create provider %s: %s", setup.name, type(outcome.error).__name__)
    if fault:
        raise CannotBeMade(fault)
    missing = [name for name in _METHODS if not callable(getattr(made, name, None))]
    if missing:
        raise CannotBeMade(f"the implementation has no method `{missing[0]}`")
    return made


def implementation_of(registry: Registry, definition: ProviderDefinition) -> Callable[[Setup], Provider]:
    """Return the implementation of a provider.

    Raises:
        CannotBeMade: the implementation does not exist or cannot be imported.
    """
    named = definition.implementation
    if ":" not in named:
        return _callable(named, implementation_by_name(named))
    source = _declaring_source(definition)
    workspace = None if source is None else source.workspace
    place, _, name = named.partition(":")
    try:
        path = _file_of(registry, workspace, place)
        if path is None:
            return _callable(named, _imported(named, place, name))
        if source is not None and source.layer is Layer.PLUGIN:
            raise CannotBeMade(f"`{named}` is a file path; in a package, use `package.module:Name`")
        loaded = registry.code.worlds().world_of(workspace).load(path, name)
    except ComponentError as error:
        hint = parenthesised(did_you_mean(error.suggestions[:1]))
        raise CannotBeMade(f"{error.path}:{error.line}: {error.fault}{hint}") from error
    except (ImportError, AttributeError) as error:
        raise CannotBeMade(f"`{named}` cannot be loaded: {error}") from error
    return _callable(named, loaded)


def _imported(named: str, module: str, name: str) -> Any:
    def failed(error: BaseException) -> CannotBeMade:
        is_plain = isinstance(error, (ImportError, AttributeError))
        return CannotBeMade(f"`{named}` cannot be loaded: {error if is_plain else worded(error)}")

    with Translated(failed):
        return import_object(module, name)


def implementation_by_name(name: str) -> Any:
    """Return a built-in or installed implementation.

    Raises:
        CannotBeMade: the implementation does not exist or cannot be imported.
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
            suggest(name, (*IMPLEMENTATIONS, *(extension.name for extension in extensions(GROUP))))
            or f"available: {', '.join(IMPLEMENTATIONS)}"
        )
        raise CannotBeMade(f"unknown implementation `{name}` ({hint})")
    return loaded.call


def _callable(named: str, loaded: Any) -> Callable[[Setup], Provider]:
    if not callable(loaded):
        raise CannotBeMade(f"`{named}` is neither a class nor a function")
    factory: Callable[[Setup], Provider] = loaded
    return factory


def _declaring_source(definition: ProviderDefinition) -> Source | None:
    document = given_by(definition.sources, ("implementation",)) if definition.sources else None
    return next((source for source in definition.sources if source.document is document), None)


def _file_of(registry: Registry, workspace: str | None, place: str) -> str | None:
    """Return the project file of a path or dotted name; ``None`` if it names a package."""
    root, settings = registry.project.root, registry.project.settings
    own = f"{settings.workspaces}/{workspace}" if workspace is not None else ""
    if place.endswith(".py"):
        base = own if workspace is not None else ""
        path = os.path.join(root, base, place)
        if not os.path.isfile(path):
            raise CannotBeMade(f"file `{f'{base}/{place}'.removeprefix('/')}` not found")
        return path
    folders = ([f"{own}/src"] if workspace is not None else []) + list(settings.component_folders)
    stem = place.replace(".", "/")
    for folder in folders:
        for ending in (f"{stem}.py", f"{stem}/__init__.py"):
            path = os.path.join(root, folder, ending)
            if os.path.isfile(path):
                return path
    return None


_SIZE_LIMIT: Final = 64 * 1024
"""Maximum size of a secret's file, in bytes."""


@final
class Secrets:
    """Resolves the ``secrets`` of a definition.

    Args:
        references: ``env:NAME`` or ``file:PATH`` by name.
        root: absolute path.
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
        """Return a secret, or ``None`` if it is not declared.

        Raises:
            ProviderError: the reference cannot be resolved; the message never contains the secret.
        """
        reference = self._references.get(name)
        if reference is None:
            return None
        kind, _, target = reference.partition(":")
        secret = self._variable(target) if kind == "env" else self._file(target)
        if not secret:
            raise self._missing(f"`{reference}` for `{name}` is empty")
        if not secret.isprintable():
            raise self._missing(f"`{reference}` for `{name}` is not a single line of plain text")
        return secret

    def without(self, text: str) -> str:
        """Return the text with these secrets and everything that resembles a secret redacted."""
        return without_secrets(text, self.known())

    def known(self) -> tuple[str, ...]:
        """Return every secret that can be resolved now, longest first.

        Secrets of fewer than four characters are omitted, because they would match everywhere.
        """
        known: list[str] = []
        for name in self._references:
            try:
                secret = self.get(name)
            except ProviderError:
                continue
            if secret and len(secret) >= SHORTEST:
                known.append(secret)
        return tuple(sorted(known, key=len, reverse=True))

    def _variable(self, name: str) -> str:
        value = self._environment.get(name)
        if value is None:
            hint = parenthesised(suggest(name, self._environment))
            raise self._missing(f"environment variable {name} is not set{hint}")
        return value.strip()

    def _file(self, path: str) -> str:
        full = path if os.path.isabs(path) else os.path.join(self._root, path)
        if not os.path.isabs(path):
            inside = os.path.realpath(self._root)
            if os.path.commonpath([inside, os.path.realpath(full)]) != inside:
                raise self._missing(f"file {path} is outside the project; use an absolute path")
        fault = ""
        content = b""
        try:
            if stat.S_ISREG(os.stat(full).st_mode):  # a pipe would block
                with open(full, "rb") as file:
                    content = file.read(_SIZE_LIMIT + 1)
                fault = (
                    f"file {path} is larger than {_SIZE_LIMIT} bytes" if len(content) > _SIZE_LIMIT else ""
                )
            else:
                fault = f"{path} is not a file"
        except OSError as error:
            fault = f"cannot read file {path}: {error.strerror}"
        text = "" if fault else content.decode("utf-8", "replace").strip()
        if "\ufffd" in text:
            fault = f"file {path} is not valid UTF-8"
        if fault:
            raise self._missing(fault)
        return text

    def _missing(self, fault: str) -> ProviderError:
        return ProviderError(self._provider, Failure.AUTHENTICATION, fault)


@final
class ProviderSettings:
    """Typed access to the settings of a provider.

    Raises:
        ValueError: a setting is unknown.
    """

    __slots__ = ("_given",)

    def __init__(self, given: Mapping[str, Any], implementation: str) -> None:
        self._given = given
        known = IMPLEMENTATION_SETTINGS[implementation]
        for name in given:
            if name not in known:
                hint = suggest(name, known) or f"available: {', '.join(known)}"
                raise ValueError(f"unknown setting `{name}` ({hint})")

    def text(self, name: str, default: str | None = None) -> str:
        """Return a non-empty string."""
        value = self._given.get(name, default)
        if not isinstance(value, str) or not value:
            raise self._wrong(name, "a non-empty string")
        return value

    def one_of(self, name: str, choices: tuple[str, ...]) -> str:
        """Return one of the choices (default: the first)."""
        value = self._given.get(name, choices[0])
        if value not in choices:
            raise self._wrong(name, f"one of {', '.join(choices)}")
        return str(value)

    def seconds(self, name: str, default: float) -> float:
        """Return a duration in seconds, greater than zero."""
        return self._number(name, default, "a number of seconds greater than zero")

    def count(self, name: str, default: int) -> int:
        """Return an integer greater than zero."""
        value = self._number(name, default, "an integer greater than zero")
        if value != int(value):
            raise self._wrong(name, "an integer greater than zero")
        return int(value)

    def delay(self, name: str) -> float:
        """Return a duration in seconds (default: 0)."""
        value = self._given.get(name, 0)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0:
            raise self._wrong(name, "a number of seconds")
        return float(value)

    def texts(self, name: str, *, least: int = 0) -> tuple[str, ...]:
        """Return a list of strings."""
        value = self._given.get(name, ())
        if not isinstance(value, (tuple, list)) or len(value) < least:
            raise self._wrong(name, "a list of strings")
        if not all(isinstance(item, str) and "\0" not in item for item in value):
            raise self._wrong(name, "a list of strings")
        return tuple(value)

    def mapping(self, name: str) -> Mapping[str, Any]:
        """Return a mapping (default: empty)."""
        value = self._given.get(name, {})
        if not isinstance(value, Mapping):
            raise self._wrong(name, "a mapping")
        return value

    def _number(self, name: str, default: float, expected: str) -> float:
        value = self._given.get(name, default)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
            raise self._wrong(name, expected)
        return float(value)

    def _wrong(self, name: str, expected: str) -> ValueError:
        if name not in self._given:
            return ValueError(f"setting `{name}` is required: {expected}")
        return ValueError(f"setting `{name}` must be {expected}")
