"""JSON Schema validation with ``jsonschema_rs``, or ``jsonschema`` where it has no wheel."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.util import find_spec
from typing import Any, Final, NamedTuple, Protocol, final

from stepwell.source.document import Pointer
from stepwell.source.foreign_code import Translated

__all__ = ["InvalidSchema", "SchemaError", "Validator", "errors_of_schema", "is_fast", "validator"]


@final
class InvalidSchema(ValueError):
    """Invalid JSON Schema of a user.

    Args:
        pointer: location in the schema.
    """

    def __init__(self, message: str, pointer: Pointer = ()) -> None:
        super().__init__(message)
        self.pointer = pointer


@final
class SchemaError(NamedTuple):
    """One schema error.

    Args:
        pointer: of the value, from the root of the data.
        keyword: the violated keyword; ``backtracking`` if a pattern took too long.
        wanted: the keyword's value; for unknown and missing fields their names.
        schema: the subschema with the keyword.
        branches: for ``anyOf`` and ``oneOf`` the errors of each alternative.
    """

    pointer: Pointer
    keyword: str
    wanted: Any
    value: Any
    schema: Mapping[str, Any]
    branches: tuple[tuple[SchemaError, ...], ...] = ()


class Validator(Protocol):
    """Compiled schema for plain data."""

    def is_valid(self, data: Any, /) -> bool: ...

    def errors(self, data: Any, /) -> tuple[SchemaError, ...]: ...


def validator(schema: Any) -> Validator:
    """Compile a JSON Schema (draft 2020-12) without external references.

    Raises:
        InvalidSchema: it is invalid, has external references or cannot be compiled.
    """
    for reference in _dangling(schema):
        raise InvalidSchema(f"the reference `{reference.value}` cannot be resolved", reference.pointer)
    try:
        import jsonschema_rs
    except ModuleNotFoundError:
        return _in_python(schema)
    # A pattern that the engine cannot compile may panic, which is no Exception.
    with Translated(lambda error: InvalidSchema(f"it cannot be compiled: {error}"), InvalidSchema):
        try:
            compiled = jsonschema_rs.Draft202012Validator(schema, retriever=_refuse_to_fetch)
        except jsonschema_rs.ValidationError as error:
            raise InvalidSchema(error.message.partition("\n")[0], tuple(error.instance_path)) from None
    return _Rust(schema, compiled)


def errors_of_schema(schema: Any) -> tuple[SchemaError, ...]:
    """Return the errors of a JSON Schema (draft 2020-12) itself, references included."""
    try:
        import jsonschema_rs
    except ModuleNotFoundError:
        return (*_errors_in_python(schema), *_dangling(schema))
    metaschema = {"$ref": "https://json-schema.org/draft/2020-12/schema"}
    with Translated(lambda error: InvalidSchema(f"it cannot be read: {error}"), InvalidSchema):
        compiled = jsonschema_rs.Draft202012Validator(metaschema, validate_formats=True)
        return (*_Rust(metaschema, compiled).errors(schema), *_dangling(schema))


def is_fast() -> bool:
    """Return whether ``jsonschema_rs`` is installed."""
    return find_spec("jsonschema_rs") is not None


def _refuse_to_fetch(uri: str) -> Any:
    raise ValueError(f"external references are not supported: {uri}")


def _references(schema: Any, base: Any, pointer: Pointer = ()) -> Iterator[tuple[Pointer, str, Any]]:
    """Yield each reference with its location and the schema that it is relative to."""
    if isinstance(schema, dict) and isinstance(schema.get("$id"), str):
        base = schema
    for key, value in schema.items() if isinstance(schema, dict) else enumerate(schema):
        if key in ("$ref", "$dynamicRef") and isinstance(value, str):
            yield (*pointer, key), value, base
        elif isinstance(value, (dict, list)) and key not in _NOT_SCHEMAS:
            yield from _references(value, base, (*pointer, key))


def _anchors(schema: Any) -> Iterator[str]:
    for key, value in schema.items() if isinstance(schema, dict) else enumerate(schema):
        if key in ("$anchor", "$dynamicAnchor") and isinstance(value, str):
            yield value
        elif isinstance(value, (dict, list)):
            yield from _anchors(value)


def _unquoted(fragment: str) -> str:
    if "%" not in fragment:
        return fragment
    from urllib.parse import unquote  # slow to import, and hardly ever needed

    return unquote(fragment)


def _dangling(schema: Any) -> Iterator[SchemaError]:
    """Yield an error for each reference to another file or to a part that does not exist."""
    if not isinstance(schema, dict):
        return
    for pointer, reference, base in _references(schema, schema):
        fragment = _unquoted(reference[1:])
        steps = [step.replace("~1", "/").replace("~0", "~") for step in fragment.split("/")[1:]]
        if not reference.startswith("#"):
            yield SchemaError(pointer, "externalReference", None, reference, {})
        elif fragment[:1] not in ("", "/"):
            if fragment not in _anchors(base):
                yield SchemaError(pointer, "danglingReference", None, reference, schema)
        elif _at(base, steps) is None:
            yield SchemaError(pointer, "danglingReference", None, reference, schema)


@final
class _Rust:
    __slots__ = ("_compiled", "_schema", "is_valid")

    def __init__(self, schema: Any, compiled: Any) -> None:
        self._schema = schema
        self._compiled = compiled
        self.is_valid: Callable[[Any], bool] = compiled.is_valid

    def errors(self, data: Any) -> tuple[SchemaError, ...]:
        return tuple(self._read(self._compiled.iter_errors(data), data))

    def _read(self, errors: Iterable[Any], data: Any) -> Iterator[SchemaError]:
        for error in errors:
            pointer, path, kind = tuple(error.instance_path), list(error.schema_path), error.kind
            keyword, wanted, value = kind.name, kind.value, error.instance
            if keyword == "required":
                wanted = [wanted]
            elif keyword == "pattern" and not hasattr(kind, "pattern"):
                keyword = "backtracking"
            elif keyword == "propertyNames":
                for name in self._read([kind.error], data):
                    yield name._replace(pointer=(*pointer, name.value), keyword=keyword)
                continue
            elif keyword == "falseSchema" and path[-1:] == ["additionalProperties"]:
                keyword, value = "additionalProperties", _at(data, pointer)
                wanted = list(value)
            context = getattr(kind, "context", None) or ()
            branches = tuple(tuple(self._read(branch, data)) for branch in context)
            parent = _at(self._schema, path[:-1])
            if not isinstance(parent, dict):
                parent = {keyword: wanted}
            if keyword in _AS_WRITTEN:
                wanted = parent.get(path[-1], wanted)
            yield SchemaError(pointer, keyword, wanted, value, parent, branches)


_AS_WRITTEN: Final = ("pattern", "backtracking", "type")
"""Keywords whose value is taken from the schema, because the engine reorders or omits it."""


def _at(data: Any, pointer: Iterable[str | int]) -> Any:
    try:
        for step in pointer:
            data = data[int(step) if isinstance(data, list) else step]
    except (KeyError, IndexError, TypeError, ValueError):
        return None
    return data


_SPACES: Final = r"\s\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
"""White space of ECMA-262 in a set of Python's with ASCII classes."""

