"""Explains schema errors as findings at the right key or value."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, final

from stepwell.model.schema import compiled, errors_of
from stepwell.model.validator import InvalidSchema, SchemaError, errors_of_schema
from stepwell.source.diagnostic import Diagnostic, Fix, Severity, Span
from stepwell.source.document import Document, Pointer, no_places, thaw
from stepwell.source.scalars import resolve
from stepwell.source.spelling import closest, did_you_mean, respelled, suggest
from stepwell.source.wording import counted

__all__ = ["SCHEMA_IDS", "explain", "explain_by", "explain_schema", "invalid_values", "reasons"]

SCHEMA_IDS: Final = (
    "unknown-field",
    "missing-field",
    "wrong-type",
    "not-in-vocabulary",
    "out-of-range",
    "wrong-form",
    "repeated-item",
    "unsupported-version",
)
"""Ids of all findings about schema errors."""


def explain(
    name: str,
    noun: str,
    data: Mapping[str, Any],
    whose: Callable[[Pointer], Document],
    prefix: Pointer = (),
) -> Iterator[Diagnostic]:
    """Yield a finding for each schema error of a document.

    Args:
        whose: returns the document that sets the value at a pointer.
        prefix: pointer of the data in its document.
    """
    yield from _findings(errors_of(name, data), noun, whose, prefix)


def explain_by(
    schema: Mapping[str, Any],
    noun: str,
    data: Any,
    whose: Callable[[Pointer], Document],
    prefix: Pointer = (),
) -> Iterator[Diagnostic]:
    """Yield a finding for each error under a user's schema; see ``explain``."""
    yield from _findings(compiled(schema).errors(thaw(data)), noun, whose, prefix)


def explain_schema(
    schema: Mapping[str, Any], whose: Callable[[Pointer], Document], prefix: Pointer = ()
) -> Iterator[Diagnostic]:
    """Yield a finding for each error of a user's schema itself; see ``explain``."""
    try:
        compiled(schema)
    except InvalidSchema as fault:
        errors = [error for error in errors_of_schema(thaw(schema)) if error.pointer != ("$schema",)]
        yield from _findings(errors, "the schema", whose, prefix)
        if not errors or fault.pointer == ("$schema",):
            place = (*prefix, *fault.pointer)
            yield Diagnostic("wrong-form", Severity.ERROR, str(fault), whose(place).value_span(place))


def reasons(schema: Mapping[str, Any] | bool, noun: str, data: Any) -> tuple[str, ...]:
    """Return the schema errors of data without a file, one line each.

    Raises:
        InvalidSchema: the schema is invalid.
    """
    document = Document("", "", {}, no_places)
    errors = sorted(compiled(schema).errors(thaw(data)), key=lambda error: tuple(map(str, error.pointer)))
    findings = _findings(errors, noun, lambda _: document, ())
    return tuple(finding.message for finding in findings)


def _findings(
    errors: Iterable[SchemaError], noun: str, whose: Callable[[Pointer], Document], prefix: Pointer
) -> Iterator[Diagnostic]:
    errors = tuple(errors)
    misspelt = {
        (*error.pointer, *closest(key, error.schema.get("properties", {})))
        for error in errors
        if error.keyword == "additionalProperties"
        for key in error.wanted
    }
    of_wrong_type = {error.pointer for error in errors if error.keyword == "type"}
    seen: set[tuple[Pointer, str]] = set()
    for error in errors:
        if error.keyword in _CHOICES and error.pointer in of_wrong_type:
            continue
        if error.keyword == "required" and all((*error.pointer, key) in misspelt for key in error.wanted):
            continue  # reported as an unknown field that resembles it
        for finding in _Explained(error, noun, whose, prefix).findings():
            key = (error.pointer, finding.id if finding.id == "wrong-type" else finding.message)
            if key not in seen:
                seen.add(key)
                yield finding


def invalid_values(name: str, data: Mapping[str, Any]) -> Iterator[Pointer]:
    """Yield the smallest values to remove for the errors of data under one of Stepwell's schemas."""
    for error in errors_of(name, data):
        pointers: Iterable[Pointer] = (error.pointer,)
        if error.keyword == "additionalProperties":
            pointers = ((*error.pointer, key) for key in error.wanted)
        elif error.keyword == "uniqueItems":
            pointers = ((*error.pointer, place) for place in _repeated(error.value))
        yield from filter(None, pointers)


def _repeated(items: Sequence[Any]) -> Iterator[int]:
    """Yield the position of each item that equals an earlier one."""
    known: set[str] = set()
    for place, item in enumerate(items):
        key = _key_of(item)
        if key in known:
            yield place
        known.add(key)


