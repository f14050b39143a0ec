"""Names, the files that hold them, and the nearest existing one."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepwell.source.spelling import STYLES, Naming, closest, snake_case

FACTS = Path(__file__).resolve().parents[2] / "registry.d" / "steps"

STEMS = {
    "XGBoostTraining": "xgboost_training",
    "XGBoostModelEval": "xgboost_model_eval",
    "PyTorchTraining": "pytorch_training",
    "PyTorchModel": "pytorch_model",
    "TabularPreprocessing": "tabular_preprocessing",
    "CradleDataLoading": "cradle_data_loading",
    "Base": "base",
    "MimsPackage": "mims_package",
    "BSMModelHyperparameters": "bsm_model_hyperparameters",
    "HTTPServer": "http_server",
    "HTTP2Server": "http2_server",
    "Step1": "step1",
    "Step1B": "step1_b",
    "Step12Go": "step12_go",
    "Ab1c2D": "ab1c2_d",
    "A1b": "a_1b",
    "A": "a",
    "AB": "ab",
    "ABc": "a_bc",
    "AbC": "ab_c",
    "LocalXGBoost": "local_xgboost",
    "XGBoosting": "xg_boosting",
    "already_snake_case": "already_snake_case",
    "Mixed_Case": "mixed_case",
    "_private": "private",
    "lowerCamel": "lower_camel",
}


@pytest.mark.parametrize(("name", "stem"), STEMS.items())
def test_the_stem_of_a_file_is_the_name_in_snake_case(name: str, stem: str) -> None:
    assert Naming().stem(name) == stem


@pytest.mark.parametrize(
    ("name", "stem"), [("XGBoostTraining", "xg_boost_training"), ("PyTorch", "py_torch")]
)
def test_without_abbreviations_a_name_is_taken_apart_at_its_capitals(name: str, stem: str) -> None:
    assert snake_case(name) == stem
    assert Naming(abbreviations={}).stem(name) == stem


def test_the_longest_whole_word_is_taken() -> None:
    naming = Naming(abbreviations={"xgb": "XGBoost", "xgbp": "XGBoostPlus"})
    assert naming.stem("XGBoostPlusTraining") == "xgboostplus_training"


def test_every_core_step_lies_in_the_file_of_its_name() -> None:
    stems = {path.stem for path in FACTS.rglob("*.yaml")}
    assert len(stems) == 18
    for path in FACTS.rglob("*.yaml"):
        name = next(
            line.removeprefix("name: ")
            for line in path.read_text(encoding="utf-8").splitlines()
            if line.startswith("name: ")
        )
        assert Naming().stem(name) == path.stem


@given(st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,12}", fullmatch=True))
def test_every_name_that_the_schema_allows_has_a_file(name: str) -> None:
    stem = Naming(step_name="any").stem(name)
    assert stem
    assert stem == stem.lower()
    assert set(stem) <= set("abcdefghijklmnopqrstuvwxyz0123456789_")


@given(st.from_regex(r"[A-Z][A-Za-z0-9]{0,12}", fullmatch=True))
def test_a_stem_is_the_stem_of_itself_and_keeps_every_letter(name: str) -> None:
    stem = Naming().stem(name)
    assert stem.replace("_", "") == name.lower()


FITTING = [
    ("PascalCase", "Scoring", True),
    ("PascalCase", "XGBoost2", True),
    ("PascalCase", "scoring", False),
    ("PascalCase", "Scoring_Batch", False),
    ("PascalCase", "_Scoring", False),
    ("snake_case", "scoring", True),
    ("snake_case", "scoring_2_batch", True),
    ("snake_case", "Scoring", False),
    ("snake_case", "scoring__batch", False),
    ("snake_case", "scoring_", False),
    ("snake_case", "2scoring", False),
    ("any", "Anything_goes", True),
]


@pytest.mark.parametrize(("style", "name", "fits"), FITTING)
def test_a_style_fits_or_does_not(style: str, name: str, fits: bool) -> None:
    assert (STYLES[style].fullmatch(name) is not None) is fits


NEAR = [
    ("bulider_step_name", ["builder_step_name", "spec_type"], ("builder_step_name",)),
    ("XGBoostTrainng", ["XGBoostTraining", "PyTorchTraining"], ("XGBoostTraining",)),
    ("xgboosttraining", ["XGBoostTraining"], ("XGBoostTraining",)),
    ("zzz", ["name", "description"], ()),
    ("", ["name"], ()),
    ("n", ["name"], ()),
    ("nmae", ["name"], ("name",)),
]


@pytest.mark.parametrize(("word", "choices", "near"), NEAR)
def test_the_nearest_existing_name(word: str, choices: list[str], near: tuple[str, ...]) -> None:
    assert closest(word, choices) == near


def test_several_near_names_come_best_first_and_within_the_limit() -> None:
    choices = ["Scorings", "Scoring2", "Scorin", "Ranking"]
    assert closest("Scoring", choices, 3)[0] in {"Scorings", "Scorin", "Scoring2"}
    assert len(closest("Scoring", choices, 2)) == 2
    assert closest("Scoring", ["Scorin", "Scoring"], 2)[0] == "Scoring"


def test_names_that_differ_in_case_alone_are_both_offered() -> None:
    assert set(closest("scorng", ["Scoring", "scoring"], 2)) == {"Scoring", "scoring"}


def test_near_names_do_not_depend_on_the_order_of_the_choices() -> None:
    choices = ["Scoring1", "Scoring2", "Scoring3", "Scoring4"]
    assert closest("Scoring", choices, 3) == closest("Scoring", choices[::-1], 3)
