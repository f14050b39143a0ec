"""Sandbox folder that replaces the container of a step: inputs are copied in, outputs are moved out."""

from __future__ import annotations

import os
import shutil
import stat
from contextlib import suppress
from typing import Final, final

from stepwell.run.pipelines.artifacts import Unholdable, check_kinds, hold
from stepwell.run.pipelines.task import Artifact, Port, Task
from stepwell.source.tree import walk

__all__ = ["CONTAINER", "Sandbox", "SandboxRejection", "is_file_path"]

CONTAINER: Final = "/opt/ml"
"""Platform folder of a container; most interface paths are below it."""

_OF_THE_PLATFORM: Final = {
    "SM_MODEL_DIR": "/opt/ml/model",
    "SM_INPUT_DIR": "/opt/ml/input",
    "SM_INPUT_CONFIG_DIR": "/opt/ml/input/config",
    "SM_OUTPUT_DIR": "/opt/ml/output",
    "SM_OUTPUT_DATA_DIR": "/opt/ml/output/data",
}
"""Variables that a training container sets (SageMaker Training Toolkit: ENVIRONMENT_VARIABLES)."""
_TRAINING: Final = "/opt/ml/input/data"


@final
class SandboxRejection(Exception):
    """An input or output does not match the interface.

    Args:
        kind: value of ``AttemptOutcome.kind``.
        fault: message without a full stop.
    """

    def __init__(self, kind: str, port: str, fault: str) -> None:
        super().__init__(fault)
        self.kind = kind
        self.port = port
        self.fault = fault


