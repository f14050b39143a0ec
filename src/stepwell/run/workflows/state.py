"""What the steps of one run share: answers, variables, conversations, and where they are in it."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final, Literal, final

from stepwell.source.errors import StepwellError

__all__ = ["Run", "Scope", "Setting", "StepFailed", "Turn"]

Run = Callable[[str, Mapping[str, Any], Mapping[str, Any]], Awaitable[Any]]
"""Runs one step: its type, its parameters, and what it is given of the flow."""

Turn = Mapping[str, str]
"""One turn of a conversation: its ``role``, ``user`` or ``assistant``, and its ``content``."""

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})
_FLOW: Final = "stepwell.flow"
"""Under which key of a step's values the flow is: no step can be called so."""


@final
class StepFailed(StepwellError):
    """A step of a workflow failed, and with it the workflow.

    Args:
        path: which step, with the loops around it, e.g. ``each[2].ask``.
    """

    def __init__(self, path: str, fault: str) -> None:
        self.path = path
        self.fault = fault
        super().__init__(f"step `{path}`: {fault}")

    def __reduce__(self) -> tuple[type[StepFailed], tuple[str, str]]:
        return StepFailed, (self.path, self.fault)


@final
@dataclass(frozen=True, slots=True)
class Setting:
    """What one run is given, and never changes.

    Args:
        facts: what expressions may speak of beside answers and variables, by name.
        defaults: the workflow's defaults.
        describe: gives the schema of a step type's parameters; ``None`` for a type that is not there.
        tell: called with a word, the path of a step, and plain data, as things happen.
        recall: gives what an earlier run of the workflow left: a kind, and a key; ``None`` where none did.
        load: gives the steps of a workflow file inside the folder, checked.
        max_steps: the most steps of the whole.
        max_depth: how deep workflows may lie in each other.
    """

    facts: Mapping[str, Any] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    describe: Callable[[str], Mapping[str, Any] | None] = lambda _: None
    tell: Callable[[str, str, Mapping[str, Any]], None] = lambda *_: None
    keep: Callable[[str, str], None] | None = None
    recall: Callable[[str, str], Any] = lambda *_: None
    load: Callable[[str], Mapping[str, Any]] | None = None
    max_steps: int = 10_000
    max_depth: int = 10


@final
class Shared:
    """The changing part of a run, behind one lock: steps may run in threads."""

    __slots__ = ("counted", "lock", "sessions", "variables")

    def __init__(
        self,
        variables: Mapping[str, Any],
        sessions: Mapping[str, Sequence[Turn]],
        counted: list[int] | None = None,
    ) -> None:
        self.lock = threading.Lock()
        self.variables = dict(variables)
        self.sessions = {name: list(turns) for name, turns in sessions.items()}
        self.counted = [0] if counted is None else counted  # one list for a run and the workflows inside it


