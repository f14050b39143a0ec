"""What to tell when a component cannot be loaded: where it failed, what was looked for, and where."""

from __future__ import annotations

import os
from collections.abc import Iterator
from types import TracebackType
from typing import Final

from stepwell.code.import_worlds.module_paths import ModulePaths
from stepwell.code.import_worlds.names import CORE, ModuleName, plain, project_key
from stepwell.source.errors import ComponentError
from stepwell.source.exception_text import text_of
from stepwell.source.spelling import closest

__all__ = ["import_failed", "missing_attribute", "refused", "trimmed"]

_MOST_FRAMES: Final = 8
_MOST_TEXT: Final = 2_000
_OURS: Final = os.path.join(os.path.dirname(os.path.abspath(__file__)), "")


def refused(places: ModulePaths, world: str, path: str, name: str | None, reason: str) -> ComponentError:
    """The error for a path that may not be loaded, or that nothing lies at."""
    folder, file = os.path.split(path)
    try:
        near = closest(file, (one for one in sorted(os.listdir(folder)) if one.endswith(".py")), 3)
    except (OSError, ValueError):
        near = ()
    if file in near or "such" not in reason:
        near = ()
    return _error(places, world, path, name, 1, reason, near=near)


def missing_attribute(
    places: ModulePaths, world: str, path: str, name: str, module: object
) -> ComponentError:
    """The error for a file that does not define what was wanted out of it.

    Args:
        name: what was wanted, dotted where it lies in a class.
    """
    held, parts = module, name.split(".")
    while len(parts) > 1 and hasattr(held, parts[0]):
        held = getattr(held, parts.pop(0))
    near = (
        closest(parts[0], sorted(one for one in vars(held) if not one.startswith("__")), 3)
        if hasattr(held, "__dict__")
        else ()
    )
    above = name.removesuffix(".".join(parts))
    fault = f"the file defines no `{name}`"
    return _error(
        places, world, path, name, 1, fault, looked_for=name, near=tuple(f"{above}{one}" for one in near)
    )


def import_failed(
    places: ModulePaths, world: str, path: str, name: str | None, error: BaseException
) -> ComponentError:
    """The error for a file whose import failed."""
    frames = [*_frames(places, error)]
    at, line = frames.pop() if frames else (places.relative(path), 1)
    if len(frames) > _MOST_FRAMES:
        frames = frames[: _MOST_FRAMES // 2] + frames[-_MOST_FRAMES // 2 :]
    looked_for, looked_in, near = "", (), ()  # type: tuple[str, tuple[str, ...], tuple[str, ...]]
    if isinstance(error, ModuleNotFoundError) and error.name:
        asked = ModuleName.read(error.name)
        looked_for = asked.dotted if asked is not None else error.name
        looked_in = _looked_in(places, world)
        package, _, last = looked_for.rpartition(".")
        found = closest(last, sorted(set(places.names(world, package)) - {last}), 3)
        near = tuple(f"{package}.{one}" if package else one for one in found)
    fault = f"{type(error).__name__}: {_said(error)}".removesuffix(": ")
    return _error(
        places,
        world,
        path,
        name,
        line,
        plain(fault, places.root),
        at=at,
        looked_for=looked_for,
        looked_in=looked_in,
        near=near,
        frames=tuple(f"{where}:{number}" for where, number in frames),
    )


def trimmed(traceback: TracebackType | None) -> TracebackType | None:
    """A traceback without the frames of this package and of the import system."""
    kept: list[TracebackType] = []
    while traceback is not None:
        file = traceback.tb_frame.f_code.co_filename
        if not file.startswith((_OURS, "<frozen importlib")):
            kept.append(traceback)
        traceback = traceback.tb_next
    after: TracebackType | None = None
    for one in reversed(kept):
        after = TracebackType(after, one.tb_frame, one.tb_lasti, one.tb_lineno)
    return after


def _error(
    places: ModulePaths,
    world: str,
    path: str,
    name: str | None,
    line: int,
    fault: str,
    at: str = "",
    looked_for: str = "",
    looked_in: tuple[str, ...] = (),
    near: tuple[str, ...] = (),
    frames: tuple[str, ...] = (),
) -> ComponentError:
    file = plain(places.relative(path), places.root)
    return ComponentError(
        plain(name, places.root) if name else file,
        None if world == CORE else world,
        plain(at, places.root) or file,
        line,
        fault,
        file,
        plain(looked_for, places.root),
        looked_in,
        near,
        frames,
    )


def _frames(places: ModulePaths, error: BaseException) -> Iterator[tuple[str, int]]:
    """The lines of the worlds' modules that the error went through, outermost first, none twice in a row."""
    key = project_key(places.root)
    before: tuple[str, int] | None = None
    traceback = error.__traceback__
    while traceback is not None:
        called = traceback.tb_frame.f_globals.get("__name__")
        name = ModuleName.read(called) if isinstance(called, str) else None
        if name is not None and name.key == key:
            here = places.relative(traceback.tb_frame.f_code.co_filename), traceback.tb_lineno
            if here != before:
                yield here
            before = here
        traceback = traceback.tb_next
    if isinstance(error, SyntaxError) and error.filename:
        shown = places.relative(error.filename)
        if shown != error.filename.replace(os.sep, "/"):
            yield shown, error.lineno or 1


def _looked_in(places: ModulePaths, world: str) -> tuple[str, ...]:
    worlds = (world,) if world == CORE else (world, CORE)
    roots = [places.relative(root) for one in worlds for root in places.roots(one)]
    return (*dict.fromkeys(roots), "the environment")


def _said(error: BaseException) -> str:
    said = error.msg if isinstance(error, SyntaxError) and error.msg else text_of(error)
    return said if len(said) <= _MOST_TEXT else f"{said[:_MOST_TEXT]}\N{HORIZONTAL ELLIPSIS}"
