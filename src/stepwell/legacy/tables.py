"""The old tables of one view, each made when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, final

from stepwell.legacy.read_only import Row, row_of

if TYPE_CHECKING:
    from stepwell.model import StepDefinition
    from stepwell.resolve.view import View

__all__ = ["ClassRow", "StepRow", "StepRows", "Tables", "tables_of_rows", "tables_of_view"]

StepRow = dict[str, str]
ClassRow = dict[str, str | None]


@final
class StepRows(dict[str, StepRow]):
    """Rows by name, each made when it is first looked up: a look-up costs no table.

    Args:
        make: gives the row of a step, ``None`` where the tables have none of that name.
    """

    __slots__ = ("_make",)

    def __init__(self, make: Callable[[str], StepRow | None]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, name: str) -> StepRow:
        row = self._make(name)
        if row is None:
            raise KeyError(name)
        return self.setdefault(name, row)

    def has(self, name: str) -> bool:
        """Whether there is a row of that name."""
        try:
            self[name]
        except KeyError:
            return False
        return True


@final
@dataclass(frozen=True)
class Tables:
    """What one view shows to old importers; nothing here is handed out to be changed.

    Args:
        title: the view in words.
        rows: the rows of ``STEP_NAMES`` by name, without an order.
        order: gives the names in table order.
        classes: gives the table of hyperparameter classes.
        alias: gives the step that a name is an old name of.
    """

    title: str
    rows: StepRows
    order: Callable[[], Iterable[str]]
    classes: Callable[[], dict[str, ClassRow]]
    alias: Callable[[str], str | None] = lambda _: None

    @cached_property
    def step_names(self) -> dict[str, StepRow]:
        """``STEP_NAMES``."""
        rows = self.rows
        return {name: rows[name] for name in self.order()}

    @cached_property
    def config_steps(self) -> dict[str, str]:
        """``CONFIG_STEP_REGISTRY``."""
        return {row["config_class"]: name for name, row in self.step_names.items()}

    @cached_property
    def builders(self) -> dict[str, str]:
        """``BUILDER_STEP_NAMES``."""
        return {name: row["builder_step_name"] for name, row in self.step_names.items()}

    @cached_property
    def spec_types(self) -> dict[str, str]:
        """``SPEC_STEP_TYPES``."""
        return {name: row["spec_type"] for name, row in self.step_names.items()}

    @cached_property
    def by_spec_type(self) -> dict[str, str]:
        """The first step of each specification type."""
        return {spec_type: name for name, spec_type in reversed(self.spec_types.items())}

    @cached_property
    def by_sagemaker_type(self) -> dict[str, list[str]]:
        """The steps of each SageMaker step type."""
        found: dict[str, list[str]] = {}
        for name, row in self.step_names.items():
            found.setdefault(row["sagemaker_step_type"], []).append(name)
        return found

    @cached_property
    def hyperparameters(self) -> dict[str, ClassRow]:
        """``HYPERPARAMETER_REGISTRY``."""
        return self.classes()


def tables_of_view(view: View, core: Tables | None) -> Tables:
    """The tables of a view, which share their rows with the core's where it sees the same steps.

    Args:
        view: which one.
        core: the tables of the core that it lies over, ``None`` for the core itself.
    """
    from stepwell.resolve.view import LEGACY_FIELDS

    own = view.steps.above

    def row(name: str) -> StepRow | None:
        step = view.steps.get(name)
        if step is None or step.sagemaker_step_type is None:
            return None
        if core is not None and name not in own:
            return core.rows[name]
        return row_of({field: getattr(step, field) for field in LEGACY_FIELDS})

    def order() -> Iterable[str]:
        steps = view.steps
        return (name for name in steps.order if steps[name].sagemaker_step_type is not None)

    def classes() -> dict[str, ClassRow]:
        return {
            name: row_of(
                {
                    "class_name": name,
                    "module_path": each.module_path,
                    "model_type": each.model_type,
                    "description": each.description,
                }
            )
            for name, each in view.hyperparameters.items()
        }

    def alias(name: str) -> str | None:
        step: StepDefinition | None = view.by_alias(name)
        return None if step is None or step.sagemaker_step_type is None else step.name

    return Tables(view.title, StepRows(row), order, classes, alias)


def tables_of_rows(
    title: str, rows: dict[str, StepRow], classes: Callable[[], dict[str, ClassRow]]
) -> Tables:
    """The tables of rows that a frozen module holds.

    Args:
        title: the view in words.
        rows: its ``STEP_NAMES``.
        classes: gives its table of hyperparameter classes.
    """
    own: dict[str, Row[str]] = {name: row_of(row) for name, row in rows.items()}
    return Tables(title, StepRows(own.get), lambda: own, classes)
