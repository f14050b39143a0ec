"""Facts about builders and configuration classes, including their bases."""

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
    """Return the facts about a builder; ``None`` if it cannot be parsed."""
    own = class_at(reader, builder)
    if own is None:
        return None
    family = family_of(reader, sees, own)
    methods = {name for each in family.classes for name in defined_in(each.node)}
    settings = None if config is None else class_at(reader, config)
    has: frozenset[str] | None = None
    reads: Mapping[str, Span] = _reads(family)
    if settings is not None:
        config_family = family_of(reader, sees, settings)
        has = config_family.attributes()
        reads = {
            name: span
            for name, span in reads.items()
            if not is_always_there(name, model=config_family.is_model)
        }
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
    """Return where the bases of a builder end if they do not lead to the required base."""
    if table is None or not table.builder_base or builder.name is None:
        return None
    defined = sees.class_at(builder.path, builder.name)
    if defined is None or matches(defined.outline.name, table.external):
        return None
    lineage = Lineage(sees, table.builder_base, table.external)
    return stray_of(root, lineage, table.builder_base, defined)


def _reads(family: Family) -> Mapping[str, Span]:
    """Return the attributes that a builder and its bases read from the configuration."""
    attributes: dict[str, Span] = {}
    overridden: set[str] = set()
    for member in family.classes:
        own: set[str] = set()
        for statement in member.node.body:
            if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
                own.add(statement.name)
                if statement.name not in overridden:
                    _read_in(member.parsed, statement, attributes)
        overridden |= own
    return attributes


def _read_in(
    parsed: Parsed, function: ast.FunctionDef | ast.AsyncFunctionDef, attributes: dict[str, Span]
) -> None:
    """Add the attributes that a method reads from ``self.config`` or a parameter ``config``."""
    every = (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)
    nodes = every_node(function)
    owners = {"config"} if any(argument.arg == "config" for argument in every) else set()
    owners |= _aliases(nodes, owners)
    guarded: set[int] | None = None
    for node in nodes:
        if not isinstance(node, ast.Attribute) or not isinstance(node.ctx, ast.Load):
            continue
        if not _is_configuration(node.value, owners):
            continue
        if guarded is None:
            guarded = _guarded(nodes)
        if id(node) in guarded:
            continue
        span = parsed.span(node)
        known = attributes.get(node.attr)
        if known is None or (span.path == known.path and span.line < known.line):
            attributes[node.attr] = span


def _is_configuration(expression: ast.expr, owners: Collection[str]) -> bool:
    if isinstance(expression, ast.Name):
        return expression.id in owners
    return (
        isinstance(expression, ast.Attribute)
        and expression.attr == "config"
        and isinstance(expression.value, ast.Name)
        and expression.value.id == "self"
    )


def _aliases(nodes: Iterable[ast.AST], owners: Collection[str]) -> set[str]:
    """Return the local names that refer only to the configuration."""
    bound: dict[str, list[bool]] = {}
    for node in nodes:
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            bound.setdefault(node.id, []).append(False)
        elif isinstance(node, ast.Assign) and _is_configuration(node.value, owners):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    bound.setdefault(target.id, []).append(True)
    return {name for name, times in bound.items() if sorted(times) == [False, True]}


def _guarded(nodes: Iterable[ast.AST]) -> set[int]:
    """Return the nodes that are guarded by ``hasattr`` or an exception handler."""
    checked: set[str] = set()
    guarded: set[int] = set()
    reads: list[ast.Attribute] = []
    for node in nodes:
        if isinstance(node, ast.Attribute):
            reads.append(node)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "hasattr":
            checked.update(
                str(argument.value) for argument in node.args[1:] if isinstance(argument, ast.Constant)
            )
        elif isinstance(node, ast.Try) and any(_handles_missing(handler) for handler in node.handlers):
            guarded.update(id(below) for statement in node.body for below in every_node(statement))
    guarded.update(id(read) for read in reads if read.attr in checked)
    return guarded


def _handles_missing(handler: ast.ExceptHandler) -> bool:
    """Return whether a handler catches missing attributes."""
    if handler.type is None:
        return True
    named = {name.id for name in every_node(handler.type) if isinstance(name, ast.Name)}
    return not named.isdisjoint({"AttributeError", "Exception", "BaseException"})


def _abstract(family: Family) -> Mapping[str, Span]:
    """Return the abstract methods that no class overrides."""
    methods: dict[str, Span] = {}
    defined: set[str] = set()
    for place, member in enumerate(family.classes):
        own: set[str] = set()
        for statement in member.node.body:
            if not isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
                continue
            if place and statement.name not in defined and _is_abstract(statement):
                methods.setdefault(statement.name, member.parsed.name_span(statement))
        own |= set(defined_in(member.node))
        defined |= own
    return methods


def _is_abstract(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    for decorator in function.decorator_list:
        name = (
            decorator.attr
            if isinstance(decorator, ast.Attribute)
            else decorator.id
            if isinstance(decorator, ast.Name)
            else ""
        )
        if name == "abstractmethod":
            return True
    return False


_NO_LITERAL: Final = object()
_FIELDS: Final = frozenset({"Field", "field"})
"""Functions of pydantic, dataclasses and attrs that accept a default."""


def defaults_of(reader: SourceReader, sees: SourceView, place: CodePlace) -> Mapping[str, Any]:
    """Return the literal defaults of the attributes of a class and its bases."""
    defaults: dict[str, Any] = {}
    start = class_at(reader, place)
    for member in family_of(reader, sees, start).classes if start is not None else ():
        own = dict(_assigned(member.node))
        defaults.update((name, value) for name, value in own.items() if name not in defaults)
    return MappingProxyType({name: value for name, value in defaults.items() if value is not _NO_LITERAL})


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
        declared = [keyword.value for keyword in value.keywords if keyword.arg == "default"]
        candidates = declared or (value.args[:1] if name == "Field" else [])
        return _literal(candidates[0]) if name in _FIELDS and candidates else _NO_LITERAL
    try:
        return ast.literal_eval(value)
    except (ValueError, TypeError, MemoryError, RecursionError):
        return _NO_LITERAL
