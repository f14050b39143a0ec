"""Building a step from the examples of its definition: its configuration class and its builder are called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stepwell.model import StepDefinition
from stepwell.resolve.view import View
from stepwell.source.diagnostic import Span
from stepwell.source.document import thaw
from stepwell.source.escape_control import visible
from stepwell.source.exception_text import worded
from stepwell.testing.failing import CheckFailed, Problem

__all__ = ["build_examples"]


def build_examples(view: View, step: StepDefinition) -> None:
    """Call the configuration class with each example, and the builder with what it gives.

    Args:
        view: whose classes.
        step: whose examples.

    Raises:
        ComponentError: one of the classes cannot be loaded.
        CheckFailed: one of them cannot be called, or raises something, which is the cause.
    """
    config_class, builder_class = view.load(step.name, "config"), view.load(step.name, "builder")
    for place, example in enumerate(step.examples or ()):
        span = _span(step, place)
        config = _call("configuration class", config_class, step, span, thaw(example))
        _call("builder", builder_class, step, span, config)


def _call(what: str, called: Any, step: StepDefinition, span: Span, given: Any) -> Any:
    name = getattr(called, "__name__", type(called).__name__)
    if not callable(called):
        problem = Problem(f"the {what} `{name}` of `{step.name}` cannot be called", span)
        raise CheckFailed(str(problem), span.path, span.line)
    try:
        return called(**given) if what == "configuration class" else called(given)
    except (Exception, SystemExit) as error:  # the user's code may raise anything; it is shown
        message = f"the {what} `{name}` of `{step.name}` cannot be built from this example: {worded(error)}"
        problem = Problem(message, span, _advice(what, given))
        raise CheckFailed(str(problem), span.path, span.line) from error


def _advice(what: str, given: Any) -> str:
    if what == "builder":
        return "it is called with what the configuration class gives for the example"
    told = (
        ", ".join(visible(str(key)) for key in given) if isinstance(given, Mapping) and given else "nothing"
    )
    return f"the class is called with {told}"


def _span(step: StepDefinition, place: int) -> Span:
    """Where an example stands: lists are replaced whole, so that the topmost document has all."""
    for source in step.sources:
        if source.document.data.get("examples"):
            return source.document.value_span(("examples", place))
    return step.sources[0].document.value_span(("name",))
