"""What a notebook shows of views, steps, pipelines, runs and findings, in one that is really run."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from tests.running import SUMS, run

import stepwell

pytestmark = pytest.mark.slow

Project = Callable[[Mapping[str, "str | bytes"]], Path]

FILES = {
    "registry.d/steps/loading.yaml": (
        'name: Loading\ndescription: Load <b>rows</b> & "more".\ninterface: {outputs: {rows: {}}}\n'
    ),
    "registry.d/steps/scoring.yaml": "name: Scoring\ndescription: Score a batch.\n",
    "registry.d/pipelines/nightly.yaml": (
        "name: Nightly\ndescription: Load </svg><script>alert(1)</script> and score.\nsteps:\n"
        "  - {id: load, step: Loading}\n  - {id: score, step: Scoring, inputs: {data: load.rows}}\n"
        "  - {id: again, step: Scorring}\n"
    ),
}
CELLS = (
    "import stepwell\nregistry = stepwell.open('.')",
    "registry.view()",
    "registry.view()['Loading']",
    "registry.pipeline('Nightly')",
    "registry.diagnostics[0]",
    "from stepwell.run.pipelines import RunDatabase\nrecord = RunDatabase('.')",
    "record.read(record.last('Sums'))",
)
RUN = """\
import json, sys
import nbformat
from nbclient import NotebookClient
notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(one) for one in json.loads(sys.argv[1])])
NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
print(json.dumps([[one.data for one in cell.outputs] for cell in notebook.cells]))
"""


def test_a_notebook_shows_views_steps_pipelines_runs_and_findings(
    project: Project, tmp_path: Path, environment: Mapping[str, str]
) -> None:
    spoiled = 'raise SystemExit("<script>alert(1)</script> & no")\n'
    made = run(project({**SUMS, "src/scripts/total.py": spoiled}), "Sums")
    root = project(FILES)
    folders = {
        name: str(tmp_path / name) for name in ("JUPYTER_RUNTIME_DIR", "IPYTHONDIR", "JUPYTER_CONFIG_DIR")
    }
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", RUN, json.dumps(CELLS)],
        cwd=root,
        env={**environment, **folders},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    shown = json.loads(ran.stdout.splitlines()[-1])
    nothing, (view,), (step,), (pipeline,), (found,), none, (of_run,) = shown
    assert nothing == none == []
    assert "<b>the core</b>: 4 steps, 2 pipelines" in view["text/html"]
    assert "<td>Loading</td>" in view["text/html"]
    assert "<td>Load &lt;b&gt;rows&lt;/b&gt; &amp; &quot;more&quot;.</td>" in step["text/html"]
    assert "registry.d/steps/loading.yaml" in step["text/html"]
    assert sorted(pipeline) == ["image/svg+xml", "text/html", "text/plain", "text/vnd.mermaid"]
    assert "load.rows as data" in "".join(pipeline["text/plain"])
    assert "<script" not in pipeline["text/html"]
    picture = ElementTree.fromstring(pipeline["image/svg+xml"])  # noqa: S314 - our own
    named = [one.text for one in picture.iter("{http://www.w3.org/2000/svg}title")]
    assert named[0] == "Nightly"
    assert "load.rows → score.data" in named
    assert "error[unknown-step]</b>: unknown step `Scorring` in the core" in found["text/html"]
    assert "<code>registry.d/pipelines/nightly.yaml:6:23</code>" in found["text/html"]
    took = [f"{one.seconds:.2f} s" for one in made.steps]
    assert sorted(of_run) == ["text/html", "text/plain"]
    assert f" <code>{made.id}</code><table>" in of_run["text/html"]
    assert of_run["text/html"].startswith("<div><b>Sums</b>: failed in ")
    assert f"<td>make</td><td>Make</td><td>done</td><td>{took[0]}</td><td></td>" in of_run["text/html"]
    assert (
        f"<td>total</td><td>Total</td><td>failed</td><td>{took[1]}</td>"
        "<td>the script exited with code 1: &lt;script&gt;alert(1)&lt;/script&gt; &amp; no</td>"
    ) in of_run["text/html"]
    assert f"log: .stepwell/runs/{made.id}/steps/total/1/log.txt" in "".join(of_run["text/plain"])


def test_a_notebook_may_request_some_forms_only(project: Project) -> None:
    pipeline = stepwell.open(project(FILES)).pipeline("Nightly")
    only = pipeline._repr_mimebundle_(include={"text/plain", "text/html"}, exclude={"text/html"})
    assert list(only) == ["text/plain"]
    assert pipeline._repr_html_() == pipeline._repr_mimebundle_()["text/html"]


def test_a_table_of_definitions_is_a_table(project: Project) -> None:
    table = stepwell.open(project(FILES)).view(None).tables["pipelines"]
    shown = table._repr_html_()
    assert shown.startswith("<div><b>1 definition</b>")
    assert "<td>Nightly</td><td>core</td><td>registry.d/pipelines/nightly.yaml</td>" in shown
    assert "<script" not in shown


def test_registries_and_their_answers_are_tables(project: Project) -> None:
    root = project(
        {
            "registry.d/steps/scoring.yaml": "name: Scoring\ndescription: Score <b>it</b>.\n",
            "workspaces/alice/local/steps/scoring.yaml": "name: Scoring\ndescription: Again.\n",
        }
    )
    registry = stepwell.open(root)
    events: list[Any] = []
    registry.subscribe(events.append)
    (root / "registry.d/steps/scoring.yaml").write_text("name: Scoring\n", encoding="utf-8")
    shown = {
        "registry": registry._repr_html_(),
        "explanation": registry.view("alice").explain("Scoring", "description")._repr_html_(),
        "conflict": registry.conflicts()[0]._repr_html_(),
        "resolution": registry.resolve("Scoring", workspace="alice")._repr_html_(),
        "health": registry.health()._repr_html_(),
    }
    registry.reload()
    shown["event"] = events[0]._repr_html_()
    assert "<td>workspace alice</td><td>1</td><td>0</td>" in shown["registry"]
    assert "<b>Scoring.description</b>" in shown["explanation"]
    assert "<td>workspaces/alice/local/steps/scoring.yaml:2</td>" in shown["explanation"]
    assert "<b>Scoring</b>: " in shown["conflict"]
    assert "<td>workspace alice</td><td>local</td>" in shown["conflict"]
    assert "<th>Strategy</th>" in shown["resolution"]
    assert "<th>Errors</th>" in shown["health"]
    assert shown["event"].startswith("<div><b>rejected</b>: reload, 1 error")
    assert "<script" not in "".join(shown.values())
