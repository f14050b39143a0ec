"""Benchmarks; each function yields the rows of one part of the table."""

from __future__ import annotations

import importlib.util
import json
import py_compile
import random
import runpy
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import table
import yaml
from generating import Size, flat_step, generate, nested_step, write_project
from graphs import graphs
from measuring import Measured, Pairs, interleaved, paired, probe, run_fresh
from peers import SCHEMAS, bare_module
from planted import count, plant, project_of
from review import code, references, review
from runs import runs
from starts import starts
from table import Row

import stepwell
from running import running

__all__ = ["FULL", "QUICK", "SECTIONS", "Plan"]

SEED: Final = 20_241
LOAD_TARGET: Final = 5.0
VIEWS_TARGET: Final = 3.0
IMPORT_TARGET: Final = 1.1
READ: Final = "YAML read at import"
TABLES: Final = ("STEP_NAMES", "CONFIG_STEP_REGISTRY", "BUILDER_STEP_NAMES", "SPEC_STEP_TYPES")

STEPWELL: Final = str(Path(sys.executable).with_name("stepwell"))
NOTHING: Final = (sys.executable, "-c", "pass")
IMPORT: Final = """\
import sys, time
sys.path.insert(0, sys.argv[1])
started = time.process_time_ns()
import step_names
sys.stdout.write(str(time.process_time_ns() - started))
"""


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured.

    Args:
        size: the project of most measurements.
        nested: the project whose definitions are not flat.
        merged: the project that OmegaConf merges.
        frozen: core steps of each frozen module; the middle one is also the small project of the
            measurement of memory.
        sample: files for the figures of one file.
        checked: files for check-jsonschema.
        rounds: pairs of whole loads.
        short_rounds: pairs of everything that is quick.
        edits: files that are saved while a registry is watched.
        sources: Python files that are indexed.
        aligned: steps whose code is found, loaded and aligned.
        ran: steps of a pipeline that is run here.
        ran_on_dask: steps of one that is run on Dask.
        types: step types that are found, registered and run.
        nodes: steps of the pipeline that is checked and ordered.
        wired: steps of the pipeline that is wired.
        started: core steps of the projects whose starts are measured.
        soaked: seconds of edits in a watched project.
        curves: core steps, and workspaces over the middle number of core steps, that the charts show.
    """

    size: Size
    nested: Size
    merged: Size
    frozen: tuple[int, int, int]
    sample: int
    checked: int
    rounds: int
    short_rounds: int
    edits: int
    sources: int
    aligned: int
    ran: int
    ran_on_dask: int
    types: int
    nodes: int
    wired: int
    started: tuple[int, int]
    soaked: float
    curves: tuple[Sequence[int], Sequence[int]]


FULL: Final = Plan(
    size=Size(steps=10_000, folders=120, workspaces=100, local=50, hiding=2, override=20),
    nested=Size(steps=2_000, folders=120),
    merged=Size(steps=500, folders=60, workspaces=2, local=50, hiding=0, override=20),
    frozen=(20, 1_000, 10_000),
    sample=2_000,
    checked=200,
    rounds=7,
    short_rounds=21,
    edits=300,
    sources=1_000,
    aligned=100,
    ran=100,
    ran_on_dask=1_000,
    types=10_000,
    nodes=10_000,
    wired=500,
    started=(1_000, 10_000),
    soaked=300,
    curves=((10, 100, 1_000, 10_000, 100_000), (1, 10, 100, 1_000)),
)
QUICK: Final = Plan(
    size=Size(steps=240, folders=12, workspaces=3, local=6, hiding=1, override=4),
    nested=Size(steps=40, folders=12),
    merged=Size(steps=20, folders=4, workspaces=2, local=5, hiding=0, override=4),
    frozen=(5, 20, 40),
    sample=40,
    checked=4,
    rounds=1,
    short_rounds=1,
    edits=6,
    sources=20,
    aligned=4,
    ran=2,
    ran_on_dask=2,
    types=200,
    nodes=200,
    wired=20,
    started=(20, 40),
    soaked=2,
    curves=((4, 12, 24), (1, 2)),
)


def _project(folder: Path, size: Size) -> Path:
    """Return the project of a size, which sections share."""
    root = folder / f"project-{size.steps}-{size.workspaces}"
    if not root.exists():
        generate(root, size, SEED, flat_step)
    return root


def _frozen_size(steps: int) -> Size:
    return Size(steps, folders=min(steps, 120))


def cold_load(plan: Plan, folder: Path) -> Iterator[Row]:
    """A whole load in a fresh process."""
    root = _project(folder, plan.size)
    _hold_refusals_equal(folder / "refused")
    files = plan.size.files
    pairs = _loads(plan.rounds, root, files)
    cpu, wall = paired(pairs, lambda measured: measured.cpu), paired(pairs, lambda measured: measured.wall)
    each = Pairs(tuple(one / files for one in cpu.ours), tuple(one / files for one in cpu.theirs))
    naive = "CSafeLoader + jsonschema"
    yield table.faster(f"cold load of {files:,} files, CPU", cpu, naive, LOAD_TARGET)
    yield table.faster(f"cold load of {files:,} files, wall", wall, naive, LOAD_TARGET)
    yield table.faster("the same, CPU of one file", each, naive)
    nested = folder / "nested"
    generate(nested, plan.nested, SEED, nested_step)
    pairs = _loads(plan.rounds, nested, plan.nested.files)
    label = f"cold load of {plan.nested.files:,} files, none of them flat, CPU"
    yield table.faster(label, paired(pairs, lambda measured: measured.cpu), naive)
    if importlib.util.find_spec("check_jsonschema"):
        yield _check_jsonschema(plan, folder / "checked")


def _loads(rounds: int, root: Path, files: int) -> list[tuple[Measured, Measured]]:
    answers = interleaved(rounds, partial(probe, "load_stepwell", root), partial(probe, "load_naive", root))
    for (_, ours), (_, theirs) in answers:
        if ours != theirs or ours["accepted"] != files:
            raise RuntimeError(f"the two ways differ on {files} files: {ours} and {theirs}")
    return [(ours, theirs) for (ours, _), (theirs, _) in answers]


def _hold_refusals_equal(root: Path) -> None:
    folder = "registry.d/steps"
    refused = {
        f"{folder}/unknown_field.yaml": "name: UnknownField\ndescription: One.\nbulider_step_name: One\n",
        f"{folder}/wrong_type.yaml": "name: WrongType\ndescription: Two.\npriority: high\n",
        f"{folder}/missing_field.yaml": "name: MissingField\n",
        f"{folder}/broken_text.yaml": "name: BrokenText\ndescription: [Four\n",
    }
    write_project(root, {**refused, f"{folder}/sound.yaml": "name: Sound\ndescription: Five.\n"})
    expected = {"accepted": 1, "refused": sorted(refused), "steps": 1}
    for way in ("load_stepwell", "load_naive"):
        _, answer = probe(way, root)
        if answer != expected:
            raise RuntimeError(f"{way} gives {answer} instead of {expected}")


def _check_jsonschema(plan: Plan, root: Path) -> Row:
    generate(root, Size(plan.checked, folders=min(plan.checked, 20)), SEED, flat_step)
    files = [str(path) for path in sorted((root / "registry.d").rglob("*.yaml"))]
    schema = str(SCHEMAS / "step.schema.json")
    other = [sys.executable, "-m", "check_jsonschema", "--schemafile", schema, *files]
    command = partial(run_fresh, [STEPWELL, "check"], cwd=root)
    pairs = interleaved(plan.rounds, command, partial(run_fresh, other, cwd=root))
    cpu = paired(pairs, lambda measured: measured.cpu)
    return table.faster(f"`stepwell check` of {plan.checked} steps, CPU", cpu, "check-jsonschema")


def one_file(plan: Plan, folder: Path) -> Iterator[Row]:
    """Reading and validating one file."""

    def seconds(way: str) -> float:
        _, answer = probe("per_file", way, _project(folder, plan.size), plan.sample)
        return float(answer)

    for label, ours, theirs in (
        ("reading a flat file", "flat", "CSafeLoader"),
        ("reading any other file, from events", "events", "CSafeLoader"),
        ("validating: jsonschema-rs", "jsonschema-rs", "jsonschema"),
    ):
        pairs = interleaved(plan.rounds, partial(seconds, ours), partial(seconds, theirs))
        yield table.faster(f"{label}, CPU", paired(pairs), theirs)


def views(plan: Plan, folder: Path) -> Iterator[Row]:
    """The views of all workspaces."""
    _, took = probe("build_views", _project(folder, plan.size), plan.rounds)
    count = plan.size.workspaces

    def pairs(ours: str, theirs: str) -> Pairs:
        return Pairs(tuple(took[ours]), tuple(took[theirs]))

    shared, own = "copying dicts", "copying dicts and their rows"
    # Copying dicts starts from a core's table too, so it is compared with views over a finished core.
    label = f"building all {count} views over the core"
    yield table.within(label, pairs("stepwell_over_core", "tables"), shared, VIEWS_TARGET)
    yield table.within(f"the same {count}, with the core's table", pairs("stepwell", "tables"), shared)
    yield table.within(f"the same {count}, with the core's table", pairs("stepwell", "rows"), own)
    merged = folder / "merged"
    generate(merged, plan.merged, SEED, flat_step)
    _, took = probe("merge_views", merged, max(1, plan.rounds // 2))
    label = f"building {plan.merged.workspaces} views over {plan.merged.steps} steps"
    yield table.faster(label, pairs("stepwell", "omegaconf"), "OmegaConf.merge")
    for module, peer in (("dynaconf", "Dynaconf"), ("hydra", "Hydra compose")):
        if importlib.util.find_spec(module):
            _, took = probe("open_views", merged, max(1, plan.rounds // 2), module)
            yield table.faster(f"{label}, with all files read", pairs("stepwell", module), peer)


def frozen_import(plan: Plan, folder: Path) -> Iterator[Row]:
    """The import of a frozen module."""
    for steps in plan.frozen:
        root = _project(folder, _frozen_size(steps))
        run_fresh([STEPWELL, "freeze"], cwd=root)
        frozen, bare = root / "step_names.py", root / "bare" / "step_names.py"
        _write_bare(frozen, bare)
        _ = [py_compile.compile(str(path), doraise=True) for path in (frozen, bare)]
        pairs = interleaved(plan.short_rounds, _importing(frozen), _importing(bare))
        statement = paired(pairs, lambda measured: int(measured.output) / 1e9)
        process = paired(pairs, lambda measured: measured.cpu)
        label = f"import of the frozen module, {steps:,} steps"
        yield table.within(f"{label}, the statement", statement, "bare literals", IMPORT_TARGET)
        yield table.within(f"{label}, the process", process, "bare literals", IMPORT_TARGET)
        read = root / "read" / "step_names.py"
        _write_reading(frozen, read)
        pairs = interleaved(plan.rounds, _importing(frozen), _importing(read))
        yield table.faster(f"{label}, the process", paired(pairs, lambda measured: measured.cpu), READ)


def _write_bare(frozen: Path, bare: Path) -> None:
    module = runpy.run_path(str(frozen))
    tables: Mapping[str, Any] = {name: module[name] for name in TABLES}
    bare.parent.mkdir()
    bare.write_text(bare_module(tables), encoding="utf-8")
    if {name: runpy.run_path(str(bare))[name] for name in TABLES} != tables:
        raise RuntimeError("the bare module does not hold the same tables")


def _write_reading(frozen: Path, module: Path) -> None:
    """Write a module that reads the same tables from YAML when it is imported."""
    tables = {name: runpy.run_path(str(frozen))[name] for name in TABLES}
    module.parent.mkdir()
    module.with_name("tables.yaml").write_text(yaml.safe_dump(tables, sort_keys=False), encoding="utf-8")
    packages = str(Path(yaml.__file__).parents[1])
    module.write_text(
        f"import os, sys\nsys.path.append({packages!r})\nimport yaml\n"
        "with open(os.path.join(os.path.dirname(__file__), 'tables.yaml'), 'rb') as file:\n"
        "    globals().update(yaml.load(file, Loader=yaml.CSafeLoader))\n",
        encoding="utf-8",
    )


def _importing(module: Path) -> Callable[[], Measured]:
    return partial(run_fresh, [sys.executable, "-I", "-S", "-c", IMPORT, str(module.parent)])


def look_up(plan: Plan, folder: Path) -> Iterator[Row]:
    """One look-up by name."""
    _, took = probe("look_ups", _project(folder, plan.size), plan.short_rounds, 20)
    for label, key in (("the core", "core"), ("a workspace", "workspace")):
        pairs = Pairs(tuple(took[key]), tuple(took["dict"]))
        yield table.within(f"`view[name]`, {label}", pairs, "`dict[name]`")


def commands(plan: Plan, folder: Path) -> Iterator[Row]:  # noqa: ARG001 - reads the repository
    """The command's own start."""
    for arguments in (("--version",), ("check",)):
        command = partial(run_fresh, [STEPWELL, *arguments], cwd=SCHEMAS.parent)
        pairs = interleaved(plan.short_rounds, command, partial(run_fresh, NOTHING))
        label = f"`stepwell {arguments[0]}`" + (" of this repository" if arguments == ("check",) else "")
        yield table.within(f"{label}, wall", paired(pairs, lambda one: one.wall), "`python -c pass`")


