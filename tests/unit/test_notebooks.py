"""What a notebook shows of views, steps, pipelines and findings, in one that is really run."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from xml.etree import ElementTree

import stepwell

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
)
RUN = """\
import json, sys
import nbformat
from nbclient import NotebookClient
notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(one) for one in json.loads(sys.argv[1])])
NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
print(json.dumps([[one.data for one in cell.outputs] for cell in notebook.cells]))
"""


def test_a_notebook_shows_views_steps_pipelines_and_findings(
    project: Project, tmp_path: Path, environment: Mapping[str, str]
) -> None:
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
    nothing, (view,), (step,), (pipeline,), (found,) = json.loads(ran.stdout.splitlines()[-1])
    assert nothing == []
    assert "<b>the core</b>: 2 steps, 1 pipelines" in view["text/html"]
    assert "<td>Loading</td>" in view["text/html"]
    assert "<td>Load &lt;b&gt;rows&lt;/b&gt; &amp; &quot;more&quot;.</td>" in step["text/html"]
    assert "registry.d/steps/loading.yaml" in step["text/html"]
    assert sorted(pipeline) == ["image/svg+xml", "text/html", "text/plain", "text/vnd.mermaid"]
    assert "load.rows as data" in "".join(pipeline["text/plain"])
    assert "<script" not in pipeline["text/html"]
    picture = ElementTree.fromstring(pipeline["image/svg+xml"])  # noqa: S314 - our own
    named = [one.text for one in picture.iter("{http://www.w3.org/2000/svg}title")]
    assert named[0] == "Nightly"
    assert "load.rows feeds score.data" in named
    assert "error[unknown-step]</b>: there is no step `Scorring` in the core" in found["text/html"]
    assert "<code>registry.d/pipelines/nightly.yaml:6:23</code>" in found["text/html"]


def test_a_notebook_may_ask_for_some_forms_only(project: Project) -> None:
    pipeline = stepwell.open(project(FILES)).pipeline("Nightly")
    only = pipeline._repr_mimebundle_(include={"text/plain", "text/html"}, exclude={"text/html"})
    assert list(only) == ["text/plain"]
    assert pipeline._repr_html_() == pipeline._repr_mimebundle_()["text/html"]