_NOT_SCHEMAS: Final = frozenset({"const", "default", "enum", "examples"})
"""Keywords whose values are data."""

_OF_NAMES: Final = frozenset({"$defs", "definitions", "dependentSchemas", "patternProperties", "properties"})
"""Keywords whose values are schemas by name."""


def _to_python(pattern: str) -> str:
    """Translate an ECMA-262 pattern: ASCII classes, a ``$`` that matches only at the end, named groups."""
    parts: list[str] = []
    in_set = False
    for piece in re.findall(r"\\.|\(\?<(?=[A-Za-z_])|.", pattern, re.DOTALL):
        if piece == r"\s":
            parts.append(_SPACES if in_set else f"[{_SPACES}]")
        elif piece == r"\S" and not in_set:
            parts.append(f"[^{_SPACES}]")
        elif piece == "$" and not in_set:
            parts.append(r"\Z")
        elif piece == "(?<" and not in_set:
            parts.append("(?P<")
        else:
            in_set = piece == "[" or (in_set and piece != "]")
            parts.append(piece)
    return f"(?a:{''.join(parts)})"


def _with_python_patterns(schema: Any, written: dict[str, str]) -> Any:
    """Return a schema with translated patterns, and add each with its source to ``written``."""

    def translated(pattern: str) -> str:
        result = _to_python(pattern)
        written[result] = pattern
        return result

    if isinstance(schema, list):
        return [_with_python_patterns(item, written) for item in schema]
    if not isinstance(schema, dict):
        return schema
    copied: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "pattern" and isinstance(value, str):
            copied[key] = translated(value)
        elif key in _OF_NAMES and isinstance(value, dict):
            names = map(translated, value) if key == "patternProperties" else value
            copied[key] = {
                name: _with_python_patterns(below, written)
                for name, below in zip(names, value.values(), strict=True)
            }
        else:
            copied[key] = value if key in _NOT_SCHEMAS else _with_python_patterns(value, written)
    return copied


