"""What a builder reads from its configuration, and what both classes define, bases followed."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple, final

from stepwell.alignment.inheriting import Outside, bases_of
from stepwell.alignment.reading import Parsed, Reader, every_node
from stepwell.component import CodePlace
from stepwell.diagnostics import Span
from stepwell.layers import Layer
from stepwell.rules.alignment_scope import BuilderFacts
from stepwell.sources import SourceView

__all__ = ["builder_facts"]

_MAX_CLASSES: Final = 200
_EMPTY: Final = frozenset(
    {"object", "ABC", "Generic", "Protocol", "NamedTuple", "Enum", "IntEnum", "StrEnum"}
)
"""Classes of the standard library that bring no public attributes which a configuration is read for."""
_MODELS: Final = frozenset(
    {"pydantic.BaseModel", "pydantic.main.BaseModel", "pydantic_settings.BaseSettings"}
)
_OF_MODELS: Final = frozenset(
    {
        *("model_dump", "model_dump_json", "model_copy", "model_fields", "model_fields_set", "model_extra"),
        *("model_config", "model_computed_fields", "model_construct", "model_validate", "model_json_schema"),
        *("dict", "json", "copy", "construct", "parse_obj", "schema", "fields_set"),
    }
)
_OF_ALL: Final = frozenset({"__class__", "__dict__", "__doc__", "__module__"})
_DYNAMIC: Final = frozenset({"__getattr__", "__getattribute__"})


@final
class _Class(NamedTuple):
    """One class statement in its file."""

    parsed: Parsed
    node: ast.ClassDef


@final
class _Family(NamedTuple):
    """A class with all its bases, nearest first, and whether none of them is out of sight."""

    classes: tuple[_Class, ...]
    whole: bool
    is_model: bool


def builder_facts(
    reader: Reader, sees: SourceView, builder: CodePlace, config: CodePlace | None
) -> BuilderFacts | None:
    """What a builder asks of its configuration, and what it lacks itself; ``None`` where it cannot be read.

    Args:
        reader: reads the files.
        sees: the sources in which bases are followed.
        builder: the builder class.
        config: the configuration class, if there is one place for it.
    """
    own = _class_at(reader, builder)
    if own is None:
        return None
    family = _family(reader, sees, own)
    methods = {name for one in family.classes for name in _defined(one.node)}
    settings = None if config is None else _class_at(reader, config)
    has: frozenset[str] | None = None
    if settings is not None:
        has = _attributes(_family(reader, sees, settings))
    return BuilderFacts(
        own.node.name,
        own.parsed.name_span(own.node),
        _reads(own),
        settings.node.name if settings is not None else "",
        settings.parsed.name_span(settings.node) if settings is not None else None,
        has,
        frozenset(methods) if family.whole else None,
        _abstract(family) if family.whole else {},
    )


def _class_at(reader: Reader, place: CodePlace) -> _Class | None:
    if place.module or place.name is None:  # an installed package's file is no file of the project
        return None
    parsed = reader.parsed(place.path)
    if not isinstance(parsed, Parsed):
        return None
    body: list[ast.stmt] = parsed.tree.body
    found: ast.ClassDef | None = None
    for part in place.name.split("."):
        named = [one for one in _statements(body) if isinstance(one, ast.ClassDef) and one.name == part]
        found = named[-1] if named else None
        if found is None:
            return None
        body = found.body
    return None if found is None else _Class(parsed, found)


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a body and of the branches in it, but not of functions and classes."""
    pending = list(reversed(body))
    while pending:
        statement = pending.pop()
        yield statement
        if isinstance(statement, (ast.If, ast.Try, ast.With, ast.For, ast.While)):
            for part in ("body", "orelse", "finalbody"):
                pending += reversed(getattr(statement, part, ()))
            for handler in getattr(statement, "handlers", ()):
                pending += reversed(handler.body)


