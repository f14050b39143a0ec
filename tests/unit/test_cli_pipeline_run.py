"""``stepwell pipeline run``, ``test`` and ``compare``: reports, errors, and the page of a run."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from html.parser import HTMLParser
from pathlib import Path
from subprocess import PIPE
from typing import TYPE_CHECKING, Any

import pytest
from tests.running import MAKE, SUMS, TOTAL, single

from stepwell.frontends import cli
from stepwell.frontends.render.notebook import bundle
from stepwell.run.pipelines import scheduler
from stepwell.run.pipelines.run_database import RunDatabase

if TYPE_CHECKING:
    Project = Callable[[Mapping[str, str | bytes]], Path]
    RunStepwell = Callable[..., Any]

ALICE = {
    "workspaces/alice/workspace.yaml": "",
    "workspaces/alice/local/steps/total.yaml": SUMS["registry.d/steps/total.yaml"].replace("column", "table"),
    "workspaces/alice/src/scripts/total.py": TOTAL.replace('row["a"]', 'row["c"]'),
    "workspaces/bob/workspace.yaml": "",
    "workspaces/bob/src/scripts/total.py": TOTAL,
}


RUN_ID = r"\d{8}-\d{6}-[0-9a-f]{4}"


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """A function that runs a command on a project in this process; times and ids are made equal."""

    def ask(root: Path, *words: str) -> tuple[int, str, str]:
        code = cli.run(["pipeline", *words, "--project", str(root)])
        out, err = capsys.readouterr()
        out = re.sub(RUN_ID, "RUN", out)
        return code, re.sub(r" *\d+\.\d\d s", " TIME", out), err

    return ask


Ask = Callable[..., tuple[int, str, str]]


def test_a_run_is_reported_step_by_step_and_kept(project: Project, ask: Ask) -> None:
    root = project(SUMS)
    assert ask(root, "run", "Sums", "--set", "rows=4") == (
        0,
        "make   done TIME\ntotal  done TIME\n\nRun RUN of Sums on local: 2 done in TIME.\n",
        "",
    )
    assert ask(root, "run", "Sums", "-q") == (0, "", "")
    code, out, _ = ask(root, "compare", "Sums")
    assert "\nrows: 4 → 3\n" in out
    assert (code, out.splitlines()[-1]) == (1, "0 of 2 steps are the same in RUN and RUN.")
    assert "make   differs  done → done" in out
    assert "different rows; script, settings or installed packages differ" in out
    assert "different total; input `rows` differs" in out


@pytest.mark.parametrize("words", [("run", "Sums"), ("test", "Sums")])
def test_a_platform_without_process_groups_runs_no_pipeline(
    project: Project, ask: Ask, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.setattr(scheduler, "SUPPORTED", False)
    code, out, err = ask(project(SUMS), *words)
    assert (code, out) == (2, "")
    assert err.startswith("error: pipelines cannot run on this platform: it has no process groups, ")


def test_a_failed_run_names_its_log(project: Project, ask: Ask) -> None:
    total = SUMS["registry.d/steps/total.yaml"].replace("{a: integer}", "{label: number}")
    files = {**SUMS, "registry.d/steps/total.yaml": total, "src/scripts/make.py": f"print('made')\n{MAKE}"}
    code, out, err = ask(project(files), "run", "Sums")
    assert code == 1
    assert re.sub(RUN_ID, "RUN", err) == (
        "next: stepwell pipeline run Sums --resume RUN, which reuses the completed steps\n"
    )
    assert out == (
        "make   done TIME\n"
        "total  failed TIME  input `rows`: rows.csv:1: missing column `label`: columns are a, b\n"
        "  `total.rows` (registry.d/steps/total.yaml:6:5), "
        "source: `make.rows` (registry.d/steps/make.yaml:6:5)\n"
        "\nRun RUN of Sums on local: 1 done, 1 failed in TIME.\n"
    )
    code, out, _ = ask(project(single("print('so far')\nexit(4)\n")), "run", "Only")
    assert (code, out.splitlines()[:2]) == (
        1,
        [
            "it  failed TIME  the script exited with code 4: so far",
            "  log: .stepwell/runs/RUN/steps/it/1/log.txt",
        ],
    )


def test_the_time_of_a_resumed_run_is_that_of_its_attempts(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    root = project({**SUMS, "src/scripts/total.py": "exit(1)\n"})
    words = ["pipeline", "run", "Sums", "--project", str(root)]
    assert cli.run(words) == 1
    with RunDatabase(str(root)) as database:
        database._base.execute("UPDATE runs SET began=began-3600, ended=ended-3600")
        database._base.execute("UPDATE attempts SET began=began-3600, ended=ended-3600")
    (root / "src" / "scripts" / "total.py").write_text(TOTAL)
    assert cli.run([*words, "--resume", "--report", str(root / "run.html")]) == 0
    text = capsys.readouterr().out
    assert cli.run([*words, "--resume", "--format", "json"]) == 0
    run = json.loads(capsys.readouterr().out)
    attempts = [each for step in run["steps"] for each in step["attempts"]]
    assert len(attempts) == 3
    total = sum(each["ended"] - each["began"] for each in attempts)
    assert 0 < run["run"]["seconds"] <= total + 0.001 < 3600 < run["run"]["ended"] - run["run"]["began"]
    page = (root / "run.html").read_text()
    with RunDatabase(str(root)) as database:
        shown = bundle(database.read(run["run"]["id"]))["text/html"]
    for output in (text, page, shown):
        took = re.findall(r" in (\d+\.\d\d) s", output)
        assert float(took[-1]) == pytest.approx(run["run"]["seconds"], abs=0.006)
    bars = [tuple(map(float, pair)) for pair in re.findall(r"left: ([\d.]+)%; width: ([\d.]+)%", page)]
    assert len(bars) == 3
    assert all(width > 1 for _, width in bars)


def test_a_run_continues(project: Project, ask: Ask) -> None:
    root = project({**SUMS, "src/scripts/total.py": "exit(1)\n"})
    assert ask(root, "run", "Sums", "--resume")[0::2] == (
        2,
        "error: `Sums` has no run to resume\n",
    )
    assert ask(root, "run", "Sums", "--set", "rows=5")[0] == 1
    (root / "src" / "scripts" / "total.py").write_text(TOTAL)
    code, out, _ = ask(root, "run", "Sums", "--resume", "--format", "json")
    told = json.loads(out)
    assert (code, told["run"]["parameters"], told["run"]["state"]) == (0, {"rows": 5}, "done")
    assert [[one["state"] for one in step["attempts"]] for step in told["steps"]] == [
        ["done"],
        ["failed", "done"],
    ]
    assert ask(root, "run", "Sums", "--resume", "r2")[2].startswith("error: unknown run r2 (latest: ")


def test_an_interrupted_run_reports_how_to_continue(project: Project, environment: Mapping[str, str]) -> None:
    root = project({**SUMS, "src/scripts/total.py": "import time\ntime.sleep(60)\n"})
    line = [sys.executable, "-m", "stepwell", "pipeline", "run", "Sums"]
    with subprocess.Popen(line, cwd=root, env=environment, stdout=PIPE, stderr=PIPE, text=True) as process:
        until = time.monotonic() + 30
        while time.monotonic() < until and not any(root.glob(".stepwell/runs/*/steps/total/1/log.txt")):
            time.sleep(0.05)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert re.search(r"^make +done", out, re.MULTILINE)
    assert re.search(r"^total +cancelled", out, re.MULTILINE)
    assert re.search(rf"^next: stepwell pipeline run Sums --resume {RUN_ID},", err, re.MULTILINE)


REFUSED = {
    ("run", "Sumz"): "error: no pipeline `Sumz` in the core (did you mean `Sums`?)\n",
    ("run", "Sums", "--set", "rows"): "error: --set must be PARAMETER=VALUE, got `rows`\n",
    ("run", "Sums", "--resource", "gpu"): "error: --resource must be NAME=AMOUNT, e.g. gpu=1, got `gpu`\n",
    ("run", "Sums", "--only", "mak"): "error: `Sums` has no step `mak` (available: make, total)\n",
    ("run", "Sums", "--from", "a", "--only", "b"): "error: --from cannot be used with --only\n",
    ("test", "Sums", "--step", "mak"): "error: `Sums` has no step `mak` (available: make, total)\n",
    ("compare", "Sums"): "error: `Sums` has no runs\n",
    ("compare", "Sums", "a", "b", "c"): "error: at most two runs can be compared\n",
}


@pytest.mark.parametrize("words", REFUSED, ids=" ".join)
def test_invalid_arguments_are_rejected(project: Project, ask: Ask, words: tuple[str, ...]) -> None:
    assert ask(project(SUMS), *words) == (2, "", REFUSED[words])


def test_problems_are_reported_before_anything_runs(
    project: Project, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = "steps:\n  Totl: {rows: a.csv}\n  Total: {row: a.csv}\n  make: {}\n"
    pipeline = SUMS["registry.d/pipelines/sums.yaml"].replace(", inputs: {rows: make.rows}", "")
    root = project({**SUMS, "registry.d/pipelines/sums.yaml": pipeline, "data_manifest.yaml": manifest})
    monkeypatch.chdir(root)
    code, out, _ = ask(root, "run", "Sums")
    assert code == 1
    assert (
        out
        == """\
