"""Every engine has the same results and records and survives the same failures."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.running import CONFIGURATION, SUMS, output, plan, run, single, states

from stepwell.run.pipelines import AttemptLimits, Options, RunDatabase, RunRecord, StepState, run_plan
from stepwell.run.pipelines.engines import ENGINES, Dask, Engine, EngineError, Local, engine_named

if TYPE_CHECKING:
    Project = Callable[[Mapping[str, str | bytes]], Path]

pytestmark = pytest.mark.slow

OUT = "  outputs:\n    out: {path: /opt/ml/processing/output}\n"
GPU = "  compute: {resources: {gpu: 1}}\n"


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Engine]]:
    """Every engine, with two slots and one gpu; shared by all tests of this module."""
    dask, distributed = pytest.importorskip("dask"), pytest.importorskip("distributed")
    with (
        dask.config.set({"temporary-directory": str(tmp_path_factory.mktemp("dask"))}),
        distributed.LocalCluster(
            n_workers=1,
            threads_per_worker=2,
            resources={"gpu": 1},
            dashboard_address=":0",
            memory_limit=0,
            silence_logs=50,
        ) as cluster,
    ):
        yield {"local": Local(2, {"gpu": 1}), "dask": Dask(cluster.scheduler_address)}


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, engines: Mapping[str, Engine]) -> Engine:
    """One of them."""
    return engines[request.param]


def plain(run: RunRecord) -> Any:
    """A record without the values that differ from run to run."""
    told = []
    for one in run.steps:
        tries = [(each.number, each.state, each.exit_code, each.fault, each.folder) for each in one.attempts]
        said = (one.node, one.step, one.state, one.key, one.fault, one.kind, one.help)
        told.append((*said, dict(one.inputs), one.outputs, tries))
    return told


def test_it_is_an_engine_with_a_name(engine: Engine) -> None:
    assert isinstance(engine, Engine)
    assert ENGINES[engine.name]("tcp://nowhere:1", 1, {}).name == engine.name


def test_results_and_records_equal_those_of_the_local_engine(project: Project, engine: Engine) -> None:
    files = {
        **SUMS,
        "registry.d/pipelines/sums.yaml": """\
name: Sums
description: Two chains, of which one breaks.
steps:
  - {id: bad, step: Make, config: {rows: 0}}
  - {id: below, step: Total, inputs: {rows: bad.rows}}
  - {id: good, step: Make}
  - {id: total, step: Total, inputs: {rows: good.rows}}
