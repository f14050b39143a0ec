"""Resolution strategies: built-in ones and those of installed packages.

A strategy is a pure function. Packages add strategies by entry points of the group ``stepwell.strategies``,
which are imported on demand.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, Final, NamedTuple, Protocol, final

from stepwell.model import StepDefinition
from stepwell.model.layer import Layer
from stepwell.resolve.snapshot import Snapshot
from stepwell.source.diagnostic import Span
from stepwell.source.errors import ExtensionError, StrategyFailed, UnknownStrategy
from stepwell.source.extensions import LoadedExtension, extensions, load_extension
from stepwell.source.foreign_code import Translated, worded
from stepwell.source.immutable import record
from stepwell.source.spelling import closest

__all__ = [
    "GROUP",
    "STRATEGIES",
    "Candidate",
    "ResolutionContext",
    "Selection",
    "Strategy",
    "all_names",
    "candidates_of",
    "load_strategy",
    "strategy_named",
]


@final
class Candidate(NamedTuple):
    """One definition that matches a name.

    Args:
        workspace: ``None`` for the core.
    """

    definition: StepDefinition
    workspace: str | None

    @property
    def owner(self) -> str:
        """Title of the owning workspace or the core."""
        return "the core" if self.workspace is None else f"workspace {self.workspace}"

    @property
    def layer(self) -> Layer:
        """Topmost layer of the definition."""
        return self.definition.sources[0].layer

    @property
    def span(self) -> Span:
        """Location of the name in the topmost file."""
        return self.definition.sources[0].document.value_span(("name",))

    @property
    def place(self) -> str:
        """File and line of the name."""
        span = self.span
        return f"{span.path}:{span.line}"


def candidates_of(snapshot: Snapshot, name: str) -> tuple[Candidate, ...]:
    """Return the distinct definitions of a name: the core's first, then by workspace.

    As in a view, an alias matches only if no step has that name.
    """
    return snapshot.recall(name, lambda: tuple(_defined(snapshot, name)))


def _defined(snapshot: Snapshot, name: str) -> list[Candidate]:
    core = snapshot.core.steps
    common = core.get(name) or snapshot.core.by_alias(name)
    candidates = {} if common is None else {id(common): Candidate(common, None)}
    # Where the core has the name, a view answers something else only for an own step of that name.
    asked = snapshot.owners.get(name, ()) if name in core else snapshot.workspaces
    for workspace in asked:
        view = snapshot.view(workspace)
        definition = view.steps.above.get(name) or (None if name in core else view.by_alias(name))
        if definition is not None:
            # An alias may lead a view to a step of the core that it hides nothing of: the core's it stays.
            owner = workspace if definition.name in view.steps.above else None
            candidates.setdefault(id(definition), Candidate(definition, owner))
    return sorted(candidates.values(), key=lambda candidate: candidate.workspace is not None)


def all_names(snapshot: Snapshot) -> tuple[str, ...]:
    """Return the step names of all views."""
    return tuple(dict.fromkeys((*snapshot.core.steps.order, *snapshot.owners)))


GROUP: Final = "stepwell.strategies"
"""Entry point group of strategies."""


@final
@record
class ResolutionContext:
    """Context of a selection.

    Args:
        workspace: the requesting workspace, if any.
        serves: the workspace's definition of the name, if any.
        environment: environment tags, any of which matches.
    """

    workspace: str | None = None
    serves: StepDefinition | None = None
    frameworks: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()


@final
class Selection(NamedTuple):
    """Result of a strategy; a single candidate is a decision.

    Args:
        candidates: the selected ones in order; empty if the strategy does not apply.
    """

    candidates: tuple[Candidate, ...]
    reason: str


class Strategy(Protocol):
    """Pure function that selects candidates by one criterion."""

    def __call__(self, candidates: tuple[Candidate, ...], context: ResolutionContext, /) -> Selection:
        """Select some candidates in order; a single one is a decision.

        Args:
            candidates: at least two, the core's first, then by workspace.
        """
        ...


def workspace_priority(candidates: tuple[Candidate, ...], context: ResolutionContext) -> Selection:
    """Select the definition that the requesting workspace sees."""
    if context.workspace is None:
        return Selection((), "no workspace specified")
    for candidate in candidates:
        if candidate.definition is context.serves:
            has = "defines it" if candidate.workspace else "does not define it and uses the core's"
            return Selection((candidate,), f"workspace {context.workspace} {has}")
    return Selection((), f"workspace {context.workspace} does not see it")


def framework_match(candidates: tuple[Candidate, ...], context: ResolutionContext) -> Selection:
    """Select the candidates with the most preferred available framework."""
    if not context.frameworks:
        return Selection((), "no framework specified")
    for framework in context.frameworks:
        matching = tuple(
            candidate
            for candidate in candidates
            if (candidate.definition.framework or "").casefold() == framework.casefold()
        )
        if matching:
            return Selection(matching, f"{_so_many(matching, candidates)} the framework {framework}")
    return Selection((), f"no candidate has the framework {' or '.join(context.frameworks)}")


def environment_match(candidates: tuple[Candidate, ...], context: ResolutionContext) -> Selection:
    """Select the candidates with a matching environment tag, or without tags."""
    if not context.environment:
        return Selection((), "no environment specified")
    asked = frozenset(tag.casefold() for tag in context.environment)
    matching = tuple(candidate for candidate in candidates if _fits(candidate, asked))
    tags = " or ".join(context.environment)
    if not matching:
        return Selection((), f"no candidate matches the environment {tags}")
    verb = "matches" if len(matching) == 1 else "match"
    return Selection(matching, f"{_count(matching, candidates)} {verb} the environment {tags}")


def priority_based(candidates: tuple[Candidate, ...], _context: ResolutionContext) -> Selection:
    """Select the candidates with the lowest priority."""
    priorities = [candidate.definition.priority for candidate in candidates]
    lowest = min(priorities)
    matching = tuple(
        candidate for candidate, held in zip(candidates, priorities, strict=True) if held == lowest
    )
    return Selection(matching, f"{_so_many(matching, candidates)} the lowest priority, {lowest}")


STRATEGIES: Final[Mapping[str, Strategy]] = MappingProxyType(
    {
        "workspace_priority": workspace_priority,
        "framework_match": framework_match,
        "environment_match": environment_match,
        "priority_based": priority_based,
    }
)
"""Strategies that definitions and workspaces can declare, in automatic order."""


def strategy_named(name: str) -> Strategy:
    """Return a built-in strategy, or one of an installed package.

    Raises:
        UnknownStrategy: with suggestions.
        StrategyFailed: the strategy of a package cannot be loaded.
    """
    return STRATEGIES.get(name) or _installed(name)


@cache  # what is imported stays imported; a failure is not kept
def _installed(name: str) -> Strategy:
    loaded = load_strategy(GROUP, name, STRATEGIES)
    return _guarded(name, loaded.package, loaded.call)


def load_strategy(group: str, name: str, ours: Iterable[str]) -> LoadedExtension:
    """Return the strategy of an installed package.

    Args:
        ours: built-in names for suggestions.

    Raises:
        UnknownStrategy: with suggestions.
        StrategyFailed: the strategy cannot be loaded.
    """
    try:
        loaded = load_extension(group, name)
    except ExtensionError as error:
        raise StrategyFailed(name, error.package, error.fault) from error.__cause__
    if loaded is None:
        installed = (candidate.name for candidate in extensions(group))
        raise UnknownStrategy(name, closest(name, (*ours, *installed), 3))
    return loaded


def _guarded(name: str, package: str, function: Any) -> Strategy:
    """Wrap a foreign strategy so that its errors name it."""

    def failed(error: BaseException) -> StrategyFailed:
        return StrategyFailed(name, package, f"failed: {worded(error)}")

    def select(candidates: tuple[Candidate, ...], context: ResolutionContext, /) -> Selection:
        with Translated(failed, SystemExit):
            selected, reason = function(candidates, context)
            known = tuple(candidate for candidate in candidates if candidate in selected)
            foreign = len(known) != len(selected)
        if foreign:
            raise StrategyFailed(name, package, "selected a definition that is not a candidate")
        return Selection(known, str(reason))

    return select


def _fits(candidate: Candidate, environment: frozenset[str]) -> bool:
    tags = [tag.casefold() for tag in candidate.definition.environment_tags]
    return not tags or not environment.isdisjoint(tags)


def _so_many(matching: tuple[Candidate, ...], candidates: tuple[Candidate, ...]) -> str:
    return f"{_count(matching, candidates)} {'has' if len(matching) == 1 else 'have'}"


def _count(matching: tuple[Candidate, ...], candidates: tuple[Candidate, ...]) -> str:
    if len(matching) == 1:
        return f"only the definition of {matching[0].owner}"
    return f"{len(matching)} of {len(candidates)}"
