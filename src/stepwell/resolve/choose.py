"""Which of several definitions of one name is meant, and why.

A view answers for one workspace; this is the one place that looks across them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, final

from stepwell.model import StepDefinition, Workspace
from stepwell.resolve.candidates import Candidate, all_names, candidates_of
from stepwell.resolve.snapshot import Snapshot
from stepwell.resolve.strategies import STRATEGIES, ResolutionContext, strategy_named
from stepwell.resolve.view import View
from stepwell.source.diagnostic import Diagnostic, Related, Severity
from stepwell.source.errors import AmbiguousStep, UnknownStep
from stepwell.source.immutable import immutable
from stepwell.source.spelling import closest, suggest

__all__ = ["AUTOMATIC", "MODES", "Choose", "Mode", "Resolution", "Tried", "resolve"]

Mode = Literal["automatic", "strict", "interactive"]
MODES: Final[tuple[Mode, ...]] = ("automatic", "strict", "interactive")
"""What is done with a tie: it is broken and told, refused, or put to a person."""

AUTOMATIC: Final = tuple(STRATEGIES)
"""The order in which strategies are asked until one decides; the last one always ends it."""

_LAST: Final = AUTOMATIC[-1]
_BY_ORDER: Final = "the core comes first, then workspaces by id"

Choose = Callable[[tuple[Candidate, ...]], Candidate]
"""Asked in the interactive mode which of the candidates that nothing tells apart is meant."""


@final
class Tried(NamedTuple):
    """One strategy that was asked, and what it said."""

    strategy: str
    reason: str


@final
@immutable
@dataclass(frozen=True, slots=True)
class Resolution:
    """Which definition a name stands for in a context, and why.

    Args:
        tried: the strategies that were asked, in order; the last one decided.
        candidates: everything that the name may stand for, the core's first, then by workspace.
        tied: the candidates that nothing told apart, the chosen one first; none when it is clear.
    """

    name: str
    context: ResolutionContext
    chosen: Candidate
    tried: tuple[Tried, ...]
    candidates: tuple[Candidate, ...]
    tied: tuple[Candidate, ...] = ()

    @property
    def definition(self) -> StepDefinition:
        """The definition that is chosen."""
        return self.chosen.definition

    @property
    def strategy(self) -> str:
        """What decided: a strategy's name, ``only_candidate``, or ``interactive`` for a person."""
        return self.tried[-1].strategy

    @property
    def reason(self) -> str:
        """Why, in words."""
        return self.tried[-1].reason

    @property
    def ambiguous(self) -> bool:
        """Whether nothing told the chosen one from another, so that only their order decided."""
        return bool(self.tied)

    @property
    def diagnostic(self) -> Diagnostic | None:
        """The tie as a finding; ``None`` when it is clear."""
        if not self.tied:
            return None
        return Diagnostic(
            "ambiguous-resolution",
            Severity.WARNING,
            f"nothing tells {len(self.tied)} definitions of `{self.name}` apart",
            self.chosen.span,
            "ask with a workspace, a framework or an environment, or give one of them a lower `priority`",
            tuple(
                Related("ties with" if one in self.tied else "stands behind", one.span)
                for one in self.candidates
                if one is not self.chosen
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
) -> Resolution:
    """Choose which definition a name stands for.

    The strategy that is asked for comes first, or else the one that the workspace declares, or else what
    it serves under the name, or for who sees none all candidates that declare one; then those of
    ``AUTOMATIC`` in their order, until one leaves a single candidate.

    Args:
        environment: where it is to run, any of these tags; else those that the workspace prefers.
        strategy: what to choose by first: one of ``STRATEGIES``, or an installed one.
        choose: asked about a tie in the interactive mode.

    Raises:
        UnknownStep: when nobody defines the name; with suggestions.
        UnknownWorkspace: with suggestions.
        UnknownStrategy: with suggestions.
        StrategyFailed: when an installed strategy cannot be loaded, or fails.
        AmbiguousStep: in the strict mode, when nothing tells some candidates apart.
        ValueError: when there is no such mode, or an answer of ``choose`` is no candidate.
    """
    _hold_to_modes(mode, choose)
    first = None if strategy is None else strategy_named(strategy)
    view = snapshot.view(workspace)
    candidates = candidates_of(snapshot, name)
    if not candidates:
        raise UnknownStep(name, closest(name, all_names(snapshot), 3), view.title)
    context = _context(snapshot, view, name, framework, environment)
    if len(candidates) == 1:
        return Resolution(name, context, candidates[0], (_only(candidates[0], context),), candidates)
    if strategy is None:
        strategy = _declared(snapshot.workspaces.get(workspace or ""), context, candidates)
    tried = []
    for one in AUTOMATIC if strategy is None else dict.fromkeys((strategy, *AUTOMATIC)):
        function = first if first is not None and one == strategy else STRATEGIES[one]
        selected, reason = function(candidates, context)
        tried.append(Tried(one, reason))
        if len(selected) == 1:
            return Resolution(name, context, selected[0], tuple(tried), candidates)
        if one == _LAST:
            break
    if mode == "strict":
        raise AmbiguousStep(name, tuple(f"{one.owner} at {one.place}" for one in candidates))
    if mode == "interactive" and choose is not None:
        chosen = choose(selected)
        if chosen not in selected:
            raise ValueError(f"the answer is none of the {len(selected)} candidates: {chosen!r}")
        tried.append(Tried("interactive", f"that of {chosen.owner} was picked"))
        return Resolution(name, context, chosen, tuple(tried), candidates)
    tried[-1] = Tried(_LAST, f"{reason}; {_BY_ORDER}")
    return Resolution(name, context, selected[0], tuple(tried), candidates, selected)


def _hold_to_modes(mode: str, choose: Choose | None) -> None:
    if mode not in MODES:
        hint = suggest(mode, MODES) or f"there are {', '.join(MODES)}"
        raise ValueError(f"there is no mode `{mode}` ({hint})")
    if mode == "interactive" and choose is None:
        raise ValueError("the mode `interactive` needs `choose`, which is asked about a tie")


def _context(
    snapshot: Snapshot, view: View, name: str, framework: str | None, environment: Iterable[str]
) -> ResolutionContext:
    frameworks = (framework,) if framework else ()
    tags = (environment,) if isinstance(environment, str) else tuple(environment)
    if view.workspace is None:
        return ResolutionContext(None, None, frameworks, tags)
    said = snapshot.workspaces[view.workspace]
    serves = view.steps.get(name) or view.by_alias(name)
    return ResolutionContext(
        view.workspace,
        serves,
        frameworks or said.preferred_frameworks,
        tags or said.environment_preferences,
    )


def _declared(
    workspace: Workspace | None, context: ResolutionContext, candidates: tuple[Candidate, ...]
) -> str | None:
    """The strategy that the workspace states; else what it serves; else the candidates, if at one.

    A definition that the workspace does not see says nothing about how the workspace chooses.
    """
    if workspace is not None and workspace.document is not None:
        said: str | None = workspace.document.data.get("default_resolution_strategy")
        if said is not None:
            return said
    deciding = [one.definition for one in candidates] if context.serves is None else [context.serves]
    stated = {one.data.get("conflict_resolution_strategy") for one in deciding}
    stated.discard(None)
    return stated.pop() if len(stated) == 1 else None


def _only(one: Candidate, context: ResolutionContext) -> Tried:
    unseen = context.workspace is not None and one.definition is not context.serves
    told = f"; workspace {context.workspace} does not see it" if unseen else ""
    return Tried("only_candidate", f"only {one.owner} defines it{told}")
