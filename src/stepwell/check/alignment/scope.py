"""Scope of the alignment rules: the interface of one step, and facts about its code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple, final

from stepwell.model import StepDefinition
from stepwell.model.settings import Alignment
from stepwell.source.diagnostic import Related, Span
from stepwell.source.document import Document, Pointer
from stepwell.source.immutable import record

__all__ = [
    "AlignmentScope",
    "ArgumentUse",
    "BuilderFacts",
    "EnvironmentUse",
    "MissingScript",
    "PathUse",
    "ScriptFacts",
    "SourceStep",
    "Stray",
    "lies_in",
    "plain_flag",
    "related",
    "stated",
]

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


@final
class EnvironmentUse(NamedTuple):
    """Environment variable that a script reads.

    Args:
        required: whether the script fails if it is not set.
    """

    name: str
    required: bool
    span: Span


@final
class ArgumentUse(NamedTuple):
    """Argument that a script accepts.

    Args:
        required: whether the script fails without it.
    """

    flags: tuple[str, ...]
    required: bool
    span: Span


@final
class PathUse(NamedTuple):
    """Container path that a script contains.

    Args:
        whole: whether the script uses this path itself, not one below it that is computed at run time.
        required: whether the script needs it; not for a variable with a default or that is only printed.
    """

    path: str
    whole: bool
    written: bool
    span: Span
    required: bool = True


@final
class ScriptFacts(NamedTuple):
    """Facts from the static analysis of one script.

    Args:
        path: the file, relative to the project.
        starts: whether it has a function ``main`` or an ``if __name__ == "__main__":`` block.
        open_environment: whether it reads variables whose names are computed.
        open_arguments: whether it accepts arguments that cannot be determined.
        open_paths: whether it runs other code, which may use more paths.
    """

    path: str
    environment: tuple[EnvironmentUse, ...]
    arguments: tuple[ArgumentUse, ...]
    paths: tuple[PathUse, ...]
    starts: bool
    open_environment: bool
    open_arguments: bool
    open_paths: bool = False

    @property
    def place(self) -> Span:
        return Span(self.path)


@final
class MissingScript(NamedTuple):
    """Script that an interface names but that does not exist."""

    why: str
    help: str


@final
class Stray(NamedTuple):
    """Class that does not derive from the required base.

    Args:
        related: locations of the class and of the end of its chain of bases.
    """

    name: str
    base: str
    help: str
    related: tuple[Related, ...]


@final
class BuilderFacts(NamedTuple):
    """Facts about one builder class.

    Args:
        reads: attribute of the configuration to the location of its first read.
        config: name of the configuration class; empty if it is not found.
        has: attributes of the configuration class and its bases; ``None`` if unknown.
        methods: methods of the builder and its bases; ``None`` if unknown.
        abstract: unimplemented abstract method to its location.
        stray: end of the chain of bases, if the required base is missing.
    """

    name: str
    span: Span
    reads: Mapping[str, Span]
    config: str
    config_span: Span | None
    has: frozenset[str] | None
    methods: frozenset[str] | None
    abstract: Mapping[str, Span]
    stray: Stray | None = None


@final
class SourceStep(NamedTuple):
    """Step that an entry of ``compatible_sources`` names."""

    step: StepDefinition
    span: Span


@final
@record
class AlignmentScope:
    """One step of one view.

    Args:
        script: facts about its script, the reason why it is missing, or ``None`` if it has none or was not
            read.
        sources: known entry of ``compatible_sources`` to its step; ``None`` for generic sources.
        near: unknown entry of ``compatible_sources`` to a suggestion.
        builder: ``None`` if the builder was not found or not read.
    """

    view: str
    step: StepDefinition
    script: ScriptFacts | MissingScript | None
    sources: Mapping[str, SourceStep | None]
    near: Mapping[str, str]
    builder: BuilderFacts | None
    table: Alignment

    @property
    def interface(self) -> Mapping[str, Any]:
        """Interface of the step; empty if it has none."""
        return self.step.interface or _NOTHING

    @property
    def facts(self) -> ScriptFacts | None:
        """Facts about the script, if both it and the interface exist."""
        return self.script if isinstance(self.script, ScriptFacts) and self.step.interface else None

    def part(self, name: str) -> Mapping[str, Any]:
        """Return a mapping of the interface; empty if it is not declared."""
        part: Mapping[str, Any] = self.interface.get(name) or _NOTHING
        return part

    @property
    def required_environment(self) -> tuple[str, ...]:
        words: tuple[str, ...] = self.part("env").get("required", ())
        return words

    @property
    def optional_environment(self) -> Mapping[str, str]:
        variables: Mapping[str, str] = self.part("env").get("optional") or _NOTHING
        return variables

    @property
    def flags(self) -> Iterator[tuple[str, Pointer, Mapping[str, Any]]]:
        """Declared arguments: flag on the command line, pointer in the interface, declaration."""
        for name, argument in self.part("arguments").items():
            yield (
                argument.get("flag") or (name if name.startswith("-") else f"--{name}"),
                ("arguments", name),
                argument,
            )
        for place, argument in enumerate(self.interface.get("job_arguments", ())):
            if isinstance(argument.get("flag"), str):
                yield argument["flag"], ("job_arguments", place), argument

    def paths(self, *kinds: str) -> Iterator[tuple[str, Pointer]]:
        """Yield the declared paths of ``inputs`` or ``outputs`` with their pointers."""
        for kind in kinds:
            for name, channel in self.part(kind).items():
                if channel.get("path"):
                    yield channel["path"].rstrip("/"), (kind, name, "path")

    def value(self, *pointer: str | int) -> Span:
        """Return the location of a value of the interface in the topmost definition that declares it."""
        whole = ("interface", *pointer)
        document = self._stating(whole)
        return document.value_span(whole)

    def key(self, *pointer: str | int) -> Span:
        """Return the location of a key of the interface, or of its nearest declared parent."""
        whole: Pointer = ("interface", *pointer)
        while len(whole) > 1 and not any(_has(source.document.data, whole) for source in self.step.sources):
            whole = whole[:-1]
        return self._stating(whole).key_span(whole)

    @property
    def name_span(self) -> Span:
        """Location of the step's name in its topmost definition."""
        return self.step.sources[0].document.value_span(("name",))

    def _stating(self, pointer: Pointer) -> Document:
        for source in self.step.sources:
            if _has(source.document.data, pointer):
                return source.document
        return self.step.sources[0].document


def lies_in(path: str, folder: str) -> bool:
    """Return whether a container path is a folder or is below it."""
    return path == folder or path.startswith(f"{folder}/")


def related(message: str, span: Span | None) -> tuple[Related, ...]:
    """Return a related location, or nothing without a span."""
    return () if span is None else (Related(message, span),)


def _has(data: Any, pointer: Pointer) -> bool:
    for step in pointer:
        if isinstance(data, Mapping):
            if step not in data:
                return False
        elif not isinstance(data, tuple) or not isinstance(step, int) or step >= len(data):
            return False
        data = data[step]
    return True


def plain_flag(flag: str) -> str:
    """Return a flag without leading dashes and with underscores."""
    return flag.lstrip("-").replace("-", "_")


def stated(scope: AlignmentScope, component: str, field: str) -> Span:
    """Return the location that declares a class of a step; its name if the class follows a convention."""
    for pointer in (("components", component), (field,)):
        for source in scope.step.sources:
            if _has(source.document.data, pointer):
                return source.document.value_span(pointer)
    return scope.name_span
