"""Which definitions may collide: those that share a class, an alias or a name with another one."""

from __future__ import annotations

from collections.abc import Mapping

from stepwell.model import Definition, StepDefinition

__all__ = ["Index", "index", "suspects", "suspects_of_core"]

Table = Mapping[str, Definition]
Index = Mapping[str, tuple[str, ...]]
"""A word to the names of the steps that have it."""


def index(steps: Table) -> tuple[Index, Index]:
    """The steps by configuration class and by alias."""
    by_config_class: dict[str, tuple[str, ...]] = {}
    by_alias: dict[str, tuple[str, ...]] = {}
    for name, step in steps.items():
        if not isinstance(step, StepDefinition):
            continue
        config_class = step.config_class
        if config_class is not None:
            by_config_class[config_class] = (*by_config_class.get(config_class, ()), name)
        for alias in step.aliases:
            by_alias[alias] = (*by_alias.get(alias, ()), name)
    return by_config_class, by_alias


def suspects_of_core(steps: Table, by_config_class: Index, by_alias: Index) -> dict[str, Definition]:
    """The steps of the core that share a class or an alias, or whose alias is another's name."""
    found = {name for names in by_config_class.values() if len(names) > 1 for name in names}
    found.update(
        name for alias, names in by_alias.items() if len(names) > 1 or alias in steps for name in names
    )
    return {name: steps[name] for name in steps if name in found} if found else {}


def suspects(
    own: Table, below: Table, below_by_config_class: Index, below_by_alias: Index
) -> dict[str, Definition]:
    """The steps of a view's own that share a class, an alias or a name with another one."""
    found: set[str] = set()
    first_with_class: dict[str, str] = {}
    first_with_alias: dict[str, str] = {}
    for name, step in own.items():
        if not isinstance(step, StepDefinition):
            continue
        config_class = step.config_class
        if config_class is not None:
            other = first_with_class.setdefault(config_class, name)
            if other != name or _others(below_by_config_class, config_class, name):
                found.update((name, other))
        for alias in step.aliases:
            other = first_with_alias.setdefault(alias, name)
            is_name = alias in own or alias in below
            if other != name or is_name or _others(below_by_alias, alias, name):
                found.update((name, other))
        if name in below_by_alias:
            found.add(name)
    return {name: own[name] for name in own if name in found} if found else {}


def _others(having: Index, word: str, name: str) -> bool:
    """Whether a step of another name has a word."""
    return bool(having) and having.get(word, (name,)) != (name,)
