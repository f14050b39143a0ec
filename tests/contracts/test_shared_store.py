"""Workers that share nothing with the scheduler but a store: artifacts, scripts, cancellation, resume."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
from tests.running import CONFIGURATION, SUMS, plan, single, states

from stepwell.frontends import cli
from stepwell.run.pipelines import Options, RunDatabase, RunRecord, run_plan, shared_store
from stepwell.run.pipelines.artifacts import digest_of, place_of
from stepwell.run.pipelines.engines import Dask, EngineError, Local
from stepwell.run.pipelines.shared_store import Lease, SharedStore, perform_apart
from stepwell.run.pipelines.task import Artifact, AttemptOutcome, Task
from stepwell.run.pipelines.worker import keep_apart
from stepwell.run.run_store import RunBusy
from stepwell.source import remote
from stepwell.source.remote import RemoteFault

Project = Callable[[Mapping[str, "str | bytes"]], Path]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

QUIET: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
MOTO = "import sys; from moto.server import main; main(sys.argv[1:])"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def wait_for(is_done: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not is_done():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.1)


def listens(port: int) -> bool:
    with suppress(OSError):
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    return False


class Network:
    """A network namespace that reaches only this machine, and in which a folder is empty."""

    def __init__(self, number: int, hidden: Path) -> None:
        self.name, subnet = f"stepwell-{os.getpid()}-{number}", f"198.18.{os.getpid() % 250}.{4 * number}"
        self.near, self.far = (f"{subnet.rpartition('.')[0]}.{4 * number + host}" for host in (1, 2))
        hide = 'mount -t tmpfs none "$0" && exec "$@"'
        self.command = ["ip", "netns", "exec", self.name, "sh", "-c", hide, str(hidden)]
        outside, inside = (f"sw{os.getpid() % 10**7}{end}{number}" for end in "oi")
        self.configure("netns", "add", self.name)
        self.configure("link", "add", outside, "type", "veth", "peer", "name", inside, "netns", self.name)
        self.configure("address", "add", f"{self.near}/30", "dev", outside)
        self.configure("link", "set", outside, "up")
        self.configure("-n", self.name, "address", "add", f"{self.far}/30", "dev", inside)
        for device in ("lo", inside):
            self.configure("-n", self.name, "link", "set", device, "up")

    def configure(self, *words: str) -> None:
        done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
        if done.returncode:
            self.remove()
            pytest.skip(f"network namespaces cannot be made here: {done.stderr.strip()}")

    def remove(self) -> None:
        subprocess.run(["ip", "netns", "delete", self.name], capture_output=True, check=False)


class Cluster:
    """moto's S3 server, a Dask scheduler, and two workers with a folder each, and a network if given."""

    def __init__(self, folder: Path, networks: Sequence[Network] = ()) -> None:
        self.folder, self.networks = folder, networks
        self.host = "0.0.0.0" if networks else "127.0.0.1"  # noqa: S104 - no address that others reach
        self.store_port, self.port = free_port(), free_port()
        self.environment = {
            **os.environ,
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.store_port}",
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_MAX_ATTEMPTS": "1",
        }
        self.address = f"tcp://127.0.0.1:{self.port}"
        self.store = self.start("-c", MOTO, "-H", self.host, "-p", str(self.store_port))
        wait_for(lambda: listens(self.store_port))
        self.workers: list[subprocess.Popen[bytes]] = []
        self.begin()

    def begin(self) -> None:
        """Start the scheduler and the workers."""
        command = ("-m", "distributed.cli.dask_scheduler", "--host", self.host, "--port", str(self.port))
        self.scheduler = self.start(*command, "--no-dashboard")
        wait_for(lambda: listens(self.port))
        for number in range(2):
            self.add_worker(number)

    def add_worker(self, number: int) -> None:
        place = self.folder / f"worker-{number}"
        place.mkdir(exist_ok=True)
        words = ("--nthreads", "1", "--no-dashboard", "--no-nanny", "--local-directory", str(place))
        network = self.networks[number] if self.networks else None
        address = self.address if network is None else f"tcp://{network.near}:{self.port}"
        command = ("-m", "distributed.cli.dask_worker", address, *words)
        self.workers.append(self.start(*command, cwd=place, network=network))

    def start(
        self, *words: str, cwd: Path | None = None, network: Network | None = None
    ) -> subprocess.Popen[bytes]:
        command, environment = [sys.executable, "-W", "ignore", *words], self.environment
        if network is not None:
            command = [*network.command, *command]
            environment = {**environment, "AWS_ENDPOINT_URL": f"http://{network.near}:{self.store_port}"}
        return subprocess.Popen(command, env=environment, cwd=cwd or self.folder, **QUIET)

    def end(self) -> None:
        for process in (self.store, self.scheduler, *self.workers):
            process.kill()
            process.wait()


