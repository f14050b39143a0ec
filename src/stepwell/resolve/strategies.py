"""The strategies that tell candidates apart, each by one thing, and those that packages add.

A strategy is a pure function. Ours are in a written-out dict; an installed package adds its own by an
entry point of the group ``stepwell.strategies``, which is imported when somebody asks for it by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any, Final, NamedTuple, Protocol, final

from stepwell.model import StepDefinition
from stepwell.resolve.candidates import Candidate
from stepwell.source.errors import ExtensionError, StrategyFailed, UnknownStrategy
from stepwell.source.exception_text import worded
from stepwell.source.extensions import LoadedExtension, extensions, load_extension
from stepwell.source.foreign_code import Translated
from stepwell.source.immutable import immutable
from stepwell.source.spelling import closest

__all__ = [
    "GROUP",
    "STRATEGIES",
    "ResolutionContext",
    "Selection",
    "Strategy",
    "load_strategy",
    "strategy_named",
]

GROUP: Final = "stepwell.strategies"
"""The group of entry points by which an installed package adds strategies."""


@final
@immutable
@dataclass(frozen=True, slots=True)
class ResolutionContext:
    """What a choice may depend on.

    Args:
        workspace: who asks; ``None`` for nobody in particular.
        serves: what the view of that workspace serves under the name, if anything.
        environment: where the step is to run: any of these tags.
    """

    workspace: str | None = None
    serves: StepDefinition | None = None
    frameworks: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()


@final
class Selection(NamedTuple):
    """What a strategy makes of the candidates: with exactly one left, it has decided.

    Args:
        candidates: those that it selects, in their order; none where it has nothing to go by.
    """

    candidates: tuple[Candidate, ...]
    reason: str


class Strategy(Protocol):
    """A pure function that tells candidates apart by one thing."""

    def __call__(self, candidates: tuple[Candidate, ...], context: ResolutionContext, /) -> Selection:
        """Select some of the candidates, in their order; exactly one is a decision.

        Args:
            candidates: at least two, the core's first, then by workspace.
            context: what the choice may depend on.
        """
        ...


def workspace_priority(candidates: tuple[Candidate, ...], context: ResolutionContext) -> Selection:
    """What the asking workspace sees: its own, or else the core's."""
    if context.workspace is None:
        return Selection((), "no workspace is asked for")
    for one in candidates:
        if one.definition is context.serves:
            has = "has its own" if one.workspace else "has none of its own and sees the core's"
            return Selection((one,), f"workspace {context.workspace} {has}")
    return Selection((), f"workspace {context.workspace} sees none")


def framework_match(candidates: tuple[Candidate, ...], context: ResolutionContext) -> Selection:
    """The only one with the preferred framework: the best one that any candidate has."""
    if not context.frameworks:
        return Selection((), "no framework is asked for")
    for framework in context.frameworks:
        found = tuple(one for one in candidates if one.definition.framework == framework)
        if found:
            return Selection(found, f"{_so_many(found, candidates)} the framework {framework}")
    return Selection((), f"none has the framework {' or '.join(context.frameworks)}")


def environment_match(candidates: tuple[Candidate, ...], context: ResolutionContext) -> Selection:
    """The only one that fits the environment: it has one of its tags, or none at all."""
    if not context.environment:
        return Selection((), "no environment is asked for")
    asked = frozenset(context.environment)
    found = tuple(one for one in candidates if _fits(one, asked))
    tags = " or ".join(context.environment)
    if not found:
        return Selection((), f"none fits the environment {tags}")
    verb = "fits" if len(found) == 1 else "fit"
    return Selection(found, f"{_count(found, candidates)} {verb} the environment {tags}")


def priority_based(candidates: tuple[Candidate, ...], _context: ResolutionContext) -> Selection:
    """Those with the lowest priority."""
    priorities = [one.definition.priority for one in candidates]
    lowest = min(priorities)
    found = tuple(one for one, held in zip(candidates, priorities, strict=True) if held == lowest)
    return Selection(found, f"{_so_many(found, candidates)} the lowest priority, {lowest}")


STRATEGIES: Final[Mapping[str, Strategy]] = MappingProxyType(
    {
        "workspace_priority": workspace_priority,
        "framework_match": framework_match,
        "environment_match": environment_match,
        "priority_based": priority_based,
    }
)
"""The strategies that definitions and workspaces can declare, in the order of the automatic choice."""


def strategy_named(name: str) -> Strategy:
    """A strategy of ours, or of an installed package.

    Raises:
        UnknownStrategy: when there is none; with suggestions.
        StrategyFailed: when a package has it and it cannot be loaded.
    """
    return STRATEGIES.get(name) or _installed(name)


@cache  # what is imported stays imported; a failure is not kept
def _installed(name: str) -> Strategy:
    loaded = load_strategy(GROUP, name, STRATEGIES)
    return _guarded(name, loaded.package, loaded.call)


def load_strategy(group: str, name: str, ours: Iterable[str]) -> LoadedExtension:
    """The strategy that an installed package has under a name.

    Args:
        ours: the names of our own strategies, which may be suggested.

    Raises:
        UnknownStrategy: when there is none; with suggestions.
        StrategyFailed: when a package has it and it cannot be loaded.
    """
    try:
        loaded = load_extension(group, name)
    except ExtensionError as error:
        raise StrategyFailed(name, error.package, error.fault) from error.__cause__
    if loaded is None:
        installed = (one.name for one in extensions(group))
        raise UnknownStrategy(name, closest(name, (*ours, *installed), 3))
    return loaded


def _guarded(name: str, package: str, function: Any) -> Strategy:
    """A foreign strategy whose mistakes are told as its own."""

    def failed(error: BaseException) -> StrategyFailed:
        return StrategyFailed(name, package, f"failed: {worded(error)}")

    def select(candidates: tuple[Candidate, ...], context: ResolutionContext, /) -> Selection:
        with Translated(failed, SystemExit):
            selected, reason = function(candidates, context)
            known = tuple(one for one in candidates if one in selected)
            foreign = len(known) != len(selected)
        if foreign:
            raise StrategyFailed(name, package, "selected what is not a candidate")
        return Selection(known, str(reason))

    return select


def _fits(one: Candidate, environment: frozenset[str]) -> bool:
    tags = one.definition.environment_tags
    return not tags or not environment.isdisjoint(tags)


def _so_many(found: tuple[Candidate, ...], candidates: tuple[Candidate, ...]) -> str:
    return f"{_count(found, candidates)} {'has' if len(found) == 1 else 'have'}"


def _count(found: tuple[Candidate, ...], candidates: tuple[Candidate, ...]) -> str:
    if len(found) == 1:
        return f"only that of {found[0].owner}"
    return f"{len(found)} of {len(candidates)}"
