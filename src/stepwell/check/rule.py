"""What a rule is, and what it is given to look at."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, TypeVar, final

from stepwell.model import AuthoredDefinition, Definition, Kind, StepDefinition, Workspace
from stepwell.model.component import Component
from stepwell.model.layer import Source
from stepwell.model.settings import References, Settings
from stepwell.source.diagnostic import Related, Severity, Span
from stepwell.source.document import Document, Pointer

if TYPE_CHECKING:
    from stepwell.source.python import SourceFile, SourceView

__all__ = [
    "ALWAYS_TOLD",
    "FileScope",
    "Finding",
    "FreezeScope",
    "Hidden",
    "LayerScope",
    "Override",
    "Reference",
    "ReferenceScope",
    "Rule",
    "Shadow",
    "ViewScope",
    "WorkspaceScope",
]


@final
class Finding(NamedTuple):
    """What a rule yields; whoever runs the rule adds its id and its severity.

    Args:
        span: where.
    """

    message: str
    span: Span
    help: str | None = None
    related: tuple[Related, ...] = ()


@final
class FileScope(NamedTuple):
    """One definition file that fits its schema."""

    authored: AuthoredDefinition
    settings: Settings
    today: date

    @property
    def kind(self) -> Kind:
        """What it defines."""
        return self.authored.kind

    @property
    def source(self) -> Source:
        """The document in its layer."""
        return self.authored.source

    @property
    def data(self) -> Mapping[str, Any]:
        """The document's data."""
        return self.authored.data


@final
class WorkspaceScope(NamedTuple):
    """One ``workspace.yaml`` that fits its schema, and the id that its folder says."""

    source: Source
    workspace: Workspace


@final
class LayerScope(NamedTuple):
    """All documents of one layer that define one name more than once."""

    kind: Kind
    repeated: Mapping[str, tuple[Source, ...]]


@final
class Shadow(NamedTuple):
    """A local definition that hides one of the core."""

    local: Definition
    core: Definition


@final
class Hidden(NamedTuple):
    """A definition of an installed package that one of the core hides.

    Args:
        place: the name of the core's, which may itself be left out.
    """

    kind: Kind
    package: str
    definition: Definition
    place: Span


@final
class Override(NamedTuple):
    """One override and what came of it.

    Args:
        base: what lies below; ``None`` when there is nothing, or nothing that serves.
        result: the merged definition; ``None`` when it could not be made.
    """

    source: Source
    name: str
    base: Definition | None
    result: Definition | None


@final
class ViewScope(NamedTuple):
    """One kind of definition in one view.

    Args:
        workspace: whose view; ``None`` for the core.
        suspects: those of the view's own that may collide with another of the view.
        left_out: names that a file gives but that are not served, each with a place in that file; where no
            name can be read, the stem of the file stands for it.
    """

    kind: Kind
    workspace: Workspace | None
    below: Mapping[str, Definition]
    above: Mapping[str, Definition]
    suspects: Mapping[str, Definition]
    overrides: tuple[Override, ...]
    shadows: tuple[Shadow, ...]
    below_by_config_class: Mapping[str, tuple[str, ...]]
    below_by_alias: Mapping[str, tuple[str, ...]]
    left_out: Mapping[str, Span]
    settings: Settings

    def get(self, name: str) -> Definition | None:
        """The definition that the view serves under a name."""
        return self.above.get(name) or self.below.get(name)


ALWAYS_TOLD: Final = frozenset({"duplicate-definition", "override-without-base", "override-changes-name"})
"""Rules that can be made milder but not silent: what they find is not served, so somebody must know."""

S = TypeVar("S")


@final
class FreezeScope(NamedTuple):
    """The ``[[freeze]]`` tables of a project.

    Args:
        prefix: where Stepwell's table stands in it.
        steps: the names of every view's steps by workspace; the core's under ``""`` and ``all``.
    """

    config: Document
    prefix: Pointer
    settings: Settings
    steps: Mapping[str, Collection[str]]


@final
class Reference(NamedTuple):
    """A class or a module of Python sources that a definition names.

    Args:
        stated: whether the field is written; otherwise the name is conventional.
    """

    definition: Definition
    field: str
    name: str
    span: Span
    stated: bool


@final
class ReferenceScope(NamedTuple):
    """What a view's own definitions name, and the sources that the view sees."""

    view: str
    references: tuple[Reference, ...]
    sees: SourceView
    elsewhere: Mapping[str, SourceView]
    failures: tuple[SourceFile, ...]
    references_table: References
    root: str
    components: tuple[tuple[StepDefinition, Component], ...] = ()
    implementations: tuple[tuple[StepDefinition, Component], ...] = ()

    def named(self, *fields: str) -> Iterable[Reference]:
        """The references of some fields."""
        return (one for one in self.references if one.field in fields)


@final
@dataclass(frozen=True, slots=True)
class Rule(Generic[S]):
    """One rule.

    Args:
        severity: unless the project says otherwise.
        check: gives its findings; one that runs on every file gives an empty tuple where nothing is
            wrong, since nearly always nothing is and a generator would cost more than the look.
    """

    id: str
    severity: Severity
    page: str
    check: Callable[[S], Iterable[Finding]]