@final
@dataclass(slots=True, eq=False)
class Frame:
    """The answers and variables of one place in a run.

    Args:
        local: the variables that only this place sees.
        outer: what is around it; ``None`` for nothing.
        latest: the step that answered last; empty for none.
    """

    results: dict[str, Any] = field(default_factory=dict)
    local: dict[str, Any] = field(default_factory=dict)
    outer: Frame | None = None
    latest: str = ""

    def chain(self) -> Iterator[Frame]:
        """It, and what is around it, from the inside out."""
        frame: Frame | None = self
        while frame is not None:
            yield frame
            frame = frame.outer


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Scope(Mapping[str, Any]):
    """The answers of earlier steps by name, as steps see them, and all else that they share.

    A step finds it in its ``RunContext.values`` by ``Scope.of``.

    Args:
        loop: what ``loop`` is in expressions.
        path: where this is: the steps around it, and the step.
        step: the name of the step that sees it; empty between steps.
    """

    setting: Setting
    frame: Frame
    shared: Shared
    loop: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    path: str = ""
    step: str = ""
    depth: int = 0

    @staticmethod
    def begin(
        setting: Setting | None = None,
        results: Mapping[str, Any] = _NOTHING,
        variables: Mapping[str, Any] = _NOTHING,
        sessions: Mapping[str, Sequence[Turn]] = _NOTHING,
    ) -> Scope:
        """A flow at its beginning."""
        answers = dict(results)
        frame = Frame(answers, latest=next(reversed(answers), ""))
        return Scope(setting or Setting(), frame, Shared(variables, sessions))

    @staticmethod
    def of(values: Mapping[str, Any]) -> Scope:
        """The flow that a step was given; one of its own where it runs outside of any workflow.

        Args:
            values: ``RunContext.values``.
        """
        found = values.get(_FLOW)
        return found if isinstance(found, Scope) else Scope.begin(results=values)

    def given(self) -> Mapping[str, Any]:
        """What a step of the flow is given as ``RunContext.values``: the answers, and the flow itself."""
        return MappingProxyType({**self, _FLOW: self})

    def __getitem__(self, name: str) -> Any:
        for frame in self.frame.chain():
            if name in frame.results:
                return frame.results[name]
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        frames = reversed(list(self.frame.chain()))
        return iter(dict.fromkeys(name for frame in frames for name in frame.results))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return f"<Scope with {', '.join(self) or 'no answers'}>"

    def at(self, step: str) -> Scope:
        """The same flow as one of its steps sees it, which knows its name."""
        return replace(self, step=step, path=f"{self.path}{step}")

    def inner(self, mark: str, loop: Mapping[str, Any] | None = None) -> Scope:
        """A flow inside this one: it sees the answers here, and keeps its own.

        Args:
            mark: what its path is told by after the step that makes it, e.g. ``[2]``.
            loop: what ``loop`` is in its expressions; the one around it is ``loop.parent``.
        """
        around = self.loop
        if loop is not None:
            around = {**loop, "parent": self.loop} if self.loop else dict(loop)
        return replace(self, frame=Frame(outer=self.frame), path=f"{self.path}{mark}.", loop=around)

    def apart(self, inputs: Mapping[str, Any], inherits: bool) -> Scope:
        """A flow for a workflow inside this one, with variables of its own."""
        variables = {**(self.variables if inherits else _NOTHING), **inputs}
        return replace(
            self,
            frame=Frame(outer=self.frame if inherits else None),
            shared=Shared(variables, _NOTHING, self.shared.counted),
            path=f"{self.path}.",
            loop=_NOTHING,
            depth=self.depth + 1,
        )

    def absorb(self, inner: Scope) -> None:
        """Keep the answers of a flow inside this one as one's own."""
        self.frame.results.update(inner.frame.results)
        self.frame.latest = inner.frame.latest or self.frame.latest

    def put(self, name: str, value: Any) -> None:
        """Leave an answer for later steps."""
        self.frame.results[name] = value
        self.frame.latest = name

    def set(self, name: str, value: Any, scope: Literal["run", "loop"] = "run") -> None:
        """Set a variable.

        Args:
            value: plain data.
            scope: whether all of the run sees it, or only this turn of the loop.
        """
        with self.shared.lock:
            (self.shared.variables if scope == "run" else self.frame.local)[name] = value

    @property
    def variables(self) -> Mapping[str, Any]:
        """The variables as they are now."""
        with self.shared.lock:
            told = dict(self.shared.variables)
        for frame in reversed(list(self.frame.chain())):
            told.update(frame.local)
        return told

    @property
    def own(self) -> Mapping[str, Any]:
        """The answers of this flow alone, without those around it."""
        return dict(self.frame.results)

    @property
    def sessions(self) -> Mapping[str, tuple[Turn, ...]]:
        """The conversations so far."""
        with self.shared.lock:
            return {name: tuple(turns) for name, turns in self.shared.sessions.items()}

    def turns(self, session: str) -> tuple[Turn, ...]:
        """One conversation so far; empty where there is none."""
        with self.shared.lock:
            return tuple(self.shared.sessions.get(session, ()))

    def say(self, session: str, *turns: Turn) -> None:
        """Go on with a conversation."""
        with self.shared.lock:
            self.shared.sessions.setdefault(session, []).extend(turns)

    def restore(self, variables: Mapping[str, Any], sessions: Mapping[str, Sequence[Turn]]) -> None:
        """Go back to variables and conversations as they were, for a run that goes on."""
        with self.shared.lock:
            self.shared.variables = dict(variables)
            self.shared.sessions = {name: list(turns) for name, turns in sessions.items()}

    def count(self) -> None:
        """Count one more step.

        Raises:
            StepFailed: there are more than the run allows.
        """
        with self.shared.lock:
            self.shared.counted[0] += 1
            many = self.shared.counted[0] > self.setting.max_steps
        if many:
            raise StepFailed(self.path, f"the run has more than {self.setting.max_steps} steps")

    def names(self) -> dict[str, Any]:
        """What an expression may speak of."""
        answers = {name: seen(self[name]) for name in self}
        variables = self.variables
        latest = next((frame.latest for frame in self.frame.chain() if frame.latest), "")
        told: dict[str, Any] = {**variables, **answers, **self.setting.facts}
        told.update(
            steps=answers, variables=variables, state=variables, vars=variables, step={"name": self.step}
        )
        told["previous_response"] = answers.get(latest, "")
        if self.loop:
            told["loop"] = self.loop
        return told


def seen(answer: Any) -> Any:
    """An answer as expressions see it: what a mapping holds under ``data`` is to be had directly, too."""
    if not isinstance(answer, Mapping):
        return answer
    data = answer.get("data")
    told = {**data, **answer} if isinstance(data, Mapping) else dict(answer)
    told.setdefault("result", data if data is not None else answer.get("text", dict(answer)))
    told.setdefault("success", True)
    return told
