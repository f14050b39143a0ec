"""Rules, their findings, the scopes that they check, and comments that suppress a finding.

The form of a comment is ``# stepwell: ignore[rule-id] reason``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, TypeVar, final

from stepwell.model import AuthoredDefinition, Definition, Kind, StepDefinition, Workspace
from stepwell.model.component import Component
from stepwell.model.layer import ABSENT, Source, step_into
from stepwell.model.settings import CONFIG_NAME, Project, References, Settings
from stepwell.source.diagnostic import Fix, Related, Severity, Span
from stepwell.source.document import Document, Pointer, span_of
from stepwell.source.tree import EntryKind, TreeEntry

if TYPE_CHECKING:
    from stepwell.source.python import SourceFile, SourceView

from stepwell.source.immutable import record

__all__ = [
    "ALWAYS_REPORTED",
    "FIXED_PAGES",
    "FIXES",
    "FileScope",
    "Finding",
    "FreezeScope",
    "Hidden",
    "Ignore",
    "IgnoreIndex",
    "LayerScope",
    "Override",
    "Reference",
    "ReferenceScope",
    "Rule",
    "SettingsScope",
    "Shadow",
    "ViewScope",
    "WorkspaceScope",
    "by_place",
    "ignores_in",
    "with_fix",
]


@final
class Finding(NamedTuple):
    """Result of a rule; the runner adds the rule's id and severity."""

    message: str
    span: Span
    help: str | None = None
    related: tuple[Related, ...] = ()
    fix: Fix | None = None


@final
class FileScope(NamedTuple):
    """One definition file that matches its schema."""

    authored: AuthoredDefinition
    settings: Settings
    today: date

    @property
    def kind(self) -> Kind:
        return self.authored.kind

    @property
    def source(self) -> Source:
        return self.authored.source

    @property
    def data(self) -> Mapping[str, Any]:
        return self.authored.data


@final
class WorkspaceScope(NamedTuple):
    """One workspace file that matches its schema, and the workspace of its folder."""

    source: Source
    workspace: Workspace
    settings: Settings


@final
class LayerScope(NamedTuple):
    """Names that one layer defines more than once."""

    kind: Kind
    repeated: Mapping[str, tuple[Source, ...]]


@final
class Shadow(NamedTuple):
    """Local definition that hides a definition of the core."""

    local: Definition
    core: Definition


@final
class Hidden(NamedTuple):
    """Definition of an installed package that the core hides.

    Args:
        place: location of the name in the core's file, which may be invalid.
    """

    kind: Kind
    package: str
    definition: Definition
    place: Span


@final
class Override(NamedTuple):
    """Override and its result.

    Args:
        base: the valid definition below; ``None`` if there is none.
        result: the merged definition; ``None`` if merging failed.
        based_on: the values of the base when the override was written; empty if unknown.
        is_part: whether invalid values of the override were removed.
    """

    source: Source
    name: str
    base: Definition | None
    result: Definition | None
    based_on: Mapping[str, Any]
    is_part: bool = False


@final
class ViewScope(NamedTuple):
    """Definitions of one kind in one view.

    Args:
        workspace: ``None`` for the core.
        suspects: definitions of the view that may collide with others.
        left_out: names of skipped definitions with a location; the stem of the file if the name is
            unreadable.
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
        """Return the definition of a name in the view."""
        return self.above.get(name) or self.below.get(name)

    def aliased(self, alias: str) -> StepDefinition | None:
        """Return a step with an alias."""
        below = (self.below[name] for name in self.below_by_alias.get(alias, ()) if name not in self.above)
        steps = (step for step in (*self.above.values(), *below) if isinstance(step, StepDefinition))
        return next((step for step in steps if alias in step.aliases), None)

    def broken(self, name: str) -> Span | None:
        """Return the location of a skipped definition with this name, or in a file named after it."""
        return self.left_out.get(name) or self.left_out.get(self.settings.naming.stem(name))


ALWAYS_REPORTED: Final = frozenset({"duplicate-definition", "override-without-base", "override-changes-name"})
"""Rules that cannot be switched off, because their findings exclude definitions."""

S = TypeVar("S")


@final
class FreezeScope(NamedTuple):
    """The ``[[freeze]]`` tables of a project.

    Args:
        prefix: location of Stepwell's table in the configuration.
        names: workspace id to the steps and hyperparameter classes of its view; ``""`` is the core, ``all``
            all views.
    """

    config: Document
    prefix: Pointer
    settings: Settings
    names: Mapping[str, Collection[str]]


@final
class SettingsScope(NamedTuple):
    """The settings of a project, and its workspaces."""

    project: Project
    workspaces: Collection[str]

    def stated(self, *pointer: str | int) -> Any:
        """Return a value as written, or ``None``."""
        value: Any = self.project.config.data if self.project.config is not None else None
        for step in (*self.project.prefix, *pointer):
            value = step_into(value, step)
        return None if value is ABSENT else value

    def value_span(self, *pointer: str | int) -> Span:
        """Return the location of a setting, or of its nearest existing parent."""
        config = self.project.config
        if config is None:
            return Span(CONFIG_NAME)
        return config.value_span((*self.project.prefix, *pointer))

    def is_missing(self, folder: str) -> bool:
        """Return whether nothing exists at a path inside the project."""
        target = self.project.tree.follow(folder)
        return target.kind is None and target.path == folder

    def entries(self, folder: str) -> tuple[TreeEntry, ...]:
        """Return the entries of a folder; empty if it cannot be read."""
        try:
            return tuple(self.project.tree.scan(folder))
        except OSError:
            return ()

    def folders(self, above: str = "") -> list[str]:
        """Return the sorted names of the visible folders in a folder."""
        return sorted(
            entry.name
            for entry in self.entries(above)
            if entry.kind is EntryKind.FOLDER and entry.name[0] != "."
        )


@final
class Reference(NamedTuple):
    """Python class or module named by a definition.

    Args:
        stated: whether the name is written in the definition, not derived by convention.
    """

    definition: Definition
    field: str
    name: str
    span: Span
    stated: bool


@final
class ReferenceScope(NamedTuple):
    """References of a view's own definitions, and the sources of the view."""

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
        """Return the references of some fields."""
        return (reference for reference in self.references if reference.field in fields)


