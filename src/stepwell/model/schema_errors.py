"""Why a document does not fit its schema, in words, each finding at the right key or value.

Only a document that ``jsonschema_rs`` refuses comes here; ``jsonschema``, the reference validator,
says why.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, final

from stepwell.model.schema import contents
from stepwell.source.diagnostic import Diagnostic, Severity, Span
from stepwell.source.document import Document, Pointer, thaw
from stepwell.source.spelling import closest, did_you_mean, suggest

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

__all__ = ["SCHEMA_IDS", "explain", "explain_by"]

SCHEMA_IDS: Final = (
    "unknown-field",
    "missing-field",
    "wrong-type",
    "not-in-vocabulary",
    "out-of-range",
    "wrong-form",
    "repeated-item",
    "unsupported-version",
    "validators-disagree",
)
"""Every id that a schema's refusal can have."""


def explain(
    name: str,
    noun: str,
    data: Mapping[str, Any],
    whose: Callable[[Pointer], Document],
    prefix: Pointer = (),
) -> Iterator[Diagnostic]:
    """Why a document does not fit its schema, each finding at its key or value.

    Args:
        prefix: where the data stands in its document.
    """
    yield from explain_by(contents(name), noun, data, whose, prefix)


def explain_by(
    schema: Mapping[str, Any],
    noun: str,
    data: Any,
    whose: Callable[[Pointer], Document],
    prefix: Pointer = (),
) -> Iterator[Diagnostic]:
    """As ``explain``, by a schema that may be a user's own.

    Args:
        prefix: where the data stands in its document.
    """
    from jsonschema import Draft202012Validator

    seen: set[tuple[Pointer, str]] = set()
    for error in Draft202012Validator(schema).iter_errors(thaw(data)):
        for found in _Explained(error, noun, whose, prefix).findings():
            key = (tuple(error.absolute_path), found.message)
            if key not in seen:
                seen.add(key)
                yield found
    if not seen:
        yield Diagnostic(
            "validators-disagree",
            Severity.ERROR,
            f"the fast validator refuses this {noun} and the reference validator accepts it",
            whose(()).first_key_span(prefix),
            "please report this file; until then it is not served",
        )


