"""The old names over a live registry: they follow it and are read-only."""

from __future__ import annotations

import asyncio
import collections
import copy
import dataclasses
import json
import logging
import marshal
import pickle
import pprint
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.warm_python import run_python

import stepwell
from stepwell.frontends import legacy
from stepwell.frontends.legacy import hyperparameter_registry, step_names
from stepwell.frontends.legacy.step_names import (
    BUILDER_STEP_NAMES,
    CONFIG_STEP_REGISTRY,
    SPEC_STEP_TYPES,
    STEP_NAMES,
    get_config_class_name,
)
from stepwell.source.spelling import Naming, canonical_name
from stepwell.write.freeze import generate
from stepwell.write.freeze.tables import LegacyNaming

Project = Callable[[Mapping[str, str | bytes]], Path]

STEP = "name: {name}\nsagemaker_step_type: {kind}\ndescription: What {name} does.\n"
TOML = '[[freeze]]\noutput = "old/"\nworkspace = "all"\nfirst = ["Train", "Base"]\n'
FILES = {
    "stepwell.toml": TOML,
    "registry.d/steps/base.yaml": STEP.format(name="Base", kind="Base"),
    "registry.d/steps/evaluate.yaml": STEP.format(name="Evaluate", kind="Processing"),
    "registry.d/steps/train.yaml": STEP.format(name="Train", kind="Training") + "aliases: [OldTrain]\n",
    "registry.d/steps/quiet.yaml": "name: Quiet\ndescription: In no old table.\n",
    "registry.d/hyperparameters/small.yaml": "name: Small\nmodule_path: m.small\ndescription: Small.\n",
    "workspaces/alice/local/steps/mine.yaml": STEP.format(name="Mine", kind="Lambda"),
    "workspaces/alice/override/steps/train.yaml": "name: Train\nconfig_class: AliceConfig\n",
    "workspaces/bob/workspace.yaml": "developer_id: bob\n",
}
TABLES = [STEP_NAMES, CONFIG_STEP_REGISTRY, BUILDER_STEP_NAMES, SPEC_STEP_TYPES]
NAMES = ["STEP_NAMES", "CONFIG_STEP_REGISTRY", "BUILDER_STEP_NAMES", "SPEC_STEP_TYPES"]


