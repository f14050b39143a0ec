"""The records that everything above speaks of: frozen, without any input or output.

A definition is checked data and the documents that it came from, so that where a value was stated
can be told when somebody asks, and costs nothing when nobody does.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar, Final, NoReturn, final

from stepwell.documents import Document
from stepwell.layers import Source

__all__ = [
    "CONVENTIONS",
    "KINDS",
    "WORKSPACE_ID",
    "Definition",
    "Deprecation",
    "HyperparameterDefinition",
    "Kind",
    "StepDefinition",
    "Workspace",
    "define_workspace",
]

WORKSPACE_ID: Final = r"[A-Za-z0-9][A-Za-z0-9_-]*"
"""What a workspace may be called: its folder's name."""

CONVENTIONS: Final[Mapping[str, str]] = MappingProxyType(
    {"config_class": "Config", "builder_step_name": "StepBuilder", "spec_type": ""}
)
"""What a step's name is followed by in the fields that a ``sagemaker_step_type`` makes conventional."""


@final
@dataclass(frozen=True, slots=True)
class Deprecation:
    """That a step should no longer be used, and what to use."""

    since: str | None = None
    replaced_by: str | None = None
    remove_after: str | None = None
    note: str | None = None


def _refuse(record: object, name: str, *_: object) -> NoReturn:
    raise AttributeError(f"a {type(record).__name__} is immutable: cannot change {name!r}")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class _Record:
    """What all kinds of definition have in common: checked data, and the documents that it came from.

    Args:
        data: the merged data, read-only; it fits the schema.
        sources: its documents, topmost first.
    """

    data: Mapping[str, Any]
    sources: tuple[Source, ...] = ()
    _digest: str = field(default="", init=False)

    FIELDS: ClassVar[tuple[str, ...]] = ()
    LATER: ClassVar[frozenset[str]] = frozenset()
    """Fields that came later: they count in the digest only where they are stated, so that others stay."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"

    def __eq__(self, other: object) -> bool:
        """Whether both say the same, wherever it was written."""
        if type(self) is not type(other):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self.FIELDS)

    def __hash__(self) -> int:
        return hash(self.digest)

    @property
    def name(self) -> str:
        """What it is called, in its layer and in every table."""
        name: str = self.data["name"]
        return name

    @property
    def description(self) -> str:
        """What it does, to someone choosing."""
        description: str = self.data["description"]
        return description

    @property
    def extensions(self) -> Mapping[str, Any]:
        """The fields that begin with ``x-``, which are the team's own."""
        return MappingProxyType({key: value for key, value in self.data.items() if key[:2] == "x-"})

    @property
    def digest(self) -> str:
        """A hash of all that it says, whatever its files look like."""
        if not self._digest:  # computed once, when first asked for
            said: list[Any] = [getattr(self, name) for name in self.FIELDS if name not in self.LATER]
            later = sorted(name for name in self.LATER if getattr(self, name) is not None)
            said += ([name, getattr(self, name)] for name in later)
            digest = _digest_of(type(self).__name__, said)
            object.__setattr__(self, "_digest", digest)
        return self._digest


