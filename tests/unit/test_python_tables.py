"""Old Python tables are read as they are written: every value with its place, and nothing is run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stepwell.source.diagnostic import Diagnostic
from stepwell.source.document import thaw
from stepwell.source.legacy_table import LegacyTables, TableRow
from stepwell.source.python import read_tables

REPOSITORY = Path(__file__).resolve().parents[2]


def read(text: str | bytes) -> LegacyTables:
    tables = read_tables("old.py", text.encode() if isinstance(text, str) else text)
    assert isinstance(tables, LegacyTables), tables
    return tables


def rows(text: str | bytes, table: str = "STEP_NAMES") -> dict[str, TableRow]:
    return {row.name: row for row in read(text).tables[table].rows}


def data(text: str | bytes, table: str = "STEP_NAMES") -> dict[str, Any]:
    return {name: thaw(row.document.data) for name, row in rows(text, table).items()}


def reported(tables: LegacyTables) -> list[tuple[int, int, str, str]]:
    return [(one.span.line, one.span.column, one.id, one.message) for one in tables.diagnostics if one.span]


@pytest.mark.parametrize(
    "written",
    [
        'STEP_NAMES = {"A": {"description": "a"}}',
        'STEP_NAMES: Dict[str, Dict[str, str]] = {"A": {"description": "a"}}',
        'STEP_NAMES = dict(A=dict(description="a"))',
        'STEP_NAMES = ({("A"): (({"description": ("a")}))})',
        'STEP_NAMES = {}\nSTEP_NAMES["A"] = {"description": "a"}',
        'STEP_NAMES = {}\nSTEP_NAMES.update({"A": {"description": "a"}})',
        'STEP_NAMES = {}\nSTEP_NAMES.update(A={"description": "a"})',
        'STEP_NAMES = {}\nSTEP_NAMES |= {"A": {"description": "a"}}',
        'OTHER = {"A": {"description": "a"}}\nSTEP_NAMES = {**OTHER}',
        'OTHER = {"A": {"description": "a"}}\nSTEP_NAMES = {} | OTHER',
        'OTHER = {"A": {"description": "a"}}\nSTEP_NAMES = dict(OTHER)',
        'OTHER = {"A": {"description": "a"}}\nSTEP_NAMES = OTHER.copy()',
        'ROW = {"description": "a"}\nSTEP_NAMES = {"A": ROW}',
        'STEP_NAMES = {"A": {"description": "b"}}\nSTEP_NAMES["A"]["description"] = "a"',
        'STEP_NAMES = {"A": {"description": "a"}, "B": {}}\ndel STEP_NAMES["B"]',
        'STEP_NAMES = {}\nSTEP_NAMES = {**STEP_NAMES, "A": {"description": "a"}}',
        'STEP_NAMES = {"A": {"description": "" "a"}}',
        'STEP_NAMES = {"A": {"description": "" + "a"}}',
    ],
)
def test_a_table_is_read_however_its_literals_are_put_together(written: str) -> None:
    assert data(written) == {"A": {"name": "A", "description": "a"}}
    assert reported(read(written)) == []


def test_values_are_numbers_booleans_lists_and_mappings_too() -> None:
    written = 'STEP_NAMES = {"A": {"a": -1, "b": 2.5, "c": (1, [True, None]), "d": {"x": "y"}, "e": None}}'
    assert data(written)["A"] == {"name": "A", "a": -1, "b": 2.5, "c": [1, [True, None]], "d": {"x": "y"}}


def test_results_of_reading_are_immutable() -> None:
    row = rows('STEP_NAMES = {"A": {"d": {"x": [1]}}}')["A"]
    with pytest.raises(TypeError):
        row.document.data["d"]["x"] = 1  # type: ignore[index]


def test_places_are_reported_in_characters_not_in_bytes() -> None:
    document = rows('# é\nSTEP_NAMES = {"é": {"é": "ü", "description": "ä" "ö"}}\n')["é"].document
    span = document.value_span(("description",))
    assert (span.line, span.column, span.end_column) == (2, 46, 53)
    span = document.key_span(("name",))
    assert (span.line, span.column, span.end_column) == (2, 15, 18)


def test_places_are_the_same_with_crlf_and_a_byte_order_mark() -> None:
    written = 'STEP_NAMES = {\n  "A": {\n    "description": """a\nb""",\n  },\n}\n'
    plain = rows(written)["A"].document
    other = rows(b"\xef\xbb\xbf" + written.replace("\n", "\r\n").encode())["A"].document
    assert other.data["description"] == "a\nb"
    for pointer in (("name",), ("description",)):
        ours, theirs = plain.value_span(pointer), other.value_span(pointer)
        assert (ours.line, ours.column, ours.end_line) == (theirs.line, theirs.column, theirs.end_line)


def test_a_declared_encoding_is_used() -> None:
    assert data(b"# coding: latin-1\nSTEP_NAMES = {'A': {'description': '\xe9'}}") == {
        "A": {"name": "A", "description": "é"}
    }


def test_the_last_of_two_equal_keys_counts_and_is_reported() -> None:
    written = 'STEP_NAMES = {\n  "A": {"description": "a"},\n  "A": {"description": "b"},\n}'
    tables = read(written)
    assert data(written)["A"]["description"] == "b"
    assert reported(tables) == [
        (3, 3, "repeated-key", "duplicate key `A`; the last value is used, as in Python")
    ]
    assert tables.diagnostics[0].related[0].span.line == 2


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ("make()", "a call, not a literal"),
        ("CONSTANT", "a name, not a literal"),
        ("module.CONSTANT", "a name, not a literal"),
        ('f"a{1}"', "an f-string, not a literal"),
        ("[x for x in y]", "a comprehension, not a literal"),
        ('"a" if x else "b"', "a condition, not a literal"),
        ("[1, make()]", "a call, not a literal"),
        ('{"a": make()}', "a call, not a literal"),
        ('{**make(), "b": 1}', "a dict that cannot be read whole"),
        ("b'a'", "bytes, not a literal"),
        ("1e999", "a number that cannot be represented exactly"),
        ("9223372036854775808", "a number that cannot be represented exactly"),
        ('"\\ud800"', "a string with a lone surrogate"),
    ],
)
def test_what_is_no_literal_is_skipped_and_reported_with_its_place(value: str, what: str) -> None:
    row = rows(f'STEP_NAMES = {{\n  "A": {{"description": "a",\n    "spec_type": {value}}},\n}}')["A"]
    assert thaw(row.document.data) == {"name": "A", "description": "a"}
    (dropped,) = row.dropped
    assert dropped.message == f"`spec_type` of `A` is {what}, so it is skipped"
    assert dropped.span is not None
    assert dropped.span.line == 3


@pytest.mark.parametrize(
    ("written", "place", "message"),
    [
        (
            'STEP_NAMES = {"A": 3}',
            (1, 20),
            "entry `A` of STEP_NAMES is a number, not a dict of fields, so it is skipped",
        ),
        ("STEP_NAMES = {3: {}}", (1, 15), "a key is a number, not a string, so its entry is skipped"),
        ("STEP_NAMES = {**make()}", (1, 17), "the operand of `**` is a call, so it is skipped"),
        (
            "STEP_NAMES = make()",
            (1, 14),
            "`STEP_NAMES` is a call, which is not evaluated, so the table is skipped",
        ),
        (
            "STEP_NAMES = {}\nif True:\n    STEP_NAMES['A'] = {}",
            (3, 5),
            "`STEP_NAMES` is changed under a condition or in a loop, which is not evaluated",
        ),
        (
            "STEP_NAMES = {}\nSTEP_NAMES.update(make())",
            (2, 1),
            "the table is updated from a call here, which is not evaluated",
        ),
        (
            "STEP_NAMES = {}\nSTEP_NAMES[key] = {}",
            (2, 1),
            "an entry with a computed key is set here, which is not evaluated",
        ),
        (
            "STEP_NAMES = {}\nSTEP_NAMES.pop('A')",
            (2, 1),
            "`pop` changes the table here, which is not evaluated",
        ),
    ],
)
def test_nothing_that_would_have_to_be_run_is_passed_over(
    written: str, place: tuple[int, int], message: str
) -> None:
    assert reported(read(written)) == [(*place, "not-literal", message)]


def test_tables_that_every_old_module_derives_are_not_reported_as_lost() -> None:
    written = """
