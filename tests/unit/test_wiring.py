"""Proposals of sources for open inputs: scores, reasons, ties, cycles, and the text that is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

import stepwell
from stepwell.run.pipelines.wiring import Proposal, propose, wired, with_inputs
from stepwell.source.document import Document
from stepwell.source.errors import PipelineError
from stepwell.source.read import read_text

Project = Callable[[Mapping[str, "str | bytes"]], Path]

SETTINGS = '[alignment]\ngeneric_sources = ["Anything"]\n'


def proposals(
    project: Project, steps: Mapping[str, str], pipeline: str, settings: str = SETTINGS, **more: str
) -> tuple[Proposal, ...]:
    """Proposals for a pipeline whose ``steps`` are in the text; the others have their interface in YAML."""
    files = {
        f"registry.d/steps/{name.lower()}.yaml": f"name: {name}\ndescription: D.\ninterface: {interface}\n"
        for name, interface in steps.items()
    }
    text = f"name: Nightly\ndescription: D.\nsteps:\n{pipeline}"
    extra = {path.replace("__", "/") + ".yaml": content for path, content in more.items()}
    root = project({"stepwell.toml": settings, **files, "registry.d/pipelines/nightly.yaml": text, **extra})
    registry = stepwell.open(root)
    assert {finding.id for finding in registry.diagnostics if finding.severity.value == "error"} <= {
        "missing-input"
    }
    return propose(registry.pipeline("Nightly"), registry.view, registry.project.settings)


def listed(proposal: Proposal) -> list[str]:
    return [f"{each.fed} {each.score}: {', '.join(each.reasons)}" for each in proposal.candidates]


SAME, KIN = "same type `training_data`", "type `processing_output` is compatible with `training_data`"
NAMED, ANY = "`Load` is a compatible source", "a generic source accepts any step"


@pytest.mark.parametrize(
    ("declared", "output", "node", "candidate"),
    [
        ("type: training_data", "rows: {type: training_data}", "", f"0.43: {SAME}, {NAMED}"),
        ("type: training_data", "rows: {type: processing_output}", "", f"0.39: {KIN}, {NAMED}"),
        ("type: training_data", "rows: {type: model_artifacts}", "", None),
        ("type: training_data", "rows: {}", "", f"0.32: {NAMED}"),
        ("required: true", "rows: {type: training_data}", "", f"0.32: {NAMED}"),
        ("type: training_data", "data: {type: training_data}", "",
         f"0.71: {SAME}, same name, shared keywords: data, {NAMED}"),
        ("type: training_data", "rows: {type: training_data, aliases: [data]}", "",
         f"0.61: {SAME}, `data` is an alias of `rows`, {NAMED}"),
        ("type: training_data, semantic_keywords: [Raw, new]",
         "rows: {type: training_data, semantic_keywords: [raw]}", "",
         f"0.48: {SAME}, shared keywords: raw, {NAMED}"),
        ("type: training_data, semantic_keywords: [a, b, c, d]",
         "data: {type: training_data, semantic_keywords: [d, c, b, a, e]}", "",
         f"0.71: {SAME}, same name, shared keywords: a, b, c, {NAMED}"),
        ("type: training_data", "rows: {type: training_data}", "depends_on: [load]",
         f"0.57: {SAME}, {NAMED}, `fit` already needs `load`"),
    ],
)  # fmt: skip
def test_each_agreement_adds_to_the_score_and_the_reasons(
    project: Project, declared: str, output: str, node: str, candidate: str | None
) -> None:
    steps = {
        "Load": f"{{outputs: {{{output}}}}}",
        "Fit": f"{{inputs: {{data: {{{declared}, compatible_sources: [Load]}}}}}}",
    }
    pipeline = f"  - {{id: load, step: Load}}\n  - {{id: fit, step: Fit, {node}}}\n"
    [proposal] = proposals(project, steps, pipeline)
    name = output.partition(":")[0]
    assert listed(proposal) == ([] if candidate is None else [f"load.{name} {candidate}"])
    assert (proposal.node, proposal.input, proposal.required) == ("fit", "data", True)
    assert proposal.chosen == (proposal.candidates[0] if candidate else None)
    assert not proposal.is_ambiguous


@pytest.mark.parametrize(
    ("sources", "load", "fit", "candidate"),
    [
        ("Load-training", "Load:training", "Fit", f"0.5: {SAME}, {NAMED}, requested job type training"),
        ("Load_TRAINING", "Load:training", "Fit", f"0.5: {SAME}, {NAMED}, requested job type training"),
        ("Load-validation", "Load:training", "Fit", f"0.29: {SAME}, {NAMED}, different job type training"),
        ("Load-validation, Load", "Load:training", "Fit", f"0.43: {SAME}, {NAMED}"),
        ("Load, Load-training", "Load:training", "Fit",
         f"0.5: {SAME}, {NAMED}, requested job type training"),
        ("Load-training", "Load", "Fit", f"0.43: {SAME}, {NAMED}"),
        ("Load", "Load:training", "Fit:training", f"0.5: {SAME}, {NAMED}, same job type training"),
        ("Load", "Load:training", "Fit:testing", f"0.43: {SAME}, {NAMED}"),
    ],
)  # fmt: skip
def test_job_types_count(project: Project, sources: str, load: str, fit: str, candidate: str) -> None:
    steps = {
        "Load": "{outputs: {rows: {type: training_data}}}",
        "Fit": f"{{inputs: {{data: {{type: training_data, compatible_sources: [{sources}]}}}}}}",
    }
    pipeline = "  - {id: load, step: 'Load'}\n  - {id: fit, step: 'Fit'}\n"
    pipeline = pipeline.replace("'Load'", f"'{load}'").replace("'Fit'", f"'{fit}'")
    [proposal] = proposals(project, steps, pipeline)
    assert listed(proposal) == [f"load.rows {candidate}"]


OUTPUT = "{outputs: {rows: {type: training_data}}}"
NAMESAKE = "{outputs: {data: {type: training_data}}}"


@pytest.mark.parametrize(
    ("sources", "required", "outputs", "candidates"),
    [
        ("Anything", "true", OUTPUT, [f"load.rows 0.29: {SAME}, {ANY}"]),
        ("Anything, Load", "true", OUTPUT, [f"load.rows 0.43: {SAME}, {NAMED}"]),
        ("Load, Anything", "true", OUTPUT, [f"load.rows 0.43: {SAME}, {NAMED}"]),
        ("Other", "true", OUTPUT, []),
        ("Anything, Other", "true", OUTPUT, [f"load.rows 0.29: {SAME}, {ANY}"]),
        ("Other, Anything", "true", OUTPUT, [f"load.rows 0.29: {SAME}, {ANY}"]),
        ("Anything", "false", OUTPUT, []),
        ("Anything", "false", NAMESAKE,
         [f"load.data 0.57: {SAME}, same name, shared keywords: data, {ANY}"]),
        ("Anything", "false", "{outputs: {rows: {type: training_data, semantic_keywords: [data]}}}",
         [f"load.rows 0.39: {SAME}, shared keywords: data, {ANY}"]),
        ("Anything", "false", "{outputs: {rows: {type: training_data, aliases: [data]}}}",
         [f"load.rows 0.46: {SAME}, `data` is an alias of `rows`, {ANY}"]),
        ("Anything", "true", "{outputs: {rows: {type: model_artifacts}}}", []),
        ("Anything", "true", "{outputs: {rows: {}}}", []),
    ],
)  # fmt: skip
def test_a_generic_source_offers_every_step(
    project: Project, sources: str, required: str, outputs: str, candidates: list[str]
) -> None:
    declared = f"{{type: training_data, required: {required}, compatible_sources: [{sources}]}}"
    steps = {"Load": outputs, "Other": "{}", "Fit": f"{{inputs: {{data: {declared}}}}}"}
    [proposal] = proposals(project, steps, "  - {id: load, step: Load}\n  - {id: fit, step: Fit}\n")
    assert listed(proposal) == candidates
    assert proposal.required == (required == "true")


def test_an_input_without_a_type_accepts_every_output_of_a_generic_source(project: Project) -> None:
    steps = {
        "Load": "{outputs: {data: {type: model_artifacts}}}",
        "Fit": "{inputs: {data: {compatible_sources: [Anything]}}}",
    }
    [proposal] = proposals(project, steps, "  - {id: load, step: Load}\n  - {id: fit, step: Fit}\n")
    assert listed(proposal) == [f"load.data 0.46: same name, shared keywords: data, {ANY}"]


def test_inputs_that_have_a_source_or_name_none_need_no_proposal(project: Project) -> None:
    inputs = ", ".join(f"{name}: {{compatible_sources: [Load]}}" for name in ("fed", "given", "open"))
    steps = {
        "Load": "{outputs: {rows: {type: training_data}}}",
        "Fit": f"{{inputs: {{{inputs}, free: {{type: training_data}}}}}}",
    }
    pipeline = (
        "  - {id: load, step: Load}\n"
        "  - {id: fit, step: Fit, inputs: {fed: load.rows, given: '${path}'}}\nparameters: {path: x}\n"
    )
    assert [(each.node, each.input) for each in proposals(project, steps, pipeline)] == [("fit", "open")]


def test_the_best_of_several_is_chosen_if_its_lead_is_clear(project: Project) -> None:
    steps = {
        "Load": "{outputs: {plain: {type: processing_output}, same: {type: training_data}, data: {}}}",
        "Fit": "{inputs: {data: {type: training_data, compatible_sources: [Load]}}}",
    }
    pipeline = "  - {id: load, step: Load}\n  - {id: fit, step: Fit}\n"
    [proposal] = proposals(project, steps, pipeline)
    assert [(str(each.fed), each.score) for each in proposal.candidates] == [
        ("load.data", 0.61),
        ("load.same", 0.43),
        ("load.plain", 0.39),
    ]
    assert proposal.chosen == proposal.candidates[0]


@pytest.mark.parametrize(("count", "scores", "clear"), [(4, [0.46, 0.43], True), (5, [0.45, 0.43], False)])
def test_a_lead_of_three_hundredths_is_clear(
    project: Project, count: int, scores: list[float], clear: bool
) -> None:
    """One keyword of four is worth three hundredths, one of five two."""
    own, other = (", ".join(f"{letter}{number}" for number in range(2, count)) for letter in "ab")
    steps = {
        "Load": "{outputs: {rows: {type: training_data}, "
        f"more: {{type: training_data, semantic_keywords: [shared, {own}]}}}}}}",
        "Fit": "{inputs: {data: {type: training_data, compatible_sources: [Load], "
        f"semantic_keywords: [shared, {other}]}}}}}}",
    }
    [proposal] = proposals(project, steps, "  - {id: load, step: Load}\n  - {id: fit, step: Fit}\n")
    assert [each.score for each in proposal.candidates] == scores
    assert proposal.chosen == (proposal.candidates[0] if clear else None)


def test_a_tie_is_ambiguous_and_lists_five_candidates_in_order(project: Project) -> None:
    steps = {
        "Load": "{outputs: {rows: {type: training_data}}}",
        "Fit": "{inputs: {data: {type: training_data, compatible_sources: [Load]}}}",
    }
    loads = "".join(f"  - {{id: load{number}, step: Load}}\n" for number in range(7))
    [proposal] = proposals(project, steps, f"{loads}  - {{id: fit, step: Fit}}\n")
    assert [str(each.fed) for each in proposal.candidates] == [f"load{number}.rows" for number in range(5)]
    assert (proposal.chosen, proposal.is_ambiguous) == (None, True)


BOTH = (
    "{inputs: {data: {type: training_data, compatible_sources: [%s]}}, "
    "outputs: {rows: {type: training_data}}}"
)


def test_a_step_is_never_its_own_source(project: Project) -> None:
    [proposal] = proposals(project, {"Both": BOTH % "Both"}, "  - {id: only, step: Both}\n")
    assert proposal.candidates == ()


def test_a_step_downstream_over_several_edges_is_no_source(project: Project) -> None:
    steps = {"Both": BOTH % "Last", "Middle": "{}", "Last": OUTPUT}
    pipeline = (
        "  - {id: a, step: Both}\n  - {id: b, step: Middle, depends_on: [a]}\n"
        "  - {id: c, step: Middle, depends_on: [b]}\n  - {id: d, step: Last, depends_on: [c, a]}\n"
        "  - {id: e, step: Last}\n"
    )
    [proposal] = proposals(project, steps, pipeline)
    assert [str(each.fed) for each in proposal.candidates] == ["e.rows"]


def test_proposals_together_close_no_cycle_over_two_edges(project: Project) -> None:
    """a <- b and b <- c are proposed first, so c must not get a."""
    steps = {"A": BOTH % "B", "B": BOTH % "C", "C": BOTH % "A"}
    pipeline = "".join(f"  - {{id: {name.lower()}, step: {name}}}\n" for name in steps)
    first = proposals(project, steps, pipeline)
    assert [each.chosen and str(each.chosen.fed) for each in first] == ["b.rows", "c.rows", None]
    assert first[2].candidates == ()


def test_chosen_proposals_become_edges_and_others_do_not(project: Project) -> None:
    steps = {"A": BOTH % "B", "B": BOTH % "C", "C": BOTH % "A"}
    pipeline = "".join(f"  - {{id: {name.lower()}, step: {name}}}\n" for name in steps)
    every = proposals(project, steps, pipeline)
    registry = stepwell.open(project({}))
    result = wired(registry.pipeline("Nightly"), every)
    assert [(edge.source, edge.output, edge.target, edge.input) for edge in result.edges] == [
        ("b", "rows", "a", "data"),
        ("c", "rows", "b", "data"),
    ]
    assert result.order == ("c", "b", "a")


def test_sources_are_names_in_the_view_of_the_step(project: Project) -> None:
    steps = {
        "Load": OUTPUT,
        "Mine": "{}",
        "Fit": "{inputs: {data: {type: training_data, compatible_sources: [Old]}}}",
    }
    alias = "name: Load\naliases: [Old]\n"
    pipeline = "  - {id: load, step: Load}\n  - {id: core, step: Fit}\n  - {id: hers, step: 'alice:Fit'}\n"
    core, hers = proposals(
        project,
        steps,
        pipeline,
        workspaces__alice__override__steps__load=alias,
    )
    assert (listed(core), listed(hers)) == ([], [f"load.rows 0.43: {SAME}, {NAMED}"])


def document(text: str, path: str = "registry.d/pipelines/nightly.yaml") -> Document:
    read = read_text(path, text.encode())
    assert isinstance(read, Document)
    return read


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ("- id: fit\n  step: Fit\n",
         "- id: fit\n  step: Fit\n  inputs:\n    data: load.rows\n    x: load.y\n"),
        ("- id: fit", "- id: fit\n  inputs:\n    data: load.rows\n    x: load.y"),
        ("- id: fit  # note\n  config: {a: 1}\n",
         "- id: fit  # note\n  inputs:\n    data: load.rows\n    x: load.y\n  config: {a: 1}\n"),
        ("- {id: fit, step: Fit}\n", "- {id: fit, step: Fit, inputs: {data: load.rows, x: load.y}}\n"),
        ("- {step: Fit, id: fit}\n", "- {step: Fit, inputs: {data: load.rows, x: load.y}, id: fit}\n"),
        ("- {id: fit}\n", "- {id: fit, inputs: {data: load.rows, x: load.y}}\n"),
        ("- id: fit\n  inputs: {}\n  config: {}\n",
         "- id: fit\n  inputs: {data: load.rows, x: load.y}\n  config: {}\n"),
        ("- id: fit\n  inputs: {a: b.c}  # note\n",
         "- id: fit\n  inputs: {a: b.c, data: load.rows, x: load.y}  # note\n"),
        ("- id: fit\n  inputs:\n     a: b.c  # n\n  config: {}\n",
         "- id: fit\n  inputs:\n     a: b.c  # n\n     data: load.rows\n     x: load.y\n  config: {}\n"),
        ("- id: fit\n  step: Fit  # trains with XGBoost\n",
         "- id: fit\n  step: Fit  # trains with XGBoost\n  inputs:\n    data: load.rows\n    x: load.y\n"),
        ("- id: fit\n  inputs:\n    a: b.c\n    d: e.f",
         "- id: fit\n  inputs:\n    a: b.c\n    d: e.f\n    data: load.rows\n    x: load.y"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("line_break", ["\n", "\r\n"])
def test_inputs_are_added_in_the_style_of_the_file(steps: str, expected: str, line_break: str) -> None:
    head = "name: Nightly\ndescription: D.\nsteps:\n"
    text = (head + steps).replace("\n", line_break)
    additions = {("steps", 0): {"data": "load.rows", "x": "load.y"}}
    assert with_inputs(document(text), additions) == (head + expected).replace("\n", line_break)


def test_inputs_of_several_steps_are_added_in_one_edit() -> None:
    text = "steps:\n- {id: a}\n- id: b\n- {id: c}\n"
    additions = {("steps", 0): {"x": "z.y"}, ("steps", 1): {"x": "a.y"}, ("steps", 2): {}}
    assert with_inputs(document(text), additions) == (
        "steps:\n- {id: a, inputs: {x: z.y}}\n- id: b\n  inputs:\n    x: a.y\n- {id: c}\n"
    )


def test_a_name_that_yaml_would_read_otherwise_is_quoted() -> None:
    assert with_inputs(document("steps:\n- {id: a}\n"), {("steps", 0): {"null": "b.c"}}) == (
        'steps:\n- {id: a, inputs: {"null": b.c}}\n'
    )


@pytest.mark.parametrize(
    ("path", "text", "message"),
    [
        ("registry.d/pipelines/a.toml", "[[steps]]\nid = 'a'\n",
         "cannot edit registry.d/pipelines/a.toml: only YAML is supported"),
        ("registry.d/pipelines/a.yaml", "steps:\n- &x {id: a}\n- *x\n",
         "cannot add inputs to registry.d/pipelines/a.yaml without changing its formatting"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_edited_is_reported(path: str, text: str, message: str) -> None:
    with pytest.raises(PipelineError) as raised:
        with_inputs(document(text, path), {("steps", 0): {"x": "b.c"}})
    assert str(raised.value) == message
