"""What a review takes: the comparison of two revisions, and the index of Python sources."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import table
from generating import Size, flat_step, generate
from measuring import interleaved, paired, probe, run_fresh
from table import Row

if TYPE_CHECKING:
    from sections import Plan

__all__ = ["review"]

SEED: Final = 20_244
DIFF_TARGET: Final = 1.5
STEPWELL: Final = str(Path(sys.executable).with_name("stepwell"))
AUTHOR: Final = ("-c", "user.name=bench", "-c", "user.email=bench@example.org", "-c", "commit.gpgsign=false")


def review(plan: Plan, folder: Path) -> Iterator[Row]:
    """Two revisions of a large registry, compared by the command in a process of its own."""
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


def _two_revisions(root: Path, steps: int) -> int:
    """A registry in git with two commits; in the second, files are edited, added, removed and renamed."""
    generate(root, Size(steps, folders=min(steps, 120)), SEED, flat_step)
    _git(root, "init", "--quiet", "--initial-branch=main")
    _git(root, "add", "--all")
    _git(root, *AUTHOR, "commit", "--quiet", "--message", "One")
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
    _git(root, *AUTHOR, "commit", "--quiet", "--message", "Two")
    _git(root, "gc", "--quiet")
    return len(chosen)


def _git(root: Path, *words: str) -> None:
    subprocess.run(["git", "-C", str(root), *words], check=True, capture_output=True)
