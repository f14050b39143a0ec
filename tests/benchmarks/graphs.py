"""Benchmarks of pipelines; with arguments, one measurement in a separate process.

``graphs.py FOLDER NODES WIRED ROUNDS`` writes what each way took, in seconds, as JSON.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from sections import Plan
    from table import Row

__all__ = ["graphs"]

TYPES: Final = ("processing_output", "training_data", "model_artifacts")
NEAR: Final = 50


def graphs(plan: Plan, folder: Path) -> Iterator[Row]:
    """A pipeline checked for cycles and ordered, beside networkx; and one wired from its interfaces."""
    import table
    from measuring import Pairs, run_fresh

    root = folder / "graphs"
    arguments = [str(root), str(plan.nodes), str(plan.wired), str(plan.short_rounds)]
    took = json.loads(run_fresh([sys.executable, __file__, *arguments]).output)
    pairs = Pairs(tuple(took["ours"]), tuple(took["theirs"]))
    yield table.within(f"check and order of a pipeline of {plan.nodes:,} steps, CPU", pairs, "networkx", 1.0)
    yield table.limit(f"wiring of {plan.wired:,} steps, CPU", took["wiring"], 1.0)


def _random_pipeline(nodes: int) -> Any:
    from stepwell.run.pipelines import Pipeline

    chance = random.Random(20_241)  # noqa: S311 - any graph will do
    lines = ["name: Random", "description: At random.", "steps:"]
    for at in range(nodes):
        earlier = range(max(0, at - NEAR), at)
        needed = chance.sample(earlier, min(len(earlier), 3))
        lines.append(f"  - {{id: n{at}, step: S, depends_on: [{', '.join(f'n{one}' for one in needed)}]}}")
    return Pipeline.from_yaml("\n".join(lines) + "\n")


def _order(pipeline: Any) -> Any:
    from stepwell.model.graph import cycles_in

    fresh = replace(pipeline)  # what was worked out before is not taken over
    if cycles_in(fresh):
        raise ValueError("a cycle")
    return fresh.levels


def _order_by_networkx(pipeline: Any) -> Any:
    import networkx

    graph = networkx.DiGraph()
    graph.add_nodes_from(pipeline.nodes)
    graph.add_edges_from((one.source, one.target) for one in pipeline.edges)
    if not networkx.is_directed_acyclic_graph(graph):
        raise ValueError("a cycle")
    return list(networkx.topological_generations(graph))


def _write_steps(root: Path, count: int) -> None:
    chance = random.Random(20_242)  # noqa: S311 - any interfaces will do
    folder = root / "registry.d/steps"
    folder.mkdir(parents=True)
    (root / "stepwell.toml").write_text('[alignment]\ngeneric_sources = ["Any"]\n', encoding="utf-8")
    for at in range(count):
        named = sorted({f"S{chance.randrange(max(1, at))}" for _ in range(3)} if at else {"Any"})
        sources = ", ".join([*named, *(["Any"] if at % 5 == 0 and at else [])])
        takes, gives = TYPES[at % 2], TYPES[at % 3]
        (folder / f"s{at}.yaml").write_text(
            f"name: S{at}\ndescription: One of many.\ninterface:\n  inputs:\n"
            f"    a: {{type: {takes}, compatible_sources: [{sources}], semantic_keywords: [data, raw]}}\n"
            f"    b: {{type: {gives}, required: false, compatible_sources: [{sources}]}}\n"
            f"  outputs:\n    out: {{type: {gives}, aliases: [a], semantic_keywords: [data]}}\n"
            f"    more: {{type: {takes}, semantic_keywords: [k{at % 5}]}}\n",
            encoding="utf-8",
        )


def _wiring(root: Path, count: int, rounds: int) -> float:
    import stepwell
    from stepwell.run.pipelines import Pipeline
    from stepwell.run.pipelines.wiring import propose

    _write_steps(root, count)
    registry = stepwell.open(root)
    pipeline = Pipeline("Wired")
    for name, step in registry.view().items():
        pipeline = pipeline.add_step(name, step)
    return min(
        _took(lambda: propose(pipeline, registry.view, registry.project.settings)) for _ in range(rounds)
    )


def _took(work: Callable[[], Any]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def main(folder: str, nodes: str, wired: str, rounds: str) -> None:
    """Measure, and write what each way took."""
    pipeline = _random_pipeline(int(nodes))
    _order(pipeline), _order_by_networkx(pipeline)
    pairs = [
        (_took(lambda: _order(pipeline)), _took(lambda: _order_by_networkx(pipeline)))
        for _ in range(int(rounds))
    ]
    answer = {
        "ours": [one for one, _ in pairs],
        "theirs": [one for _, one in pairs],
        "wiring": _wiring(Path(folder), int(wired), int(rounds)),
    }
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main(*sys.argv[1:])