@final
class Sandbox:
    """Sandbox of one attempt.

    Args:
        folder: absolute path that does not exist yet.
    """

    def __init__(self, folder: str, task: Task) -> None:
        self.folder = folder
        self._task = task
        own = {
            _top(port.path)
            for port in (*task.inputs, *task.outputs)
            if port.path and not _lies_in(port.path, CONTAINER)
        }
        self.prefixes = tuple((prefix, folder + prefix) for prefix in (CONTAINER, *sorted(own)))
        self._copied: dict[str, tuple[str, ...]] = {}

    def inside(self, text: str) -> str:
        """Redirect a text that starts with a container path into the sandbox."""
        for prefix, place in self.prefixes:
            if text == prefix or text.startswith(f"{prefix}/"):
                return place + text[len(prefix) :]
        return text

    def fill(self) -> None:
        """Create the folders and copy every input.

        Raises:
            SandboxRejection: an input is missing or does not match its path.
            OSError: an input cannot be copied.
        """
        os.makedirs(self.folder + CONTAINER)
        os.mkdir(os.path.join(self.folder, "home"))
        for port in self._task.inputs:
            if port.path and port.source:
                self._copy_input(port)
        for port in self._task.outputs:
            if port.path:
                place = self.inside(port.path)
                os.makedirs(os.path.dirname(place) if is_file_path(port.path) else place, exist_ok=True)

    def environment(self) -> dict[str, str]:
        """Return the environment of the script: redirected task variables and container variables."""
        variables = {name: self.inside(value) for name, value in self._task.environment}
        paths = [port.path for port in (*self._task.inputs, *self._task.outputs) if port.path]
        home = os.path.join(self.folder, "home")
        variables |= {"HOME": home, "TMPDIR": home, "LANG": "C.UTF-8"}
        for name, path in _OF_THE_PLATFORM.items():
            if any(_lies_in(each, path) for each in paths):
                variables.setdefault(name, self.inside(path))
        for port in self._task.inputs:
            if port.path and _lies_in(port.path, _TRAINING):
                below = port.channels or (() if port.path == _TRAINING else (os.path.basename(port.path),))
                for channel in below:
                    place = self.inside(f"{port.path}/{channel}" if port.channels else port.path)
                    variables.setdefault(f"SM_CHANNEL_{channel.upper()}", place)
        return variables

    def check_inputs(self) -> None:
        """Check that the script did not delete its inputs.

        Raises:
            SandboxRejection: a file is missing.
        """
        for port in self._task.inputs:
            place = self.inside(port.path)
            for name in self._copied.get(port.name, ()):
                if not os.path.lexists(os.path.join(place, name) if name else place):
                    what = f"`{name}` of input `{port.name}`" if name else f"input `{port.name}`"
                    raise SandboxRejection("deleted-input", port.name, f"the script deleted {what}")

    def find(self, port: Port) -> str:
        """Return the path of an output, which has no links that leave it.

        Raises:
            SandboxRejection: the output is missing, empty, or cannot be stored.
        """
        place = self.inside(port.path)
        parent = os.path.dirname(place)
        if os.path.realpath(parent) != os.path.join(
            os.path.realpath(self.folder), os.path.relpath(parent, self.folder)
        ):
            fault = f"output `{port.name}` cannot be stored: a folder of its path is a link"
            raise SandboxRejection("output", port.name, fault)
        if not os.path.lexists(place):
            raise SandboxRejection(
                "output", port.name, f"missing output `{port.name}`: {port.path} does not exist"
            )
        try:
            check_kinds(place)
        except Unholdable as error:
            fault = f"output `{port.name}` cannot be stored: {error}"
            raise SandboxRejection("output", port.name, fault) from None
        if os.path.isdir(place) and next(walk(place), None) is None:
            raise SandboxRejection("output", port.name, f"missing output `{port.name}`: {port.path} is empty")
        return place

    def keep(self) -> tuple[Artifact, ...]:
        """Move the outputs to the artifact store, nested ones first.

        Raises:
            SandboxRejection: an output cannot be stored.
            OSError: an output cannot be read or written.
        """
        ports = [port for port in self._task.outputs if port.path]
        artifacts: dict[str, Artifact] = {}
        for port in sorted(ports, key=lambda port: -len(port.path)):
            shared = any(other is not port and _lies_in(port.path, other.path) for other in ports)
            shared = shared or any(_lies_in(each.path, port.path) for each in self._task.inputs if each.path)
            try:
                artifacts[port.name] = hold(
                    self._task.objects, port.name, self.inside(port.path), move=not shared
                )
            except Unholdable as error:
                fault = f"output `{port.name}` cannot be stored: {error}"
                raise SandboxRejection("output", port.name, fault) from None
        return tuple(artifacts[port.name] for port in ports)

    def size(self) -> int:
        """Return the current disk usage of all files, in bytes."""
        total = 0
        waiting = [self.folder]
        while waiting:
            with suppress(OSError), os.scandir(waiting.pop()) as entries:  # files change meanwhile
                for entry in entries:
                    with suppress(OSError):
                        if entry.is_dir(follow_symlinks=False):
                            waiting.append(entry.path)
                        else:
                            total += _usage(entry.stat(follow_symlinks=False))
        return total

    def _copy_input(self, port: Port) -> None:
        place, source = self.inside(port.path), port.source
        if not os.path.lexists(source):
            raise SandboxRejection(
                "input", port.name, f"source of input `{port.name}` no longer exists: {source}"
            )
        is_folder = os.path.isdir(source)
        if is_file_path(port.path):
            if is_folder:
                source = self._one_file(port)
            os.makedirs(os.path.dirname(place), exist_ok=True)
            _copy_file(source, place)
        elif is_folder:
            shutil.copytree(source, place, symlinks=True, copy_function=_copy_file, dirs_exist_ok=True)
        else:
            os.makedirs(place, exist_ok=True)
            _copy_file(source, os.path.join(place, os.path.basename(source)))
        for channel in port.channels:
            if not os.path.isdir(os.path.join(place, channel)):
                available = ", ".join(sorted(os.listdir(place))[:5]) if os.path.isdir(place) else "one file"
                fault = f"input `{port.name}` has no channel `{channel}`: found {available or 'nothing'}"
                raise SandboxRejection("input", port.name, fault)
        self._copied[port.name] = tuple(name for name, _ in walk(place))

    def _one_file(self, port: Port) -> str:
        wanted = os.path.basename(port.path)
        names = [name for name, _ in walk(port.source)]
        named = [name for name in names if os.path.basename(name) == wanted]
        chosen = named if len(named) == 1 else names
        if len(chosen) != 1:
            fault = f"input `{port.name}` must be a single file {wanted}, got {len(names)} files"
            raise SandboxRejection("input", port.name, fault)
        return os.path.join(port.source, chosen[0])


def is_file_path(path: str) -> bool:
    """Return whether a container path names a file: its last part has a suffix."""
    return "." in os.path.basename(path).lstrip(".")


def _copy_file(source: str, to: str) -> str:
    """Copy a file, writable and with the same executable bit."""
    shutil.copyfile(source, to, follow_symlinks=False)
    if not os.path.islink(to):
        mode = os.stat(to).st_mode
        os.chmod(to, stat.S_IMODE(mode) | 0o600 | (os.stat(source).st_mode & 0o100))
    return to


def _lies_in(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder.rstrip('/')}/")


def _top(path: str) -> str:
    """Return the narrowest folder to redirect for a path outside the platform folder."""
    return os.path.dirname(path) if is_file_path(path) and os.path.dirname(path) != "/" else path


def _usage(status: os.stat_result) -> int:
    """Return the bytes that a file occupies on disk."""
    blocks: int | None = getattr(status, "st_blocks", None)  # Windows reports none
    return status.st_size if blocks is None else blocks * 512
