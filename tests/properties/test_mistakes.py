"""Every mistake is reported in the first run, and nothing else is."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import stepwell

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))
from planted import KINDS, count, plant, project_of

pytestmark = pytest.mark.slow


def test_every_mistake_is_reported_in_the_first_run(project: Callable[..., Path]) -> None:
    rng = random.Random(20_241)  # noqa: S311 - a fixed seed
    files = [plant(number, rng) for number in range(200)]
    counted = count(files, stepwell.open(project(project_of(files))).diagnostics)
    assert len(KINDS) == 12
    assert counted.planted > 800
    assert counted.share >= 0.995, counted.missed[:5]
    assert counted.secondary_per_file <= 0.1, counted.surplus[:5]
