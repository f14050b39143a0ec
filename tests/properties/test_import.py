"""Import, then freeze, restores the old table, whatever its content."""

from __future__ import annotations

import json
import tempfile
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepwell.model.settings import open_project
from stepwell.resolve.load import load
from stepwell.source.legacy_table import LegacyTables
from stepwell.source.python import read_tables
from stepwell.write.freeze.tables import hyperparameter_rows, rows_of
from stepwell.write.migrate import gather, prepare
from stepwell.write.transaction import write_files

pytestmark = pytest.mark.slow

TODAY = date(2026, 1, 1)
NAMES = st.from_regex(r"[A-Z][A-Za-z0-9]{0,11}", fullmatch=True)
CLASSES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,11}", fullmatch=True)
WORDS = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp", "Zs"]), min_size=1, max_size=8
)
TEXTS = st.one_of(
    st.text(st.characters(codec="utf-8"), max_size=40).map(lambda text: f"a{text}"),
    st.sampled_from(
        ['"', "'", "a\nb", " a ", "a: b", "# a", "null", "1.0", "\\", '"""', "{{ a }}", "é\u2028", "- a\n\n"]
    ),
)


@st.composite
def tables(draw: st.DrawFn) -> dict[str, dict[str, str]]:
    names = draw(st.lists(NAMES, min_size=1, max_size=6, unique_by=str.lower))
    table = {}
    for name in names:
        table[name] = {
            "config_class": f"{name}{draw(st.sampled_from(['Config', 'StepConfig']))}",
            "builder_step_name": draw(st.one_of(st.just(f"{name}StepBuilder"), CLASSES)),
            "spec_type": draw(st.one_of(st.just(name), CLASSES)),
            "sagemaker_step_type": draw(WORDS),
            "description": draw(TEXTS),
        }
    return table


def imported(sources: dict[str, str], workspace: str | None = None) -> tuple[Any, Any]:
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for name, text in sources.items():
            path = Path(folder, name)
            path.write_text(text, encoding="utf-8", newline="")
            paths.append(str(path))
        root = str(Path(folder, "new").resolve())
        planned = prepare(root, gather(tuple(paths), workspace), TODAY)
        write_files(root, {file.path: file.text.encode() for file in planned.writes})
        return planned, load(open_project(root), TODAY).snapshot


@given(tables())
@settings(max_examples=60)
def test_a_python_table_comes_out_as_it_went_in(table: dict[str, dict[str, str]]) -> None:
    planned, snapshot = imported({"old.py": f"STEP_NAMES = {table!a}\n"})
    if planned.is_whole:
        assert list(rows_of(snapshot.core).items()) == list(table.items())
    else:  # a character that no file may hold, or two steps with one class: reported, each at its row
        lost = {name for name in table if rows_of(snapshot.core).get(name) != table[name]}
        assert lost
        told = {one.message for one in planned.diagnostics if one.id == "not-proved"}
        assert all(any(f"`{name}`" in message for message in told) for name in lost)


@given(tables())
@settings(max_examples=30)
def test_a_json_table_comes_out_as_the_python_table_does(table: dict[str, dict[str, str]]) -> None:
    _, ours = imported({"old.json": json.dumps(table)})
    _, theirs = imported({"old.py": f"STEP_NAMES = {table!a}\n"})
    assert list(rows_of(ours.core).items()) == list(rows_of(theirs.core).items())


@given(tables(), tables(), tables())
@settings(max_examples=40)
def test_what_a_workspace_sees_is_what_its_old_rows_said(
    core: dict[str, dict[str, str]], local: dict[str, dict[str, str]], over: dict[str, dict[str, str]]
) -> None:
    text = f"LOCAL_STEPS = {local!a}\nSTEP_OVERRIDES = {over!a}\n"
    planned, snapshot = imported({"old.py": f"STEP_NAMES = {core!a}\n", "alice.py": text}, "alice")
    if planned.is_whole:
        seen = rows_of(snapshot.view("alice")) if "alice" in snapshot.workspaces else rows_of(snapshot.core)
        assert seen == {**core, **local, **over}
        assert rows_of(snapshot.core) == core


@given(
    st.dictionaries(
        NAMES,
        st.fixed_dictionaries(
            {
                "module_path": st.from_regex(r"[a-z_]{1,5}(\.[a-z_]{1,5}){0,2}", fullmatch=True),
                "model_type": st.one_of(st.none(), WORDS),
                "description": TEXTS,
            }
        ),
        max_size=5,
    )
)
@settings(max_examples=40)
def test_hyperparameters_come_out_as_they_went_in(table: dict[str, dict[str, str | None]]) -> None:
    old = {name: {"class_name": name, **row} for name, row in table.items()}
    planned, snapshot = imported({"old.py": f"HYPERPARAMETER_REGISTRY = {old!a}\n"})
    if planned.is_whole:
        assert hyperparameter_rows(snapshot.core) == old


@given(tables(), st.sampled_from([ascii, repr]))
def test_every_place_slices_back_to_its_literal(table: dict[str, dict[str, str]], write: Any) -> None:
    text = f"# é\nSTEP_NAMES = {write(table)}\n"
    read = read_tables("old.py", text.encode())
    assert isinstance(read, LegacyTables)
    for row in read.tables["STEP_NAMES"].rows:
        places = row.document.locate(row.document.text)
        for key, value in table[row.name].items():
            start, end = places.values[key,]
            assert row.document.text[start:end] == write(value)
            start, end = places.keys[key,]
            assert row.document.text[start:end] == write(key)
