"""What the steps of one run share: answers, variables, conversations, and where they are in it."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, Literal, final

from stepwell.errors import StepwellError

__all__ = ["Flow", "Run", "Setting", "StepFailed", "Turn"]

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
        fault: what is wrong, in one sentence.
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
        keep: writes a file among the run's outputs: its path there, and its text.
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


class _Shared:
    """The changing part of a run, behind one lock: steps may run in threads."""

    __slots__ = ("counted", "lock", "sessions", "variables")

    def __init__(self, variables: Mapping[str, Any], sessions: Mapping[str, Sequence[Turn]]) -> None:
        self.lock = threading.Lock()
        self.variables = dict(variables)
        self.sessions = {name: list(turns) for name, turns in sessions.items()}
        self.counted = [0]  # one list for a run and the workflows inside it


@final
class Flow(Mapping[str, Any]):
    """The answers of earlier steps by name, as steps see them, and all else that they share.

    A step finds it in its ``RunContext.values`` by ``Flow.of``.

    Args:
        results: answers that there are already.
        setting: what the run is given.
        variables: variables that are set already.
        sessions: conversations so far, by name.
    """

    __slots__ = ("_latest", "_local", "_outer", "_results", "_shared", "depth", "loop", "path", "setting", "step")

    def __init__(
        self,
        results: Mapping[str, Any] = _NOTHING,
        setting: Setting | None = None,
        variables: Mapping[str, Any] = _NOTHING,
        sessions: Mapping[str, Sequence[Turn]] = _NOTHING,
    ) -> None:
        self._results = dict(results)
        self._local: dict[str, Any] = {}
        self._latest = next(reversed(self._results), "")
        self._outer: Flow | None = None
        self._shared = _Shared(variables, sessions)
        self.setting = setting or Setting()
        self.loop: Mapping[str, Any] = _NOTHING
        self.path = ""
        self.step = ""
        self.depth = 0

    @staticmethod
    def of(values: Mapping[str, Any]) -> Flow:
        """The flow that a step was given; one of its own where it runs outside of any workflow.

        Args:
            values: ``RunContext.values``.
        """
        found = values.get(_FLOW)
        return found if isinstance(found, Flow) else Flow(values)

    def given(self) -> Mapping[str, Any]:
        """What a step of the flow is given as ``RunContext.values``: the answers, and the flow itself."""
        return MappingProxyType({**self, _FLOW: self})

    def __getitem__(self, name: str) -> Any:
        flow: Flow | None = self
        while flow is not None:
            if name in flow._results:
                return flow._results[name]
            flow = flow._outer
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        seen: dict[str, None] = dict.fromkeys(self._outer) if self._outer is not None else {}
        return iter({**seen, **dict.fromkeys(self._results)})

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return f"<Flow with {', '.join(self) or 'no answers'}>"

    def at(self, step: str) -> Flow:
        """The same flow as one of its steps sees it, which knows its name."""
        flow = self._like()
        flow._results, flow._outer, flow._local = self._results, self._outer, self._local
        flow._latest = self._latest
        flow.step, flow.path = step, f"{self.path}{step}"
        return flow

    def inner(self, mark: str, loop: Mapping[str, Any] | None = None) -> Flow:
        """A flow inside this one: it sees the answers here, and keeps its own.

        Args:
            mark: what its path is told by after the step that makes it, e.g. ``[2]``.
            loop: what ``loop`` is in its expressions; the one around it is ``loop.parent``.
        """
        flow = self._like()
        flow._outer = self
        flow.path = f"{self.path}{mark}."
        if loop is not None:
            flow.loop = {**loop, "parent": self.loop} if self.loop else dict(loop)
        return flow

    def apart(self, inputs: Mapping[str, Any], inherits: bool) -> Flow:
        """A flow for a workflow inside this one, with variables of its own.

        Args:
            inputs: its variables.
            inherits: whether it sees the answers and variables here besides.
        """
        flow = self._like()
        flow._outer = self if inherits else None
        flow._shared = _Shared({**(self.variables if inherits else _NOTHING), **inputs}, _NOTHING)
        flow._shared.counted = self._shared.counted
        flow.path = f"{self.path}."
        flow.depth = self.depth + 1
        flow.loop = _NOTHING
        return flow

    def absorb(self, inner: Flow) -> None:
        """Keep the answers of a flow inside this one as one's own."""
        self._results.update(inner._results)
        self._latest = inner._latest or self._latest

    def put(self, name: str, value: Any) -> None:
        """Leave an answer for later steps."""
        self._results[name] = value
        self._latest = name

    def set(self, name: str, value: Any, scope: Literal["run", "loop"] = "run") -> None:
        """Set a variable.

        Args:
            name: its name.
            value: plain data.
            scope: whether all of the run sees it, or only this turn of the loop.
        """
        with self._shared.lock:
            (self._shared.variables if scope == "run" else self._local)[name] = value

    @property
    def variables(self) -> Mapping[str, Any]:
        """The variables as they are now."""
        with self._shared.lock:
            told = dict(self._shared.variables)
        chain: list[Flow] = []
        flow: Flow | None = self
        while flow is not None:
            chain.append(flow)
            flow = flow._outer
        for one in reversed(chain):
            told.update(one._local)
        return told

    @property
    def own(self) -> Mapping[str, Any]:
        """The answers of this flow alone, without those around it."""
        return dict(self._results)

    @property
    def sessions(self) -> Mapping[str, tuple[Turn, ...]]:
        """The conversations so far."""
        with self._shared.lock:
            return {name: tuple(turns) for name, turns in self._shared.sessions.items()}

    def turns(self, session: str) -> tuple[Turn, ...]:
        """One conversation so far; empty where there is none."""
        with self._shared.lock:
            return tuple(self._shared.sessions.get(session, ()))

    def say(self, session: str, *turns: Turn) -> None:
        """Go on with a conversation."""
        with self._shared.lock:
            self._shared.sessions.setdefault(session, []).extend(turns)

    def restore(self, variables: Mapping[str, Any], sessions: Mapping[str, Sequence[Turn]]) -> None:
        """Go back to variables and conversations as they were, for a run that goes on."""
        with self._shared.lock:
            self._shared.variables = dict(variables)
            self._shared.sessions = {name: list(turns) for name, turns in sessions.items()}

    def count(self) -> None:
        """Count one more step.

        Raises:
            StepFailed: there are more than the run allows.
        """
        with self._shared.lock:
            self._shared.counted[0] += 1
            many = self._shared.counted[0] > self.setting.max_steps
        if many:
            raise StepFailed(self.path, f"the run has more than {self.setting.max_steps} steps")

    def names(self) -> dict[str, Any]:
        """What an expression may speak of."""
        answers = {name: seen(self[name]) for name in self}
        variables = self.variables
        latest = self._latest or (self._outer._latest if self._outer is not None else "")
        told: dict[str, Any] = {**variables, **answers, **self.setting.facts}
        told.update(steps=answers, variables=variables, state=variables, vars=variables, step={"name": self.step})
        told["previous_response"] = answers.get(latest, "")
        if self.loop:
            told["loop"] = self.loop
        return told

    def _like(self) -> Flow:
        flow = Flow(setting=self.setting)
        flow._shared = self._shared
        flow.loop, flow.path, flow.step, flow.depth = self.loop, self.path, self.step, self.depth
        return flow


def seen(answer: Any) -> Any:
    """An answer as expressions see it: what a mapping holds under ``data`` is to be had directly, too.

    Args:
        answer: as the step left it.
    """
    if not isinstance(answer, Mapping):
        return answer
    data = answer.get("data")
    told = {**data, **answer} if isinstance(data, Mapping) else dict(answer)
    told.setdefault("result", data if data is not None else answer.get("text", dict(answer)))
    told.setdefault("success", True)
    return told