warning[missing-data]: unknown step `Totl`
  --> data_manifest.yaml:2:3
   |
 2 |   Totl: {rows: a.csv}
   |   ^^^^ did you mean `Total`?

error[missing-data]: `Total` has no input `row`
  --> data_manifest.yaml:3:11
   |
 3 |   Total: {row: a.csv}
   |           ^^^ did you mean `rows`?

error[missing-data]: input `rows` of `total` has no source
  --> registry.d/pipelines/sums.yaml:6:10
   |
 6 |   - {id: total, step: Total}
   |          ^^^^^
   |
   = help: add a file to data_manifest.yaml, connect it to an output, or use `--made-up`
   = declared at registry.d/steps/total.yaml:6:5
"""
    )
    assert not list((root / ".stepwell" / "runs").glob("2*"))
    (root / "data_manifest.yaml").write_text("step: {}\n")
    assert "error[unknown-field]: data manifest has no field `step`" in ask(root, "run", "Sums")[1]


OTHER = "{rows: make.rows}"
TOTAL_YAML = SUMS["registry.d/steps/total.yaml"]


@pytest.mark.parametrize(
    ("files", "code", "message"),
    [
        ({}, 0, ""),
        (
            {"src/scripts/total.py": None},
            1,
            "error[cannot-run]: `total` cannot be run: neither `total.py` nor",
        ),
        (
            {"registry.d/steps/total.yaml": f"{TOTAL_YAML}  env: {{required: [UNIT]}}\n"},
            1,
            "error[missing-setting]: `Total` requires a value for the environment variable `UNIT`",
        ),
        (
            {"registry.d/pipelines/sums.yaml": SUMS["registry.d/pipelines/sums.yaml"].replace(OTHER, "{}")},
            1,
            "error[missing-data]: input `rows` of `total` has no source",
        ),
        (
            {"data_manifest.yaml": "steps:\n  Total: {rows: rows.csv}\n", "rows.csv": "a\n1\n"},
            0,
            "warning[missing-data]: no pipeline uses the data for `Total.rows`",
        ),
        (
            {
                "registry.d/steps/total.yaml": f"{TOTAL_YAML}  framework_requirements: "
                "{nothing-like-it: '', click: <1, packaging: '>=24', python: '>=3'}\n"
            },
            0,
            "warning[missing-package]: required package `nothing-like-it` is not installed",
        ),
        (
            {"registry.d/steps/total.yaml": f"{TOTAL_YAML}  framework_requirements: {{click: <1}}\n"},
            0,
            "warning[missing-package]: required package `click <1` is installed as",
        ),
    ],
)
def test_a_check_reports_what_a_run_reports_before_it_starts(
    project: Project, ask: Ask, files: Mapping[str, str | None], code: int, message: str
) -> None:
    root = project({path: text for path, text in {**SUMS, **files}.items() if text is not None})
    checked, out, _ = ask(root, "check", "Sums")
    assert (checked, message in out) == (code, True)
    assert out.count("[missing-") + out.count("[cannot-") == bool(message) + ("nothing-like" in message)
    ran, told, _ = ask(root, "run", "Sums")
    assert ran == code
    assert message.rpartition(" for the ")[2] in told
    assert ask(root, "check", "--made-up")[0] == (code and int("error[missing-data]" not in out))


def test_a_step_is_tried_alone(project: Project, ask: Ask) -> None:
    root = project(SUMS)
    code, out, _ = ask(root, "test", "Sums", "--step", "total")
    assert (code, out.splitlines()[0]) == (0, "total  done TIME")
    total = next((root / ".stepwell" / "runs").glob("*/outputs/total.total"))
    assert json.loads(total.read_text()) == {"total": sum(range(50))}


def test_a_step_is_tried_without_a_pipeline(
    project: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = project({**SUMS, "rows.csv": "a,b\n4,x\n5,y\n"})
    monkeypatch.chdir(root)

    def step(*words: str) -> tuple[int, str, str]:
        return (cli.run(["step", *words]), *capsys.readouterr())

    code, out, _ = step("run", "Total", "--input", "rows=rows.csv")
    assert (code, out.split()[:2]) == (0, ["step", "done"])
    assert json.loads((root / out.splitlines()[-1].removeprefix("total: ")).read_text()) == {"total": 9}
    code, out, _ = step("test", "Total", "--format", "json")
    assert (code, json.loads(out)["run"]["mode"]) == (0, "test")
    code, out, _ = step("run", "Make", "--set", "rows=2")
    assert (root / out.splitlines()[-1].removeprefix("rows: ") / "rows.csv").read_text() == "a,b\n0,x\n1,x\n"
    code, out, _ = step("run", "Total")
    assert (code, "error[missing-data]: input `rows` of `step` has no source" in out) == (1, True)
    assert "= help: set `--input NAME=PATH`, add" in out
    for words, message in (
        ("run Make --set rowz=2", "`Make` has no `rowz` for --set (did you mean `rows`?)"),
        ("run Total --input row=rows.csv", "`Total` has no `row` for --input (did you mean `rows`?)"),
        ("run Total --input rows", "--input must be NAME=VALUE, got `rows`"),
        ("run Total --input rows=none.csv", "no such file or folder: `none.csv`"),
        ("run Totl", "no step `Totl` in the core (did you mean `Total`?)"),
    ):
        assert step(*words.split()) == (2, "", f"error: {message}\n")


def test_the_workspaces_whose_steps_work_are_reported(project: Project, ask: Ask) -> None:
    root = project({**SUMS, **ALICE})
    code, out, _ = ask(root, "test", "Sums", "--components-from", "alice,bob")
    assert code == 1
    assert out == (
        "make   alice  the same\n"
        "total  alice  does not work  2 ran, 0 cached  the script exited with code 1: KeyError: 'c'\n"
        "make   bob    the same\n"
        "total  bob    works          1 ran, 1 cached\n"
    )


def test_developers_are_distinguished(project: Project, ask: Ask) -> None:
    pipeline = SUMS["registry.d/pipelines/sums.yaml"].replace("step: Total", "step: 'bob:Total'")
    root = project({**SUMS, **ALICE, "registry.d/pipelines/sums.yaml": pipeline})
    code, out, _ = ask(root, "run", "Sums")
    assert code == 0
    assert out.splitlines()[-2:] == [
        "  core: 1 step, 1 done, 0 failed, TIME",
        "  bob: 1 step, 1 done, 0 failed, TIME",
    ]


class _Page(HTMLParser):
    """What a page is made of."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]
        self.ids += [value or "" for name, value in attrs if name == "id"]

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_the_page_of_a_run_shows_graph_times_and_logs_and_runs_nothing(project: Project, ask: Ask) -> None:
    files = {**SUMS, "src/scripts/total.py": "print('<script>alert(1)</script>\\x1b[31m')\nexit(3)\n"}
    root = project(files)
    code, _, err = ask(root, "run", "Sums", "--report", str(root / "run.html"))
    assert code == 1
    assert err.endswith(f"\nwrote {root / 'run.html'}\n")
    page = _Page()
    page.feed((root / "run.html").read_text())
    assert page.tags.count("svg") == 1
    assert [one for one in page.text if re.fullmatch(r"(done|failed), \d+\.\d\d s", one)] != []
    assert {"make.rows → total.rows"} <= set(page.text)
    assert [one for one in page.ids if one.startswith("step-")] == ["step-make", "step-total"]
    assert {link.removeprefix("#") for link in page.links} == {"step-make", "step-total"}
    assert "script" not in page.tags
    assert "<script>alert(1)</script>\\x1b[31m" in page.text
    assert [one for one in page.text if one.startswith("the script exited with code 3")] != []


