"""Runs of pipelines on this machine: sandboxes, what is checked, what goes wrong, and what is kept."""

from __future__ import annotations

import copy
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.running import MAKE, SUMS, TOTAL, output, plan, run, single, states

from stepwell.frontends import cli
from stepwell.run.pipelines import AttemptLimits, RunDatabase, StepSelection, StepState
from stepwell.run.pipelines.run_record import compare_runs
from stepwell.run.run_store import RunBusy, RunStore, UnknownRun
from stepwell.run.workflows.run_folder import Runs, new_record
from stepwell.source.errors import PipelineError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Project = Callable[[Mapping[str, "str | bytes"]], Path]

pytestmark = pytest.mark.slow

OUT = "  outputs:\n    out: {path: /opt/ml/processing/output}\n"
DATA = "  inputs:\n    DATA: {path: /opt/ml/processing/input/data}\n"
GIVE = 'open("/opt/ml/processing/output/it.txt", "w").write("it")\n'


def test_a_step_reads_what_the_one_before_returned(project: Project) -> None:
    root = project(SUMS)
    made = run(root, "Sums", parameters={"rows": 5})
    assert states(made) == {"make": "done", "total": "done"}
    assert made.state is StepState.DONE
    assert output(made, "make.rows", "rows.csv").count("\n") == 6
    assert json.loads(output(made, "total.total")) == {"total": 10}
    assert made.step("total").inputs["rows"] == made.step("make").outputs[0].digest
    assert (root / ".stepwell" / ".gitignore").read_text() == "*\n"


