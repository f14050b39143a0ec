"""Shared state of a workflow run: answers, variables, conversations and scopes."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final, Literal, final

from stepwell.source.errors import StepwellError

__all__ = ["Run", "Scope", "Setting", "StepFailed", "Turn"]

Run = Callable[[str, Mapping[str, Any], Mapping[str, Any]], Awaitable[Any]]
"""Runs one step with its type, its parameters and the values of its scope."""

Turn = Mapping[str, str]
"""One turn of a conversation: ``role`` (``user`` or ``assistant``) and ``content``."""

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})
_FLOW: Final = "stepwell.flow"
"""Reserved key of the scope in a step's values."""


@final
class StepFailed(StepwellError):
    """A step of a workflow failed.

    Args:
        path: step with its enclosing loops, e.g. ``each[2].ask``.
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
    """Immutable settings of a run.

    Args:
        facts: additional names for expressions.
        describe: returns the parameter schema of a step type, or ``None``.
        emit: called with an event, the path of the step, and plain data.
        recall: returns a value that an earlier run left under a kind and a key, or ``None``.
        load: returns the checked steps of a workflow file.
        max_steps: limit for the whole run.
        max_depth: limit for nested workflows.
    """

    facts: Mapping[str, Any] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    describe: Callable[[str], Mapping[str, Any] | None] = lambda _: None
    emit: Callable[[str, str, Mapping[str, Any]], None] = lambda *_: None
    keep: Callable[[str, str], None] | None = None
    recall: Callable[[str, str], Any] = lambda *_: None
    load: Callable[[str], Mapping[str, Any]] | None = None
    max_steps: int = 10_000
    max_depth: int = 10


@final
class Shared:
    """Mutable state of a run, with a lock because steps may run in threads."""

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
        self.counted = [0] if counted is None else counted  # shared with nested workflows


@final
@dataclass(slots=True, eq=False)
class Frame:
    """Answers and variables of one nesting level.

    Args:
        local: variables that are visible only here.
        latest: step that answered last.
    """

    results: dict[str, Any] = field(default_factory=dict)
    local: dict[str, Any] = field(default_factory=dict)
    outer: Frame | None = None
    latest: str = ""

    def chain(self) -> Iterator[Frame]:
        """Yield this frame and the enclosing ones, innermost first."""
        frame: Frame | None = self
        while frame is not None:
            yield frame
            frame = frame.outer


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Scope(Mapping[str, Any]):
    """Answers of earlier steps by name, with all other state that steps share.

    A step gets it with ``Scope.of`` from its ``RunContext.values``.

    Args:
        inputs: value of ``inputs`` and ``workflow.input``: the variables at the start of this workflow.
        loop: value of ``loop`` in expressions.
        path: enclosing steps and current step.
        step: current step; empty between steps.
    """

    setting: Setting
    frame: Frame
    shared: Shared
    inputs: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
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
        """Return the scope at the start of a run."""
        answers = dict(results)
        frame = Frame(answers, latest=next(reversed(answers), ""))
        return Scope(setting or Setting(), frame, Shared(variables, sessions), dict(variables))

    @staticmethod
    def of(values: Mapping[str, Any]) -> Scope:
        """Return the scope of a step; a new one outside of workflows.

        Args:
            values: ``RunContext.values``.
        """
        scope = values.get(_FLOW)
        return scope if isinstance(scope, Scope) else Scope.begin(results=values)

    def given(self) -> Mapping[str, Any]:
        """Return ``RunContext.values`` for a step: the answers and the scope itself."""
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
        """Return the scope of one step."""
        return replace(self, step=step, path=f"{self.path}{step}")

    def inner(self, mark: str, loop: Mapping[str, Any] | None = None) -> Scope:
        """Return a nested scope, which sees the answers of this one.

        Args:
            mark: suffix of the path, e.g. ``[2]``.
            loop: value of ``loop``; the enclosing one becomes ``loop.parent``.
        """
        around = self.loop
        if loop is not None:
            around = {**loop, "parent": self.loop} if self.loop else dict(loop)
        return replace(self, frame=Frame(outer=self.frame), path=f"{self.path}{mark}.", loop=around)

    def apart(self, inputs: Mapping[str, Any], inherits: bool) -> Scope:
        """Return the scope of a nested workflow, with its own variables."""
        variables = {**(self.variables if inherits else _NOTHING), **inputs}
        return replace(
            self,
            frame=Frame(outer=self.frame if inherits else None),
            shared=Shared(variables, _NOTHING, self.shared.counted),
            inputs=dict(inputs),
            path=f"{self.path}.",
            loop=_NOTHING,
            depth=self.depth + 1,
        )

    def absorb(self, inner: Scope) -> None:
        """Copy the answers of a nested scope into this one."""
        self.frame.results.update(inner.frame.results)
        self.frame.latest = inner.frame.latest or self.frame.latest

    def put(self, name: str, value: Any) -> None:
        """Store an answer for later steps."""
        self.frame.results[name] = value
        self.frame.latest = name

    def set(self, name: str, value: Any, scope: Literal["run", "loop"] = "run") -> None:
        """Set a variable.

        Args:
            value: plain data.
            scope: visible in the whole run or only in this iteration of the loop.
        """
        with self.shared.lock:
            (self.shared.variables if scope == "run" else self.frame.local)[name] = value

    @property
    def variables(self) -> Mapping[str, Any]:
        """Return the current variables."""
        with self.shared.lock:
            variables = dict(self.shared.variables)
        for frame in reversed(list(self.frame.chain())):
            variables.update(frame.local)
        return variables

    @property
    def own(self) -> Mapping[str, Any]:
        """Return the answers of this scope without the enclosing ones."""
        return dict(self.frame.results)

    @property
    def sessions(self) -> Mapping[str, tuple[Turn, ...]]:
        """Return all conversations."""
        with self.shared.lock:
            return {name: tuple(turns) for name, turns in self.shared.sessions.items()}

    def turns(self, session: str) -> tuple[Turn, ...]:
        """Return one conversation; empty if unknown."""
        with self.shared.lock:
            return tuple(self.shared.sessions.get(session, ()))

    def say(self, session: str, *turns: Turn) -> None:
        """Append turns to a conversation."""
        with self.shared.lock:
            self.shared.sessions.setdefault(session, []).extend(turns)

    def restore(self, variables: Mapping[str, Any], sessions: Mapping[str, Sequence[Turn]]) -> None:
        """Restore variables and conversations of a resumed run."""
        with self.shared.lock:
            self.shared.variables = dict(variables)
            self.shared.sessions = {name: list(turns) for name, turns in sessions.items()}

    def count(self) -> None:
        """Count one step.

        Raises:
            StepFailed: the run exceeds its step limit.
        """
        with self.shared.lock:
            self.shared.counted[0] += 1
            exceeded = self.shared.counted[0] > self.setting.max_steps
        if exceeded:
            raise StepFailed(self.path, f"the run exceeds the limit of {self.setting.max_steps} steps")

    def names(self) -> dict[str, Any]:
        """Return all names for expressions."""
        answers = {name: seen(self[name]) for name in self}
        variables = self.variables
        latest = next((frame.latest for frame in self.frame.chain() if frame.latest), "")
        names: dict[str, Any] = {**variables, **answers, **self.setting.facts}
        names.update(
            steps=answers, variables=variables, state=variables, vars=variables, global_vars=variables
        )
        names["step"] = {"name": self.step}
        names["inputs"] = self.inputs
        names["workflow"] = {**names.get("workflow", {}), "input": self.inputs}
        names["previous_response"] = answers.get(latest, "")
        if self.loop:
            names["loop"] = self.loop
        return names


def seen(answer: Any) -> Any:
    """Return an answer for expressions, with the fields of ``data`` merged into it."""
    if not isinstance(answer, Mapping):
        return answer
    data = answer.get("data")
    fields = {**data, **answer} if isinstance(data, Mapping) else dict(answer)
    fields.setdefault("result", data if data is not None else answer.get("text", dict(answer)))
    fields.setdefault("success", True)
    return fields