STEP_NAMES = {"A": {"config_class": "AConfig"}}
CONFIG_STEP_REGISTRY = {info["config_class"]: name for name, info in STEP_NAMES.items()}
BUILDER_STEP_NAMES = {name: info["builder_step_name"] for name, info in STEP_NAMES.items()}
SPEC_STEP_TYPES = {"A": "A"}
"""
    assert reported(read(written)) == []


def test_a_table_of_another_name_is_reported() -> None:
    assert reported(read('STEP_NAMES = {}\nJOB_TYPES = {"a": "b"}')) == [
        (2, 1, "unknown-table", "unknown table `JOB_TYPES`, so it is skipped")
    ]


def test_what_a_function_does_later_is_reported_and_is_no_fault() -> None:
    tables = read("STEP_NAMES = {}\ndef add(name, row):\n    STEP_NAMES[name] = row\n")
    assert [(one.id, one.severity.value) for one in tables.diagnostics] == [("changed-at-run-time", "info")]


def test_a_row_of_hyperparameters_is_named_after_its_class() -> None:
    written = """
HYPERPARAMETER_REGISTRY = {
    "Base": {"class_name": "Base", "module_path": "a.b", "model_type": None, "description": "d"},
    "Net": {"class_name": "Other", "module_path": "a.c", "model_type": "pytorch", "description": "d"},
}
"""
    assert data(written, "HYPERPARAMETER_REGISTRY") == {
        "Base": {"name": "Base", "module_path": "a.b", "description": "d"},
        "Net": {"name": "Net", "module_path": "a.c", "model_type": "pytorch", "description": "d"},
    }
    (dropped,) = rows(written, "HYPERPARAMETER_REGISTRY")["Net"].dropped
    assert dropped.message == ("`class_name` of `Net` differs from the entry's key; the key is used")


def test_the_tables_and_the_words_of_a_workspace() -> None:
    tables = read(
        'LOCAL_STEPS = {"A": {}}\nSTEP_OVERRIDES = {"B": {}}\nWORKSPACE_METADATA = {"developer_id": "alice"}'
    )
    assert list(tables.tables) == ["LOCAL_STEPS", "STEP_OVERRIDES"]
    assert tables.metadata is not None
    assert thaw(tables.metadata.data) == {"developer_id": "alice"}
    assert tables.metadata.value_span(("developer_id",)).column == 39


def test_comments_stay_with_their_entry_or_field() -> None:
    written = """
