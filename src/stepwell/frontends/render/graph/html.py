"""HTML page of a pipeline: graph, table of steps and recommendations."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from stepwell.frontends.render.graph.palette import step_word
from stepwell.frontends.render.graph.svg import as_svg
from stepwell.model.graph import Pipeline, workspace_of
from stepwell.run.pipelines.analysis import analyse
from stepwell.source.errors import PipelineError
from stepwell.source.escape_control import visible

__all__ = ["as_html", "steps_table"]

_STYLE = """\
:root{color-scheme:light dark}
body{font:15px/1.5 system-ui,"Segoe UI","Helvetica Neue",Arial,sans-serif;color:#1c2430;margin:2rem auto;
max-width:76rem;padding:0 1rem;background:#fff}
figure{margin:0 0 2rem;overflow-x:auto;border:1px solid #d8dee6;border-radius:10px}
figure svg{display:block;margin:auto;max-width:none}
table{border-collapse:collapse;width:100%}th{font-size:.85em;color:#49566a}
th,td{text-align:left;padding:.35rem .7rem;border-bottom:1px solid #e3e8ee;vertical-align:top}
td{overflow-wrap:anywhere}
h2{font-size:1.1rem;margin:1.6rem 0 .5rem}
@media(prefers-color-scheme:dark){body{color:#eee;background:#161616}th{color:#b4bdc9}
figure,th,td{border-color:#3a3f46}}"""


def as_html(pipeline: Pipeline) -> str:
    """Return a self-contained page without scripts."""
    return "".join(f"{line}\n" for line in _page(pipeline))


def _page(pipeline: Pipeline) -> Iterator[str]:
    yield "<!doctype html>"
    yield '<html lang="en"><head><meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{escape(visible(pipeline.name))}</title><style>{_STYLE}</style></head><body>"
    yield f"<figure>{as_svg(pipeline)}</figure>"
    yield f"<h2>Steps</h2>{steps_table(pipeline)}"
    try:
        analysis = analyse(pipeline)
    except PipelineError as error:
        yield f"<h2>Errors</h2><p>{escape(visible(str(error)))}.</p>"
    else:
        yield (
            f"<h2>Shape</h2><p>{analysis.nodes} steps in {analysis.depth} levels, {analysis.edges} edges; "
            f"at most {analysis.width} in parallel. {len(analysis.crossed)} edges cross workspaces.</p>"
        )
        if analysis.recommendations:
            text = "".join(
                f"<li>{escape(visible(recommendation))}</li>" for recommendation in analysis.recommendations
            )
            yield f"<h2>Recommendations</h2><ul>{text}</ul>"
    yield "</body></html>"


def steps_table(pipeline: Pipeline) -> str:
    """Return the steps of a pipeline as an HTML table."""
    rows = []
    for key, node in pipeline.nodes.items():
        fed = [f"{name} ← {each}" for name, each in node.inputs.items()]
        fed += [f"{name} ← ${{{each}}}" for name, each in node.given.items()]
        fed += [f"after {each}" for each in node.depends_on]
        cells = (
            key,
            step_word(node.step, node.job_type),
            workspace_of(pipeline, node) or "core",
        )
        shown = "".join(f"<td>{escape(visible(cell))}</td>" for cell in cells)
        shown += f"<td>{'<br>'.join(escape(visible(each)) for each in fed)}</td>"
        rows.append(f"<tr>{shown}</tr>")
    head = "<tr><th>Id</th><th>Step</th><th>Workspace</th><th>Inputs</th></tr>"
    return f"<table><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table>"
