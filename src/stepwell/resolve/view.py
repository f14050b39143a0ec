"""What one workspace sees at one instant: immutable, indexed, with a digest of its content."""

from __future__ import annotations

from collections.abc import Collection, ItemsView, Iterator, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final, Protocol, TypeVar, final, overload

from stepwell.model import (
    KINDS,
    HyperparameterDefinition,
    PipelineDefinition,
    ProviderDefinition,
    StepDefinition,
)
from stepwell.model.component import COMPONENT_KINDS, IMPLEMENTATION, Component
from stepwell.resolve.provenance import Explanation, explain, explain_all
from stepwell.resolve.table import LayeredTable
from stepwell.source.diagnostic import Diagnostic
from stepwell.source.document import FrozenMapping
from stepwell.source.errors import ComponentError, UnknownStep
from stepwell.source.immutable import Immutable
from stepwell.source.notebook_repr import in_notebook
from stepwell.source.spelling import closest, suggest

__all__ = ["LEGACY_FIELDS", "Code", "View"]

T = TypeVar("T")

LEGACY_FIELDS: Final = (
    "config_class",
    "builder_step_name",
    "spec_type",
    "sagemaker_step_type",
    "description",
)
"""The five fields of a row of the old table, in its order."""


class Code(Protocol):
    """The Python sources of a project at one instant, as the views of a Snapshot ask for them."""

    def components(self, workspace: str | None, step: StepDefinition) -> Mapping[str, Component]:
        """Where every part of a step is, by kind.

        Args:
            workspace: who sees it; ``None`` for the core.
        """

    def load(self, workspace: str | None, step: StepDefinition, component: Component) -> Any:
        """Import a part of a step.

        Raises:
            ComponentError: it is not there, or its import fails.
        """

    def implementation(self, step: StepDefinition) -> Component:
        """Where what runs a step is."""

    def has_own(self, workspace: str) -> bool:
        """Whether a workspace has any sources of its own."""


