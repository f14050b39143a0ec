"""Meta path finder and loaders of world modules."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from hashlib import blake2b
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ExtensionFileLoader, ModuleSpec, SourceFileLoader
from importlib.readers import FileReader
from types import CodeType, ModuleType
from typing import Any, Final, Protocol, TypeVar, final

from stepwell.code.import_worlds.module_paths import ModuleKind, ModulePath, ModulePaths
from stepwell.code.import_worlds.module_records import (
    ImportAttempt,
    ModuleRecord,
    ProcessState,
    digest_of,
    edits_in,
)
from stepwell.code.import_worlds.names import PACKAGE, ModuleName
from stepwell.source.fork_lock import ForkLock

__all__ = ["FINDER", "Finder"]


class ImportStatements(Protocol):
    """Import statements of one module."""

    @property
    def statement(self) -> Callable[..., ModuleType]:
        """Replacement for the built-in ``__import__``."""


class FinderModules(Protocol):
    """Modules of one project, for the finder and its loaders."""

    @property
    def places(self) -> ModulePaths:
        """Return the folders of the project."""

    def importing(self, record: ModuleRecord) -> AbstractContextManager[None]:
        """Register a module while it runs; remove it if it fails."""

    def core_package(self, name: ModuleName, attribute: str) -> ModuleType | None:
        """Return the core's package of a folder, unless the folder has a module with the attribute's name."""

    def imports_of(self, record: ModuleRecord) -> ImportStatements:
        """Return the imports of a module."""


M = TypeVar("M", bound=FinderModules)


@final
class Finder(MetaPathFinder):
    """Finds the modules of all worlds by their full names."""

    def __init__(self) -> None:
        self._projects: dict[str, Any] = {}
        self._writing = ForkLock()

    def enter(self, key: str, modules: M) -> M:
        """Register the modules of a project.

        Returns:
            The registered modules, which may be older ones of the same project.
        """
        with self._writing:
            if self not in sys.meta_path:  # before the path finder, which would run files as plain modules
                sys.meta_path.insert(0, self)
            entered: M = self._projects.setdefault(key, modules)
            return entered

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of a world module, or ``None``."""
        del path, target
        if not fullname.startswith(PACKAGE):
            return None
        package, _, key = fullname.partition(".")
        if package != PACKAGE:
            return None
        if not key or key in self._projects:
            return ModuleSpec(fullname, _Empty(), is_package=True)
        name = ModuleName.read(fullname)
        modules = self._projects.get(name.key) if name is not None else None
        if name is None or modules is None:
            return None
        spec = _spec(modules, name)
        if spec is None:
            raise ModuleNotFoundError(f"No module named {name.dotted or name.world!r}", name=fullname)
        return spec


FINDER: Final = Finder()


@final
class _Empty(Loader):
    """Creates the empty packages above the worlds."""

    def exec_module(self, module: ModuleType) -> None:
        """Do nothing."""


@final
class _Folder(Loader):
    """Creates a package for a folder without ``__init__.py``, or for a world.

    Includes the names of the core's ``__init__.py`` for the same folder.
    """

    def __init__(self, modules: FinderModules, name: ModuleName, place: ModulePath | None) -> None:
        self._modules = modules
        self._name = name
        self._place = place

    def is_package(self, fullname: str) -> bool:
        """Return true."""
        del fullname
        return True

    def get_resource_reader(self, fullname: str) -> FileReader | None:
        """Return the files of the folder."""
        if self._place is None:
            return None
        return FileReader(SourceFileLoader(fullname, f"{self._place.paths[0]}/__init__.py"))

    def exec_module(self, module: ModuleType) -> None:
        """Add the names of the core's package."""
        spec = module.__spec__
        assert spec is not None  # noqa: S101 - set by the import system
        record = ModuleRecord(self._name, self._place, spec)
        with self._modules.importing(record):
            if self._name.dotted:
                module.__dict__["__getattr__"] = self._inherit

    def _inherit(self, attribute: str) -> Any:
        if attribute == "__all__" or not (attribute.startswith("__") and attribute.endswith("__")):
            core = self._modules.core_package(self._name, attribute)
            if core is not None and attribute in vars(core):
                return vars(core)[attribute]
        raise AttributeError(f"module {str(self._name)!r} has no attribute {attribute!r}")


@final
class _File(SourceFileLoader):
    """Executes a file as a world module, always from source.

    Bytecode is validated by time and size, which an edit may preserve.
    """

    def __init__(self, modules: FinderModules, name: ModuleName, place: ModulePath) -> None:
        super().__init__(str(name), place.paths[0])
        self._modules = modules
        self._name = name
        self._place = place

    def get_code(self, fullname: str) -> CodeType:
        """Return the compiled source."""
        return self._compiled(self.get_data(self.get_filename(fullname)))

    def exec_module(self, module: ModuleType) -> None:
        """Run the file with its own ``__import__``."""
        spec = module.__spec__
        assert spec is not None  # noqa: S101 - set by the import system
        record = ModuleRecord(self._name, self._place, spec)
        with self._modules.importing(record):
            content = self.get_data(self.path)
            edits = edits_in(content)
            attempt = ImportAttempt.current()
            before = ProcessState() if edits and attempt is None else None
            if attempt is not None:
                attempt.edits |= edits
            record.digest = blake2b(content, digest_size=16).digest()
            code = self._compiled(content)
            imports = self._modules.imports_of(record)
            module.__dict__["__builtins__"] = {**vars(builtins), "__import__": imports.statement}
            try:
                exec(code, module.__dict__)  # noqa: S102 - executing the module
            finally:
                if before is not None:
                    before.restore(edits)

    def _compiled(self, content: bytes) -> CodeType:
        try:
            return compile(content, self.path, "exec", dont_inherit=True)
        except ValueError as error:  # not source text, e.g. contains a NUL
            if isinstance(error, SyntaxError):
                raise
            raise SyntaxError(str(error), (self.path, 1, 1, None)) from None


@final
class _Extension(ExtensionFileLoader):
    """Loads a compiled file as a world module."""

    def __init__(self, modules: FinderModules, name: ModuleName, place: ModulePath) -> None:
        super().__init__(str(name), place.paths[0])
        self._modules = modules
        self._name = name
        self._place = place

    def exec_module(self, module: ModuleType) -> None:
        """Initialize the module."""
        spec = module.__spec__
        assert spec is not None  # noqa: S101 - set by the import system
        record = ModuleRecord(self._name, self._place, spec)
        with self._modules.importing(record):
            record.digest = digest_of(self.path)
            super().exec_module(module)


def _spec(modules: FinderModules, name: ModuleName) -> ModuleSpec | None:
    if not name.dotted:
        if not modules.places.is_world(name.world):
            return None
        return ModuleSpec(str(name), _Folder(modules, name, None), is_package=True)
    place = modules.places.own(name.world, name.dotted)
    if place is None:
        return None
    if place.kind is ModuleKind.FOLDER:
        spec = ModuleSpec(str(name), _Folder(modules, name, place), is_package=True)
        spec.submodule_search_locations = list(place.paths)
        return spec
    path = place.paths[0]
    if place.kind is ModuleKind.EXTENSION:
        spec = ModuleSpec(str(name), _Extension(modules, name, place), origin=path)
        spec.has_location = True
        return spec
    is_package = place.kind is ModuleKind.PACKAGE
    spec = ModuleSpec(str(name), _File(modules, name, place), origin=path, is_package=is_package)
    spec.has_location = True
    if is_package:
        spec.submodule_search_locations = [path[: -len("__init__.py") - 1]]
    return spec
