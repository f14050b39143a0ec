"""Selects one of several definitions of a name across workspaces, and explains why."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Final, Literal, NamedTuple, final

from stepwell.model import StepDefinition, Workspace
from stepwell.model.layer import Layer
from stepwell.resolve.snapshot import Snapshot
from stepwell.resolve.strategies import (
    STRATEGIES,
    Candidate,
    ResolutionContext,
    all_names,
    candidates_of,
    strategy_named,
)
from stepwell.resolve.view import View
from stepwell.source.diagnostic import Diagnostic, Related, Severity
from stepwell.source.errors import AmbiguousStep, UnknownStep
from stepwell.source.immutable import InNotebook, record
from stepwell.source.spelling import closest, suggest

__all__ = ["AUTOMATIC", "MODES", "Choose", "Mode", "Resolution", "Tried", "resolve"]

Mode = Literal["automatic", "strict", "interactive"]
MODES: Final[tuple[Mode, ...]] = ("automatic", "strict", "interactive")
"""Handling of ties: select the first, raise an error, or ask a callback."""

AUTOMATIC: Final = tuple(STRATEGIES)
"""Strategies in the order of the automatic selection; the last one always decides."""

_LAST: Final = AUTOMATIC[-1]
_BY_ORDER: Final = "the core takes precedence, then workspaces by id"

Choose = Callable[[tuple[Candidate, ...]], Candidate]
"""Callback that breaks ties in interactive mode."""


@final
class Tried(NamedTuple):
    """A tried strategy and its result."""

    strategy: str
    reason: str


@final
@record
class Resolution(InNotebook):
    """Selected definition of a name in a context, with the reason.

    Args:
        tried: the tried strategies in order; the last one decided.
        candidates: all definitions, the core's first, then by workspace.
        tied: candidates of equal rank, the selected one first; empty without a tie.
    """

    name: str
    context: ResolutionContext
    chosen: Candidate
    tried: tuple[Tried, ...]
    candidates: tuple[Candidate, ...]
    tied: tuple[Candidate, ...] = ()

    @property
    def definition(self) -> StepDefinition:
        """Selected definition."""
        return self.chosen.definition

    @property
    def strategy(self) -> str:
        """Deciding strategy, ``only_candidate`` or ``interactive``."""
        return self.tried[-1].strategy

    @property
    def reason(self) -> str:
        return self.tried[-1].reason

    @property
    def ambiguous(self) -> bool:
        """Whether only the order of candidates decided."""
        return bool(self.tied)

    @property
    def diagnostic(self) -> Diagnostic | None:
        """Finding about the tie, if any."""
        if not self.tied:
            return None
        return Diagnostic(
            "ambiguous-resolution",
            Severity.WARNING,
            f"{len(self.tied)} definitions match `{self.name}`",
            self.chosen.span,
            "specify a workspace, a framework or an environment, or lower the `priority` of one of them",
            tuple(
                Related("ties with" if candidate in self.tied else "lower precedence:", candidate.span)
                for candidate in self.candidates
                if candidate is not self.chosen
            ),
        )


def resolve(
    snapshot: Snapshot,
    name: str,
    *,
    workspace: str | None = None,
    framework: str | None = None,
    environment: Iterable[str] = (),
    mode: Mode = "automatic",
    strategy: str | None = None,
    choose: Choose | None = None,
    across: bool = False,
) -> Resolution:
    """Select the definition of a name.

    Candidates that contradict the framework or environment of the arguments are excluded first. The first
    strategy is the argument, or the one declared by the workspace, by its definition or, without a workspace,
    by the candidates. The strategies of ``AUTOMATIC`` follow until one selects a single candidate.

    Args:
        environment: environment tags, any of which matches; defaults to the workspace's preferences.
        strategy: one of ``STRATEGIES``, or an installed one.
        choose: breaks ties in interactive mode.
        across: without a workspace, also consider the overrides of workspaces, which are private to them.

    Raises:
        UnknownStep: with suggestions.
        UnknownWorkspace: with suggestions.
        UnknownStrategy: with suggestions.
        StrategyFailed: an installed strategy cannot be loaded, or fails.
        AmbiguousStep: a tie in strict mode.
        ValueError: unknown mode, or ``choose`` did not return a candidate.
    """
    _hold_to_modes(mode, choose)
    first = None if strategy is None else strategy_named(strategy)
    view = snapshot.view(workspace)
    candidates = candidates_of(snapshot, name)
    if not candidates:
        raise UnknownStep(name, closest(name, all_names(snapshot), 3), view.title)
    if workspace is None and not across:
        shared = tuple(candidate for candidate in candidates if candidate.layer is not Layer.OVERRIDE)
        candidates = shared or candidates
    context = _context(snapshot, view, name, framework, environment)
    if len(candidates) == 1:
        return Resolution(name, context, candidates[0], (_only(candidates[0], context),), candidates)
    if strategy is None:
        strategy = _declared(snapshot.workspaces.get(workspace or ""), context, candidates)
    tried: list[Tried] = []
    fitting = _fitting(candidates, framework, environment)
    if context.serves is not None and all(each.definition is not context.serves for each in fitting):
        # Another workspace's files change nothing for one that has a definition: only the core's is left.
        fitting = tuple(each for each in fitting if each.workspace is None) or candidates
    if len(fitting) == 1:
        return Resolution(name, context, fitting[0], (_fits_alone(fitting, candidates, context),), candidates)
    for candidate in AUTOMATIC if strategy is None else dict.fromkeys((strategy, *AUTOMATIC)):
        function = first if first is not None and candidate == strategy else strategy_named(candidate)
        selected, reason = function(fitting, context)
        tried.append(Tried(candidate, reason))
        if len(selected) == 1:
            return Resolution(name, context, selected[0], tuple(tried), candidates)
        if candidate == _LAST:
            break
    if mode == "strict":
        raise AmbiguousStep(
            name, tuple(f"{candidate.owner} at {candidate.place}" for candidate in candidates)
        )
    if mode == "interactive" and choose is not None:
        chosen = choose(selected)
        if chosen not in selected:
            raise ValueError(f"`choose` must return one of the {len(selected)} candidates, got {chosen!r}")
        tried.append(Tried("interactive", f"selected the definition of {chosen.owner}"))
        return Resolution(name, context, chosen, tuple(tried), candidates)
    tried[-1] = Tried(_LAST, f"{reason}; {_BY_ORDER}")
    return Resolution(name, context, selected[0], tuple(tried), candidates, selected)


def _fitting(
    candidates: tuple[Candidate, ...], framework: str | None, environment: Iterable[str]
) -> tuple[Candidate, ...]:
    """Return the candidates that do not contradict the requested context; all if every one does."""
    tags = {tag.casefold() for tag in ((environment,) if isinstance(environment, str) else environment)}
    fitting = tuple(
        candidate
        for candidate in candidates
        if _agrees((candidate.definition.framework,) if candidate.definition.framework else (), {framework})
        and _agrees(candidate.definition.environment_tags, tags)
    )
    return fitting or candidates


def _agrees(stated: Iterable[str], requested: Collection[str | None]) -> bool:
    """Return whether what a definition states contradicts no request; comparison ignores case."""
    wanted = {value.casefold() for value in requested if value}
    has = {value.casefold() for value in stated}
    return not wanted or not has or not wanted.isdisjoint(has)


def _fits_alone(
    fitting: tuple[Candidate, ...], candidates: tuple[Candidate, ...], context: ResolutionContext
) -> Tried:
    for name in ("framework_match", "environment_match"):
        selected, reason = STRATEGIES[name](candidates, context)
        if selected == fitting:
            return Tried(name, reason)
    name = "framework_match" if context.frameworks else "environment_match"
    return Tried(name, f"every definition but that of {fitting[0].owner} contradicts the request")


def _hold_to_modes(mode: str, choose: Choose | None) -> None:
    if mode not in MODES:
        hint = suggest(mode, MODES) or f"valid modes: {', '.join(MODES)}"
        raise ValueError(f"unknown mode `{mode}` ({hint})")
    if mode == "interactive" and choose is None:
        raise ValueError("mode `interactive` requires `choose`")


def _context(
    snapshot: Snapshot, view: View, name: str, framework: str | None, environment: Iterable[str]
) -> ResolutionContext:
    frameworks = (framework,) if framework else ()
    tags = (environment,) if isinstance(environment, str) else tuple(environment)
    if view.workspace is None:
        return ResolutionContext(None, None, frameworks, tags)
    value = snapshot.workspaces[view.workspace]
    serves = view.steps.get(name) or view.by_alias(name)
    return ResolutionContext(
        view.workspace,
        serves,
        frameworks or value.preferred_frameworks,
        tags or value.environment_preferences,
    )


def _declared(
    workspace: Workspace | None, context: ResolutionContext, candidates: tuple[Candidate, ...]
) -> str | None:
    """Return the strategy declared by the workspace, its definition, or otherwise the candidates.

    Definitions that the workspace does not see are ignored.
    """
    if workspace is not None and workspace.document is not None:
        setting: str | None = workspace.document.data.get("default_resolution_strategy")
        if setting is not None:
            return setting
    deciding = (
        [candidate.definition for candidate in candidates] if context.serves is None else [context.serves]
    )
    stated = {candidate.data.get("conflict_resolution_strategy") for candidate in deciding}
    stated.discard(None)
    return stated.pop() if len(stated) == 1 else None


def _only(candidate: Candidate, context: ResolutionContext) -> Tried:
    unseen = context.workspace is not None and candidate.definition is not context.serves
    unseen_by = f"; workspace {context.workspace} does not see it" if unseen else ""
    return Tried("only_candidate", f"only {candidate.owner} defines it{unseen_by}")