@final
class View(Immutable, Mapping[str, StepDefinition]):
    """What one workspace sees: its steps by name in table order, and a table of every other kind.

    ``[]`` and ``get`` also take an alias. ``in``, iteration and ``len`` know names only.

    Args:
        workspace: the workspace's id, ``None`` for the core view.
        tables: the definitions of every kind, by a key of ``KINDS``.
        code: the sources in which the parts of its steps lie; ``None`` for a view that was read without.
    """

    def __init__(
        self,
        workspace: str | None,
        tables: Mapping[str, LayeredTable[Any]],
        diagnostics: tuple[Diagnostic, ...] = (),
        code: Code | None = None,
        implementations: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        steps = tables["steps"]
        self.__dict__.update(
            workspace=workspace,
            tables=FrozenMapping(tables),
            steps=steps,
            diagnostics=diagnostics,
            code=code,
            implementations=implementations,
            _above=steps.above,
            _below=steps.below,
        )

    workspace: str | None
    tables: Mapping[str, LayeredTable[Any]]
    steps: LayeredTable[StepDefinition]
    diagnostics: tuple[Diagnostic, ...]
    code: Code | None
    implementations: Mapping[str, Any]
    _above: Mapping[str, StepDefinition]
    _below: Mapping[str, StepDefinition]

    def __reduce__(self) -> tuple[type[View], tuple[object, ...]]:
        """Its definitions and findings; the code of a project stays in its process."""
        return View, (self.workspace, self.tables, self.diagnostics)

    def __eq__(self, other: object) -> bool:
        """Whether both serve the same definitions to the same workspace, wherever these are stated."""
        if isinstance(other, View):
            return self.workspace == other.workspace and self.tables == other.tables
        return self.steps == other

    def __hash__(self) -> int:
        return hash(self.steps)

    def __getitem__(self, name: str) -> StepDefinition:
        """The step of a name, or of an alias that no step has as its name.

        Raises:
            UnknownStep: with suggestions.
        """
        found = self._above.get(name) or self._below.get(name)  # nearly always; a call would double the time
        if found is None:
            found = self.get(name)
        if found is not None:
            return found
        near = closest(name, self.steps.order, 3) if isinstance(name, str) else ()
        raise UnknownStep(name, near, self.title)

    @overload
    def get(self, name: str, default: None = None, /) -> StepDefinition | None: ...

    @overload
    def get(self, name: str, default: StepDefinition | T, /) -> StepDefinition | T: ...

    def get(self, name: str, default: Any = None, /) -> Any:
        """The step of a name, or of an alias that no step has as its name; otherwise the default."""
        found = self._above.get(name) or self._below.get(name)
        if found is not None:
            return found
        named = self.steps.aliased(name)
        return default if named is None else self.steps[named]

    def __contains__(self, name: object) -> bool:
        """Whether a step has the name; an alias is none, since iterating does not yield it."""
        return name in self.steps

    def items(self) -> ItemsView[str, StepDefinition]:
        """Names and steps, in table order."""
        return self.steps.items()

    def __iter__(self) -> Iterator[str]:
        return iter(self.steps.order)

    def __len__(self) -> int:
        return len(self.steps)

    def __repr__(self) -> str:
        return f"<View of {self.title}: {len(self)} steps>"

    def _repr_mimebundle_(
        self, include: Collection[str] | None = None, exclude: Collection[str] | None = None
    ) -> dict[str, Any]:
        return in_notebook(self, include, exclude)

    def _repr_html_(self) -> str:
        return str(in_notebook(self)["text/html"])

    @property
    def hyperparameters(self) -> LayeredTable[HyperparameterDefinition]:
        """The hyperparameter classes by name."""
        return self.tables["hyperparameters"]

    @property
    def providers(self) -> LayeredTable[ProviderDefinition]:
        """The providers by name."""
        return self.tables["providers"]

    @property
    def pipelines(self) -> LayeredTable[PipelineDefinition]:
        """The pipelines by name."""
        return self.tables["pipelines"]

    @property
    def title(self) -> str:
        """The view in words."""
        return "the core" if self.workspace is None else f"workspace {self.workspace}"

    @property
    def digest(self) -> str:
        """A hash of every definition: equal content gives an equal digest, on any machine."""
        content = self._tables_content
        for later in _LATER_KINDS:  # they count only where there are any, so that other digests stay
            if self.tables[later]:
                content += f"/{later} {self.tables[later].content:x}"
        import hashlib  # few commands digest anything

        return hashlib.blake2b(content.encode("ascii"), digest_size=16).hexdigest()

    @property
    def legacy_digest(self) -> str:
        """A hash of what old importers are given: the steps and the hyperparameter classes."""
        import hashlib  # few commands digest anything

        return hashlib.blake2b(self._tables_content.encode("ascii"), digest_size=16).hexdigest()

    @property
    def _tables_content(self) -> str:
        return f"{self.steps.content:x}/{self.hyperparameters.content:x}"

    def by_config_class(self, config_class: str) -> StepDefinition | None:
        """The first step with a configuration class, in table order."""
        return self._first_by("config_class", config_class)

    def by_builder(self, builder_step_name: str) -> StepDefinition | None:
        """The first step with a builder class, in table order."""
        return self._first_by("builder_step_name", builder_step_name)

    def by_spec_type(self, spec_type: str) -> StepDefinition | None:
        """The first step with a specification type, in table order."""
        return self._first_by("spec_type", spec_type)

    def by_alias(self, alias: str) -> StepDefinition | None:
        """The step that an old name stands for."""
        named = self.steps.aliased(alias)
        return None if named is None else self.steps[named]

    def by_sagemaker_type(self, sagemaker_step_type: str) -> tuple[StepDefinition, ...]:
        """All steps of a SageMaker step type, in table order."""
        names = self._index["sagemaker_step_type"].get(sagemaker_step_type, ())
        return tuple(self.steps[name] for name in names)

    def legacy_table(self) -> dict[str, dict[str, str]]:
        """The table that old importers know, fresh on every call: the five fields of every step in it."""
        table: dict[str, dict[str, str]] = {}
        for name in self.steps.order:
            step = self.steps[name]
            if step.sagemaker_step_type is not None:
                table[name] = {field: getattr(step, field) for field in LEGACY_FIELDS}
        return table

    def explain(self, step: str, field: str | None = None) -> Explanation:
        """Where the value of a field comes from: what gave it, and all that lost.

        Args:
            step: a step's name or alias; or both in one, ``"Name.field"``.
            field: a field's name; dotted for one inside a mapping (``deprecated.note``).

        Raises:
            UnknownStep: when the view has no such step.
            LookupError: when a step cannot have such a field.
            TypeError: when no field is named.
        """
        if field is None:
            step, _, field = step.partition(".")
            if not field:
                raise TypeError(
                    f"explain needs a field: explain({step!r}, 'priority'); or explain_all({step!r})"
                )
        definition = self[step]
        return explain(definition, field, self.steps.hidden(definition.name))

    def explain_all(self, step: str) -> tuple[Explanation, ...]:
        """``explain`` for every field that a step has a value for, in the schema's order.

        Raises:
            UnknownStep: when the view has no such step.
        """
        definition = self[step]
        return explain_all(definition, self.steps.hidden(definition.name))

    def components(self, step: str) -> Mapping[str, Component]:
        """Where every part of a step is: its builder, configuration class, contract and so on, by kind.

        No Python is run.

        Raises:
            UnknownStep: when the view has no such step.
            ComponentError: when the view was read without the project's sources.
        """
        found = self._components.get(step)
        if found is not None:
            return found
        definition = self[step]
        if self.code is None:
            raise self._without_code(definition)
        return self._components.setdefault(step, self.code.components(self.workspace, definition))

    def implementation(self, step: str) -> Component:
        """Where what runs a step is, as its definition says; no Python is run.

        Raises:
            UnknownStep: when the view has no such step.
            ComponentError: when the view was read without the project's sources.
        """
        definition = self[step]
        if self.code is None:
            raise self._without_code(definition)
        return self.code.implementation(definition)

    def load(self, step: str, kind: str) -> Any:
        """Import a part of a step in the workspace's own world, and give the class or function.

        What was loaded once stays what it is here, whatever is edited later; a script without a name
        is given as its module.

        Args:
            kind: ``builder``, ``config``, ``contract``, ``spec``, ``script`` or ``hyperparameters``; or
                ``implementation``, what runs the step.

        Raises:
            UnknownStep: when the view has no such step.
            LookupError: when there is no such kind.
            ComponentError: when the part is not there or could be several, or its import fails.
        """
        try:
            return self._parts[step, kind]
        except KeyError:
            pass
        definition = self[step]
        if kind == IMPLEMENTATION:
            registered = self.implementations.get(definition.name)
            if registered is not None:
                return registered
            component = self.implementation(step)
        elif kind in COMPONENT_KINDS:
            component = self.components(step)[kind]
        else:
            hint = (
                suggest(kind, (*COMPONENT_KINDS, IMPLEMENTATION)) or f"there are {', '.join(COMPONENT_KINDS)}"
            )
            raise LookupError(f"there is no kind of component `{kind}` ({hint})")
        if self.code is None:
            raise self._without_code(definition)
        return self._parts.setdefault((step, kind), self.code.load(self.workspace, definition, component))

    def with_code(self, code: Code) -> View:
        """The same view over other sources; itself if they are its own."""
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
        fault = f"the view of {self.title} was read without the project's sources"
        return ComponentError(step.name, self.workspace, path, 1, fault)

    def _first_by(self, field: str, value: str) -> StepDefinition | None:
        names = self._index[field].get(value)
        return self.steps[names[0]] if names else None

    @cached_property
    def _index(self) -> Mapping[str, Mapping[str, tuple[str, ...]]]:
        found: dict[str, dict[str, list[str]]] = {field: {} for field in LEGACY_FIELDS[:4]}
        for name in self.steps.order:
            step = self.steps[name]
            for field, names in found.items():
                value = getattr(step, field)
                if value is not None:
                    names.setdefault(value, []).append(name)
        return {
            field: {value: tuple(held) for value, held in names.items()} for field, names in found.items()
        }


_LATER_KINDS: Final = tuple(KINDS)[2:]
"""The kinds that came after digests were first written into frozen modules."""

_OF_CODE: Final = frozenset({"code", "_components", "_parts"})
"""What a view knows from its sources."""