@final
class _Explained:
    """Explains one schema error."""

    def __init__(
        self, error: SchemaError, noun: str, whose: Callable[[Pointer], Document], prefix: Pointer
    ) -> None:
        self._error = error
        self._pointer = error.pointer
        self._noun = noun
        self._whose = whose
        self._prefix = prefix
        self._value: Any = error.value
        self._wanted: Any = error.wanted

    def findings(self) -> Iterator[Diagnostic]:
        explain_keyword = {
            "additionalProperties": self._unknown,
            "unevaluatedProperties": self._unknown,
            "required": self._missing,
            "type": self._type,
            "enum": self._enum,
            "const": self._const,
            "minimum": self._range,
            "maximum": self._range,
            "exclusiveMinimum": self._range,
            "exclusiveMaximum": self._range,
            "multipleOf": self._range,
            "pattern": self._pattern,
            "backtracking": self._backtracking,
            "format": self._format,
            "externalReference": self._reference,
            "danglingReference": self._reference,
            "not": self._not,
            "minLength": self._length,
            "maxLength": self._length,
            "minItems": self._length,
            "maxItems": self._length,
            "minProperties": self._length,
            "maxProperties": self._length,
            "uniqueItems": self._repeated,
            "contains": self._contains,
            "propertyNames": self._key,
            "anyOf": self._alternatives,
            "oneOf": self._alternatives,
        }.get(self._error.keyword, self._not_allowed)
        yield from explain_keyword()

    def _unknown(self) -> Iterator[Diagnostic]:
        schema = self._error.schema
        known = schema.get("properties", {})
        for key in self._wanted:
            near = closest(key, known)
            if near:
                help_text = did_you_mean(near)
            elif schema.get("patternProperties"):
                help_text = f"valid fields: {_listed(known)}; custom fields begin with `x-`"
            else:
                help_text = f"valid fields: {_listed(known)}"
            yield self._at_key(
                "unknown-field",
                f"{self._owner()} has no field `{_shown(key)}`",
                (*self._pointer, key),
                help_text,
                known,
            )

    def _missing(self) -> Iterator[Diagnostic]:
        for key in self._wanted:
            document = self._whose((*self._pointer, key))
            pointer = (*self._prefix, *self._pointer)
            stated = document.key_span((*pointer, key)) if key in _inside(document.data, pointer) else None
            yield Diagnostic(
                "missing-field",
                Severity.ERROR,
                f"{self._owner()} requires the field `{key}`",
                stated or document.first_key_span(pointer),
                "it cannot be removed" if stated else f"add a line `{key}: …`",
            )

    def _type(self) -> Iterator[Diagnostic]:
        wanted = [self._wanted] if isinstance(self._wanted, str) else list(self._wanted)
        token = self._token()
        schema = self._error.schema
        help_text = f"write {_types(wanted)}, e.g. {self._example(wanted, schema)}"
        fix: Fix | None = None
        if self._value is None:
            help_text = f"write a value, e.g. {self._example(wanted, schema)}, or remove the line"
        elif "string" in wanted and isinstance(self._value, (int, float)) and not token.startswith(_QUOTES):
            help_text = f'quote it if it is text: "{token}"'
            fix = Fix(f"quote `{token}`", "set", self._span(), token)
        elif "integer" in wanted and isinstance(self._value, str) and self._value.strip().isdigit():
            help_text = f"write it without quotes: {self._value.strip()}"
            fix = Fix("remove the quotes", "read", self._span(), self._value.strip())
        elif "array" in wanted and isinstance(self._value, str) and _holds_text(schema):
            help_text = f"write a list: [{token}]"
            fix = Fix("write a list of one item", "read", self._span(), f"[{token}]", is_safe=False)
        message = f"{self._what()} must be {_types(wanted)}, got {_type_of(self._value)}"
        yield self._at_value("wrong-type", message, help_text, fix)

    def _example(self, kinds: list[str], schema: Mapping[str, Any]) -> str:
        """Return the line of a value of the right type, as its file writes it."""
        pointer = (*self._prefix, *self._pointer)
        is_toml = self._span().path.endswith(".toml")
        value = _written(_example_of(schema, kinds), is_toml)
        if not pointer or isinstance(pointer[-1], int):
            return f"`{value}`"
        return f"`{pointer[-1]}{' = ' if is_toml else ': '}{value}`"

    def _enum(self) -> Iterator[Diagnostic]:
        choices = [_shown(choice) for choice in self._wanted if choice is not None]
        help_text = suggest(_shown(self._value), choices) or f"allowed values: {_listed(choices)}"
        yield self._at_value(
            "not-in-vocabulary",
            f"`{_shown(self._value)}` is not an allowed value of {self._what()}",
            help_text,
            respelled(self._span(), str(self._value), choices) if isinstance(self._value, str) else None,
        )

    def _const(self) -> Iterator[Diagnostic]:
        if self._pointer[-1:] == ("schema_version",):
            message, help_text = f"{self._what()} must be {self._wanted}", None
            if isinstance(self._value, int) and self._value > self._wanted:
                message = f"version {self._value} is not supported (supported: {self._wanted})"
                help_text = "install a newer Stepwell"
            yield self._at_value("unsupported-version", message, help_text)
        else:
            message = f"{self._what()} must be `{_shown(self._wanted)}`, got `{_shown(self._value)}`"
            yield self._at_value("not-in-vocabulary", message, None)

    def _range(self) -> Iterator[Diagnostic]:
        message = f"{self._what()} must be {_RANGES[self._error.keyword]} {self._wanted}, got {self._value}"
        yield self._at_value("out-of-range", message, None)

    def _pattern(self) -> Iterator[Diagnostic]:
        form = self._error.schema.get("patternErrorMessage", f"must match `{_shown(self._wanted)}`")
        yield self._at_value("wrong-form", f"{self._what()} {form}, got `{_shown(self._value)}`", None)

    def _backtracking(self) -> Iterator[Diagnostic]:
        message = f"{self._what()} takes too long to match `{_shown(self._wanted)}`"
        yield self._at_value("wrong-form", message, "simplify the pattern: it repeats a repetition")

    def _format(self) -> Iterator[Diagnostic]:
        form = "a regular expression" if self._wanted == "regex" else f"of the format `{self._wanted}`"
        yield self._at_value(
            "wrong-form", f"{self._what()} must be {form}, got `{_shown(self._value)}`", None
        )

    def _reference(self) -> Iterator[Diagnostic]:
        names = [f"#/$defs/{name}" for name in _inside(self._error.schema, ("$defs",))]
        reference, help_text = _shown(self._value), suggest(self._value, names) or None
        message = f"`{reference}` does not exist in the schema"
        if self._error.keyword == "externalReference":
            message = f"`{reference}` is an external reference, which is not supported"
            help_text = "copy the schema into `$defs`, and refer to it as `#/$defs/...`"
        yield self._at_value("wrong-form", message, help_text)

    def _not(self) -> Iterator[Diagnostic]:
        form = self._error.schema.get("patternErrorMessage")
        if form:
            yield self._at_value("wrong-form", f"{self._what()} {form}, got `{_shown(self._value)}`", None)
            return
        types = self._wanted.get("type") if isinstance(self._wanted, Mapping) else None
        if types and len(self._wanted) == 1:
            rejected = _types([types] if isinstance(types, str) else types)
            message = f"{self._what()} must not be {rejected}, got {_type_of(self._value)}"
        else:
            message = f"{self._what()} must not match {_code(self._wanted)}, got `{_shown(self._value)}`"
        yield self._at_value("wrong-form", message, None)

    def _length(self) -> Iterator[Diagnostic]:
        unit = "character" if isinstance(self._value, str) else "item"
        if isinstance(self._value, Mapping):
            unit = "field"
        bound = "at least" if self._error.keyword.startswith("min") else "at most"
        message = f"{self._what()} must have {bound} {counted(self._wanted, unit)}, got {len(self._value)}"
        yield self._at_value("wrong-form", message, None)

    def _repeated(self) -> Iterator[Diagnostic]:
        for place in _repeated(self._value):
            item, pointer = _shown(self._value[place]), (*self._pointer, place)
            span = self._whose(pointer).value_span((*self._prefix, *pointer))
            message = f"{self._what()} contains `{item}` twice"
            fix = Fix(f"remove the second `{item}`", "remove", span)
            yield Diagnostic("repeated-item", Severity.ERROR, message, span, "remove one of the two", fix=fix)

    def _contains(self) -> Iterator[Diagnostic]:
        schema = self._error.schema
        least, most = schema.get("minContains", 1), schema.get("maxContains")
        bounds = f"at least {least}" if most is None else f"{least} to {most}"
        items = "item" if bounds == "at least 1" else "items"
        match = "matches" if items == "item" else "match"
        message = f"{self._what()} must have {bounds} {items} that {match} {_code(schema.get('contains'))}"
        yield self._at_value("wrong-form", message, None)

    def _key(self) -> Iterator[Diagnostic]:
        owner = f"`{_dotted(self._pointer[:-1])}`" if self._pointer[:-1] else self._whole()
        rule = self._error.schema
        wanted = "must be regular expressions" if rule == {"format": "regex"} else f"must match {_code(rule)}"
        wanted = rule.get("patternErrorMessage", wanted) if isinstance(rule, Mapping) else wanted
        message = f"{owner} has the key `{_shown(self._pointer[-1])}`, keys {wanted}"
        yield self._at_key("wrong-form", message, self._pointer, None)

    def _alternatives(self) -> Iterator[Diagnostic]:
        """Explain the closest alternative, or list what each of them expects."""
        failed = [branch for branch in self._error.branches if branch]
        if len(self._error.branches) - len(failed) > 1:
            several = [str(at + 1) for at, branch in enumerate(self._error.branches) if not branch]
            message = f"{self._what()} must match exactly one alternative, matches {' and '.join(several)}"
            yield self._at_value("wrong-form", message, "make the alternatives of `oneOf` exclude each other")
            return
        if failed and all(
            len(branch) == 1 and branch[0].keyword in _CHOICES and branch[0].pointer == self._pointer
            for branch in failed
        ):
            self._wanted = [choice for branch in failed for choice in _choices(branch[0])]
            yield from self._enum()
            return
        kinds = [
            kind
            for branch in failed
            if len(branch) == 1 and branch[0].keyword == "type" and branch[0].pointer == self._pointer
            for kind in ([branch[0].wanted] if isinstance(branch[0].wanted, str) else branch[0].wanted)
        ]
        ranked = sorted(failed, key=self._distance)
        if ranked and (len(ranked) == 1 or self._distance(ranked[0]) < self._distance(ranked[1])):
            closest_branch = ranked[0]
            if any(error.keyword != "type" or error.pointer != self._pointer for error in closest_branch):
                yield from _findings(closest_branch, self._noun, self._whose, self._prefix)
                return
        if failed and len(kinds) == len(failed):
            types = _types(dict.fromkeys(kinds))
            message = f"{self._what()} must be {types}, got {_type_of(self._value)}"
            schema = {**failed[0][0].schema, **self._error.schema}
            yield self._at_value("wrong-type", message, f"write {types}, e.g. {self._example(kinds, schema)}")
            return
        expected = [
            finding.message
            for branch in ranked[:3]
            for finding in list(_findings(branch, self._noun, self._whose, self._prefix))[:1]
        ]
        yield self._at_value(
            "wrong-form",
            f"{self._what()} matches none of {counted(len(failed), 'alternative')}",
            "; or ".join(dict.fromkeys(expected)) or None,
        )

    def _distance(self, branch: tuple[SchemaError, ...]) -> tuple[int, int]:
        """Return how far the value is from an alternative; structural errors weigh more."""
        shape = sum(
            _WEIGHT.get(error.keyword, 1) * (len(error.wanted) if error.keyword in _LISTS else 1)
            for error in branch
            if error.pointer == self._pointer
        )
        # `kind: {const: …}` or an single-value enum distinguishes alternatives.
        shape += sum(
            3
            for error in branch
            if len(error.pointer) == len(self._pointer) + 1
            and (error.keyword == "const" or (error.keyword == "enum" and len(error.wanted) == 1))
        )
        return shape, len(branch)

    def _not_allowed(self) -> Iterator[Diagnostic]:
        yield self._at_value("wrong-form", f"{self._what()} is not allowed by its schema", None)

    def _at_key(
        self, rule: str, message: str, pointer: Pointer, help_text: str | None, known: Iterable[str] = ()
    ) -> Diagnostic:
        span = self._whose(pointer).key_span((*self._prefix, *pointer))
        fix = respelled(span, str(pointer[-1]), known)
        return Diagnostic(rule, Severity.ERROR, message, span, help_text, fix=fix)

    def _at_value(self, rule: str, message: str, help_text: str | None, fix: Fix | None = None) -> Diagnostic:
        return Diagnostic(rule, Severity.ERROR, message, self._span(), help_text, fix=fix)

    def _span(self) -> Span:
        return self._whose(self._pointer).value_span((*self._prefix, *self._pointer))

    def _token(self) -> str:
        span = self._span()
        written = span.text[span.column - 1 : span.end_column - 1] if span.line == span.end_line else ""
        return written or _shown(self._value)

    def _owner(self) -> str:
        return f"`{_dotted(self._pointer)}`" if self._pointer else self._noun

    def _what(self) -> str:
        return f"`{_dotted(self._pointer)}`" if self._pointer else self._whole()

    def _whole(self) -> str:
        return self._noun if self._noun.startswith("the ") else f"this {self._noun}"


