"""Where the cache of loads is, who may read it, when it is used, and what starts from it."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import stepwell
from stepwell.resolve import project_cache
from stepwell.resolve.project_cache import CacheOptions, cache_options, load_cached
from stepwell.source import observations
from stepwell.source.seal import user_key

Project = Callable[[Mapping[str, "str | bytes"]], Path]
TODAY = date(2026, 11, 1)
OPTIONS = CacheOptions(b"k" * 32)
FILES: Mapping[str, str | bytes] = {
    "stepwell.toml": '[vocabulary]\nframeworks = ["xgboost"]\n',
    "registry.d/steps/scoring.yaml": "name: Scoring\ndescription: Score it.\naliases: [Score]\n",
    "registry.d/steps/ranking.yaml": (
        "name: Ranking\ndescription: Rank a batch, then write the ten best of every group to a table.\n"
        "framework: xgboost\ndeprecated: {since: '1', note: Old.}\nx-own: {a: [1, 'yes', 0.5]}\n"
    ),
    "workspaces/alice/workspace.yaml": "developer_id: alice\n",
    "workspaces/alice/override/steps/scoring.yaml": "name: Scoring\nframework: xgboost\n",
    "workspaces/alice/local/steps/own.toml": (
        'name = "Own"\ndescription = "Do it."\nbuilder_step_name = "OwnBuilder"\n'
    ),
}
HEAVY = {"yaml", "jsonschema", "jsonschema_rs", "jinja2", "watchdog", "rich", "json", "email", "hashlib"}
DURATION = re.compile(r" in (?:[0-9.]+|less than 0.01) s|\"seconds\": [0-9.]+")
COMMANDS = (
    "check",
    "check --workspace alice",
    "list",
    "list --workspace all",
    "show Scoring",
    "show Ranking",
    "explain Scoring.framework --workspace alice",
    "explain Scoring.description",
)


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Treat files as settled as soon as they are written."""
    monkeypatch.setattr(observations, "_TICK", -(10**12))


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_a_clean_command_on_an_unchanged_project_imports_little(
    project: Project, environment: Mapping[str, str], command: str
) -> None:
    root = project(FILES)
    code = (
        f"import sys; sys.argv = ['stepwell', *{command.split()!r}]\nfrom stepwell.__main__ import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\nsys.stderr.write(' '.join(sys.modules))"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=root,
            env=dict(environment),
            capture_output=True,
            text=True,
            check=True,
        )
        for _ in range(2)
    ]
    shown = [ran.stdout.partition(" in ")[0] if "Checked" in ran.stdout else ran.stdout for ran in runs]
    assert shown[0] == shown[1] != ""
    first, second = (set(ran.stderr.split()) for ran in runs)
    assert {"jsonschema_rs", "stepwell.resolve.load"} <= first
    assert HEAVY & second == set()
    assert "stepwell.resolve.load" not in second
    assert not {name for name in second if name.startswith("stepwell.check.")}


def shown(run_stepwell: Callable[..., Any], root: Path, *arguments: str, **options: Any) -> tuple[Any, ...]:
    ran = run_stepwell(*arguments, cwd=root, **options)
    return ran.exit_code, DURATION.sub("", ran.stdout), ran.stderr


@pytest.mark.parametrize(
    "broken", ["", "name: Ranking\nnmae: x\n", "name: [\n", "name: Other # stepwell: ignore[unknown-field]\n"]
)
def test_output_and_exit_code_are_the_same_from_the_cache(
    project: Project, run_stepwell: Callable[..., Any], broken: str
) -> None:
    root = project({**FILES, **({"registry.d/steps/broken.yaml": broken} if broken else {})})
    more = ("check --format json", "freeze --check", "explain Ranking.framework")
    commands = [command.split() for command in (*COMMANDS, *more)]
    for command in commands:
        plain = shown(run_stepwell, root, *command, "--no-cache")
        assert shown(run_stepwell, root, *command) == plain
        assert shown(run_stepwell, root, *command) == plain
        assert shown(run_stepwell, root, *command, "--verify-content") == plain


