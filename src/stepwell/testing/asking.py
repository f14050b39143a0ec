"""What the options of a run ask for: the project, the views, and the ids of single tests."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final, final

import pytest

from stepwell.live.registry import Registry
from stepwell.model.settings import RESERVED_ID, open_project
from stepwell.resolve.view import View
from stepwell.source.errors import ProjectError, UnknownWorkspace
from stepwell.source.spelling import closest

__all__ = ["CORE", "Asked", "ask", "did_you_mean", "every_label", "find_view"]

CORE: Final = "core"
"""What the core's view is called in options and ids."""

_SPELT_OUT: Final = "workspace "
"""What precedes the id of a workspace that is itself called ``core``."""

_MOST: Final = 8
"""How many names a message tells."""


@final
class Asked:
    """A project, and what of it is to be tested.

    Args:
        registry: the project's.
        labels: the views, each as ids call it.
        ids: the ids of single tests, without their first part; none for all.
    """

    __slots__ = ("ids", "labels", "registry")

    def __init__(self, registry: Registry, labels: tuple[str, ...], ids: tuple[tuple[str, ...], ...]) -> None:
        self.registry = registry
        self.labels = labels
        self.ids = ids

    def view(self, label: str) -> View:
        """The view that a label names."""
        return find_view(self.registry, label)

    def wants(self, *parts: str) -> bool:
        """Whether a node with these parts of its id is asked for, or lies above one that is."""
        return not self.ids or any(
            all(one == other for one, other in zip(parts, wanted, strict=False)) for wanted in self.ids
        )


def ask(
    rootdir: Path, started_in: Path, project: str | None, workspace: str | None, ids: Iterable[str]
) -> Asked:
    """Open the project that a run asks for.

    Args:
        rootdir: pytest's root folder.
        started_in: where pytest was started: the project is looked for from there up, if it lies in the root
            folder, and relative paths of options start from it.
        project: what ``--stepwell-project`` says.
        workspace: what ``--stepwell-workspace`` says.
        ids: the ids of single tests; they begin with ``stepwell``, or a path that ends in it.

    Raises:
        UsageError: there is no such project or workspace; with suggestions.
    """
    import stepwell

    # In a repository of several projects pytest's root folder lies above the one that a person stands in.
    nearest = started_in if started_in.is_relative_to(rootdir) else rootdir
    folder = str(nearest) if project is None else os.path.join(started_in, project)
    try:
        if project is not None:
            open_project(folder)  # that very folder, not one above it
        registry = stepwell.open(folder)
    except ProjectError as error:
        hint = "" if project is not None else "; --stepwell-project DIR says where it is"
        raise pytest.UsageError(f"{error}{hint}") from None
    parts = tuple(tuple(one.split("::")[1:]) for one in ids)
    wanted = tuple(one for one in parts if one and one[0])
    labels = every_label(registry) if workspace == RESERVED_ID else (_label(find_view(registry, workspace)),)
    if len(wanted) < len(parts) or not wanted:
        return Asked(registry, labels, ())
    named = dict.fromkeys(_label(find_view(registry, one[0])) for one in wanted)
    return Asked(registry, tuple(named), wanted)


def every_label(registry: Registry) -> tuple[str, ...]:
    """What the core's view and those of all workspaces are called in ids."""
    return CORE, *(_label(registry.view(one)) for one in registry.workspaces)


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """The end of a message about a word that names nothing: what may be meant, or what there is."""
    there = list(choices)
    near = closest(word, there, 3)
    if near:
        return f"did you mean {' or '.join(f'`{one}`' for one in near)}?"
    shown = ", ".join(f"`{one}`" for one in there[:_MOST])
    return f"there are {shown}{' and others' if len(there) > _MOST else ''}" if there else "there are none"


def find_view(registry: Registry, name: str | None) -> View:
    """The view that a word of the user names.

    Args:
        registry: of which project.
        name: a workspace's id or label; ``core`` or nothing for the core, ``None`` for the one in effect.

    Raises:
        UsageError: there is no such workspace; with suggestions.
    """
    if name in (CORE, ""):
        return registry.view(None)
    if name is None:
        try:
            return registry.view()
        except UnknownWorkspace as error:
            raise pytest.UsageError(f"{error}; the environment or the project's settings name it") from None
    try:
        return registry.view(name.removeprefix(_SPELT_OUT))
    except UnknownWorkspace:
        hint = did_you_mean(name, (CORE, *registry.workspaces, RESERVED_ID))
        raise pytest.UsageError(f"unknown workspace: {name} ({hint})") from None


def _label(view: View) -> str:
    """What a view is called in ids."""
    if view.workspace is None:
        return CORE
    return view.workspace if view.workspace != CORE else f"{_SPELT_OUT}{CORE}"