FAULTS: dict[str, tuple[str, str, AttemptLimits, str, str]] = {
    "it hangs": (
        "import time\ntime.sleep(600)\n",
        "",
        AttemptLimits(seconds=0.3),
        "timeout",
        "the script exceeded the time limit of 0.3 s",
    ),
    "it hangs in a process of its own": (
        "import subprocess, sys\nsubprocess.run([sys.executable, '-c', 'import time; time.sleep(600)'])\n",
        "",
        AttemptLimits(seconds=0.3),
        "timeout",
        "the script exceeded the time limit of 0.3 s",
    ),
    "it raises": (
        "print('before')\nraise ValueError('no such column')\n",
        "",
        AttemptLimits(),
        "exit",
        "the script exited with code 1: ValueError: no such column",
    ),
    "it exits 137": (
        "import sys\nsys.exit(137)\n",
        "",
        AttemptLimits(),
        "exit",
        "the script was killed (exit code 137: usually out of memory)",
    ),
    "it is killed": (
        "import os\nos.kill(os.getpid(), 9)\n",
        "",
        AttemptLimits(),
        "exit",
        "the script was killed (exit code 137: usually out of memory)",
    ),
    "it crashes": (
        "import os\nos.abort()\n",
        "",
        AttemptLimits(),
        "exit",
        "the script was killed by SIGABRT",
    ),
    "it gives nothing": (
        "pass\n",
        OUT,
        AttemptLimits(),
        "output",
        "missing output `out`: /opt/ml/processing/output is empty",
    ),
    "it removes the folder of its output": (
        "import os\nos.rmdir('/opt/ml/processing/output')\n",
        OUT,
        AttemptLimits(),
        "output",
        "missing output `out`: /opt/ml/processing/output does not exist",
    ),
    "it writes half a JSON file": (
        'open("/opt/ml/processing/output/m.json", "w").write(\'{"accuracy": \')\n',
        OUT,
        AttemptLimits(),
        "output",
        "output `out`: m.json:1:14: invalid JSON: Expecting value",
    ),
    "it writes half a table": (
        'open("/opt/ml/processing/output/t.csv", "w").write("a,b\\n1,2\\n3")\n',
        OUT,
        AttemptLimits(),
        "output",
        "output `out`: t.csv:3: row has 1 values, header has 2",
    ),
    "one file fills its disk": (
        'open("/opt/ml/processing/output/t", "wb").write(b"x" * 3_000_000)\n',
        OUT,
        AttemptLimits(disk=2**20),
        "disk",
        "the script exceeded the disk limit of 1 MiB",
    ),
    "many files fill its disk": (
        'for n in range(30):\n    open(f"/opt/ml/processing/output/{n}", "wb").write(b"x" * 100_000)\n',
        OUT,
        AttemptLimits(disk=2**20),
        "disk",
        "the script exceeded the disk limit of 1 MiB",
    ),
    "it leads out of its sandbox": (
        'import os\nos.symlink("/etc/passwd", "/opt/ml/processing/output/p")\n',
        OUT,
        AttemptLimits(),
        "output",
        "output `out` cannot be stored: `p` is a link to a path outside the folder",
    ),
    "it deletes its input": (
        f'import os\nos.remove("/opt/ml/processing/input/data/made_up.csv")\n{GIVE}',
        f"{DATA.replace('}', ', type: data}')}{OUT}",
        AttemptLimits(),
        "deleted-input",
        "the script deleted `made_up.csv` of input `DATA`",
    ),
    "a path is put together at run time": (
        'import os\nopen(os.sep + "opt" + "/ml/model/x", "w")\n',
        "",
        AttemptLimits(),
        "exit",
        (
            "the script exited with code 1: PermissionError: [Errno 1] container paths built at "
            "run time are not redirected into the sandbox: use an argument, an environment variable or a "
            "literal: '/opt/ml/model/x'"
        ),
    ),
    "nobody gives what `main` takes": (
        "def main(input_paths, model):\n    pass\n",
        "",
        AttemptLimits(),
        "exit",
        (
            "the script exited with code 1: `main` has a parameter `model`, which is neither an "
            "interface argument nor one of input_paths, output_paths, environ_vars and job_args"
        ),
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_a_script_does_wrong_is_a_failed_step(project: Project, fault: str) -> None:
    script, interface, limits, kind, told = FAULTS[fault]
    made = run(project(single(script, interface)), "Only", limits=limits, make_up=True)
    step = made.step("it")
    assert (step.state, step.kind, step.fault) == (StepState.FAILED, kind, told)
    assert made.state is StepState.FAILED
    assert len(step.attempts) == 1


def test_nothing_that_a_script_started_outlives_it(project: Project, tmp_path: Path) -> None:
    script = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"open({str(tmp_path / 'pid')!r}, 'w').write(str(child.pid))\n"
    )
    assert run(project(single(script)), "Only").state is StepState.DONE
    pid = int((tmp_path / "pid").read_text())
    wait_until_gone(pid)


def test_a_failure_stops_only_what_needs_it(project: Project) -> None:
    files = {
        **SUMS,
        "registry.d/pipelines/sums.yaml": """\
name: Sums
description: Two chains, of which one breaks.
steps:
  - {id: bad, step: Make, config: {rows: 0}}
  - {id: below, step: Total, inputs: {rows: bad.rows}}
  - {id: last, step: Make, depends_on: [below]}
  - {id: good, step: Make}
  - {id: total, step: Total, inputs: {rows: good.rows}}
""",
    }
    made = run(project(files), "Sums")
    assert states(made) == {
        "bad": "failed", "good": "done", "below": "skipped", "total": "done", "last": "skipped"
    }  # fmt: skip
    assert made.step("bad").fault == "output `rows`: must have at least 1 row, got 0"
    assert made.step("bad").help == "`bad.rows` (registry.d/steps/make.yaml:6:5)"
    assert made.step("below").fault == "upstream step `bad` failed"
    assert made.step("last").fault == "upstream step `below` was skipped"


def test_a_mismatch_names_both_steps_and_their_lines(project: Project) -> None:
    total = SUMS["registry.d/steps/total.yaml"].replace("{a: integer}", "{label: number}")
    made = run(project({**SUMS, "registry.d/steps/total.yaml": total}), "Sums")
    step = made.step("total")
    assert step.fault == "input `rows`: rows.csv:1: missing column `label`: columns are a, b"
    assert step.help == (
        "`total.rows` (registry.d/steps/total.yaml:6:5), source: `make.rows` (registry.d/steps/make.yaml:6:5)"
    )


MISFITS = {
    "{format: csv, columns: {a: integer}}": ("t.csv", "a\nx\n", "t.csv:2: `a` is not an integer: 'x'"),
    "{format: csv, columns: {a: boolean}}": ("t.csv", "a\n2\n", "t.csv:2: `a` is not true or false: '2'"),
    "{format: csv, min_rows: 2}": ("t.csv", "a\n1\n", "must have at least 2 rows, got 1"),
    "{format: csv}": ("t.txt", "a\n", "no file matches `*.csv`: found t.txt"),
    "{format: json, schema: {type: object, properties: {n: {maximum: 1}}}}": (
        "t.json",
        '{"n": 2}',
        "t.json: `n` must be at most 1, got 2",
    ),
    "{format: jsonl, columns: {n: number}}": (
        "t.jsonl",
        '{"n": 1}\n{}\n',
        "t.jsonl:2: missing field `n`",
    ),
    "{format: text, files: 'notes*', min_rows: 2}": (
        "notes.md",
        "one\n",
        "must have at least 2 rows, got 1",
    ),
}


@pytest.mark.parametrize("content", MISFITS)
def test_an_output_is_checked_against_its_content(project: Project, content: str) -> None:
    name, text, told = MISFITS[content]
    script = f'open("/opt/ml/processing/output/{name}", "w").write({text!r})\n'
    interface = f"  outputs:\n    out: {{path: /opt/ml/processing/output, content: {content}}}\n"
    step = run(project(single(script, interface)), "Only").step("it")
    assert (step.kind, step.fault) == ("output", f"output `out`: {told}")


def test_a_script_has_what_is_declared_and_nothing_else(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OF_THE_USER", "secret")
    script = (
        "import json, os, sys\n"
        'json.dump([sys.argv[1:], dict(os.environ)], open("/opt/ml/processing/output/it.json", "w"))\n'
    )
    interface = OUT + (
        "  arguments:\n    job_type: {flag: --job_type, required: true}\n    not-said: {}\n"
        "    model: {}\n"
        "  env: {required: [LABEL], optional: {RATIO: '1', FLAGS: ''}}\n"
    )
    files = single(script, interface)
    files["registry.d/pipelines/only.yaml"] = (
        "name: Only\ndescription: One step.\nsteps:\n  - id: it\n    step: Work:training\n"
        "    config: {label: y, FLAGS: [1, true], model: /opt/ml/model/a}\n"
    )
    made = run(project(files), "Only")
    assert made.step("it").fault == ""
    sandbox = str(Path(made.folder) / "steps" / "it" / "1" / "sandbox")
    arguments, environment = json.loads(output(made, "it.out", "it.json"))
    assert arguments == ["--job_type", "training", "--model", f"{sandbox}/opt/ml/model/a"]
    environment.pop("LC_CTYPE", None)  # Python's own (PEP 538)
    assert environment == {
        "FLAGS": "[1, true]",
        "HOME": f"{sandbox}/home",
        "LABEL": "y",
        "LANG": "C.UTF-8",
        "PATH": os.defpath,
        "TMPDIR": f"{sandbox}/home",
    }


def test_the_container_is_led_into_the_sandbox_wherever_it_is_a_literal(project: Project) -> None:
    script = (
        "import os, pathlib\nfrom beside import FOLDER\n"
        "DEFAULTS = {'model': '/opt/ml/model', 'nested': ('/opt/ml/input/data', {'x'})}\n"
        "def write(name, to='/opt/ml/processing/output'):\n"
        "    (pathlib.Path(to) / name).write_text(f'/opt/ml/processing/output/{name}')\n"
        "if __name__ == '__main__':\n"
        "    write('a')\n"
        "    open(f'/opt/ml/processing/output/{1 + 1}', 'w').write(os.environ['SM_MODEL_DIR'])\n"
        "    open(FOLDER + '/c', 'w').write(DEFAULTS['nested'][0])\n"
        "    open(DEFAULTS['model'] + '/m', 'w').write('m')\n"
    )
    files = single(script, OUT + "    model: {path: /opt/ml/model}\n")
    files["src/scripts/beside.py"] = "FOLDER = '/opt/ml/processing/output'\n"
    made = run(project(files), "Only")
    assert made.step("it").fault == ""
    sandbox = f"{made.folder}/steps/it/1/sandbox"
    assert output(made, "it.out", "a") == f"{sandbox}/opt/ml/processing/output/a"
    assert output(made, "it.out", "2") == f"{sandbox}/opt/ml/model"
    assert output(made, "it.out", "c") == f"{sandbox}/opt/ml/input/data"
    assert output(made, "it.model", "m") == "m"


def test_main_is_called_by_its_parameters_where_a_script_does_not_start_itself(project: Project) -> None:
    script = (
        "import pathlib\n"
        "def main(input_paths, output_paths, environ_vars, job_args, rate='no', *, size=1):\n"
        "    text = f\"{sorted(input_paths)} {environ_vars['LABEL']} {job_args.rate} {rate} {size}\"\n"
        "    (pathlib.Path(output_paths['out']) / 'it.txt').write_text(text)\n"
    )
    files = single(script, f"{DATA}{OUT}  arguments: {{rate: {{}}}}\n  env: {{required: [LABEL]}}\n")
    files["registry.d/pipelines/only.yaml"] = (
        "name: Only\ndescription: One step.\nsteps:\n  - {id: it, step: Work, config: {label: y, rate: 2}}\n"
    )
    made = run(project(files), "Only", make_up=True)
    assert made.step("it").fault == ""
    assert output(made, "it.out", "it.txt") == "['DATA'] y 2 2 1"


def test_an_output_inside_another_is_in_both(project: Project) -> None:
    script = (
        "import os\nos.makedirs('/opt/ml/processing/output/inner')\n"
        "open('/opt/ml/processing/output/inner/i', 'w').write('i')\n"
        "open('/opt/ml/processing/output/o', 'w').write('o')\n"
    )
    made = run(project(single(script, OUT + "    inner: {path: /opt/ml/processing/output/inner}\n")), "Only")
    assert made.step(
        "it"
    ).fault == "the script exited with code 1: FileExistsError: [Errno 17] File exists: " + repr(
        f"{made.folder}/steps/it/1/sandbox/opt/ml/processing/output/inner"
    )
    script = script.replace("os.makedirs('/opt/ml/processing/output/inner')\n", "\n")
    (Path(made.folder).parents[2] / "src" / "scripts" / "work.py").write_text(script)
    made = run(Path(made.folder).parents[2], "Only")
    assert output(made, "it.out", "inner/i") == output(made, "it.inner", "i") == "i"


def test_a_log_is_kept_within_bounds(project: Project) -> None:
    script = "print('first')\nfor _ in range(10000): print('x' * 99)\nprint('last')\n"
    made = run(project(single(script)), "Only", limits=AttemptLimits(log=1000))
    log = (Path(made.folder) / "steps" / "it" / "1" / "log.txt").read_text()
    assert log.startswith("first\nxxx")
    assert log.endswith("xxx\nlast\n")
    assert "\n... 999011 bytes omitted ...\n" in log
    assert len(log) < 1100


def test_a_step_is_tried_again_as_often_as_is_said(project: Project, tmp_path: Path) -> None:
    mark = str(tmp_path / "first")
    script = (
        f"import os\nos.path.exists({mark!r}) and exit(0)\nos.mkdir({mark!r})\nraise OSError('not yet')\n"
    )
    made = run(project(single(script)), "Only", retries=2)
    assert [one.state for one in made.step("it").attempts] == [StepState.FAILED, StepState.DONE]
    assert made.state is StepState.DONE


def test_what_was_made_just_so_is_not_made_again(project: Project) -> None:
    root = project(SUMS)
    first = run(root, "Sums")
    again = run(root, "Sums")
    assert states(again) == {"make": "cached", "total": "cached"}
    assert json.loads(output(again, "total.total")) == {"total": 3}
    assert states(run(root, "Sums", cache=False)) == {"make": "done", "total": "done"}
    script = root / "src" / "scripts" / "make.py"
    script.write_text(f"# the same rows\n{MAKE}")
    other = run(root, "Sums")
    assert states(other) == {"make": "done", "total": "cached"}  # its input has the digest that it had
    assert [(one.node, one.is_same, one.changed) for one in compare_runs(first, other)] == [
        ("make", True, True),
        ("total", True, False),
    ]
    changed = run(root, "Sums", parameters={"rows": 4})
    assert states(changed) == {"make": "done", "total": "done"}
    assert [(one.node, one.outputs, one.why) for one in compare_runs(first, changed)] == [
        ("make", ("rows",), "script, settings or installed packages differ"),
        ("total", ("total",), "input `rows` differs"),
    ]


def test_a_module_that_a_script_imports_counts_in_the_cache(project: Project) -> None:
    files = {**SUMS, "src/scripts/make.py": f"from within.names import A\n{MAKE}"}
    files |= {"src/within/__init__.py": "", "src/within/names.py": "from . import more\nA = 'a'\n"}
    root = project({**files, "src/within/more.py": "B = 1\n"})
    assert states(run(root, "Sums")) == {"make": "done", "total": "done"}
    (root / "src" / "within" / "more.py").write_text("B = 2\n")
    assert states(run(root, "Sums")) == {"make": "done", "total": "cached"}


def test_some_steps_are_run_and_others_taken_from_before(project: Project) -> None:
    root = project(SUMS)
    refused = run(root, "Sums", choice=StepSelection(only="total"))
    assert refused.step("make").fault == "not selected, and no earlier run produced its current outputs"
    assert states(refused) == {"make": "failed", "total": "skipped"}
    run(root, "Sums")
    assert states(run(root, "Sums", choice=StepSelection(only="total"))) == {
        "make": "cached",
        "total": "done",
    }
    assert states(run(root, "Sums", choice=StepSelection(only="make"))) == {
        "make": "done",
        "total": "skipped",
    }
    assert states(run(root, "Sums", choice=StepSelection(start="make"))) == {"make": "done", "total": "done"}
    with pytest.raises(PipelineError, match=r"`Sums` has no step `mak` \(available: make, total\)"):
        run(root, "Sums", choice=StepSelection(start="mak"))


def test_a_run_that_failed_continues_where_it_failed(project: Project) -> None:
    root = project({**SUMS, "src/scripts/total.py": "raise SystemExit('not written yet')\n"})
    first = run(root, "Sums")
    assert states(first) == {"make": "done", "total": "failed"}
    (root / "src" / "scripts" / "total.py").write_text(TOTAL)
    again = run(root, "Sums", resume=first.id)
    assert again.id == first.id
    assert states(again) == {"make": "done", "total": "done"}
    assert [len(one.attempts) for one in again.steps] == [1, 2]
    with pytest.raises(UnknownRun, match=f"unknown run r2 .latest: {first.id}"):
        run(root, "Sums", resume="r2")
    with (
        RunDatabase(str(root)) as record,
        record.store.locked(first.id),
        pytest.raises(RunBusy, match="in progress"),
    ):
        run(root, "Sums", resume=first.id)


def test_what_is_gone_from_the_store_is_made_again(project: Project) -> None:
    root = project(SUMS)
    first = run(root, "Sums")
    digest = first.step("make").outputs[0].digest
    (root / ".stepwell" / "objects" / digest[:2] / digest[2:]).rename(root / "gone")
    assert states(run(root, "Sums")) == {"make": "done", "total": "cached"}


SLOW = """\
import os, pathlib, time
folder = pathlib.Path({folder!r})
name = os.environ["NAME"]
(folder / f"{{name}}-{{len(list(folder.glob(name + '-*')))}}").write_text(str(os.getpid()))
while name == "b" and not (folder / "go").exists():
    time.sleep(0.01)
open("/opt/ml/processing/output/it.txt", "w").write(name)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=["killed", "interrupted"])
def test_a_run_that_is_ended_at_any_moment_continues_with_what_is_not_done(
    project: Project, tmp_path: Path, environment: Mapping[str, str], number: signal.Signals
) -> None:
    files = single(SLOW.format(folder=str(tmp_path)), OUT + "  env: {required: [NAME]}\n")
    files["registry.d/pipelines/only.yaml"] = (
        "name: Only\ndescription: A chain.\nsteps:\n  - {id: a, step: Work, config: {NAME: a}}\n"
        "  - {id: b, step: Work, config: {NAME: b}, depends_on: [a]}\n"
        "  - {id: c, step: Work, config: {NAME: c}, depends_on: [b]}\n"
    )
    root = project(files)
    command = [sys.executable, "-m", "stepwell", "pipeline", "run", "Only", "-q"]
    process = subprocess.Popen(
        command, cwd=root, env=dict(environment), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    script = int(wait_for(tmp_path / "b-0"))
    process.send_signal(number)
    assert process.wait(60) == (-9 if number is signal.SIGKILL else 130)
    wait_until_gone(script)
    with RunDatabase(str(root)) as record:
        ended = record.read(record.last("Only") or "")
    expected = "cancelled" if number is signal.SIGINT else None
    assert states(ended) == {"a": "done", "b": expected or "running", "c": expected or "waiting"}
    (tmp_path / "go").touch()
    again = run(root, "Only", resume=ended.id)
    assert states(again) == {"a": "done", "b": "done", "c": "done"}
    assert sorted(one.name for one in tmp_path.glob("?-*")) == ["a-0", "b-0", "b-1", "c-0"]


def test_a_step_that_ended_and_was_not_recorded_is_not_made_again(project: Project) -> None:
    root = project(SUMS)
    first = run(root, "Sums")
    with RunDatabase(str(root)) as record:  # as it is when the process dies between the two
        record._base.execute("DELETE FROM cache")
        record._base.execute("UPDATE steps SET state='running'")
    again = run(root, "Sums", resume=first.id)
    assert states(again) == {"make": "done", "total": "done"}
    assert [len(one.attempts) for one in again.steps] == [1, 1]


def test_data_comes_from_the_manifest_the_workspace_first(project: Project) -> None:
    pipeline = "name: Sums\ndescription: Add up.\nsteps:\n  - {id: total, step: Total}\n"
    pair = "  - {id: other, step: 'alice:Total'}\n"
    files = {**SUMS, "registry.d/pipelines/sums.yaml": pipeline + pair, "workspaces/alice/workspace.yaml": ""}
    files["data_manifest.yaml"] = "steps:\n  Total: {rows: core.csv}\n  alice:Total: {rows: of/alice}\n"
    root = project({**files, "core.csv": "a\n1\n", "of/alice/rows.csv": "a\n20\n"})
    made = run(root, "Sums")
    assert [json.loads(output(made, f"{one}.total"))["total"] for one in ("total", "other")] == [1, 20]


def test_problems_of_a_run_are_reported_with_their_position(project: Project) -> None:
    pipeline = """\
name: Sums
description: Much is wrong.
parameters: {rows: null}
steps:
  - {id: make, step: Make}
  - {id: total, step: Total}
  - {id: work, step: Work}
"""
    work = (
        "name: Work\ndescription: Work.\ninterface:\n  entry_point: nowhere.py\n"
        "  arguments: {rate: {required: true}}\n"
    )
    root = project({**SUMS, "registry.d/pipelines/sums.yaml": pipeline, "registry.d/steps/work.yaml": work})
    _, found = plan(root, "Sums", parameters={"row": 1}, clean=False)
    assert [
        (one.id, one.message, one.help, one.span and (one.span.path, one.span.line, one.span.column))
        for one in found
    ] == [
        ("cannot-run", "`Sums` has no parameter `row`", "available parameters: rows", None),
        ("cannot-run", "parameter `rows` has no value", "set it with `--set rows=...`", None),
        (
            "missing-data",
            "input `rows` of `total` has no source",
            "add a file to data_manifest.yaml, connect it to an output, or use `--made-up`",
            ("registry.d/pipelines/sums.yaml", 6, 10),
        ),
        (
            "cannot-run",
            "`work` has no value for argument `--rate`",
            "add `rate` to its `config`",
            ("registry.d/pipelines/sums.yaml", 7, 10),
        ),
        (
            "cannot-run",
            "`work` cannot be run: neither `nowhere.py` nor `scripts/work.py` exists in `src/`",
            "add it to one of these folders, or set `[components] source`",
            ("registry.d/pipelines/sums.yaml", 7, 22),
        ),
    ]


STEPS = "  - {id: make, step: Make}\n  - {id: total, step: Total, inputs: {rows: make.rows}}\n"
ONLY = "  - {id: total, step: Total, inputs: {rows: '${table}'}}\n"


@pytest.mark.parametrize(
    ("files", "fault"),
    [
        ({"src/scripts/make.py": "\ndef ("}, "`make` cannot be run: src/scripts/make.py:2: invalid syntax"),
        (
            {"src/scripts/make.py": "print(1)\0"},
            "`make` cannot be run: src/scripts/make.py: source code string cannot contain null bytes",
        ),
        (
            {"steps": STEPS.replace("step: Make", 'step: Make, config: {rows: "a\\0b"}')},
            "`make` cannot be run: `ROWS` contains a NUL character",
        ),
        (
            {"steps": STEPS.replace("step: Make", f"step: Make, config: {{rows: '{'9' * 131067}'}}")},
            "`make` cannot be run: `ROWS` has 131072 bytes",
        ),
        (
            {"registry.d/steps/total.yaml": SUMS["registry.d/steps/total.yaml"].replace("object", "objekt")},
            "the content of `total.total` has an invalid schema: ",
        ),
        ({"steps": ONLY, "table": "''"}, "input `total.rows`: `{root}/` contains the runs of the project"),
        ({"steps": ONLY, "table": ".."}, "input `total.rows`: `{root}/..` contains the runs of the project"),
        ({"steps": ONLY, "table": '"a\\0b"'}, "input `total.rows`: the path contains a NUL character"),
        (
            {"steps": ONLY, "table": "/dev/zero"},
            "input `total.rows`: `/dev/zero`: `zero` is neither a file nor",
        ),
        ({"steps": ONLY, "table": "gone"}, "input `total.rows`: `{root}/gone` does not exist"),
        ({"steps": ONLY, "table": "'http://[x'"}, "input `total.rows`: `http://…` is not a valid URL: "),
        ({"steps": ONLY, "table": "'file://[x'"}, "input `total.rows`: `file://…` is not a valid URL: "),
    ],
)
def test_what_would_fail_before_a_script_starts_is_found_by_the_check(
    project: Project, files: Mapping[str, str], fault: str
) -> None:
    content = {key: text for key, text in files.items() if "/" in key}
    steps, table = files.get("steps", STEPS), files.get("table")
    parameters = "" if table is None else f"parameters: {{table: {table}}}\n"
    pipeline = f"name: Sums\ndescription: D.\n{parameters}steps:\n{steps}"
    root = project({**SUMS, "registry.d/pipelines/sums.yaml": pipeline, **content})
    _, found = plan(root, "Sums", clean=False)
    assert [(finding.id, finding.severity.value) for finding in found] == [("cannot-run", "error")]
    assert found[0].message.startswith(fault.format(root=root))
    assert cli.run(["pipeline", "check", "Sums", "--project", str(root), "-q"]) == 1


def test_a_pipeline_with_errors_is_not_reported_as_missing(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "name: Sums\ndescription: D.\nsteps: null\n"
    step = {"registry.d/steps/other.yaml": "name: Other\n"}
    root = project({**SUMS, "registry.d/pipelines/sums.yaml": text, **step})
    assert cli.run(["pipeline", "check", "Other", "--project", str(root)]) == 2
    assert "no pipeline `Other` in the core (run `stepwell pipeline list`" in capsys.readouterr().err
    for words in (["pipeline", "check", "Sums"], ["pipeline", "run", "Sums"]):
        assert cli.run([*words, "--project", str(root)]) == 2
        expected = "no pipeline `Sums` in the core (registry.d/pipelines/sums.yaml:3 has an error: run"
        assert expected in capsys.readouterr().err


def test_a_run_refuses_a_broken_configuration(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    root = project({**SUMS, "stepwell.toml": f"{SUMS.get('stepwell.toml', '')}[runs]\nstore = 's3://'\n"})
    for words in (["pipeline", "check", "Sums"], ["pipeline", "run", "Sums"]):
        assert cli.run([*words, "--project", str(root)]) == 1
        assert "error[wrong-form]: `runs.store` must be a URL" in "".join(capsys.readouterr())


def wait_for(path: Path) -> str:
    """The text of a file that a script writes."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if path.exists() and (text := path.read_text()):
            return text
        time.sleep(0.01)
    raise AssertionError(f"{path.name} is missing")


def wait_until_gone(pid: int) -> None:
    """Wait for a process that was killed to have ended."""
    deadline = time.monotonic() + 60
    while not is_gone(pid):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_gone(pid: int) -> bool:
    """Whether a process has ended, even if its exit status was not read."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


def test_runs_of_both_kinds_share_one_folder_and_are_listed_apart(project: Project) -> None:
    root = project(SUMS)
    workflows = Runs(str(root))
    first = workflows.begin("20260101-120000-000001")
    first.write({**new_record("20260101-120000-000001", {"name": "greeting"}, None, ""), "state": "finished"})
    ran = run(root, "Sums")
    store = RunStore(str(root))
    assert (store.ids("pipeline"), store.ids("workflow")) == ((ran.id,), ("20260101-120000-000001",))
    with pytest.raises(UnknownRun, match="did you mean `20260101-120000-000001`") as near:
        workflows.find("20260101-120000-00000", "greeting")
    assert str(copy.copy(near.value)) == str(near.value)
    for other in (ran.id, f"{ran.id[:-1]}_", "record.sqlit"):
        with pytest.raises(UnknownRun, match=r"runs are in \.stepwell/runs"):
            workflows.find(other, "greeting")
    assert workflows.begin(ran.id).path == f"{store.folder_of(ran.id)}-2"


@pytest.mark.parametrize("change", ["many = [os.dup(0) for _ in range(1100)]", "del os.pidfd_open"])
def test_a_script_runs_with_many_open_files_and_without_descriptors_of_processes(
    tmp_path: Path, change: str
) -> None:
    program = (
        "import os, resource, sys\n"
        "limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (min(limit, 4096), limit))\n"
        f"{change}\n"
        "from stepwell.run.pipelines.process import Log, supervise\n"
        "log = Log(sys.argv[1], 1000)\n"
        "command = [sys.executable, '-c', 'print(1); raise SystemExit(3)']\n"
        "print(supervise(command, {}, '.', log, lambda: ''))\n"
        "log.close()\n"
    )
    log = tmp_path / "log"
    done = subprocess.run([sys.executable, "-c", program, log], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("Ended(exit_code=3, ended_for='')\n", "")
    assert log.read_text(encoding="utf-8") == "1\n"
