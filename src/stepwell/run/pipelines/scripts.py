"""The script of a step: which file it is, what it imports from beside it, and the digest of all that."""

from __future__ import annotations

import ast
import hashlib
import marshal
import os
from importlib.util import MAGIC_NUMBER
from typing import NamedTuple, final

from stepwell.code import own_folder
from stepwell.live.registry import Registry
from stepwell.model import StepDefinition
from stepwell.resolve.view import View
from stepwell.source.python.outliner import parse, warnings_kept_in

__all__ = ["Script", "Scripts"]


@final
class Script(NamedTuple):
    """A script that can be run.

    Args:
        path: absolute.
        shown: relative to the project.
        function: the function in it that is named; empty for the file as it would be started.
        folders: absolute, where it imports from: its own, then the sources of its workspace and the core.
        workspace: whose it is; empty for the core's.
    """

    path: str
    shown: str
    function: str
    folders: tuple[str, ...]
    workspace: str


@final
class Scripts:
    """Finds the scripts of a project, and reads each file once."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._root = registry.project.root
        self._read: dict[str, tuple[bytes, tuple[tuple[int, str], ...]]] = {}

    def find(self, view: View, step: StepDefinition) -> Script | tuple[str, str]:
        """The script of a step; why there is none, and what to do."""
        one = view.components(step.name)["script"]
        if one.place is not None:
            place = one.place
            if place.module:
                return self._of_package(place.module, place.name or "")
            return self._script(place.path, place.name or "", place.workspace or "")
        if one.fault:
            return one.fault, one.help
        entry = (step.interface or {}).get("entry_point")
        if entry is None:
            return "it has no script, and its interface names no `entry_point`", f"add `{one.wanted}`"
        return self._by_entry(view, entry, one.wanted)

    def digest(self, script: Script) -> str:
        """The digest of a script and of every file beside it that it imports, however far.

        Raises:
            OSError: one of them cannot be read.
        """
        found: dict[str, bytes] = {}
        waiting = [script.path]
        while waiting:
            path = waiting.pop()
            if path in found:
                continue
            content, names = self._imports(path)
            found[path] = content
            for level, name in names:
                waiting += self._files(path, level, name, script.folders)
        total = hashlib.blake2b(digest_size=20)
        shared = os.path.dirname(os.path.commonpath([*found, *(f"{one}/." for one in script.folders)]))
        for path in sorted(found, key=lambda one: os.path.relpath(one, shared)):
            total.update(hashlib.blake2b(found[path]).digest())
        total.update(found[script.path])
        total.update(script.function.encode())
        return total.hexdigest()

    def compiled(self, script: Script) -> bytes:
        """A script as ``marshal`` writes its code, behind the number of the interpreter's byte code.

        Empty where it does not compile: its own process tells why. That process is spared the compiler, which
        costs a tenth of its start; and what runs is what the digest is of, whatever is edited meanwhile.
        """
        content, _ = self._imports(script.path)
        try:
            with warnings_kept_in():
                code = compile(content, script.path, "exec", dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
            return b""
        return MAGIC_NUMBER + marshal.dumps(code)

    def _script(self, path: str, function: str, workspace: str) -> Script:
        full = os.path.join(self._root, path)
        settings = self._registry.project.settings
        own = (own_folder(self._registry.project, workspace),) if workspace else ()
        roots = (os.path.join(self._root, one) for one in (*own, *settings.component_folders))
        folders = dict.fromkeys((os.path.dirname(full), *(one for one in roots if os.path.isdir(one))))
        return Script(full, path, function, tuple(folders), workspace)

    def _of_package(self, module: str, function: str) -> Script | tuple[str, str]:
        from importlib.util import find_spec

        try:
            spec = find_spec(module)
        except (ImportError, ValueError):
            spec = None
        if spec is None or spec.origin is None:
            return f"the installed package has no module {module}", "install it again"
        return Script(spec.origin, f"<{module}>", function, (os.path.dirname(spec.origin),), "")

    def _by_entry(self, view: View, entry: str, wanted: str) -> Script | tuple[str, str]:
        project = self._registry.project
        own = (own_folder(project, view.workspace),) if view.workspace is not None else ()
        others = f"{project.settings.workspaces}/"
        for folder in (*own, *project.settings.component_folders):
            found = {
                file.real: file.path
                for file in self._registry.code.index().files.values()
                if file.path.startswith(f"{folder}/")
                and (file.path.endswith(f"/{entry}") or file.path == entry)
                and (folder in own or not file.path.startswith(others))
            }
            if len(found) == 1:
                owner = view.workspace if folder in own else None
                return self._script(next(iter(found.values())), "", owner or "")
            if found:
                paths = sorted(found.values())
                return (
                    f"its script could be {', '.join(paths[:-1])} or {paths[-1]}",
                    "write more of its path, or declare `components: {script: path/to/file.py}`",
                )
        fault = f"there is no file `{entry}` in the sources, and no `{wanted}`"
        return fault, "add it, or declare `components: {script: path/to/file.py}`"

    def _imports(self, path: str) -> tuple[bytes, tuple[tuple[int, str], ...]]:
        known = self._read.get(path)
        if known is None:
            with open(path, "rb") as file:
                content = file.read()
            with warnings_kept_in():
                tree = parse(content)
            names: dict[tuple[int, str], None] = {}
            for node in ast.walk(tree) if isinstance(tree, ast.Module) else ():
                if isinstance(node, ast.Import):
                    names.update(dict.fromkeys((0, one.name) for one in node.names))
                elif isinstance(node, ast.ImportFrom):
                    base = node.module or ""
                    names[node.level, base] = None
                    for one in node.names:
                        names[node.level, f"{base}.{one.name}" if base else one.name] = None
            known = self._read[path] = (content, tuple(names))
        return known

    @staticmethod
    def _files(path: str, level: int, name: str, folders: tuple[str, ...]) -> list[str]:
        """The files beside a script that an import of it reads, packages on the way among them."""
        if level:
            above = path
            for _ in range(level):
                above = os.path.dirname(above)
            folders = (above,)
        parts = name.split(".") if name else []
        found = []
        for folder in folders:
            here = folder
            for part in ("", *parts):
                here = os.path.join(here, part) if part else here
                if part or level:
                    every = (os.path.join(here, "__init__.py"), f"{here}.py")
                    found += [one for one in every if os.path.isfile(one)]
        return found
