"""What every workspace sees at one instant: immutable, indexed, with a digest of its content."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final, Generic, NoReturn, TypeVar, final

from stepwell.diagnostics import Diagnostic
from stepwell.errors import UnknownStep, UnknownWorkspace
from stepwell.layers import Origin
from stepwell.merge import origins
from stepwell.model import HyperparameterDefinition, StepDefinition, Workspace
from stepwell.naming import closest
from stepwell.schema import defaults, fields, fields_of

__all__ = ["LEGACY_FIELDS", "Explanation", "LayeredTable", "Snapshot", "View"]

D = TypeVar("D", StepDefinition, HyperparameterDefinition)

LEGACY_FIELDS: Final = (
    "config_class",
    "builder_step_name",
    "spec_type",
    "sagemaker_step_type",
    "description",
)
"""The five fields of a row of the old table, in its order."""


class _Frozen:
    """An object whose attributes are set while it is made, or computed once when first asked for."""

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"a {type(self).__name__} is immutable: cannot set {name!r}")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"a {type(self).__name__} is immutable: cannot delete {name!r}")


@final
class LayeredTable(_Frozen, Mapping[str, D], Generic[D]):
    """The definitions of one kind that a view sees: those above hide those below.

    Nothing of what lies below is copied, so a workspace costs what it changes.

    Args:
        above: the view's own definitions by name.
        under: the table that they lie upon; ``None`` for the core's.
        first: names that open the table, in this order; the rest follow by name.
        covered: what lies hidden below a definition and is in no other table, topmost first, by name.
    """

    def __init__(
        self,
        above: Mapping[str, D],
        under: LayeredTable[D] | None,
        first: tuple[str, ...],
        covered: Mapping[str, tuple[D, ...]] | None = None,
    ) -> None:
        self.__dict__.update(above=above, under=under, first=first, covered=covered or MappingProxyType({}))
        self.__dict__["below"] = under.above if under is not None else MappingProxyType({})

    above: Mapping[str, D]
    below: Mapping[str, D]
    under: LayeredTable[D] | None
    first: tuple[str, ...]
    covered: Mapping[str, tuple[D, ...]]

    def __getitem__(self, name: str) -> D:
        found = self.above.get(name)
        return self.below[name] if found is None else found

    def __iter__(self) -> Iterator[str]:
        return iter(self.order)

    def __len__(self) -> int:
        return len(self.above) + len(self.below) - len(self.above.keys() & self.below.keys())

    def __contains__(self, name: object) -> bool:
        return name in self.above or name in self.below

    @cached_property
    def _ranks(self) -> Mapping[str, int]:
        return {name: place for place, name in enumerate(self.first)}

    def _place(self, name: str) -> tuple[int, str]:
        return self._ranks.get(name, len(self._ranks)), name

    @cached_property
    def aliases(self) -> Mapping[object, tuple[str, ...]]:
        """The aliases of what the table has above, each with the names of the definitions that have it."""
        return _by_alias(self.above)

    @cached_property
    def order(self) -> tuple[str, ...]:
        """The names in table order."""
        return tuple(sorted(self.above.keys() | self.below.keys(), key=self._place))

    def aliased(self, alias: object) -> str | None:
        """The name that an alias stands for: of several the first in table order; ``None`` for a name."""
        if alias in self:
            return None
        names = list(self.aliases.get(alias, ()))
        if self.under is not None:
            names += [name for name in self.under.aliases.get(alias, ()) if name not in self.above]
        return min(names, key=self._place, default=None)

    def hidden(self, name: str) -> tuple[D, ...]:
        """The definitions of a name that the served one hides whole, topmost first.

        What it was merged with is no part of them.
        """
        covered = self.covered.get(name)
        if covered is not None:
            return covered
        if self.under is None:
            return ()
        served, below = self.above.get(name), self.below.get(name)
        further = self.under.hidden(name)
        if served is None or below is None or served.sources[-1:] == below.sources[-1:]:
            return further
        return (below,) + further  # noqa: RUF005 - mypy does not follow the other form

    @cached_property
    def content(self) -> int:
        """The sum of the definitions' digests.

        A sum does not depend on the order, and follows from the table below by what differs
        (Bellare and Micciancio, "A new paradigm for collision-free hashing", 1997).
        """
        own = sum(int(definition.digest, 16) for definition in self.above.values())
        if self.under is None:
            return own
        hidden = sum(int(self.below[name].digest, 16) for name in self.above.keys() & self.below.keys())
        return self.under.content - hidden + own

    def differs_in(self, names: Iterable[str], before: LayeredTable[D]) -> None:
        """Tell a core table that its own definitions are an earlier one's but for some, which spares the sum.

        Args:
            names: of the definitions that may differ.
            before: the earlier table.
        """
        gone = sum(int(before.above[name].digest, 16) for name in names if name in before.above)
        come = sum(int(self.above[name].digest, 16) for name in names if name in self.above)
        self.__dict__["content"] = before.content - gone + come


@final
@dataclass(frozen=True, slots=True)
class Explanation:
    """Where the value of one field comes from.

    Args:
        step: the step's name.
        field: the field, dotted where it lies inside a mapping.
        value: what the view serves.
        winner: what gave it.
        losers: what else speaks of the field, topmost first, the default last.
    """

    step: str
    field: str
    value: Any
    winner: Origin
    losers: tuple[Origin, ...]


@final
class View(_Frozen, Mapping[str, StepDefinition]):
    """What one workspace sees: its steps by name in table order, and its hyperparameter classes.

    Args:
        workspace: the workspace's id, ``None`` for the core view.
        steps: the steps.
        hyperparameters: the hyperparameter classes by name.
        diagnostics: what was found in the files that this view is made of.
    """

    def __init__(
        self,
        workspace: str | None,
        steps: LayeredTable[StepDefinition],
        hyperparameters: LayeredTable[HyperparameterDefinition],
        diagnostics: tuple[Diagnostic, ...] = (),
    ) -> None:
        self.__dict__.update(
            workspace=workspace,
            steps=steps,
            hyperparameters=hyperparameters,
            diagnostics=diagnostics,
            _above=steps.above,
            _below=steps.below,
        )

    workspace: str | None
    steps: LayeredTable[StepDefinition]
    hyperparameters: LayeredTable[HyperparameterDefinition]
    diagnostics: tuple[Diagnostic, ...]
    _above: Mapping[str, StepDefinition]
    _below: Mapping[str, StepDefinition]

    def __getitem__(self, name: str) -> StepDefinition:
        """The step of a name, or of an alias that no step has as its name.

        Raises:
            UnknownStep: with suggestions.
        """
        found = self._above.get(name) or self._below.get(name)
        if found is not None:
            return found
        named = self.steps.aliased(name)
        if named is not None:
            return self.steps[named]
        near = closest(name, self.steps.order, 3) if isinstance(name, str) else ()
        raise UnknownStep(name, near, self.title)

    def __contains__(self, name: object) -> bool:
        return name in self.steps or self.steps.aliased(name) is not None

    def __iter__(self) -> Iterator[str]:
        return iter(self.steps.order)

    def __len__(self) -> int:
        return len(self.steps)

    def __repr__(self) -> str:
        return f"<View of {self.title}: {len(self)} steps>"

    @property
    def title(self) -> str:
        """The view in words."""
        return "the core" if self.workspace is None else f"workspace {self.workspace}"

    @property
    def digest(self) -> str:
        """A hash of every definition: equal content gives an equal digest, on any machine."""
        content = f"{self.steps.content:x}/{self.hyperparameters.content:x}"
        return hashlib.blake2b(content.encode("ascii"), digest_size=16).hexdigest()

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

    def explain(self, step: str, field: str) -> Explanation:
        """Where the value of a field comes from: what gave it, and all that lost.

        Args:
            step: a step's name or alias.
            field: a field's name; dotted for one inside a mapping (``deprecated.note``).

        Raises:
            UnknownStep: when the view has no such step.
            LookupError: when a step cannot have such a field.
        """
        definition = self[step]
        pointer = _pointer(field, definition)
        told = origins(
            definition.name,
            definition.sources,
            pointer,
            defaults("step"),
            tuple(one.sources for one in self.steps.hidden(definition.name)),
        )
        return Explanation(definition.name, field, told[0].value, told[0], told[1:])

    def explain_all(self, step: str) -> tuple[Explanation, ...]:
        """``explain`` for every field that a step has a value for, in the schema's order.

        Raises:
            UnknownStep: when the view has no such step.
        """
        definition = self[step]
        paths = [path for field in _fields_of(definition) for path in _leaves(definition, field)]
        explained = (self.explain(definition.name, path) for path in paths)
        return tuple(one for one in explained if one.winner.how != "not stated")

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


@final
class Snapshot(_Frozen):
    """Every view at one instant.

    Args:
        core: the view with no workspace.
        workspaces: what each ``workspace.yaml`` says, by id, ids sorted.
        views: the view of each workspace, by id; handed over, not copied, since it may make them late.
    """

    def __init__(self, core: View, workspaces: Mapping[str, Workspace], views: Mapping[str, View]) -> None:
        self.__dict__.update(
            core=core, workspaces=MappingProxyType(dict(workspaces)), _views=MappingProxyType(views)
        )

    core: View
    workspaces: Mapping[str, Workspace]
    _views: Mapping[str, View]

    def view(self, workspace: str | None = None) -> View:
        """What a workspace sees; the core view without one.

        Raises:
            UnknownWorkspace: with suggestions; never silently the core.
        """
        if workspace is None:
            return self.core
        try:
            return self._views[workspace]
        except KeyError:
            raise UnknownWorkspace(workspace, closest(workspace, self._views, 3)) from None

    @cached_property
    def owners(self) -> Mapping[str, tuple[str, ...]]:
        """For every name that a workspace lays above the core's steps, the workspaces that do; ids sorted."""
        found: dict[str, list[str]] = {}
        for workspace in self.workspaces:
            for name in self._views[workspace].steps.above:
                if name in found:
                    found[name].append(workspace)
                else:
                    found[name] = [workspace]
        return {name: tuple(ids) for name, ids in found.items()}

    @cached_property
    def asked(self) -> dict[str, Any]:
        """Room for what was made out about single names, which lasts as long as the Snapshot does."""
        return {}

    @property
    def digest(self) -> str:
        """A hash of every view and of what every workspace says of itself."""
        digest = hashlib.blake2b(self.core.digest.encode("ascii"), digest_size=16)
        for workspace_id, workspace in self.workspaces.items():
            digest.update(
                f"\n{workspace_id} {self._views[workspace_id].digest} {workspace.digest}".encode("ascii")
            )
        return digest.hexdigest()


