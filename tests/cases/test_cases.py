"""Each folder here is a case: a project, and beside it what is found in it and what it serves.

``project/``                    its files, copied to a temporary folder
``make.json``                   what git does not keep as it is, made in that copy: see ``MAKERS``
``expected-diagnostics.json``   every finding, in order, with its span
``expected.json``               what the configuration, the workspaces and each view then say

``STEPWELL_UPDATE_CASES=1 pytest tests/cases`` rewrites what is expected; the difference is reviewed.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import stepwell
from stepwell.frontends import cli
from stepwell.frontends.render import RENDERERS
from stepwell.live.registry import Registry
from stepwell.model import Definition, Deprecation, Workspace, schema
from stepwell.model.settings import Settings
from stepwell.resolve.view import View
from stepwell.source import yaml
from stepwell.source.diagnostic import Diagnostic, Severity, Span
from stepwell.source.document import thaw
from stepwell.source.spelling import Naming
from stepwell.write.freeze import generate
from stepwell.write.freeze.tables import LegacyNaming

pytestmark = pytest.mark.slow

HERE = Path(__file__).resolve().parent
CASES = sorted(path.name for path in HERE.iterdir() if (path / "expected-diagnostics.json").exists())
NEW = sorted(
    path.name for path in HERE.iterdir() if path.is_dir() and path.name not in (*CASES, "__pycache__")
)
UPDATE = os.environ.get("STEPWELL_UPDATE_CASES") == "1"
TODAY = date(2026, 11, 1)
NOBODY = 65534

Make = Mapping[str, Any]


def _file(path: Path, make: Make) -> None:
    path.write_bytes(make["text"].encode(make.get("encoding", "utf-8")))


def _bytes(path: Path, make: Make) -> None:
    path.write_bytes(bytes.fromhex(make["bytes"]))


def _repeated(path: Path, make: Make) -> None:
    text = make.get("before", "") + make["repeat"] * make["times"] + make.get("after", "")
    path.write_bytes(text.encode())


def _files(path: Path, make: Make) -> None:
    """One file for each number, its text taken in turn."""
    texts = make["files"]
    for number in range(make["times"]):
        text = texts[number % len(texts)].replace("NUMBER", str(number))
        path.with_name(path.name.replace("NUMBER", str(number))).write_bytes(text.encode())


def _link(path: Path, make: Make) -> None:
    path.symlink_to(make["link"])


def _pipe(path: Path, make: Make) -> None:
    assert make["pipe"]
    os.mkfifo(path)


def _folder(path: Path, make: Make) -> None:
    assert make["folder"]
    path.mkdir()


def _mode(path: Path, make: Make) -> None:
    path.chmod(int(make["mode"], 8))


MAKERS: Mapping[str, Callable[[Path, Make], None]] = {
    "text": _file,
    "bytes": _bytes,
    "repeat": _repeated,
    "files": _files,
    "link": _link,
    "pipe": _pipe,
    "folder": _folder,
    "mode": _mode,
}
"""What an entry of ``make.json`` can ask for, besides its ``path`` (relative to the project)."""


@contextlib.contextmanager
def copied(case: str) -> Iterator[Path]:
    """The project of a case in a temporary folder that every user may enter."""
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary).resolve() / "project"
        source = HERE / case / "project"
        if source.is_dir():
            shutil.copytree(source, root)
        else:
            root.mkdir()
        (root / "stepwell.toml").touch()
        if (HERE / case / "no-stepwell-toml").exists():
            (root / "stepwell.toml").unlink()
        made: list[Make] = []
        if (HERE / case / "make.json").exists():
            made = json.loads((HERE / case / "make.json").read_text(encoding="utf-8"))
        for make in made:
            path = root / make["path"]
            path.parent.mkdir(parents=True, exist_ok=True)
            (maker,) = MAKERS.keys() & make.keys()
            MAKERS[maker](path, make)
        closed = [root / make["path"] for make in made if "mode" in make]
        try:
            with _without_privileges(root.parent) if closed else contextlib.nullcontext():
                yield root
        finally:
            for path in closed:
                path.chmod(0o700)


@contextlib.contextmanager
def _without_privileges(folder: Path) -> Iterator[None]:
    """A while in which file permissions bind us: root, whom they do not, becomes nobody."""
    if os.geteuid() != 0:
        yield
        return
    stepwell.open(HERE / "step-override-over-core" / "project").view()  # what nobody could not import
    for name in RENDERERS:
        cli.run(["check", "--project", str(HERE / "step-override-over-core" / "project"), "--format", name])
    os.chown(folder, NOBODY, NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def _place(span: Span | None) -> dict[str, Any]:
    if span is None:
        return {"path": None}
    return {name: getattr(span, name) for name in ("path", "line", "column", "end_line", "end_column")}


def _told(found: Diagnostic) -> dict[str, Any]:
    return {
        "id": found.id,
        "severity": found.severity.value,
        "message": found.message,
        **_place(found.span),
        "help": found.help,
        "related": [{"message": related.message, **_place(related.span)} for related in found.related],
    }


PLAIN = Settings()
STEP: Mapping[str, Any] = {
    "name": None,
    "sagemaker_step_type": None,
    "description": None,
    "framework": None,
    "config_class": None,
    "builder_step_name": None,
    "spec_type": None,
    "priority": 100,
    "environment_tags": (),
    "compatibility_tags": (),
    "conflict_resolution_strategy": "workspace_priority",
    "aliases": (),
    "deprecated": None,
    "extensions": {},
}
HYPERPARAMETERS: Mapping[str, Any] = {
    "name": None,
    "module_path": None,
    "model_type": None,
    "description": None,
    "extensions": {},
}
WORKSPACE: Mapping[str, Any] = {
    "version": "0.0.0",
    "description": "",
    "dependencies": (),
    "default_resolution_strategy": "workspace_priority",
    "preferred_frameworks": (),
    "environment_preferences": (),
    "conflict_tolerance": "medium",
    "extensions": {},
}


def _said(value: Definition | Workspace, defaults: Mapping[str, Any]) -> dict[str, Any]:
    """All that a definition or a workspace says that is not the default."""
    said = {name: getattr(value, name) for name in defaults}
    return {name: _plain(field) for name, field in said.items() if field != defaults[name]}


def _plain(value: Any) -> Any:
    if isinstance(value, Deprecation):
        return {name: getattr(value, name) for name in value._fields if getattr(value, name) is not None}
    return thaw(value)


def _served(view: View) -> dict[str, Any]:
    said = {
        "steps": {name: _said(step, STEP) for name, step in view.steps.items()},
        "hyperparameters": {name: _said(one, HYPERPARAMETERS) for name, one in view.hyperparameters.items()},
        "providers": {name: thaw(one.data) for name, one in view.providers.items()},
    }
    return {kind: table for kind, table in said.items() if table}


def _settings(settings: Settings) -> dict[str, Any]:
    said: dict[str, Any] = {}
    for name in (name for name in Settings.__slots__ if name not in {"config", "prefix"}):
        value = getattr(settings, name)
        if value == getattr(PLAIN, name):
            continue
        if isinstance(value, Naming):
            plain = Naming()
            value = {
                one: getattr(value, one)
                for one in Naming.__slots__
                if getattr(value, one) != getattr(plain, one)
            }
        elif name == "freeze":
            value = [{one: getattr(target, one) for one in target._fields} for target in value]
        said[name] = thaw(value)
    return said


def _answer(registry: Registry) -> dict[str, Any]:
    workspaces = registry.snapshot.workspaces
    said = {
        "settings": _settings(registry.project.settings),
        "workspaces": {name: _said(workspace, WORKSPACE) for name, workspace in workspaces.items()},
        "core": _served(registry.view()),
    }
    said.update({f"view of {name}": _served(registry.view(name)) for name in registry.workspaces})
    return said


def _written(value: Any, depth: int) -> str:
    """JSON with the outer ``depth`` levels one entry a line."""
    if not depth or not isinstance(value, (dict, list)) or not value:
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list):
        inside = [_written(item, depth - 1) for item in value]
    else:
        inside = [f"{json.dumps(key)}: {_written(item, depth - 1)}" for key, item in value.items()]
    opening, closing = "[]" if isinstance(value, list) else "{}"
    body = ",\n".join(inside).replace("\n", "\n  ")
    return f"{opening}\n  {body}\n{closing}"


@pytest.mark.parametrize("case", CASES if not UPDATE else sorted(CASES + NEW))
def test_case(case: str, capsys: pytest.CaptureFixture[str]) -> None:
    with copied(case) as root:
        registry = stepwell.open(root, today=TODAY)
        found = _written([_told(one) for one in registry.diagnostics], 2) + "\n"
        answer = _written(_answer(registry), 3) + "\n"
        _holds_always(root, registry)
        _is_told_in_every_format(root, registry, capsys)
    _is_frozen_as_served(registry)
    for name, got in (("expected-diagnostics.json", found), ("expected.json", answer)):
        stored = HERE / case / name
        if UPDATE:
            stored.write_bytes(got.encode())
        assert got == stored.read_bytes().decode()


@pytest.fixture
def without_jsonschema_rs(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(sys.modules, "jsonschema_rs", None)
    compiled = (schema._validator, schema._compiled)
    for cached in compiled:
        cached.cache_clear()
    yield
    for cached in compiled:
        cached.cache_clear()


IN_UPDATE = pytest.mark.skipif(UPDATE, reason="expected files are being rewritten")


@IN_UPDATE
@pytest.mark.usefixtures("without_jsonschema_rs")
@pytest.mark.parametrize("case", CASES)
def test_a_case_is_the_same_without_jsonschema_rs(case: str) -> None:
    with copied(case) as root:
        registry = stepwell.open(root, today=TODAY)
    assert _written([_told(one) for one in registry.diagnostics], 2) + "\n" == _stored(case)


@IN_UPDATE
@pytest.mark.parametrize("case", CASES)
def test_a_case_has_the_same_findings_without_libyaml(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml, "CParser", None)
    with copied(case) as root:
        registry = stepwell.open(root, today=TODAY)
    assert _places([_told(one) for one in registry.diagnostics]) == _places(json.loads(_stored(case)))


def _stored(case: str) -> str:
    return (HERE / case / "expected-diagnostics.json").read_bytes().decode()


def _places(findings: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """Findings without the sentences of the parser, which differ."""
    return [(finding["id"], finding.get("path"), finding.get("line")) for finding in findings]


def test_no_case_is_without_expectations() -> None:
    assert NEW == []
    assert len(CASES) > 100


def test_one_good_file_is_served_beside_a_hundred_broken_ones(run_stepwell: Callable[..., Any]) -> None:
    with copied("hundred-broken-files-beside-one-good-one") as root:
        checked = run_stepwell("check", "--format", "concise", cwd=root)
        listed = run_stepwell("list", "--format", "json", cwd=root)
        refused = run_stepwell("freeze", "--output", "step_names.py", cwd=root)
        assert not (root / "step_names.py").exists()
    assert (checked.exit_code, checked.stderr) == (1, "")
    told = {line.partition(":")[0] for line in checked.stdout.splitlines() if line.startswith("registry.d/")}
    assert told == {f"registry.d/steps/broken_{number}.yaml" for number in range(100)}
    assert listed.exit_code == 0
    assert '"Ranking"' in listed.stdout
    assert refused.exit_code == 1
    for ran in (checked, listed, refused):
        assert "Traceback" not in ran.stdout + ran.stderr


def test_hostile_texts_come_back_from_a_frozen_file_in_a_bare_interpreter(
    run_stepwell: Callable[..., Any],
) -> None:
    with copied("hostile-descriptions") as root:
        frozen = run_stepwell("freeze", "--workspace", "all", "--output", "frozen/", cwd=root)
        assert (frozen.exit_code, frozen.stdout) == (0, "")
        again = run_stepwell("freeze", "--workspace", "all", "--output", "frozen/", "--check", cwd=root)
        assert (again.exit_code, again.stdout) == (0, "")
        asked = (
            "import sys, json; sys.path.insert(0, sys.argv[1]); import frozen as f\n"
            "told = [f.get_step_names(), f.get_step_names('alice'), f.HYPERPARAMETER_REGISTRY]\n"
            "sys.stdout.write(json.dumps(told))"
        )
        bare = [sys.executable, "-I", "-S", "-W", "error", "-c", asked, str(root)]
        core, alice, classes = json.loads(subprocess.run(bare, capture_output=True, check=True).stdout)
        registry = stepwell.open(root)
    assert core == registry.view().legacy_table()
    assert alice == registry.view("alice").legacy_table()
    assert {row["description"] for row in core.values()} >= {
        "It says \"stop\" and 'go'.",
        '""" or \'\'\' or """',
        "one\u2028two\u2029three\u0085four",
        "{{ 7 * 7 }} {% raw %} {# x #} {0} %s ${HOME} $(id)",
    }
    assert classes["OddHyperparameters"]["model_type"] == "{{ x }} \" '"


