"""pytest collection nodes: project, views, steps and checks."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, final

import pytest

from stepwell.frontends.pytest_plugin.checks import Check, Subject, checks_of, subjects_of
from stepwell.frontends.pytest_plugin.failure import CheckFailed, without_our_frames
from stepwell.live.registry import Registry
from stepwell.model.settings import RESERVED_ID, open_project
from stepwell.resolve.view import View
from stepwell.source.errors import ProjectError, UnknownWorkspace
from stepwell.source.spelling import suggest

__all__ = [
    "CORE",
    "CheckItem",
    "PluginOptions",
    "ProjectNode",
    "StepNode",
    "ViewNode",
    "ask",
    "check_ids",
    "collect_steps",
    "every_label",
    "find_view",
    "suggest_or_list",
]


CORE: Final = "core"
"""Label of the core in options and ids."""

_SPELT_OUT: Final = "workspace "
"""Prefix for a workspace called ``core``."""

_MOST: Final = 8
"""Maximum number of names in a message."""


@final
class PluginOptions:
    """Project and selected tests.

    Args:
       ids: test ids without their first part; empty for all.
    """

    __slots__ = ("ids", "labels", "registry")

    def __init__(self, registry: Registry, labels: tuple[str, ...], ids: tuple[tuple[str, ...], ...]) -> None:
        self.registry = registry
        self.labels = labels
        self.ids = ids

    def view(self, label: str) -> View:
        """Return the view with a label."""
        return find_view(self.registry, label)

    def wants(self, *parts: str) -> bool:
        """Return whether a node or one of its descendants is selected."""
        return not self.ids or any(
            all(part == other for part, other in zip(parts, wanted, strict=False)) for wanted in self.ids
        )


def ask(
    rootdir: Path, started_in: Path, project: str | None, workspace: str | None, ids: Iterable[str]
) -> PluginOptions:
    """Open the project of a run.

    Args:
       started_in: invocation directory; the project is searched upward from it, within pytest's root.
       project: value of ``--stepwell-project``.
       workspace: value of ``--stepwell-workspace``.
       ids: test ids, starting with ``stepwell`` or a path that ends in it.

    Raises:
       UsageError: the project or workspace does not exist.
    """
    import stepwell

    # In a repository with several projects, pytest's root is above the current project.
    nearest = started_in if started_in.is_relative_to(rootdir) else rootdir
    folder = str(nearest) if project is None else os.path.join(started_in, project)
    try:
        if project is not None:
            open_project(folder)  # no upward search
        registry = stepwell.open(folder)
    except ProjectError as error:
        hint = "" if project is not None else "; set --stepwell-project DIR"
        raise pytest.UsageError(f"{error}{hint}") from None
    parts = tuple(tuple(item.split("::")[1:]) for item in ids)
    wanted = tuple(part for part in parts if part and part[0])
    labels = every_label(registry) if workspace == RESERVED_ID else (_label(find_view(registry, workspace)),)
    if len(wanted) < len(parts) or not wanted:
        return PluginOptions(registry, labels, ())
    named = dict.fromkeys(_label(find_view(registry, item[0])) for item in wanted)
    return PluginOptions(registry, tuple(named), wanted)


def every_label(registry: Registry) -> tuple[str, ...]:
    """Return the labels of all views."""
    return CORE, *(_label(registry.view(workspace)) for workspace in registry.workspaces)


def suggest_or_list(word: str, choices: Iterable[str]) -> str:
    """Return suggestions for an unknown name, or the available names."""
    there = list(choices)
    hint = suggest(word, there, 3)
    if hint:
        return hint
    shown = ", ".join(f"`{item}`" for item in there[:_MOST])
    return f"available: {shown}{' and others' if len(there) > _MOST else ''}" if there else "none available"


def find_view(registry: Registry, name: str | None) -> View:
    """Return a view.

    Args:
       name: id or label of a workspace; ``core`` or empty for the core, ``None`` for the current workspace.

    Raises:
       UsageError: the workspace does not exist.
    """
    if name in (CORE, ""):
        return registry.view(None)
    if name is None:
        try:
            return registry.view()
        except UnknownWorkspace as error:
            raise pytest.UsageError(f"{error}; set by the environment or the project's settings") from None
    try:
        return registry.view(name.removeprefix(_SPELT_OUT))
    except UnknownWorkspace:
        hint = suggest_or_list(name, (CORE, *registry.workspaces, RESERVED_ID))
        raise pytest.UsageError(f"unknown workspace: {name} ({hint})") from None


def _label(view: View) -> str:
    """Return the label of a view."""
    if view.workspace is None:
        return CORE
    return view.workspace if view.workspace != CORE else f"{_SPELT_OUT}{CORE}"


def collect_steps(session: pytest.Session, asked: PluginOptions) -> list[pytest.Item]:
    """Collect the selected tests."""
    top: ProjectNode = ProjectNode.from_parent(session, name="stepwell", nodeid="stepwell", asked=asked)
    return list(session.genitems(top))


def check_ids(asked: PluginOptions) -> None:
    """Check that the selected ids exist.

    Raises:
       UsageError: an id does not exist.
    """
    known: dict[str, dict[str, Subject]] = {}
    for label, *rest in asked.ids:
        if label not in known:
            known[label] = {item.name: item for item in subjects_of(asked.registry, asked.view(label))}
        if not rest:
            continue
        name, *checks = rest
        there: list[str] = [*known[label]]
        if name in known[label] and checks:
            name, there = "::".join(checks), [item.name for item in checks_of(known[label][name])]
        if name not in there:
            shown = "::".join(("stepwell", label, *rest))
            raise pytest.UsageError(f"not found: {shown} ({suggest_or_list(name, there)})")


@final
class ProjectNode(pytest.Collector):
    """The project."""

    def __init__(self, *, asked: PluginOptions, **of_pytest: Any) -> None:
        super().__init__(**of_pytest)
        self.asked = asked

    def collect(self) -> Iterator[ViewNode]:
        """Yield a node for each view."""
        for label in self.asked.labels:
            if self.asked.wants(label):
                yield ViewNode.from_parent(self, name=label, asked=self.asked)


@final
class ViewNode(pytest.Collector):
    """View of a workspace or the core."""

    def __init__(self, *, asked: PluginOptions, **of_pytest: Any) -> None:
        super().__init__(**of_pytest)
        self.asked = asked

    def collect(self) -> Iterator[StepNode]:
        """Yield a node for each step, and for each invalid file without a step."""
        for subject in subjects_of(self.asked.registry, self.asked.view(self.name)):
            if self.asked.wants(self.name, subject.name):
                yield StepNode.from_parent(self, name=subject.name, asked=self.asked, subject=subject)


@final
class StepNode(pytest.Collector):
    """One step of a view."""

    def __init__(self, *, asked: PluginOptions, subject: Subject, **of_pytest: Any) -> None:
        super().__init__(**of_pytest)
        self.asked = asked
        self.subject = subject

    def collect(self) -> Iterator[CheckItem]:
        """Yield a test for each check."""
        view = self.parent.name if self.parent is not None else ""
        for check in checks_of(self.subject):
            if self.asked.wants(view, self.name, check.name):
                item: CheckItem = CheckItem.from_parent(
                    self, name=check.name, check=check, subject=self.subject
                )
                if check.skipped:
                    item.add_marker(pytest.mark.skip(reason=check.skipped))
                yield item


@final
class CheckItem(pytest.Item):
    """One check of one step."""

    def __init__(self, *, check: Check, subject: Subject, **of_pytest: Any) -> None:
        super().__init__(**of_pytest)
        self.check = check
        self.subject = subject

    def runtest(self) -> None:
        """Run the check and keep its notes."""
        notes = self.check.run()
        if notes:
            self.add_report_section("call", "stepwell", notes)

    def reportinfo(self) -> tuple[os.PathLike[str] | str, int | None, str]:
        """Return the location of the step and the headline of the check."""
        view = self.parent.parent.name if self.parent is not None and self.parent.parent is not None else ""
        path, line = self.subject.place
        return os.path.join(self.subject.root, path), line - 1, f"{view}, {self.subject.name}: {self.name}"

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException]) -> Any:  # type: ignore[override]
        """Show the failure, with the traceback of the user's code only."""
        error = excinfo.value
        if not isinstance(error, CheckFailed):
            return super().repr_failure(excinfo)
        style = self.config.getoption("tbstyle")
        cause = error.__cause__
        shown: Any
        if cause is not None and without_our_frames(cause):
            info = pytest.ExceptionInfo.from_exception(cause)
            shown = super().repr_failure(info, style="long" if style == "auto" else style)
            if style != "line":
                shown.addsection("stepwell", error.text)
            return shown
        shown = excinfo.getrepr(style="value", chain=False)
        if shown.reprcrash is not None:
            shown.reprcrash.path = os.path.join(self.subject.root, error.path)
            shown.reprcrash.lineno = error.line
            shown.reprcrash.message = error.text.partition("\n")[0]
        return shown
