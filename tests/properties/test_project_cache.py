"""A load that starts from a cache, in whatever state it is, has the result of a load without one."""

from __future__ import annotations

import json
import marshal
import os
import random
import shutil
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st
from tests.cases.test_cases import CASES, TODAY, copied

from stepwell.model.settings import open_project
from stepwell.resolve import LoadResult
from stepwell.resolve.load import load
from stepwell.resolve.project_cache import CacheOptions, load_cached
from stepwell.source import observations
from stepwell.source.seal import open_sealed

pytestmark = pytest.mark.slow

KEY = b"k" * 32
OPTIONS = CacheOptions(KEY)
LATER = date(2026, 12, 24)
FILES = (
    "registry.d/steps/alpha.yaml",
    "registry.d/steps/group/beta.yaml",
    "registry.d/steps/gamma.toml",
    "registry.d/hyperparameters/alpha.yaml",
    "registry.d/pipelines/train.yaml",
    "registry.d/providers/echo.yaml",
    "workspaces/alice/workspace.yaml",
    "workspaces/alice/local/steps/delta.yaml",
    "workspaces/alice/override/steps/alpha.yaml",
    "workspaces/bob/override/steps/alpha.yaml",
    "workspaces/bob/override/steps/beta.yaml",
    "registry.d/steps/group/note.txt",
    "registry.d/stpes/lost.yaml",
)
SETTINGS = (
    "",
    '[vocabulary]\nframeworks = ["xgboost"]\n',
    '[rules]\nnot-in-vocabulary = "off"\nfile-name-mismatch = "error"\n[project]\nworkspace = "alice"\n',
    '[paths]\ncore = "other.d"\n',
    '[[freeze]]\noutput = "a.py"\nfirst = ["Beta", "Gone"]\n',
    '[components]\nsource = ["code"]\n',
    "[rules\n",
    "unknown = 1\n",
)
TEXTS = (
    "name: {name}\ndescription: Do it {number}.\nsagemaker_step_type: Training\n",
    "name: {name}\ndescription: Do it.\nframework: pytorch{number}\n",
    "name: {name}\ndescription: Do it.\ndeprecated: {{since: '1', remove_after: '2026-12-0{number}'}}\n",
    "# stepwell: ignore[file-name-mismatch] meant\nname: Other\ndescription: Do it.\n",
    "name: {name}\npriority: {number}\nx-own: [{{a: {number}}}]\n",
    "name: {name}\ndescription: Do it.\nnmae: {number}\n",
    "name: [{number}\n",
    "",
    "name: {name}\ndescription: P.\nsteps:\n  - {{id: a, step: Alpha}}\n  - {{id: b, step: Beta{number}}}\n",
    "name: {name}\nmodule_path: a.b{number}\ndescription: H.\n",
    "name: {name}\nimplementation: echo\nsettings: {{prefix: '{number}'}}\n",
    "name = '{name}'\ndescription = 'Toml {number}.'\naliases = ['T{number}']\n",
    "developer_id: alice\npreferred_frameworks: [xgboost{number}]\n",
)
BYTES = (b"\xff\xfe", b"name: a\0b\n", b"\xef\xbb\xbfname: Alpha\n")

paths = st.sampled_from(FILES)
texts = st.tuples(st.sampled_from(TEXTS), st.integers(0, 9))
edits = st.one_of(
    st.tuples(st.just("write"), paths, texts),
    st.tuples(st.just("remove"), paths),
    st.tuples(st.just("rename"), paths, paths),
    st.tuples(st.just("touch"), paths),
    st.tuples(st.just("same size"), paths),
    st.tuples(st.just("link"), st.sampled_from(["registry.d/steps", "workspaces/alice", "outside"])),
    st.tuples(st.just("folder"), st.sampled_from(["workspaces/carol", "workspaces/a b", "code"])),
    st.tuples(st.just("settings"), st.sampled_from(SETTINGS)),
    st.tuples(
        st.just("bytes"), paths, st.sampled_from([b"\xff\xfe", b"name: a\0b\n", b"\xef\xbb\xbfname: Alpha\n"])
    ),
    st.tuples(st.just("wait")),
)
damages = st.sampled_from(
    [
        "nothing",
        "nothing",
        "nothing",
        "removed",
        "truncated",
        "random",
        "flipped",
        "other key",
        "other project",
    ]
)


def put(root: Path, path: str, content: bytes) -> None:
    file = root / path
    if file.parent.is_file():
        file.parent.unlink()
    file.parent.mkdir(parents=True, exist_ok=True)
    if not file.is_dir():
        file.write_bytes(content)