@pytest.fixture(autouse=True)
def nothing_of_the_user(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("STEPWELL_WORKSPACE", "CURSUS_WORKSPACE_ID", "STEPWELL_LEGACY", "STEPWELL_FALLBACK"):
        monkeypatch.delenv(name, raising=False)
    yield
    legacy.use(None)


@pytest.fixture
def root(project: Project) -> Path:
    return project(FILES)


@pytest.fixture
def registry(root: Path) -> stepwell.Registry:
    opened = stepwell.open(root)
    assert opened.diagnostics == ()
    legacy.use(opened)
    return opened


def plain(table: dict[str, Any]) -> dict[str, Any]:
    """What a table shows, read one key at a time."""
    return {key: dict(table[key]) if isinstance(table[key], dict) else table[key] for key in list(table)}


@pytest.mark.usefixtures("registry")
class TestATableIsReadAsThePlainDictThatItShows:
    @pytest.mark.parametrize("table", TABLES, ids=NAMES)
    def test_everywhere(self, table: dict[str, Any]) -> None:
        shown = plain(table)
        assert len(shown) == 3
        assert isinstance(table, dict)
        assert json.dumps(table) == json.dumps(shown)
        assert json.dumps({"in": [table]}, indent=2) == json.dumps({"in": [shown]}, indent=2)
        assert json.dumps(table, sort_keys=True) == json.dumps(shown, sort_keys=True)
        for made in (
            dict(table),
            {**table},
            copy.copy(table),
            table.copy(),
            copy.deepcopy(table),
            {} | table,
        ):
            assert (type(made), list(made.items())) == (dict, list(shown.items()))
        for kind in (collections.OrderedDict, collections.ChainMap, collections.UserDict):
            assert dict(kind(table)) == shown
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            again = pickle.loads(pickle.dumps(table, protocol))  # noqa: S301 - its own bytes
            assert (type(again), again) == (dict, shown)
        assert (lambda **given: given)(**table) == shown
        assert table | {"more": 1} == {**shown, "more": 1}
        assert list({"more": 1} | table) == ["more", *shown]
        into: dict[str, Any] = {}
        into |= table
        into.update(table)
        assert into == shown
        assert table == shown
        assert shown == table
        assert not table != shown  # noqa: SIM202 - the other operator
        assert table != {}
        assert table == copy.copy(table)
        assert (repr(table), str(table), f"{table}") == (repr(shown),) * 3
        assert (list(table), [*table], list(reversed(table))) == ([*shown], [*shown], [*reversed(shown)])
        assert (list(table.keys()), list(table.values())) == (list(shown), list(shown.values()))
        assert table.keys() & {"Base"} == shown.keys() & {"Base"}
        assert (len(table), bool(table), "Nope" in table, next(iter(shown)) in table) == (
            3,
            True,
            False,
            True,
        )
        assert (table.get("Nope"), table.get("Nope", 1)) == (None, 1)
        assert sorted(table) == sorted(shown)
        with pytest.raises(KeyError, match=r"^'Nope'$"):
            table["Nope"]
        with pytest.raises(TypeError, match="unhashable type"):
            hash(table)
        match table:
            case {"Train": _} | {"TrainConfig": _}:
                pass
            case _:
                pytest.fail("a mapping pattern does not match")

    def test_a_row_is_a_plain_dict_to_read(self) -> None:
        row = STEP_NAMES["Train"]
        shown = {
            "config_class": "TrainConfig",
            "builder_step_name": "TrainStepBuilder",
            "spec_type": "Train",
            "sagemaker_step_type": "Training",
            "description": "What Train does.",
        }
        assert list(row.items()) == list(shown.items())
        assert json.dumps(row) == json.dumps(shown)
        pickled = pickle.loads(pickle.dumps(row))  # noqa: S301 - its own bytes
        for made in (dict(row), row.copy(), copy.copy(row), copy.deepcopy(row), row | {}, pickled):
            assert (type(made), made) == (dict, shown)
        assert pprint.pformat(dict(row)) == pprint.pformat(shown)
        deep = copy.deepcopy(STEP_NAMES)
        assert marshal.loads(marshal.dumps(deep)) == plain(STEP_NAMES)  # noqa: S302 - its own bytes
        deep["Train"]["config_class"] = "Mine"
        assert STEP_NAMES["Train"]["config_class"] == "TrainConfig"

    def test_what_rebuilds_containers_gets_a_plain_dict(self) -> None:
        holder = dataclasses.make_dataclass("Holder", ["table"])(STEP_NAMES)
        made = dataclasses.asdict(holder)["table"]
        assert (type(made), made) == (dict, plain(STEP_NAMES))
        assert type(STEP_NAMES).fromkeys("ab") == {"a": None, "b": None}

    def test_a_reader_of_the_storage_itself_finds_no_stale_row(self) -> None:
        (key,) = dict.keys(STEP_NAMES)
        assert repr(key) == "<a live table: dict(table) is what it shows>"


WRITES: dict[str, Callable[[dict[str, Any]], object]] = {
    "set": lambda table: table.__setitem__("Base", {}),
    "delete": lambda table: table.__delitem__("Base"),
    "clear": lambda table: table.clear(),
    "pop": lambda table: table.pop("Base", None),
    "popitem": lambda table: table.popitem(),
    "setdefault": lambda table: table.setdefault("Base", {}),
    "update": lambda table: table.update(Base={}),
    "|=": lambda table: table.__ior__({"Base": {}}),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_writing_is_a_type_error(
    registry: stepwell.Registry, write: Callable[[dict[str, Any]], object]
) -> None:
    before = registry.digest
    told = "is read-only: it shows the registry; `dict(…)` of it can be changed"
    hyperparameters = hyperparameter_registry.HYPERPARAMETER_REGISTRY
    for name, table in zip([*NAMES, "HYPERPARAMETER_REGISTRY"], [*TABLES, hyperparameters], strict=True):
        with pytest.raises(TypeError) as caught:
            write(table)
        assert str(caught.value) == f"{name} {told}"
    for row in (
        STEP_NAMES["Train"],
        step_names.list_all_step_info()["Train"],
        step_names.get_step_names("alice")["Train"],
        hyperparameters["Small"],
        hyperparameter_registry.get_all_hyperparameter_info()["Small"],
    ):
        with pytest.raises(TypeError) as caught:
            write(row)
        assert str(caught.value) == f"a row of the table {told}"
    assert (list(STEP_NAMES), registry.digest) == (["Train", "Base", "Evaluate"], before)
    assert get_config_class_name("Train") == "TrainConfig"


@pytest.mark.usefixtures("registry")
def test_what_is_answered_is_the_caller_s_own() -> None:
    for answer in (
        lambda: step_names.get_all_step_names(),
        lambda: step_names.list_all_step_info(),
        lambda: step_names.get_steps_by_sagemaker_type("Training"),
        lambda: step_names.get_sagemaker_step_type_mapping(),
        lambda: step_names.get_sagemaker_step_type_mapping()["Training"],
        lambda: step_names.get_config_step_registry(),
        lambda: step_names.get_builder_step_names(),
        lambda: step_names.get_spec_step_types(),
        lambda: step_names.list_available_workspaces(),
        lambda: step_names.get_valid_sagemaker_step_types(),
        lambda: legacy.get_all_hyperparameter_classes(),
        lambda: legacy.get_all_hyperparameter_info(),
    ):
        before = copy.deepcopy(answer())
        answer().clear()
        assert (answer(), bool(before)) == (before, True)


def test_a_table_imported_before_a_reload_shows_the_new_step(root: Path, registry: stepwell.Registry) -> None:
    assert get_config_class_name("Evaluate") == "EvaluateConfig"
    shown_before = STEP_NAMES.items()
    (root / "registry.d/steps/added.yaml").write_text(STEP.format(name="Added", kind="Tuning"))
    (root / "registry.d/steps/evaluate.yaml").unlink()
    registry.reload()
    assert list(STEP_NAMES) == list(json.loads(json.dumps(STEP_NAMES))) == ["Train", "Base", "Added"]
    assert CONFIG_STEP_REGISTRY["AddedConfig"] == "Added"
    assert BUILDER_STEP_NAMES["Added"] == "AddedStepBuilder"
    assert SPEC_STEP_TYPES["Added"] == "Added"
    assert get_config_class_name("Added", "alice") == "AddedConfig"
    assert step_names.get_steps_by_sagemaker_type("Tuning") == ["Added"]
    with pytest.raises(ValueError, match=r"^Unknown step name: Evaluate$"):
        get_config_class_name("Evaluate")
    assert [name for name, _ in shown_before] == ["Train", "Base", "Evaluate"]  # of the same moment


def test_settings_are_followed_too(root: Path, registry: stepwell.Registry) -> None:
    assert step_names.get_all_step_names() == ["Train", "Base", "Evaluate"]
    assert not step_names.validate_file_name("zug")
    new = TOML.replace('"Train", "Base"', '"Evaluate"')
    new += '[naming]\nabbreviations = { zug = "Train" }\n[project]\nworkspace = "alice"\n'
    (root / "stepwell.toml").write_text(new)
    registry.reload()
    assert step_names.get_workspace_context() == "alice"
    assert step_names.get_all_step_names() == ["Evaluate", "Base", "Mine", "Train"]
    assert step_names.get_canonical_name_from_file_name("zug") == "Train"
    assert get_config_class_name("Train") == "AliceConfig"
    (root / "stepwell.toml").write_text("[naming\n")
    event = registry.reload()
    assert event is not None
    assert not event.accepted
    assert step_names.get_canonical_name_from_file_name("zug") == "Train"
    assert step_names.get_workspace_context() == "alice"


def test_the_context_is_one_with_stepwell_s(registry: stepwell.Registry) -> None:
    with stepwell.workspace("alice"):
        assert (step_names.get_workspace_context(), get_config_class_name("Train")) == (
            "alice",
            "AliceConfig",
        )
        assert list(STEP_NAMES) == ["Train", "Base", "Evaluate", "Mine"]
        assert json.loads(json.dumps(STEP_NAMES))["Mine"]["sagemaker_step_type"] == "Lambda"
    with step_names.workspace_context("alice"):
        assert stepwell.current_workspace() == "alice"
        assert registry.view().workspace == "alice"
    assert "Mine" not in STEP_NAMES
    told = r"^Unknown workspace: alic. Available: \['alice', 'bob'\] \(did you mean `alice`\?\)$"
    for call in (
        lambda: get_config_class_name("Train", "alic"),
        lambda: step_names.workspace_context("alic"),
    ):
        with pytest.raises(stepwell.UnknownWorkspace, match=told):
            call()
    with stepwell.workspace("alic"), pytest.raises(stepwell.UnknownWorkspace, match=told):
        get_config_class_name("Train")
    with stepwell.workspace("alic"), pytest.raises(stepwell.UnknownWorkspace, match=told):
        len(STEP_NAMES)


@pytest.mark.usefixtures("registry")
def test_an_unknown_step_is_reported_with_what_is_near() -> None:
    for asked, near in {"Trian": "`Train`", "OldTrain": "`Train`", "Evaluat": "`Evaluate`"}.items():
        with pytest.raises(stepwell.UnknownStep) as caught:
            step_names.get_step_description(asked)
        assert str(caught.value) == f"Unknown step name: {asked} (did you mean {near}?)"
    with pytest.raises(ValueError, match=r"^Unknown step name: Quiet$"):
        step_names.get_step_description("Quiet")
    assert not step_names.validate_step_name("OldTrain")


@pytest.mark.usefixtures("registry")
def test_a_hundred_tasks_and_threads_see_their_own_table() -> None:
    wanted = {"alice": ["Train", "Base", "Evaluate", "Mine"], "bob": ["Train", "Base", "Evaluate"]}
    wrong: list[object] = []

    def look(one: str) -> None:
        seen = list(STEP_NAMES), list(json.loads(json.dumps(STEP_NAMES))), step_names.get_all_step_names()
        if seen != (wanted[one],) * 3:
            wrong.append((one, seen))

    async def task(one: str) -> None:
        with stepwell.workspace(one):
            for _ in range(5):
                await asyncio.sleep(0)
                look(one)

    async def tasks() -> None:
        await asyncio.gather(*(task(("alice", "bob")[number % 2]) for number in range(100)))

    def thread(one: str) -> None:
        with stepwell.workspace(one):
            for _ in range(20):
                look(one)

    threads = [threading.Thread(target=thread, args=(("alice", "bob")[number % 2],)) for number in range(100)]
    for each in threads:
        each.start()
    asyncio.run(tasks())
    for each in threads:
        each.join()
    assert wrong == []
    assert list(STEP_NAMES) == wanted["bob"]


@pytest.mark.slow
def test_every_look_up_is_of_one_snapshot_while_files_change(root: Path, registry: stepwell.Registry) -> None:
    """A step and its table row change together: no reader sees a half of each."""
    path = root / "registry.d/steps/evaluate.yaml"
    done, wrong = threading.Event(), []

    def read() -> None:
        while not done.is_set():
            rows = dict(STEP_NAMES)
            if rows["Evaluate"]["spec_type"] + "Config" != rows["Evaluate"]["config_class"]:
                wrong.append(rows)
            if get_config_class_name("Evaluate", "bob")[:4] != "Eval":
                wrong.append("bob")

    readers = [threading.Thread(target=read) for _ in range(4)]
    for each in readers:
        each.start()
    for number in range(30):
        stated = STEP.format(name="Evaluate", kind="Processing")
        path.write_text(f"{stated}spec_type: Eval{number}\nconfig_class: Eval{number}Config\n")
        event = registry.reload()
        assert event is not None
        assert event.accepted, event.diagnostics
        assert get_config_class_name("Evaluate") == f"Eval{number}Config"
    done.set()
    for each in readers:
        each.join()
    assert wrong == []


NAMING = Naming()
WORDS = st.sampled_from(
    ["xgboost", "xgb", "training", "model", "evaluation", "eval", "tabular", "mims", "package", "x", "zz", ""]
)
STEPS = ["Base", "XGBoostTraining", "XGBoostModelEval", "TabularPreprocessing", "Package", "PyTorchTraining"]


def frozen_look_up() -> Callable[[str], str]:
    from stepwell.model import StepDefinition
    from stepwell.resolve.table import LayeredTable
    from stepwell.resolve.view import View

    steps = {
        name: StepDefinition({"name": name, "sagemaker_step_type": "Base", "description": ""})
        for name in STEPS
    }
    core = View(None, {"steps": LayeredTable(steps, None, tuple(STEPS))})
    naming = LegacyNaming(NAMING.job_type_suffixes, NAMING.abbreviations)
    text = generate("frozen.py", core, None, naming, "x", "1")["frozen.py"]
    names: dict[str, Any] = {}
    exec(text, names)  # noqa: S102 - generated here
    return names["get_canonical_name_from_file_name"]


FROZEN_LOOK_UP = frozen_look_up()


@given(st.lists(WORDS | st.text("abextrn_", max_size=4), min_size=1, max_size=5).map("_".join))
def test_the_file_name_look_up_is_the_frozen_one(file_name: str) -> None:
    def answer(look_up: Callable[[str], str]) -> str:
        try:
            return look_up(file_name)
        except ValueError as error:
            return f"refused: {error}"

    def live(asked: str) -> str:
        return canonical_name(asked, STEPS, NAMING.job_type_suffixes, NAMING.abbreviations)

    assert answer(live) == answer(FROZEN_LOOK_UP)


ASK = (
    "import logging; logging.basicConfig(format='%(name)s: %(levelname)s: %(message)s')\n"
    "from stepwell.legacy import *\n"
    "print(len(STEP_NAMES), get_config_class_name('Train'), get_config_class_name('Train', 'alice'),"
    " list_available_workspaces(), get_workspace_context())\n"
    "print(get_all_hyperparameter_classes(), get_canonical_name_from_file_name('train_training'))\n"
)


def ask(root: Path, environment: Mapping[str, str], **env: str) -> subprocess.CompletedProcess[str]:
    return run_python("-c", ASK, cwd=root, env={**environment, **env})


ANSWER = "3 TrainConfig AliceConfig ['alice', 'bob'] None\n['Small'] Train\n"


class TestWhichRegistryIsShown:
    def test_that_of_the_working_directory_or_the_one_that_is_said(
        self, root: Path, environment: Mapping[str, str], tmp_path: Path
    ) -> None:
        inside = ask(root / "registry.d/steps", environment)
        assert (inside.stdout, inside.stderr) == (ANSWER, "")
        said = ask(tmp_path, environment, STEPWELL_PROJECT=str(root))
        assert (said.stdout, said.stderr) == (ANSWER, "")
        nowhere = ask(tmp_path, environment)
        assert nowhere.stdout == ""
        assert "stepwell.ProjectError: no Stepwell project: neither " in nowhere.stderr

    def test_frozen_on_request(
        self, root: Path, environment: Mapping[str, str], run_stepwell: Callable
    ) -> None:
        before = ask(root, environment, STEPWELL_LEGACY="frozen")
        assert before.stderr.splitlines()[-1] == (
            "stepwell.ProjectError: old/step_names.py cannot be read: no such file or directory; "
            "`stepwell freeze` writes it"
        )
        assert run_stepwell("freeze", cwd=root).exit_code == 0
        (root / "registry.d/steps/later.yaml").write_text(STEP.format(name="Later", kind="Base"))
        frozen = ask(root, environment, STEPWELL_LEGACY="frozen")
        assert (frozen.stdout, frozen.stderr) == (ANSWER, "")
        live = ask(root, environment, STEPWELL_LEGACY="live")
        assert live.stdout == ANSWER.replace("3", "4", 1)
        env = {"STEPWELL_LEGACY": "frozen", "STEPWELL_WORKSPACE": "alice"}
        in_context = ask(root, environment, **env)
        assert in_context.stdout.splitlines()[0] == "4 AliceConfig AliceConfig ['alice', 'bob'] alice"

    def test_frozen_where_the_live_one_cannot_be_opened(
        self, root: Path, environment: Mapping[str, str], run_stepwell: Callable
    ) -> None:
        assert run_stepwell("freeze", cwd=root).exit_code == 0
        (root / "registry.d").rename(root / "elsewhere")
        reason = f"the core of {root} is not there: registry.d is no folder"
        served = ask(root, environment)
        warning = f"stepwell.legacy: WARNING: {reason}; serving old/ as last frozen\n"
        assert (served.stdout, served.stderr) == (ANSWER, warning)
        raised = ask(root, environment, STEPWELL_FALLBACK="never")
        assert (raised.stdout, raised.stderr.splitlines()[-1]) == (
            "",
            f"stepwell.ProjectError: {reason}",
        )
        (root / "old/step_names.py").write_text("STEP_NAMES = {}\n")
        foreign = ask(root, environment)
        assert foreign.stderr.splitlines()[-1] == (
            f"stepwell.ProjectError: {reason}; nor is there a frozen module to serve: "
            "old/step_names.py was not generated by Stepwell, so it is not loaded"
        )

    @pytest.mark.parametrize("broken", ["registry.d/steps/base.yaml", "stepwell.toml", None])
    def test_the_last_valid_version_where_files_are_broken(
        self, root: Path, environment: Mapping[str, str], broken: str | None
    ) -> None:
        assert ask(root, environment).stdout == ANSWER
        if broken is None:
            root.rename(root.with_name("aside"))
            root.mkdir()
        else:
            (root / broken).write_text("[\n")
        for _ in range(2):
            served = ask(root, environment)
            assert served.stdout == ANSWER
            [warning] = served.stderr.splitlines()
            assert warning.startswith(f"stepwell.legacy: WARNING: {root} has 1 error; the last valid version")
        plain = run_python("-c", ASK.partition("\n")[2], cwd=root, env={**environment})
        assert (plain.stdout, plain.stderr.count("RuntimeWarning: ")) == (ANSWER, 1)

    def test_the_old_switches_are_honoured_or_answered_once(
        self, root: Path, environment: Mapping[str, str], run_stepwell: Callable
    ) -> None:
        on = ask(root, environment, CURSUS_HYBRID_REGISTRY="true", CURSUS_WORKSPACE_CONTEXT="True")
        assert (on.stdout, on.stderr) == (ANSWER, "")
        off = ask(root, environment, CURSUS_HYBRID_REGISTRY="false", CURSUS_WORKSPACE_CONTEXT="false")
        assert off.stdout == ANSWER
        assert off.stderr.splitlines() == [
            (
                "stepwell.legacy: WARNING: CURSUS_HYBRID_REGISTRY=false has no effect: workspaces are always "
                "available, and STEPWELL_LEGACY=frozen selects the frozen modules"
            ),
            (
                "stepwell.legacy: WARNING: CURSUS_WORKSPACE_CONTEXT=false has no effect: the context is "
                "always available; unset CURSUS_WORKSPACE_ID"
            ),
        ]
        assert run_stepwell("freeze", cwd=root).exit_code == 0
        (root / "registry.d").rename(root / "elsewhere")
        assert ask(root, environment, CURSUS_REGISTRY_FALLBACK="core_only").stdout == ANSWER
        assert ask(root, environment, CURSUS_REGISTRY_FALLBACK="none").stdout == ""
        both = ask(root, environment, CURSUS_REGISTRY_FALLBACK="none", STEPWELL_FALLBACK="frozen")
        assert both.stdout == ANSWER

    def test_no_code_from_outside_the_project(
        self, root: Path, environment: Mapping[str, str], run_stepwell: Callable, tmp_path: Path
    ) -> None:
        assert run_stepwell("freeze", cwd=root).exit_code == 0
        (root / "old").rename(tmp_path / "outside")
        (root / "old").symlink_to(tmp_path / "outside")
        asked = ask(root, environment, STEPWELL_LEGACY="frozen")
        told = "stepwell.ProjectError: old/step_names.py leads out of the project, so it is not loaded"
        assert (asked.stdout, asked.stderr.splitlines()[-1]) == ("", told)

    @pytest.mark.parametrize(
        ("variable", "told"),
        [("STEPWELL_LEGACY", "live or frozen"), ("STEPWELL_FALLBACK", "frozen or never")],
    )
    def test_an_unknown_value_of_a_switch_is_rejected(
        self, root: Path, environment: Mapping[str, str], variable: str, told: str
    ) -> None:
        asked = ask(root, environment, **{variable: "nope"})
        assert (
            asked.stderr.splitlines()[-1] == f"stepwell.ProjectError: {variable} is `nope`; it can be {told}"
        )

    def test_a_frozen_core_alone_is_no_workspace(
        self, project: Project, environment: Mapping[str, str], run_stepwell: Callable
    ) -> None:
        root = project({**FILES, "stepwell.toml": '[[freeze]]\noutput = "old.py"\n'})
        assert run_stepwell("freeze", cwd=root).exit_code == 0
        asked = ask(root, environment, STEPWELL_LEGACY="frozen")
        assert asked.stderr.splitlines()[-1] == (
            "stepwell.UnknownWorkspace: Unknown workspace: alice. Available: []"
        )

    def test_definitions_skipped_at_the_start_are_reported_once(
        self, root: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        (root / "registry.d/steps/base.yaml").write_text("name: Base\n")
        monkeypatch.setenv("STEPWELL_PROJECT", str(root))
        legacy.use(None)
        with caplog.at_level(logging.WARNING, "stepwell.legacy"):
            assert step_names.get_all_step_names() == ["Train", "Evaluate"]
            assert "Base" not in STEP_NAMES
        assert [record.getMessage() for record in caplog.records] == [
            f"{root} has 1 error; invalid definitions are skipped, `stepwell check` lists it"
        ]
        assert legacy.registry().project.root == str(root)


@pytest.mark.slow
def test_a_type_checker_sees_the_functions(tmp_path: Path) -> None:
    importer = tmp_path / "importer.py"
    importer.write_text(
        "from stepwell.legacy.step_names import STEP_NAMES, get_config_class_name, workspace_context\n"
        "with workspace_context('alice') as entered:\n"
        "    get_config_class_name('Train', entered).upper()\n"
        "STEP_NAMES['Train']['config_class'].upper()\n"
        "get_config_class_name(1)\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "importer.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert [line.partition(": error")[0] for line in done.stdout.splitlines()[:-1]] == ["importer.py:5"]