@pytest.fixture
def networks(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Sequence[Network]]:
    """No networks, or as many as a test requests with an indirect parameter."""
    made: list[Network] = []
    if getattr(request, "param", 0) and shutil.which("ip") is None:
        pytest.skip("network namespaces cannot be made here: `ip` is not installed")
    try:
        for number in range(getattr(request, "param", 0)):
            made.append(Network(number, tmp_path))  # noqa: PERF401 - each is removed if a later one fails
        yield made
    finally:
        for network in made:
            network.remove()


@pytest.fixture
def cluster(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, networks: Sequence[Network]
) -> Iterator[Cluster]:
    for name in ("s3fs", "flask_cors", "distributed", "boto3"):
        pytest.importorskip(name)
    import boto3

    made = Cluster(tmp_path_factory.mktemp("cluster"), networks)
    for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, made.environment[name])
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    try:
        boto3.client("s3").create_bucket(Bucket="runs")
        yield made
    finally:
        made.end()


STORE = "s3://runs/here"


def run(
    root: Path,
    name: str,
    engine: Any,
    *,
    resume: str | None = None,
    store: str = STORE,
    fetch: Literal["none", "final", "all"] = "final",
) -> RunRecord:
    made, found = plan(root, name)
    assert [each.message for each in found] == []
    with RunDatabase(str(root), store) as record:
        return run_plan(made, record, engine, options=Options(fetch=fetch), resume=resume)


SHARED: Mapping[str, str] = {
    **SUMS,
    "src/scripts/total.py": "from helpers.sums import add\n"
    + SUMS["src/scripts/total.py"].replace("sum(", "add("),
    "src/helpers/__init__.py": "",
    "src/helpers/sums.py": "def add(values):\n    return sum(values)\n",
}


def test_workers_that_share_only_the_store_run_a_pipeline(project: Project, cluster: Cluster) -> None:
    root = project(SHARED)
    made = run(root, "Sums", Dask(cluster.address))
    assert [(step.node, step.state.value, step.fault) for step in made.steps] == [
        ("make", "done", ""),
        ("total", "done", ""),
    ]
    assert (Path(made.folder) / "outputs/total.total").read_text() == '{"total": 3}'
    assert all(attempt.worker.startswith("tcp://") for step in made.steps for attempt in step.attempts)
    assert [path for path in cluster.folder.rglob("*.csv") if "stepwell-objects" not in path.parts] == []
    log = Path(made.folder, made.steps[0].attempts[0].folder, "log.txt")
    assert log.is_file()


@pytest.mark.parametrize("networks", [2], indirect=True)
def test_workers_in_separate_networks_run_a_pipeline(
    project: Project, cluster: Cluster, networks: Sequence[Network]
) -> None:
    steps = "".join(
        f"  - {{id: make_{rows}, step: Make, config: {{rows: {rows}}}}}\n"
        f"  - {{id: total_{rows}, step: Total, inputs: {{rows: make_{rows}.rows}}}}\n"
        for rows in (3, 4)
    )
    root = project(
        {
            **SHARED,
            "registry.d/pipelines/sums.yaml": f"name: Sums\ndescription: Two sums.\nsteps:\n{steps}",
            "src/scripts/make.py": "import time\ntime.sleep(3)\n" + SHARED["src/scripts/make.py"],
        }
    )
    for network, other in (networks, networks[::-1]):
        connect = (
            "import os, socket, sys; print(os.listdir(sys.argv[1]), flush=True); socket.create_connection"
        )
        script = f"{connect}(({other.far!r}, 1), 1)"
        command = [*network.command, sys.executable, "-c", script, str(root.parent)]
        isolated = subprocess.run(command, capture_output=True, text=True, check=False)
        assert isolated.stdout == "[]\n"
        assert "Network is unreachable" in isolated.stderr
    made = run(root, "Sums", Dask(cluster.address))
    assert set(states(made).values()) == {"done"}, [step.fault for step in made.steps]
    totals = [(Path(made.folder) / f"outputs/total_{rows}.total").read_text() for rows in (3, 4)]
    assert totals == ['{"total": 3}', '{"total": 6}']
    workers = {attempt.worker.rpartition(":")[0] for step in made.steps for attempt in step.attempts}
    assert workers == {f"tcp://{network.far}" for network in networks}


