"""Library modules whose functions accept the name of a module, as the modules of a world see them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib.util import resolve_name
from types import ModuleType
from typing import Any, Final, Protocol, final

__all__ = ["FACADES", "Facades"]

_RESOURCES: Final = (
    *("files", "contents", "is_resource", "open_binary", "open_text", "path", "read_binary", "read_text"),
)
_BY_NAME: Final[Mapping[str, tuple[str, ...]]] = {
    "importlib": (),
    "importlib.util": (),
    "importlib.resources": _RESOURCES,
    "pkgutil": ("find_loader", "get_data", "get_loader", "resolve_name"),
    "runpy": (),
    "unittest": (),
    "unittest.mock": (),
    "mock": (),
}
"""Functions whose first argument may be the name of a module."""

FACADES: Final = frozenset(name.partition(".")[0] for name in _BY_NAME)
"""Top-level names of the modules."""


class WorldNames(Protocol):
    """Names of modules as one module of a world uses them."""

    def statement(self, name: Any) -> ModuleType:
        """Replace the built-in ``__import__``."""

    def import_module(self, name: str, package: str | None = None) -> ModuleType:
        """Replace ``importlib.import_module``."""

    def full_name(self, name: str) -> str:
        """Return the name by which the import system knows a module of the world."""

    def namespace(self, name: str = "") -> dict[str, Any]:
        """Return the globals with which the code of a module runs in the world."""


@final
class Facades:
    """Copies of library modules that know the modules of a world."""

    __slots__ = ("_made", "_names")

    def __init__(self, names: WorldNames) -> None:
        self._names = names
        self._made: dict[str, ModuleType] = {}

    def of(self, module: ModuleType) -> ModuleType:
        """Return the copy of a module; the module itself if it has none."""
        name = module.__name__
        if name not in _BY_NAME or sys.modules.get(name) is not module:
            return module
        made = self._made.get(name)
        if made is None:
            made = ModuleType(name, module.__doc__)
            own = {key: value for key, value in vars(module).items() if key.startswith("__")}
            own |= {
                function: self._translating(getattr(module, function))
                for function in _BY_NAME[name]
                if hasattr(module, function)
            }
            own |= self._special(name, module)
            own["__getattr__"] = lambda attribute: self._inner(getattr(module, attribute))
            vars(made).update(own)
            self._made[name] = made
        return made

    def _inner(self, value: Any) -> Any:
        return self.of(value) if isinstance(value, ModuleType) else value

    def _translating(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def translated(target: Any, *arguments: Any, **options: Any) -> Any:
            name = self._names.full_name(target) if isinstance(target, str) else target
            return function(name, *arguments, **options)

        translated.__name__ = getattr(function, "__name__", "translated")
        translated.__doc__ = function.__doc__
        return translated

    def _special(self, name: str, module: ModuleType) -> dict[str, Any]:
        names = self._names
        if name == "importlib":
            return {"import_module": names.import_module, "__import__": names.statement}
        if name == "importlib.util":

            def find_spec(target: str, package: str | None = None) -> Any:
                return module.find_spec(names.full_name(resolve_name(target, package)))

            return {"find_spec": find_spec}
        if name == "runpy":

            def run_module(
                mod_name: str, init_globals: Mapping[str, Any] | None = None, *rest: Any, **options: Any
            ) -> Any:
                full = names.full_name(mod_name)
                around = {**(init_globals or {}), **(names.namespace(full) if full != mod_name else {})}
                return module.run_module(full, around, *rest, **options)

            def run_path(
                path_name: Any, init_globals: Mapping[str, Any] | None = None, *rest: Any, **options: Any
            ) -> Any:
                around = {**(init_globals or {}), **names.namespace()}
                return module.run_path(path_name, around, *rest, **options)

            return {"run_module": run_module, "run_path": run_path}
        if name in ("unittest.mock", "mock"):
            patch: Any = self._translating(module.patch)
            vars(patch).update(vars(module.patch))
            patch.dict = self._translating(module.patch.dict)
            patch.multiple = self._translating(module.patch.multiple)
            return {"patch": patch}
        return {}