def edit(root: Path, kind: str, *arguments: Any) -> None:
    file = root / str(arguments[0] if arguments else "")
    if kind == "write":
        text, number = arguments[1]
        name = "".join(word.title() for word in file.stem.split("_"))
        put(root, arguments[0], text.format(name=name, number=number).encode())
    elif kind == "bytes":
        put(root, *arguments)
    elif kind == "remove" and file.is_file():
        file.unlink()
    elif kind == "rename" and file.is_file():
        put(root, arguments[1], b"")
        file.replace(root / arguments[1])
    elif kind == "touch" and file.is_file():
        os.utime(file)
    elif kind == "same size" and file.is_file():
        content, status = file.read_bytes(), file.stat()
        file.write_bytes(content.replace(b"it", b"IT"))
        os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    elif kind == "link":
        (root / "registry.d" / "steps").mkdir(parents=True, exist_ok=True)
        link = root / "registry.d" / "steps" / "linked"
        link.unlink(missing_ok=True)
        link.symlink_to(root.parent if arguments[0] == "outside" else root / arguments[0])
    elif kind == "folder":
        file.mkdir(parents=True, exist_ok=True)
    elif kind == "settings":
        put(root, "stepwell.toml", arguments[0].encode())
    elif kind == "wait":
        time.sleep(0.06)


def cache_of(root: Path) -> Path:
    return next((root / ".stepwell" / "cache").glob("project-*"), root / "none")


def damage(root: Path, kind: str, others: Path, chance: random.Random) -> None:
    cache = cache_of(root)
    if not cache.is_file():
        return
    content = cache.read_bytes()
    if kind == "removed":
        cache.unlink()
    elif kind == "truncated":
        cache.write_bytes(content[: chance.randrange(len(content))])
    elif kind == "random":
        cache.write_bytes(chance.randbytes(chance.randrange(500)))
    elif kind == "flipped":
        at = chance.randrange(len(content))
        cache.write_bytes(content[:at] + bytes([content[at] ^ 1 << chance.randrange(8)]) + content[at + 1 :])
    elif kind == "other key":
        load_cached(str(root), TODAY, CacheOptions(b"o" * 32))
    elif kind == "other project":
        load_cached(str(others), TODAY, OPTIONS)
        shutil.copyfile(cache_of(others), cache)


def content_of(loaded: LoadResult) -> dict[str, Any]:
    """Everything that a load states, in a comparable form."""
    snapshot = loaded.snapshot
    views = {key: snapshot.view(key) for key in (None, *snapshot.workspaces)}
    return {
        "views": {
            key: (
                view.digest,
                view.diagnostics,
                {
                    kind: [
                        (name, item.data, item.sources, item.effective(), table.hidden(name))
                        for name, item in table.items()
                    ]
                    for kind, table in view.tables.items()
                },
                {name: view.explain_all(name) for name in view},
            )
            for key, view in views.items()
        },
        "steps": {key: (len(view), len(view.steps.above)) for key, view in views.items()},
        "workspaces": {key: (item, item.document) for key, item in snapshot.workspaces.items()},
        "diagnostics": loaded.diagnostics,
        "project": (loaded.project, loaded.project.config, loaded.project.prefix),
    }


def state_of(loaded: LoadResult) -> dict[str, Any]:
    """Everything that reloads start from."""
    return {
        "files": loaded.files,
        "layout": loaded.layout,
        "own": loaded.own,
        "checked": {
            path: (file.name, file.place, file.diagnostics, file.ignores, file.used, file.source)
            for path, file in loaded.checked.items()
        },
        "words": (loaded.core.words, loaded.core.by_alias, loaded.core.by_config_class, loaded.core.notes),
    }


def compare(root: Path, today: date, options: CacheOptions, *, deep: bool) -> None:
    expected = load(open_project(str(root)), today)
    found = load_cached(str(root), today, options)
    if found.summary is not None:
        steps = content_of(expected)["steps"]
        assert (found.summary.files, dict(found.summary.steps)) == (expected.files, steps)
        assert found.summary.has_references == (expected.project.settings.references is not None)
        assert found.summary.workspace == expected.project.settings.workspace
        for key, diagnostics in found.summary.diagnostics.items():
            assert diagnostics == expected.snapshot.view(key).diagnostics
            assert list(found.summary.names(key)) == list(expected.snapshot.view(key))
    assert content_of(found) == content_of(expected)
    if deep:
        assert state_of(found) == state_of(expected)


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("other")
    put(root, "stepwell.toml", b"")
    put(root, FILES[0], b"name: Alpha\ndescription: Of another project.\n")
    return root