""",
    }
    root = project(files)
    made = run(root, "Sums", engine, cache=False)
    assert states(made) == {"bad": "failed", "good": "done", "below": "skipped", "total": "done"}
    assert output(made, "total.total") == '{"total": 3}'
    assert plain(made) == plain(run(root, "Sums", Local(1), cache=False))
    assert states(run(root, "Sums", engine)) == {
        "bad": "failed", "good": "cached", "below": "skipped", "total": "cached"
    }  # fmt: skip


def test_it_tries_again(project: Project, engine: Engine, tmp_path: Path) -> None:
    mark = str(tmp_path / "first")
    script = f"import os\nos.path.exists({mark!r}) and exit(0)\nos.mkdir({mark!r})\nexit(3)\n"
    made = run(project(single(script)), "Only", engine, retries=1)
    assert [(one.state, one.exit_code) for one in made.step("it").attempts] == [
        (StepState.FAILED, 3),
        (StepState.DONE, 0),
    ]


def test_it_ends_a_step_that_takes_too_long(project: Project, engine: Engine) -> None:
    step = run(
        project(single("import time\ntime.sleep(600)\n")), "Only", engine, limits=AttemptLimits(0.3)
    ).step("it")
    assert (step.kind, step.fault) == ("timeout", "the script exceeded the time limit of 0.3 s")


def test_no_more_of_a_resource_is_used_than_there_is(
    project: Project, engine: Engine, tmp_path: Path
) -> None:
    script = (
        f"import os, time\nos.mkdir({str(tmp_path / 'taken')!r})\ntime.sleep(0.05)\n"
        f"os.rmdir({str(tmp_path / 'taken')!r})\n"
    )
    files = single(script, GPU)
    files["registry.d/pipelines/only.yaml"] = "name: Only\ndescription: Four at once.\nsteps:\n" + "".join(
        f"  - {{id: it{number}, step: Work}}\n" for number in range(4)
    )
    made = run(project(files), "Only", engine, cache=False)
    assert [one.fault for one in made.steps] == [""] * 4


def test_a_resource_that_the_engine_lacks_is_an_error(project: Project, engine: Engine) -> None:
    made = run(project(single("pass\n", GPU.replace("1", "2"))), "Only", engine)
    assert made.step("it").fault == "requires gpu: 2, but the engine has 1"


def test_it_lets_a_run_be_ended(project: Project, engine: Engine, tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    script = f"import os, time\nopen({str(mark)!r}, 'w').write(str(os.getpid()))\ntime.sleep(600)\n"
    files = single(script)
    files["registry.d/pipelines/only.yaml"] += "  - {id: last, step: Work, depends_on: [it]}\n"
    root = project(files)

    class Interrupted:
        """The engine, with a user who presses Ctrl-C once the script runs."""

        name = engine.name

        def start(self) -> Any:
            session = engine.start()
            finished = session.finished

            def first(seconds: float) -> Any:
                if not mark.exists() or not mark.read_text():
                    return finished(min(seconds, 0.02))
                session.finished = finished
                raise KeyboardInterrupt

            session = _Changed(session)
            session.finished = first
            return session

    made, _ = plan(root, "Only")
    with RunDatabase(str(root)) as record:
        with pytest.raises(KeyboardInterrupt):
            run_plan(made, record, Interrupted(), options=Options())
        ended = record.read(record.last() or "")
    assert ended.state is StepState.CANCELLED
    assert states(ended) == {"it": "cancelled", "last": "cancelled"}
    assert [one.state for one in ended.step("it").attempts] == [StepState.CANCELLED]
    deadline = time.monotonic() + 60
    while Path(f"/proc/{mark.read_text()}").exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)


class _Changed:
    """A session of which a test replaces a part."""

    def __init__(self, session: Any) -> None:
        self.__dict__["session"] = session

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["session"], name)


STEP = """\
import os, pathlib
text = os.environ["NAME"]
for name in ("one", "two"):
    for path in sorted(pathlib.Path("/opt/ml/processing/input", name).rglob("*")):
        text += f" ({name}: {path.read_text()})"