def test_the_cache_is_in_the_project_and_private(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STEPWELL_CACHE_DIR")
    root = project(FILES)
    stepwell.open(root)
    folder = root / ".stepwell" / "cache"
    ignored, file = sorted(folder.iterdir())
    assert (ignored.name, file.name[:8]) == (".gitignore", "project-")
    assert (folder / ".gitignore").read_text() == "*\n"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    key = Path(os.environ["XDG_STATE_HOME"], "stepwell", "cache-key")
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert len(key.read_bytes()) == 32


def test_a_variable_moves_or_disables_the_cache(
    project: Project, run_stepwell: Callable[..., Any], tmp_path: Path
) -> None:
    root = project(FILES)
    run_stepwell("check", cwd=root, env={"STEPWELL_CACHE_DIR": ""})
    run_stepwell("check", "--no-cache", cwd=root, env={"STEPWELL_CACHE_DIR": str(tmp_path / "own")})
    assert not (root / ".stepwell").exists()
    assert not (tmp_path / "own").exists()
    run_stepwell("check", cwd=root, env={"STEPWELL_CACHE_DIR": str(tmp_path / "own")})
    assert not (root / ".stepwell").exists()
    assert len(list((tmp_path / "own").glob("*/project-*"))) == 1


def test_a_key_that_others_can_read_is_not_used(tmp_path: Path) -> None:
    key = user_key(str(tmp_path / "state"))
    assert key is not None
    assert user_key(str(tmp_path / "state")) == key
    file = tmp_path / "state" / "cache-key"
    file.chmod(0o644)
    assert user_key(str(tmp_path / "state")) is None
    file.chmod(0o600)
    file.write_bytes(b"short")
    assert user_key(str(tmp_path / "state")) is None
    file.unlink()
    file.symlink_to(tmp_path / "elsewhere")
    assert user_key(str(tmp_path / "state")) is None
    assert not (tmp_path / "elsewhere").exists()
    (tmp_path / "file").write_text("")
    assert user_key(str(tmp_path / "file" / "state")) is None
    assert user_key("~/.local/state/stepwell") is None


def test_without_a_key_nothing_is_stored(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    monkeypatch.delenv("STEPWELL_CACHE_DIR")
    root = project(FILES)
    assert len(stepwell.open(root).view()) == 2
    assert not (root / ".stepwell").exists()


@pytest.mark.parametrize("name", [".stepwell", ".stepwell/cache"])
def test_a_link_is_not_followed(project: Project, tmp_path: Path, name: str) -> None:
    root = project(FILES)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (root / name).parent.mkdir(exist_ok=True)
    (root / name).symlink_to(elsewhere)
    assert load_cached(str(root), TODAY, OPTIONS).files == 6
    assert not list(elsewhere.iterdir())


def test_a_cache_that_cannot_be_written_changes_nothing(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = project(FILES)
    (root / ".stepwell").write_text("")
    assert load_cached(str(root), TODAY, OPTIONS).files == 6
    (root / ".stepwell").unlink()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    assert load_cached(str(root), TODAY, OPTIONS).files == 6
    assert [path.name for path in (root / ".stepwell" / "cache").iterdir()] == [".gitignore"]


@pytest.mark.usefixtures("settled")
def test_an_unchanged_project_is_not_read(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    root = project(FILES)
    assert load_cached(str(root), TODAY, OPTIONS).summary is None
    monkeypatch.setattr(observations, "_content", None)  # no file is read
    loaded = load_cached(str(root), TODAY, OPTIONS)
    assert loaded.summary is not None
    assert loaded.summary.files == 6
    assert load_cached(str(root), date(2027, 1, 1), OPTIONS).summary is None  # a step is deprecated


@pytest.mark.usefixtures("settled")
def test_only_changed_files_are_read_and_checked(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    from stepwell.check import file
    from stepwell.resolve import load

    root = project(FILES)
    load_cached(str(root), TODAY, OPTIONS)
    read: list[str] = []
    check = file.check_definition
    monkeypatch.setattr(load, "check_definition", lambda *a: read.append(a[1].path) or check(*a))
    path = "registry.d/steps/scoring.yaml"
    (root / path).write_text("name: Scoring\ndescription: Score it well.\n")
    loaded = load_cached(str(root), TODAY, OPTIONS)
    assert read == [path]
    assert loaded.snapshot.core["Scoring"].description == "Score it well."
    assert load_cached(str(root), TODAY, OPTIONS).summary is not None
    (root / "stepwell.toml").write_text("")
    load_cached(str(root), TODAY, OPTIONS)
    assert len(read) == 5  # other settings: every definition is checked again


def test_recent_files_are_compared_by_content(project: Project) -> None:
    root = project(FILES)
    load_cached(str(root), TODAY, OPTIONS)
    path = root / "registry.d/steps/scoring.yaml"
    status = path.stat()
    path.write_bytes(path.read_bytes().replace(b"Score it", b"SCORE IT"))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert load_cached(str(root), TODAY, OPTIONS).snapshot.core["Scoring"].description == "SCORE IT."


@pytest.mark.usefixtures("settled")
def test_a_touched_file_costs_one_comparison(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    root = project(FILES)
    load_cached(str(root), TODAY, OPTIONS)
    read: list[str] = []
    content = observations._content
    monkeypatch.setattr(observations, "_content", lambda root, path: read.append(path) or content(root, path))
    os.utime(root / "registry.d/steps/scoring.yaml")
    assert load_cached(str(root), TODAY, OPTIONS).summary is not None
    assert set(read) == {"registry.d/steps/scoring.yaml"}
    read.clear()
    assert load_cached(str(root), TODAY, OPTIONS).summary is not None
    assert not read
    assert load_cached(str(root), TODAY, CacheOptions(OPTIONS.key, verify=True)).summary is not None
    assert len(set(read)) == 6


@pytest.mark.usefixtures("settled")
def test_a_changed_stepwell_or_environment_starts_again(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = project(FILES)
    own = tmp_path / "rule.py"
    own.write_text("")
    monkeypatch.setattr(project_cache, "_own_files", lambda: iter([str(own)]))
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.setattr(sys, "path", [*sys.path, str(site)])

    def is_cached() -> bool:
        load_cached(str(root), TODAY, OPTIONS)
        return load_cached(str(root), TODAY, OPTIONS).summary is not None

    assert is_cached()
    own.write_text("# changed")
    assert load_cached(str(root), TODAY, OPTIONS).summary is None
    (site / "note.txt").write_text("")
    assert is_cached()
    (site / "acme-1.dist-info").mkdir()
    assert load_cached(str(root), TODAY, OPTIONS).summary is None
    assert is_cached()
    folder = site / "acme_steps" / "steps"
    folder.mkdir(parents=True)
    (folder / "acme.yaml").write_text("name: Acme\ndescription: Do it.\n")
    (site / "acme-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1\n")
    (site / "acme-1.dist-info" / "entry_points.txt").write_text("[stepwell.steps]\nacme = acme_steps\n")
    for _ in range(2):
        loaded = load_cached(str(root), TODAY, OPTIONS)
        assert loaded.summary is None
        assert "Acme" in loaded.snapshot.core
    shutil.rmtree(site / "acme-1.dist-info")
    assert "Acme" not in load_cached(str(root), TODAY, OPTIONS).snapshot.core
    monkeypatch.setattr(sys, "path", sys.path[:-1])
    assert load_cached(str(root), TODAY, OPTIONS).summary is None


@pytest.mark.usefixtures("settled")
def test_a_registry_from_the_cache_reloads_as_any_other(project: Project) -> None:
    root = project(FILES)
    stepwell.open(root)
    registry = stepwell.open(root)
    assert not registry._made
    digest, ranking = registry.digest, registry.view()["Ranking"]
    assert registry.view("alice").steps.above["Scoring"].framework == "xgboost"
    assert not registry._made
    (root / "registry.d/steps/scoring.yaml").write_text("name: Scoring\ndescription: Score it well.\n")
    (root / "registry.d/steps/new.yaml").write_text("name: New\ndescription: Do it.\n")
    event = registry._store.reload(["registry.d/steps/scoring.yaml", "registry.d/steps/new.yaml"])
    assert event is not None
    assert event.old_digest == digest
    assert [key.name for key in event.changes.core.added] == ["New"]
    assert [key.name for key in event.changes.core.changed] == ["Scoring"]
    assert registry.view()["Ranking"] is ranking
    assert registry.digest == stepwell.open(root).digest


@pytest.mark.usefixtures("settled")
def test_what_needs_python_sources_finds_them(project: Project) -> None:
    root = project(
        {**FILES, "src/builders.py": "class OwnBuilder: pass\n", "stepwell.toml": "[references]\n"}
    )
    for _ in range(2):
        registry = stepwell.open(root)
        view = registry.view("alice")
        assert view.components("Own")["builder"].place is not None
        assert registry.health().status.value == "ok"
        step = registry.register("Later", lambda _, __: {}, workspace=None)
        assert registry.view()["Later"].name == "Later"
        step.remove()


@pytest.mark.slow
def test_processes_write_at_the_same_time(project: Project, environment: Mapping[str, str]) -> None:
    root = project(FILES)
    command = [sys.executable, "-m", "stepwell", "check", "--format", "json"]
    variables = {key: value for key, value in environment.items() if key != "STEPWELL_CACHE_DIR"}
    started = [
        subprocess.Popen(command, cwd=root, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(6)
    ]
    for number in range(20):
        (root / "registry.d/steps/scoring.yaml").write_text(f"name: Scoring\ndescription: Score {number}.\n")
        time.sleep(0.02)
    for process in started:
        out, err = process.communicate()
        assert (process.returncode, err) == (0, b""), out
    names = [path.name for path in (root / ".stepwell/cache").iterdir()]
    assert not [name for name in names if name.endswith(".tmp")]
    assert {name.partition("-")[0] for name in names} - {"changes"} == {".gitignore", "project"}
    options = cache_options(variables)
    assert load_cached(str(root), TODAY, options).snapshot.core["Scoring"].description == "Score 19."


def test_doctor_reports_why_nothing_is_cached(
    project: Project, run_stepwell: Callable[..., Any], tmp_path: Path
) -> None:
    root = project(FILES)
    assert "cached" not in run_stepwell("doctor", cwd=root).stdout
    (tmp_path / "file").write_text("")
    state = {"XDG_STATE_HOME": str(tmp_path / "file")}
    advice = "- Make the folder of Stepwell's state private: without a key in it, loads are not cached."
    assert advice in run_stepwell("doctor", cwd=root, env=state).stdout.splitlines()
    assert "cached" not in run_stepwell("doctor", cwd=root, env={**state, "STEPWELL_CACHE_DIR": ""}).stdout
    (root / ".stepwell").symlink_to(tmp_path)
    kept = {"STEPWELL_CACHE_DIR": str(tmp_path / "kept")}
    assert "behind a link" not in run_stepwell("doctor", cwd=root, env=kept).stdout


@pytest.mark.usefixtures("settled")
def test_each_environment_has_its_own_file(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = project(FILES)
    path = list(sys.path)
    for number in range(10):
        monkeypatch.setattr(sys, "path", [*path, str(tmp_path / str(number))])
        assert load_cached(str(root), TODAY, OPTIONS).summary is None
        assert load_cached(str(root), TODAY, OPTIONS).summary is not None
    monkeypatch.setattr(sys, "path", [*path, str(tmp_path / "8")])
    assert load_cached(str(root), TODAY, OPTIONS).summary is not None
    assert len(list((root / ".stepwell" / "cache").glob("project-*"))) == 8