def starting(plan: Plan, folder: Path) -> Iterator[Row]:
    """Starts: cold, warm and after edits."""
    steps, counts = plan.curves
    workspaces = replace(plan.size, steps=steps[len(steps) // 2], workspaces=counts[-1])
    yield from starts(plan.short_rounds, plan.started, workspaces, folder)


def memory(plan: Plan, folder: Path) -> Iterator[Row]:
    """Peak memory, from differences between projects of different sizes."""
    full, core_only = _project(folder, plan.size), _project(folder, replace(plan.size, workspaces=0))
    small = _project(folder, _frozen_size(plan.frozen[1]))
    peaks = {way: [_peak(way, root) for root in (full, core_only, small)] for way in ("stepwell", "naive")}
    thousands = (plan.size.steps - plan.frozen[1]) / 1000
    per_thousand = {way: (core - less) / thousands for way, (_, core, less) in peaks.items()}
    per_workspace = {way: (whole - core) / plan.size.workspaces for way, (whole, core, _) in peaks.items()}
    naive = "CSafeLoader + jsonschema"
    files = f"{plan.size.local} local, {plan.size.override} override files"
    yield table.amount("peak memory of 1,000 steps", per_thousand["stepwell"], naive, per_thousand["naive"])
    label = f"peak memory of a workspace ({files})"
    yield table.amount(label, per_workspace["stepwell"], naive, per_workspace["naive"])


def _peak(way: str, root: Path) -> float:
    _, answer = probe(f"peak_{way}", root)
    return float(answer)


def run_pipelines(plan: Plan, folder: Path) -> Iterator[Row]:
    """What a step costs beside its script."""
    yield from runs(folder, plan.ran, plan.ran_on_dask, plan.rounds)


def live(plan: Plan, folder: Path) -> Iterator[Row]:
    """A registry that is kept right while it changes; last, since it edits the project."""
    script = str(Path(__file__).with_name("live.py"))
    answer = run_fresh([sys.executable, script, str(_project(folder, plan.size)), str(plan.edits)])
    took: dict[str, float] = json.loads(answer.output)
    saved = f"save to visible, {plan.edits} edits, none missed"
    yield table.limit(f"{saved}, p50", took["p50"], 0.060)
    yield table.limit(f"{saved}, p99", took["p99"], 0.150)
    yield table.limit(f"{saved}, longest", took["longest"])
    reload = Pairs((took["reload"],), (took["load"],))
    yield table.faster("a reload's own work, median", reload, "a whole load", 50)
    yield table.limit("`registry.register`, median", took["register"], 0.001)
    yield table.limit("`registry.resolve`, median", took["resolve"], 0.000_050)
    names = Pairs((took["live"],), (took["frozen"],))
    yield table.within("`get_config_class_name`, live", names, "frozen", 5)
    yield table.limit("1,000 switches of the workspace, a look-up each", took["switches"], 0.010)


def typing(plan: Plan, folder: Path) -> Iterator[Row]:
    """Findings of the language server over its pipes while a file is typed."""
    script = str(Path(__file__).parents[1] / "stdio_client.py")
    answer = run_fresh([sys.executable, script, str(_project(folder, plan.size)), str(plan.edits * 5)])
    times = sorted(float(each) / 1000 for each in json.loads(answer.output))
    yield table.limit("keystroke to findings in the editor, p50", times[len(times) // 2], 0.050)
    yield table.limit("keystroke to findings in the editor, p99", times[len(times) * 99 // 100], 0.150)


def soak(plan: Plan, folder: Path) -> Iterator[Row]:
    """Edits a watched project for minutes: what grows, what is missed, and what an idle watch costs."""
    root = folder / "soaked"
    generate(
        root,
        replace(plan.size, steps=plan.frozen[1], workspaces=min(plan.size.workspaces, 10)),
        SEED,
        flat_step,
    )
    script = str(Path(__file__).with_name("soak.py"))
    answer = json.loads(run_fresh([sys.executable, script, str(root), str(plan.soaked)]).output)
    edits = f"{plan.soaked * 20:,.0f} edits, 20 a second"
    memory = answer["memory"]
    yield table.amount(f"memory after {edits}", memory[-1], "after a quarter", memory[0], 1.1)
    for kind in ("descriptors", "threads"):
        gained = answer[kind][-1] - answer[kind][0]
        yield table.figure(f"open {kind} after {edits}", f"{gained:+} {kind}", f"+0 {kind}", gained <= 0)
    yield table.figure(
        f"steps without their last of {edits}", f"{answer['missed']} steps", "0 steps", not answer["missed"]
    )
    idle = answer["idle"]
    yield table.figure("CPU of a watch without edits", f"{100 * idle:.2f} %", "at most 0.5 %", idle <= 0.005)


def mistakes(plan: Plan, folder: Path) -> Iterator[Row]:
    """Planted mistakes that the first check reports, and findings about nothing that was planted."""
    rng = random.Random(SEED)  # noqa: S311 - a fixed seed
    planted = [plant(number, rng) for number in range(plan.sample)]
    root = folder / "mistakes"
    write_project(root, project_of(planted))
    counted = count(planted, stepwell.open(root).diagnostics)
    files = f"{counted.files:,} files"
    label = f"{counted.planted:,} mistakes in {files}, reported by the first check"
    yield table.figure(label, f"{100 * counted.share:.2f} %", "at least 99.5 %", counted.share >= 0.995)
    secondary = counted.secondary_per_file
    label = f"findings about no mistake in {files}"
    yield table.figure(label, f"{secondary:.3f} per file", "at most 0.1 per file", secondary <= 0.1)


SECTIONS: Final = (
    cold_load,
    one_file,
    views,
    frozen_import,
    look_up,
    commands,
    starting,
    memory,
    review,
    references,
    code,
    run_pipelines,
    running,
    graphs,
    live,
    typing,
    mistakes,
    soak,
)
