"""What runs in a fresh process: ``probes.py NAME ARGUMENT...`` writes its answer as JSON."""

from __future__ import annotations

import gc
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def load_stepwell(root: str) -> dict[str, Any]:
    """``stepwell.open``: what it accepts and refuses."""
    import stepwell
    from stepwell.source.diagnostic import Severity

    registry = stepwell.open(root)
    found = registry.diagnostics
    refused = {each.span.path for each in found if each.span and each.severity is Severity.ERROR}
    configuration = 1
    return {
        "accepted": registry.files - configuration - len(refused),
        "refused": sorted(refused),
        "steps": len(registry.view()),
    }


def load_naive(root: str) -> dict[str, Any]:
    """The naive way: what it accepts and refuses."""
    import peers

    registry = peers.naive_load(root)
    core = f"{root}/registry.d/"
    return {
        "accepted": len(registry.accepted),
        "refused": sorted(registry.refused),
        "steps": sum(path.startswith(core) for path in registry.accepted),
    }


def peak_stepwell(root: str) -> int:
    """Peak memory of a process that opens a project and keeps it, in bytes."""
    import stepwell

    registry = stepwell.open(root)
    return _peak(registry)


def peak_naive(root: str) -> int:
    """The same for the naive way."""
    import peers

    registry = peers.naive_load(root)
    return _peak(registry)


def _peak(kept: object) -> int:
    # Linux reports the peak of this program; ru_maxrss also counts memory of its parent.
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return peak if kept is not None else 0