@final
class StepDefinition(_Record):
    """One step as a view sees it: every field has a value, from a file, by convention or by default."""

    __slots__ = ()
    __setattr__ = _refuse
    __delattr__ = _refuse
    FIELDS = (
        "name",
        "sagemaker_step_type",
        "description",
        "framework",
        "config_class",
        "builder_step_name",
        "spec_type",
        "priority",
        "environment_tags",
        "compatibility_tags",
        "conflict_resolution_strategy",
        "aliases",
        "deprecated",
        "components",
        "interface",
        "examples",
        "extensions",
    )
    LATER = frozenset({"components", "interface", "examples"})

    @property
    def sagemaker_step_type(self) -> str | None:
        """The type in the legacy tables; a step without one is not in them."""
        return self.data.get("sagemaker_step_type")

    @property
    def framework(self) -> str | None:
        """The framework that it is written for."""
        return self.data.get("framework")

    @property
    def config_class(self) -> str | None:
        """The class that configures it."""
        return self._stated_or_conventional("config_class")

    @property
    def builder_step_name(self) -> str | None:
        """The class that builds it."""
        return self._stated_or_conventional("builder_step_name")

    @property
    def spec_type(self) -> str | None:
        """The type that specifications use for it."""
        return self._stated_or_conventional("spec_type")

    @property
    def priority(self) -> int:
        """From 0 to 1000; where definitions of one name compete, the lowest wins."""
        return int(self.data.get("priority", 100))

    @property
    def environment_tags(self) -> tuple[str, ...]:
        """The environments that it is meant for; none means all."""
        words: tuple[str, ...] = self.data.get("environment_tags", ())
        return words

    @property
    def compatibility_tags(self) -> tuple[str, ...]:
        """What it works together with."""
        words: tuple[str, ...] = self.data.get("compatibility_tags", ())
        return words

    @property
    def conflict_resolution_strategy(self) -> str:
        """How one of several definitions of its name is chosen."""
        strategy: str = self.data.get("conflict_resolution_strategy", "workspace_priority")
        return strategy

    @property
    def aliases(self) -> tuple[str, ...]:
        """Old names that still answer."""
        words: tuple[str, ...] = self.data.get("aliases", ())
        return words

    @property
    def deprecated(self) -> Deprecation | None:
        """That it should no longer be used, and what to use."""
        stated = self.data.get("deprecated")
        return None if stated is None else Deprecation(**stated)

    @property
    def components(self) -> Mapping[str, str] | None:
        """Where its parts are declared to lie, by kind; ``View.components`` finds the rest."""
        return self.data.get("components")

    @property
    def interface(self) -> Mapping[str, Any] | None:
        """What goes in, what comes out and what its script needs, as the schema names it."""
        return self.data.get("interface")

    @property
    def examples(self) -> tuple[Mapping[str, Any], ...] | None:
        """Configurations that it can be built with: keyword arguments of its configuration class."""
        return self.data.get("examples")

    def _stated_or_conventional(self, name: str) -> str | None:
        data = self.data
        stated: str | None = data.get(name)
        if stated is not None or data.get("sagemaker_step_type") is None:
            return stated
        return str(data["name"] + CONVENTIONS[name])


@final
class HyperparameterDefinition(_Record):
    """One class of hyperparameters: where it lives and which models it is for."""

    __slots__ = ()
    __setattr__ = _refuse
    __delattr__ = _refuse
    FIELDS = ("name", "module_path", "model_type", "description", "extensions")

    @property
    def module_path(self) -> str:
        """The module that holds the class."""
        path: str = self.data["module_path"]
        return path

    @property
    def model_type(self) -> str | None:
        """The models that it is for."""
        return self.data.get("model_type")


Definition = StepDefinition | HyperparameterDefinition


@final
@dataclass(frozen=True, slots=True)
class Workspace:
    """What one developer's ``workspace.yaml`` says, or its defaults where there is none."""

    id: str
    version: str = "0.0.0"
    description: str = ""
    dependencies: tuple[str, ...] = ()
    default_resolution_strategy: str = "workspace_priority"
    preferred_frameworks: tuple[str, ...] = ()
    environment_preferences: tuple[str, ...] = ()
    conflict_tolerance: str = "medium"
    extensions: Mapping[str, Any] = field(default_factory=lambda: _NOTHING, repr=False)
    document: Document | None = field(default=None, repr=False, compare=False)

    @property
    def digest(self) -> str:
        """A hash of all that it says."""
        said = [getattr(self, name) for name in self.__slots__ if name != "document"]
        return _digest_of("Workspace", said)


def _digest_of(kind: str, said: list[Any]) -> str:
    text = json.dumps([kind, *said], default=_plain, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode("ascii"), digest_size=32).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    return [getattr(value, name) for name in value.__slots__]


_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


def _extensions(data: Mapping[str, Any]) -> Mapping[str, Any]:
    found = {key: value for key, value in data.items() if key[:2] == "x-"}
    return MappingProxyType(found) if found else _NOTHING


def define_workspace(id: str, document: Document | None) -> Workspace:  # noqa: A002 - the field's name
    """A workspace from its checked ``workspace.yaml``, or from its folder's name alone."""
    if document is None:
        return Workspace(id)
    data = document.data
    fields = {key: value for key, value in data.items() if key in _WORKSPACE_FIELDS}
    return Workspace(id, **fields, extensions=_extensions(data), document=document)


_WORKSPACE_FIELDS: Final = frozenset(Workspace.__slots__) - {"id", "extensions", "document"}


@final
@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of definition.

    Args:
        noun: what one is called in messages; also its schema's name.
        folder: the folder under each layer that holds its files.
        define: the record of a document that fits the schema.
    """

    noun: str
    folder: str
    define: Callable[[Mapping[str, Any], tuple[Source, ...]], Definition]


KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        "steps": Kind("step", "steps", StepDefinition),
        "hyperparameters": Kind("hyperparameter", "hyperparameters", HyperparameterDefinition),
    }
)
"""Every kind, by its folder."""
