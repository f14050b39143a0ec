"""Checks that loaded components match the definition: methods, names and variables."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple, final

from stepwell.frontends.pytest_plugin.failure import Problem
from stepwell.model import StepDefinition
from stepwell.model.settings import Alignment
from stepwell.resolve.view import View
from stepwell.source.diagnostic import Span
from stepwell.source.document import Pointer
from stepwell.source.spelling import closest, did_you_mean, suggest

__all__ = ["nonconforming"]

_ABSENT: Final = object()


@final
class _Side(NamedTuple):
    """Inputs or outputs of a contract or specification and of the interface.

    Args:
       held_as: attribute names in the loaded object.
    """

    noun: str
    held_as: tuple[str, ...]
    field: str


_CONTRACT: Final = (
    _Side("input", ("inputs", "expected_input_paths"), "inputs"),
    _Side("output", ("outputs", "expected_output_paths"), "outputs"),
)
_SPEC: Final = (
    _Side("input", ("inputs", "dependencies"), "inputs"),
    _Side("output", ("outputs",), "outputs"),
)


def nonconforming(view: View, step: StepDefinition, table: Alignment) -> Iterator[Problem]:
    """Yield the mismatches of a step's loaded components.

    Raises:
       ComponentError: a component cannot be loaded.
    """
    parts = view.components(step.name)
    if parts["builder"].is_there:
        yield from _of_builder(view.load(step.name, "builder"), step, table)
    if parts["config"].is_there and not callable(config := view.load(step.name, "config")):
        message = f"the configuration class of `{step.name}` must be a class, got `{type(config).__name__}`"
        yield Problem(message, _span(step, ("components", "config"), ("config_class",)))
    for kind, sides, takes_all in (("contract", _CONTRACT, False), ("spec", _SPEC, True)):
        if parts[kind].is_there and step.interface is not None:
            loaded = view.load(step.name, kind)
            for side in sides:
                yield from _of_names(kind, loaded, side, step, step.interface, takes_all)
            if kind == "contract":
                yield from _of_entry_point(loaded, step, step.interface)
                yield from _of_variables(loaded, step, step.interface)


def _of_builder(builder: Any, step: StepDefinition, table: Alignment) -> Iterator[Problem]:
    span = _span(step, ("components", "builder"), ("builder_step_name",))
    if not callable(builder):
        message = f"the builder of `{step.name}` must be a class, got `{type(builder).__name__}`"
        yield Problem(message, span)
        return
    if not inspect.isclass(builder):
        return  # the result of a function is unknown
    name = builder.__name__
    listed = table.builder_methods
    wanted = (*listed.get("all", ()), *listed.get(step.sagemaker_step_type or "", ()))
    for method in dict.fromkeys(wanted):
        if not callable(inspect.getattr_static(builder, method, None)) and not _is_method(builder, method):
            hint = (
                suggest(method, (item for item in dir(builder) if not item.startswith("__"))) or "define it"
            )
            yield Problem(f"the builder `{name}` of `{step.name}` has no method `{method}`", span, hint)
    for method in sorted(getattr(builder, "__abstractmethods__", ())):
        message = f"the builder `{name}` of `{step.name}` does not implement the abstract method `{method}`"
        yield Problem(message, span, "implement it")


def _is_method(builder: type, name: str) -> bool:
    return isinstance(inspect.getattr_static(builder, name, None), (staticmethod, classmethod, property))


def _of_names(
    kind: str,
    loaded: Any,
    side: _Side,
    step: StepDefinition,
    interface: Mapping[str, Any],
    takes_all: bool,
) -> Iterator[Problem]:
    """Compare the names of a contract or specification with the interface.

    A contract lists only names with a path, a specification lists all.
    """
    has = _names_of(_held(loaded, side.held_as))
    if has is None:
        return
    declared: Mapping[str, Any] = interface.get(side.field) or {}
    for name in (item for item in declared if item not in has):
        if takes_all or declared[name].get("path"):
            near = closest(name, has)
            hint = did_you_mean(near) or f"add it to the {_word(kind)}"
            message = f"the {_word(kind)} of `{step.name}` has no {side.noun} `{name}`"
            yield Problem(message, _key(step, ("interface", side.field, name)), hint)
    for name in (item for item in has if item not in declared):
        near = closest(name, declared)
        hint = did_you_mean(near) or "declare it in the interface"
        message = (
            f"the {_word(kind)} of `{step.name}` has the {side.noun} `{name}`, but the interface does not"
        )
        yield Problem(message, _key(step, ("interface", side.field), ("interface",)), hint)


def _of_entry_point(contract: Any, step: StepDefinition, interface: Mapping[str, Any]) -> Iterator[Problem]:
    has, declared = _held(contract, ("entry_point",)), interface.get("entry_point")
    if (
        isinstance(has, str)
        and declared is not None
        and has.rpartition("/")[2] != declared.rpartition("/")[2]
    ):
        message = f"the contract of `{step.name}` starts `{has}`, but the interface `{declared}`"
        yield Problem(message, _span(step, ("interface", "entry_point")))


def _of_variables(contract: Any, step: StepDefinition, interface: Mapping[str, Any]) -> Iterator[Problem]:
    has = _names_of(_held(contract, ("required_env_vars",)))
    if has is None:
        return
    value = (interface.get("env") or {}).get("required", ())
    for name in (item for item in has if item not in value):
        message = f"the contract of `{step.name}` requires the variable `{name}`, but the interface does not"
        yield Problem(message, _key(step, ("interface", "env"), ("interface",)))
    for name in (item for item in value if item not in has):
        message = f"the interface of `{step.name}` requires the variable `{name}`, but the contract does not"
        yield Problem(message, _key(step, ("interface", "env", "required")))


def _held(loaded: Any, names: Iterable[str]) -> Any:
    """Return the value of the first existing attribute or key."""
    for name in names:
        if isinstance(loaded, Mapping):
            if name in loaded:
                return loaded[name]
        elif hasattr(loaded, name):
            return getattr(loaded, name)
    return _ABSENT


def _names_of(held: Any) -> tuple[str, ...] | None:
    """Return the names of a mapping or a list (of names or objects with ``logical_name``), else ``None``."""
    if isinstance(held, Mapping):
        names: list[Any] = list(held)
    elif isinstance(held, (list, tuple, set, frozenset)):
        names = [getattr(item, "logical_name", item) for item in held]
    else:
        return None
    return tuple(sorted(names)) if all(isinstance(name, str) for name in names) else None


def _word(kind: str) -> str:
    return "specification" if kind == "spec" else kind


def _span(step: StepDefinition, *pointers: Pointer) -> Span:
    """Return the location of the first existing value, topmost first, else of the step's name."""
    for pointer in (*pointers, ("name",)):
        for source in step.sources:
            if _states(source.document.data, pointer):
                return source.document.value_span(pointer)
    return step.sources[0].document.first_key_span(())


def _key(step: StepDefinition, *pointers: Pointer) -> Span:
    """Return the location of the first existing key, topmost first, else of the step's name."""
    for pointer in pointers:
        for source in step.sources:
            if _states(source.document.data, pointer):
                return source.document.key_span(pointer)
    return _span(step)


def _states(data: Any, pointer: Pointer) -> bool:
    for item in pointer:
        if not isinstance(data, Mapping) or data.get(item) is None:
            return False
        data = data[item]
    return True
