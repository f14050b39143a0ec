"""What an instance of a configuration class has, from its text and that of its bases."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import Final

from stepwell.alignment.reading import every_node

__all__ = ["MODELS", "OF_NAMED_BASES", "attributes_of", "defined_in", "is_always_there", "statements_of"]

MODELS: Final = frozenset({"pydantic.BaseModel", "pydantic.main.BaseModel", "pydantic_settings.BaseSettings"})
"""Bases that make a class a pydantic model."""
OF_NAMED_BASES: Final = {
    "NamedTuple": ("_asdict", "_fields", "_field_defaults", "_make", "_replace", "count", "index"),
    "Enum": ("name", "value"),
    "IntEnum": ("name", "value"),
    "StrEnum": ("name", "value"),
}
"""Attributes that classes of the standard library bring."""
_OF_MODELS: Final = frozenset(
    {
        *("dict", "json", "copy", "construct", "parse_obj", "parse_raw", "parse_file", "from_orm", "schema"),
        *("schema_json", "validate", "update_forward_refs", "fields_set"),
    }
)
"""What pydantic models have besides what begins with ``model_``."""
_DYNAMIC: Final = frozenset({"__getattr__", "__getattribute__"})
_ADDING_NOTHING: Final = frozenset(
    {
        *("dataclass", "s", "attrs", "define", "frozen", "mutable", "final", "total_ordering"),
        *("runtime_checkable", "deprecated", "unique"),
    }
)
"""The last parts of decorators that add no attribute which a class does not name."""


def attributes_of(
    classes: Iterable[ast.ClassDef], brought: Iterable[str], *, model: bool
) -> frozenset[str] | None:
    """What an instance has; ``None`` where that cannot be told.

    Args:
        classes: the class and its bases.
        brought: what bases outside the sources bring.
        model: whether it is a pydantic model.
    """
    names: set[str] = {*brought, *(_OF_MODELS if model else ())}
    for one in classes:
        nodes = every_node(one)
        if _is_open(one, nodes):
            return None
        names |= {*defined_in(one), *_set_on_self(nodes), *_slots(one)}
    return None if names & _DYNAMIC else frozenset(names)


def is_always_there(name: str, *, model: bool) -> bool:
    """Whether every object, or every pydantic model, has an attribute.

    Args:
        name: the attribute.
        model: whether it is read from a pydantic model.
    """
    return (name.startswith("__") and name.endswith("__")) or (model and name.startswith("model_"))


def _is_open(node: ast.ClassDef, nodes: Iterable[ast.AST]) -> bool:
    """Whether an instance may get attributes that its class does not name."""
    if not all(_last(one) in _ADDING_NOTHING for one in node.decorator_list):
        return True
    for below in nodes:
        if isinstance(below, ast.Call) and isinstance(below.func, ast.Name):
            if below.func.id in ("setattr", "vars") and any(_is_self(one) for one in below.args[:1]):
                return True
        elif isinstance(below, ast.Attribute) and below.attr == "__dict__" and _is_self(below.value):
            return True
        if isinstance(below, ast.keyword) and below.arg == "extra":
            if isinstance(below.value, ast.Constant) and below.value.value == "allow":
                return True
        elif (
            isinstance(below, ast.Assign)
            and isinstance(below.value, ast.Constant)
            and below.value.value == "allow"
            and any(isinstance(one, ast.Name) and one.id == "extra" for one in below.targets)
        ):
            return True
    return False


def _last(decorator: ast.expr) -> str:
    """The last part of a decorator's name."""
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return (
        called.attr
        if isinstance(called, ast.Attribute)
        else called.id
        if isinstance(called, ast.Name)
        else ""
    )


def _is_self(expression: ast.expr) -> bool:
    return isinstance(expression, ast.Name) and expression.id == "self"


def _slots(node: ast.ClassDef) -> Iterator[str]:
    for statement in node.body:
        if isinstance(statement, ast.Assign) and any(
            isinstance(one, ast.Name) and one.id == "__slots__" for one in statement.targets
        ):
            for below in every_node(statement.value):
                if isinstance(below, ast.Constant) and isinstance(below.value, str):
                    yield below.value


def defined_in(node: ast.ClassDef) -> Iterator[str]:
    """The names that the body of a class binds."""
    for statement in statements_of(node.body):
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield statement.name
        elif isinstance(statement, (ast.Assign, ast.AnnAssign)):
            for target in statement.targets if isinstance(statement, ast.Assign) else [statement.target]:
                for one in target.elts if isinstance(target, (ast.Tuple, ast.List)) else [target]:
                    if isinstance(one, ast.Name):
                        yield one.id
        elif isinstance(statement, (ast.Import, ast.ImportFrom)):
            yield from (one.asname or one.name for one in statement.names)


def _set_on_self(nodes: Iterable[ast.AST]) -> Iterator[str]:
    for below in nodes:
        if not isinstance(below, ast.Attribute) or not isinstance(below.ctx, ast.Store):
            continue
        if _is_self(below.value):
            yield below.attr


def statements_of(body: list[ast.stmt]) -> Iterator[ast.stmt]:
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
