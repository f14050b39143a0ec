"""Which step of a view a word of ``compatible_sources`` names: by name, alias, job type."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from stepwell.check.alignment.scope import SourceStep
from stepwell.model import StepDefinition
from stepwell.model.settings import Settings
from stepwell.resolve.view import View
from stepwell.source.spelling import closest

__all__ = ["sources_of", "step_named"]

_BETWEEN: Final = "-_"


def sources_of(
    view: View, step: StepDefinition, settings: Settings
) -> tuple[Mapping[str, SourceStep | None], Mapping[str, str]]:
    """What the words of a step's ``compatible_sources`` name, and what may be meant by the others.

    Args:
        view: whose steps.
        step: the step.
        settings: the project's; its generic words are ``None`` in the answer.
    """
    found: dict[str, SourceStep | None] = {}
    near: dict[str, str] = {}
    for word in dict.fromkeys(_words(step)):
        named = step_named(view, word, settings)
        if named is not None:
            found[word] = SourceStep(named, named.sources[0].document.value_span(("name",)))
        elif word in settings.alignment.generic_sources:
            found[word] = None
        else:
            meant = closest(word, (*view.steps.order, *settings.alignment.generic_sources))
            if meant:
                near[word] = meant[0]
    return found, near


def step_named(view: View, word: str, settings: Settings) -> StepDefinition | None:
    """The step that a word names.

    Args:
        view: whose steps.
        word: a name or an alias, perhaps with ``-`` or ``_`` and a job type of the project after it.
        settings: the project's.
    """
    if word in view:
        return view[word]
    for suffix in settings.naming.job_type_suffixes:
        stem = word[: -len(suffix) - 1]
        if stem and word[len(stem)] in _BETWEEN and word[len(stem) + 1 :].lower() == suffix.lower():
            return view.get(stem)
    return None


def _words(step: StepDefinition) -> Iterator[str]:
    for said in ((step.interface or {}).get("inputs") or {}).values():
        yield from said.get("compatible_sources", ())
