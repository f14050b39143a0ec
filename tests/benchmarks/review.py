"""Benchmarks of a review: two revisions compared, Python sources indexed, code compared with interfaces."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import table
from code_of_steps import write_steps
from generating import Size, flat_step, generate
from measuring import Measured, Pairs, interleaved, paired, probe, run_fresh
from python_sources import write_sources
from table import Row

if TYPE_CHECKING:
    from sections import Plan

__all__ = ["code", "references", "review"]

SEED: Final = 20_244
DIFF_TARGET: Final = 1.5
INDEX_TARGET: Final = 1.5
WARM_TARGET: Final = 10.0
CHANGED_TARGET: Final = 10.0
ALIGNMENT_TARGET: Final = 3.0
STEPWELL: Final = str(Path(sys.executable).with_name("stepwell"))
SETTINGS: Final = ("user.name=bench", "user.email=bench@example.org", "commit.gpgsign=false", "gc.auto=0")
"""Disable automatic packing of objects during the measurement."""


def review(plan: Plan, folder: Path) -> Iterator[Row]:
    """Two revisions of a large registry, compared by the command in a separate process."""
    root = folder / "reviewed"
    changed = _two_revisions(root, plan.size.steps)
    compare = partial(
        run_fresh, [STEPWELL, "diff", "HEAD~1", "HEAD", "--format", "json", "--quiet"], cwd=root
    )
    load = partial(probe, "load_stepwell", root)
    pairs = [(ours, theirs) for ours, (theirs, _) in interleaved(plan.rounds, compare, load)]
    label = f"`stepwell diff` of two revisions of {plan.size.steps:,} steps, {changed} files changed"
    yield table.within(f"{label}, wall", paired(pairs, lambda one: one.wall), "one load", DIFF_TARGET)
    yield table.within(f"{label}, CPU", paired(pairs, lambda one: one.cpu), "one load")


def references(plan: Plan, folder: Path) -> Iterator[Row]:
    """The index of Python sources in a fresh process: with nothing kept, and with what the last one kept."""
    root, kept = folder / "indexed", folder / "kept"
    write_sources(root / "sources", plan.sources, SEED)

    def cold() -> Measured:
        shutil.rmtree(kept, ignore_errors=True)
        return _counted(plan, probe("index_sources", root, kept))

    def parse() -> Measured:
        return _counted(plan, probe("parse_sources", root))

    def warm() -> Measured:
        return _counted(plan, probe("index_sources", root, kept))

    label, beside = f"index of {plan.sources:,} Python files", "`ast.parse` of each"
    pairs = paired(interleaved(plan.rounds, cold, parse), lambda one: one.cpu)
    yield table.within(f"{label}, nothing kept, CPU", pairs, beside, INDEX_TARGET)
    pairs = paired(interleaved(plan.rounds, warm, parse), lambda one: one.cpu)
    yield table.faster(f"{label}, nothing changed, CPU", pairs, beside, WARM_TARGET)


def code(plan: Plan, folder: Path) -> Iterator[Row]:
    """The code of steps: found, loaded, and compared with interfaces; edits the indexed sources."""
    root = folder / "coded"
    write_steps(root, plan.aligned)
    script = str(Path(__file__).with_name("code_of_steps.py"))
    answer = run_fresh([sys.executable, script, str(root), str(folder / "indexed"), str(plan.rounds)])
    took: dict[str, Any] = json.loads(answer.output)
    changed = Pairs(tuple(took["changed"]), tuple(took["whole"]))
    label = f"index of {plan.sources:,} Python files, one changed, CPU"
    yield table.faster(label, changed, "`ast.parse` of each", CHANGED_TARGET)
    yield table.limit("`view.components(name)`", took["components"], 0.000_020)
    yield table.limit("`view.load(name, kind)`, loaded before", took["load"], 0.000_002)
    label = f"alignment of {plan.aligned} steps, CPU"
    aligned = Pairs(tuple(took["aligned"]), tuple(took["plain"]))
    yield table.within(label, aligned, "`ast.parse` of their sources", ALIGNMENT_TARGET)


def _counted(plan: Plan, probed: tuple[Measured, int]) -> Measured:
    measured, files = probed
    if files != plan.sources:
        raise RuntimeError(f"{files} files were read instead of {plan.sources}")
    return measured


def _two_revisions(root: Path, steps: int) -> int:
    """A registry in git with two commits; in the second, files are edited, added, removed and renamed."""
    generate(root, Size(steps, folders=min(steps, 120)), SEED, flat_step)
    _git(root, "init", "--quiet", "--initial-branch=main")
    _git(root, "add", "--all")
    _git(root, "commit", "--quiet", "--message", "One")
    files = sorted((root / "registry.d" / "steps").rglob("*.yaml"))
    chosen = files[:: max(1, len(files) // 20)][:20]
    edited, replaced = chosen[:14], chosen[14:]
    for number, path in enumerate(edited):
        text = path.read_text(encoding="utf-8")
        path.write_text(
            re.sub(r"(?m)^description: .*$", f"description: Edit {number}.", text), encoding="utf-8"
        )
    for number, path in enumerate(replaced):  # of a file that gets another name, git sees two
        text = path.read_text(encoding="utf-8")
        path.unlink()
        if number % 2:
            new = re.sub(r"(?m)^name: (\w+)$", rf"name: \g<1>Again{number}", text)
            path.with_name(f"{path.stem}_again{number}.yaml").write_text(new, encoding="utf-8")
    _git(root, "add", "--all")
    _git(root, "commit", "--quiet", "--message", "Two")
    _git(root, "gc", "--quiet")
    return len(chosen)


def _git(root: Path, *words: str) -> None:
    settings = [word for setting in SETTINGS for word in ("-c", setting)]
    subprocess.run(["git", *settings, "-C", str(root), *words], check=True, capture_output=True)
