"""The boundary to foreign code: what it contains, what it translates, and what passes through."""

from __future__ import annotations

import asyncio

import pytest

from stepwell.source.errors import ProjectError
from stepwell.source.foreign_code import Contained, Translated, import_object

PASSING = [KeyboardInterrupt, asyncio.CancelledError, GeneratorExit]


@pytest.mark.parametrize("kind", [ValueError, OSError, RecursionError, SystemExit])
def test_what_foreign_code_raises_is_contained_or_translated(kind: type[BaseException]) -> None:
    raised = kind("broken")
    with Contained() as outcome:
        raise raised
    assert outcome.error is raised
    with pytest.raises(ProjectError, match="it says broken") as failure, Translated(_failed):
        raise raised
    assert failure.value.__cause__ is raised


@pytest.mark.parametrize("kind", [*PASSING, SystemExit])
def test_an_interrupt_passes_and_so_does_what_is_named(kind: type[BaseException]) -> None:
    outcome = Contained(SystemExit)
    with pytest.raises(kind), outcome:
        raise kind
    assert outcome.error is None
    with pytest.raises(kind), Translated(_failed, SystemExit):
        raise kind


def test_a_block_that_raises_nothing_has_no_error() -> None:
    with Contained() as outcome, Translated(_failed):
        pass
    assert outcome.error is None


def test_an_object_is_imported_by_module_and_dotted_name() -> None:
    assert import_object("stepwell.source.foreign_code", "Contained.__exit__") is Contained.__exit__
    assert import_object("asyncio", None) is asyncio


def _failed(error: BaseException) -> ProjectError:
    return ProjectError(f"it says {error}")
