"""Draws a pipeline as SVG, and as an HTML page with its table of steps and recommendations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from textwrap import wrap
from types import MappingProxyType
from typing import Final, NamedTuple, final

from stepwell.frontends.render.graph.layout import LONGEST, Colour, Line, arrange, colours_of, step_word
from stepwell.frontends.render.graph.text import longest_pairs
from stepwell.model.graph import Edge, Node, Pipeline, workspace_of
from stepwell.run.pipelines.analysis import analyse
from stepwell.source.errors import PipelineError
from stepwell.source.escape_control import visible

__all__ = ["Mark", "as_html", "as_svg", "steps_table"]

_PAGE_STYLE: Final = """\
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
    yield f"<title>{escape(visible(pipeline.name))}</title><style>{_PAGE_STYLE}</style></head><body>"
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


_WIDTHS: Final = (170.0, 330.0)
"""Minimum and maximum box width."""
_OF_ID: Final = 8.2
_OF_STEP: Final = 6.7
"""Approximate width of a character."""
_OF_ABOUT: Final = 6.2
_LINE: Final = 16
_HEIGHT: Final = 50
_GAP_X: Final = 26
_GAP_Y: Final = 58
_MARGIN: Final = 24
_TOP: Final = 92

_STYLE: Final = """\
text{font-family:system-ui,"Segoe UI","Helvetica Neue",Arial,sans-serif;fill:#1c2430}
.title{font-size:18px;font-weight:600}.about,.legend{font-size:12px;fill:#49566a}
.id{font-size:13px;font-weight:600}.step{font-size:11px;fill:#3c485a}
.line{fill:none;stroke:#8a97a8;stroke-width:1.4}.line.after{stroke-dasharray:5 4}
.line.longest{stroke:#c2410c;stroke-width:2.6}.line.back{stroke:#b00020;stroke-width:2;stroke-dasharray:3 3}
.tip{fill:#8a97a8}.tip.longest{fill:#c2410c}.tip.back{fill:#b00020}.backdrop{fill:#fff}
@media(prefers-color-scheme:dark){.backdrop{fill:#161616}.title{fill:#eee}.about,.legend{fill:#b4bdc9}
.line.longest{stroke:#f08a5b}.tip.longest{fill:#f08a5b}.line.back{stroke:#ff8a8a}.tip.back{fill:#ff8a8a}}"""


@final
class Mark(NamedTuple):
    """Appearance of a node in the graph of a run."""

    state: str
    colour: Colour
    text: str


_NO_MARKS: Final[Mapping[str, Mark]] = MappingProxyType({})


def as_svg(pipeline: Pipeline, marks: Mapping[str, Mark] = _NO_MARKS) -> str:
    """Return a self-contained SVG image.

    Args:
       marks: states of a run by node; default: colours of workspaces.
    """
    return "".join(f"{line}\n" for line in _drawn(pipeline, marks))


def _drawn(pipeline: Pipeline, marks: Mapping[str, Mark]) -> Iterator[str]:
    layout, box = arrange(pipeline), _box_width(pipeline, marks)
    colours = colours_of(pipeline)
    longest = frozenset() if marks else longest_pairs(pipeline)  # its colour would hide the states
    named = {mark.state: mark.colour for mark in marks.values()}
    named = named or {workspace or "core": colour for workspace, colour in colours.items()}
    legend = list(_legend(named, has_way=bool(longest)))
    title = escape(visible(pipeline.name))
    identifier = escape(f"pipeline-{pipeline.name}", quote=True)
    about = visible(" ".join(pipeline.description.split()))
    width = max(
        layout.columns * (box + _GAP_X) - _GAP_X + 2 * _MARGIN,
        2 * _MARGIN + sum(size for size, _ in legend),
        2 * _MARGIN + 10 * len(pipeline.name),
        420,
    )
    about_lines = wrap(about, int((width - 2 * _MARGIN) / _OF_ABOUT)) or [""]
    below_about = (len(about_lines) - 1) * _LINE
    height = below_about + _TOP + max(layout.layers, 1) * (_HEIGHT + _GAP_Y) - _GAP_Y + _MARGIN
    shift = (width - (layout.columns * (box + _GAP_X) - _GAP_X)) / 2
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" width="{width:.0f}" '
        f'height="{height}" role="img" aria-labelledby="{identifier}-title {identifier}-about">'
    )
    yield f'<title id="{identifier}-title">{title}</title>'
    yield f'<desc id="{identifier}-about">{escape(_in_words(pipeline, about))}</desc>'
    yield f"<style>{_STYLE}</style>"
    yield f'<rect class="backdrop" width="{width:.0f}" height="{height}"/>'
    yield f'<text class="title" x="{_MARGIN}" y="34">{title}</text>'
    for place, line in enumerate(about_lines):
        yield f'<text class="about" x="{_MARGIN}" y="{54 + place * _LINE}">{escape(line)}</text>'
    yield f'<g transform="translate(0 {below_about})">'
    at = float(_MARGIN)
    for size, piece in legend:
        yield f'<g transform="translate({at:.0f} 72)">{piece}</g>'
        at += size
    edges: dict[tuple[str, str], list[Edge]] = {}
    for edge in pipeline.edges:
        edges.setdefault((edge.source, edge.target), []).append(edge)
    for course in sorted(layout.lines, key=lambda line: (line.source, line.target) in longest):
        pair = course.source, course.target
        yield _edge(course, edges[pair], shift, box, is_longest=pair in longest)
    on_way = {item for pair in longest for item in pair}
    for node in pipeline.nodes.values():
        column, layer = layout.places[node.id]
        mark, whose = marks.get(node.id), workspace_of(pipeline, node)
        colour = colours[whose] if mark is None else mark.colour
        x, y = shift + column * (box + _GAP_X), _TOP + layer * (_HEIGHT + _GAP_Y)
        yield _box(node, mark, colour, x, y, box, whose=whose, is_longest=node.id in on_way)
    yield "</g></svg>"


