"""Exceptions of the public API; users' files never raise, they yield Diagnostics."""

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
    """Base class of all exceptions that Stepwell raises."""


@final
class ProjectError(StepwellError):
    """Project not found or not readable."""


@final
class RevisionError(StepwellError):
    """Git revision not found."""


@final
class RegistrationError(StepwellError, ValueError):
    """Step cannot be registered."""

    def __init__(self, name: str | None, diagnostics: tuple[Diagnostic, ...]) -> None:
        self.name = name
        self.diagnostics = diagnostics
        lines = [
            f"  {finding.severity.value}[{finding.id}]: {finding.message}"
            f"{f' ({finding.help})' if finding.help else ''}"
            for finding in diagnostics
        ]
        shown = f"step `{name}`" if name else "step"
        super().__init__("\n".join([f"cannot register {shown}:", *lines]))

    def __reduce__(self) -> tuple[type[RegistrationError], tuple[str | None, tuple[Diagnostic, ...]]]:
        return RegistrationError, (self.name, self.diagnostics)


@final
class ComponentError(StepwellError, ImportError):
    """Class, function or module of a step cannot be loaded; the original exception is the cause.

    Args:
        component: the name in the file, or the file itself.
        workspace: ``None`` for the core.
        path: the file that failed, possibly an imported one, relative to the project.
        line: line in ``path``, from 1.
        file: the file to load, relative to the project.
        looked_for: the missing module or name; empty for other errors.
        looked_in: the searched locations of a module, in order.
        imported_at: the import chain as ``path:line``, outermost first.
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
        lines = [f"cannot load {wanted} for {whose}: {fault}{_hint(suggestions)}", f"  --> {path}:{line}"]
        if imported_at:
            lines.append(f"  imported at {', '.join(imported_at)}")
        if looked_in:
            lines.append(f"  searched for `{looked_for}` in {', '.join(looked_in)}")
        super().__init__("\n".join(lines))
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
    """Invalid operation on a pipeline."""


@final
class UnknownPipeline(StepwellError, KeyError):
    """Pipeline not found in a view.

    Args:
        place: title of the view, e.g. ``workspace alice`` or ``the core``.
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
    """Step not found in a view.

    Derives from ``KeyError`` because a view is a mapping, and from ``ValueError`` like the legacy registry's
    errors.

    Args:
        place: title of the view, e.g. ``workspace alice`` or ``the core``.
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
    """Workspace not found in a project.

    Args:
        available: all ids, for the message of the legacy registry; ``None`` for Stepwell's message.
    """

    def __init__(
        self, workspace: str, suggestions: tuple[str, ...] = (), available: tuple[str, ...] | None = None
    ) -> None:
        self.workspace = workspace
        self.suggestions = suggestions
        self.available = available
        if available is None:
            message = f"unknown workspace: {workspace}"
        else:
            message = f"Unknown workspace: {workspace}. Available: {list(available)}"
        super().__init__(f"{message}{_hint(suggestions)}")

    def __str__(self) -> str:
        return str(self.args[0])

    def __reduce__(
        self,
    ) -> tuple[type[UnknownWorkspace], tuple[str, tuple[str, ...], tuple[str, ...] | None]]:
        return UnknownWorkspace, (self.workspace, self.suggestions, self.available)


@final
class AmbiguousStep(StepwellError, ValueError):
    """Several definitions match a name in mode ``strict``.

    Args:
        candidates: owner and location of each definition, e.g. ``workspace bob at
            workspaces/bob/local/steps/scoring.yaml:1``.
    """

    def __init__(self, name: str, candidates: tuple[str, ...]) -> None:
        self.name = name
        self.candidates = candidates
        super().__init__(f"ambiguous step: {name} is defined by {'; '.join(candidates)}")

    def __reduce__(self) -> tuple[type[AmbiguousStep], tuple[str, tuple[str, ...]]]:
        return AmbiguousStep, (self.name, self.candidates)


@final
class UnknownStrategy(StepwellError, ValueError):
    """Resolution strategy not found, neither built in nor in an installed package."""

    def __init__(self, strategy: str, suggestions: tuple[str, ...] = ()) -> None:
        self.strategy = strategy
        self.suggestions = suggestions
        super().__init__(f"unknown strategy: {strategy}{_hint(suggestions)}")

    def __reduce__(self) -> tuple[type[UnknownStrategy], tuple[str, tuple[str, ...]]]:
        return UnknownStrategy, (self.strategy, self.suggestions)


class NamedExtension(Protocol):
    """Extension as shown in errors."""

    @property
    def package(self) -> str:
        """Name of the distribution."""

    @property
    def value(self) -> str:
        """Value of the entry point."""


def package_names(extensions: Iterable[NamedExtension]) -> str:
    """Return the packages of extensions for an error; the entry point's value if it has none."""
    return " and ".join(
        f"`{extension.value}`" if extension.package == extension.value else f"package {extension.package}"
        for extension in extensions
    )


@final
class ExtensionError(StepwellError):
    """Extension of an installed package cannot be used; the original exception is the cause."""

    def __init__(self, group: str, name: str, extensions: Iterable[NamedExtension], fault: str) -> None:
        self.group = group
        self.name = name
        self.fault = fault
        self.package = package_names(extensions)
        super().__init__(f"entry point `{name}` of `{group}` in {self.package} {fault}")

    def __reduce__(self) -> tuple[Any, ...]:
        return StepwellError.__new__, (type(self), *self.args), self.__dict__


@final
class StrategyFailed(StepwellError):
    """Strategy of an installed package cannot be used; the original exception is the cause.

    Args:
        package: e.g. ``package acme-strategies``.
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
    """No provider of a view is available.

    Args:
        retry_after: seconds after which a provider may be available; ``None`` if waiting does not help.
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
        lines = [f"no provider of {place} is available: {fault}"]
        lines += (f"  {name}: {reason}" for name, reason in passed_over.items())
        super().__init__("\n".join(lines))

    def __reduce__(self) -> tuple[type[NoProvider], tuple[str, str, dict[str, str], float | None]]:
        return NoProvider, (self.place, self.fault, dict(self.passed_over), self.retry_after)


@final
class UnknownProvider(StepwellError, KeyError, ValueError):
    """Provider not found in a view."""

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
    from stepwell.source.spelling import did_you_mean  # imported only for failed look-ups
    from stepwell.source.wording import parenthesised

    return parenthesised(did_you_mean(suggestions))


for _error in (StepwellError, *StepwellError.__subclasses__()):
    _error.__module__ = "stepwell"  # show the public name in tracebacks
