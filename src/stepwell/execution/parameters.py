"""What a step may be configured with, and what is wrong with what somebody gives it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, final

from stepwell.check.mapping import plain_copy, written_out
from stepwell.model import StepDefinition
from stepwell.model.schema import compiled, expanded
from stepwell.model.schema_errors import explain_by
from stepwell.source.diagnostic import Diagnostic, in_order
from stepwell.source.document import Document, Pointer, TextMap, thaw

__all__ = ["Parameters", "check_parameters", "parameters_of"]

_NOWHERE: Final = TextMap(MappingProxyType({}), MappingProxyType({}))
_SHOWN: Final = "<parameters>"
"""What stands where the path of a file would, for parameters that code gives."""


@final
@dataclass(frozen=True, slots=True, eq=False)
class Parameters:
    """The JSON Schema of a step's parameters, made ready once.

    Args:
        schema: the schema, its short form expanded.
        decide: whether plain data fits it.
    """

    schema: Mapping[str, Any]
    decide: Callable[[Any], bool]

    def fit(self, parameters: Mapping[str, Any]) -> bool:
        """Whether parameters are as the schema asks.

        Raises:
            ValueError: they are no plain data.
        """
        if type(parameters) is dict:
            try:
                return self.decide(parameters)
            except ValueError:  # something inside is read-only, or no plain data
                pass
        return self.decide(thaw(parameters))


@lru_cache(maxsize=4096)
def parameters_of(step: StepDefinition) -> Parameters | None:
    """The schema of a step's parameters; ``None`` where the step describes none.

    Raises:
        InvalidSchema: what the step states is no schema.
    """
    stated = step.parameters
    if stated is None:
        return None
    schema = expanded(stated)
    return Parameters(MappingProxyType(schema), compiled(schema).fits)


def check_parameters(
    step: StepDefinition,
    parameters: Mapping[str, Any],
    whose: Callable[[Pointer], Document] | None = None,
    prefix: Pointer = (),
) -> tuple[Diagnostic, ...]:
    """Everything that is wrong with the parameters of a step, each at its key or value.

    Args:
        step: the step.
        parameters: plain data, read-only or not.
        whose: gives the document that a value stands in; left out for parameters that code gives, which are
            written out to have a text to point into.
        prefix: where the parameters stand in their document.

    Raises:
        InvalidSchema: what the step states is no schema.
        ValueError: the parameters are no plain data.
    """
    known = parameters_of(step)
    if known is None or known.fit(parameters):
        return ()
    if whose is None:
        made = written_out(Document(_SHOWN, "", plain_copy(parameters), lambda _: _NOWHERE))
        whose = _always(made)
    noun = f"the step `{step.name}`"
    return in_order(explain_by(known.schema, noun, thaw(parameters), whose, prefix))


def _always(document: Document) -> Callable[[Pointer], Document]:
    return lambda _: document
