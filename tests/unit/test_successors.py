"""Which step succeeds one that is gone, and which file names importers may use for a step."""

from __future__ import annotations

import pytest

from stepwell.model import StepDefinition
from stepwell.model.layer import Layer, Source
from stepwell.review.diff import predecessor, stem_of, stems_of
from stepwell.review.effects.file_name_lookup import probes_of
from stepwell.source.document import Document
from stepwell.source.git.history import Gone
from stepwell.source.read import read_text
from stepwell.source.spelling import Naming


def step(name: str, more: str = "", *paths: str) -> StepDefinition:
    """A step whose files, the topmost first, have these paths."""
    text = f"name: {name}\ndescription: D.\n{more}"
    documents = [
        read_text(path, text.encode()) for path in paths or (f"registry.d/steps/{name.lower()}.yaml",)
    ]
    sources = [Source(Layer.CORE, None, each) for each in documents if isinstance(each, Document)]
    return StepDefinition(sources[-1].document.data, tuple(sources))


@pytest.mark.parametrize(
    ("new", "moves", "result"),
    [
        (step("New", "aliases: [Other, Old]\n"), {}, ("Old", "alias")),
        (step("New", "aliases: [Other]\n"), {}, None),
        (step("Next"), {}, ("Old", "replaced_by")),
        (step("New"), {"registry.d/steps/old.yaml": "registry.d/steps/new.yaml"}, ("Old", "file")),
        (step("New"), {"a/old.yaml": "registry.d/steps/new.yaml"}, ("Old", "file")),
        (step("New"), {"registry.d/steps/old.yaml": "registry.d/steps/newer.yaml"}, None),
        (step("New"), {"registry.d/steps/old.yaml": None}, None),
        (step("New", "", "a/new.yaml", "b/new.yaml"), {"a/old.yaml": "b/new.yaml"}, ("Old", "file")),
        (step("Next", "aliases: [Gone]\n"), {}, ("Gone", "alias")),
    ],
)
def test_a_step_succeeds_another_by_alias_or_replacement_or_a_renamed_file(
    new: StepDefinition, moves: dict[str, str | None], result: tuple[str, str] | None
) -> None:
    old = step("Old", "deprecated: {replaced_by: Next}\n", "a/old.yaml", "registry.d/steps/old.yaml")
    left = {"Gone": step("Gone", "deprecated: {since: '1'}\n"), "Old": old}
    gone = [Gone(path, now) for path, now in moves.items()]
    successor = predecessor(new, left, gone)
    assert (successor and (successor[0].name, successor[1])) == result


def test_stems_are_of_the_name_and_of_the_files() -> None:
    assert [stem_of(path) for path in ("a/b.step.yaml", "b.yaml", "a.b/c.yaml")] == ["b.step", "b", "c"]
    loader = step("DataLoad", "", "a/reader.yaml", "a/loader.yaml")
    assert stems_of(loader, Naming()) == {"data_load", "loader", "reader"}


@pytest.mark.parametrize(
    ("name", "probes"),
    [
        ("Load", "load pre_load load_job pre_load_job"),
        (
            "LoadRows",
            (
                "load rows load_rows loadrows pre_load_rows load_rows_pre "
                "load_rows_job loadrows_job pre_load_rows_job load_rows_pre_job"
            ),
        ),
        (
            "ABoostModelEval",
            "aboost model eval aboost_model aboostmodeleval aboostmodeleval_job "
            + " ".join(
                f"{form}{end}"
                for end in ("", "_job")
                for form in [
                    "aboost_model_eval",
                    "pre_aboost_model_eval",
                    "ab_model_eval",
                    "model_eval_aboost",
                    "model_eval_ab",
                    "aboost_model_eval_pre",
                    "aboost_model_evaluation",
                    "pre_aboost_model_evaluation",
                    "ab_model_evaluation",
                    "model_evaluation_aboost",
                    "model_evaluation_ab",
                    "aboost_model_evaluation_pre",
                ]
            ),
        ),
    ],
)
def test_file_names_of_a_step(name: str, probes: str) -> None:
    naming = Naming(job_type_suffixes=("job",), abbreviations={"ab": "ABoost", "pre": ""})
    assert probes_of([name], naming) == tuple(sorted(probes.split()))


def test_file_names_of_the_first_500_steps() -> None:
    naming = Naming(job_type_suffixes=(), abbreviations={})
    assert probes_of([f"s{number}" for number in range(501)], naming) == tuple(
        sorted(f"s{number}" for number in range(500))
    )