@settings(max_examples=120, suppress_health_check=[HealthCheck.too_slow])
@given(
    start=st.lists(st.tuples(st.just("write"), paths, texts), min_size=3, max_size=9),
    steps=st.lists(
        st.tuples(
            st.lists(edits, max_size=3),
            damages,
            st.sampled_from([TODAY, TODAY, LATER]),
            st.booleans(),
            st.booleans(),
        ),
        min_size=2,
        max_size=5,
    ),
    seed=st.integers(0, 2**16),
)
@example(
    start=[("write", FILES[0], (TEXTS[0], 1)), ("write", FILES[8], (TEXTS[4], 1))],
    steps=[
        ([("wait",)], "nothing", TODAY, False, True),
        ([("same size", FILES[0])], "nothing", TODAY, False, True),
        ([("wait",)], "nothing", TODAY, False, True),
        ([("remove", FILES[0])], "nothing", TODAY, False, True),
    ],
    seed=0,
)
@example(
    start=[("write", FILES[0], (TEXTS[2], 1))],
    steps=[
        ([("wait",)], "nothing", TODAY, False, False),
        ([], "nothing", TODAY, False, False),
        ([], "nothing", LATER, False, False),
        ([], "nothing", TODAY, False, False),
    ],
    seed=0,
)
def test_a_load_with_any_cache_is_a_load_without(
    others: Path, start: list[Any], steps: list[Any], seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve() / "project"
        put(root, "stepwell.toml", b"")
        for change in start:
            edit(root, *change)
        compare(root, TODAY, OPTIONS, deep=False)
        for changes, kind, today, verify, deep in steps:
            for change in changes:
                edit(root, *change)
            damage(root, kind, others, chance)
            compare(root, today, CacheOptions(KEY, verify=verify), deep=deep)


@pytest.mark.parametrize("case", CASES)
def test_every_case_is_the_same_from_the_cache(case: str, tmp_path: Path) -> None:
    with copied(case) as project:
        root = Path(project)
        options = CacheOptions(KEY, str(tmp_path))
        compare(root, TODAY, options, deep=False)
        compare(root, TODAY, options, deep=True)


@pytest.fixture
def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(observations, "_TICK", -(10**12))  # what was just written counts as settled
    root = tmp_path / "project"
    put(root, "stepwell.toml", b"")
    for path in FILES[:3]:
        edit(root, "write", path, (TEXTS[0], 1))
    load_cached(str(root), TODAY, OPTIONS)
    return root


def test_nothing_is_decoded_before_it_is_authenticated(stored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = cache_of(stored)
    content = cache.read_bytes()
    sealed = open_sealed(str(cache), KEY)
    assert sealed is not None
    body, index = sealed.part(1), sealed.part(0)
    assert body is not None
    assert index is not None
    expected = content_of(load_cached(str(stored), TODAY, OPTIONS))
    decoded: list[bytes] = []
    loads = marshal.loads
    monkeypatch.setattr(marshal, "loads", lambda data: decoded.append(data) or loads(data))
    chance = random.Random(0)  # noqa: S311
    head = len(content) - len(body) - len(index)
    for _ in range(3000):
        at = chance.randrange(head)
        other = bytearray(content)
        other[at] ^= chance.randrange(1, 256)
        cache.write_bytes(other)
        assert open_sealed(str(cache), KEY) is None
    for _ in range(300):
        cache.write_bytes(content[: chance.randrange(head)] + chance.randbytes(chance.randrange(40)))
        assert open_sealed(str(cache), KEY) is None
        cache.write_bytes(chance.randbytes(chance.randrange(2000)))
        assert open_sealed(str(cache), KEY) is None
    assert not decoded
    for _ in range(100):
        at = chance.randrange(len(content) - len(body), len(content))
        cache.write_bytes(content[:at] + bytes([content[at] ^ chance.randrange(1, 256)]) + content[at + 1 :])
        damaged = open_sealed(str(cache), KEY)
        assert damaged is not None
        assert damaged.part(1) is None
        assert damaged.part(0) == index
        decoded.clear()
        assert content_of(load_cached(str(stored), TODAY, OPTIONS)) == expected
        assert len(decoded) <= 2  # the head and the index, which are authentic
    assert open_sealed(str(cache), b"o" * 32) is None


NAMES = ("Alpha", "Beta", "Gamma", "Delta", "Load", "Train", "Score", "AlphaModel")
STEP_FILES = (
    "alpha.yaml",
    "beta.yaml",
    "gamma.toml",
    "group/delta.yaml",
    "group/load.yaml",
    "group/deep/train.yaml",
    "z/score.yaml",
)
FIELDS = (
    {},
    {"description": "Do it."},
    {"description": "Do it.", "aliases": ["Beta"]},
    {"description": "Do it.", "aliases": ["OldOne", "OldTwo"]},
    {"description": "Do it.", "config_class": "AlphaConfig"},
    {"description": "Do it.", "config_class": "OwnConfig", "priority": 3},
    {"description": "Do it.", "deprecated": {"since": "1", "replaced_by": "Alpha"}},
    {"description": "Do it.", "deprecated": {"since": "1", "replaced_by": "OldOne"}},
    {"description": "Do it.", "framework": "pytorch"},
    {"description": "Do it.", "nmae": "wrong"},
    {"description": "Do it.", "interface": {"outputs": {"model": {"path": "/opt/ml/model"}}}},
)
SURROUNDINGS: dict[str, str] = {
    "workspaces/alice/override/steps/alpha.yaml": "name: Alpha\npriority: 7\n",
    "workspaces/alice/local/steps/own.yaml": "name: Own\ndescription: Own.\naliases: [OldTwo]\n",
    "workspaces/bob/local/steps/beta.yaml": "name: Beta\ndescription: Hide it.\n",
    "registry.d/pipelines/p.yaml": "name: P\ndescription: P.\nsteps:\n  - {id: a, step: Gamma}\n",
    "registry.d/hyperparameters/h.yaml": "name: H\nmodule_path: a.b\ndescription: H.\n",
    "registry.d/steps/wrong.yaml": "name: Wrong\ndescription: Do it.\n"
    "deprecated: {since: '1', replaced_by: Scoore}\n",
    "registry.d/steps/ignored.yaml": "# stepwell: ignore[alias-collision] meant\n"
    "name: Ignored\ndescription: Do it.\naliases: [Delta]\n",
}


def text_of(path: str, name: str, fields: dict[str, Any], number: int) -> bytes:
    data = {"name": name, "x-number": number, **fields}
    if path.endswith(".toml"):
        lines = [f"{key} = {json.dumps(value)}" for key, value in data.items() if not isinstance(value, dict)]
        return "\n".join(lines).encode()
    return "\n".join(f"{key}: {json.dumps(value)}" for key, value in data.items()).encode()


changes_of_steps = st.one_of(
    st.tuples(
        st.just("step"),
        st.sampled_from(STEP_FILES),
        st.sampled_from([None, None, None, *NAMES]),
        st.sampled_from(FIELDS[:6] * 2 + FIELDS),
        st.integers(0, 9),
    ),
    st.tuples(st.just("remove"), st.sampled_from(STEP_FILES).map(lambda path: f"registry.d/steps/{path}")),
    st.tuples(st.just("move"), st.sampled_from(STEP_FILES), st.sampled_from(STEP_FILES)),
    st.tuples(st.just("around"), st.sampled_from(sorted(SURROUNDINGS))),
    st.tuples(st.just("touch"), st.sampled_from(STEP_FILES).map(lambda path: f"registry.d/steps/{path}")),
)


def change(root: Path, kind: str, *arguments: Any) -> None:
    steps = root / "registry.d" / "steps"
    if kind == "step":
        path, name, fields, number = arguments
        name = name or NAMES[STEP_FILES.index(path)]
        put(root, f"registry.d/steps/{path}", text_of(path, name, fields, number))
    elif kind == "move" and (steps / arguments[0]).is_file():
        put(root, f"registry.d/steps/{arguments[1]}", b"")
        (steps / arguments[0]).replace(steps / arguments[1])
    elif kind == "around" and not (root / arguments[0]).is_file():
        put(root, arguments[0], SURROUNDINGS[arguments[0]].encode())
    elif kind == "around":
        (root / arguments[0]).unlink()
    else:
        edit(root, kind, *arguments)


def frozen(loaded: LoadResult) -> list[Any]:
    snapshot = loaded.snapshot
    views = [snapshot.view(key) for key in (None, *snapshot.workspaces)]
    return [
        (list(view), list(view.steps.above), [dict(item.effective()) for item in view.values()])
        for view in views
    ]


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(
    around=st.sets(st.sampled_from(sorted(SURROUNDINGS)), max_size=2),
    configuration=st.sampled_from(["", SETTINGS[4], SETTINGS[1], '[rules]\nfile-name-mismatch = "off"\n']),
    start=st.lists(st.sampled_from(STEP_FILES), min_size=2, unique=True),
    rounds=st.lists(st.tuples(st.lists(changes_of_steps, max_size=3), st.booleans()), min_size=2, max_size=7),
)
def test_changed_steps_across_processes_have_the_result_of_a_load(
    around: set[str],
    configuration: str,
    start: list[str],
    rounds: list[tuple[list[Any], bool]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(observations, "_TICK", -(10**12))
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve() / "project"
        put(root, "stepwell.toml", configuration.encode())
        for path in start:
            change(root, "step", path, None, FIELDS[1], 0)
        for path in sorted(around):
            change(root, "around", path)
        load_cached(str(root), TODAY, OPTIONS)
        for changes, deep in rounds:
            for each in changes:
                change(root, *each)
            expected = frozen(load(open_project(str(root)), TODAY))
            found = load_cached(str(root), TODAY, OPTIONS)
            event("continued" if found.summary is not None and changes else "repeated")
            assert frozen(found) == expected
            compare(root, TODAY, OPTIONS, deep=deep)
