"""Immutable view of one workspace."""

from __future__ import annotations

from collections.abc import Callable, ItemsView, Iterator, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar, final, overload

from stepwell.model import (
    KINDS,
    HyperparameterDefinition,
    PipelineDefinition,
    ProviderDefinition,
    StepDefinition,
)
from stepwell.resolve.table import LayeredTable
from stepwell.source.document import FrozenMapping
from stepwell.source.errors import ComponentError, UnknownStep
from stepwell.source.immutable import Immutable, InNotebook
from stepwell.source.legacy_table import LEGACY_FIELDS

if TYPE_CHECKING:
    from stepwell.model.component import Component
    from stepwell.resolve.provenance import Explanation
    from stepwell.source.diagnostic import Diagnostic

__all__ = ["Code", "Findings", "View"]

T = TypeVar("T")

Findings = tuple["Diagnostic", ...] | Callable[[], tuple["Diagnostic", ...]]
"""Findings, or a function that works them out on first use."""


class Code(Protocol):
    """Python sources of a project at one point in time, as used by views."""

    def components(self, workspace: str | None, step: StepDefinition) -> Mapping[str, Component]:
        """Return the components of a step by kind.

        Args:
            workspace: ``None`` for the core.
        """

    def load(self, workspace: str | None, step: StepDefinition, component: Component) -> Any:
        """Import a component of a step.

        Raises:
            ComponentError: it does not exist, or its import fails.
        """

    def implementation(self, step: StepDefinition) -> Component:
        """Return the implementation of a step."""

    def has_own(self, workspace: str) -> bool:
        """Return whether a workspace has its own sources."""