def test_a_run_on_dask_has_the_same_options(project: Project, ask: Ask) -> None:
    code, _, err = ask(project(SUMS), "run", "Sums", "--engine", "spark")
    assert (code, err) == (2, "error: unknown engine `spark` (available: local, dask)\n")


@pytest.mark.parametrize(
    "arguments", [("run", "Sums", "--report"), ("test", "Sums", "--report"), ("graph", "Sums", "-o")]
)
def test_a_report_never_overwrites_a_source_file(
    project: Project, ask: Ask, arguments: tuple[str, ...]
) -> None:
    root = project(SUMS)
    before = (root / "stepwell.toml").read_bytes()
    code, _, error = ask(root, *arguments, str(root / "stepwell.toml"))
    assert (code, "exists and is no report; it was not overwritten" in error) == (2, True)
    assert (root / "stepwell.toml").read_bytes() == before
    assert not (root / ".stepwell").exists()


SECRET = "sk-" + "ABCDEFGHIJKLMNOPQRSTUVWXYZ123456"  # synthetic


def test_a_secret_that_a_script_prints_is_in_no_file_of_the_run(project: Project, ask: Ask) -> None:
    script = (
        "import sys\n"
        f"secret = ''.join([{SECRET[:10]!r}, {SECRET[10:]!r}])\n"
        "sys.stdout.write('token=' + secret[:12]); sys.stdout.flush()\n"
        "sys.stdout.write(secret[12:] + '\\n'); sys.stdout.flush()\n"
        "sys.stdout.buffer.write(b'\\xff ' + secret.encode() + b' again ' + secret.encode() + b'\\n')\n"
        "sys.stdout.flush()\n"
        "raise SystemExit('failed with ' + secret)\n"
    )
    root = project(single(script))
    code, out, _ = ask(root, "run", "Only", "--report", str(root / "report.html"))
    assert code == 1
    assert "failed with *" in out
    written = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    assert b"token=*" in next(text for path, text in written.items() if path.name == "log.txt")
    assert b"\xff " in next(text for path, text in written.items() if path.name == "log.txt")
    for path, text in {**written, Path("out"): out.encode()}.items():
        assert SECRET.encode() not in text, path
        assert SECRET[4:].encode() not in text, path


