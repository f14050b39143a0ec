"""Fixtures of all tests: a project, the command as users run it, a copy of this repository."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from tests.warm_python import run_python

REPOSITORY = Path(__file__).resolve().parent.parent
NOT_SOURCES = (".git", ".venv", ".*_cache", ".hypothesis", ".benchmarks", "__pycache__")
SETTINGS_OF_THE_USER = (
    "STEPWELL_",
    "CURSUS_",
    "PYTHON",
    "COLUMNS",
    "NO_COLOR",
    "FORCE_COLOR",
    "CLICOLOR",
)

# A shared machine is slow at times.
settings.register_profile("stepwell", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("stepwell-ci", settings.get_profile("stepwell"), derandomize=True)
settings.load_profile("stepwell-ci" if os.environ.get("CI") else "stepwell")


def interpreter(version: str) -> str | None:
    """The interpreter of a version: on the path, or installed by pyenv."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates = [shutil.which(f"python{version}"), *map(str, pyenv.glob(f"{version}.*/bin/python"))]
    return next((each for each in candidates if each is not None and runs(each)), None)


def runs(python: str) -> bool:
    return subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode == 0


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Do not import a module of slow tests only to leave them all out."""
    if config.option.markexpr != "not slow" or collection_path.suffix != ".py":
        return None
    return "\npytestmark = pytest.mark.slow\n" in collection_path.read_text(encoding="utf-8") or None


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended and what it wrote, byte for byte (decoded as UTF-8)."""

    exit_code: int
    stdout: str
    stderr: str


Project = Callable[[Mapping[str, str | bytes]], Path]
RunStepwell = Callable[..., Ran]


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> Iterator[None]:
    """Make SIGINT interrupt the processes of tests, even if the shell that started us ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """The environment of this process, without anything that changes an answer or is the user's."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(SETTINGS_OF_THE_USER)}
    folders = ("XDG_STATE_HOME", "STEPWELL_CACHE_DIR")
    return {**kept, **{name: str(tmp_path_factory.mktemp(name)) for name in folders}}


@pytest.fixture(autouse=True)
def state_of_this_test(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep the last valid versions and the caches of projects out of the user's folders and of projects."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.getbasetemp() / "state"))
    monkeypatch.setenv("STEPWELL_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A function that writes a project: paths with ``/`` to contents, beside an empty ``stepwell.toml``."""

    def write(files: Mapping[str, str | bytes]) -> Path:
        root = tmp_path / "project"
        for path, content in {"stepwell.toml": "", **files}.items():
            file = root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content.encode() if isinstance(content, str) else content)
        return root

    return write


@pytest.fixture
def run_stepwell(environment: Mapping[str, str]) -> RunStepwell:
    """A function that runs the command in a folder, in a separate process, without user settings."""

    def run(*arguments: str, cwd: Path, env: Mapping[str, str] | None = None) -> Ran:
        done = run_python("-m", "stepwell", *arguments, cwd=cwd, env={**environment, **(env or {})})
        return Ran(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture(scope="session")
def copy_repository() -> Callable[..., Path]:
    """A function that copies this repository, without what git ignores, to a folder that does not exist."""
    ignored = shutil.ignore_patterns(*NOT_SOURCES)

    def copy(to: Path, *, tests: bool = True) -> Path:
        def ignore(folder: str, names: list[str]) -> set[str]:
            own_tests = {"tests"} if folder == str(REPOSITORY) and not tests else set()
            return ignored(folder, names) | own_tests

        return shutil.copytree(REPOSITORY, to, symlinks=True, ignore=ignore)

    return copy
