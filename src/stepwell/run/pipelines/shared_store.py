"""Artifact store behind a URL, and attempts of workers that share nothing else with the scheduler."""

from __future__ import annotations

import json
import os
import platform
import secrets
import shutil
import stat
import tarfile
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final, final

from stepwell.run.pipelines.artifacts import Unholdable, digest_of, place_of
from stepwell.run.pipelines.task import Artifact, AttemptOutcome, StepState, Task
from stepwell.run.pipelines.worker import LOG, perform
from stepwell.run.run_store import RunBusy
from stepwell.source.remote import Connection, RemoteFault, exists, fetch, location, publish
from stepwell.source.tree import walk

__all__ = ["Lease", "SharedStore", "perform_apart"]

_FILE: Final = "file"
"""Name in the archive of an artifact that is one file; names in a folder follow ``folder/``."""
_FOLDER: Final = "folder/"
_TEXT_LIMIT: Final = 2**28
_PATIENCE: Final = 30.0
"""Seconds to wait for a small text."""
LEASE_SECONDS: Final = 60.0
"""Seconds after which a lease that is not renewed has expired."""
RENEWAL_SECONDS: Final = 10.0
_STOP_INTERVAL: Final = 5.0
"""Seconds between two queries whether the run was cancelled."""


@final
class SharedStore:
    """Artifacts by digest, outputs by cache key, and records of runs behind a URL.

    An artifact is one archive, so it is complete or absent; its digest is checked whenever it is fetched. All
    methods raise ``RemoteFault`` if the store cannot be used.

    Args:
        url: folder, e.g. ``s3://bucket/stepwell``.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._connection = Connection(_PATIENCE)

    def has(self, digest: str) -> bool:
        """Return whether an artifact is there."""
        return exists(self._archive(digest))

    def put(self, digest: str, path: str) -> None:
        """Store a file or folder, unless it is there."""
        if self.has(digest):
            return
        with tempfile.TemporaryDirectory(prefix="stepwell-store-") as folder:
            archive = os.path.join(folder, "artifact.tar")
            with tarfile.open(archive, "w") as file:
                for relative, _ in walk(path):
                    inner = f"{_FOLDER}{relative}" if relative else _FILE
                    file.add(os.path.join(path, relative) if relative else path, inner, recursive=False)
            publish(archive, self._archive(digest), "artifact.tar")

    def get(self, digest: str, objects: str) -> str:
        """Copy an artifact to a local store, and return its path there."""
        place = place_of(objects, digest)
        if os.path.lexists(place):
            return place
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".fetched-", dir=objects) as folder:
            url = self._archive(digest)
            made = _unpacked(fetch(url, folder), folder, url)
            try:
                fits = digest_of(made)[0] == digest
            except Unholdable:
                fits = False
            if not fits:
                raise RemoteFault(url, "the content does not match its digest")
            for relative, status in walk(made):
                if stat.S_ISREG(status.st_mode):
                    os.chmod(os.path.join(made, relative) if relative else made, status.st_mode & 0o555)
            with suppress(OSError):  # another process has fetched it
                os.rename(made, place)
        if not os.path.lexists(place):
            raise RemoteFault(url, f"cannot be stored in {objects}")
        return place

    def outputs(self, key: str) -> tuple[Artifact, ...] | None:
        """Return the outputs of a cache key, if known."""
        name = f"keys/{key[:2]}/{key[2:]}.json"
        content = self.read(name)
        try:
            return None if content is None else tuple(Artifact(**fields) for fields in json.loads(content))
        except (ValueError, TypeError):
            raise RemoteFault(self._at(name), "not a list of outputs") from None

    def remember(self, key: str, outputs: tuple[Artifact, ...]) -> None:
        """Store the outputs of a cache key."""
        content = json.dumps([asdict(artifact) for artifact in outputs])
        self.write(f"keys/{key[:2]}/{key[2:]}.json", content)

    def read(self, name: str) -> str | None:
        """Return a small text, or ``None`` if it does not exist."""
        try:
            return self._connection.read(self._at(name), _TEXT_LIMIT).decode("utf-8", "replace")
        except RemoteFault as error:
            if error.is_missing:
                return None
            raise

    def write(self, name: str, content: str) -> None:
        """Store a small text."""
        self._connection.write(self._at(name), content.encode())

    def create(self, name: str, content: str) -> bool:
        """Store a small text unless it exists, and return whether it was stored."""
        return self._connection.create(self._at(name), content.encode())

    def claim(self, run: str, *, known: str, is_new: bool, take_over: bool) -> Lease:
        """Return a new lease of a run.

        Args:
            known: token of the last lease of this folder, whose process has ended.
            take_over: whether to end the lease of another machine.

        Raises:
            RunBusy: another machine executes the run.
        """
        while True:
            number, last = self._last_lease(run)
            if last is not None and is_new:
                raise RunBusy(f"run {run} was started on {last.holder}: run the pipeline again for a new id")
            if last is not None and not take_over:
                last.check_free(run, known)
            now = time.time()
            state = _LeaseState(platform.node(), os.getpid(), now, now, secrets.token_hex(8))
            is_ours = self.create(_lease_name(run, number + 1), state.text())
            if is_ours or self.lease_state(run, number + 1) == state:  # a retried request is rejected
                return Lease(self, run, number + 1, state, "" if last is None else last.token)
            take_over = False  # another machine was first

    def lease_state(self, run: str, number: int) -> _LeaseState | None:
        """Return a numbered lease of a run, or ``None`` if it does not exist."""
        content = self.read(_lease_name(run, number))
        try:
            return None if content is None else _LeaseState(**json.loads(content))
        except (ValueError, TypeError):
            raise RemoteFault(self._at(_lease_name(run, number)), "not a lease of a run") from None

    def _last_lease(self, run: str) -> tuple[int, _LeaseState | None]:
        number, last = 0, None
        while (state := self.lease_state(run, number + 1)) is not None:
            number, last = number + 1, state
        return number, last

    def stop(self, mark: str) -> None:
        """Cancel the attempts with a mark."""
        self.write(f"stops/{mark}", "")

    def is_stopped(self, mark: str) -> bool:
        """Return whether the attempts with a mark were cancelled."""
        return exists(self._at(f"stops/{mark}"))

    def _archive(self, digest: str) -> str:
        return self._at(f"objects/{digest[:2]}/{digest[2:]}.tar")

    def _at(self, name: str) -> str:
        return location(f"{self.url}/{name}", "/")


def _lease_name(run: str, number: int) -> str:
    return f"leases/{run}/{number}.json"


@final
@dataclass(frozen=True, slots=True)
class _LeaseState:
    """Content of a lease in the store.

    Args:
        began: seconds since 1970, as ``renewed``, by the clock of the holder.
    """

    host: str
    process: int
    began: float
    renewed: float
    token: str
    is_released: bool = False

    @property
    def holder(self) -> str:
        return f"{self.host} (process {self.process}) at {_utc(self.began)}"

    def text(self) -> str:
        return json.dumps(asdict(self))

    def check_free(self, run: str, known: str) -> None:
        """Raise ``RunBusy`` unless the lease was released, has expired, or is one of this folder."""
        age = max(0.0, time.time() - self.renewed)
        if self.is_released or age > LEASE_SECONDS or (self.token == known and self.host == platform.node()):
            return
        raise RunBusy(
            f"run {run} is in progress on another machine: started on {self.holder}, last seen {age:.0f} s "
            f"ago; if that process is gone, resume in {LEASE_SECONDS - age:.0f} s, or now with --take-over"
        )


@final
class Lease:
    """Right of this process to execute a run, renewed by a thread until the end of the block.

    The leases of a run are numbered and the last one is valid. A store creates each number once, so that only
    one of several machines receives it; a holder of an earlier number has lost the run.

    Args:
        previous: token of the lease before.
    """

    def __init__(self, store: SharedStore, run: str, number: int, state: _LeaseState, previous: str) -> None:
        self.token, self.previous = state.token, previous
        self._store, self._run, self._number, self._state = store, run, number, state
        self._renewed = time.monotonic()
        self._rejection = ""
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._renew, daemon=True)

    def __enter__(self) -> Lease:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        with suppress(RemoteFault):  # expires
            if not self.is_lost():
                self._write(replace(self._state, is_released=True))

    def check(self) -> None:
        """Check the result of the last renewal, without a connection.

        Raises:
            RunBusy: another machine has taken over the run, or may have.
        """
        if not self._rejection and time.monotonic() - self._renewed > LEASE_SECONDS:
            self._rejection = f"the store did not answer for {LEASE_SECONDS:.0f} s; resume it when it does"
        if self._rejection:
            raise RunBusy(f"run {self._run} was stopped here: {self._rejection}")

    def is_lost(self) -> bool:
        """Return whether another machine has taken over the run.

        Raises:
            RemoteFault: the store cannot be used.
        """
        state = self._store.lease_state(self._run, self._number + 1)
        if state is None:  # a store without conditional writes may have replaced this lease
            state = self._store.lease_state(self._run, self._number)
        if state is not None and state.token != self.token:
            self._rejection = f"taken over by {state.holder}"
        return bool(self._rejection)

    def _renew(self) -> None:
        while not self._ended.wait(RENEWAL_SECONDS):
            with suppress(RemoteFault):
                began = time.monotonic()
                if self.is_lost():
                    return
                self._write(replace(self._state, renewed=time.time()))
                self._renewed = began

    def _write(self, state: _LeaseState) -> None:
        self._store.write(_lease_name(self._run, self._number), state.text())


def _utc(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))


def perform_apart(task: Task, scratch: str) -> tuple[AttemptOutcome, bytes]:
    """Execute an attempt whose script comes with the task, and whose data is in the shared store.

    Args:
        scratch: folder of this worker; its copies of artifacts are kept there.

    Returns:
        The outcome, and the log.
    """
    store = SharedStore(task.store)
    objects = os.path.join(scratch, "stepwell-objects")
    os.makedirs(objects, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="stepwell-attempt-", dir=scratch) as folder:
        try:
            local = _local(task, store, folder, objects)
        except RemoteFault as error:
            return _failed(task, f"cannot fetch the inputs: {error}"), b""
        with _cancelled(store, task.mark, local.stop):
            outcome = perform(local)
        log = b""
        with suppress(OSError):
            log = Path(outcome.folder, LOG).read_bytes()
        if outcome.state is StepState.DONE:
            try:
                for artifact in outcome.outputs:
                    store.put(artifact.digest, place_of(objects, artifact.digest))
                store.remember(task.key, outcome.outputs)
            except RemoteFault as error:
                return _failed(task, f"cannot store the outputs: {error}"), log
        for path in Path(folder).rglob("*"):
            with suppress(OSError):
                path.chmod(path.stat().st_mode | stat.S_IRWXU)  # a script may have protected its files
        return replace(outcome, folder=""), log


def _local(task: Task, store: SharedStore, folder: str, objects: str) -> Task:
    """Return the task with paths of this machine."""
    code = os.path.join(folder, "code")
    for name, content in task.files:
        path = os.path.join(code, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        Path(path).write_bytes(content)
    inputs = tuple(
        replace(port, source=store.get(port.digest, objects)) if port.source and port.digest else port
        for port in task.inputs
    )
    own = {name: os.environ[name] for name in task.machine if name in os.environ}
    return replace(
        task,
        environment=tuple({**own, **dict(task.environment)}.items()),
        folder=os.path.join(folder, "attempts"),
        objects=objects,
        stop=os.path.join(folder, "stop"),
        script=os.path.join(code, os.path.basename(task.script)),
        folders=(code,),
        inputs=inputs,
    )


@contextmanager
def _cancelled(store: SharedStore, mark: str, stop: str) -> Iterator[None]:
    """Create the file ``stop`` when the attempt is cancelled."""
    ended = threading.Event()

    def ask() -> None:
        while not ended.wait(_STOP_INTERVAL):
            with suppress(RemoteFault):
                if store.is_stopped(mark):
                    Path(stop).touch()
                    return

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _failed(task: Task, fault: str) -> AttemptOutcome:
    now = time.time()
    help_text = "check the store of `[runs]` in stepwell.toml, then resume the run"
    return AttemptOutcome(task.token, StepState.FAILED, now, now, fault=fault, kind="store", help=help_text)


def _unpacked(archive: str, folder: str, url: str) -> str:
    """Unpack an artifact below a folder; links come last, so that nothing is written through one."""
    target = os.path.join(folder, "unpacked")
    links: list[tuple[str, str]] = []
    try:
        with tarfile.open(archive, "r:") as file:
            for member in file:
                path = _target(target, member.name)
                if path is None or not (member.isreg() or member.issym()):
                    raise RemoteFault(url, f"`{member.name}` is not a file of an artifact")
                os.makedirs(os.path.dirname(path), exist_ok=True)
                if member.issym():
                    links.append((member.linkname, path))
                    continue
                content = file.extractfile(member)
                assert content is not None  # noqa: S101 - a regular file
                with open(path, "xb") as made:
                    shutil.copyfileobj(content, made)
                os.chmod(path, 0o755 if member.mode & stat.S_IXUSR else 0o644)
    except (tarfile.TarError, EOFError) as error:
        raise RemoteFault(url, f"not an artifact: {error}") from None
    for name, path in links:
        os.symlink(name, path)
    return os.path.join(target, _FILE) if os.path.lexists(os.path.join(target, _FILE)) else f"{target}/folder"


def _target(folder: str, name: str) -> str | None:
    parts = name.split("/")
    plain = name == _FILE or (name.startswith(_FOLDER) and not {"", ".", ".."} & set(parts))
    return os.path.join(folder, *parts) if plain else None
