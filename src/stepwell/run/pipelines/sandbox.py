"""The folder that stands for a step's container: what is put in before its script runs, and taken out."""

from __future__ import annotations

import os
import shutil
import stat
from contextlib import suppress
from typing import Final, final

from stepwell.run.pipelines.artifacts import Unholdable, hold, walk
from stepwell.run.pipelines.task import Artifact, Port, Task

__all__ = ["CONTAINER", "Sandbox", "SandboxRejection", "is_file_path"]

CONTAINER: Final = "/opt/ml"
"""The folder of a container that is the platform's; most paths of an interface lie below it."""

_OF_THE_PLATFORM: Final = {
    "SM_MODEL_DIR": "/opt/ml/model",
    "SM_INPUT_DIR": "/opt/ml/input",
    "SM_INPUT_CONFIG_DIR": "/opt/ml/input/config",
    "SM_OUTPUT_DIR": "/opt/ml/output",
    "SM_OUTPUT_DATA_DIR": "/opt/ml/output/data",
}
"""What a training container sets (SageMaker Training Toolkit: ENVIRONMENT_VARIABLES)."""
_TRAINING: Final = "/opt/ml/input/data"


@final
class SandboxRejection(Exception):
    """What is to go in or out does not fit the interface.

    Args:
        kind: as ``Outcome.kind`` has it.
        fault: in a sentence without a full stop.
    """

    def __init__(self, kind: str, port: str, fault: str) -> None:
        super().__init__(fault)
        self.kind = kind
        self.port = port
        self.fault = fault


