"""The hooks run under pre-commit as in a team: cloned, installed by pip, and run by ``git commit``."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

pytestmark = pytest.mark.slow

GOOD = """\
name: DataCleaning
sagemaker_step_type: Processing
description: Clean the data.
"""
BROKEN = GOOD.replace("Processing", "Procesing")
STEP = "registry.d/steps/data_cleaning.yaml"
SETTINGS = """\
[vocabulary]
sagemaker_step_types = ["Processing"]

[[freeze]]
output = "step_names.py"
"""
FINDING = """\
error[not-in-vocabulary]: `Procesing` is not an allowed value of `sagemaker_step_type`
  --> registry.d/steps/data_cleaning.yaml:2:22
   |
 2 | sagemaker_step_type: Procesing
   |                      ^^^^^^^^^ did you mean `Processing`?
"""
BASE_GONE = """\
error[override-without-base]: no step `DataCleaning` to override
  --> workspaces/alice/override/steps/data_cleaning.yaml:1:7
"""


@dataclass(frozen=True, slots=True)
class Repository:
    """A git repository of a user, with the hooks of this one in its configuration."""

    root: Path
    environment: Mapping[str, str]

    def run(self, *command: str, exit_code: int = 0) -> str:
        """Run a command that must end with this exit code, and return what it wrote to both streams."""
        done = subprocess.run(
            command,
            cwd=self.root,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=300,
            check=False,
        )
        told = done.stdout.decode()
        assert done.returncode == exit_code, f"{command}\n{told}"
        return told

    def write(self, path: str, text: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_bytes(text.encode())

    def hooks(self, *arguments: str, exit_code: int = 0) -> str:
        return self.run(sys.executable, "-m", "pre_commit", *arguments, exit_code=exit_code)

    def commits(self) -> list[str]:
        return self.run("git", "log", "--format=%s").splitlines()


def needed(name: str, seen: set[str]) -> Iterator[Distribution]:
    """A distribution that is installed here and all that it needs to run, without extras."""
    if name in seen:
        return
    seen.add(name)
    found = distribution(name)
    yield found
    for line in found.requires or ():
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield from needed(requirement.name, seen)


def pack(found: Distribution, folder: Path) -> None:
    """Write an installed distribution as the wheel that it came from, without its scripts."""
    files = [file for file in found.files or () if file.parts[0] != ".." and file.suffix != ".pyc"]
    (information,) = {file.parts[0] for file in files if file.parts[0].endswith(".dist-info")}
    contents = {
        file.as_posix(): file.locate().read_bytes()  # type: ignore[attr-defined]
        for file in files
        if file.as_posix() != f"{information}/RECORD"
    }
    record = "".join(
        f"{path},sha256={base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b'=').decode()},\n"
        for path, content in contents.items()
    )
    tags = [
        line.removeprefix("Tag: ").split("-")
        for line in contents[f"{information}/WHEEL"].decode().splitlines()
        if line.startswith("Tag: ")
    ]
    tag = "-".join(".".join(sorted(set(part))) for part in zip(*tags, strict=True))
    with zipfile.ZipFile(folder / f"{information.removesuffix('.dist-info')}-{tag}.whl", "w") as wheel:
        for path, content in {**contents, f"{information}/RECORD": record.encode()}.items():
            wheel.writestr(path, content)


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Requirements of Stepwell as wheels, so that pip installs them without a network."""
    folder = tmp_path_factory.mktemp("wheels")
    seen = {"stepwell"}
    for line in [*(distribution("stepwell").requires or ()), "hatchling"]:
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            for found in needed(requirement.name, seen):
                pack(found, folder)
    return folder


