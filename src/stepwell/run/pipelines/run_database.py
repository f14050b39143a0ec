"""Record of pipeline runs: one SQLite file per project.

Every change is one transaction in write-ahead mode: a killed process loses nothing that was committed, and
readers do not block the writer.
"""

from __future__ import annotations

import errno
import json
import os
import re
import secrets
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, final

from stepwell.run.pipelines.artifacts import place_of
from stepwell.run.pipelines.run_record import AttemptRecord, RunRecord, StepRecord
from stepwell.run.pipelines.shared_store import Lease, SharedStore
from stepwell.run.pipelines.task import Artifact, AttemptOutcome, StepState
from stepwell.run.run_store import RunBusy, RunStore, UnknownRun
from stepwell.source.atomic_write import write_atomically
from stepwell.source.remote import RemoteFault

__all__ = ["RunDatabase"]

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS runs (
    id TEXT PRIMARY KEY, pipeline TEXT NOT NULL, workspace TEXT, engine TEXT NOT NULL, mode TEXT NOT NULL,
    parameters TEXT NOT NULL, state TEXT NOT NULL, began REAL NOT NULL, ended REAL, number INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS steps (
    run TEXT NOT NULL REFERENCES runs(id), node TEXT NOT NULL, place INTEGER NOT NULL, step TEXT NOT NULL,
    developer TEXT NOT NULL, needs TEXT NOT NULL, state TEXT NOT NULL, cache_key TEXT,
    fault TEXT NOT NULL DEFAULT '', kind TEXT NOT NULL DEFAULT '', help TEXT NOT NULL DEFAULT '',
    began REAL, ended REAL, inputs TEXT NOT NULL DEFAULT '{}', outputs TEXT NOT NULL DEFAULT '[]',
    PRIMARY KEY (run, node)
);
CREATE TABLE IF NOT EXISTS attempts (
    run TEXT NOT NULL, node TEXT NOT NULL, number INTEGER NOT NULL, token TEXT NOT NULL, state TEXT NOT NULL,
    began REAL NOT NULL, ended REAL, exit_code INTEGER, fault TEXT NOT NULL DEFAULT '',
    folder TEXT NOT NULL DEFAULT '', worker TEXT NOT NULL DEFAULT '', PRIMARY KEY (run, node, number)
);
CREATE TABLE IF NOT EXISTS cache (
    key TEXT PRIMARY KEY, outputs TEXT NOT NULL, run TEXT NOT NULL, node TEXT NOT NULL, made REAL NOT NULL
);
PRAGMA user_version = 1;
"""


_RUN: Final = re.compile(r"[0-9a-f-]+")
_COLUMNS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "runs": (
            *("id", "pipeline", "workspace", "engine", "mode", "parameters", "state", "began", "ended"),
            "number",
        ),
        "steps": (
            *("run", "node", "place", "step", "developer", "needs", "state", "cache_key", "fault", "kind"),
            *("help", "began", "ended", "inputs", "outputs"),
        ),
        "attempts": (
            *("run", "node", "number", "token", "state", "began", "ended", "exit_code", "fault", "folder"),
            "worker",
        ),
    }
)


class _Connection(sqlite3.Connection):
    """Connection whose errors, as on a full disk, are system errors that name the file."""

    path = ""

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        try:
            return super().execute(sql, parameters)
        except sqlite3.OperationalError as error:
            raise OSError(errno.EIO, str(error), self.path) from None


@final
class RunDatabase:
    """Records of the runs of a project.

    Args:
        shared: URL of the shared store; empty for none.

    Raises:
        OSError: the folder or the database (``filename``) cannot be written, also in all methods.
    """

    def __init__(self, root: str, shared: str = "") -> None:
        self.shared = SharedStore(shared) if shared else None
        self._lease: Lease | None = None
        self.store = RunStore(root)
        self.store.create()
        self.objects = os.path.join(self.store.folder, "objects")
        path = os.path.join(self.store.runs, "record.sqlite")
        try:
            self._base = sqlite3.connect(path, timeout=60, isolation_level=None, factory=_Connection)
        except sqlite3.OperationalError as error:
            raise OSError(errno.EIO, str(error), path) from None
        self._base.path = path
        self._base.execute("PRAGMA journal_mode = WAL")
        self._base.execute("PRAGMA synchronous = NORMAL")
        if self._base.execute("PRAGMA user_version").fetchone()[0] == 0:
            self._base.execute("BEGIN IMMEDIATE")
            for statement in _TABLES.split(";"):
                self._base.execute(statement)
            self._base.execute("COMMIT")

    def close(self) -> None:
        """Close the database."""
        self._base.close()

    def __enter__(self) -> RunDatabase:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def begin(
        self, pipeline: str, workspace: str | None, engine: str, mode: str, parameters: Mapping[str, Any]
    ) -> str:
        """Start a run and return its id."""
        began = time.time()
        stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(began))
        run = self.store.begin(f"{stamp}-{secrets.token_hex(2)}")
        self._base.execute(
            "INSERT INTO runs SELECT ?,?,?,?,?,?,?,?,NULL,COALESCE(MAX(number),0)+1 FROM runs",
            (run, pipeline, workspace, engine, mode, json.dumps(dict(parameters)), "running", began),
        )
        return run

    def resume(self, run: str, engine: str) -> None:
        """Mark an ended or interrupted run as running."""
        self._base.execute("UPDATE runs SET state='running', ended=NULL, engine=? WHERE id=?", (engine, run))

    def end(self, run: str, state: StepState) -> None:
        """Record the end of a run."""
        self._record_end(run, state)
        self._share(run)

    def _record_end(self, run: str, state: StepState) -> None:
        self._base.execute("UPDATE runs SET state=?, ended=? WHERE id=?", (state.value, time.time(), run))

    @contextmanager
    def claimed(self, run: str, *, is_new: bool, take_over: bool = False) -> Iterator[Lease | None]:
        """Exclude other processes, and other machines that share the store, from executing a run.

        Args:
            take_over: whether to stop a run in progress on another machine.

        Yields:
            The lease of the run in the store, if there is one.

        Raises:
            RunBusy: the run is in progress elsewhere.
            RemoteFault: the store cannot be used.
        """
        with self.store.locked(run):
            if self.shared is None:
                yield None
                return
            path = Path(self.store.folder_of(run), "lease")
            known = path.read_text(encoding="utf-8") if path.exists() else ""
            try:
                lease = self.shared.claim(run, known=known, is_new=is_new, take_over=take_over)
            except (RunBusy, RemoteFault):
                if is_new:
                    self._record_end(run, StepState.CANCELLED)
                raise
            with lease:
                if lease.previous != known:  # another machine has executed the run since
                    self._adopt(run)
                write_atomically(path, lease.token)
                self._lease = lease
                try:
                    yield lease
                finally:
                    self._lease = None

    def plan(self, run: str, steps: Iterator[tuple[str, str, str, tuple[str, ...]]]) -> None:
        """Write the steps of a run; existing states are kept.

        Args:
            steps: node, step, developer and dependencies of each, in topological order.
        """
        self._base.execute("BEGIN IMMEDIATE")
        planned = []
        for place, (node, step, developer, needs) in enumerate(steps):
            planned.append(node)
            self._base.execute(
                "INSERT INTO steps (run,node,place,step,developer,needs,state) "
                "VALUES (?,?,?,?,?,?,'waiting') "
                "ON CONFLICT DO UPDATE SET place=excluded.place, step=excluded.step, "
                "developer=excluded.developer, needs=excluded.needs",
                (run, node, place, step, developer, json.dumps(needs)),
            )
        old = {row[0] for row in self._base.execute("SELECT node FROM steps WHERE run=?", (run,))}
        for node in old - set(planned):
            self._base.execute("DELETE FROM steps WHERE run=? AND node=?", (run, node))
        self._base.execute("COMMIT")
        self._share(run)

    def start_attempt(self, run: str, node: str, token: str, key: str, inputs: Mapping[str, str]) -> int:
        """Record a submitted attempt and return its number."""
        now = time.time()
        self._base.execute("BEGIN IMMEDIATE")
        number = int(
            self._base.execute(
                "SELECT COALESCE(MAX(number),0)+1 FROM attempts WHERE run=? AND node=?", (run, node)
            ).fetchone()[0]
        )
        self._base.execute(
            "INSERT INTO attempts (run,node,number,token,state,began) VALUES (?,?,?,?,'running',?)",
            (run, node, number, token, now),
        )
        self._base.execute(
            "UPDATE steps SET state='running', cache_key=?, inputs=?, fault='', kind='', help='', "
            "began=COALESCE(began,?), ended=NULL WHERE run=? AND node=?",
            (key, json.dumps(dict(inputs)), now, run, node),
        )
        self._base.execute("COMMIT")
        return number

    def end_attempt(self, run: str, node: str, outcome: AttemptOutcome) -> None:
        """Record the end of an attempt."""
        folder = os.path.relpath(outcome.folder, self.store.folder_of(run)) if outcome.folder else ""
        self._base.execute(
            "UPDATE attempts SET state=?, began=?, ended=?, exit_code=?, fault=?, folder=?, worker=? "
            "WHERE run=? AND node=? AND token=?",
            (
                outcome.state.value,
                outcome.began,
                outcome.ended,
                outcome.exit_code,
                outcome.fault,
                folder,
                outcome.worker,
                run,
                node,
                outcome.token,
            ),
        )

    def settle(
        self,
        run: str,
        node: str,
        state: StepState,
        *,
        key: str = "",
        inputs: Mapping[str, str] = MappingProxyType({}),
        outputs: tuple[Artifact, ...] = (),
        fault: str = "",
        kind: str = "",
        help: str = "",  # noqa: A002 - the field's name in Diagnostic
        outcome: AttemptOutcome | None = None,
    ) -> None:
        """Record the end of a step, with its last attempt and its cache entry."""
        plain = json.dumps([asdict(artifact) for artifact in outputs])
        now = time.time()
        self._base.execute("BEGIN IMMEDIATE")
        if outcome is not None:
            self.end_attempt(run, node, outcome)
        self._base.execute(
            "UPDATE steps SET state=?, cache_key=?, inputs=?, outputs=?, fault=?, kind=?, help=?, ended=? "
            "WHERE run=? AND node=?",
            (state.value, key, json.dumps(dict(inputs)), plain, fault, kind, help, now, run, node),
        )
        if state is StepState.DONE:
            self._base.execute(
                "INSERT OR REPLACE INTO cache VALUES (?,?,?,?,?)", (key, plain, run, node, now)
            )
        self._base.execute("COMMIT")
        if self.shared is not None and state is StepState.DONE:
            for artifact in outputs:
                if self.is_here(artifact.digest):  # else stored by a worker
                    self.shared.put(artifact.digest, place_of(self.objects, artifact.digest))
            self.shared.remember(key, outputs)
            self._share(run)

    def _share(self, run: str) -> None:
        """Copy the record of a run to the shared store."""
        if self.shared is None or (self._lease is not None and self._lease.is_lost()):
            return
        tables: dict[str, list[dict[str, Any]]] = {}
        for table, column in (("runs", "id"), ("steps", "run"), ("attempts", "run")):
            rows = self._base.execute(f"SELECT * FROM {table} WHERE {column}=?", (run,))  # noqa: S608
            names = [name for name, *_ in rows.description]
            tables[table] = [dict(zip(names, row, strict=True)) for row in rows]
        self.shared.write(f"runs/{run}.json", json.dumps({"version": 1, **tables}))

    def _adopt(self, run: str) -> None:
        """Replace the record of a run by that of the shared store, if it is there."""
        name = f"runs/{run}.json"
        content = self.shared.read(name) if self.shared is not None else None
        if content is None or self.shared is None:
            return
        try:
            tables = json.loads(content)
            rows = {
                table: [[row[column] for column in columns] for row in tables[table]]
                for table, columns in _COLUMNS.items()
            }
        except (ValueError, TypeError, LookupError):
            raise RemoteFault(f"{self.shared.url}/{name}", "not a record of a run") from None
        os.makedirs(self.store.folder_of(run), exist_ok=True)
        self._base.execute("BEGIN IMMEDIATE")
        (number,) = self._base.execute(
            "SELECT COALESCE((SELECT number FROM runs WHERE id=?), MAX(number)+1, 1) FROM runs", (run,)
        ).fetchone()
        for table, columns in _COLUMNS.items():
            self._base.execute(f"DELETE FROM {table} WHERE {columns[0]}=?", (run,))  # noqa: S608
            marks = ",".join("?" * len(columns))
            for values in rows[table]:
                self._base.execute(
                    f"INSERT INTO {table} ({','.join(columns)}) VALUES ({marks})",  # noqa: S608
                    values,
                )
        self._base.execute("UPDATE runs SET number=? WHERE id=?", (number, run))
        self._base.execute("COMMIT")

    def cached(self, key: str) -> tuple[Artifact, ...] | None:
        """Return the cached outputs of a key, if they still exist."""
        row = self._base.execute("SELECT outputs FROM cache WHERE key=?", (key,)).fetchone()
        outputs = None if row is None else _artifacts(row[0])
        if outputs is None and self.shared is not None:
            outputs = self.shared.outputs(key)
        return outputs if outputs is not None and self.has(outputs) else None

    def has(self, outputs: tuple[Artifact, ...]) -> bool:
        """Return whether outputs still exist, here or in the shared store."""
        return all(
            self.is_here(artifact.digest) or (self.shared is not None and self.shared.has(artifact.digest))
            for artifact in outputs
        )

    def is_here(self, digest: str) -> bool:
        """Return whether an artifact is on this machine."""
        return os.path.lexists(place_of(self.objects, digest))

    def bring(self, digest: str) -> None:
        """Copy an artifact from the shared store, unless it is on this machine.

        Raises:
            RemoteFault: the store cannot be used.
        """
        if self.shared is not None and not self.is_here(digest):
            os.makedirs(self.objects, exist_ok=True)
            self.shared.get(digest, self.objects)

    def last(self, pipeline: str | None = None, before: str | None = None) -> str | None:
        """Return the id of the latest run.

        Args:
            pipeline: default: any pipeline.
        """
        row = self._base.execute(
            "SELECT id FROM runs WHERE (?1 IS NULL OR pipeline=?1) AND "
            "(?2 IS NULL OR number < (SELECT number FROM runs WHERE id=?2)) ORDER BY number DESC LIMIT 1",
            (pipeline, before),
        ).fetchone()
        return None if row is None else str(row[0])

    def read(self, run: str) -> RunRecord:
        """Return the record of a run.

        Raises:
            UnknownRun: no such run.
        """
        select = "SELECT pipeline,workspace,engine,mode,parameters,state,began,ended FROM runs WHERE id=?"
        row = self._base.execute(select, (run,)).fetchone()
        if row is None and self.shared is not None and _RUN.fullmatch(run):
            self._adopt(run)
            row = self._base.execute(select, (run,)).fetchone()
        if row is None:
            raise UnknownRun(run, f"unknown run {run} ({self._latest()})")
        attempts: dict[str, list[AttemptRecord]] = {}
        for node, number, state, began, ended, code, fault, folder, worker in self._base.execute(
            "SELECT node,number,state,began,ended,exit_code,fault,folder,worker FROM attempts "
            "WHERE run=? ORDER BY number",
            (run,),
        ):
            attempt = AttemptRecord(number, StepState(state), began, ended, code, fault, folder, worker)
            attempts.setdefault(node, []).append(attempt)
        steps = [
            StepRecord(
                node,
                step,
                developer,
                tuple(json.loads(needs)),
                StepState(state),
                key or "",
                fault,
                kind,
                help_text,
                started,
                stopped,
                MappingProxyType(json.loads(inputs)),
                _artifacts(outputs),
                tuple(attempts.get(node, ())),
            )
            for (
                node,
                step,
                developer,
                needs,
                state,
                key,
                fault,
                kind,
                help_text,
                started,
                stopped,
                inputs,
                outputs,
            ) in self._base.execute(
                "SELECT node,step,developer,needs,state,cache_key,fault,kind,help,began,ended,inputs,outputs "
                "FROM steps WHERE run=? ORDER BY place",
                (run,),
            )
        ]
        pipeline, workspace, engine, mode, parameters, state, began, ended = row
        return RunRecord(
            run,
            pipeline,
            workspace,
            engine,
            mode,
            MappingProxyType(json.loads(parameters)),
            StepState(state),
            began,
            ended,
            self.store.folder_of(run),
            tuple(steps),
        )

    def _latest(self) -> str:
        runs = [row[0] for row in self._base.execute("SELECT id FROM runs ORDER BY number DESC LIMIT 3")]
        return f"latest: {', '.join(runs)}" if runs else "there are no runs yet"


def _artifacts(text: str) -> tuple[Artifact, ...]:
    return tuple(Artifact(**fields) for fields in json.loads(text))
