"""The record of a workflow run: a folder of its own below ``.stepwell/runs``, written as things happen.

``record.json`` says how far the run is (``schemas/output-workflow-run.schema.json``); ``results/`` holds the
answer of each step, ``outputs/`` the files that steps keep. Each file is written whole or not at all, and
only inside the run's folder, so that a killed run can go on and nothing of the user's is touched.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, final

from stepwell.run.run_store import FOLDER, RECORD, RunStore, UnknownRun
from stepwell.run.workflows.workflow import inside
from stepwell.source.atomic_write import write_atomically
from stepwell.source.redaction import without_secrets
from stepwell.source.spelling import suggest

__all__ = ["RunFolder", "Runs"]

_VERSION: Final = 1
_LEAST: Final = 4
"""The characters that a secret has at least: shorter ones would be found everywhere."""

_EARLIER: Final = 50
"""How many earlier runs are looked through for an answer or a conversation."""


@final
class RunFolder:
    """The folder of one run.

    Args:
        path: it, absolute.
    """

    __slots__ = ("_path", "_secrets", "outputs")

    def __init__(self, path: str, secrets: Iterable[str] = ()) -> None:
        self._path = path
        told = [one for one in secrets if len(one) >= _LEAST]
        self._secrets = (*told, *(json.dumps(one, ensure_ascii=False)[1:-1] for one in told))
        self.outputs: list[str] = []

    @property
    def path(self) -> str:
        """The folder, absolute."""
        return self._path

    def write(self, record: Mapping[str, Any]) -> None:
        """Write the record as it is now."""
        self._write(RECORD, _json(record))

    def keep_result(
        self, place: int, name: str, answer: Any, variables: Mapping[str, Any], sessions: Mapping[str, Any]
    ) -> str:
        """Keep the answer of a step, and what there was at its end: with both a run goes on.

        Args:
            place: which step, from 0.
            answer: plain data; what is none is kept as its text.

        Returns:
            The file, relative to the run's folder.
        """
        path = f"results/{place + 1:03}-{name}.json"
        held = {"step": name, "answer": answer, "variables": variables, "sessions": sessions}
        self._write(path, _json(held))
        return path

    def result(self, path: str) -> dict[str, Any]:
        """What was kept of a step: its ``answer``, and the ``variables`` and ``sessions`` at its end.

        Raises:
            UnknownRun: it is not there, or is none.
        """
        held = _read(os.path.join(self._path, path))
        if not isinstance(held, dict) or "answer" not in held:
            raise _unknown(os.path.basename(self._path), f"`{path}` is not what it wrote")
        return held

    def keep(self, path: str, text: str) -> None:
        """Keep a file among the outputs.

        Args:
            path: relative to the outputs.

        Raises:
            PathEscape: the path leads out of them.
            OSError: it cannot be written.
        """
        outputs = os.path.join(self._path, "outputs")
        os.makedirs(outputs, exist_ok=True)
        target = inside(outputs, path)
        write_atomically(Path(target), self.clean(text))
        shown = f"outputs/{os.path.relpath(target, os.path.realpath(outputs))}".replace(os.sep, "/")
        if shown not in self.outputs:
            self.outputs.append(shown)

    def _write(self, path: str, text: str) -> None:
        write_atomically(Path(self._path, path), self.clean(text))

    def clean(self, text: str) -> str:
        """A text without secrets: those that are known, and what has the form of one."""
        return without_secrets(text, self._secrets)


@final
class Runs:
    """The runs of a project.

    Args:
        root: the folder that they are kept below, absolute.
    """

    __slots__ = ("_secrets", "_store")

    def __init__(self, root: str, secrets: Iterable[str] = ()) -> None:
        self._store = RunStore(root)
        self._secrets = tuple(secrets)

    def begin(self, name: str) -> RunFolder:
        """The folder of a new run.

        Args:
            name: what the run is called; a number is put after it where there is one of that name.
        """
        run = self._store.begin(name, 0o700)
        return RunFolder(self._store.folder_of(run), self._secrets)

    def find(self, name: str, workflow: str) -> tuple[RunFolder, dict[str, Any]]:
        """A run that is there, and its record.

        Args:
            name: what it is called; ``last`` for the one of the workflow that began last.

        Raises:
            UnknownRun: there is none, it is one of another workflow, or its record cannot be read.
        """
        runs = self._store.ids("workflow")
        if name == "last":
            name = next((found for found, _ in self._earlier(workflow)), name)
            if name == "last":
                raise _unknown(name, f"there are no runs of `{workflow}`")
        if name not in runs:
            hint = suggest(name, runs) or f"runs are in {FOLDER}/runs"
            raise _unknown(name, hint if runs else f"there are no runs of `{workflow}`")
        record = self._record(name)
        if not isinstance(record, dict) or record.get("version") != _VERSION:
            raise _unknown(name, "its record cannot be read")
        other = record.get("workflow", {}).get("name")
        if other != workflow:
            raise _unknown(name, f"it is a run of `{other}`")
        return RunFolder(self._store.folder_of(name), self._secrets), record

    def recall(self, workflow: str, kind: str, key: str) -> Any:
        """What an earlier run of a workflow left.

        Args:
            kind: ``session`` for a conversation by its name, ``answer`` for an answer by the digest of
                its prompt.
            key: the name or digest.

        Returns:
            The turns or the answer; ``None`` where there is none.
        """
        for name, record in self._earlier(workflow):
            if kind == "session" and record.get("sessions", {}).get(key):
                return record["sessions"][key]
            for step in record.get("steps", ()) if kind == "answer" else ():
                path = step.get("result")
                held = _read(os.path.join(self._store.folder_of(name), path)) if path else None
                answer = held.get("answer") if isinstance(held, dict) else None
                if isinstance(answer, dict) and answer.get("prompt_digest") == key:
                    return answer
        return None

    def _earlier(self, workflow: str) -> Iterator[tuple[str, dict[str, Any]]]:
        for name in self._store.ids("workflow")[: -_EARLIER - 1 : -1]:
            record = self._record(name)
            if isinstance(record, dict) and record.get("workflow", {}).get("name") == workflow:
                yield name, record

    def _record(self, name: str) -> Any:
        return _read(os.path.join(self._store.folder_of(name), RECORD))


def _unknown(run: str, fault: str) -> UnknownRun:
    return UnknownRun(run, f"there is no run `{run}` to go on with: {fault}")


def new_record(run: str, workflow: Mapping[str, Any], provider: str | None, started: str) -> dict[str, Any]:
    """The record of a run that begins.

    Args:
        workflow: its name, file and digest.
        provider: the provider that it was started with; ``None`` where each step chooses.
        started: when, as ISO 8601.
    """
    return {
        "version": _VERSION,
        "run": run,
        "workflow": dict(workflow),
        "state": "running",
        "provider": provider,
        "started": started,
        "ended": None,
        "steps": [],
        "variables": {},
        "sessions": {},
        "outputs": [],
    }


def _json(data: Any) -> str:
    return json.dumps(data, ensure_ascii=False, indent=2, default=_plain) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (tuple, set, frozenset)):
        return list(value)
    return str(value)


def _read(path: str) -> Any:
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError, RecursionError):
        return None