@final
class Sandbox:
    """The sandbox of one attempt.

    Args:
        folder: an absolute path that does not exist.
    """

    def __init__(self, folder: str, task: Task) -> None:
        self.folder = folder
        self._task = task
        own = {
            _top(port.path)
            for port in (*task.inputs, *task.outputs)
            if port.path and not _lies_in(port.path, CONTAINER)
        }
        self.prefixes = tuple((one, folder + one) for one in (CONTAINER, *sorted(own)))
        self._fed: dict[str, tuple[str, ...]] = {}

    def inside(self, text: str) -> str:
        """A text with a path of the container at its start led into the sandbox."""
        for prefix, place in self.prefixes:
            if text == prefix or text.startswith(f"{prefix}/"):
                return place + text[len(prefix) :]
        return text

    def fill(self) -> None:
        """Make the folders, and copy every input to its place.

        Raises:
            Refused: an input is not there, or not of the form that the path asks for.
            OSError: it cannot be copied.
        """
        os.makedirs(self.folder + CONTAINER)
        os.mkdir(os.path.join(self.folder, "home"))
        for port in self._task.inputs:
            if port.path and port.source:
                self._feed(port)
        for port in self._task.outputs:
            if port.path:
                place = self.inside(port.path)
                os.makedirs(os.path.dirname(place) if is_file_path(port.path) else place, exist_ok=True)

    def environment(self) -> dict[str, str]:
        """The environment of the script: the task's, led inside, and what a container sets itself."""
        given = {name: self.inside(value) for name, value in self._task.environment}
        paths = [port.path for port in (*self._task.inputs, *self._task.outputs) if port.path]
        home = os.path.join(self.folder, "home")
        given |= {"HOME": home, "TMPDIR": home, "LANG": "C.UTF-8"}
        for name, path in _OF_THE_PLATFORM.items():
            if any(_lies_in(one, path) for one in paths):
                given.setdefault(name, self.inside(path))
        for port in self._task.inputs:
            if port.path and _lies_in(port.path, _TRAINING):
                below = port.channels or (() if port.path == _TRAINING else (os.path.basename(port.path),))
                for channel in below:
                    place = self.inside(f"{port.path}/{channel}" if port.channels else port.path)
                    given.setdefault(f"SM_CHANNEL_{channel.upper()}", place)
        return given

    def check_inputs(self) -> None:
        """See that the script left its inputs where they were.

        Raises:
            Refused: a file of one is gone.
        """
        for port in self._task.inputs:
            place = self.inside(port.path)
            for name in self._fed.get(port.name, ()):
                if not os.path.lexists(os.path.join(place, name) if name else place):
                    what = f"`{name}` of its input `{port.name}`" if name else f"its input `{port.name}`"
                    raise SandboxRejection("deleted-input", port.name, f"its script deleted {what}")

    def find(self, port: Port) -> str:
        """Where an output is.

        Raises:
            Refused: it is not there, or there is nothing in it.
        """
        place = self.inside(port.path)
        if not os.path.lexists(place):
            raise SandboxRejection(
                "output", port.name, f"it gave no output `{port.name}`: there is no {port.path}"
            )
        if os.path.isdir(place) and next(walk(place), None) is None:
            raise SandboxRejection(
                "output", port.name, f"it gave no output `{port.name}`: {port.path} is empty"
            )
        return place

    def keep(self) -> tuple[Artifact, ...]:
        """Take the outputs out of the sandbox and keep them, those that lie in others first.

        Raises:
            Refused: one holds what cannot be kept.
            OSError: one cannot be read or written.
        """
        ports = [port for port in self._task.outputs if port.path]
        found: dict[str, Artifact] = {}
        for port in sorted(ports, key=lambda one: -len(one.path)):
            shared = any(other is not port and _lies_in(port.path, other.path) for other in ports)
            shared = shared or any(_lies_in(one.path, port.path) for one in self._task.inputs if one.path)
            try:
                found[port.name] = hold(
                    self._task.objects, port.name, self.inside(port.path), move=not shared
                )
            except Unholdable as error:
                fault = f"its output `{port.name}` cannot be kept: {error}"
                raise SandboxRejection("output", port.name, fault) from None
        return tuple(found[port.name] for port in ports)

    def size(self) -> int:
        """The bytes of all files in it at this moment, as they are on the disk."""
        total = 0
        waiting = [self.folder]
        while waiting:
            with suppress(OSError), os.scandir(waiting.pop()) as entries:  # it changes while it is looked at
                for one in entries:
                    with suppress(OSError):
                        if one.is_dir(follow_symlinks=False):
                            waiting.append(one.path)
                        else:
                            total += one.stat(follow_symlinks=False).st_blocks * 512
        return total

    def _feed(self, port: Port) -> None:
        place, source = self.inside(port.path), port.source
        if not os.path.lexists(source):
            raise SandboxRejection(
                "input", port.name, f"what its input `{port.name}` is fed from is gone: {source}"
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
                there = ", ".join(sorted(os.listdir(place))[:5]) if os.path.isdir(place) else "one file"
                fault = f"its input `{port.name}` has no channel `{channel}`: there is {there or 'nothing'}"
                raise SandboxRejection("input", port.name, fault)
        self._fed[port.name] = tuple(name for name, _ in walk(place))

    def _one_file(self, port: Port) -> str:
        wanted = os.path.basename(port.path)
        every = [name for name, _ in walk(port.source)]
        named = [name for name in every if os.path.basename(name) == wanted]
        chosen = named if len(named) == 1 else every
        if len(chosen) != 1:
            fault = f"its input `{port.name}` is one file, {wanted}, and is fed {len(every)} others"
            raise SandboxRejection("input", port.name, fault)
        return os.path.join(port.source, chosen[0])


def is_file_path(path: str) -> bool:
    """Whether a path of the container is that of a file: its last part has an ending."""
    return "." in os.path.basename(path).lstrip(".")


def _copy_file(source: str, to: str) -> str:
    """A copy that may be written and is executed like what it is a copy of."""
    shutil.copyfile(source, to, follow_symlinks=False)
    if not os.path.islink(to):
        mode = os.stat(to).st_mode
        os.chmod(to, stat.S_IMODE(mode) | 0o600 | (os.stat(source).st_mode & 0o100))
    return to


def _lies_in(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder.rstrip('/')}/")


def _top(path: str) -> str:
    """The folder of a path outside the platform's, which is led into the sandbox: as narrow as it can be."""
    return os.path.dirname(path) if is_file_path(path) and os.path.dirname(path) != "/" else path
