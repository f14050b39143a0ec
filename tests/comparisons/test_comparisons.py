"""Each folder here is a case: two states of a registry and the output of ``stepwell diff``.

``base/`` and ``head/``   two projects, compared as folders unless ``case.json`` specifies another way
``case.json``             setup and command of the case; see ``Case``
``expected.txt``          the text output; if the command fails, stderr
``expected.md``           the markdown output
``expected.json``         the JSON output

``STEPWELL_UPDATE_CASES=1 pytest tests/comparisons`` rewrites what is expected; the difference is reviewed.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from stepwell.frontends import cli
from stepwell.frontends.render.comparison import COMPARISON_RENDERERS

pytestmark = pytest.mark.slow

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
CASES = sorted(path.name for path in HERE.iterdir() if path.is_dir() and path.name[0] not in "._")
UPDATE = os.environ.get("STEPWELL_UPDATE_CASES") == "1"
SUFFIXES = {"text": "txt", "markdown": "md", "json": "json"}
SCHEMA = json.loads((ROOT / "schemas" / "output-diff.schema.json").read_text(encoding="utf-8"))
GIT = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "A",
    "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_AUTHOR_DATE": "2026-11-01T12:00:00+0000",
    "GIT_COMMITTER_NAME": "A",
    "GIT_COMMITTER_EMAIL": "a@example.org",
    "GIT_COMMITTER_DATE": "2026-11-01T12:00:00+0000",
}


@dataclass(frozen=True, slots=True)
class Case:
    """What ``case.json`` may say.

    Args:
        about: what the case is for, where its name does not say it all.
        steps: done one after the other in an empty folder: ``write`` texts by path (``null`` deletes one),
            ``many`` texts in which NUMBER is replaced, ``fill`` sizes by path, ``git`` a command line.
        arguments: what follows ``stepwell diff``.
        folder: where it is run.
        formats: the forms that are stored.
        exit_code: how the command ends with ``--exit-code``.
        environment: variables of the command; ROOT is replaced with the case's folder.
    """

    about: str = ""
    steps: tuple[Mapping[str, Any], ...] = ()
    arguments: tuple[str, ...] = ("base", "head")
    folder: str = "."
    formats: tuple[str, ...] = ("text", "markdown", "json")
    exit_code: int = 0
    environment: Mapping[str, str] = field(default_factory=dict)


def read(case: str) -> Case:
    path = HERE / case / "case.json"
    return Case(**json.loads(path.read_text(encoding="utf-8"))) if path.exists() else Case()


def make(case: str, said: Case, root: Path) -> None:
    for name in ("base", "head"):
        if (HERE / case / name).is_dir():
            shutil.copytree(HERE / case / name, root / name)
    for step in said.steps:
        for path, text in step.get("write", {}).items():
            if text is None:
                (root / path).unlink()
                continue
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(text.encode("utf-8"))
        for path, text in step.get("many", {}).items():
            for number in range(step["times"]):
                file = root / path.replace("NUMBER", f"{number:03}")
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(text.replace("NUMBER", f"{number:03}").encode("utf-8"))
        for path, size in step.get("fill", {}).items():
            (root / path).write_bytes(b"x" * size)
        if "git" in step:
            words = [word.replace("ROOT", str(root)) for word in step["git"]]
            command = ["git", "-c", "protocol.file.allow=always", *words]
            subprocess.run(command, cwd=root / step.get("in", "."), check=True, capture_output=True)


@pytest.fixture
def reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], request: Any
) -> tuple[str, Case, dict[str, str]]:
    """A case by its name, and what the command writes about it in each form that is stored."""
    case = request.param
    said = read(case)
    root = tmp_path.resolve() / "case"
    root.mkdir()
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    for name, value in GIT.items():
        monkeypatch.setenv(name, value)
    make(case, said, root)
    for name, value in said.environment.items():
        monkeypatch.setenv(name, value.replace("ROOT", str(root)))
    monkeypatch.chdir(root / said.folder)
    answers = {}
    for form in said.formats:
        code = cli.run(["diff", "--exit-code", "--format", form, *said.arguments])
        out, err = capsys.readouterr()
        assert (code, bool(err)) == (said.exit_code, said.exit_code == 2), err or out
        answers[form] = (err or out).replace(str(root), "ROOT")
    return case, said, answers


@pytest.mark.parametrize("reported", CASES, indirect=True, ids=str)
def test_a_comparison_is_reported_as_stored(reported: tuple[str, Case, dict[str, str]]) -> None:
    case, said, answers = reported
    stored = {path.name for path in (HERE / case).glob("expected.*")}
    for form, got in answers.items():
        path = HERE / case / f"expected.{SUFFIXES[form]}"
        if UPDATE:
            path.write_bytes(got.encode())
        assert got == path.read_bytes().decode()
    assert stored | {f"expected.{SUFFIXES[form]}" for form in said.formats} == stored or UPDATE
    assert stored <= {f"expected.{SUFFIXES[form]}" for form in said.formats}
    if "json" in answers:
        errors = Draft202012Validator(SCHEMA).iter_errors(json.loads(answers["json"]))
        assert [error.message for error in errors] == []
    if "markdown" in answers:
        assert len(answers["markdown"]) <= 65_536
        assert answers["markdown"].startswith("<!-- stepwell-diff -->\n**Registry: ")
    assert "\x1b" not in "".join(answers.values())


def test_every_form_is_stored_or_tested_elsewhere() -> None:
    assert list(COMPARISON_RENDERERS) == [*SUFFIXES, "github"]
    assert len(CASES) > 30
