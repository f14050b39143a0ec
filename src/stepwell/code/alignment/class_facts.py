"""What an instance of a configuration class has, from its text and that of its bases."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple, final

from stepwell.code.alignment.parse import Parsed, SourceReader, every_node
from stepwell.model.component import CodePlace
from stepwell.model.layer import Layer
from stepwell.source.python import Defined, SourceFile, SourceView
from stepwell.source.python.outliner import dotted

__all__ = [
    "MODELS",
    "OF_NAMED_BASES",
    "Class",
    "Family",
    "OutsideClass",
    "attributes_of",
    "bases_of",
    "class_at",
    "defined_in",
    "family_of",
    "is_always_there",
    "statements_of",
]


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


_MAX_HOPS: Final = 16


@final
class OutsideClass(NamedTuple):
    """Something that lies outside the sources, by its dotted name; empty for what cannot be told."""

    dotted: str


def bases_of(sees: SourceView, path: str, base: ast.expr) -> Iterator[Defined | OutsideClass]:
    """What a base of a class stands for."""
    written = dotted(base.value if isinstance(base, ast.Subscript) else base)
    file = sees.index.files.get(path)
    if not written or file is None:
        yield OutsideClass("")
        return
    yield from _named(sees, file, written, 0)


def _named(sees: SourceView, file: SourceFile, written: str, hops: int) -> Iterator[Defined | OutsideClass]:
    outline = file.outline
    if outline is None or hops > _MAX_HOPS:
        yield OutsideClass("")
        return
    own = [one for one in outline.classes if one.qualified == written]
    if own:
        yield Defined(file, own[-1])
        return
    first, _, rest = written.partition(".")
    for imported in outline.imports:
        bound = imported.alias or imported.name or imported.module.partition(".")[0]
        if bound != first or imported.name == "*":
            continue
        module = _absolute(file, imported.module, imported.level)
        name = f"{imported.name}.{rest}".strip(".") if imported.name else rest
        if not imported.name and not imported.alias:  # `import a.b` binds `a`
            module, name = written.rpartition(".")[0], written.rpartition(".")[2]
        target = sees.module(module)
        if target is not None:
            yield from _named(sees, target, name, hops + 1)
        else:
            yield OutsideClass(f"{module}.{name}")
        return
    for binding in outline.bindings:
        if binding.name == first and binding.stands_for and binding.stands_for != first:
            yield from _named(sees, file, f"{binding.stands_for}.{rest}".strip("."), hops + 1)
            return
    stars = any(imported.name == "*" for imported in outline.imports)
    yield OutsideClass(written if not rest and not stars and written in ("object", "Exception") else "")


def _absolute(file: SourceFile, module: str, level: int) -> str:
    if not level:
        return module
    own = file.path.removesuffix(".py").split("/")
    package = own[:-level] if level < len(own) else []
    return ".".join((*package, *((module,) if module else ())))


_MAX_CLASSES: Final = 200
_EMPTY: Final = frozenset({"object", "ABC", "Generic", "Protocol", *OF_NAMED_BASES})
"""Classes of the standard library of which it is known what they bring."""


@final
class Class(NamedTuple):
    """One class statement in its file."""

    parsed: Parsed
    node: ast.ClassDef


@final
class Family(NamedTuple):
    """A class with all its bases, nearest first, whether none is out of sight, and what those bring."""

    classes: tuple[Class, ...]
    whole: bool
    is_model: bool
    brought: frozenset[str]

    def attributes(self) -> frozenset[str] | None:
        """What an instance has; ``None`` where that cannot be told."""
        if not self.whole:
            return None
        return attributes_of((one.node for one in self.classes), self.brought, model=self.is_model)


def class_at(reader: SourceReader, place: CodePlace) -> Class | None:
    """The class statement at a place; ``None`` where there is none, or it cannot be read."""
    if place.module or place.name is None:  # an installed package's file is no file of the project
        return None
    parsed = reader.parsed(place.path)
    if not isinstance(parsed, Parsed):
        return None
    body: list[ast.stmt] = parsed.tree.body
    found: ast.ClassDef | None = None
    for part in place.name.split("."):
        named = [one for one in statements_of(body) if isinstance(one, ast.ClassDef) and one.name == part]
        found = named[-1] if named else None
        if found is None:
            return None
        body = found.body
    return None if found is None else Class(parsed, found)


def family_of(reader: SourceReader, sees: SourceView, start: Class) -> Family:
    """A class with all its bases."""
    found: list[Class] = []
    whole, is_model = True, False
    brought: set[str] = set()
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
                if isinstance(target, OutsideClass):
                    last = target.dotted.rpartition(".")[2]
                    is_model = is_model or target.dotted in MODELS
                    whole = whole and (last in _EMPTY or target.dotted in MODELS)
                    brought.update(OF_NAMED_BASES.get(last, ()))
                    continue
                place = CodePlace(target.file.path, target.outline.qualified, 1, 1, Layer.CORE)
                below = class_at(reader, place)
                if below is None:
                    whole = False
                else:
                    pending.append(below)
    return Family(tuple(found), whole and not pending, is_model, frozenset(brought))