_RANGES: Final = {
    "minimum": "at least",
    "maximum": "at most",
    "exclusiveMinimum": "greater than",
    "exclusiveMaximum": "less than",
    "multipleOf": "a multiple of",
}

_WEIGHT: Final = {"type": 100, "required": 2, "const": 10}
_QUOTES: Final = ('"', "'")
_CHOICES: Final = ("const", "enum")
_LISTS: Final = ("additionalProperties", "unevaluatedProperties")

_TYPES: Final = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "null",
}


_MOST_CHARACTERS: Final = 90
_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*(?: [A-Za-z0-9_./-]+)*").fullmatch


def _example_of(schema: Any, kinds: Iterable[str] = ()) -> Any:
    """Return a short value of one of some types, which the schema mentions where possible."""
    if not isinstance(schema, Mapping):
        return "value"
    types = schema.get("type", "string")
    kinds = tuple(kinds) or ((types,) if isinstance(types, str) else tuple(types))
    values = [*schema.get("examples", ()), schema.get("default"), *schema.get("enum", ())]
    values += [schema[bound] for bound in ("minimum", "maximum") if bound in schema]
    for value in values:
        is_right = value not in (None, [], {}) and any(_is_of_type(value, kind) for kind in kinds)
        if is_right and _is_short(value):
            return value
    fields = schema.get("properties") or {"key": {}}
    keys = schema.get("required") or list(fields)[:1]
    placeholders: dict[str, Callable[[], Any]] = {
        "integer": lambda: 1,
        "number": lambda: 0.5,
        "boolean": lambda: True,
        "array": lambda: [_example_of(schema.get("items"))],
        "object": lambda: {key: _example_of(fields.get(key)) for key in keys},
    }
    value = placeholders.get(kinds[0], lambda: "value")()
    return value if _is_short(value) else {"key": "value"}