def test_a_secret_in_an_older_log_is_not_in_a_report(
    project: Project, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stepwell.run.pipelines import process

    monkeypatch.setattr(process, "_redacted", lambda text: text)
    root = project(
        single(f"print('so far'); print({SECRET[:9]!r} + {SECRET[9:]!r}); print('end'); exit(1)\n")
    )
    ask(root, "run", "Only", "--report", str(root / "report.html"))
    [log] = root.rglob("log.txt")
    assert SECRET in log.read_text()
    report = (root / "report.html").read_text()
    assert "so far" in report
    assert SECRET not in report


@pytest.mark.parametrize(
    ("made", "fault"),
    [
        ("os.symlink('/etc/passwd', path + '/x.csv')", "`x.csv` is a link to a path outside the folder"),
        ("os.symlink('/etc/passwd', path + '/x.json')", "`x.json` is a link to a path outside the folder"),
        ("os.mkfifo(path + '/x.csv')", "`x.csv` is neither a file nor a folder"),
        (
            "shutil.rmtree(os.path.dirname(path)); os.symlink('/etc', os.path.dirname(path))",
            "a folder of its path is a link",
        ),
    ],
)
def test_no_link_that_a_script_left_is_read(
    project: Project, ask: Ask, monkeypatch: pytest.MonkeyPatch, made: str, fault: str
) -> None:
    from stepwell.run.pipelines import worker

    checked: list[str] = []
    check = worker.check_content

    def checking(place: str, content: Mapping[str, Any]) -> str:
        checked.append(place)
        return check(place, content)

    monkeypatch.setattr(worker, "check_content", checking)
    files = dict(SUMS)
    files["src/scripts/make.py"] = (
        "import os, shutil, sys\n"
        "def main(output_paths):\n"
        "    path = output_paths['rows']\n"
        "    if not os.path.isdir(path): path = os.path.dirname(path)\n"
        f"    {made}\n"
    )
    code, out, _ = ask(project(files), "run", "Sums")
    assert code == 1
    assert f"output `rows` cannot be stored: {fault}" in out
    assert checked == []


def test_an_error_of_a_full_disk_names_the_path(
    project: Project, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno

    from stepwell.run.pipelines import process, worker

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    root = project(single("print('x')\n"))
    with monkeypatch.context() as patched:
        patched.setattr(process.Log, "write", full)
        _, out, _ = ask(root, "run", "Only")
    folder = f"{root}/.stepwell/runs/RUN/steps/it/1"
    assert f"cannot create the sandbox: {folder}: no space left on device" in out
    with monkeypatch.context() as patched:
        patched.setattr(worker, "_write_outcome", full)
        _, out, _ = ask(root, "run", "Only")
    assert f"cannot write the outcome: {folder}/outcome.json: no space left on device" in out


def test_a_run_database_that_cannot_be_written_is_named(project: Project, ask: Ask) -> None:
    root = project(single("print('x')\n"))
    assert ask(root, "run", "Only")[0] == 0
    [path] = root.rglob("record.sqlite")
    for other in path.parent.glob("record.sqlite*"):
        other.unlink()
    path.mkdir()
    assert ask(root, "run", "Only") == (2, "", f"error: {path}: unable to open database file\n")
