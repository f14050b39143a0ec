"""Checks of a step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Final, NamedTuple, final

from stepwell.code.alignment import LEVELS, align
from stepwell.code.references import check_references
from stepwell.frontends.pytest_plugin.conformance import nonconforming
from stepwell.frontends.pytest_plugin.failure import CheckFailed, Problem, cannot_load, findings
from stepwell.live.registry import Registry
from stepwell.model import StepDefinition
from stepwell.model.component import Component, ComponentState
from stepwell.model.layer import Layer
from stepwell.resolve.view import View
from stepwell.source.diagnostic import Diagnostic, Severity, Span, in_order
from stepwell.source.document import thaw
from stepwell.source.errors import ComponentError
from stepwell.source.escape_control import visible
from stepwell.source.foreign_code import Translated, worded

__all__ = [
    "Check",
    "Subject",
    "build_examples",
    "checks_of",
    "subjects_of",
]


def build_examples(view: View, step: StepDefinition) -> None:
    """Build the configuration of each example, and the builder from it.

    Raises:
       ComponentError: a class cannot be loaded.
       CheckFailed: a class cannot be called or raises an exception.
    """
    config_class, builder_class = view.load(step.name, "config"), view.load(step.name, "builder")
    for place, example in enumerate(step.examples or ()):
        span = _span(step, place)
        config = _call("configuration class", config_class, step, span, thaw(example))
        _call("builder", builder_class, step, span, config)


def _call(what: str, called: Any, step: StepDefinition, span: Span, given: Any) -> Any:
    name = getattr(called, "__name__", type(called).__name__)
    if not callable(called):
        problem = Problem(f"the {what} `{name}` of `{step.name}` cannot be called", span)
        raise CheckFailed(str(problem), span.path, span.line)

    def failed(error: BaseException) -> CheckFailed:
        message = f"the {what} `{name}` of `{step.name}` cannot be built from this example: {worded(error)}"
        problem = Problem(message, span, _advice(what, given))
        return CheckFailed(str(problem), span.path, span.line)

    with Translated(failed):
        return called(**given) if what == "configuration class" else called(given)


def _advice(what: str, given: Any) -> str:
    if what == "builder":
        return "it is called with the configuration built from the example"
    text = (
        ", ".join(visible(str(key)) for key in given) if isinstance(given, Mapping) and given else "nothing"
    )
    return f"the class is called with {text}"


def _span(step: StepDefinition, place: int) -> Span:
    """Return the location of an example in the topmost document."""
    for source in step.sources:
        if source.document.data.get("examples"):
            return source.document.value_span(("examples", place))
    return step.sources[0].document.value_span(("name",))


_OF_COMPONENTS: Final = ("missing-component", "ambiguous-component")
_NOT_IN_FILES: Final = frozenset({Layer.PLUGIN, Layer.RUNTIME})


@final
class Check(NamedTuple):
    """Check of a step.

    Args:
       run: returns notes; raises ``CheckFailed``.
       skipped: reason for skipping; empty otherwise.
    """

    name: str
    run: Callable[[], str]
    skipped: str = ""


_Referring = tuple[Mapping[str, tuple[Diagnostic, ...]], Mapping[str, tuple[Diagnostic, ...]]]
"""Reference findings of the core and of workspaces, by path of the definition."""


@final
@dataclass(frozen=True, slots=True)
class Subject:
    """Subject of checks: a step of a view, or an invalid file.

    Args:
       step: ``None`` for a file.
       referring: returns reference findings by path.
    """

    registry: Registry
    view: View
    name: str
    step: StepDefinition | None
    findings: tuple[Diagnostic, ...]
    referring: Callable[[], _Referring]

    @property
    def root(self) -> str:
        """The project's folder."""
        return self.registry.project.root

    @property
    def place(self) -> tuple[str, int]:
        """The file and line that define it."""
        if self.step is None:
            span = self.findings[0].span
        else:
            span = self.step.sources[0].document.value_span(("name",)) if self.step.sources else None
        return ("", 1) if span is None else (span.path, span.line)


def subjects_of(registry: Registry, view: View) -> Iterator[Subject]:
    """Return the steps of a view in table order, then its own invalid files."""
    left = dict.fromkeys(_found_in(registry, view))
    by_path = _by_path((*view.diagnostics, *left))
    referring = cache(partial(_referring, registry, view))
    for name in view:
        step = view.steps[name]
        paths = dict.fromkeys(source.document.path for source in step.sources)
        findings = in_order(item for path in paths for item in by_path.get(path, ()))
        for item in findings:
            left.pop(item, None)
        yield Subject(registry, view, name, step, findings, referring)
    for path in sorted({_path(item) for item in left}):
        mine = in_order(item for item in left if _path(item) == path)
        shown = visible(path or "the project").replace("::", ":")
        yield Subject(registry, view, shown, None, mine, referring)