def _box(
    node: Node,
    mark: Mark | None,
    colour: Colour,
    x: float,
    y: float,
    box: float,
    *,
    whose: str | None,
    is_longest: bool,
) -> str:
    word = step_word(node.step, node.job_type)
    text = f"{node.id}: {word} of {'the core' if whose is None else f'workspace {whose}'}"
    if mark is not None:
        text, word = f"{node.id}: {mark.text}", mark.text
    elif node.definition is None:
        text += "; unknown step"
    elif node.definition.description:
        text += f". {' '.join(node.definition.description.split())}"
    stroke = LONGEST if is_longest else colour.dark
    shown = _cut(visible(node.id), int((box - 30) / _OF_ID))
    below = _cut(visible(word), int((box - 30) / _OF_STEP))
    dashes = ' stroke-dasharray="4 3"' if node.definition is None else ""
    return (
        f'<g transform="translate({x:.1f} {y:.1f})"><title>{escape(visible(text))}</title>'
        f'<rect width="{box:.0f}" height="{_HEIGHT}" rx="8" fill="{colour.light}" stroke="{stroke}" '
        f'stroke-width="{2.2 if is_longest else 1.3}"{dashes}/>'
        f'<rect x="0" y="8" width="4" height="{_HEIGHT - 16}" rx="2" fill="{colour.dark}"/>'
        f'<text class="id" x="16" y="21">{escape(shown)}</text>'
        f'<text class="step" x="16" y="38">{escape(below)}</text></g>'
    )


def _edge(line: Line, edges: list[Edge], shift: float, box: float, *, is_longest: bool) -> str:
    def middle(x: float) -> float:
        return shift + x * (box + _GAP_X) + box / 2

    def top(layer: float) -> float:
        return _TOP + layer * (_HEIGHT + _GAP_Y)

    kinds = ["back"] if line.is_back else ["longest"] if is_longest else []
    words = ", ".join(
        f"{edge.source}.{edge.output} → {edge.target}.{edge.input}"
        if edge.output is not None
        else f"{edge.target} runs after {edge.source}"
        for edge in edges
    )
    if all(edge.output is None for edge in edges):
        kinds.append("after")
    points = line.points
    x, y = middle(points[0][0]), top(points[0][1]) + _HEIGHT
    path = [f"M{x:.1f} {y:.1f}"]
    for column, layer in points[1:]:
        last = (column, layer) == points[-1]
        next_x, next_y = middle(column), top(layer) - (7 if last else -_HEIGHT / 2)
        bend = max((next_y - y) / 2, 18)
        path.append(f"C{x:.1f} {y + bend:.1f} {next_x:.1f} {next_y - bend:.1f} {next_x:.1f} {next_y:.1f}")
        x, y = next_x, next_y
    named = " ".join(kinds)
    return (
        f"<g><title>{escape(visible(words))}</title>"
        f'<path class="line {named}" d="{"".join(path)}"/>'
        f'<path class="tip {named}" d="M{x - 4.5:.1f} {y - 1:.1f}h9l-4.5 8z"/></g>'
    )


def _legend(colours: Mapping[str, Colour], *, has_way: bool) -> Iterator[tuple[float, str]]:
    for name, colour in colours.items():
        box = f'<rect width="14" height="12" rx="3" y="-10" fill="{colour.light}" stroke="{colour.dark}"/>'
        yield 34 + 7 * len(name), f'{box}<text class="legend" x="20">{escape(name)}</text>'
    if has_way:
        stroke = '<path class="line longest" d="M0 -4h16"/>'
        yield 110, f'{stroke}<text class="legend" x="22">critical path</text>'


def _box_width(pipeline: Pipeline, marks: Mapping[str, Mark]) -> float:
    least, most = _WIDTHS
    wanted = least
    for node in pipeline.nodes.values():
        word = marks[node.id].text if node.id in marks else step_word(node.step, node.job_type)
        wanted = max(wanted, 32 + len(node.id) * _OF_ID, 32 + len(word) * _OF_STEP)
    return min(wanted, most)


def _in_words(pipeline: Pipeline, about: str) -> str:
    """Return a text description for screen readers."""
    sentences = [about] if about else []
    for node in pipeline.nodes.values():
        needs = f" after {', '.join(node.needs)}" if node.needs else ""
        sentences.append(f"{node.id} runs {step_word(node.step, node.job_type)}{needs}.")
    return visible(" ".join(sentences))


def _cut(text: str, room: int) -> str:
    return text if len(text) <= room else f"{text[: room - 1]}…"
