"""The exceptions that cross the public API; a user's file never raises one, it yields a Diagnostic."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol, final

if TYPE_CHECKING:
    from stepwell.source.diagnostic import Diagnostic

__all__ = [
    "AmbiguousStep",
    "ComponentError",
    "ExtensionError",
    "NoProvider",
    "PipelineError",
    "ProjectError",
    "RegistrationError",
    "RevisionError",
    "StepwellError",
    "StrategyFailed",
    "UnknownPipeline",
    "UnknownProvider",
    "UnknownStep",
    "UnknownStrategy",
    "UnknownWorkspace",
    "package_names",
]


class StepwellError(Exception):
    """Everything that Stepwell raises on purpose derives from this."""


@final
class ProjectError(StepwellError):
    """No project could be found or opened; the message says where it was looked for."""


@final
class RevisionError(StepwellError):
    """A state of the project in git cannot be found; the message says why, and what to do."""


@final
class RegistrationError(StepwellError, ValueError):
    """A step cannot be registered."""

    def __init__(self, name: str | None, diagnostics: tuple[Diagnostic, ...]) -> None:
        self.name = name
        self.diagnostics = diagnostics
        told = [
            f"  {found.severity.value}[{found.id}]: {found.message}{f' ({found.help})' if found.help else ''}"
            for found in diagnostics
        ]
        shown = f"the step `{name}`" if name else "this step"
        super().__init__("\n".join([f"{shown} cannot be registered:", *told]))

    def __reduce__(self) -> tuple[type[RegistrationError], tuple[str | None, tuple[Diagnostic, ...]]]:
        return RegistrationError, (self.name, self.diagnostics)


@final
class ComponentError(StepwellError, ImportError):
    """A class, a function or a module of a step cannot be loaded; what the user's code raised is the cause.

    Args:
        component: what was wanted: a name in a file, or the file where all of it was wanted.
        workspace: for whom; ``None`` for the core.
        path: the file that failed, which may be one that was imported on the way, relative to the project.
        line: of that file, from 1.
        file: the file that was to be loaded, relative to the project.
        looked_for: the module or name that is missing; empty where another thing is wrong.
        looked_in: the places where a module was looked for, in their order.
        imported_at: the lines that led there, as ``path:line``, outermost first.
    """

    def __init__(
        self,
        component: str,
        workspace: str | None,
        path: str,
        line: int,
        fault: str,
        file: str = "",
        looked_for: str = "",
        looked_in: tuple[str, ...] = (),
        suggestions: tuple[str, ...] = (),
        imported_at: tuple[str, ...] = (),
    ) -> None:
        self.component = component
        self.workspace = workspace
        self.line = line
        self.fault = fault
        self.file = file or path
        self.looked_for = looked_for
        self.looked_in = looked_in
        self.suggestions = suggestions
        self.imported_at = imported_at
        wanted = f"`{component}`" if component == self.file else f"`{component}` of {self.file}"
        whose = "the core" if workspace is None else f"workspace {workspace}"
        told = [f"cannot load {wanted} for {whose}: {fault}{_hint(suggestions)}", f"  --> {path}:{line}"]
        if imported_at:
            told.append(f"  imported at {', '.join(imported_at)}")
        if looked_in:
            told.append(f"  looked for `{looked_for}` in {', '.join(looked_in)}")
        super().__init__("\n".join(told))
        self.path: str = path

    def __reduce__(self) -> tuple[type[ComponentError], tuple[object, ...]]:
        return ComponentError, (
            self.component,
            self.workspace,
            self.path,
            self.line,
            self.fault,
            self.file,
            self.looked_for,
            self.looked_in,
            self.suggestions,
            self.imported_at,
        )


@final
class PipelineError(StepwellError, ValueError):
    """What was asked of a pipeline is not possible with this one; the message says why."""


@final
class UnknownPipeline(StepwellError, KeyError):
    """A view was asked for a pipeline that it does not have.

    Args:
        place: the view in words, e.g. ``workspace alice`` or ``the core``.
    """

    def __init__(self, name: str, suggestions: tuple[str, ...] = (), place: str = "the core") -> None:
        self.name = name
        self.suggestions = suggestions
        self.place = place
        super().__init__(f"there is no pipeline `{name}` in {place}{_hint(suggestions)}")

    def __str__(self) -> str:  # KeyError would print the repr
        return str(self.args[0])

    def __reduce__(self) -> tuple[type[UnknownPipeline], tuple[str, tuple[str, ...], str]]:
        return UnknownPipeline, (self.name, self.suggestions, self.place)


@final
class UnknownStep(StepwellError, KeyError, ValueError):
    """A view was asked for a step that it does not have.

    It is a ``KeyError`` because a view is a mapping, and a ``ValueError`` because the
    functions of the old registry raised one.

    Args:
        place: the view in words, e.g. ``workspace alice`` or ``the core``.
    """

    def __init__(self, name: str, suggestions: tuple[str, ...] = (), place: str = "the core") -> None:
        self.name = name
        self.suggestions = suggestions
        self.place = place
        super().__init__(f"Unknown step name: {name}{_hint(suggestions)}")

    def __str__(self) -> str:  # KeyError would print the repr
        return str(self.args[0])

    def __reduce__(self) -> tuple[type[UnknownStep], tuple[str, tuple[str, ...], str]]:
        return UnknownStep, (self.name, self.suggestions, self.place)


@final
class UnknownWorkspace(StepwellError, KeyError, ValueError):
    """A registry was asked for a workspace that the project does not have.

    Args:
        available: every id that there is, told in the words of the old registry; ``None`` for ours.
    """

    def __init__(
        self, workspace: str, suggestions: tuple[str, ...] = (), available: tuple[str, ...] | None = None
    ) -> None:
        self.workspace = workspace
        self.suggestions = suggestions
        self.available = available
        if available is None:
            told = f"unknown workspace: {workspace}"
        else:
            told = f"Unknown workspace: {workspace}. Available: {list(available)}"
        super().__init__(f"{told}{_hint(suggestions)}")

    def __str__(self) -> str:
        return str(self.args[0])

    def __reduce__(
        self,
    ) -> tuple[type[UnknownWorkspace], tuple[str, tuple[str, ...], tuple[str, ...] | None]]:
        return UnknownWorkspace, (self.workspace, self.suggestions, self.available)


@final
class AmbiguousStep(StepwellError, ValueError):
    """Nothing tells several definitions of a name apart, and the mode ``strict`` allows no guess.

    Args:
        candidates: every definition of it, whose it is and where, e.g.
            ``workspace bob at workspaces/bob/local/steps/scoring.yaml:1``.
    """

    def __init__(self, name: str, candidates: tuple[str, ...]) -> None:
        self.name = name
        self.candidates = candidates
        super().__init__(f"ambiguous step: {name} is defined by {'; '.join(candidates)}")

    def __reduce__(self) -> tuple[type[AmbiguousStep], tuple[str, tuple[str, ...]]]:
        return AmbiguousStep, (self.name, self.candidates)


@final
class UnknownStrategy(StepwellError, ValueError):
    """There is no strategy of resolution of this name, neither here nor in an installed package."""

    def __init__(self, strategy: str, suggestions: tuple[str, ...] = ()) -> None:
        self.strategy = strategy
        self.suggestions = suggestions
        super().__init__(f"unknown strategy: {strategy}{_hint(suggestions)}")

    def __reduce__(self) -> tuple[type[UnknownStrategy], tuple[str, tuple[str, ...]]]:
        return UnknownStrategy, (self.strategy, self.suggestions)


class NamedExtension(Protocol):
    """What an error names an extension by."""

    @property
    def package(self) -> str:
        """The distribution that declares it."""

    @property
    def value(self) -> str:
        """What its entry point refers to."""


def package_names(found: Iterable[NamedExtension]) -> str:
    """The packages of some extensions as errors name them; the entry point's value where there is none."""
    return " and ".join(
        f"`{one.value}`" if one.package == one.value else f"package {one.package}" for one in found
    )