def per_file(way: str, root: str, count: str) -> float:
    """CPU seconds that one way of reading or validating takes for one core file."""
    found = sorted(Path(root, "registry.d").rglob("*.yaml"))
    texts = [path.read_text(encoding="utf-8") for path in found[:: max(1, len(found) // int(count))]]
    read, given = WAYS[way](texts)
    gc.collect()
    gc.disable()
    kept = []
    started = time.process_time()
    for each in given:
        kept.append(read(each))  # noqa: PERF401 - the loop is what is measured
    took = time.process_time() - started
    if any(answer is None or answer is False for answer in kept):
        raise RuntimeError(f"{way} refused a file")
    return took / len(given)


def _flat(texts: list[str]) -> tuple[Callable[[Any], Any], list[Any]]:
    from stepwell.source import yaml_flat

    return yaml_flat.load, texts


def _events(texts: list[str]) -> tuple[Callable[[Any], Any], list[Any]]:
    from stepwell.source import yaml

    return yaml.load, texts


def _loader(texts: list[str]) -> tuple[Callable[[Any], Any], list[Any]]:
    import yaml

    return lambda text: yaml.load(text, Loader=yaml.CSafeLoader), texts


def _schema_and_data(texts: list[str]) -> tuple[Any, list[Any]]:
    import peers

    read, _ = _loader(texts)
    schema = json.loads((peers.SCHEMAS / "step.schema.json").read_text(encoding="utf-8"))
    return schema, [read(text) for text in texts]


def _jsonschema_rs(texts: list[str]) -> tuple[Callable[[Any], Any], list[Any]]:
    import jsonschema_rs

    schema, given = _schema_and_data(texts)
    return jsonschema_rs.Draft202012Validator(schema).is_valid, given


def _jsonschema(texts: list[str]) -> tuple[Callable[[Any], Any], list[Any]]:
    import jsonschema

    schema, given = _schema_and_data(texts)
    return jsonschema.Draft202012Validator(schema).is_valid, given


WAYS: Final[Mapping[str, Any]] = {
    "flat": _flat,
    "events": _events,
    "CSafeLoader": _loader,
    "jsonschema-rs": _jsonschema_rs,
    "jsonschema": _jsonschema,
}


def build_views(root: str, rounds: str) -> dict[str, list[float]]:
    """CPU seconds for the views of all workspaces, by turns: ours and two ways of copying."""
    import peers
    import views

    inputs = views.Inputs.of(root)
    core, overlays = inputs.plain()
    views.compare(inputs.views(), peers.copy_tables(core, overlays))
    laid = inputs.core_tables()
    return views.timed(
        int(rounds),
        {
            "stepwell": inputs.views,
            "tables": lambda: peers.copy_tables(core, overlays),
            "rows": lambda: peers.copy_rows(core, overlays),
            "stepwell_over_core": lambda: inputs.views_over(laid),
        },
    )


def merge_views(root: str, rounds: str) -> dict[str, list[float]]:
    """CPU seconds for the views of all workspaces, by turns: ours and OmegaConf's."""
    import views
    from omegaconf import OmegaConf

    inputs = views.Inputs.of(root)
    plain_core, plain_overlays = inputs.plain()
    core = OmegaConf.create(views.by_name(plain_core))
    overlays = [
        (OmegaConf.create(views.by_name(each.local)), OmegaConf.create(views.by_name(each.override)))
        for each in plain_overlays
    ]

    def merge() -> list[Any]:
        return [OmegaConf.merge(core, local, override) for local, override in overlays]

    merged: list[Any] = [OmegaConf.to_container(table) for table in merge()]
    views.compare(inputs.views(), merged)
    return views.timed(int(rounds), {"stepwell": inputs.views, "omegaconf": merge})


def open_views(root: str, rounds: str, peer: str) -> dict[str, list[float]]:
    """CPU seconds to read a project and view it in each workspace, by turns: ours and a peer's.

    The peer reads one file with the core's rows and two files for each workspace.
    """
    import tempfile

    import views
    import yaml

    import stepwell

    core, overlays = views.Inputs.of(root).plain()
    folder = Path(tempfile.mkdtemp(dir=root))
    layers = [("core", core)]
    for number, overlay in enumerate(overlays):
        layers += [(f"local{number}", overlay.local), (f"override{number}", overlay.override)]
    for name, rows in layers:
        text = yaml.safe_dump({"steps": views.by_name(rows)}, sort_keys=False)
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    for number in range(len(overlays)):
        names = ["core", f"local{number}", f"override{number}", "_self_"]
        (folder / f"view{number}.yaml").write_text(yaml.safe_dump({"defaults": names}), encoding="utf-8")

    def ours() -> list[Any]:
        registry = stepwell.open(root)
        return [registry.view(workspace).steps for workspace in registry.workspaces]

    def dynaconf() -> list[Any]:
        from dynaconf import Dynaconf

        return [
            Dynaconf(
                settings_files=[
                    str(folder / f"{name}{at}.yaml") for name, at in (("core", ""), *_own(number))
                ],
                merge_enabled=True,
            ).STEPS
            for number in range(len(overlays))
        ]

    def hydra() -> list[Any]:
        from hydra import compose, initialize_config_dir

        with initialize_config_dir(str(folder), version_base=None):
            return [compose(f"view{number}").steps for number in range(len(overlays))]

    theirs = {"dynaconf": dynaconf, "hydra": hydra}[peer]
    for own, other in zip(ours(), theirs(), strict=True):
        if {name: step.priority for name, step in own.items()} != {
            name: row["priority"] for name, row in other.items()
        }:
            raise RuntimeError(f"{peer} has other views")
    return views.timed(int(rounds), {"stepwell": ours, peer: theirs})


def _own(number: int) -> tuple[tuple[str, object], ...]:
    return ("local", number), ("override", number)


def look_ups(root: str, rounds: str, repeat: str) -> dict[str, list[float]]:
    """Seconds for one look-up by name, by turns: in both kinds of view and in a dict."""
    import random
    import timeit

    import stepwell

    registry = stepwell.open(root)
    core, workspace = registry.view(), registry.view(registry.workspaces[0])
    names = list(core)
    random.Random(1).shuffle(names)  # noqa: S311 - nothing here is a secret
    names = names[:1000]
    tables = {"core": core, "workspace": workspace, "dict": dict(core)}
    timers = {
        key: timeit.Timer(
            "for name in names: table[name]",
            globals={"names": names, "table": table},
            timer=time.process_time,
        )
        for key, table in tables.items()
    }
    took: dict[str, list[float]] = {key: [] for key in timers}
    for _ in range(int(rounds)):
        for key, timer in timers.items():
            took[key].append(timer.timeit(int(repeat)) / int(repeat) / len(names))
    return took


def index_sources(root: str, cache: str) -> int:
    """The index of all Python files below a folder, kept between processes where a folder is named for it."""
    from stepwell.source.python import index_sources
    from stepwell.source.seal import CachePlace

    place = None if cache == "-" else CachePlace(cache, b"a key of this benchmark, always the same")
    index = index_sources(root, ["sources"], place)
    return len(index.files)


def parse_sources(root: str) -> int:
    """``ast.parse`` of the same files, one after the other."""
    import ast

    paths = sorted(Path(root).rglob("*.py"))
    for path in paths:
        ast.parse(path.read_bytes())
    return len(paths)


PROBES: Final = (
    load_stepwell,
    load_naive,
    peak_stepwell,
    peak_naive,
    per_file,
    build_views,
    merge_views,
    open_views,
    look_ups,
    index_sources,
    parse_sources,
)

if __name__ == "__main__":
    asked, *arguments = sys.argv[1:]
    chosen: Any = next(each for each in PROBES if each.__name__ == asked)
    sys.stdout.write(json.dumps(chosen(*arguments)))
