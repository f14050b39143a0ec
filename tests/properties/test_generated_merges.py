"""Branches whose definitions merge have generated files that merge, to the text of a new freeze.

Real git merges, rebases and cherry-picks random pairs of branches over the core and workspaces.
``STEPWELL_PAIRS=200`` tries 200 pairs instead of a few.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

import stepwell
from stepwell.frontends.cli.freeze import errors_of, of_removed_workspaces, valid_texts, write

pytestmark = pytest.mark.slow

PAIRS: Final = int(os.environ.get("STEPWELL_PAIRS", "16"))
SOURCES: Final = Path(stepwell.__file__).parents[1]
WORDS: Final = ("Alpha", "Beta", "Delta", "Gamma", "Kappa", "Omega", "Sigma", "Theta")
KINDS: Final = ("Training", "Processing", "Transform")
CONFIG: Final = """\
schema_version = 1

[rules]
shadows-core = "off"
override-changes-nothing = "off"

[naming]
abbreviations.xgb = "XGBoost"

[[freeze]]
output = "generated/step_names.py"
first = [
    "Omega",
    # rest
    "Beta",
]

[[freeze]]
output = "generated/package/"
workspace = "all"

[[freeze]]
output = "generated/all.py"
workspace = "all"
"""
DRIVER: Final = """\
import sys
sys.path.insert(0, {sources!r})
from stepwell.write.freeze.literals import merge_files
reason = merge_files(*sys.argv[1:4])
sys.exit(reason or 0)
"""


class Sandbox:
    """A repository with one project in the subfolder ``the project``, frozen in this process."""

    def __init__(self, folder: Path) -> None:
        self.top = folder
        self.root = folder / "the project"
        self.root.mkdir()
        home = folder.parent / "home"
        home.mkdir()
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": "a",
            "GIT_AUTHOR_EMAIL": "a@example.org",
            "GIT_COMMITTER_NAME": "a",
            "GIT_COMMITTER_EMAIL": "a@example.org",
            "GIT_EDITOR": "true",
        }
        script = folder.parent / "a driver.py"
        script.write_text(DRIVER.format(sources=str(SOURCES)))
        self.git("init", "-q", "-b", "base")
        self.git("config", "gc.auto", "0")
        self.git("config", "merge.stepwell.driver", f"'{sys.executable}' -S -E '{script}' %O %A %B %P")
        (self.root / ".gitattributes").write_text("/generated/** text eol=lf merge=stepwell\n")

    def git(self, *words: str, fails: bool | None = False) -> str:
        done = subprocess.run(
            ["git", *words], cwd=self.top, env=self.environment, capture_output=True, text=True, check=False
        )
        if fails is not None:
            assert bool(done.returncode) is fails, f"git {words}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def files(self, pattern: str) -> list[Path]:
        return sorted(self.root.glob(pattern))

    def write(self, path: str, text: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def generated(self) -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in self.files("generated/**/*.py*")}

    def freeze(self) -> bool:
        """Write the generated files; false if the definitions have errors."""
        registry = stepwell.open(self.root)
        if errors_of(registry.diagnostics):
            return False
        targets = registry.project.settings.freeze
        texts, failing = valid_texts(registry, targets)
        assert not failing
        write(registry.project, texts, of_removed_workspaces(registry, targets))
        return True

    def commit(self) -> bool:
        if not self.freeze():
            self.git("checkout", "-q", "--", ".")
            self.git("clean", "-fdq")
            return False
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "change")
        return True


def definition(name: str, chance: random.Random, *, kind: str | None = "Processing") -> str:
    """A definition whose fields are lines apart, so that git merges changes of two fields."""
    lines = [f"name: {name}"]
    if kind:
        lines += ["#", "#", f"sagemaker_step_type: {kind}"]
    lines += ["#", "#", f"description: About {chance.random()}.", "#", "#"]
    if chance.random() < 0.5:
        lines += [f"config_class: {chance.choice(WORDS)}Config", "#", "#"]
    return "\n".join(lines) + "\n"


def changed(text: str, chance: random.Random) -> str:
    field, value = chance.choice(
        [
            ("description", f"About {chance.random()}."),
            ("config_class", f"{chance.choice(WORDS)}Config"),
            ("builder_step_name", f"{chance.choice(WORDS)}Builder"),
            ("sagemaker_step_type", chance.choice(KINDS)),
            ("priority", str(chance.randrange(1000))),
        ]
    )
    lines = [line for line in text.splitlines() if not line.startswith(f"{field}:")]
    return "\n".join([*lines, "#", "#", f"{field}: {value}"]) + "\n"


def edit(box: Sandbox, chance: random.Random) -> None:
    """Add, change, remove, rename, override or hide a definition."""
    workspace = chance.choice(["alice", "bob", "carol", f"team-{chance.randrange(3)}"])
    layer = chance.choice(["registry.d", "registry.d", f"workspaces/{workspace}/local"])
    name = chance.choice(WORDS) + chance.choice(["", *WORDS])
    steps = box.files(f"{layer}/steps/*.yaml")
    step = chance.choice(steps) if steps else None
    action = chance.choice(
        ["add", "add", "add", "change", "change", "remove", "rename", "override", "hide", "else"]
    )
    if action == "add":
        box.write(f"{layer}/steps/{stem(name)}.yaml", definition(name, chance, kind=chance.choice(KINDS)))
    elif action == "change" and step:
        step.write_text(changed(step.read_text(), chance))
    elif action == "remove" and step:
        step.unlink()
    elif action == "rename" and step:
        text = step.read_text()
        old = text.partition("\n")[0].removeprefix("name: ")
        step.unlink()
        renamed = text.replace(f"name: {old}\n", f"name: {old}Again\n", 1) + f"#\n#\naliases: [{old}]\n"
        box.write(f"{layer}/steps/{stem(old + 'Again')}.yaml", renamed)
    elif action == "override":
        base = chance.choice(box.files("registry.d/steps/*.yaml"))
        path = f"workspaces/{workspace}/override/steps/{base.name}"
        there = (
            (box.root / path).read_text()
            if (box.root / path).exists()
            else base.read_text().partition("\n")[0]
        )
        box.write(path, changed(there, chance))
    elif action == "hide":
        base = chance.choice(box.files("registry.d/steps/*.yaml"))
        box.write(
            f"workspaces/{workspace}/local/steps/{base.name}",
            f"{base.read_text().partition(chr(10))[0]}\ndescription: x\n",
        )
    elif action == "else":
        box.write(
            f"registry.d/hyperparameters/{stem(name)}_hyperparameters.yaml",
            f"name: {name}Hyperparameters\nmodule_path: a.b\ndescription: About {chance.random()}.\n",
        )
    if layer.startswith("workspaces") or action in ("override", "hide"):
        box.write(f"workspaces/{workspace}/workspace.yaml", f"developer_id: {workspace}\n")


def stem(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")


def branch(box: Sandbox, name: str, start: str, chance: random.Random) -> None:
    box.git("checkout", "-q", "-B", name, start)
    for _ in range(chance.choice([1, 1, 2])):
        while True:
            for _ in range(chance.choice([1, 2, 3])):
                edit(box, chance)
            if box.commit():  # the edits leave no errors
                break


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    folder = tmp_path_factory.mktemp("pairs") / "the top"
    folder.mkdir()
    box = Sandbox(folder)
    chance = random.Random(0)  # noqa: S311
    box.write("stepwell.toml", CONFIG)
    for name in ("Omega", "Beta", "AlphaBeta", "GammaDelta", "KappaSigma"):
        box.write(f"registry.d/steps/{stem(name)}.yaml", definition(name, chance))
    for workspace in ("alice", "bob", "carol"):
        box.write(f"workspaces/{workspace}/workspace.yaml", f"developer_id: {workspace}\n")
    box.write("workspaces/alice/local/steps/mine.yaml", definition("Mine", chance))
    assert box.commit()
    return box


OPERATIONS: Final = {
    "merge": ("ours", ("merge", "--no-edit", "-q", "theirs")),
    "rebase": ("theirs", ("rebase", "-q", "ours")),
    "cherry-pick": ("ours", ("cherry-pick", "--keep-redundant-commits", "base..theirs")),
}


def test_generated_files_merge(box: Sandbox) -> None:
    merged = dict.fromkeys(OPERATIONS, 0)
    drawn = 0
    while min(merged.values()) < PAIRS and drawn < 4 * PAIRS:
        drawn += 1
        chance = random.Random(drawn)  # noqa: S311
        branch(box, "ours", "base", chance)
        branch(box, "theirs", "base", chance)
        for operation, (start, words) in OPERATIONS.items():
            box.git("checkout", "-q", "-B", "result", start)
            told = box.git(*words, fails=None)
            unmerged = box.git("diff", "--name-only", "-z", "--diff-filter=U").split("\0")
            generated = {path for path in unmerged if path.startswith("the project/generated/")}
            if {*unmerged} - generated - {""}:
                box.git(operation, "--abort")
                continue  # the definitions conflict
            assert not generated, (drawn, operation, told)
            before = box.generated()
            if box.freeze():  # the merged definitions have no errors
                assert box.generated() == before, (drawn, operation)
                merged[operation] += 1
            box.git("reset", "-q", "--hard")
            box.git("clean", "-fdq")
    assert min(merged.values()) >= PAIRS, (merged, drawn)