def test_toml_and_yaml_of_one_definition_are_one_definition() -> None:
    with copied("toml-and-yaml-say-the-same") as root:
        registry = stepwell.open(root)
    core, alice = registry.view(), registry.view("alice")
    assert alice["Scoring"].sources[0].document.path.endswith(".toml")
    assert alice["Scoring"] == core["Scoring"]
    assert alice["Scoring"].digest == core["Scoring"].digest
    assert alice["Scoring"].data == core["Scoring"].data
    assert alice.digest == core.digest


@pytest.mark.parametrize("comment", ["  # stepwell: ignore[duplicate-definition]", ""])
def test_a_name_defined_twice_is_never_lost_without_a_word(
    comment: str, project: Callable[..., Path]
) -> None:
    step = f"name: Scoring{comment}\ndescription: Score a batch.\n"
    root = project(
        {
            "stepwell.toml": "" if comment else '[rules]\nduplicate-definition = "off"\n',
            "registry.d/steps/a/scoring.yaml": step,
            "registry.d/steps/b/scoring.yaml": step,
        }
    )
    registry = stepwell.open(root)
    errors = [found for found in registry.diagnostics if found.severity is Severity.ERROR]
    assert "Scoring" in registry.view() or errors != []


def _holds_always(root: Path, registry: Registry) -> None:
    again = stepwell.open(root, today=TODAY)
    assert again.diagnostics == registry.diagnostics
    assert again.digest == registry.digest
    assert list(registry.diagnostics) == sorted(registry.diagnostics, key=lambda found: found.sort_key)
    for name in registry.workspaces:
        assert set(registry.view(name).diagnostics) <= set(registry.diagnostics)
    for found in registry.diagnostics:
        assert str(root.parent) not in f"{found.message}{found.help}"
        assert not found.message.endswith(".")
        assert found.message.isprintable()
        for span in (found.span, *(related.span for related in found.related)):
            assert span is not None
            _is_a_place(root, span)