def _by_alias(definitions: Mapping[str, Any]) -> Mapping[object, tuple[str, ...]]:
    found: dict[object, tuple[str, ...]] = {}
    for name, definition in definitions.items():
        for alias in definition.data.get("aliases", ()):
            found[alias] = (*found.get(alias, ()), name)
    return found


def _fields_of(definition: StepDefinition) -> tuple[str, ...]:
    return (*fields("step"), *definition.extensions)


def _leaves(definition: StepDefinition, field: str) -> tuple[str, ...]:
    value = definition.data.get(field)
    if isinstance(value, Mapping) and value:
        return tuple(f"{field}.{key}" for key in value)
    return (field,)


def _pointer(field: str, definition: StepDefinition) -> tuple[str, ...]:
    if field in definition.data:
        return (field,)
    head, *rest = field.split(".")
    known = _fields_of(definition)
    if head not in known:
        raise _no_field("a step", head, known)
    if rest and not head.startswith("x-"):
        inner = fields_of("step", head)
        if not inner:
            raise LookupError(f"`{head}` has no fields")
        if rest[0] not in inner or len(rest) > 1:
            raise _no_field(f"`{head}`", ".".join(rest), inner)
    return (head, *rest)


def _no_field(owner: str, field: str, known: tuple[str, ...]) -> LookupError:
    near = closest(field, known)
    hint = f" (did you mean `{near[0]}`?)" if near else ""
    return LookupError(f"{owner} has no field `{field}`{hint}")
