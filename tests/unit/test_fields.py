"""A field is declared in a schema and nowhere else: everything that serves definitions follows."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stepwell.model import KIND_OF_NOUN, KINDS, StepDefinition, Workspace
from stepwell.model.record import Fields, Record
from stepwell.model.schema import fields, schema_names

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).resolve().parents[2]
NEW_FIELDS = {
    "owner": {
        "description": "Who answers for it.",
        "type": "string",
        "maxLength": 20,
        "default": "nobody",
    },
    "reviewers": {
        "description": "Who has read it.",
        "type": "array",
        "items": {"description": "One name.", "type": "string"},
    },
    "contact": {
        "description": "Where to ask.",
        "type": "object",
        "properties": {
            "channel": {"description": "A channel.", "type": "string"},
            "pager": {"description": "A pager.", "type": "string"},
        },
        "additionalProperties": False,
    },
}
STATED = "owner: {owner}\nreviewers: [{reviewers}]\ncontact:\n  channel: {channel}\n"
DEFINITIONS = {
    "steps": ("Scoring", "description: Score.\n"),
    "providers": ("Scoring", "description: Score.\nimplementation: echo\n"),
    "pipelines": ("Scoring", "description: Score.\nsteps: []\n"),
    "hyperparameters": ("Scoring", "description: Score.\nmodule_path: a.b\n"),
}
FIRST = STATED.format(owner="ada", reviewers="ben, cleo", channel="scoring")
SECOND = STATED.format(owner="dana", reviewers="ben", channel="scores")

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of Stepwell in which the schemas of files have three more fields, and nothing else differs."""
    copy = tmp_path_factory.mktemp("source")
    shutil.copytree(
        REPOSITORY / "src" / "stepwell",
        copy / "src" / "stepwell",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    shutil.copytree(REPOSITORY / "schemas", copy / "schemas")
    for noun in (*(kind.noun for kind in KINDS.values()), "workspace"):
        path = copy / "schemas" / f"{noun}.schema.json"
        schema = json.loads(path.read_text(encoding="utf-8"))
        schema["properties"].update(NEW_FIELDS)
        path.write_text(json.dumps(schema), encoding="utf-8")
    return copy / "src"


@pytest.fixture
def run(source: Path, tmp_path: Path) -> Run:
    environment = {**os.environ, "PYTHONPATH": str(source), "NO_COLOR": "1"}

    def call(*arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        ran = subprocess.run(
            [sys.executable, *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == code, ran.stdout + ran.stderr
        return ran

    return call


def write(root: Path, path: str, text: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text, encoding="utf-8")


def project(root: Path) -> None:
    write(root, "stepwell.toml", "")
    for folder, (name, text) in DEFINITIONS.items():
        write(root, f"registry.d/{folder}/scoring.yaml", f"name: {name}\n{text}{FIRST}")
        override = f"name: {name}\nowner: null\ncontact:\n  pager: '7'\n"
        write(root, f"workspaces/alice/override/{folder}/scoring.yaml", override)
    write(root, "workspaces/alice/workspace.yaml", f"developer_id: alice\n{FIRST}")


def test_a_new_field_is_checked(run: Run, tmp_path: Path) -> None:
    project(tmp_path)
    run("-m", "stepwell", "check")
    for folder, (name, text) in DEFINITIONS.items():
        write(tmp_path, f"registry.d/{folder}/scoring.yaml", f"name: {name}\n{text}owner: 1\nownr: a\n")
        write(tmp_path, f"workspaces/alice/override/{folder}/scoring.yaml", f"name: {name}\nreviewers: a\n")
    write(tmp_path, "workspaces/alice/workspace.yaml", "contact: {chanel: a}\n")
    found = json.loads(run("-m", "stepwell", "check", "--format", "json", code=1).stdout)
    ids = sorted(one["id"] for one in found["diagnostics"] if one["id"] in ("wrong-type", "unknown-field"))
    assert ids == ["unknown-field"] * 5 + ["wrong-type"] * 8


def test_a_new_field_is_shown_explained_and_overridden(run: Run, tmp_path: Path) -> None:
    project(tmp_path)
    shown = json.loads(run("-m", "stepwell", "show", "Scoring", "--format", "json").stdout)
    new = {"owner": "ada", "reviewers": ["ben", "cleo"], "contact": {"channel": "scoring"}}
    assert {key: shown[key] for key in NEW_FIELDS} == new
    alice = run("-m", "stepwell", "show", "Scoring", "-w", "alice").stdout
    assert alice.endswith(
        'owner: nobody\nreviewers:\n  - ben\n  - cleo\ncontact:\n  channel: scoring\n  pager: "7"\n'
    ), alice
    explained = run("-m", "stepwell", "explain", "Scoring.owner", "-w", "alice").stdout
    assert "Scoring.owner in workspace alice\n  wins   nobody     schema default" in explained
    explained = run("-m", "stepwell", "explain", "Scoring.contact.pager", "-w", "alice").stdout
    assert "Scoring.contact.pager in workspace alice\n  wins   7  override of alice" in explained
    assert "owner: nobody" in run("-m", "stepwell", "explain", "Scoring", "-w", "alice").stdout
    one = run("-m", "stepwell", "explain", "Scoring.contact.channel", "-w", "alice").stdout
    assert "scoring" in one
    providers = run("-m", "stepwell", "providers", "Scoring").stdout
    assert "Scoring.owner in the core\n  wins   ada     core" in providers
    workspace = run("-m", "stepwell", "workspace", "show", "alice").stdout
    assert '  owner: ada\n  reviewers: ben, cleo\n  contact: {"channel": "scoring"}\n' in workspace


RELOADED = """
import json, sys
from datetime import date
import stepwell
from pathlib import Path
registry = stepwell.open(".", today=date(2027, 1, 1))
core, alice = registry.view(), registry.view("alice")
digests = [registry.snapshot.digest, core.digest, alice.digest]
digests += [table["Scoring"].digest for table in core.tables.values()]
digests.append(registry.snapshot.workspaces["alice"].digest)
events = []
registry.subscribe(events.append)
for path in (*Path("registry.d").rglob("*.yaml"), Path("workspaces/alice/workspace.yaml")):
    path.write_text(path.read_text().replace("ada", "eve").replace("[ben, cleo]", "[ben]"))
registry.reload()
core, alice = registry.view(), registry.view("alice")
after = [registry.snapshot.digest, core.digest, alice.digest]
after += [table["Scoring"].digest for table in core.tables.values()]
after.append(registry.snapshot.workspaces["alice"].digest)
print(json.dumps({
    "same": [one == other for one, other in zip(digests, after)],
    "values": [[table["Scoring"]["owner"], table["Scoring"]["reviewers"]] for table in core.tables.values()],
    "alice": [[table["Scoring"]["owner"], table["Scoring"]["reviewers"]] for table in alice.tables.values()],
    "workspace": registry.snapshot.workspaces["alice"]["owner"],
    "changed": {key.noun: fields for key, fields in events[-1].changes.core.changed.items()},
}))
"""


def test_a_new_field_is_digested_and_reloaded(run: Run, tmp_path: Path) -> None:
    project(tmp_path)
    told: dict[str, Any] = json.loads(run("-c", RELOADED).stdout)
    assert not any(told["same"])
    assert told["values"] == [["eve", ["ben"]]] * 4
    assert told["alice"] == [["nobody", ["ben"]]] * 4
    assert told["workspace"] == "eve"
    assert told["changed"] == {noun: ["owner", "reviewers"] for noun in KIND_OF_NOUN}


def test_a_new_field_is_diffed_and_in_the_log(run: Run, tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        subprocess.run(
            ["git", "-c", "user.name=a", "-c", "user.email=a@b.c", *arguments],
            cwd=tmp_path,
            check=True,
            capture_output=True,
        )

    project(tmp_path)
    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "-m", "first")
    for folder, (name, text) in DEFINITIONS.items():
        write(tmp_path, f"registry.d/{folder}/scoring.yaml", f"name: {name}\n{text}{SECOND}")
    diffed = json.loads(run("-m", "stepwell", "diff", "HEAD", "--format", "json").stdout)
    core = next(view for view in diffed["views"] if view["workspace"] is None)
    fields_of = {one["noun"]: [field["field"] for field in one["fields"]] for one in core["changes"]}
    assert fields_of == {kind.noun: list(NEW_FIELDS) for kind in KINDS.values()}
    text = run("-m", "stepwell", "diff", "HEAD").stdout
    assert '"ada" → "dana"' in text
    logged = run("-m", "stepwell", "log", "Scoring").stdout
    assert 'owner: "ada" → "dana"' in logged


def test_a_record_has_items_for_every_field_and_names_the_nearest_of_another() -> None:
    step = StepDefinition({"name": "A", "description": "a", "sagemaker_step_type": "Base", "priority": 7.0})
    assert (step["config_class"], step["priority"], step["framework"]) == ("AConfig", 7, None)
    assert type(step["priority"]) is int
    assert step["aliases"] == ()
    with pytest.raises(KeyError, match="did you mean `framework`"):
        step["framewrk"]
    with pytest.raises(KeyError):
        Workspace("alice")["framework"]


def test_no_field_hides_an_attribute_of_its_record() -> None:
    bases = {"workspace": Fields}
    for noun in (*(kind.noun for kind in KINDS.values()), "workspace"):
        own = {name for name in fields(noun) if name != "name"}
        assert not own & {*dir(bases.get(noun, Record))}
    assert {"step-override", "workspace"} <= {*schema_names()}