def _is_a_place(root: Path, span: Span) -> None:
    """The span lies in its file, and its text is that line."""
    assert not span.path.startswith(("/", "../"))
    assert (span.line, span.column) <= (span.end_line, span.end_column)
    file = root / span.path
    if span.text or span.line > 1 or span.column > 1:
        text = file.read_bytes().decode("utf-8", "replace").removeprefix("\ufeff")
        lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        assert len(lines[span.line - 1]) == len(span.text)
        drawn_over = "/providers/" in span.path  # no excerpt shows a secret
        for written, shown in zip(lines[span.line - 1], span.text, strict=True):
            assert written == shown or (drawn_over and shown == "*")
        assert span.column <= len(span.text) + 1
        assert span.end_line <= len(lines)
        assert span.end_column <= len(lines[span.end_line - 1]) + 1


def _is_told_in_every_format(root: Path, registry: Registry, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    failing = any(found.severity is Severity.ERROR for found in registry.diagnostics)
    for form in RENDERERS:
        code = cli.run(["check", "--project", str(root), "--format", form])
        told = capsys.readouterr()
        assert (form, code, told.err) == (form, int(failing), "")
        if form == "json":
            ids = [found["id"] for found in json.loads(told.out)["diagnostics"]]
            assert ids == [found.id for found in registry.diagnostics]
        elif form == "concise":
            assert len(told.out.splitlines()) >= len(registry.diagnostics)


def _is_frozen_as_served(registry: Registry) -> None:
    """The frozen modules give back every text of the views, whatever is in it."""
    views = {name: registry.view(name) for name in registry.workspaces}
    naming = LegacyNaming((), {})
    for view in (registry.view(), *views.values()):
        module = _run(generate("registry/", view, None, naming, "stepwell freeze", "0"), "step_names.py")
        table = view.legacy_table()
        assert module["STEP_NAMES"] == table
        assert list(module["STEP_NAMES"]) == list(table)
        classes = _run(generate("registry/", view, None, naming, "", "0"), "hyperparameter_registry.py")
        rows = classes["HYPERPARAMETER_REGISTRY"]
        assert {name: row["description"] for name, row in rows.items()} == {
            name: one.description for name, one in view.hyperparameters.items()
        }
    module = _run(generate("step_names.py", registry.view(), views, naming, "", "0"), "step_names.py")
    assert module["get_step_names"]() == registry.view().legacy_table()
    for name, view in views.items():
        assert module["get_step_names"](name) == view.legacy_table()


def _run(files: Mapping[str, str], name: str) -> dict[str, Any]:
    (text,) = (text for path, text in files.items() if path.rpartition("/")[2] == name)
    namespace: dict[str, Any] = {"__name__": f"frozen_{name.removesuffix('.py')}"}
    exec(compile(text.encode(), name, "exec"), namespace)  # noqa: S102 - what we generated
    return namespace