def _family(reader: Reader, sees: SourceView, start: _Class) -> _Family:
    found: list[_Class] = []
    whole, is_model = True, False
    seen: set[tuple[str, int]] = set()
    pending = [start]
    while pending and len(found) < _MAX_CLASSES:
        here = pending.pop(0)
        key = (here.parsed.path, here.node.lineno)
        if key in seen:
            continue
        seen.add(key)
        found.append(here)
        whole = whole and not any(word.arg not in ("metaclass", None) for word in here.node.keywords)
        for base in here.node.bases:
            for target in bases_of(sees, here.parsed.path, base):
                if isinstance(target, Outside):
                    last = target.dotted.rpartition(".")[2]
                    is_model = is_model or target.dotted in _MODELS
                    whole = whole and (last in _EMPTY or target.dotted in _MODELS)
                    continue
                place = CodePlace(target.file.path, target.outline.qualified, 1, 1, Layer.CORE)
                below = _class_at(reader, place)
                if below is None:
                    whole = False
                else:
                    pending.append(below)
    return _Family(tuple(found), whole and not pending, is_model)


def _attributes(family: _Family) -> frozenset[str] | None:
    """What an instance has; ``None`` where that cannot be told."""
    names: set[str] = {*_OF_ALL, *(_OF_MODELS if family.is_model else ())}
    for one in family.classes:
        names |= {*_defined(one.node), *_set_on_self(one.node)}
        if _allows_more(one.node):
            return None
    return None if not family.whole or names & _DYNAMIC else frozenset(names)


def _allows_more(node: ast.ClassDef) -> bool:
    """Whether a pydantic model takes fields that it does not name."""
    for below in every_node(node):
        if isinstance(below, ast.keyword) and below.arg == "extra":
            return isinstance(below.value, ast.Constant) and below.value.value == "allow"
        if (
            isinstance(below, ast.Assign)
            and isinstance(below.value, ast.Constant)
            and below.value.value == "allow"
        ):
            return any(isinstance(one, ast.Name) and one.id == "extra" for one in below.targets)
    return False


def _defined(node: ast.ClassDef) -> Iterator[str]:
    """The names that the body of a class binds."""
    for statement in _statements(node.body):
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield statement.name
        elif isinstance(statement, (ast.Assign, ast.AnnAssign)):
            for target in statement.targets if isinstance(statement, ast.Assign) else [statement.target]:
                for one in target.elts if isinstance(target, (ast.Tuple, ast.List)) else [target]:
                    if isinstance(one, ast.Name):
                        yield one.id
        elif isinstance(statement, (ast.Import, ast.ImportFrom)):
            yield from (one.asname or one.name for one in statement.names)


def _set_on_self(node: ast.ClassDef) -> Iterator[str]:
    for below in every_node(node):
        if not isinstance(below, ast.Attribute) or not isinstance(below.ctx, ast.Store):
            continue
        if isinstance(below.value, ast.Name) and below.value.id == "self":
            yield below.attr


def _reads(one: _Class) -> Mapping[str, Span]:
    """The attributes that a builder reads from ``self.config``, and from a parameter ``config``."""
    found: dict[str, Span] = {}
    for statement in one.node.body:
        if not isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        every = (*statement.args.posonlyargs, *statement.args.args, *statement.args.kwonlyargs)
        given = any(word.arg == "config" for word in every)
        for node in every_node(statement):
            if not isinstance(node, ast.Attribute) or not isinstance(node.ctx, ast.Load):
                continue
            owner = node.value
            of_self = (
                isinstance(owner, ast.Attribute)
                and owner.attr == "config"
                and isinstance(owner.value, ast.Name)
                and owner.value.id == "self"
            )
            if of_self or (given and isinstance(owner, ast.Name) and owner.id == "config"):
                span = one.parsed.span(node)
                if node.attr not in found or span.line < found[node.attr].line:
                    found[node.attr] = span
    return found


def _abstract(family: _Family) -> Mapping[str, Span]:
    """The methods that a base declares abstract and no class before it defines."""
    found: dict[str, Span] = {}
    defined: set[str] = set()
    for place, one in enumerate(family.classes):
        own: set[str] = set()
        for statement in one.node.body:
            if not isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
                continue
            if place and statement.name not in defined and _is_abstract(statement):
                found.setdefault(statement.name, one.parsed.name_span(statement))
        own |= set(_defined(one.node))
        defined |= own
    return found


def _is_abstract(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    for one in function.decorator_list:
        name = one.attr if isinstance(one, ast.Attribute) else one.id if isinstance(one, ast.Name) else ""
        if name == "abstractmethod":
            return True
    return False