def _is_short(value: Any) -> bool:
    return len(_written(value, is_toml=False)) <= _MOST_CHARACTERS


def _holds_text(schema: Mapping[str, Any]) -> bool:
    items = schema.get("items")
    return not isinstance(items, Mapping) or items.get("type", "string") == "string"


def _is_of_type(value: Any, kind: str) -> bool:
    if isinstance(value, bool) or kind == "boolean":
        return kind == "boolean" and isinstance(value, bool)
    kinds = {"string": str, "integer": int, "number": (int, float), "array": list, "object": dict}
    return isinstance(value, kinds.get(kind, ()))  # type: ignore[arg-type]


def _written(value: Any, is_toml: bool) -> str:
    """Return a value on one line of YAML or TOML."""
    if isinstance(value, list):
        return f"[{', '.join(_written(item, is_toml) for item in value)}]"
    if isinstance(value, dict):
        mark = " = " if is_toml else ": "
        return "{" + ", ".join(f"{key}{mark}{_written(item, is_toml)}" for key, item in value.items()) + "}"
    if isinstance(value, str) and not is_toml and _PLAIN(value) and resolve(value) == value:
        return value
    return json.dumps(value, ensure_ascii=False)


def _choices(error: SchemaError) -> list[Any]:
    return list(error.wanted) if error.keyword == "enum" else [error.wanted]