@final
class View(InNotebook, Immutable, Mapping[str, StepDefinition]):
    """Immutable view of one workspace: steps by name in table order, and tables of other kinds.

    ``[]`` and ``get`` also accept aliases. ``in``, iteration and ``len`` use names only.

    Args:
        workspace: ``None`` for the core view.
        tables: definitions of all kinds, by a key of ``KINDS``.
        code: sources of components; ``None`` for a view without sources.
    """

    def __init__(
        self,
        workspace: str | None,
        tables: Mapping[str, LayeredTable[Any]],
        diagnostics: Findings = (),
        code: Code | None = None,
        implementations: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        steps = tables["steps"]
        self.__dict__.update(
            workspace=workspace,
            tables=FrozenMapping(tables),
            steps=steps,
            code=code,
            implementations=implementations,
            _above=steps.above,
            _below=steps.below,
        )
        self.__dict__["_findings" if callable(diagnostics) else "diagnostics"] = diagnostics

    workspace: str | None
    tables: Mapping[str, LayeredTable[Any]]
    steps: LayeredTable[StepDefinition]
    code: Code | None
    implementations: Mapping[str, Any]
    _above: Mapping[str, StepDefinition]
    _below: Mapping[str, StepDefinition]
    _findings: Callable[[], tuple[Diagnostic, ...]]

    @cached_property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """Findings in the view."""
        return self._findings()

    def __reduce__(self) -> tuple[type[View], tuple[object, ...]]:
        """Pickle definitions and findings without code."""
        return View, (self.workspace, self.tables, self.diagnostics)

    def __eq__(self, other: object) -> bool:
        """Compare workspace and definitions, regardless of their files."""
        if isinstance(other, View):
            return self.workspace == other.workspace and self.tables == other.tables
        return self.steps == other

    def __hash__(self) -> int:
        return hash(self.steps)

    def __getitem__(self, name: str) -> StepDefinition:
        """Return a step by name, or by an alias that is not a step's name.

        Raises:
            UnknownStep: with suggestions.
        """
        definition = self._above.get(name) or self._below.get(
            name
        )  # nearly always; a call would double the time
        if definition is None:
            definition = self.get(name)
        if definition is not None:
            return definition
        from stepwell.source.spelling import closest

        near = closest(name, self.steps.order, 3) if isinstance(name, str) else ()
        raise UnknownStep(name, near, self.title)

    @overload
    def get(self, name: str, default: None = None, /) -> StepDefinition | None: ...

    @overload
    def get(self, name: str, default: StepDefinition | T, /) -> StepDefinition | T: ...

    def get(self, name: str, default: Any = None, /) -> Any:
        """Return a step by name or alias, or the default."""
        definition = self._above.get(name) or self._below.get(name)
        if definition is not None:
            return definition
        named = self.steps.aliased(name)
        return default if named is None else self.steps[named]

    def __contains__(self, name: object) -> bool:
        """Return whether a step has the name; aliases do not count."""
        return name in self.steps

    def items(self) -> ItemsView[str, StepDefinition]:
        """Return names and steps in table order."""
        return self.steps.items()

    def __iter__(self) -> Iterator[str]:
        return iter(self.steps.order)

    def __len__(self) -> int:
        return len(self.steps)

    def __repr__(self) -> str:
        return f"<View of {self.title}: {len(self)} steps>"

    @property
    def hyperparameters(self) -> LayeredTable[HyperparameterDefinition]:
        """Hyperparameter classes by name."""
        return self.tables["hyperparameters"]

    @property
    def providers(self) -> LayeredTable[ProviderDefinition]:
        return self.tables["providers"]

    @property
    def pipelines(self) -> LayeredTable[PipelineDefinition]:
        return self.tables["pipelines"]

    @property
    def title(self) -> str:
        """Title of the view."""
        return "the core" if self.workspace is None else f"workspace {self.workspace}"

    @property
    def digest(self) -> str:
        """Hash of all definitions, independent of the machine."""
        content = self._tables_content
        for later in _LATER_KINDS:  # they count only where there are any, so that other digests stay
            if self.tables[later]:
                content += f"/{later} {self.tables[later].content:x}"
        import hashlib  # few commands digest anything

        return hashlib.blake2b(content.encode("ascii"), digest_size=16).hexdigest()

    @property
    def _tables_content(self) -> str:
        return f"{self.steps.content:x}/{self.hyperparameters.content:x}"

    def by_config_class(self, config_class: str) -> StepDefinition | None:
        """Return the first step with a configuration class, in table order."""
        return self._first_by("config_class", config_class)

    def by_builder(self, builder_step_name: str) -> StepDefinition | None:
        """Return the first step with a builder class, in table order."""
        return self._first_by("builder_step_name", builder_step_name)

    def by_spec_type(self, spec_type: str) -> StepDefinition | None:
        """Return the first step with a specification type, in table order."""
        return self._first_by("spec_type", spec_type)

    def by_alias(self, alias: str) -> StepDefinition | None:
        """Return the step of an alias."""
        named = self.steps.aliased(alias)
        return None if named is None else self.steps[named]

    def by_sagemaker_type(self, sagemaker_step_type: str) -> tuple[StepDefinition, ...]:
        """Return all steps of a SageMaker step type, in table order."""
        names = self._index["sagemaker_step_type"].get(sagemaker_step_type, ())
        return tuple(self.steps[name] for name in names)

    def legacy_table(self) -> dict[str, dict[str, str]]:
        """Return a new legacy table: five fields of every step with a SageMaker type."""
        table: dict[str, dict[str, str]] = {}
        for name in self.steps.order:
            step = self.steps[name]
            if step.sagemaker_step_type is not None:
                table[name] = {field: getattr(step, field) for field in LEGACY_FIELDS}
        return table

    def explain(self, step: str, field: str | None = None) -> Explanation:
        """Return the provenance of a field, including overridden values.

        Args:
            step: a name or alias, optionally with the field: ``"Name.field"``.
            field: dotted for nested fields (``deprecated.note``).

        Raises:
            UnknownStep: with suggestions.
            LookupError: unknown field.
            TypeError: no field specified.
        """
        from stepwell.resolve.provenance import explain

        if field is None:
            step, _, field = step.partition(".")
            if not field:
                raise TypeError(
                    f"explain needs a field: explain({step!r}, 'priority'); or explain_all({step!r})"
                )
        definition = self[step]
        return explain(definition, field, self.steps.hidden(definition.name))

    def explain_all(self, step: str) -> tuple[Explanation, ...]:
        """Return the provenance of all fields of a step with a value, in schema order.

        Raises:
            UnknownStep: with suggestions.
        """
        from stepwell.resolve.provenance import explain_all

        definition = self[step]
        return explain_all(definition, self.steps.hidden(definition.name))

    def components(self, step: str) -> Mapping[str, Component]:
        """Return the components of a step by kind, without running Python.

        Raises:
            UnknownStep: with suggestions.
            ComponentError: the view has no sources.
        """
        component = self._components.get(step)
        if component is not None:
            return component
        definition = self[step]
        if self.code is None:
            raise self._without_code(definition)
        return self._components.setdefault(step, self.code.components(self.workspace, definition))

    def implementation(self, step: str) -> Component:
        """Return the implementation of a step, without running Python.

        Raises:
            UnknownStep: with suggestions.
            ComponentError: the view has no sources.
        """
        definition = self[step]
        if self.code is None:
            raise self._without_code(definition)
        return self.code.implementation(definition)

    def load(self, step: str, kind: str) -> Any:
        """Import a component in the workspace's isolated modules and return the class or function.

        Loaded components do not change when their files are edited. A script without a name is returned as a
        module.

        Args:
            kind: ``builder``, ``config``, ``contract``, ``spec``, ``script``, ``hyperparameters`` or
                ``implementation``.

        Raises:
            UnknownStep: with suggestions.
            LookupError: unknown kind.
            ComponentError: the component is missing or ambiguous, or its import fails.
        """
        try:
            return self._parts[step, kind]
        except KeyError:
            pass
        from stepwell.model.component import COMPONENT_KINDS, IMPLEMENTATION

        definition = self[step]
        if kind == IMPLEMENTATION:
            registered = self.implementations.get(definition.name)
            if registered is not None:
                return registered
            component = self.implementation(step)
        elif kind in COMPONENT_KINDS:
            component = self.components(step)[kind]
        else:
            from stepwell.source.spelling import suggest

            hint = (
                suggest(kind, (*COMPONENT_KINDS, IMPLEMENTATION))
                or f"valid kinds: {', '.join(COMPONENT_KINDS)}"
            )
            raise LookupError(f"unknown kind of component `{kind}` ({hint})")
        if self.code is None:
            raise self._without_code(definition)
        return self._parts.setdefault((step, kind), self.code.load(self.workspace, definition, component))

    def with_code(self, code: Code) -> View:
        """Return the view with other sources."""
        if self.code is code:
            return self
        other = View.__new__(View)
        kept = {key: value for key, value in self.__dict__.items() if key not in _OF_CODE}
        other.__dict__.update(kept, code=code)
        return other

    @cached_property
    def _components(self) -> dict[str, Mapping[str, Component]]:
        return {}

    @cached_property
    def _parts(self) -> dict[tuple[str, str], Any]:
        return {}

    def _without_code(self, step: StepDefinition) -> ComponentError:
        path = step.sources[0].document.path if step.sources else step.name
        fault = f"the view of {self.title} was loaded without sources"
        return ComponentError(step.name, self.workspace, path, 1, fault)

    def _first_by(self, field: str, value: str) -> StepDefinition | None:
        names = self._index[field].get(value)
        return self.steps[names[0]] if names else None

    @cached_property
    def _index(self) -> Mapping[str, Mapping[str, tuple[str, ...]]]:
        index: dict[str, dict[str, list[str]]] = {field: {} for field in LEGACY_FIELDS[:4]}
        for name in self.steps.order:
            step = self.steps[name]
            for field, names in index.items():
                value = getattr(step, field)
                if value is not None:
                    names.setdefault(value, []).append(name)
        return {
            field: {value: tuple(held) for value, held in names.items()} for field, names in index.items()
        }


_LATER_KINDS: Final = tuple(KINDS)[2:]
"""Kinds introduced after digests were first written into frozen modules."""

_OF_CODE: Final = frozenset({"code", "_components", "_parts"})
"""Cached attributes that depend on the sources."""
