"""Error messages for components that cannot be loaded."""

from __future__ import annotations

import os
from collections.abc import Iterator
from types import TracebackType
from typing import Final

from stepwell.code.import_worlds.module_paths import ModulePaths
from stepwell.code.import_worlds.names import CORE, ModuleName, plain, project_key
from stepwell.source.errors import ComponentError
from stepwell.source.foreign_code import text_of
from stepwell.source.spelling import closest

__all__ = ["import_failed", "missing_attribute", "path_rejected", "trimmed"]

_MOST_FRAMES: Final = 8
_MOST_TEXT: Final = 2_000
_OURS: Final = os.path.join(os.path.dirname(os.path.abspath(__file__)), "")


def path_rejected(
    places: ModulePaths, world: str, path: str, name: str | None, reason: str
) -> ComponentError:
    """Return the error for a path that is missing or not allowed."""
    folder, file = os.path.split(path)
    try:
        near = closest(file, (entry for entry in sorted(os.listdir(folder)) if entry.endswith(".py")), 3)
    except (OSError, ValueError):
        near = ()
    if file in near or "such" not in reason:
        near = ()
    return _error(places, world, path, name, 1, reason, near=near)


def missing_attribute(
    places: ModulePaths, world: str, path: str, name: str, module: object
) -> ComponentError:
    """Return the error for a file that does not define a name.

    Args:
        name: may be dotted.
    """
    owner, parts = module, name.split(".")
    while len(parts) > 1 and hasattr(owner, parts[0]):
        owner = getattr(owner, parts.pop(0))
    near = (
        closest(parts[0], sorted(each for each in vars(owner) if not each.startswith("__")), 3)
        if hasattr(owner, "__dict__")
        else ()
    )
    above = name.removesuffix(".".join(parts))
    fault = f"the file does not define `{name}`"
    return _error(
        places, world, path, name, 1, fault, looked_for=name, near=tuple(f"{above}{each}" for each in near)
    )


def import_failed(
    places: ModulePaths, world: str, path: str, name: str | None, error: BaseException
) -> ComponentError:
    """Return the error for a failed import."""
    frames = [*_frames(places, error)]
    at, line = frames.pop() if frames else (places.relative(path), 1)
    if len(frames) > _MOST_FRAMES:
        frames = frames[: _MOST_FRAMES // 2] + frames[-_MOST_FRAMES // 2 :]
    looked_for, looked_in, near = "", (), ()  # type: tuple[str, tuple[str, ...], tuple[str, ...]]
    if isinstance(error, ModuleNotFoundError) and error.name:
        missing = ModuleName.read(error.name)
        looked_for = missing.dotted if missing is not None else error.name
        looked_in = _looked_in(places, world)
        package, _, last = looked_for.rpartition(".")
        similar = closest(last, sorted(set(places.names(world, package)) - {last}), 3)
        near = tuple(f"{package}.{module}" if package else module for module in similar)
    fault = f"{type(error).__name__}: {_message(error)}".removesuffix(": ")
    compiled = places.compiled_for_another(world, looked_for) if looked_for else None
    if compiled is not None:
        fault = f"{fault}: `{compiled}` is compiled for another interpreter or platform"
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
    """Return a traceback without frames of this package and the import system."""
    kept: list[TracebackType] = []
    while traceback is not None:
        file = traceback.tb_frame.f_code.co_filename
        if not file.startswith((_OURS, "<frozen importlib")):
            kept.append(traceback)
        traceback = traceback.tb_next
    after: TracebackType | None = None
    for entry in reversed(kept):
        after = TracebackType(after, entry.tb_frame, entry.tb_lasti, entry.tb_lineno)
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
    """Yield the distinct locations in world modules of a traceback, outermost first."""
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
    roots = [places.relative(root) for each in worlds for root in places.roots(each)]
    return (*dict.fromkeys(roots), "the environment")


def _message(error: BaseException) -> str:
    message = error.msg if isinstance(error, SyntaxError) and error.msg else text_of(error)
    return message if len(message) <= _MOST_TEXT else f"{message[:_MOST_TEXT]}\N{HORIZONTAL ELLIPSIS}"
