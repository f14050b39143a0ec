"""Attributes of a class and its bases, determined from source text."""

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
"""Base classes of pydantic models."""
OF_NAMED_BASES: Final = {
    "NamedTuple": ("_asdict", "_fields", "_field_defaults", "_make", "_replace", "count", "index"),
    "Enum": ("name", "value"),
    "IntEnum": ("name", "value"),
    "StrEnum": ("name", "value"),
}
"""Attributes inherited from classes of the standard library."""
_OF_MODELS: Final = frozenset(
    {
        *("dict", "json", "copy", "construct", "parse_obj", "parse_raw", "parse_file", "from_orm", "schema"),
        *("schema_json", "validate", "update_forward_refs", "fields_set"),
    }
)
"""Attributes of pydantic models besides ``model_*``."""
_DYNAMIC: Final = frozenset({"__getattr__", "__getattribute__"})
_ADDING_NOTHING: Final = frozenset(
    {
        *("dataclass", "s", "attrs", "define", "frozen", "mutable", "final", "total_ordering"),
        *("runtime_checkable", "deprecated", "unique"),
    }
)
"""Decorators that add no attributes, by the last part of their names."""


def attributes_of(
    classes: Iterable[ast.ClassDef], brought: Iterable[str], *, model: bool
) -> frozenset[str] | None:
    """Return the attributes of an instance; ``None`` if unknown."""
    names: set[str] = {*brought, *(_OF_MODELS if model else ())}
    for class_node in classes:
        nodes = every_node(class_node)
        if _is_open(class_node, nodes):
            return None
        names |= {*defined_in(class_node), *_set_on_self(nodes), *_slots(class_node)}
    return None if names & _DYNAMIC else frozenset(names)


def is_always_there(name: str, *, model: bool) -> bool:
    """Return whether every object, or every pydantic model, has an attribute."""
    return (name.startswith("__") and name.endswith("__")) or (model and name.startswith("model_"))


def _is_open(node: ast.ClassDef, nodes: Iterable[ast.AST]) -> bool:
    """Return whether instances may have attributes that the class does not name."""
    if not all(_last(decorator) in _ADDING_NOTHING for decorator in node.decorator_list):
        return True
    for below in nodes:
        if isinstance(below, ast.Call) and isinstance(below.func, ast.Name):
            if below.func.id in ("setattr", "vars") and any(
                _is_self(argument) for argument in below.args[:1]
            ):
                return True
        elif isinstance(below, ast.Attribute) and below.attr == "__dict__" and _is_self(below.value):
            return True
    return False


def _last(decorator: ast.expr) -> str:
    """Return the last part of a decorator's name."""
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
            isinstance(target, ast.Name) and target.id == "__slots__" for target in statement.targets
        ):
            for below in every_node(statement.value):
                if isinstance(below, ast.Constant) and isinstance(below.value, str):
                    yield below.value


def defined_in(node: ast.ClassDef) -> Iterator[str]:
    """Yield the names bound in the body of a class."""
    for statement in statements_of(node.body):
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield statement.name
        elif isinstance(statement, (ast.Assign, ast.AnnAssign)):
            for target in statement.targets if isinstance(statement, ast.Assign) else [statement.target]:
                for name in target.elts if isinstance(target, (ast.Tuple, ast.List)) else [target]:
                    if isinstance(name, ast.Name):
                        yield name.id
        elif isinstance(statement, (ast.Import, ast.ImportFrom)):
            yield from (alias.asname or alias.name for alias in statement.names)


def _set_on_self(nodes: Iterable[ast.AST]) -> Iterator[str]:
    for below in nodes:
        if not isinstance(below, ast.Attribute) or not isinstance(below.ctx, ast.Store):
            continue
        if _is_self(below.value):
            yield below.attr


def statements_of(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements of a body and its branches, except inside functions and classes."""
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
    """A class outside the sources, by dotted name; empty if unknown."""

    dotted: str


def bases_of(sees: SourceView, path: str, base: ast.expr) -> Iterator[Defined | OutsideClass]:
    """Yield the classes that a base expression may refer to."""
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
    own = [item for item in outline.classes if item.qualified == written]
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
"""Classes of the standard library with known attributes."""


@final
class Class(NamedTuple):
    """A class statement and its file."""

    parsed: Parsed
    node: ast.ClassDef


@final
class Family(NamedTuple):
    """A class with all its bases, nearest first.

    Args:
        whole: whether every base is known.
        brought: attributes from bases outside the sources.
    """

    classes: tuple[Class, ...]
    whole: bool
    is_model: bool
    brought: frozenset[str]

    def attributes(self) -> frozenset[str] | None:
        """Return the attributes of an instance; ``None`` if unknown."""
        if not self.whole:
            return None
        return attributes_of((member.node for member in self.classes), self.brought, model=self.is_model)


def class_at(reader: SourceReader, place: CodePlace) -> Class | None:
    """Return the class at a location, or ``None``."""
    if place.module or place.name is None:  # in an installed package
        return None
    parsed = reader.parsed(place.path)
    if not isinstance(parsed, Parsed):
        return None
    body: list[ast.stmt] = parsed.tree.body
    match: ast.ClassDef | None = None
    for part in place.name.split("."):
        named = [item for item in statements_of(body) if isinstance(item, ast.ClassDef) and item.name == part]
        match = named[-1] if named else None
        if match is None:
            return None
        body = match.body
    return None if match is None else Class(parsed, match)


def family_of(reader: SourceReader, sees: SourceView, start: Class) -> Family:
    """Return a class with all its bases."""
    classes: list[Class] = []
    whole, is_model = True, False
    brought: set[str] = set()
    seen: set[tuple[str, int]] = set()
    pending = [start]
    while pending and len(classes) < _MAX_CLASSES:
        here = pending.pop(0)
        key = (here.parsed.path, here.node.lineno)
        if key in seen:
            continue
        seen.add(key)
        classes.append(here)
        whole = whole and not any(keyword.arg not in ("metaclass", None) for keyword in here.node.keywords)
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
    return Family(tuple(classes), whole and not pending, is_model, frozenset(brought))
