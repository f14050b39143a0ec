"""The wheel works where nothing of this repository is: it is built, installed and run far from it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import Distribution, distribution
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement
from tests.conftest import interpreter
from tests.contracts.test_docs import REPOSITORY, follow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Run = Callable[..., str]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def run(environment: Mapping[str, str]) -> Run:
    """A function that runs a command that must succeed, and returns its stdout."""

    def run_it(*command: Path | str, cwd: Path) -> str:
        done = subprocess.run(
            command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout

    return run_it


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory, copy_repository: Callable[[Path], Path]) -> Path:
    """A copy of the repository, so that building leaves the checkout as it is."""
    return copy_repository(tmp_path_factory.mktemp("source") / "stepwell")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory, source: Path, run: Run) -> Path:
    output = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", output, cwd=source)
    (built,) = output.iterdir()
    return built


@pytest.fixture(scope="module")
def stepwell(tmp_path_factory: pytest.TempPathFactory, wheel: Path, run: Run) -> Path:
    """The command, installed from the wheel into an environment that held nothing.

    The dependencies that the wheel names are copied from the environment of the tests, so that
    nothing is downloaded; pip rejects the wheel if a requirement is missing.
    """
    environment = tmp_path_factory.mktemp("environment") / "with a space"
    run(sys.executable, "-m", "venv", environment, cwd=wheel.parent)
    python = environment / "bin" / "python"
    answer = run(python, "-c", "import sysconfig; print(sysconfig.get_path('platlib'))", cwd=wheel.parent)
    for dependency in dependencies("stepwell", seen=set(), extra="testing"):
        copy_distribution(dependency, Path(answer.strip()))
    pytest_command = environment / "bin" / "pytest"
    pytest_command.write_text('#!/bin/sh\nexec "$(dirname "$0")/python" -m pytest "$@"\n')
    pytest_command.chmod(0o755)
    run(python, "-m", "pip", "install", "--quiet", "--no-index", wheel, cwd=wheel.parent)
    return environment / "bin" / "stepwell"


def dependencies(name: str, seen: set[str], extra: str = "") -> Iterator[Distribution]:
    """Yield the transitive dependencies of a distribution, with one of its extras."""
    for line in distribution(name).requires or ():
        needed = Requirement(line)
        if needed.name in seen or (needed.marker and not needed.marker.evaluate({"extra": extra})):
            continue
        seen.add(needed.name)
        yield distribution(needed.name)
        yield from dependencies(needed.name, seen)


def copy_distribution(found: Distribution, to: Path) -> None:
    for file in found.files or ():
        if file.parts[0] == ".." or file.suffix == ".pyc":
            continue
        target = to / file
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(str(file.locate()), target)


def test_it_carries_what_the_package_reads_and_nothing_else(wheel: Path, source: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        schemas = {name: archive.read(name) for name in names if name.startswith("stepwell/schemas/")}
    package = {
        path.relative_to(source / "src").as_posix()
        for path in (source / "src" / "stepwell").rglob("*")
        if path.is_file()
    }
    assert "stepwell/py.typed" in names
    assert any(name.startswith("stepwell/write/freeze/templates/") for name in names)
    assert any(name.startswith("stepwell/write/scaffold/templates/") for name in names)
    assert schemas == {
        f"stepwell/schemas/{path.name}": path.read_bytes() for path in (source / "schemas").iterdir()
    }
    assert {"step", "hyperparameter", "workspace", "project"} <= {
        name.removeprefix("stepwell/schemas/").removesuffix(".schema.json") for name in schemas
    }
    shipped = {
        f"stepwell/shipped/{path.relative_to(source).as_posix()}"
        for folder in ("registry.d", "step_code", "workspaces", "stepwell.toml")
        for path in (source / folder, *(source / folder).rglob("*"))
        if path.is_file()
    }
    assert {name for name in names if ".dist-info/" not in name} == package | set(schemas) | shipped
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


def test_a_new_project_is_made_checked_and_frozen(stepwell: Path, run: Run, tmp_path: Path) -> None:
    run(stepwell, "init", "shop", cwd=tmp_path)
    shop = tmp_path / "shop"
    run(stepwell, "check", cwd=shop)
    run(stepwell, "freeze", cwd=shop)
    frozen = list(shop.rglob("step_names.py"))
    assert len(frozen) == 1, f"freeze wrote {frozen}"
    ask = "import sys; sys.path.append(sys.argv[1]); import step_names; print(len(step_names.STEP_NAMES) > 0)"
    told = run(sys.executable, "-I", "-S", "-c", ask, frozen[0].parent, cwd=tmp_path)
    assert told == "True\n"


@pytest.mark.parametrize("page", ["README.md", "docs/tutorial.md", "docs/tutorial-workspace.md"])
def test_newcomers_can_follow_a_page(
    stepwell: Path,
    page: str,
    environment: Mapping[str, str],
    copy_repository: Callable[..., Path],
    tmp_path: Path,
) -> None:
    text = (REPOSITORY / page).read_text(encoding="utf-8")
    folder = copy_repository(tmp_path / "clone", tests=False) if page == "README.md" else tmp_path
    assert follow(text, folder, environment, str(stepwell.parent)) == ""


@pytest.fixture(scope="module", params=["3.10", "3.13"])
def other_stepwell(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, wheel: Path
) -> Path:
    """The command in a fresh environment of another Python, with all dependencies from the package index."""
    environment = tmp_path_factory.mktemp(f"python{request.param}")
    python = interpreter(request.param)
    if python is None:
        pytest.skip(f"no Python {request.param} on this machine")
    steps = (
        [python, "-m", "venv", str(environment)],
        [str(environment / "bin" / "pip"), "install", "--quiet", f"{wheel}[testing]"],
    )
    for command in steps:
        done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
        if done.returncode:
            pytest.skip(f"Python {request.param} cannot be equipped here: {done.stderr.strip()[-200:]}")
    return environment / "bin" / "stepwell"


def test_newcomers_with_another_python_can_follow_the_tutorials(
    other_stepwell: Path, environment: Mapping[str, str], tmp_path: Path
) -> None:
    for page in ("tutorial.md", "tutorial-workspace.md"):
        text = (REPOSITORY / "docs" / page).read_text(encoding="utf-8")
        (tmp_path / page).mkdir()
        assert follow(text, tmp_path / page, environment, str(other_stepwell.parent)) == ""


def test_the_schemas_come_from_the_wheel(stepwell: Path, source: Path, run: Run, tmp_path: Path) -> None:
    printed = json.loads(run(stepwell, "schema", "step", cwd=tmp_path))
    assert printed == json.loads((source / "schemas" / "step.schema.json").read_bytes())


def test_the_catalog_comes_from_the_wheel(stepwell: Path, run: Run, tmp_path: Path) -> None:
    run(stepwell, "init", "shop", cwd=tmp_path)
    shop = tmp_path / "shop"
    run(stepwell, "pipeline", "new", "Train", "--from", "XGBoostEndToEnd", cwd=shop)
    run(stepwell, "check", cwd=shop)
    exported = run(stepwell, "pipeline", "export", "Train", "--to", "sagemaker", cwd=shop)
    assert [step["Name"] for step in json.loads(exported)["Steps"]][-1] == "package"


def test_a_user_s_program_is_typed_strictly(wheel: Path, run: Run, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)  # mypy finds it here before any other
    program = shutil.copy(Path(__file__).with_name("user_program.py"), tmp_path)
    command = (sys.executable, "-m", "mypy", "--strict", "--python-version=3.10", program)
    assert run(*command, cwd=tmp_path) == "Success: no issues found in 1 source file\n"


def test_its_version_is_the_wheel_s(stepwell: Path, wheel: Path, run: Run, tmp_path: Path) -> None:
    assert run(stepwell, "--version", cwd=tmp_path).split()[-1] == wheel.name.split("-")[1]
