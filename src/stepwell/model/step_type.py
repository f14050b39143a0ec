"""Protocol of step implementations and their run context."""

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
    """Return the definition fields for a registered implementation.

    Args:
        implementation: the first line of its docstring is the default description.
        metadata: further fields, possibly with the short form of parameters.
    """
    given = dict(metadata)
    short = {key: given.pop(key) for key in SHORT_FORM if key in given}
    if short:
        stated = given.get("parameters", {})
        given["parameters"] = {**stated, **short} if isinstance(stated, Mapping) else stated
    docstring = (
        (inspect.getdoc(implementation) or "").partition("\n")[0].strip() if _has_own(implementation) else ""
    )
    return {"name": name, "description": docstring[:1000] or f"The step type {name}.", **given}


def name_of(implementation: Any) -> str | None:
    """Return the import path of an implementation, or ``None`` if it cannot be imported."""
    module, path = getattr(implementation, "__module__", None), getattr(implementation, "__qualname__", None)
    if not isinstance(module, str) or not isinstance(path, str) or module == "__main__":
        return None
    try:
        value = reduce(getattr, path.split("."), sys.modules[module])
    except (AttributeError, KeyError):
        return None
    plain = all(part.isidentifier() and part.isascii() for part in (*module.split("."), *path.split(".")))
    return f"{module}:{path}" if value is implementation and plain else None


def _has_own(implementation: Any) -> bool:
    """Return whether the docstring belongs to the object itself, not its type."""
    return inspect.isclass(implementation) or inspect.isroutine(implementation)


INTERFACE: Final = "1.0"
"""Version of this interface, for ``since`` and ``compatible_with`` of steps (PEP 440)."""

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@final
@dataclass(frozen=True, slots=True)
class RunContext:
    """Second argument of an implementation.

    Args:
        workspace: workspace of the view; ``None`` for the core.
        provider: the selected provider of this attempt; ``None`` if the step requires none.
        attempt: number of the attempt, from 1.
        deadline: end of the attempt in seconds of ``time.monotonic``; ``None`` for no limit.
        session: id of a conversation across several steps; empty for none.
        folder: absolute path for reading and writing files; ``None`` if the step has no files.
        run: runs a nested step, as ``await run(step, parameters, values)``, and returns its ``StepResult``
            even on failure; ``None`` if steps cannot be nested.
        emit: records an event, called with a name and plain data.
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
    emit: Callable[[str, Mapping[str, Any]], None] = lambda *_: None
    stopped: Callable[[], bool] = lambda: False
    depth: int = 0


@runtime_checkable
class StepType(Protocol):
    """Implementation of a step: an object with ``execute``, or a function with the same signature.

    ``execute`` may be a coroutine function; other functions never run in the event loop's thread. Classes are
    instantiated once, without arguments, and again only if their definition or source changes; ``execute``
    must support concurrent calls. Optional methods: ``validate(parameters)`` returns errors beyond the
    schema, ``describe()`` returns a description in one sentence.
    """

    def execute(self, parameters: Mapping[str, Any], context: RunContext) -> Any:
        """Run the step.

        Args:
            parameters: validated against the definition's ``parameters``.

        Returns:
            The result, or an awaitable of it.
        """


@runtime_checkable
class Validating(Protocol):
    """Optional method of an implementation."""

    def validate(self, parameters: Mapping[str, Any]) -> list[str]:
        """Return errors about the parameters, one sentence each."""


def faults_of(implementation: object) -> tuple[str, ...]:
    """Return why an object cannot implement a step, one sentence each, without calling it.

    Args:
        implementation: a function, a class, or an object with ``execute``.
    """
    return tuple(_faults(implementation))


def runner_of(implementation: Any) -> tuple[Any, Callable[[Mapping[str, Any], RunContext], Any]]:
    """Return the instance of an implementation and its callable.

    Args:
        implementation: has no ``faults_of``.
    """
    instance: Any = implementation() if inspect.isclass(implementation) else implementation
    execute: Any = getattr(instance, "execute", None)
    return instance, execute if callable(execute) else instance


def is_async(call: Any) -> bool:
    """Return whether a call returns a coroutine, as far as known statically."""
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
            yield f"the class {implementation.__name__} cannot be instantiated without arguments: {needed}"
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
        yield f"`{name}` is a generator, not a function that returns a result"
    wrong = _needed(call, given)
    if wrong:
        yield f"`{name}` cannot be called with (parameters, context): {wrong}"


def _needed(call: Any, given: int) -> str:
    """Return why a call with a number of positional arguments fails; empty if it works or is unknown."""
    try:
        signature = inspect.signature(call)
    except (TypeError, ValueError):  # C function without a signature
        return ""
    try:
        signature.bind(*[None] * given)
    except TypeError as error:
        return str(error)
    return ""


def _article(value: object) -> str:
    noun = type(value).__name__
    return f"an {noun}" if noun[:1].lower() in "aeiou" else f"a {noun}"
