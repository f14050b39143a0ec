"""What runs a step: a Protocol, and what an implementation is given. Nothing is loaded or run here."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import reduce
from types import MappingProxyType
from typing import Any, Final, Protocol, final, runtime_checkable

from stepwell.model import StepDefinition
from stepwell.model.provider_protocol import Provider
from stepwell.model.schema import SHORT_FORM

__all__ = [
    "INTERFACE",
    "RunContext",
    "StepType",
    "Validating",
    "faults_of",
    "fields_of_type",
    "is_async",
    "name_of",
    "runner_of",
]


def fields_of_type(name: str, implementation: Any, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of the file that would say the same.

    Args:
        implementation: what runs it; the first line of its docstring is the description where none is given.
        metadata: further fields; the short form of parameters may stand among them.
    """
    given = dict(metadata)
    short = {key: given.pop(key) for key in SHORT_FORM if key in given}
    if short:
        stated = given.get("parameters", {})
        given["parameters"] = {**stated, **short} if isinstance(stated, Mapping) else stated
    said = (
        (inspect.getdoc(implementation) or "").partition("\n")[0].strip() if _has_own(implementation) else ""
    )
    return {"name": name, "description": said[:1000] or f"The step type {name}.", **given}


def name_of(implementation: Any) -> str | None:
    """How a definition could name what runs a step; ``None`` where nobody else can import it."""
    module, path = getattr(implementation, "__module__", None), getattr(implementation, "__qualname__", None)
    if not isinstance(module, str) or not isinstance(path, str) or module == "__main__":
        return None
    try:
        found = reduce(getattr, path.split("."), sys.modules[module])
    except (AttributeError, KeyError):
        return None
    plain = all(part.isidentifier() and part.isascii() for part in (*module.split("."), *path.split(".")))
    return f"{module}:{path}" if found is implementation and plain else None


def _has_own(implementation: Any) -> bool:
    """Whether a docstring is about this one, and not about its type."""
    return inspect.isclass(implementation) or inspect.isroutine(implementation)


INTERFACE: Final = "1.0"
"""The version of what stands here; ``since`` and ``compatible_with`` of a step speak of it (PEP 440)."""

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@final
@dataclass(frozen=True, slots=True)
class RunContext:
    """What an implementation is given besides its parameters.

    Args:
        workspace: in whose view; ``None`` for the core.
        provider: the one that was chosen for this attempt; ``None`` where the step requires none.
        attempt: which try this is, from 1.
        deadline: when the attempt is ended, in seconds of ``time.monotonic``; ``None`` for never.
        session: names a conversation that goes on over several steps; empty for none.
        folder: an absolute path below which the step may read and write; ``None`` where it has no files.
        run: runs another step in the same run, as ``await run(step, parameters, values)``, and gives its
            ``StepResult``, whether it succeeds or not; ``None`` where steps cannot be nested.
        tell: called with a name and plain data that belong in the record of the run.
    """

    definition: StepDefinition
    workspace: str | None = None
    provider: Provider | None = None
    attempt: int = 1
    deadline: float | None = None
    values: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    session: str = ""
    folder: str | None = None
    run: Callable[[str, Mapping[str, Any], Mapping[str, Any]], Awaitable[Any]] | None = None
    tell: Callable[[str, Mapping[str, Any]], None] = lambda *_: None
    stopped: Callable[[], bool] = lambda: False
    depth: int = 0


@runtime_checkable
class StepType(Protocol):
    """What runs a step: an object with ``execute``, or a plain function of the same form.

    ``execute`` may be a coroutine function; one that is not never runs in the thread of an event loop. A
    class is made once, without arguments, and again only when its definition or its source has changed; so
    its ``execute`` may be called by several threads or tasks at once. Optional besides:
    ``validate(parameters)``, which gives what is wrong with parameters beyond their schema, and
    ``describe()``, which says in one sentence what is run.
    """

    def execute(self, parameters: Mapping[str, Any], context: RunContext) -> Any:
        """Run the step.

        Args:
            parameters: they fit the schema in the definition's ``parameters``.

        Returns:
            The result, or an awaitable of it.
        """


@runtime_checkable
class Validating(Protocol):
    """What else an implementation may offer."""

    def validate(self, parameters: Mapping[str, Any]) -> list[str]:
        """What is wrong with parameters, each in one sentence; nothing when all is well."""


def faults_of(implementation: object) -> tuple[str, ...]:
    """Why something cannot run a step, each in one sentence; nothing when it can. It is not called.

    Args:
        implementation: a function, a class, or an object with ``execute``.
    """
    return tuple(_faults(implementation))


def runner_of(implementation: Any) -> tuple[Any, Callable[[Mapping[str, Any], RunContext], Any]]:
    """The object that runs a step, made if it is a class, and what of it is called.

    Args:
        implementation: has no ``faults_of``.
    """
    one: Any = implementation() if inspect.isclass(implementation) else implementation
    execute: Any = getattr(one, "execute", None)
    return one, execute if callable(execute) else one


def is_async(call: Any) -> bool:
    """Whether calling something gives a coroutine, as far as can be told without doing so."""
    called = call if inspect.isroutine(call) else getattr(call, "__call__", call)  # noqa: B004 - an object's
    return inspect.iscoroutinefunction(call) or inspect.iscoroutinefunction(called)


def _faults(implementation: Any) -> Iterator[str]:
    if inspect.isclass(implementation):
        execute = getattr(implementation, "execute", None)
        if not callable(execute):
            yield f"the class {implementation.__name__} has no method `execute`"
            return
        needed = _needed(implementation, 0)
        if needed:
            yield f"the class {implementation.__name__} cannot be made without arguments: {needed}"
        static = inspect.getattr_static(implementation, "execute")
        bound = isinstance(static, (staticmethod, classmethod))
        yield from _faults_of_call(execute, 2 if bound else 3)
        return
    execute = getattr(implementation, "execute", None)
    if not callable(execute) and not callable(implementation):
        yield f"{_article(implementation)} is neither callable nor has a method `execute`"
        return
    yield from _faults_of_call(execute if callable(execute) else implementation, 2)


def _faults_of_call(call: Any, given: int) -> Iterator[str]:
    name = getattr(call, "__name__", type(call).__name__)
    if inspect.isgeneratorfunction(call) or inspect.isasyncgenfunction(call):
        yield f"`{name}` gives many values, not a result"
    wrong = _needed(call, given)
    if wrong:
        yield f"`{name}` cannot be called with (parameters, context): {wrong}"


def _needed(call: Any, given: int) -> str:
    """Why something cannot be called with so many arguments by place; empty where it can, or nobody knows."""
    try:
        signature = inspect.signature(call)
    except (TypeError, ValueError):  # written in C without saying what it takes
        return ""
    try:
        signature.bind(*[None] * given)
    except TypeError as error:
        return str(error)
    return ""


def _article(value: object) -> str:
    noun = type(value).__name__
    return f"an {noun}" if noun[:1].lower() in "aeiou" else f"a {noun}"
