"""Sections of a complete check of a view: everything that Stepwell can validate, with one result for each."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from typing import Final, final

from stepwell.frontends.cli.align import alignment_as_written
from stepwell.frontends.cli.options import CommonOptions, with_progress
from stepwell.frontends.cli.pipeline.check import RULES, pipeline_findings
from stepwell.frontends.cli.pipeline.options import manifest_of
from stepwell.frontends.render.report import SECTIONS, Section
from stepwell.live.registry import Registry, as_written
from stepwell.model import StepDefinition
from stepwell.model.graph import link
from stepwell.resolve.view import View
from stepwell.source.diagnostic import Diagnostic, Severity, Span, in_order
from stepwell.source.errors import ComponentError
from stepwell.source.foreign_code import Contained, worded
from stepwell.source.python.search import span_in

__all__ = ["sections_of"]

_RUN_PYTHON: Final = frozenset({"builders", "tests"})
_OF_WORKSPACES: Final = frozenset({"isolation", "tests"})
_SECONDS: Final = 600
_LINES: Final = 20


def sections_of(
    registry: Registry, workspace: str | None, common: CommonOptions, *, static: bool
) -> tuple[Section, ...]:
    """Check a workspace, or the core under ``None``.

    Args:
        static: whether sections that run Python are skipped.
    """
    return tuple(_View(registry, workspace, common).sections(static=static))


@final
class _View:
    """Checks of one view; findings about the files of other views belong to these."""

    def __init__(self, registry: Registry, workspace: str | None, common: CommonOptions) -> None:
        self._registry = registry
        self._project = registry.project
        self._workspace = workspace
        self._test_folder = f"{registry.project.settings.workspaces}/{workspace}/tests"
        self._index = with_progress(common, registry.code.index)

    def sections(self, *, static: bool) -> Iterator[Section]:
        seen: set[Diagnostic] = set()
        for name in SECTIONS:
            if static and name in _RUN_PYTHON:
                yield Section(name, skipped="runs Python")
                continue
            if self._workspace is None and name in _OF_WORKSPACES:
                yield Section(name, skipped="only for workspaces")
                continue
            if name == "tests" and not os.path.isdir(os.path.join(self._project.root, self._test_folder)):
                yield Section(name, skipped="no folder `tests`")
                continue
            check = getattr(self, f"_{name}")
            findings = in_order(dict.fromkeys(each for each in check() if each not in seen))
            seen.update(findings)
            yield Section(name, findings)

    def _own(self, findings: Iterable[Diagnostic]) -> Iterator[Diagnostic]:
        base = f"{self._project.settings.workspaces}/"
        own = base if self._workspace is None else f"{base}{self._workspace}/"
        for finding in findings:
            path = "" if finding.span is None else f"{finding.span.path}/"
            if path.startswith(own) != (self._workspace is None):
                yield finding

    def _structure(self) -> Iterator[Diagnostic]:
        from stepwell.code.workspace_isolation import check_structure

        yield from (each for each in self._own(self._registry.diagnostics) if each.id not in RULES)
        if self._workspace is not None:
            workspace = self._registry.snapshot.workspaces[self._workspace]
            yield from check_structure(self._project, workspace)

    def _isolation(self) -> Iterable[Diagnostic]:
        from stepwell.code.workspace_isolation import check_isolation

        return check_isolation(self._project, self._registry.snapshot, self._index, self._workspace or "")

    def _references(self) -> Iterable[Diagnostic]:
        from stepwell.code.references import check_references

        if self._project.settings.references is None:
            return ()
        findings = check_references(
            self._project, as_written(self._registry), self._index, self._workspace or ""
        )
        return self._own(findings)

    def _alignment(self) -> Iterable[Diagnostic]:
        return self._own(
            alignment_as_written(self._registry, self._index, (self._workspace,), judge_ignores=False)
        )

    def _builders(self) -> Iterator[Diagnostic]:
        view = self._registry.view(self._workspace)
        for name, step in (view.steps if self._workspace is None else view.steps.above).items():
            components = view.components(name)
            if components["builder"].is_there:
                yield from _built(self._project.root, view, step, components["config"].is_there)

    def _pipelines(self) -> Iterable[Diagnostic]:
        view = self._registry.view(self._workspace)
        manifest = manifest_of(self._registry, None)
        views = {item: self._registry.view(item) for item in (None, *self._registry.workspaces)}
        linked = [
            link(view, definition, self._registry.among) for definition in view.pipelines.above.values()
        ]
        findings = (
            pipeline_findings(self._registry, item, views, manifest.value, made_up=False) for item in linked
        )
        own = (each for each in self._own(self._registry.diagnostics) if each.id in RULES)
        return (
            *own,
            *(each for finding in findings for each in finding),
            *(manifest.diagnostics if linked else ()),
        )

    def _tests(self) -> Iterator[Diagnostic]:
        folder = self._test_folder
        tool = ("pytest", "-q", "-p", "no:cacheprovider") if find_spec("pytest") else ("unittest", "discover")
        command = [sys.executable, "-m", *tool, folder]
        try:
            done = subprocess.run(  # noqa: S603 - the tests of the project
                command, cwd=self._project.root, capture_output=True, text=True, timeout=_SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            yield Diagnostic(
                "failed-tests", Severity.ERROR, f"tests took more than {_SECONDS} s", Span(folder)
            )
            return
        if done.returncode not in (0, 5):  # 5: no tests
            lines = (done.stdout + done.stderr).rstrip().splitlines()[-_LINES:]
            message = f"tests failed with exit code {done.returncode}"
            shown = " ".join(["python", *command[1:]])
            yield Diagnostic(
                "failed-tests", Severity.ERROR, message, Span(folder), f"run `{shown}`: {lines[-1]}"
            )


def _built(root: str, view: View, step: StepDefinition, has_config: bool) -> Iterator[Diagnostic]:
    """Load the builder of a step, and build its examples."""
    try:
        builder = view.load(step.name, "builder")
        config = view.load(step.name, "config") if has_config else dict
    except ComponentError as error:
        span = span_in(root, error.path, error.line, 1, 0)
        yield Diagnostic("failed-builder", Severity.ERROR, str(error).partition("\n")[0], span)
        return
    for place, example in enumerate(step.examples or () if has_config else ()):
        with Contained() as contained:
            builder(config(**example))
        if contained.error is not None:
            source = next(each for each in step.sources if each.document.data.get("examples"))
            message = f"builder of `{step.name}` cannot be built from this example: {worded(contained.error)}"
            span = source.document.value_span(("examples", place))
            yield Diagnostic("failed-builder", Severity.ERROR, message, span)
