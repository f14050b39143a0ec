"""``stepwell pipeline``: what each command writes, and how it ends."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest

import stepwell
from stepwell.frontends import cli
from stepwell.frontends.render.graph import as_dot, as_html, as_mermaid, as_svg, as_text
from stepwell.frontends.render.graph.layout import arrange
from stepwell.run.pipelines import Pipeline

Project = Callable[[Mapping[str, "str | bytes"]], Path]
Run = Callable[..., "tuple[int, str, str]"]

LOAD = """\
name: Loading
sagemaker_step_type: Processing
description: Load rows.
interface:
  outputs:
    rows: {type: processing_output, aliases: [data], semantic_keywords: [raw]}
    signature: {type: processing_output, semantic_keywords: [columns]}
"""
TRAIN = """\
name: Fitting
sagemaker_step_type: Training
description: Fit a model.
deprecated: {replaced_by: Loading}
interface:
  inputs:
    data: {type: training_data, compatible_sources: [Loading-training, Loading], semantic_keywords: [raw]}
    extra: {type: hyperparameters, required: false, compatible_sources: [Loading]}
  outputs:
    model: {type: model_artifacts}
"""
NIGHTLY = """\
# Every night at two.
name: Nightly
description: Load, and fit.
parameters: {limit: 10, uri: null}
steps:
  - id: load  # first
    step: Loading:training
    config: {limit: "${limit}", uri: "${uri}"}
  # second
  - {id: fit, step: Fitting}  # the model
  - id: other
    step: alice:Fitting
    inputs: {}
    depends_on: [fit]