def _types(kinds: Iterable[str]) -> str:
    return " or ".join(_TYPES.get(kind, kind) for kind in kinds)


def _type_of(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return f"the boolean {str(value).lower()}"
    if isinstance(value, (int, float)):
        return f"the number {value}"
    if isinstance(value, str):
        return "text"
    return "a list" if isinstance(value, list) else "a mapping"


def _key_of(value: Any) -> str:
    """Return equal texts for values that JSON Schema considers equal: 1 and 1.0, but not 1 and true."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value, sort_keys=True)


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = text.encode("unicode_escape").decode("ascii") if not text.isprintable() else text
    return text if len(text) <= 60 else text[:57] + "..."


def _code(schema: Any) -> str:
    return f"`{_shown(schema)}`"


def _dotted(pointer: Pointer) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in pointer).lstrip(".")


def _inside(data: Any, pointer: Pointer) -> Mapping[str, Any]:
    for step in pointer:
        data = data.get(step) if isinstance(data, Mapping) else None
    return data if isinstance(data, Mapping) else {}


def _listed(words: Iterable[str]) -> str:
    shown = [f"`{word}`" for word in words if not str(word).startswith("$")]
    return ", ".join(shown[:-1]) + (" and " if len(shown) > 1 else "") + shown[-1] if shown else "none"
