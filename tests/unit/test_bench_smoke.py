"""`make bench` measures everything that its page promises; nothing here depends on how fast it is."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

import pytest

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).resolve().parents[2]
FIGURE = re.compile(r"[-+]?\d+(?:\.\d+)? (?:s|ms|µs|ns|KiB|MiB|%|per file|descriptors|threads|steps)")
RATIO = re.compile(r"\d+(?:\.\d+)?x as fast \(.+ to .+\)|\d+(?:\.\d+)?x the time \(.+ to .+\)")

MEASURED = (
    ("cold load of 273 files, CPU", "CSafeLoader + jsonschema", "at least 5x"),
    ("cold load of 273 files, wall", "CSafeLoader + jsonschema", "at least 5x"),
    ("the same, CPU of one file", "CSafeLoader + jsonschema", ""),
    ("cold load of 40 files, none of them flat, CPU", "CSafeLoader + jsonschema", ""),
    *(
        [("`stepwell check` of 4 steps, CPU", "check-jsonschema", "")]
        if importlib.util.find_spec("check_jsonschema")
        else []
    ),
    ("reading a flat file, CPU", "CSafeLoader", ""),
    ("reading any other file, from events, CPU", "CSafeLoader", ""),
    ("validating: jsonschema-rs, CPU", "jsonschema", ""),
    ("building all 3 views over the core", "copying dicts", "at most 3x"),
    ("the same 3, with the core's table", "copying dicts", ""),
    ("the same 3, with the core's table", "copying dicts and their rows", ""),
    ("building 2 views over 20 steps", "OmegaConf.merge", ""),
    *(
        ("building 2 views over 20 steps, with all files read", peer, "")
        for module, peer in (("dynaconf", "Dynaconf"), ("hydra", "Hydra compose"))
        if importlib.util.find_spec(module)
    ),
    ("import of the frozen module, 5 steps, the statement", "bare literals", "at most 1.1x"),
    ("import of the frozen module, 5 steps, the process", "bare literals", "at most 1.1x"),
    ("import of the frozen module, 5 steps, the process", "YAML read at import", ""),
    ("import of the frozen module, 20 steps, the statement", "bare literals", "at most 1.1x"),
    ("import of the frozen module, 20 steps, the process", "bare literals", "at most 1.1x"),
    ("import of the frozen module, 20 steps, the process", "YAML read at import", ""),
    ("import of the frozen module, 40 steps, the statement", "bare literals", "at most 1.1x"),
    ("import of the frozen module, 40 steps, the process", "bare literals", "at most 1.1x"),
    ("import of the frozen module, 40 steps, the process", "YAML read at import", ""),
    ("`view[name]`, the core", "`dict[name]`", ""),
    ("`view[name]`, a workspace", "`dict[name]`", ""),
    ("`stepwell --version`, wall", "`python -c pass`", ""),
    ("`stepwell check` of this repository, wall", "`python -c pass`", ""),
    ("`stepwell --version`, CPU", "`python -c pass`", "at most 2.5x"),
    ("`stepwell --help`, CPU", "`python -c pass`", "at most 5x"),
    ("completion of a command, CPU", "`python -c pass`", "at most 5x"),
    ("completion of a step, CPU", "`python -c pass`", "at most 5.5x"),
    ("warm `check` of this repository, CPU", "`python -c pass`", "at most 8x"),
    ("warm `list`, CPU", "`python -c pass`", "at most 8x"),
    ("warm `show`, CPU", "`python -c pass`", "at most 8x"),
    ("warm `explain` of a field, CPU", "`python -c pass`", "at most 8x"),
    ("warm `explain` of a step, CPU", "`python -c pass`", "at most 8x"),
    ("cold `check` of this repository, CPU", "`python -c pass`", "at most 12x"),
    ("warm `check` of 20 flat files, CPU", "", "at most 110 ms"),
    ("warm `check` of 40 flat files, CPU", "CSafeLoader + jsonschema", "at least 18x"),
    ("the same", "`stat` and a snapshot", "at most 2x"),
    ("`check` after one edit", "warm `check`", "at most 1.1x"),
    ("`check` after edits of ten steps", "warm `check`", ""),
    ("`check` after one added step", "warm `check`", ""),
    ("`check` after one edit of a deprecated step", "warm `check`", ""),
    ("cold `check` of 40 flat files, CPU", "CSafeLoader + jsonschema", "at least 6x"),
    ("warm `show` of a step in one of 2 workspaces", "the same with one workspace", ""),
    ("peak memory of 1,000 steps", "CSafeLoader + jsonschema", ""),
    ("peak memory of a workspace (6 local, 4 override files)", "CSafeLoader + jsonschema", ""),
    ("`stepwell diff` of two revisions of 240 steps, 20 files changed, wall", "one load", "at most 1.5x"),
    ("`stepwell diff` of two revisions of 240 steps, 20 files changed, CPU", "one load", ""),
    ("index of 20 Python files, nothing kept, CPU", "`ast.parse` of each", "at most 1.5x"),
    ("index of 20 Python files, nothing changed, CPU", "`ast.parse` of each", "at least 10x"),
    ("index of 20 Python files, one changed, CPU", "`ast.parse` of each", "at least 10x"),
    ("`view.components(name)`", "", "at most 20 µs"),
    ("`view.load(name, kind)`, loaded before", "", "at most 2 µs"),
    ("alignment of 4 steps, CPU", "`ast.parse` of their sources", "at most 3x"),
    ("a step of 2 on the local engine, wall", "`subprocess.run` of its script", "at most 1.3x"),
    ("a step of 2 on the local engine, CPU", "`subprocess.run` of its script", "at most 1.3x"),
    ("2 no-op steps on Dask, wall", "`dask.delayed` of the same", "at most 1.5x"),
    ("a step type of 200, found before", "", "at most 1 µs"),
    ("a step type of 200, found and loaded for the first time", "", "at most 1 ms"),
    ("`registry.register` of a step type beside 200, median", "", "at most 10 ms"),
    ("`executor.run` of a function that does nothing", "", "at most 50 µs"),
    ("`executor.arun` of a coroutine that does nothing", "", "at most 100 µs"),
    ("1,000 coroutines at once, no thread each", "", ""),
    ("check and order of a pipeline of 200 steps, CPU", "networkx", "at most 1x"),
    ("wiring of 20 steps, CPU", "", "at most 1 s"),
    ("save to visible, 6 edits, none missed, p50", "", "at most 60 ms"),
    ("save to visible, 6 edits, none missed, p99", "", "at most 150 ms"),
    ("save to visible, 6 edits, none missed, longest", "", ""),
    ("a reload's own work, median", "a whole load", "at least 50x"),
    ("`registry.register`, median", "", "at most 1 ms"),
    ("`registry.resolve`, median", "", "at most 50 µs"),
    ("`get_config_class_name`, live", "frozen", "at most 5x"),
    ("1,000 switches of the workspace, a look-up each", "", "at most 10 ms"),
    ("keystroke to findings in the editor, p50", "", "at most 50 ms"),
    ("keystroke to findings in the editor, p99", "", "at most 150 ms"),
    ("186 mistakes in 40 files, reported by the first check", "", "at least 99.5 %"),
    ("findings about no mistake in 40 files", "", "at most 0.1 per file"),
    ("memory after 40 edits, 20 a second", "after a quarter", "at most 1.1x"),
    ("open descriptors after 40 edits, 20 a second", "", "+0 descriptors"),
    ("open threads after 40 edits, 20 a second", "", "+0 threads"),
    ("steps without their last of 40 edits, 20 a second", "", "0 steps"),
    ("CPU of a watch without edits", "", "at most 0.5 %"),
)


@pytest.fixture(scope="module")
def ran(
    tmp_path_factory: pytest.TempPathFactory, environment: Mapping[str, str]
) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A folder in which a quick run was made, and how it ended."""
    folder = tmp_path_factory.mktemp("benchmarks")
    scratch = folder / "scratch"
    scratch.mkdir()
    done = subprocess.run(
        [sys.executable, REPOSITORY / "tests/benchmarks/run.py", "--quick", "--output", folder / "page.md"],
        cwd=folder,
        env={**environment, "TMPDIR": str(scratch)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )
    return folder, done


def test_every_row_has_its_figures(ran: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    _, done = ran
    assert (done.returncode, done.stdout.count("\n")) == (0, len(MEASURED) + 2), done.stderr
    found = []
    for line in done.stdout.splitlines()[2:]:
        measured, ours, beside, theirs, ratio, target, verdict = (
            cell.strip() for cell in line.strip().removeprefix("|").removesuffix("|").split("|")
        )
        found.append((measured, beside, target))
        assert FIGURE.fullmatch(ours), line
        assert bool(FIGURE.fullmatch(theirs)) == bool(beside), line
        assert "memory" in measured or bool(RATIO.fullmatch(ratio)) == bool(beside), line
        assert verdict == "", line
    assert tuple(found) == MEASURED


def test_the_page_shows_the_table_and_the_machine_without_its_paths(
    ran: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    folder, done = ran
    page = (folder / "page.md").read_text(encoding="utf-8")
    assert page.startswith("# Benchmarks\n\n`make bench` measures everything on this page in one run")
    assert f"\n\n{done.stdout}\nThis was a quick run on small projects: no target is judged.\n" in page
    python = ".".join(map(str, sys.version_info[:3]))
    assert re.search(rf"^- .+, \d+ cores, .+\n- CPython {re.escape(python)}$", page, re.MULTILINE)
    for path in (REPOSITORY, folder, Path(sys.prefix)):
        assert str(path) not in page


def test_nothing_but_the_page_is_left_behind(ran: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    folder, _ = ran
    assert sorted(path.name for path in folder.rglob("*")) == [
        "benchmarks.svg",
        "images",
        "page.md",
        "scratch",
    ]


def test_the_drawing_shows_every_way_and_size(ran: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    folder, _ = ran
    drawing = ElementTree.parse(folder / "images/benchmarks.svg").getroot()  # noqa: S314 - our own file
    texts = [text.text for text in drawing.iter("{http://www.w3.org/2000/svg}text")]
    for text in ("core steps", "workspaces over 20 core steps", "warm check", "floor: stat and a snapshot"):
        assert text in texts
    lines = [
        each for each in drawing.iter("{http://www.w3.org/2000/svg}path") if "line" in each.attrib["class"]
    ]
    assert [line.attrib["d"].count("L") for line in lines] == [2] * 4 + [1] * 4
    page = (folder / "page.md").read_text(encoding="utf-8")
    assert "![CPU time of a check by size](images/benchmarks.svg)\n\n| core steps | 4 | 12 | 24 |\n" in page


def check_against(page: Path, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        REPOSITORY / "tests/benchmarks/run.py",
        "--quick",
        "--check",
        "--only",
        "look_up",
    ]
    return subprocess.run(
        [*command, "--output", page],
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )


def test_a_check_fails_only_if_a_ratio_lost_much(tmp_path: Path, environment: Mapping[str, str]) -> None:
    page = tmp_path / "page.md"
    row = "| `view[name]`, the core | 1 µs | `dict[name]` | 1 µs | {} |  |  |\n"
    page.write_text(row.format("900x the time (800 to 999)"), encoding="utf-8")
    kept = check_against(page, environment)
    assert (kept.returncode, kept.stderr.splitlines()[-1]) == (0, "ratios compared: 1, lost more than 25%: 0")
    page.write_text(row.format("0.01x the time (0.01 to 0.02)"), encoding="utf-8")
    lost = check_against(page, environment)
    assert lost.returncode == 1
    assert "lost: `view[name]`, the core, beside `dict[name]`: " in lost.stderr
    assert lost.stderr.splitlines()[-1] == "ratios compared: 1, lost more than 25%: 1"
    page.write_text("no table\n", encoding="utf-8")
    assert check_against(page, environment).returncode == 2