@final
class ExtensionError(StepwellError):
    """What an installed package adds by an entry point cannot be used; what its code raised is the cause."""

    def __init__(self, group: str, name: str, found: Iterable[NamedExtension], fault: str) -> None:
        self.group = group
        self.name = name
        self.fault = fault
        self.package = package_names(found)
        super().__init__(f"entry point `{name}` of `{group}` in {self.package} {fault}")

    def __reduce__(self) -> tuple[Any, ...]:
        return StepwellError.__new__, (type(self), *self.args), self.__dict__


@final
class StrategyFailed(StepwellError):
    """A strategy of an installed package cannot be used; what it raised is the cause.

    Args:
        package: what gives it, e.g. ``package acme-strategies``.
    """

    def __init__(self, strategy: str, package: str, fault: str) -> None:
        self.strategy = strategy
        self.package = package
        self.fault = fault
        super().__init__(f"strategy {strategy} of {package} {fault}")

    def __reduce__(self) -> tuple[type[StrategyFailed], tuple[str, str, str]]:
        return StrategyFailed, (self.strategy, self.package, self.fault)


@final
class NoProvider(StepwellError, LookupError):
    """No provider of a view can be asked at this instant.

    Args:
        retry_after: seconds after which one of them may be; ``None`` where waiting does not help.
    """

    def __init__(
        self,
        place: str,
        fault: str,
        passed_over: Mapping[str, str] = MappingProxyType({}),
        retry_after: float | None = None,
    ) -> None:
        self.place = place
        self.fault = fault
        self.passed_over: Mapping[str, str] = MappingProxyType(dict(passed_over))
        self.retry_after = retry_after
        told = [f"no provider of {place} can be asked: {fault}"]
        told += (f"  {name}: {why}" for name, why in passed_over.items())
        super().__init__("\n".join(told))

    def __reduce__(self) -> tuple[type[NoProvider], tuple[str, str, dict[str, str], float | None]]:
        return NoProvider, (self.place, self.fault, dict(self.passed_over), self.retry_after)


@final
class UnknownProvider(StepwellError, KeyError, ValueError):
    """A view was asked for a provider that it does not have."""

    def __init__(self, name: str, suggestions: tuple[str, ...] = (), place: str = "the core") -> None:
        self.name = name
        self.suggestions = suggestions
        self.place = place
        super().__init__(f"there is no provider `{name}` in {place}{_hint(suggestions)}")

    def __str__(self) -> str:
        return str(self.args[0])

    def __reduce__(self) -> tuple[type[UnknownProvider], tuple[str, tuple[str, ...], str]]:
        return UnknownProvider, (self.name, self.suggestions, self.place)


def _hint(suggestions: tuple[str, ...]) -> str:
    from stepwell.source.spelling import did_you_mean  # only a failed look-up pays for these
    from stepwell.source.wording import parenthesised

    return parenthesised(did_you_mean(suggestions))


for _error in (StepwellError, *StepwellError.__subclasses__()):
    _error.__module__ = "stepwell"  # where it is exported: a traceback names what a caller can import