@pytest.fixture(scope="module")
def user(
    tmp_path_factory: pytest.TempPathFactory, environment: Mapping[str, str], wheels: Path
) -> dict[str, str]:
    """The environment of a user who has no settings of git, pip or pre-commit."""
    home = tmp_path_factory.mktemp("home")
    kept = {
        key: value
        for key, value in environment.items()
        if not key.startswith(("GIT_", "PIP_", "PRE_COMMIT", "VIRTUALENV_", "SKIP"))
    }
    return kept | {
        "HOME": str(home),
        "PRE_COMMIT_HOME": str(home / "pre-commit"),
        "PRE_COMMIT_COLOR": "never",
        "VIRTUALENV_OVERRIDE_APP_DATA": str(home / "virtualenv"),
        "VIRTUALENV_NO_PERIODIC_UPDATE": "1",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_AUTHOR_NAME": "Ada",
        "GIT_AUTHOR_EMAIL": "ada@example.com",
        "GIT_COMMITTER_NAME": "Ada",
        "GIT_COMMITTER_EMAIL": "ada@example.com",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": wheels.as_uri(),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }


@pytest.fixture(scope="module")
def hooks(
    tmp_path_factory: pytest.TempPathFactory,
    copy_repository: Callable[[Path], Path],
    user: Mapping[str, str],
) -> tuple[Path, str]:
    """A git clone of this repository at a path with a space, and its commit."""
    clone = Repository(copy_repository(tmp_path_factory.mktemp("hooks") / "step well"), user)
    clone.run("git", "init", "--quiet")
    clone.run("git", "add", "--all")
    clone.run("git", "commit", "--quiet", "--message", "All")
    return clone.root, clone.run("git", "rev-parse", "HEAD").strip()


@pytest.fixture
def repository(tmp_path: Path, hooks: tuple[Path, str], user: Mapping[str, str]) -> Callable[..., Repository]:
    """A function that makes a user's repository with one project in a folder of it, all committed."""

    def make(name: str = "pipelines", folder: str = "") -> Repository:
        made = Repository(tmp_path / name, user)
        made.root.mkdir()
        clone, commit = hooks
        arguments = f"\n        args: [--project, {folder.rstrip('/')}]" if folder else ""
        made.write(
            ".pre-commit-config.yaml",
            f"repos:\n  - repo: {clone}\n    rev: {commit}\n    hooks:\n"
            f"      - id: stepwell-check{arguments}\n      - id: stepwell-freeze{arguments}\n",
        )
        made.write(f"{folder}stepwell.toml", SETTINGS)
        made.write(f"{folder}{STEP}", GOOD)
        made.run(sys.executable, "-m", "stepwell", "freeze", "--project", f"./{folder}")
        made.run("git", "init", "--quiet")
        made.run("git", "add", "--all")
        made.run("git", "commit", "--quiet", "--message", "The project")
        made.hooks("install")
        return made

    return make


def test_the_manifest_is_one_that_pre_commit_takes(user: Mapping[str, str]) -> None:
    here = Repository(Path(__file__).resolve().parents[2], user)
    assert here.hooks("validate-manifest", ".pre-commit-hooks.yaml") == ""


def test_the_guide_names_the_hooks_that_there_are() -> None:
    here = Path(__file__).resolve().parents[2]
    manifest = (here / ".pre-commit-hooks.yaml").read_text(encoding="utf-8")
    guide = (here / "docs" / "how-to" / "pre-commit.md").read_text(encoding="utf-8")
    hooks = re.findall(r"^- id: (\S+)$", manifest, re.MULTILINE)
    assert hooks == ["stepwell-check", "stepwell-freeze", "stepwell-fmt"]
    assert set(re.findall(r"^ +- id: (\S+)$", guide, re.MULTILINE)) == set(hooks)


def test_both_hooks_pass_where_all_is_well(repository: Callable[..., Repository]) -> None:
    told = repository().hooks("run", "--all-files").splitlines()
    results = [line for line in told if not line.startswith("[INFO]")]  # of the first installation
    assert [line.partition("..")[0] for line in results] == ["stepwell check", "stepwell freeze --check"]
    assert [line.rpartition(".")[2] for line in results] == ["Passed", "Passed"]


def test_a_commit_with_an_error_is_rejected_until_it_is_fixed(repository: Callable[..., Repository]) -> None:
    made = repository()
    made.write(STEP, BROKEN)
    told = made.run("git", "commit", "--all", "--message", "A slip", exit_code=1)
    assert FINDING in told
    assert "- hook id: stepwell-check\n- exit code: 1\n" in told
    assert made.commits() == ["The project"]
    assert FINDING in made.hooks("run", "stepwell-check", "--all-files", exit_code=1)
    made.write(STEP, GOOD + "aliases: [Cleaning]\n")
    made.run(sys.executable, "-m", "stepwell", "freeze")
    made.run("git", "commit", "--all", "--message", "An alias")
    assert made.commits() == ["An alias", "The project"]


def test_only_what_is_staged_counts(repository: Callable[..., Repository]) -> None:
    made = repository()
    made.write("README.md", "Steps of ours.\n")
    made.run("git", "add", "README.md")
    made.write(STEP, BROKEN)
    made.run("git", "commit", "--message", "A page")
    assert made.commits() == ["A page", "The project"]
    assert (made.root / STEP).read_text(encoding="utf-8") == BROKEN


def test_a_commit_that_only_removes_a_file_is_checked_too(repository: Callable[..., Repository]) -> None:
    made = repository()
    made.write("workspaces/alice/override/steps/data_cleaning.yaml", "name: DataCleaning\npriority: 5\n")
    made.run("git", "add", "--all")
    made.run("git", "commit", "--message", "An override")
    made.run("git", "rm", "--quiet", STEP)
    assert BASE_GONE in made.run("git", "commit", "--message", "No base", exit_code=1)
    assert made.commits() == ["An override", "The project"]


def test_a_commit_is_rejected_while_a_generated_module_differs(repository: Callable[..., Repository]) -> None:
    made = repository()
    made.write(STEP, GOOD.replace("Clean the data", "Wash the data"))
    told = made.run("git", "commit", "--all", "--message", "Other words", exit_code=1)
    assert "- hook id: stepwell-freeze\n- exit code: 1\n" in told
    assert "1 frozen file does not match the definitions; run `stepwell freeze` to update\n" in told
    made.run(sys.executable, "-m", "stepwell", "freeze")
    made.run("git", "commit", "--all", "--message", "Other words")
    assert made.commits() == ["Other words", "The project"]


def test_a_project_in_a_folder_of_a_repository_at_a_path_with_a_space(
    repository: Callable[..., Repository],
) -> None:
    made = repository("our pipelines", "registry/fraud/")
    assert made.hooks("run", "--all-files").count("Passed") == 2
    made.write(f"registry/fraud/{STEP}", BROKEN)
    assert FINDING.replace("--> ", "--> registry/fraud/") in made.run(
        "git", "commit", "--all", "--message", "A slip", exit_code=1
    )
    assert made.commits() == ["The project"]


def test_a_hook_can_be_limited_to_commits_that_touch_definitions(
    repository: Callable[..., Repository],
) -> None:
    made = repository()
    limited = f"- id: stepwell-check\n        always_run: false\n        files: ^{STEP}$\n"
    settings = (made.root / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    made.write(".pre-commit-config.yaml", settings.replace("- id: stepwell-check\n", limited))
    told = made.run("git", "commit", "--all", "--message", "Settings", exit_code=0)
    assert "stepwell check" in told
    assert "(no files to check)Skipped" in told
    made.write(STEP, BROKEN)
    assert FINDING in made.run("git", "commit", "--all", "--message", "A slip", exit_code=1)
    assert made.commits() == ["Settings", "The project"]