@final
@record
class Rule(Generic[S]):
    """One rule.

    Args:
        severity: the default.
        page: the manual page.
        check: returns the findings; rules that run on every file return an empty tuple instead of a
            generator, which is faster.
    """

    id: str
    severity: Severity
    page: str
    check: Callable[[S], Iterable[Finding]]


_SECTION: Final = re.compile(r"^## ([a-z0-9-]+)\n", re.MULTILINE)


_SPELLING: Final = "`stepwell check --fix` corrects the name if exactly one existing name resembles it."
FIXES: Final[Mapping[str, str]] = MappingProxyType(
    {
        **dict.fromkeys(
            (
                "dangling-reference",
                "freeze-target",
                "not-in-vocabulary",
                "override-without-base",
                "unknown-base",
                "unknown-config-key",
                "unknown-field",
                "unknown-implementation",
                "unknown-input",
                "unknown-job-type",
                "unknown-output",
                "unknown-parameter",
                "unknown-replacement",
                "unknown-rule",
                "unknown-source",
                "unknown-step",
                "unknown-workspace",
            ),
            _SPELLING,
        ),
        "alias-collision": "`stepwell check --fix` removes the alias if it is the step's own name; "
        "`--unsafe-fixes` removes any other.",
        "developer-id-mismatch": "`stepwell check --fix --unsafe-fixes` writes the name of the folder.",
        "file-name-mismatch": "`stepwell check --fix` renames the file, unless the new name exists.",
        "invalid-parameters-schema": "`stepwell check --fix` corrects a misspelt type, and quotes of a "
        "number or text.",
        "override-changes-nothing": "`stepwell check --fix` deletes the file.",
        "repeated-item": "`stepwell check --fix` removes the second item.",
        "unused-ignore": "`stepwell check --fix --unsafe-fixes` removes a comment for one rule.",
        "wrong-type": "`stepwell check --fix` quotes text that looks like a number, and removes the "
        "quotes of a whole number; `--unsafe-fixes` makes a list of a text.",
    }
)
"""Rules whose findings may have a fix, with a description of the fix."""


def with_fix(rule_id: str, page: str) -> str:
    """Return the manual page of a rule with a statement about its fix."""
    return f"{page}\n\nFix: {FIXES.get(rule_id, 'none.')}"


@final
class _Pages(Mapping[str, str]):
    """Sections of ``fixed_severities.md`` by heading, read on first access."""

    @cached_property
    def _sections(self) -> Mapping[str, str]:
        with open(os.path.join(os.path.dirname(__file__), "fixed_severities.md"), encoding="utf-8") as file:
            _, *parts = _SECTION.split(file.read())
        pages = zip(parts[::2], parts[1::2], strict=True)
        return {rule_id: with_fix(rule_id, page.strip()) for rule_id, page in pages}

    def __getitem__(self, rule_id: str) -> str:
        return self._sections[rule_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._sections)

    def __len__(self) -> int:
        return len(self._sections)


FIXED_PAGES: Final[Mapping[str, str]] = _Pages()
"""Manual page of each id that is not in ``RULES``."""


_COMMENT: Final = re.compile(r"#[ \t]*stepwell:[ \t]*ignore\[([^\]\r\n]*)\]")
_MARK: Final = "stepwell:"


@final
class Ignore(NamedTuple):
    """One rule that one comment suppresses."""

    rule: str
    line: int
    span: Span


IgnoreIndex = Mapping[tuple[str, str, int], Sequence[Ignore]]
"""Comments by the rule, path and line that they suppress."""


def by_place(ignores: Iterable[Ignore]) -> IgnoreIndex:
    """Index comments, so that each finding is looked up once, however many comments there are."""
    index: dict[tuple[str, str, int], list[Ignore]] = {}
    for ignore in ignores:
        index.setdefault((ignore.rule, ignore.span.path, ignore.line), []).append(ignore)
    return index


def ignores_in(document: Document) -> tuple[Ignore, ...]:
    """Return the ignore comments of a document in order."""
    return tuple(_found(document)) if _MARK in document.text else ()


def _found(document: Document) -> Iterator[Ignore]:
    for comment in _COMMENT.finditer(document.text):
        if document.holds(comment.start()):
            continue
        span = span_of(document.path, document.text, comment.span())
        alone = not span.text[: span.column - 1].strip()
        for rule in comment[1].split(","):
            yield Ignore(rule.strip(), span.line + alone, span)
