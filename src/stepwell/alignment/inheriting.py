"""Which class a base means where it is written: in its file, or by its imports."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final, NamedTuple, final

from stepwell.source.python import Defined, SourceFile, SourceView
from stepwell.source.python.outline import dotted

__all__ = ["Outside", "bases_of"]

_MAX_HOPS: Final = 16


@final
class Outside(NamedTuple):
    """Something that lies outside the sources, by its dotted name; empty for what cannot be told."""

    dotted: str


def bases_of(sees: SourceView, path: str, base: ast.expr) -> Iterator[Defined | Outside]:
    """What a base of a class stands for.

    Args:
        sees: the sources to look in.
        path: the file that the class stands in.
        base: the base as it is written.
    """
    written = dotted(base.value if isinstance(base, ast.Subscript) else base)
    file = sees.index.files.get(path)
    if not written or file is None:
        yield Outside("")
        return
    yield from _named(sees, file, written, 0)


def _named(sees: SourceView, file: SourceFile, written: str, hops: int) -> Iterator[Defined | Outside]:
    outline = file.outline
    if outline is None or hops > _MAX_HOPS:
        yield Outside("")
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
            yield Outside(f"{module}.{name}")
        return
    for binding in outline.bindings:
        if binding.name == first and binding.stands_for and binding.stands_for != first:
            yield from _named(sees, file, f"{binding.stands_for}.{rest}".strip("."), hops + 1)
            return
    stars = any(imported.name == "*" for imported in outline.imports)
    yield Outside(written if not rest and not stars and written in ("object", "Exception") else "")


def _absolute(file: SourceFile, module: str, level: int) -> str:
    if not level:
        return module
    own = file.path.removesuffix(".py").split("/")
    package = own[:-level] if level < len(own) else []
    return ".".join((*package, *((module,) if module else ())))
