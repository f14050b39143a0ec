"""What a builder reads from its configuration, and what both classes define, bases followed."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from stepwell.check.alignment.scope import BuilderFacts, Stray
from stepwell.check.references.builder_base import stray_of
from stepwell.code.alignment.class_facts import (
    Family,
    class_at,
    defined_in,
    family_of,
    is_always_there,
    statements_of,
)
from stepwell.code.alignment.parse import Parsed, SourceReader, every_node
from stepwell.model.component import CodePlace
from stepwell.model.settings import References
from stepwell.source.diagnostic import Span
from stepwell.source.python import Lineage, SourceView, matches

__all__ = [
    "builder_facts",
    "defaults_of",
]


def builder_facts(
    reader: SourceReader,
    sees: SourceView,
    builder: CodePlace,
    config: CodePlace | None,
    table: References | None = None,
) -> BuilderFacts | None:
    """What a builder asks of its configuration, and what it lacks itself; ``None`` where it cannot be read.

    Args:
        config: the configuration class, if there is one place for it.
    """
    own = class_at(reader, builder)
    if own is None:
        return None
    family = family_of(reader, sees, own)
    methods = {name for one in family.classes for name in defined_in(one.node)}
    settings = None if config is None else class_at(reader, config)
    has: frozenset[str] | None = None
    reads: Mapping[str, Span] = _reads(family)
    if settings is not None:
        held = family_of(reader, sees, settings)
        has = held.attributes()
        reads = {name: span for name, span in reads.items() if not is_always_there(name, model=held.is_model)}
    return BuilderFacts(
        own.node.name,
        own.parsed.name_span(own.node),
        reads,
        settings.node.name if settings is not None else "",
        settings.parsed.name_span(settings.node) if settings is not None else None,
        has,
        frozenset(methods) if family.whole else None,
        _abstract(family) if family.whole else {},
        _stray(reader.root, sees, builder, table),
    )


def _stray(root: str, sees: SourceView, builder: CodePlace, table: References | None) -> Stray | None:
    """Where the bases of a builder end, if the project asks for one that they do not lead to."""
    if table is None or not table.builder_base or builder.name is None:
        return None
    defined = sees.class_at(builder.path, builder.name)
    if defined is None or matches(defined.outline.name, table.external):
        return None
    lineage = Lineage(sees, table.builder_base, table.external)
    return stray_of(root, lineage, table.builder_base, defined)


def _reads(family: Family) -> Mapping[str, Span]:
    """What a builder reads from its configuration, in its own methods and in those that it inherits."""
    found: dict[str, Span] = {}
    overridden: set[str] = set()
    for one in family.classes:
        own: set[str] = set()
        for statement in one.node.body:
            if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
                own.add(statement.name)
                if statement.name not in overridden:
                    _read_in(one.parsed, statement, found)
        overridden |= own
    return found


def _read_in(
    parsed: Parsed, function: ast.FunctionDef | ast.AsyncFunctionDef, found: dict[str, Span]
) -> None:
    """Add the attributes that a method reads from ``self.config``, and from a parameter ``config``."""
    every = (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)
    nodes = every_node(function)
    owners = {"config"} if any(word.arg == "config" for word in every) else set()
    owners |= _called_so(nodes, owners)
    spared: set[int] | None = None
    for node in nodes:
        if not isinstance(node, ast.Attribute) or not isinstance(node.ctx, ast.Load):
            continue
        if not _is_configuration(node.value, owners):
            continue
        if spared is None:
            spared = _spared(nodes)
        if id(node) in spared:
            continue
        span = parsed.span(node)
        known = found.get(node.attr)
        if known is None or (span.path == known.path and span.line < known.line):
            found[node.attr] = span


def _is_configuration(expression: ast.expr, owners: Collection[str]) -> bool:
    if isinstance(expression, ast.Name):
        return expression.id in owners
    return (
        isinstance(expression, ast.Attribute)
        and expression.attr == "config"
        and isinstance(expression.value, ast.Name)
        and expression.value.id == "self"
    )


def _called_so(nodes: Iterable[ast.AST], owners: Collection[str]) -> set[str]:
    """The local names that stand for the configuration and for nothing else."""
    bound: dict[str, list[bool]] = {}
    for node in nodes:
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            bound.setdefault(node.id, []).append(False)
        elif isinstance(node, ast.Assign) and _is_configuration(node.value, owners):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    bound.setdefault(target.id, []).append(True)
    return {name for name, times in bound.items() if sorted(times) == [False, True]}


def _spared(nodes: Iterable[ast.AST]) -> set[int]:
    """The nodes that are read only where the attribute is there, or that may fail."""
    asked: set[str] = set()
    spared: set[int] = set()
    reads: list[ast.Attribute] = []
    for node in nodes:
        if isinstance(node, ast.Attribute):
            reads.append(node)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "hasattr":
            asked.update(str(one.value) for one in node.args[1:] if isinstance(one, ast.Constant))
        elif isinstance(node, ast.Try) and any(_takes_a_lack(one) for one in node.handlers):
            spared.update(id(below) for statement in node.body for below in every_node(statement))
    spared.update(id(one) for one in reads if one.attr in asked)
    return spared


def _takes_a_lack(handler: ast.ExceptHandler) -> bool:
    """Whether a handler is for an attribute that is not there."""
    if handler.type is None:
        return True
    named = {one.id for one in every_node(handler.type) if isinstance(one, ast.Name)}
    return not named.isdisjoint({"AttributeError", "Exception", "BaseException"})


def _abstract(family: Family) -> Mapping[str, Span]:
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
        own |= set(defined_in(one.node))
        defined |= own
    return found


def _is_abstract(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    for one in function.decorator_list:
        name = one.attr if isinstance(one, ast.Attribute) else one.id if isinstance(one, ast.Name) else ""
        if name == "abstractmethod":
            return True
    return False


_NO_LITERAL: Final = object()
_FIELDS: Final = frozenset({"Field", "field"})
"""The functions of pydantic, dataclasses and attrs that are told a default."""


def defaults_of(reader: SourceReader, sees: SourceView, place: CodePlace) -> Mapping[str, Any]:
    """The literals that a class and its bases set their attributes to, by name; the nearest counts."""
    found: dict[str, Any] = {}
    start = class_at(reader, place)
    for one in family_of(reader, sees, start).classes if start is not None else ():
        own = dict(_assigned(one.node))
        found.update((name, value) for name, value in own.items() if name not in found)
    return MappingProxyType({name: value for name, value in found.items() if value is not _NO_LITERAL})


def _assigned(node: ast.ClassDef) -> Iterator[tuple[str, Any]]:
    for statement in statements_of(node.body):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            if statement.value is not None:
                yield statement.target.id, _literal(statement.value)
        elif isinstance(statement, ast.Assign):
            for target in statement.targets:
                if isinstance(target, ast.Name):
                    yield target.id, _literal(statement.value)


def _literal(value: ast.expr) -> Any:
    if isinstance(value, ast.Call):
        called = value.func.attr if isinstance(value.func, ast.Attribute) else value.func
        name = called.id if isinstance(called, ast.Name) else called
        told = [word.value for word in value.keywords if word.arg == "default"]
        given = told or (value.args[:1] if name == "Field" else [])
        return _literal(given[0]) if name in _FIELDS and given else _NO_LITERAL
    try:
        return ast.literal_eval(value)
    except (ValueError, TypeError, MemoryError, RecursionError):
        return _NO_LITERAL
