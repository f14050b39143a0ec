"""Folder of a workflow run below ``.stepwell/runs``, updated while the run proceeds.

``record.json`` is the state of the run (``schemas/output-workflow-run.schema.json``), ``results/`` has the
answer of each step, ``outputs/`` the files that steps write. All writes are atomic and inside the folder of
the run, so that a killed run can be resumed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final, final

from stepwell.run.run_store import FOLDER, RECORD, RunStore, UnknownRun
from stepwell.run.workflows.workflow import inside
from stepwell.source.atomic_write import write_atomically
from stepwell.source.redaction import without_secrets
from stepwell.source.spelling import suggest

__all__ = ["RunFolder", "Runs"]

_VERSION: Final = 1
_MIN_SECRET: Final = 4
"""Minimum length of a redacted secret; shorter ones would match everywhere."""

_EARLIER: Final = 50
"""Number of earlier runs to search for an answer or a conversation."""


@final
class RunFolder:
    """Folder of one run.

    Args:
        path: absolute.
    """

    __slots__ = ("_path", "_secrets", "outputs")

    def __init__(self, path: str, secrets: Iterable[str] = ()) -> None:
        self._path = path
        known = [secret for secret in secrets if len(secret) >= _MIN_SECRET]
        self._secrets = (*known, *(json.dumps(secret, ensure_ascii=False)[1:-1] for secret in known))
        self.outputs: list[str] = []

    @property
    def path(self) -> str:
        """Return the absolute folder."""
        return self._path

    def write(self, record: Mapping[str, Any]) -> None:
        """Write the record."""
        self._write(RECORD, _json(record))

    def keep_result(
        self, index: int, name: str, answer: Any, variables: Mapping[str, Any], sessions: Mapping[str, Any]
    ) -> str:
        """Store the answer of a step and the state after it, from which a run can be resumed.

        Args:
            index: of the step, from 0.
            answer: plain data; everything else is stored as text.

        Returns:
            File name, relative to the folder of the run.
        """
        path = f"results/{index + 1:03}-{name}.json"
        result = {"step": name, "answer": answer, "variables": variables, "sessions": sessions}
        self._write(path, _json(result))
        return path

    def result(self, path: str) -> dict[str, Any]:
        """Return the stored ``answer`` of a step, with ``variables`` and ``sessions`` after it.

        Raises:
            UnknownRun: the result is missing or invalid.
        """
        result = _read(os.path.join(self._path, path))
        if not isinstance(result, dict) or "answer" not in result:
            raise _unknown(os.path.basename(self._path), f"`{path}` is missing or was modified")
        return result

    def keep(self, path: str, text: str) -> None:
        """Write an output file.

        Args:
            path: relative to the outputs.

        Raises:
            PathEscape: the path is outside the outputs.
            OSError: the file cannot be written.
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
        """Return the text with known and likely secrets redacted."""
        return without_secrets(text, self._secrets)


@final
class Runs:
    """The workflow runs of a project.

    Args:
        root: absolute.
    """

    __slots__ = ("_secrets", "_store")

    def __init__(self, root: str, secrets: Iterable[str] = ()) -> None:
        self._store = RunStore(root)
        self._secrets = tuple(secrets)

    def locked(self, folder: RunFolder) -> AbstractContextManager[None]:
        """Lock a run for this process, as pipelines do.

        Raises:
            RunBusy: another process executes the run.
        """
        return self._store.locked(os.path.basename(folder.path), "workflow")

    def begin(self, name: str) -> RunFolder:
        """Create the folder of a new run.

        Args:
            name: preferred id, numbered if it is taken.
        """
        run = self._store.begin(name, 0o700)
        return RunFolder(self._store.folder_of(run), self._secrets)

    def find(self, name: str, workflow: str) -> tuple[RunFolder, dict[str, Any]]:
        """Return an existing run and its record.

        Args:
            name: id, or ``last`` for the latest run of the workflow.

        Raises:
            UnknownRun: the run does not exist, belongs to another workflow, or its record is unreadable.
        """
        runs = self._store.ids("workflow")
        if name == "last":
            name = next((run for run, _ in self._earlier(workflow)), name)
            if name == "last":
                raise _unknown(name, f"`{workflow}` has no runs")
        if name not in runs:
            hint = suggest(name, runs) or f"runs are in {FOLDER}/runs"
            raise _unknown(name, hint if runs else f"`{workflow}` has no runs")
        record = self._record(name)
        if not isinstance(record, dict) or record.get("version") != _VERSION:
            raise _unknown(name, "cannot read its record")
        other = record.get("workflow", {}).get("name")
        if other != workflow:
            raise _unknown(name, f"it belongs to workflow `{other}`")
        return RunFolder(self._store.folder_of(name), self._secrets), record

    def recall(self, workflow: str, kind: str, key: str) -> Any:
        """Return a conversation or an answer of an earlier run of a workflow.

        Args:
            kind: ``session`` for a conversation, ``answer`` for an answer.
            key: name of the conversation, or digest of the prompt.
        """
        for name, record in self._earlier(workflow):
            if kind == "session" and record.get("sessions", {}).get(key):
                return record["sessions"][key]
            for step in record.get("steps", ()) if kind == "answer" else ():
                path = step.get("result")
                result = _read(os.path.join(self._store.folder_of(name), path)) if path else None
                answer = result.get("answer") if isinstance(result, dict) else None
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
    return UnknownRun(run, f"cannot resume run `{run}`: {fault}")


def new_record(run: str, workflow: Mapping[str, Any], provider: str | None, started: str) -> dict[str, Any]:
    """Return the record of a new run.

    Args:
        workflow: name, file and digest.
        provider: default: each step selects one.
        started: ISO 8601.
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