def checks_of(subject: Subject) -> Iterator[Check]:
    """Return the checks of a subject in dependency order."""
    yield Check("definition", partial(_report, subject, subject.findings))
    step = subject.step
    if step is None:
        return
    parts = subject.view.components(subject.name)
    yield Check("components", partial(_components, subject, step))
    for kind, component in parts.items():
        if component.is_there:
            yield Check(f"load-{kind}", partial(_load, subject, kind))
    yield Check(
        "builds", partial(_builds, subject, step), _not_built(step, parts["config"], parts["builder"])
    )
    has_code = any(parts[kind].is_there for kind in ("builder", "config", "contract", "spec"))
    yield Check(
        "conforms",
        partial(_conforms, subject, step),
        "" if has_code else "no component of the step was found to check",
    )
    if any(source.layer in _NOT_IN_FILES for source in step.sources):
        return
    for level in LEVELS:
        has_matter = parts["builder"].is_there if level == 4 else step.interface is not None
        if has_matter:
            yield Check(f"alignment-{level}", partial(_aligned, subject, level))


def _path(finding: Diagnostic) -> str:
    return "" if finding.span is None else finding.span.path


def _found_in(registry: Registry, view: View) -> Iterable[Diagnostic]:
    """Return the findings in a view's own files, without inherited ones."""
    base = f"{registry.project.settings.workspaces}/"
    if view.workspace is not None:
        own = f"{base}{view.workspace}/"
        below = frozenset(registry.view(None).diagnostics)
        ours = (finding for finding in registry.diagnostics if _path(finding).startswith(own))
        return in_order((*(finding for finding in view.diagnostics if finding not in below), *ours))
    others = tuple(f"{base}{workspace}/" for workspace in registry.workspaces)
    return tuple(finding for finding in registry.diagnostics if not _path(finding).startswith(others))


def _report(subject: Subject, reported: tuple[Diagnostic, ...]) -> str:
    """Raise if a finding is an error, else return the findings."""
    text = findings(reported)
    for finding in reported:
        if finding.severity is Severity.ERROR:
            path, line = (finding.span.path, finding.span.line) if finding.span is not None else subject.place
            raise CheckFailed(text, path, line)
    return text


def _components(subject: Subject, step: StepDefinition) -> str:
    references = _references(subject, step)
    text = _report(subject, references)
    known = {item.span for item in references}
    for kind, component in subject.view.components(subject.name).items():
        span = component.declared_at or step.sources[0].document.value_span(("name",))
        unclear = component.state is ComponentState.AMBIGUOUS
        lost = component.state is ComponentState.MISSING and component.declared_at is not None
        if (unclear or lost) and span not in known:
            what = "is ambiguous" if unclear else "is missing"
            problem = Problem(f"the {kind} of `{step.name}` {what}: {component.fault}", span, component.help)
            raise CheckFailed(str(problem), span.path, span.line)
    return text


def _references(subject: Subject, step: StepDefinition) -> tuple[Diagnostic, ...]:
    """Return the reference findings of a step, if the project enables them."""
    core, own = subject.referring()
    tables = (core, own) if subject.view.workspace is None or _is_as_in_core(subject) else (own,)
    paths = dict.fromkeys(source.document.path for source in step.sources)
    findings = in_order(item for table in tables for path in paths for item in table.get(path, ()))
    if subject.registry.project.settings.references is not None:
        return findings
    return tuple(item for item in findings if item.id in _OF_COMPONENTS)


def _referring(registry: Registry, view: View) -> _Referring:
    project, snapshot, index = registry.project, registry.snapshot, registry.code.index()
    core = check_references(project, snapshot, index, "")
    if view.workspace is None:
        return _by_path(core), {}
    of_core = frozenset(core)
    every = check_references(project, snapshot, index, view.workspace)
    return _by_path(core), _by_path(item for item in every if item not in of_core)


def _by_path(findings: Iterable[Diagnostic]) -> dict[str, tuple[Diagnostic, ...]]:
    by_path: dict[str, list[Diagnostic]] = {}
    for item in findings:
        by_path.setdefault(_path(item), []).append(item)
    return {path: tuple(held) for path, held in by_path.items()}


def _is_as_in_core(subject: Subject) -> bool:
    """Return whether a workspace uses the core's components of a step."""
    core = subject.registry.view(None)
    name = subject.name
    return name in core.steps and core.components(name) == subject.view.components(name)


def _load(subject: Subject, kind: str) -> str:
    try:
        subject.view.load(subject.name, kind)
    except ComponentError as error:
        raise cannot_load(error) from error.__cause__
    return ""


def _not_built(step: StepDefinition, config: Component, builder: Component) -> str:
    """Return why no examples are built; empty if they are."""
    if not step.examples:
        return "the step has no examples: add `examples` with configurations to its definition"
    for kind, component in (("builder", builder), ("configuration class", config)):
        if not component.is_there:
            return f"the step has no {kind}" + (f": {component.fault}" if component.fault else "")
    return ""


def _builds(subject: Subject, step: StepDefinition) -> str:
    try:
        build_examples(subject.view, step)
    except ComponentError as error:  # the loading check shows the traceback
        raise cannot_load(error) from None
    return ""


def _conforms(subject: Subject, step: StepDefinition) -> str:
    try:
        problems = list(nonconforming(subject.view, step, subject.registry.project.settings.alignment))
    except ComponentError as error:  # the loading check shows the traceback
        raise cannot_load(error) from None
    if problems:
        place: Span = problems[0].span
        raise CheckFailed("\n\n".join(map(str, problems)), place.path, place.line)
    return ""


def _aligned(subject: Subject, level: int) -> str:
    registry = subject.registry
    (aligned,) = align(
        registry.project,
        registry.snapshot,
        registry.code.index(),
        (subject.view,),
        (subject.name,),
        (level,),
    )
    return _report(subject, aligned.diagnostics)
