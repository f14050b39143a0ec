"""Layered graph layout with few edge crossings, and the colours of workspaces and run states."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType
from typing import Final, NamedTuple, final

from stepwell.model.graph import Pipeline, workspace_of

__all__ = [
    "CORE",
    "LONGEST",
    "Colour",
    "GraphLayout",
    "Line",
    "arrange",
    "colour_of_state",
    "colours_of",
    "step_word",
]


@final
class Colour(NamedTuple):
    """Matching colours; text on the light one has sufficient contrast (WCAG 2.2, 1.4.3)."""

    light: str
    dark: str


CORE: Final = Colour("#eef1f4", "#5b6b7b")
LONGEST: Final = "#c2410c"
_WORKSPACES: Final = (
    Colour("#dcebfb", "#2563a8"),
    Colour("#dff3e4", "#2f7d4a"),
    Colour("#f3e3f7", "#86429b"),
    Colour("#fbf0d3", "#92700c"),
    Colour("#d9f2f1", "#15767a"),
    Colour("#fbe1e6", "#b02a4c"),
    Colour("#e8e4fa", "#5646b5"),
    Colour("#eceadb", "#6b6634"),
)


def colours_of(pipeline: Pipeline) -> Mapping[str | None, Colour]:
    """Return the colour of every view in a pipeline, the core first, then ids sorted."""
    ids = {workspace_of(pipeline, node) for node in pipeline.nodes.values()}
    colours: dict[str | None, Colour] = {None: CORE} if None in ids else {}
    for place, item in enumerate(sorted(item for item in ids if item is not None)):
        colours[item] = _WORKSPACES[place % len(_WORKSPACES)]
    return colours


_SKIPPED: Final = Colour("#f7ecd2", "#6b4a00")
_STATES: Final[Mapping[str, Colour]] = MappingProxyType(
    {
        "done": Colour("#d8efe1", "#00592d"),
        "cached": Colour("#dcebf5", "#2c5c7c"),
        "failed": Colour("#fbdcdc", "#a40000"),
        "skipped": _SKIPPED,
        "cancelled": _SKIPPED,
    }
)


def colour_of_state(state: str) -> Colour:
    """Return the colour of a run state; that of the core if not finished."""
    return _STATES.get(state, CORE)


def step_word(step: str, job_type: str | None) -> str:
    """Return a step with its job type."""
    return f"{step}:{job_type}" if job_type else step


_SWEEPS: Final = 8
_MOST_PLACES: Final = 20_000
"""Maximum number of dummy nodes; beyond it, long edges are straight."""

_Place = str | tuple[str, str, int]
"""A node or a dummy node of an edge."""


@final
class Line(NamedTuple):
    """Drawn edge."""

    source: str
    target: str
    points: tuple[tuple[float, float], ...]
    is_back: bool


@final
class GraphLayout(NamedTuple):
    """Positions in units of node width and layer height.

    Args:
       places: column and layer of each node, from 0.
    """

    places: Mapping[str, tuple[float, int]]
    lines: tuple[Line, ...]
    columns: float
    layers: int


def arrange(pipeline: Pipeline) -> GraphLayout:
    """Arrange a pipeline in layers; edges that close a cycle are ignored and marked."""
    nodes = tuple(pipeline.nodes)
    pairs = list(
        dict.fromkeys((edge.source, edge.target) for edge in pipeline.edges if edge.source in pipeline.nodes)
    )
    back = _closing(nodes, pairs)
    forward = [pair for pair in pairs if pair not in back]
    layer = _layers(nodes, forward)
    count = max(layer.values(), default=-1) + 1
    rows: list[list[_Place]] = [[] for _ in range(count)]
    for node_id in nodes:
        rows[layer[node_id]].append(node_id)
    span = sum(layer[target] - layer[source] for source, target in forward)
    chains = {pair: _chain(pair, layer, through=span < _MOST_PLACES) for pair in forward}
    for chain in chains.values():
        for at, place in enumerate(chain[1:-1], layer[chain[0]] + 1 if isinstance(chain[0], str) else 0):
            rows[at].append(place)
    links = [link for chain in chains.values() for link in pairwise(chain)]
    column = _columns(_ordered(rows, links), links)
    left = min(column.values(), default=0.0)
    places = {node: (column[node] - left, layer[node]) for node in nodes}
    lines = []
    for pair in pairs:
        if pair in back:
            points: tuple[tuple[float, float], ...] = (_xy(places[pair[0]]), _xy(places[pair[1]]))
        else:
            first = layer[pair[0]]
            chain = chains[pair]
            steps = (layer[pair[1]] - first) if len(chain) == 2 else 1
            points = tuple((column[item] - left, float(first + at * steps)) for at, item in enumerate(chain))
        lines.append(Line(*pair, points, pair in back))
    width = max((x for line in lines for x, _ in line.points), default=0.0)
    width = max(width, max((x for x, _ in places.values()), default=0.0))
    return GraphLayout(places, tuple(lines), width + 1, count)


def _xy(place: tuple[float, int]) -> tuple[float, float]:
    return place[0], float(place[1])


def _closing(nodes: Sequence[str], pairs: Sequence[tuple[str, str]]) -> frozenset[tuple[str, str]]:
    """Return the back edges of a depth-first search."""
    after: dict[str, list[str]] = {node: [] for node in nodes}
    for source, target in pairs:
        after[source].append(target)
    state: dict[str, int] = {}
    back: set[tuple[str, str]] = set()
    for root in nodes:
        if root in state:
            continue
        state[root] = 1
        stack: list[tuple[str, Iterator[str]]] = [(root, iter(after[root]))]
        while stack:
            node_id, rest = stack[-1]
            following = next(rest, None)
            if following is None:
                state[node_id] = 2
                stack.pop()
            elif following not in state:
                state[following] = 1
                stack.append((following, iter(after[following])))
            elif state[following] == 1:
                back.add((node_id, following))
    return frozenset(back)


def _layers(nodes: Sequence[str], pairs: Sequence[tuple[str, str]]) -> dict[str, int]:
    from graphlib import TopologicalSorter

    before: dict[str, list[str]] = {node: [] for node in nodes}
    for source, target in pairs:
        before[target].append(source)
    layer: dict[str, int] = {}
    for item in TopologicalSorter(before).static_order():
        layer[item] = max((layer[each] + 1 for each in before[item]), default=0)
    return layer


def _chain(pair: tuple[str, str], layer: Mapping[str, int], *, through: bool) -> list[_Place]:
    source, target = pair
    passed = range(layer[source] + 1, layer[target]) if through else range(0)
    return [source, *((source, target, at) for at in passed), target]


def _ordered(rows: list[list[_Place]], links: Sequence[tuple[_Place, _Place]]) -> list[list[_Place]]:
    """Return the rows in the best order found by sweeps up and down."""
    above: dict[_Place, list[_Place]] = {}
    below: dict[_Place, list[_Place]] = {}
    for first, second in links:
        above.setdefault(second, []).append(first)
        below.setdefault(first, []).append(second)
    best, fewest = rows, _crossings(rows, below)
    now = [list(row) for row in rows]
    for sweep in range(_SWEEPS):
        if fewest == 0:
            break
        down = sweep % 2 == 0
        neighbours = above if down else below
        at = {item: place for row in now for place, item in enumerate(row)}
        for row in now if down else reversed(now):
            row.sort(key=lambda node: (_mean(neighbours.get(node, ()), at, at[node]), at[node]))
            at.update((item, place) for place, item in enumerate(row))
        count = _crossings(now, below)
        if count < fewest:
            best, fewest = [list(row) for row in now], count
    return best


def _mean(neighbours: Sequence[_Place], at: Mapping[_Place, float], own: float) -> float:
    return sum(at[neighbour] for neighbour in neighbours) / len(neighbours) if neighbours else own


def _crossings(rows: Sequence[Sequence[_Place]], below: Mapping[_Place, Sequence[_Place]]) -> int:
    """Count crossings by insertion into a sorted list."""
    from bisect import bisect_right, insort

    count = 0
    for upper, lower in pairwise(rows):
        at = {item: place for place, item in enumerate(lower)}
        seen: list[int] = []
        for item in upper:
            ends = sorted(at[each] for each in below.get(item, ()) if each in at)
            count += sum(len(seen) - bisect_right(seen, end) for end in ends)
            for end in ends:
                insort(seen, end)
    return count


def _columns(rows: Sequence[Sequence[_Place]], links: Sequence[tuple[_Place, _Place]]) -> dict[_Place, float]:
    """Return columns near the mean of neighbours, at least one apart within a row."""
    around: dict[_Place, list[_Place]] = {}
    for first, second in links:
        around.setdefault(first, []).append(second)
        around.setdefault(second, []).append(first)
    widest = max(map(len, rows), default=0)
    column: dict[_Place, float] = {}
    for row in rows:
        start = (widest - len(row)) / 2
        column.update((item, start + place) for place, item in enumerate(row))
    for sweep in range(_SWEEPS):
        for row in rows if sweep % 2 == 0 else list(reversed(rows)):
            wanted = [_mean(around.get(item, ()), column, column[item]) for item in row]
            column.update(zip(row, _apart(wanted, [_room(item) for item in row]), strict=True))
    return column


def _room(place: _Place) -> float:
    """Return half the width of a place; dummy nodes are narrower than nodes."""
    return 0.5 if isinstance(place, str) else 0.2


def _apart(wanted: Sequence[float], room: Sequence[float]) -> list[float]:
    """Return the positions nearest to the wanted ones that keep order and distances (pooled neighbours)."""
    offset = 0.0
    blocks: list[tuple[float, int]] = []
    offsets: list[float] = []
    for at, item in enumerate(wanted):
        if at:
            offset += room[at - 1] + room[at]
        offsets.append(offset)
        blocks.append((item - offset, 1))
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (mean, count), (other, more) = blocks[-2], blocks[-1]
            blocks[-2:] = [((mean * count + other * more) / (count + more), count + more)]
    placed = [mean for mean, count in blocks for _ in range(count)]
    return [mean + each for mean, each in zip(placed, offsets, strict=True)]
