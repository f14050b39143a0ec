"""Commands import what they run and nothing else: which modules are loaded, not how long it takes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

_RUN = """
import sys
sys.argv[0] = "stepwell"
from stepwell.__main__ import main
code = main()
print(*sys.modules, sep="\\n", file=sys.stderr)
sys.exit(code)
"""

UNUSED = (
    "asyncio",
    "concurrent",
    "importlib.metadata",
    "jinja2",
    "jsonschema",
    "msgspec",
    "rich",
    "watchdog",
    "yaml",
    "stepwell.check.alignment",
    "stepwell.check.pipelines",
    "stepwell.check.references",
    "stepwell.code.import_worlds",
    "stepwell.frontends.render.output",
    "stepwell.model.provider_protocol",
    "stepwell.resolve.incremental",
    "stepwell.review",
    "stepwell.run",
    "stepwell.source.git",
    "stepwell.source.python",
    "stepwell.source.yaml",
    "stepwell.write",
)


@pytest.mark.parametrize(
    ("command", "used"),
    [
        ("check", ()),
        ("list", ()),
        ("show Scoring", ("yaml",)),  # it writes YAML
        ("show Scoring --format json", ("msgspec", "stepwell.frontends.render.output")),
        (
            "explain Scoring",
            ("stepwell.source.python", "stepwell.source.yaml", "yaml"),
        ),  # it locates them
    ],
)
def test_a_command_imports_only_what_it_runs(tmp_path: Path, command: str, used: tuple[str, ...]) -> None:
    (tmp_path / "stepwell.toml").write_text("")
    steps = tmp_path / "registry.d" / "steps"
    steps.mkdir(parents=True)
    (steps / "scoring.yaml").write_text("name: Scoring\nframework: pytorch\ndescription: Score a batch.\n")
    done = subprocess.run(
        [sys.executable, "-c", _RUN, *command.split()],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = done.stderr.split()
    assert "stepwell.resolve.snapshot" in loaded
    unused = tuple(f"{name}." for name in UNUSED if name not in used)
    assert [name for name in loaded if f"{name}.".startswith(unused)] == []


_READ = """
import pathlib, sys, stepwell
url = pathlib.Path("published").absolute().as_uri()
print(len(stepwell.open(url).view()), *sys.modules, sep="\\n")
"""
OF_CHECKS = (
    *("dataclasses", "fsspec", "inspect", "jsonschema_rs"),
    *("stepwell.check", "stepwell.code", "stepwell.resolve.load"),
)


def test_a_published_registry_is_opened_without_what_checks_or_loads_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEPWELL_CACHE_DIR", "")
    (tmp_path / "stepwell.toml").write_text("")
    (tmp_path / "registry.d" / "steps").mkdir(parents=True)
    (tmp_path / "registry.d/steps/scoring.yaml").write_text("name: Scoring\ndescription: Score a batch.\n")
    publish = [sys.executable, "-m", "stepwell", "publish", "published", "-q"]
    subprocess.run(publish, cwd=tmp_path, check=True)
    read = subprocess.run(
        [sys.executable, "-c", _READ], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    count, *loaded = read.stdout.split()
    assert count == "1"
    unused = tuple(f"{name}." for name in (*UNUSED, *OF_CHECKS) if name != "stepwell.write")
    assert [name for name in loaded if f"{name}.".startswith(unused)] == []
