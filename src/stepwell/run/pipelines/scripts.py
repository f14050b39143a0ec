"""Find the script of a step, its local imports and their digest."""

from __future__ import annotations

import ast
import hashlib
import marshal
import os
from importlib.util import MAGIC_NUMBER
from typing import NamedTuple, final

from stepwell.code import own_folder
from stepwell.code.lookup import files_of_entry_point
from stepwell.live.registry import Registry
from stepwell.model import StepDefinition
from stepwell.resolve.view import View
from stepwell.source.python.outliner import parse, parsing

__all__ = ["Script", "Scripts"]


@final
class Script(NamedTuple):
    """A script of a step.

    Args:
        path: absolute.
        shown: relative to the project.
        function: function to call; empty to run the file.
        folders: absolute import folders: of the script, its workspace and the core.
        workspace: empty for the core.
    """

    path: str
    shown: str
    function: str
    folders: tuple[str, ...]
    workspace: str


@final
class Scripts:
    """Finds the scripts of a project and reads each file once."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._root = registry.project.root
        self._read: dict[str, tuple[bytes, tuple[tuple[int, str], ...]]] = {}

    def find(self, view: View, step: StepDefinition) -> Script | tuple[str, str]:
        """Return the script of a step, or a fault and its fix."""
        component = view.components(step.name)["script"]
        if component.place is not None:
            place = component.place
            if place.module:
                return self._of_package(place.module, place.name or "")
            return self._script(place.path, place.name or "", place.workspace or "")
        if component.fault:
            return component.fault, component.help
        entry = (step.interface or {}).get("entry_point")
        if entry is None:
            fault = "the step has no script and its interface has no `entry_point`"
            return fault, f"add `{component.wanted}`"
        return self._by_entry(view, entry, component.wanted)

    def lacking(self, view: View, other: View, step: StepDefinition) -> tuple[str, str] | None:
        """Return the path and the fault of a script that a run of a step in another workspace would lack."""
        script = self.find(view, step)
        entry = (step.interface or {}).get("entry_point")
        if not isinstance(script, Script):
            return (entry, f"script: {script[0]}") if entry is not None else None
        if not script.workspace:
            return None
        project = self._registry.project
        own, theirs = (own_folder(project, each.workspace or "") for each in (view, other))
        if os.path.isfile(os.path.join(self._root, theirs, os.path.relpath(script.shown, own))):
            return None
        if entry is not None and isinstance(self._by_entry(other, entry, entry), Script):
            return None
        return script.shown, f"script {script.shown} is not visible in {other.title}"

    def digest(self, script: Script) -> str:
        """Return the digest of a script and its transitive local imports.

        Raises:
            OSError: a file cannot be read.
        """
        contents = self._contents(script)
        total = hashlib.blake2b(digest_size=20)
        shared = os.path.dirname(os.path.commonpath([*contents, *(f"{each}/." for each in script.folders)]))
        for path in sorted(contents, key=lambda each: os.path.relpath(each, shared)):
            total.update(hashlib.blake2b(contents[path]).digest())
        total.update(contents[script.path])
        total.update(script.function.encode())
        return total.hexdigest()

    def files(self, script: Script) -> dict[str, bytes]:
        """Return a script and its transitive local imports, by path relative to their import folders.

        Raises:
            OSError: a file cannot be read.
        """
        contents = self._contents(script)
        files: dict[str, bytes] = {}
        for folder in script.folders:
            for path, content in sorted(contents.items()):
                relative = os.path.relpath(path, folder).replace(os.sep, "/")
                if not relative.startswith("../"):
                    files.setdefault(relative, content)
        return files

    def _contents(self, script: Script) -> dict[str, bytes]:
        contents: dict[str, bytes] = {}
        waiting = [script.path]
        while waiting:
            path = waiting.pop()
            if path in contents:
                continue
            content, names = self._imports(path)
            contents[path] = content
            for level, name in names:
                waiting += self._files(path, level, name, script.folders)
        return contents

    def compiled(self, script: Script) -> bytes:
        """Return the marshalled code of a script after the magic number of the interpreter.

        Compiling here makes a step start 10% faster and ensures that the executed code matches the digest.

        Raises:
            SyntaxError: it does not compile.
        """
        content, _ = self._imports(script.path)
        try:
            with parsing():
                code = compile(content, script.path, "exec", dont_inherit=True)
        except (ValueError, RecursionError, MemoryError, OverflowError) as error:
            raise SyntaxError(str(error) or "nested too deeply") from None
        return MAGIC_NUMBER + marshal.dumps(code)

    def _script(self, path: str, function: str, workspace: str) -> Script:
        full = os.path.join(self._root, path)
        settings = self._registry.project.settings
        own = (own_folder(self._registry.project, workspace),) if workspace else ()
        roots = (os.path.join(self._root, folder) for folder in (*own, *settings.component_folders))
        folders = dict.fromkeys((os.path.dirname(full), *(root for root in roots if os.path.isdir(root))))
        return Script(full, path, function, tuple(folders), workspace)

    def _of_package(self, module: str, function: str) -> Script | tuple[str, str]:
        from importlib.util import find_spec

        try:
            spec = find_spec(module)
        except (ImportError, ValueError):
            spec = None
        if spec is None or spec.origin is None:
            return f"module {module} of the installed package not found", "reinstall the package"
        return Script(spec.origin, f"<{module}>", function, (os.path.dirname(spec.origin),), "")

    def _by_entry(self, view: View, entry: str, wanted: str) -> Script | tuple[str, str]:
        project = self._registry.project
        own = (own_folder(project, view.workspace),) if view.workspace is not None else ()
        others = f"{project.settings.workspaces}/"
        files = [
            file
            for file in self._registry.code.index().files.values()
            if not file.path.startswith(others) or any(file.path.startswith(f"{folder}/") for folder in own)
        ]
        paths = files_of_entry_point(entry, files, (*own, *project.settings.component_folders))
        if len(paths) == 1:
            owner = view.workspace if any(paths[0].startswith(f"{folder}/") for folder in own) else None
            return self._script(paths[0], "", owner or "")
        if paths:
            return (
                f"ambiguous script: {', '.join(paths[:-1])} or {paths[-1]}",
                "use a longer path, or declare `components: {script: path/to/file.py}`",
            )
        sources = " and ".join(f"`{folder}/`" for folder in (*own, *project.settings.component_folders))
        fault = f"neither `{entry}` nor `{wanted}` exists in {sources}"
        return fault, "add it to one of these folders, or set `[components] source`"

    def _imports(self, path: str) -> tuple[bytes, tuple[tuple[int, str], ...]]:
        known = self._read.get(path)
        if known is None:
            with open(path, "rb") as file:
                content = file.read()
            tree = parse(content)
            names: dict[tuple[int, str], None] = {}
            for node in ast.walk(tree) if isinstance(tree, ast.Module) else ():
                if isinstance(node, ast.Import):
                    names.update(dict.fromkeys((0, alias.name) for alias in node.names))
                elif isinstance(node, ast.ImportFrom):
                    base = node.module or ""
                    names[node.level, base] = None
                    for alias in node.names:
                        names[node.level, f"{base}.{alias.name}" if base else alias.name] = None
            known = self._read[path] = (content, tuple(names))
        return known

    @staticmethod
    def _files(path: str, level: int, name: str, folders: tuple[str, ...]) -> list[str]:
        """Return the local files that an import reads, including packages on the way."""
        if level:
            above = path
            for _ in range(level):
                above = os.path.dirname(above)
            folders = (above,)
        parts = name.split(".") if name else []
        paths = []
        for folder in folders:
            here = folder
            for part in ("", *parts):
                here = os.path.join(here, part) if part else here
                if part or level:
                    candidates = (os.path.join(here, "__init__.py"), f"{here}.py")
                    paths += [path for path in candidates if os.path.isfile(path)]
        return paths
