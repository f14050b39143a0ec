"""The tree that pytest shows: the project, its views, their steps, and a test for each check of a step."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, final

import pytest

from stepwell.testing.asking import Asked, did_you_mean
from stepwell.testing.checks import Check, Subject, checks_of, subjects_of
from stepwell.testing.failing import CheckFailed, without_our_frames

__all__ = ["CheckItem", "ProjectNode", "StepNode", "ViewNode", "check_ids", "collect_steps"]


def collect_steps(session: pytest.Session, asked: Asked) -> list[pytest.Item]:
    """The tests that are asked for, collected as pytest collects all others.

    Args:
        session: the session of pytest.
        asked: what is asked for.
    """
    top: ProjectNode = ProjectNode.from_parent(session, name="stepwell", nodeid="stepwell", asked=asked)
    return list(session.genitems(top))


def check_ids(asked: Asked) -> None:
    """Hold the ids that are asked for against the steps and checks that there are.

    Args:
        asked: what is asked for.

    Raises:
        UsageError: an id names nothing; with suggestions.
    """
    known: dict[str, dict[str, Subject]] = {}
    for label, *rest in asked.ids:
        if label not in known:
            known[label] = {one.name: one for one in subjects_of(asked.registry, asked.view(label))}
        if not rest:
            continue
        name, *checks = rest
        there: list[str] = [*known[label]]
        if name in known[label] and checks:
            name, there = "::".join(checks), [one.name for one in checks_of(known[label][name])]
        if name not in there:
            shown = "::".join(("stepwell", label, *rest))
            raise pytest.UsageError(f"not found: {shown} ({did_you_mean(name, there)})")


@final
class ProjectNode(pytest.Collector):
    """The project."""

    def __init__(self, *, asked: Asked, **of_pytest: Any) -> None:
        super().__init__(**of_pytest)
        self.asked = asked

    def collect(self) -> Iterator[ViewNode]:
        """Give a node for each view."""
        for label in self.asked.labels:
            if self.asked.wants(label):
                yield ViewNode.from_parent(self, name=label, asked=self.asked)


@final
class ViewNode(pytest.Collector):
    """What one workspace sees, or the core."""

    def __init__(self, *, asked: Asked, **of_pytest: Any) -> None:
        super().__init__(**of_pytest)
        self.asked = asked

    def collect(self) -> Iterator[StepNode]:
        """Give a node for each step, and for each file with findings that gives no step."""
        for subject in subjects_of(self.asked.registry, self.asked.view(self.name)):
            if self.asked.wants(self.name, subject.name):
                yield StepNode.from_parent(self, name=subject.name, asked=self.asked, subject=subject)


@final
class StepNode(pytest.Collector):
    """One step of a view."""

    def __init__(self, *, asked: Asked, subject: Subject, **of_pytest: Any) -> None:
        super().__init__(**of_pytest)
        self.asked = asked
        self.subject = subject

    def collect(self) -> Iterator[CheckItem]:
        """Give a test for each check."""
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
        """Do the check, and keep what it says though it passes."""
        told = self.check.run()
        if told:
            self.add_report_section("call", "stepwell", told)

    def reportinfo(self) -> tuple[os.PathLike[str] | str, int | None, str]:
        """Where the step is defined, and what the check is called in a headline."""
        view = self.parent.parent.name if self.parent is not None and self.parent.parent is not None else ""
        path, line = self.subject.place
        return os.path.join(self.subject.root, path), line - 1, f"{view}, {self.subject.name}: {self.name}"

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException]) -> Any:  # type: ignore[override]
        """Show what the user is told, and of the user's code its own traceback."""
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