STEP_NAMES = {  # of the table
    # above A
    "A": {
        "description": "# none",  # beside
        # above
        "spec_type": "A",
        # at the end
    },  # after A
    "B": {"description": "b"},
}
# of no entry

# before C
STEP_NAMES["C"] = {"description": "c"}  # beside C
"""
    found = rows(written)
    assert [(one.text, one.field) for one in found["A"].remarks] == [
        ("above A", ""),
        ("beside", "description"),
        ("above", "spec_type"),
        ("at the end", ""),
        ("after A", ""),
    ]
    assert found["A"].comments == ("above A", "beside", "above", "at the end", "after A")
    assert found["B"].comments == ()
    assert found["C"].comments == ("before C", "beside C")


@pytest.mark.parametrize(
    ("content", "rule", "place"),
    [
        (b"x = (\n", "invalid-python", (1, 5)),
        (b"STEP_NAMES = {}\n  x = 1\n", "invalid-python", (2, 2)),
        (b"a\0b", "binary-file", (1, 2)),
        (b"x = '\xe9'", "not-utf-8", (1, 6)),
        (b"# coding: rot13\n", "invalid-python", (1, 1)),
        (b"# coding: nowhere\n", "invalid-python", (1, 1)),
        (b"x = " + b"-" * 100_000 + b"1", "too-deeply-nested", (1, 1)),
        (b"#" * (1024 * 1024 + 1), "too-large", (1, 1)),
    ],
)
def test_a_file_that_cannot_be_read_is_a_finding(content: bytes, rule: str, place: tuple[int, int]) -> None:
    found = read_tables("old.py", content)
    assert isinstance(found, Diagnostic)
    assert found.span is not None
    assert (found.id, (found.span.line, found.span.column)) == (rule, place)


@pytest.mark.parametrize(
    "hostile",
    [
        "A = {}\nA['a'] = A\nA['b'] = A\nSTEP_NAMES = {'X': A}",
        "A = {}\nA['X'] = A\nSTEP_NAMES = A",
        "STEP_NAMES = {'X': " + "{'a': " * 80 + "1" + "}" * 80 + "}",
        "STEP_NAMES = {'X': {'a': " + "[" * 90 + "]" * 90 + "}}",
        "A = {'a': 1}\n" + "A = {'a': A, 'b': A}\n" * 60 + "STEP_NAMES = {'X': A}",
    ],
)
def test_a_dict_that_grows_without_end_is_skipped(hostile: str) -> None:
    assert all(row.dropped for row in read(hostile).tables["STEP_NAMES"].rows)


def test_a_doubtful_escape_in_a_text_is_no_warning() -> None:
    assert data('STEP_NAMES = {"A": {"description": "\\d"}}')["A"]["description"] == "\\d"


@pytest.mark.parametrize("path", ["generated/step_names.py", "generated/registry/step_names.py"])
def test_the_frozen_modules_of_this_repository_can_be_read(path: str) -> None:
    tables = read((REPOSITORY / path).read_bytes())
    assert len(tables.tables["STEP_NAMES"].rows) == 18
    assert reported(tables) == []