def test_the_machine_that_schedules_fetches_only_requested_outputs(
    project: Project, cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []

    def fetch(url: str, folder: str) -> str:  # the workers are other processes
        path = remote.fetch(url, folder)
        sizes.append(Path(path).stat().st_size)
        return path

    monkeypatch.setattr(shared_store, "fetch", fetch)
    sums = "registry.d/pipelines/sums.yaml"
    root = project({**SHARED, sums: SHARED[sums].replace("rows: 3", "rows: 9999")})
    first = run(root, "Sums", Dask(cluster.address), fetch="none")
    assert (states(first), sizes) == ({"make": "done", "total": "done"}, [])
    assert list(Path(first.folder, "outputs").iterdir()) == []
    assert states(run(root, "Sums", Local(1), fetch="none")) == {"make": "cached", "total": "cached"}
    assert sizes == []
    resumed = run(root, "Sums", Dask(cluster.address), resume=first.id, fetch="final")
    assert states(resumed) == {"make": "done", "total": "done"}
    assert sizes == [10240]  # an archive of one small file
    assert [path.name for path in Path(first.folder, "outputs").iterdir()] == ["total.total"]
    run(root, "Sums", Dask(cluster.address), resume=first.id, fetch="all")
    assert len(sizes) == 2
    assert sizes[1] > 60000, sizes
    other = elsewhere(root, tmp_path / "elsewhere")
    (other / "src/scripts/total.py").write_text(SHARED["src/scripts/total.py"] + "\n# changed\n")
    assert states(run(other, "Sums", Local(1), fetch="none")) == {"make": "cached", "total": "done"}
    assert sizes[2:] == [sizes[1]]  # the input of a step that runs here


def test_a_run_is_resumed_on_another_machine(project: Project, cluster: Cluster, tmp_path: Path) -> None:
    root = project({**SHARED, "src/scripts/total.py": "raise SystemExit(3)\n"})
    first = run(root, "Sums", Dask(cluster.address))
    assert states(first) == {"make": "done", "total": "failed"}
    other = elsewhere(root, tmp_path / "elsewhere")
    (other / "src/scripts/total.py").write_text(SHARED["src/scripts/total.py"])
    with RunDatabase(str(other), STORE) as record:
        seen = record.read(first.id)
    assert [(step.node, step.state, step.outputs) for step in seen.steps] == [
        (step.node, step.state, step.outputs) for step in first.steps
    ]
    resumed = run(other, "Sums", Dask(cluster.address), resume=first.id)
    assert states(resumed) == {"make": "done", "total": "done"}
    assert len(resumed.step("make").attempts) == 1
    assert (Path(resumed.folder) / "outputs/total.total").read_text() == '{"total": 3}'
    third = elsewhere(other, tmp_path / "third")
    assert states(run(third, "Sums", Local(1))) == {"make": "cached", "total": "cached"}


WAIT = """\
import os, time
open("/opt/ml/processing/output/pid", "w").write(str(os.getpid()))
print("started", flush=True)
time.sleep({seconds})
"""
OUT = "  outputs:\n    out: {path: /opt/ml/processing/output}\n"


def started(cluster: Cluster) -> list[int]:
    """The workers on which a script runs."""
    return [
        number
        for number in range(2)
        if list((cluster.folder / f"worker-{number}").rglob("stepwell-attempt-*/attempts/*/job"))
    ]


def in_background(root: Path, cluster: Cluster, *more: str) -> subprocess.Popen[str]:
    (root / "stepwell.toml").write_text(f'{CONFIGURATION}[runs]\nstore = "{STORE}"\n')
    words = ["pipeline", "run", "Only", "--engine", "dask", "--scheduler", cluster.address, *more]
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "stepwell", *words],
        env=cluster.environment,
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_worker_the_scheduler_and_the_store_are_killed_in_turn(project: Project, cluster: Cluster) -> None:
    root = project(single(WAIT.format(seconds=8), OUT))
    running = in_background(root, cluster)
    wait_for(lambda: started(cluster))
    (number,) = started(cluster)
    cluster.workers[number].kill()  # the step runs again on the other worker
    out, err = running.communicate(timeout=90)
    assert (running.returncode, "it  done" in out) == (0, True), err

    (root / "src/scripts/work.py").write_text(WAIT.format(seconds=9))
    shutil.rmtree(cluster.folder / f"worker-{number}")
    cluster.add_worker(number)
    running = in_background(root, cluster)
    wait_for(lambda: started(cluster))
    cluster.scheduler.kill()
    out, err = running.communicate(timeout=60)
    assert running.returncode == 2
    assert "does not answer any more: start it and its workers again, then resume the run" in err

    for worker in cluster.workers:
        worker.kill()
        worker.wait()
    cluster.begin()
    running = in_background(root, cluster, "--resume")
    out, err = running.communicate(timeout=90)
    assert (running.returncode, "it  done" in out) == (0, True), err

    cluster.store.kill()
    (root / "src/scripts/work.py").write_text(WAIT.format(seconds=1))
    running = in_background(root, cluster)
    out, err = running.communicate(timeout=120)
    assert running.returncode == 2
    assert "error: the artifact store cannot be used: s3://runs/here/" in err
    assert "resume the run when it answers again" in err


