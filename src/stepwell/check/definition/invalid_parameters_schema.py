"""`parameters` of a step is not a self-contained JSON Schema.

`parameters` is either a JSON Schema (draft 2020-12) or the short form, `required_fields` and
`optional_fields`. A schema may refer to its own definitions (`#/$defs/...`). External references are not
fetched.

Passes:

    # registry.d/steps/summarize.yaml
    name: Summarize
    description: Say it in fewer words.
    parameters:
      type: object
      required: [text]
      properties:
        text: {type: string}
    # registry.d/steps/translate.yaml
    name: Translate
    description: Say it in another language.
    parameters:
      required_fields: [text, language]

Fails:

    # registry.d/steps/summarize.yaml
    name: Summarize
    description: Say it in fewer words.
    parameters:
      type: object
      properties:
        text: {type: strin}
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from stepwell.check.rule import FileScope, Finding, ViewScope
from stepwell.model import StepDefinition
from stepwell.model.layer import given_by
from stepwell.model.schema import SHORT_FORM, expanded
from stepwell.model.schema_errors import explain_schema
from stepwell.source.diagnostic import Severity
from stepwell.source.document import Document, Pointer

ID: Final = "invalid-parameters-schema"
SEVERITY: Final = Severity.ERROR

_FIELD: Final = "parameters"


def check(scope: FileScope) -> Iterable[Finding]:
    stated = scope.data.get(_FIELD)
    if stated is None or scope.authored.is_override or scope.kind.noun != "step":
        return ()
    return tuple(_faults(stated, lambda _: scope.source.document))


def check_overrides(scope: ViewScope) -> Iterator[Finding]:
    for override in scope.overrides:
        result = override.result
        if not isinstance(result, StepDefinition) or _FIELD not in override.source.document.data:
            continue
        if result.parameters is not None:
            yield from _faults(result.parameters, _given_by(result))


def _given_by(step: StepDefinition) -> Callable[[Pointer], Document]:
    return lambda pointer: given_by(step.sources, pointer)


def _faults(stated: Mapping[str, Any], whose: Callable[[Pointer], Document]) -> Iterator[Finding]:
    short = [key for key in SHORT_FORM if key in stated]
    long = next((key for key in stated if key not in SHORT_FORM), None)
    if short and long is not None:
        pointer = (_FIELD, short[0])
        yield Finding(
            f"`{short[0]}` and `{long}` cannot both describe the parameters",
            whose(pointer).key_span(pointer),
            "use either a JSON Schema or the short form",
        )
        return
    twice = [name for name in stated.get(SHORT_FORM[0]) or () if name in (stated.get(SHORT_FORM[1]) or ())]
    for name in twice:
        pointer = (_FIELD, SHORT_FORM[1])
        yield Finding(
            f"the parameter `{name}` is both required and optional",
            whose(pointer).key_span(pointer),
            "list it once",
        )
    for error in explain_schema(expanded(stated), whose, (_FIELD,)):
        yield Finding(
            f"`parameters` is not a valid JSON Schema: {error.message}",
            error.span or whose((_FIELD,)).key_span((_FIELD,)),
            error.help or "use JSON Schema draft 2020-12 without external references",
            fix=error.fix,
        )
