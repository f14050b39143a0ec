"""What the rules of alignment look at: the interface of one step, and what its code was seen to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, NamedTuple, final

from stepwell.model import StepDefinition
from stepwell.model.settings import Alignment
from stepwell.source.diagnostic import Related, Span
from stepwell.source.document import Document, Pointer

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
    """One environment variable that a script reads.

    Args:
        required: whether the script fails where it is not set.
    """

    name: str
    required: bool
    span: Span


@final
class ArgumentUse(NamedTuple):
    """One argument that a script takes.

    Args:
        required: whether the script fails without it.
    """

    flags: tuple[str, ...]
    required: bool
    span: Span


@final
class PathUse(NamedTuple):
    """One path of the container that a script names.

    Args:
        span: where the script names it.
    """

    path: str
    whole: bool
    written: bool
    span: Span


@final
class ScriptFacts(NamedTuple):
    """What one script was seen to read and write; none of it was run.

    Args:
        path: the file, relative to the project.
        starts: whether it has a function ``main`` or a part that runs when it is started.
    """

    path: str
    environment: tuple[EnvironmentUse, ...]
    arguments: tuple[ArgumentUse, ...]
    paths: tuple[PathUse, ...]
    starts: bool
    open_environment: bool
    open_arguments: bool

    @property
    def place(self) -> Span:
        """The file itself."""
        return Span(self.path)


@final
class MissingScript(NamedTuple):
    """That a script is named and not found."""

    why: str
    help: str


@final
class Stray(NamedTuple):
    """A class whose chain of bases does not lead to the one that the project asks for.

    Args:
        related: where the class is, and where the chain ends.
    """

    name: str
    base: str
    help: str
    related: tuple[Related, ...]


@final
class BuilderFacts(NamedTuple):
    """What one builder class asks of its configuration, and what it lacks itself.

    Args:
        reads: attribute of the configuration to where the builder reads it first.
        config: the name of the configuration class; empty where it is not found.
        has: what the configuration class and its bases define; ``None`` where that cannot be told.
        methods: what the builder and its bases define; ``None`` where that cannot be told.
        abstract: the method that a base asks for to where it does, of those that nothing defines.
        stray: where its bases end, if that is not where the project asks for.
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
    """A step that a source names."""

    step: StepDefinition
    span: Span


@final
@dataclass(frozen=True, slots=True)
class AlignmentScope:
    """One step of one view.

    Args:
        script: what its script does; why it is missing; ``None`` where no script is asked for or looked at.
        sources: each word of its ``compatible_sources`` to the step that it names, ``None`` for a generic
            word; a word that is not here names nothing.
        near: a word that names nothing to what may be meant.
        builder: what its builder asks for; ``None`` where the builder is not found or not looked at.
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
        """The step's interface; empty where it has none."""
        return self.step.interface or _NOTHING

    @property
    def facts(self) -> ScriptFacts | None:
        """What the script does, where there is one and the step says what it should do."""
        return self.script if isinstance(self.script, ScriptFacts) and self.step.interface else None

    def part(self, name: str) -> Mapping[str, Any]:
        """One mapping of the interface, empty where it is not stated."""
        found: Mapping[str, Any] = self.interface.get(name) or _NOTHING
        return found

    @property
    def required_environment(self) -> tuple[str, ...]:
        """The variables without which the script is said not to run."""
        words: tuple[str, ...] = self.part("env").get("required", ())
        return words

    @property
    def optional_environment(self) -> Mapping[str, str]:
        """The other variables that it is said to read."""
        found: Mapping[str, str] = self.part("env").get("optional") or _NOTHING
        return found

    @property
    def flags(self) -> Iterator[tuple[str, Pointer, Mapping[str, Any]]]:
        """Every declared argument as it is written on the command line, where it stands, and what is said."""
        for name, said in self.part("arguments").items():
            yield (
                said.get("flag") or (name if name.startswith("-") else f"--{name}"),
                ("arguments", name),
                said,
            )
        for place, said in enumerate(self.interface.get("job_arguments", ())):
            if isinstance(said.get("flag"), str):
                yield said["flag"], ("job_arguments", place), said

    def paths(self, *kinds: str) -> Iterator[tuple[str, Pointer]]:
        """The declared paths of ``inputs`` or ``outputs``, and where each stands."""
        for kind in kinds:
            for name, said in self.part(kind).items():
                if said.get("path"):
                    yield said["path"].rstrip("/"), (kind, name, "path")

    def value(self, *pointer: str | int) -> Span:
        """Where the topmost definition that states something of the interface states it."""
        whole = ("interface", *pointer)
        document = self._stating(whole)
        return document.value_span(whole)

    def key(self, *pointer: str | int) -> Span:
        """The key of something in the interface; of the interface itself where that is not stated."""
        whole: Pointer = ("interface", *pointer)
        while len(whole) > 1 and not any(_has(one.document.data, whole) for one in self.step.sources):
            whole = whole[:-1]
        return self._stating(whole).key_span(whole)

    @property
    def name_span(self) -> Span:
        """The step's name in its topmost definition."""
        return self.step.sources[0].document.value_span(("name",))

    def _stating(self, pointer: Pointer) -> Document:
        for source in self.step.sources:
            if _has(source.document.data, pointer):
                return source.document
        return self.step.sources[0].document


def lies_in(path: str, folder: str) -> bool:
    """Whether a path of the container is a folder or lies below it."""
    return path == folder or path.startswith(f"{folder}/")


def related(message: str, span: Span | None) -> tuple[Related, ...]:
    """One other place, if there is one."""
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
    """A flag without its dashes, and those inside as the name of a variable has them."""
    return flag.lstrip("-").replace("-", "_")


def stated(scope: AlignmentScope, component: str, field: str) -> Span:
    """Where a step says which class is its builder or configuration; its name where convention says it."""
    for pointer in (("components", component), (field,)):
        for source in scope.step.sources:
            if _has(source.document.data, pointer):
                return source.document.value_span(pointer)
    return scope.name_span