open("/opt/ml/processing/output/it.txt", "w").write(text)
"""
TWO = "".join(
    f"    {name}: {{path: /opt/ml/processing/input/{name}, required: false}}\n" for name in ("one", "two")
)


@st.composite
def graphs(draw: st.DrawFn) -> str:
    """A pipeline of up to six steps that read none, one or two before them."""
    lines = ["name: Any", "description: Any graph.", "steps:"]
    for number in range(draw(st.integers(1, 6))):
        before = [f"s{one}" for one in range(number)]
        fed = draw(st.lists(st.sampled_from(before), max_size=2)) if before else []
        inputs = ", ".join(f"{name}: {one}.out" for name, one in zip(("one", "two"), fed, strict=False))
        after = draw(st.lists(st.sampled_from(before), max_size=1)) if before else []
        lines.append(
            f"  - {{id: s{number}, step: Work, config: {{NAME: s{number}}}, inputs: {{{inputs}}}, "
            f"depends_on: [{', '.join(after)}]}}"
        )
    return "\n".join(lines) + "\n"


@settings(max_examples=4, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(graph=graphs())
def test_engines_return_equal_outputs_for_any_graph(
    engines: Mapping[str, Engine], tmp_path_factory: pytest.TempPathFactory, graph: str
) -> None:
    root = tmp_path_factory.mktemp("any")
    files = single(STEP, f"  inputs:\n{TWO}{OUT}  env: {{required: [NAME]}}\n")
    del files["registry.d/pipelines/only.yaml"]
    for path, text in {
        **files,
        "stepwell.toml": CONFIGURATION,
        "registry.d/pipelines/any.yaml": graph,
    }.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    made = [run(root, "Any", one, cache=False) for one in engines.values()]
    assert made[0].state is StepState.DONE
    assert plain(made[0]) == plain(made[1])


def test_a_worker_that_is_lost_costs_only_the_step_that_it_had(project: Project, tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    script = (
        "import os, pathlib, signal\n"
        f"folder, name = pathlib.Path({str(tmp_path)!r}), os.environ['NAME']\n"
        "first = not list(folder.glob(f'{name}-*'))\n"
        "(folder / f'{name}-{os.getpid()}').touch()\n"
        "if name == 'b' and first:\n"
        "    os.kill(os.getppid(), signal.SIGKILL)\n"
        "    import time; time.sleep(600)\n"
    )
    files = single(script, "  env: {required: [NAME]}\n")
    files["registry.d/pipelines/only.yaml"] = (
        "name: Only\ndescription: A chain.\nsteps:\n  - {id: a, step: Work, config: {NAME: a}}\n"
        "  - {id: b, step: Work, config: {NAME: b}, depends_on: [a]}\n"
        "  - {id: c, step: Work, config: {NAME: c}, depends_on: [b]}\n"
    )
    made = run(project(files), "Only", Dask(jobs=2))
    assert states(made) == {"a": "done", "b": "done", "c": "done"}
    assert [(one.state, one.fault) for one in made.step("b").attempts] == [
        (StepState.FAILED, "worker lost"),
        (StepState.DONE, ""),
    ]
    assert sorted(one.name[0] for one in tmp_path.glob("?-*")) == ["a", "b", "b", "c"]
    assert all(one.worker.startswith("tcp://") for one in made.step("c").attempts)


def test_an_engine_that_cannot_be_used_is_reported() -> None:
    with pytest.raises(EngineError, match=r"unknown engine `spark` \(available: local, dask"):
        engine_named("spark")
    with pytest.raises(EngineError, match=r"no Dask scheduler is reachable at tcp://127\.0\.0\.1:9: "):
        Dask("tcp://127.0.0.1:9", seconds=0.2).start()


@pytest.mark.parametrize(
    "address", ["nonsense", "tcp://", "host:0", "host:99999", "http://host:1", "a b:1", ""]
)
def test_an_address_is_checked_before_anything_is_recorded(address: str) -> None:
    with pytest.raises(EngineError, match="is not the address of a Dask scheduler: write it as"):
        engine_named("dask", scheduler=address)


@pytest.mark.parametrize("words", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\0" * 8])
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_server_that_is_no_scheduler_is_reported_in_time(words: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        connections = []

        def answer() -> None:
            with suppress(OSError):
                while True:
                    connections.append(server.accept()[0])
                    connections[-1].sendall(words)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        began = time.monotonic()
        address = f"127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(EngineError, match=r"no Dask scheduler .* --connect-timeout"):
            Dask(address, seconds=1).start()
        assert time.monotonic() - began < 15
        server.shutdown(socket.SHUT_RDWR)
        thread.join()
        for connection in connections:
            connection.close()


def test_a_scheduler_that_is_killed_ends_the_run_which_can_be_resumed(project: Project) -> None:
    pytest.importorskip("distributed")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    address = f"tcp://127.0.0.1:{port}"
    script = "import time\ntime.sleep(60)\n"
    root = project(single(script, OUT))
    words = [sys.executable, "-W", "ignore", "-m"]
    place = ["--host", "127.0.0.1", "--port", str(port)]
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": root}
    scheduler = subprocess.Popen(
        [*words, "distributed.cli.dask_scheduler", *place, "--no-dashboard"], **quiet
    )
    processes = [scheduler]
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with suppress(OSError):
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            time.sleep(0.1)
        options = ["--nthreads", "1", "--no-dashboard", "--no-nanny"]
        processes.append(
            subprocess.Popen([*words, "distributed.cli.dask_worker", address, *options], **quiet)
        )
        command = ["stepwell", "pipeline", "run", "Only", "--engine", "dask", "--scheduler", address]
        running = subprocess.Popen(
            [*words, *command, "--connect-timeout", "60"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=root,
        )
        processes.append(running)
        while not list(root.glob(".stepwell/runs/*/steps/it/*/job")) and time.monotonic() < deadline:
            time.sleep(0.1)
        scheduler.kill()
        out, err = running.communicate(timeout=60)
    finally:
        for process in processes:
            process.kill()
            process.wait()
    assert running.returncode == 2
    assert "it  cancelled" in out
    lines = err.splitlines()
    assert lines[0] == f"connecting to {address} (at most 60 s)"
    assert lines[1].startswith("next: stepwell pipeline run Only --resume ")
    assert lines[2] == (
        f"error: the Dask scheduler at {address} does not answer any more: start it and its workers again, "
        "then resume the run"
    )