@final
class _Explained:
    """One error of the reference validator, in Stepwell's words."""

    def __init__(
        self, error: ValidationError, noun: str, whose: Callable[[Pointer], Document], prefix: Pointer
    ) -> None:
        self._error = error
        self._pointer: Pointer = tuple(error.absolute_path)
        self._noun = noun
        self._whose = whose
        self._prefix = prefix
        self._value: Any = error.instance
        self._wanted: Any = error.validator_value

    def findings(self) -> Iterator[Diagnostic]:
        explain_one = {
            "additionalProperties": self._unknown,
            "required": self._missing,
            "type": self._type,
            "enum": self._enum,
            "const": self._const,
            "minimum": self._range,
            "maximum": self._range,
            "pattern": self._pattern,
            "not": self._pattern,
            "minLength": self._length,
            "maxLength": self._length,
            "minItems": self._length,
            "maxItems": self._length,
            "uniqueItems": self._repeated,
        }.get(str(self._error.validator), self._other)
        yield from explain_one()

    def _unknown(self) -> Iterator[Diagnostic]:
        schema: Any = self._error.schema
        known = schema.get("properties", {})
        free = [re.compile(pattern) for pattern in schema.get("patternProperties", {})]
        for key in self._value:
            if key in known or any(pattern.search(key) for pattern in free):
                continue
            near = closest(key, known)
            if key == "<<":
                help_text = "YAML 1.2 has no merge keys: write the fields out"
            elif near:
                help_text = did_you_mean(near)
            elif free:
                help_text = f"fields are {_listed(known)}; a key of your own begins with `x-`"
            else:
                help_text = f"fields are {_listed(known)}"
            pointer = (*self._pointer, key)
            yield self._at_key(
                "unknown-field", f"{self._owner()} has no field `{_shown(key)}`", pointer, help_text
            )

    def _missing(self) -> Iterator[Diagnostic]:
        for key in self._wanted:
            if key not in self._value:
                document = self._whose((*self._pointer, key))
                pointer = (*self._prefix, *self._pointer)
                stated = (
                    document.key_span((*pointer, key)) if key in _inside(document.data, pointer) else None
                )
                yield Diagnostic(
                    "missing-field",
                    Severity.ERROR,
                    f"{self._owner()} must have a field `{key}`",
                    stated or document.first_key_span(pointer),
                    "it cannot be removed" if stated else f"add a line `{key}: …`",
                )

    def _type(self) -> Iterator[Diagnostic]:
        wanted = [self._wanted] if isinstance(self._wanted, str) else list(self._wanted)
        words = " or ".join(_TYPES.get(kind, kind) for kind in wanted)
        token = self._token()
        help_text: str | None = None
        if self._value is None:
            help_text = "write a value, or leave the line out"
        elif "string" in wanted and isinstance(self._value, (int, float)):
            help_text = f'quote it if it is meant as text: "{token}"'
        elif "integer" in wanted and isinstance(self._value, str) and self._value.strip().isdigit():
            help_text = f"write it without quotes: {self._value.strip()}"
        elif "array" in wanted and isinstance(self._value, str):
            help_text = f"write a list: [{token}]"
        yield self._at_value(
            "wrong-type", f"{self._what()} must be {words}, and this is {_type_of(self._value)}", help_text
        )

    def _enum(self) -> Iterator[Diagnostic]:
        choices = [str(choice) for choice in self._wanted if choice is not None]
        help_text = suggest(str(self._value), choices) or f"one of {_listed(choices)}"
        yield self._at_value(
            "not-in-vocabulary", f"{self._what()} cannot be `{_shown(self._value)}`", help_text
        )

    def _const(self) -> Iterator[Diagnostic]:
        if isinstance(self._value, int) and self._value > self._wanted:
            message = f"version {self._value} needs a newer Stepwell: this one reads version {self._wanted}"
            yield self._at_value("unsupported-version", message, "install a newer Stepwell")
        else:
            yield self._at_value("unsupported-version", f"{self._what()} must be {self._wanted}", None)

    def _range(self) -> Iterator[Diagnostic]:
        bound = "at least" if self._error.validator == "minimum" else "at most"
        message = f"{self._what()} must be {bound} {self._wanted}, and this is {self._value}"
        yield self._at_value("out-of-range", message, None)

    def _pattern(self) -> Iterator[Diagnostic]:
        schema: Any = self._error.schema
        form = schema.get("patternErrorMessage", f"must match {self._wanted}")
        message = f"{self._what()} {form}, and this is `{_shown(self._value)}`"
        yield self._at_value("wrong-form", message, None)

    def _length(self) -> Iterator[Diagnostic]:
        unit = "characters" if isinstance(self._value, str) else "items"
        bound = "at least" if str(self._error.validator).startswith("min") else "at most"
        unit = unit[:-1] if self._wanted == 1 else unit
        message = f"{self._what()} must have {bound} {self._wanted} {unit}, and this has {len(self._value)}"
        yield self._at_value("wrong-form", message, None)

    def _repeated(self) -> Iterator[Diagnostic]:
        for place, item in enumerate(self._value):
            if item in self._value[:place]:
                pointer = (*self._pointer, place)
                span = self._whose(pointer).value_span((*self._prefix, *pointer))
                message = f"`{_shown(item)}` stands twice in {self._what()}"
                yield Diagnostic("repeated-item", Severity.ERROR, message, span, "remove one of the two")

    def _other(self) -> Iterator[Diagnostic]:
        yield self._at_value("wrong-form", f"{self._what()}: {_shown(self._error.message)}", None)

    def _at_key(self, rule: str, message: str, pointer: Pointer, help_text: str | None) -> Diagnostic:
        span = self._whose(pointer).key_span((*self._prefix, *pointer))
        return Diagnostic(rule, Severity.ERROR, message, span, help_text)

    def _at_value(self, rule: str, message: str, help_text: str | None) -> Diagnostic:
        span = self._span()
        return Diagnostic(rule, Severity.ERROR, message, span, help_text)

    def _span(self) -> Span:
        return self._whose(self._pointer).value_span((*self._prefix, *self._pointer))

    def _token(self) -> str:
        span = self._span()
        written = span.text[span.column - 1 : span.end_column - 1] if span.line == span.end_line else ""
        return written or str(self._value)

    def _owner(self) -> str:
        return f"`{_dotted(self._pointer)}`" if self._pointer else self._noun

    def _what(self) -> str:
        return f"`{_dotted(self._pointer)}`" if self._pointer else self._whole()

    def _whole(self) -> str:
        return self._noun if self._noun.startswith("the ") else f"this {self._noun}"


_TYPES: Final = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "null",
}


def _type_of(value: Any) -> str:
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return f"the boolean {str(value).lower()}"
    if isinstance(value, (int, float)):
        return f"the number {value}"
    if isinstance(value, str):
        return "text"
    return "a list" if isinstance(value, list) else "a mapping"


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = text.encode("unicode_escape").decode("ascii") if not text.isprintable() else text
    return text if len(text) <= 60 else text[:57] + "..."


def _dotted(pointer: Pointer) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in pointer).lstrip(".")


def _inside(data: Any, pointer: Pointer) -> Any:
    for step in pointer:
        data = data.get(step, {}) if isinstance(data, Mapping) else {}
    return data


def _listed(words: Any) -> str:
    shown = [f"`{word}`" for word in words if not str(word).startswith("$")]
    return ", ".join(shown[:-1]) + (" and " if len(shown) > 1 else "") + shown[-1] if shown else "none"