def test_a_run_that_is_interrupted_stops_its_scripts_elsewhere(project: Project, cluster: Cluster) -> None:
    root = project(single(WAIT.format(seconds=300), OUT))
    running = in_background(root, cluster)
    wait_for(lambda: started(cluster))
    pid = None

    def known() -> bool:
        nonlocal pid
        for path in cluster.folder.rglob("sandbox/opt/ml/processing/output/pid"):
            pid = int(path.read_text() or 0) or None
        return pid is not None

    wait_for(known)
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=60)
    assert running.returncode == 130
    wait_for(lambda: not Path(f"/proc/{pid}").exists(), 20)


def elsewhere(root: Path, folder: Path) -> Path:
    """A copy of a project on another machine, without its runs."""
    shutil.copytree(root, folder, ignore=shutil.ignore_patterns(".stepwell"))
    return folder


def test_a_run_in_progress_on_another_machine_is_resumed_only_by_taking_over(
    project: Project, cluster: Cluster, tmp_path: Path
) -> None:
    root = project(single(WAIT.format(seconds=300), OUT))
    (root / "stepwell.toml").write_text(f'{CONFIGURATION}[runs]\nstore = "{STORE}"\n')
    other = elsewhere(root, tmp_path / "elsewhere")
    (other / "src/scripts/work.py").write_text(WAIT.format(seconds=0))

    def process(folder: Path, *words: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-W", "ignore", "-m", "stepwell", "pipeline", "run", "Only", *words]
        pipe = subprocess.PIPE
        return subprocess.Popen(
            command, env=cluster.environment, cwd=folder, stdout=pipe, stderr=pipe, text=True
        )

    running = process(root)
    runs = root / ".stepwell/runs"
    wait_for(lambda: list(runs.glob("*/steps/it/1/sandbox/opt/ml/processing/output/pid")))
    (run_id,) = (path.name for path in runs.iterdir() if path.is_dir())
    rejected = process(other, "--resume", run_id)
    out, err = rejected.communicate(timeout=60)
    assert (rejected.returncode, out) == (2, "")
    assert f"error: run {run_id} is in progress on another machine: started on " in err
    assert f"(process {running.pid}) at 20" in err
    assert "or now with --take-over" in err

    running.kill()
    running.communicate()
    taken = process(other, "--resume", run_id, "--take-over")
    out, err = taken.communicate(timeout=60)
    assert (taken.returncode, "it  done" in out) == (0, True), err
    shutil.copy(other / "src/scripts/work.py", root / "src/scripts/work.py")
    ended = process(root, "--resume")  # with the record of the other machine
    out, err = ended.communicate(timeout=60)
    assert (ended.returncode, "it  done" in out) == (0, True), err
    with RunDatabase(str(root)) as record:
        assert [attempt.state.value for attempt in record.read(run_id).steps[0].attempts] == ["done"]


def claim(store: SharedStore, *, known: str = "", is_new: bool = False, take_over: bool = False) -> Lease:
    return store.claim("1-a", known=known, is_new=is_new, take_over=take_over)


def test_one_of_many_machines_that_start_or_resume_a_run_receives_its_lease(tmp_path: Path) -> None:
    stores = [SharedStore(f"file://{tmp_path}/store") for _ in range(8)]

    def attempt(store: SharedStore) -> Lease | None:
        with suppress(RunBusy):
            return claim(store)
        return None

    with ThreadPoolExecutor(8) as pool:
        leases = [lease for lease in pool.map(attempt, stores) if lease is not None]
    assert len(leases) == 1
    with leases[0], pytest.raises(RunBusy, match=r"run 1-a is in progress on another machine: started on .*"):
        claim(stores[0])
    with pytest.raises(RunBusy, match=r"run 1-a was started on .*: run the pipeline again for a new id"):
        claim(stores[0], is_new=True)
    with claim(stores[0]) as lease:  # released
        assert lease.previous == leases[0].token
        claim(stores[1], known=lease.token)  # of a process of this folder, which has ended


def test_a_lease_is_renewed_and_expires(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_store, "RENEWAL_SECONDS", 0.05)
    monkeypatch.setattr(shared_store, "LEASE_SECONDS", 5.0)
    store = SharedStore(f"file://{tmp_path}/store")
    path = tmp_path / "store/leases/1-a/1.json"
    lost = claim(store)
    with lost:
        first = json.loads(path.read_text())
        wait_for(lambda: json.loads(path.read_text())["renewed"] > first["renewed"])
        lost.check()
        taken = claim(store, take_over=True)
        with pytest.raises(RunBusy, match=r"run 1-a was stopped here: taken over by .* \(process \d+\)"):
            wait_for(lost.check)
    with pytest.raises(RunBusy, match="last seen"):
        claim(store)
    path = path.with_name("2.json")  # of a process that was killed
    path.write_text(json.dumps({**json.loads(path.read_text()), "renewed": time.time() - 6}))
    assert claim(store).previous == taken.token
    path.with_name("3.json").write_text("{}")
    with pytest.raises(RemoteFault, match="not a lease of a run"):
        claim(store)


def test_a_run_that_is_taken_over_stops(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_store, "RENEWAL_SECONDS", 0.1)
    root, store = project(single(WAIT.format(seconds=300), OUT)), f"file://{tmp_path}/store"

    def take_over() -> None:
        runs = root / ".stepwell/runs"
        wait_for(lambda: list(runs.glob("*/steps/it/1/sandbox/opt/ml/processing/output/pid")))
        (run_id,) = (path.name for path in runs.iterdir() if path.is_dir())
        SharedStore(store).claim(run_id, known="", is_new=False, take_over=True)

    with ThreadPoolExecutor(1) as pool:
        taken = pool.submit(take_over)
        with pytest.raises(RunBusy, match="was stopped here: taken over by"):
            run(root, "Only", Local(1), store=store)
        taken.result()
    with RunDatabase(str(root)) as record:
        (step,) = record.read(record.last() or "").steps
    assert step.state.value == "cancelled"


class Apart:
    """An engine in this process that uses only the store, as a worker on another machine does."""

    name = "apart"
    room = 1
    resources: Mapping[str, float] = {}
    shares_folders = False

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch
        self.waiting: list[Task] = []

    def start(self) -> Apart:
        return self

    def submit(self, task: Task) -> None:
        self.waiting.append(task)

    def finished(self, seconds: float) -> AttemptOutcome | None:
        del seconds
        if not self.waiting:
            return None
        task = self.waiting.pop()
        return keep_apart(task, *perform_apart(replace(task, folder="/nowhere"), str(self.scratch)))

    def close(self) -> None:
        pass


def test_an_attempt_needs_only_the_store_and_the_task(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch, store = tmp_path / "scratch", f"file://{tmp_path}/store"
    scratch.mkdir()
    root = project(SHARED)
    made = run(root, "Sums", Apart(scratch), store=store)
    assert [(step.state.value, step.fault) for step in made.steps] == [("done", ""), ("done", "")]
    assert (Path(made.folder) / "outputs/total.total").read_text() == '{"total": 3}'
    assert [path.name for path in scratch.iterdir()] == ["stepwell-objects"]
    shutil.rmtree(root / ".stepwell")
    assert states(run(root, "Sums", Apart(scratch), store=store)) == {"make": "cached", "total": "cached"}
    (root / "src/scripts/total.py").write_text("print('about to fail')\nraise SystemExit(3)\n")
    failed = run(root, "Sums", Apart(scratch), store=store)
    assert states(failed) == {"make": "cached", "total": "failed"}
    log = Path(failed.folder, failed.steps[1].attempts[0].folder, "log.txt")
    assert log.read_text() == "about to fail\n"
    for path in (tmp_path / "store").rglob("*.tar"):
        path.write_bytes(b"no archive")
    shutil.rmtree(scratch / "stepwell-objects")
    shutil.rmtree(root / ".stepwell")
    assert "cannot fetch the inputs: " in run(root, "Sums", Apart(scratch), store=store).steps[1].fault
    (root / "src/scripts/total.py").write_text(SHARED["src/scripts/total.py"])
    with pytest.raises(EngineError, match=r"the artifact store cannot be used: .*not an artifact"):
        run(root, "Sums", Apart(scratch), store=store)
    monkeypatch.setenv("PATH", "/bin:/of/the/worker")
    script = "import os\nopen('/opt/ml/processing/output/a', 'w').write(os.environ['PATH'])\n"
    root = project(single(script, OUT))
    with RunDatabase(str(root), store) as record:
        options = Options(machine={"PATH": "/of/the/scheduler"}, fetch="final")
        done = run_plan(plan(root, "Only")[0], record, Apart(scratch), options=options)
    assert (Path(done.folder) / "outputs/it.out/a").read_text() == "/bin:/of/the/worker"


def test_artifacts_are_stored_whole_and_checked(tmp_path: Path) -> None:
    store, objects = SharedStore(f"file://{tmp_path}/store"), str(tmp_path / "objects")
    os.makedirs(objects)
    folder = tmp_path / "made"
    (folder / "below").mkdir(parents=True)
    (folder / "below/a.txt").write_text("a")
    (folder / "run.sh").write_text("#!/bin/sh\n")
    (folder / "run.sh").chmod(0o755)
    (folder / "link").symlink_to("below/a.txt")
    for path in (folder, folder / "run.sh"):
        digest = digest_of(str(path))[0]
        store.put(digest, str(path))
        assert digest_of(store.get(digest, objects))[0] == digest
    outputs = (Artifact("a", "0" * 40, 1, 1),)
    assert store.outputs("ab" * 20) is None
    store.remember("ab" * 20, outputs)
    assert store.outputs("ab" * 20) == outputs
    with pytest.raises(RemoteFault, match="does not exist"):
        store.get("1" * 40, objects)


@pytest.mark.parametrize("name", ["../out", "folder/../../out", "/etc/out", "other", "folder//a"])
def test_an_archive_that_leaves_its_folder_is_rejected(tmp_path: Path, name: str) -> None:
    digest = "2" * 40
    path = tmp_path / "store/objects/22" / f"{digest[2:]}.tar"
    path.parent.mkdir(parents=True)
    with tarfile.open(path, "w") as file:
        member = tarfile.TarInfo(name)
        member.size = 1
        file.addfile(member, io.BytesIO(b"x"))
    objects = tmp_path / "objects"
    objects.mkdir()
    with pytest.raises(RemoteFault, match="is not a file of an artifact"):
        SharedStore(f"file://{tmp_path}/store").get(digest, str(objects))
    assert list(objects.iterdir()) == [objects / "22"]
    assert not (tmp_path / "out").exists()


def test_a_changed_archive_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    (tmp_path / "b").write_text("b")
    store = SharedStore(f"file://{tmp_path}/store")
    digest = digest_of(str(tmp_path / "a"))[0]
    store.put(digest, str(tmp_path / "b"))
    (tmp_path / "objects").mkdir()
    with pytest.raises(RemoteFault, match="the content does not match its digest"):
        store.get(digest, str(tmp_path / "objects"))
    assert not os.path.lexists(place_of(str(tmp_path / "objects"), digest))
    path = next((tmp_path / "store").rglob("*.tar"))
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(RemoteFault, match="not an artifact: "):
        store.get(digest, str(tmp_path / "objects"))


def test_a_store_that_cannot_be_used_is_found_before_the_run(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("fsspec")
    root = project({**SUMS, "stepwell.toml": f'{CONFIGURATION}[runs]\nstore = "foo://x"\n'})
    monkeypatch.chdir(root)
    assert cli.run(["pipeline", "run", "Sums"]) == 1
    out = capsys.readouterr().out
    assert out.startswith("error[cannot-run]: the store of runs: `foo://x` has the unknown scheme `foo`\n")
    assert "--> stepwell.toml:4:9" in out
    with pytest.raises(EngineError, match="the artifact store cannot be used: foo://x/"):
        run(root, "Sums", Local(1), store="foo://x")