@final
class _Python:
    """Reference validator: slower, and without the ECMA patterns that Python cannot express (``\\p{L}``)."""

    __slots__ = ("_validator", "_written")

    def __init__(self, validator: Any, written: Mapping[str, str]) -> None:
        self._validator = validator
        self._written = written

    def is_valid(self, data: Any) -> bool:
        return not self.errors(data)

    def errors(self, data: Any) -> tuple[SchemaError, ...]:
        try:
            # Where the stack ends, a library in Rust may panic, which is no Exception.
            with Translated(lambda error: RecursionError(str(error)), Exception):
                return tuple(map(self._read, self._validator.iter_errors(data)))
        except (re.error, RecursionError):
            return (SchemaError((), "schema", None, data, {}),)

    def _read(self, error: Any) -> SchemaError:
        pointer, keyword, wanted = tuple(error.absolute_path), str(error.validator), error.validator_value
        schema = error.schema if isinstance(error.schema, dict) else {}
        value = error.instance
        if keyword in {"pattern", "format"}:
            wanted, value = self._written.get(wanted, wanted), self._written.get(value, value)
        if keyword == "required":
            wanted = [key for key in wanted if key not in value]
        elif keyword in {"additionalProperties", "unevaluatedProperties"} and isinstance(value, dict):
            patterns = [re.compile(pattern) for pattern in schema.get("patternProperties", {})]
            wanted = [
                key
                for key in value
                if key not in schema.get("properties", {}) and not any(p.search(key) for p in patterns)
            ]
        elif keyword == "dependentRequired":
            keyword = "required"
            wanted = [key for of, keys in wanted.items() if of in value for key in keys if key not in value]
        elif list(error.schema_path)[-2:-1] == ["propertyNames"]:
            keyword, pointer = "propertyNames", (*pointer, value)
        branches: dict[int, list[SchemaError]] = {}
        if keyword in {"anyOf", "oneOf"}:
            branches = {index: [] for index in range(len(wanted))}
            for nested in error.context or ():
                branches[nested.schema_path[0]].append(self._read(nested))
        return SchemaError(pointer, keyword, wanted, value, schema, tuple(map(tuple, branches.values())))


def _in_python(schema: Any) -> _Python:
    from jsonschema import Draft202012Validator, exceptions
    from jsonschema.validators import extend
    from referencing import Registry

    written: dict[str, str] = {}
    python = _with_python_patterns(schema, written)
    try:
        Draft202012Validator.check_schema(python, format_checker=Draft202012Validator.FORMAT_CHECKER)
    except exceptions.SchemaError as error:
        raise InvalidSchema(error.message.partition("\n")[0], tuple(error.absolute_path)) from None
    types = Draft202012Validator.TYPE_CHECKER.redefine(
        "array", lambda _, value: isinstance(value, (list, tuple))
    )
    extended: Any = extend(Draft202012Validator, type_checker=types)  # type: ignore[no-untyped-call]
    return _Python(extended(python, registry=Registry()), written)


def _errors_in_python(schema: Any) -> tuple[SchemaError, ...]:
    from jsonschema import Draft202012Validator

    written: dict[str, str] = {}
    python = _with_python_patterns(schema, written)
    formats = Draft202012Validator.FORMAT_CHECKER
    checker = Draft202012Validator(Draft202012Validator.META_SCHEMA, format_checker=formats)
    return _Python(checker, written).errors(python)