"""
FILES = {
    "registry.d/steps/loading.yaml": LOAD,
    "registry.d/steps/fitting.yaml": TRAIN,
    "registry.d/pipelines/nightly.yaml": NIGHTLY,
    "workspaces/alice/workspace.yaml": "description: Mine.\n",
}
PATH = "registry.d/pipelines/nightly.yaml"


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    for name in ("STEPWELL_WORKSPACE", "CURSUS_WORKSPACE_ID", "STEPWELL_PROJECT"):
        monkeypatch.delenv(name, raising=False)

    def run(root: Path, *arguments: str) -> tuple[int, str, str]:
        monkeypatch.chdir(root)
        code = cli.run(["pipeline", *arguments, "--project", str(root)])
        told = capsys.readouterr()
        return code, told.out, told.err

    return run


def test_the_pipelines_of_a_view_are_listed(project: Project, run: Run) -> None:
    assert run(project(FILES), "list") == (
        0,
        "NAME     STEPS  LAYER  EXTENDS  DESCRIPTION\nNightly  3      core   -        Load, and fit.\n",
        "",
    )


def test_a_project_without_pipelines_is_reported(project: Project, run: Run) -> None:
    root = project({"registry.d/steps/loading.yaml": LOAD})
    assert run(root, "list")[:2] == (
        0,
        "No pipelines in the core; run `stepwell pipeline new NAME` to create one.\n",
    )
    assert run(root, "check")[:1] == (0,)


def test_a_pipeline_is_shown_as_it_would_run(project: Project, run: Run) -> None:
    code, out, _ = run(project(FILES), "show", "Nightly", "--set", "limit=20")
    assert code == 0
    assert out == (
        f"Nightly in the core  {PATH}\nLoad, and fit.\n\n"
        "  LEVEL  ID     STEP              WORKSPACE  INPUTS\n"
        "  1      load   Loading:training  -          -\n"
        "  1      fit    Fitting           -          -\n"
        "  2      other  Fitting           alice      after fit\n"
        "\n  PARAMETER  VALUE\n  limit      20\n  uri        null\n\n"
        "3 steps in 2 levels, 1 edge; at most 2 in parallel.\n"
        "Critical path: fit → other (2 steps).\n"
        "Steps by view: core 2, alice 1; by type: Processing 1, Training 2.\n"
        "Edges across workspaces: 1 of 1 (core → alice 1).\n"
        "A run must set `uri`.\n"
        "- The only edge crosses workspaces: move shared steps into the core or into one workspace.\n"
        "- `load` is not connected to any other step: move it into a separate pipeline.\n"
        "- `fit` runs `Fitting`, which is deprecated: use `Loading`.\n"
        "- `other` runs `Fitting`, which is deprecated: use `Loading`.\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("show", "Nihgtly"), "no pipeline `Nihgtly` in the core (did you mean `Nightly`?)"),
        (("show", "Nightly", "--set", "limt=1"), "`Nightly` has no parameter `limt` (did you mean `limit`?)"),
        (("show", "Nightly", "--set", "limit"), "--set must be PARAMETER=VALUE, got `limit`"),
        (
            ("show", "Nightly", "--set", "limt=1", "--set", "limit"),
            (
                "`Nightly` has no parameter `limt` (did you mean `limit`?)\n"
                "error: --set must be PARAMETER=VALUE, got `limit`"
            ),
        ),
        (("wier", "Nightly"), "unknown command `pipeline wier` (did you mean `wire`?)"),
        (("new", "Nightly"), f"pipeline `Nightly` already exists ({PATH})"),
        (("new", "A", "--step", "Loadin"), "no step `Loadin` in the core (did you mean `Loading`?)"),
    ],
)
def test_a_mistake_on_the_command_line_is_reported(
    project: Project, run: Run, arguments: tuple[str, ...], message: str
) -> None:
    code, out, err = run(project(FILES), *arguments)
    assert (code, out, err) == (2, "", f"error: {message}\n")


def test_a_check_reports_what_is_wrong_and_counts(project: Project, run: Run) -> None:
    files = {**FILES, PATH: NIGHTLY.replace("    depends_on: [fit]\n", "")}
    code, out, _ = run(project(files), "check")
    assert code == 1
    assert "error[missing-input]: required input `data` of `fit` is not connected\n" in out
    assert f"{PATH}:10:21\n" in out
    assert "Nightly: 3 steps, 0 edges, 0 across workspaces\n" in out
    assert "Checked 1 pipeline: 3 errors in" in out


def test_a_broken_file_of_a_pipeline_is_reported(project: Project, run: Run) -> None:
    root = project({**FILES, PATH: "name: Nightly\ndescription: A.\nsteps: [{id: a, stpe: B}]\n"})
    code, out, _ = run(root, "check")
    assert code == 1
    assert "error[unknown-field]: `steps[0]` has no field `stpe`" in out


def test_wiring_shows_proposals_and_writes_them_where_they_belong(project: Project, run: Run) -> None:
    root = project(FILES)
    code, out, _ = run(root, "wire", "Nightly")
    assert code == 0
    assert "fit.data ← load.rows (" in out
    assert "fit.extra is ambiguous: no output is clearly the best (optional):" in out
    assert (root / PATH).read_text(encoding="utf-8") == NIGHTLY, "nothing was written unless asked for"
    code, out, _ = run(root, "wire", "Nightly", "--write")
    assert (code, out.splitlines()[-1]) == (
        0,
        f"2 proposed, 2 ambiguous, 0 without a match; wrote 2 into {PATH}",
    )
    assert (root / PATH).read_text(encoding="utf-8") == NIGHTLY.replace(
        "step: Fitting}", "step: Fitting, inputs: {data: load.rows}}"
    ).replace("inputs: {}", "inputs: {data: load.rows}")
    assert stepwell.open(root).pipeline("Nightly").order == ("load", "fit", "other")


def test_wiring_is_never_silently_ambiguous(project: Project, run: Run) -> None:
    two = (
        "name: Two\ndescription: Two loads.\nsteps:\n  - {id: a, step: Loading}\n  - {id: b, step: Loading}\n"
        "  - id: fit\n    step: Fitting\n"
    )
    root = project({**FILES, "registry.d/pipelines/two.yaml": two})
    code, out, _ = run(root, "wire", "Two", "--write", "--format", "json")
    told = json.loads(out)
    assert (code, told["written"]) == (1, 0)
    data = told["proposals"][0]
    assert (data["chosen"], data["ambiguous"]) == (None, True)
    assert [one["output"] for one in data["candidates"]][:2] == ["a.rows", "b.rows"]
    assert (root / "registry.d/pipelines/two.yaml").read_text(encoding="utf-8") == two


def test_what_a_step_needs_already_decides_between_equal_outputs(project: Project, run: Run) -> None:
    two = (
        "name: Two\ndescription: Two loads.\nsteps:\n  - {id: a, step: Loading}\n  - {id: b, step: Loading}\n"
        "  - id: fit\n    step: Fitting\n    depends_on: [b]\n"
    )
    root = project({**FILES, "registry.d/pipelines/two.yaml": two})
    assert run(root, "wire", "Two", "--write")[0] == 0
    assert (root / "registry.d/pipelines/two.yaml").read_text(encoding="utf-8") == two.replace(
        "step: Fitting\n", "step: Fitting\n    inputs:\n      data: b.rows\n"
    )


def test_nothing_that_leads_back_is_proposed(project: Project, run: Run) -> None:
    both = (
        "name: Both\ndescription: It feeds itself.\ninterface:\n  inputs:\n"
        "    data: {type: processing_output, compatible_sources: [Both]}\n"
        "  outputs:\n    data: {type: processing_output}\n"
    )
    chain = "name: Chain\ndescription: A chain.\nsteps:\n  - {id: a, step: Both}\n  - {id: b, step: Both}\n"
    root = project({"registry.d/steps/both.yaml": both, "registry.d/pipelines/chain.yaml": chain})
    code, out, _ = run(root, "wire", "Chain")
    assert (code, out.splitlines()[:2]) == (
        1,
        ["a.data ← b.data (0.71)", "b.data: no matching output in the pipeline"],
    )


def test_a_new_pipeline_is_wired_checked_and_written(project: Project, run: Run) -> None:
    root = project(FILES)
    path = "registry.d/pipelines/train_once.yaml"
    code, out, _ = run(root, "new", "TrainOnce", "--step", "Loading:training", "--step", "Fitting")
    assert (code, out) == (0, f"wrote {path}\nnext: stepwell pipeline show TrainOnce\n")
    assert (root / path).read_text(encoding="utf-8") == (
        "name: TrainOnce\ndescription: Describe TrainOnce in one sentence.\nsteps:\n"
        "  - id: loading_training\n    step: Loading:training\n"
        "  - id: fitting\n    step: Fitting\n    inputs:\n      data: loading_training.rows\n"
    )
    code, out, _ = run(root, "new", "Again", "--from", "TrainOnce", "--workspace", "alice")
    mine = "workspaces/alice/local/pipelines/again.yaml"
    assert (code, out.splitlines()[0]) == (0, f"wrote {mine}")
    assert stepwell.open(root).pipeline("Again", workspace="alice").nodes.keys() == {
        "loading_training",
        "fitting",
    }


HOSTILE = "<script>\"'&`#\\]"


def hostile() -> Pipeline:
    made = Pipeline(f"P{HOSTILE}", f"It says {HOSTILE}.")
    made = made.add_step(f"a{HOSTILE}", f"Step{HOSTILE}", workspace=f"w{HOSTILE}")
    return made.add_step("b", "Step", depends_on=[f"a{HOSTILE}"]).add_step(
        "c", "Step", inputs={f"i{HOSTILE}": "b.x"}
    )


def test_a_picture_is_complete_and_nothing_breaks_out_of_it() -> None:
    pipeline = hostile()
    picture = ElementTree.fromstring(as_svg(pipeline))  # noqa: S314 - our own
    space = "{http://www.w3.org/2000/svg}"
    assert picture.get("role") == "img"
    labels = picture.get("aria-labelledby")
    assert labels is not None
    assert [one.get("id") for one in picture if one.get("id")] == labels.split(" ")
    texts = [one.text for one in picture.iter(f"{space}text")]
    assert {"b", "c", f"a{HOSTILE}", f"w{HOSTILE}"} <= set(texts)
    assert f"b runs Step after a{HOSTILE}." in (picture.findtext(f"{space}desc") or "")
    assert picture.find(f".//{space}script") is None
    for text in (as_html(pipeline), as_mermaid(pipeline)):
        assert "<script" not in text
    assert as_mermaid(pipeline).count('"') % 2 == 0
    assert '\\"' in as_dot(pipeline)
    escaped = as_text(Pipeline("P").add_step("a\x1b", "X\x1b", inputs={"\x1b": "a\x1b.b"}))
    assert "\x1b" not in escaped


@pytest.mark.parametrize("seed", range(5))
def test_no_two_boxes_of_a_picture_meet(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - a picture
    made = Pipeline("Random")
    for at in range(30):
        needed = chance.sample([f"n{one}" for one in range(at)], min(at, chance.randint(0, 3)))
        made = made.add_step(f"n{at}", "Step", depends_on=needed)
    layout = arrange(made)
    rows: dict[int, list[float]] = {}
    for column, layer in layout.places.values():
        rows.setdefault(layer, []).append(column)
    for row in rows.values():
        row.sort()
        assert all(right - left > 0.999 for left, right in pairwise(row))
    assert all(layout.places[one.source][1] < layout.places[one.target][1] for one in made.edges)
    assert not any(line.is_back for line in layout.lines)


def test_a_cycle_is_drawn_with_the_edge_that_closes_it() -> None:
    made = Pipeline("Ring").add_step("a", "X").add_step("b", "X", depends_on=["a"]).connect("b", "a")
    assert [(one.source, one.target, one.is_back) for one in arrange(made).lines] == [
        ("b", "a", True),
        ("a", "b", False),
    ]
    assert "line back" in as_svg(made)


def test_a_graph_is_written_to_a_file(project: Project, run: Run, tmp_path: Path) -> None:
    root, target = project(FILES), tmp_path / "nightly.svg"
    code, out, err = run(root, "graph", "Nightly", "--format", "svg", "-o", str(target))
    assert (code, out, err) == (0, "", f"wrote {target}\n")
    assert target.read_text(encoding="utf-8") == as_svg(stepwell.open(root).pipeline("Nightly"))
    assert run(root, "graph", "Nightly")[1] == (
        "  1   load   Loading:training\n  1 * fit    Fitting\n"
        "  2 * other  Fitting  (alice)\n          ← fit\n"
    )
