"""Times a running registry in a separate process: ``live.py PROJECT EDITS`` prints JSON, in seconds.

The project is edited, so it must be one that nothing else measures afterwards.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import stepwell
import stepwell.legacy
from stepwell.live.registry import Registry
from stepwell.write.freeze import generate
from stepwell.write.freeze.tables import LegacyNaming

PATIENCE = 10.0
SWITCHES = 1_000


def main() -> int:
    """Measure everything and print it."""
    root, edits = Path(sys.argv[1]).resolve(), int(sys.argv[2])
    began = time.perf_counter()
    registry = stepwell.open(root)
    whole = [time.perf_counter() - began]
    for _ in range(2):
        began = time.perf_counter()
        registry.reload()
        whole.append(time.perf_counter() - began)
    took = {"load": statistics.median(whole)}
    took |= _edited(registry, root, edits)
    took |= _look_ups(registry, edits)
    sys.stdout.write(json.dumps(took))
    return 0


def _edited(registry: Registry, root: Path, edits: int) -> dict[str, float]:
    """Saves by turns in the core and in a workspace, each until a reader sees it; none may be missed."""
    core = [registry.view(None)[name] for name in list(registry.view(None))[:edits]]
    own = [(one, next(iter(registry.view(one).steps.above))) for one in registry.workspaces]
    seen: list[float] = []
    work: list[float] = []
    registry.subscribe(lambda event: work.append(event.seconds))
    with registry.watch():
        while not registry.watching.bursts:
            time.sleep(0.01)
        for edit in range(edits):
            one, name = (None, core[edit % len(core)].name) if edit % 2 else own[edit % len(own)]
            document = registry.view(one)[name].sources[0].document
            lines = [line for line in document.text.splitlines() if not line.startswith("priority:")]
            began = time.perf_counter()
            (root / document.path).write_text("\n".join([*lines, f"priority: {edit + 1}", ""]))
            while registry.view(one)[name].priority != edit + 1:
                if time.perf_counter() - began > PATIENCE:
                    raise RuntimeError(f"edit {edit} was missed")
                time.sleep(0.001)
            seen.append(time.perf_counter() - began)
    seen.sort()
    return {
        "p50": seen[len(seen) // 2],
        "p99": seen[len(seen) * 99 // 100],
        "longest": seen[-1],
        "reload": statistics.median(work),
    }


def _look_ups(registry: Registry, rounds: int) -> dict[str, float]:
    names = list(registry.view(None))
    mapping = {"description": "A step of the benchmark.", "sagemaker_step_type": "Processing"}
    made: list[float] = []
    for number in range(rounds):
        began = time.perf_counter()
        registration = registry.register({"name": f"Registered{number}", **mapping})
        made.append(time.perf_counter() - began)
        registration.remove()
    registry.resolve(names[0], workspace=None)
    resolved = [
        _once(lambda name=name: registry.resolve(name, workspace=None)) for name in names[: rounds * 10]
    ]
    stepwell.legacy.use(registry)
    from stepwell.frontends.legacy import step_names as live

    frozen = _frozen(registry)
    name = names[len(names) // 2]
    by_turns = [
        (_many(live.get_config_class_name, name), _many(frozen.get_config_class_name, name)) for _ in range(9)
    ]
    first, second = registry.workspaces[0], registry.workspaces[-1]

    def switch() -> None:
        for number in range(SWITCHES):
            with stepwell.workspace(first if number % 2 else second):
                live.get_config_class_name(name)

    switch()
    return {
        "register": statistics.median(made),
        "resolve": statistics.median(resolved),
        "live": min(one for one, _ in by_turns),
        "frozen": min(one for _, one in by_turns),
        "switches": statistics.median(_once(switch) for _ in range(9)),
    }


def _frozen(registry: Registry):
    texts = generate("step_names.py", registry.view(None), None, LegacyNaming(), "stepwell freeze", "0")
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "frozen_step_names.py").write_text(texts["step_names.py"], encoding="utf-8")
        sys.path.insert(0, folder)
        import frozen_step_names  # type: ignore[import-not-found]

        sys.path.remove(folder)
        return frozen_step_names


def _once(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def _many(call: Callable[[str], object], name: str) -> float:
    began = time.perf_counter()
    for _ in range(20_000):
        call(name)
    return (time.perf_counter() - began) / 20_000


if __name__ == "__main__":
    sys.exit(main())
