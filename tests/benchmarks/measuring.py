"""Fresh processes, interleaved pairs, and the medians that come of them."""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

__all__ = ["Measured", "Pairs", "interleaved", "paired", "probe", "run_fresh"]

NO_CACHE: Final[Mapping[str, str]] = {"STEPWELL_CACHE_DIR": ""}
_PROBES: Final = Path(__file__).with_name("probes.py")
_OF_THE_USER: Final = ("STEPWELL_", "CURSUS_", "PYTHON")


@dataclass(frozen=True, slots=True)
class Measured:
    """One process from its start to its end.

    Args:
        wall: seconds on the clock.
        cpu: seconds of the processor, in user and system mode.
        output: what it wrote on standard output.
    """

    wall: float
    cpu: float
    output: str


@dataclass(frozen=True, slots=True)
class Pairs:
    """Two ways of doing one thing, measured by turns.

    Args:
        ours: what Stepwell took, in seconds or bytes.
        theirs: what the other way took, in the same unit, one for each of ours.
    """

    ours: tuple[float, ...]
    theirs: tuple[float, ...]

    @property
    def middle(self) -> tuple[float, float]:
        """The medians of both."""
        return statistics.median(self.ours), statistics.median(self.theirs)

    @property
    def ratios(self) -> tuple[float, ...]:
        """Theirs to ours of each pair: above 1 where Stepwell is quicker."""
        return tuple(their / our for our, their in zip(self.ours, self.theirs, strict=True))


def run_fresh(
    command: Sequence[str], cwd: Path | None = None, variables: Mapping[str, str] = NO_CACHE
) -> Measured:
    """Run a command in a separate process, without the user's settings.

    Args:
        variables: of the environment; by default, loads are not cached.

    Raises:
        RuntimeError: it did not end with exit code 0.
    """
    own = {key: value for key, value in os.environ.items() if not key.startswith(_OF_THE_USER)}
    environment = {**own, **variables}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    done = subprocess.run(
        command, cwd=cwd, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    wall = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        shown = done.stderr.decode("utf-8", "replace") or done.stdout.decode("utf-8", "replace")
        raise RuntimeError(f"{' '.join(command[:6])} ended with {done.returncode}:\n{shown[-2000:]}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Measured(wall, cpu, done.stdout.decode("utf-8"))


def probe(name: str, *arguments: object) -> tuple[Measured, Any]:
    """Run one function of ``probes.py`` in a fresh process; also return its answer."""
    measured = run_fresh([sys.executable, str(_PROBES), name, *map(str, arguments)])
    return measured, json.loads(measured.output)


def interleaved(rounds: int, ours: Callable[[], Any], theirs: Callable[[], Any]) -> list[tuple[Any, Any]]:
    """Call two functions by turns, after one call of each that does not count."""
    ours()
    theirs()
    return [(ours(), theirs()) for _ in range(rounds)]


def paired(results: Sequence[tuple[Any, Any]], of: Callable[[Any], float] = float) -> Pairs:
    """Pairs of results of ``interleaved``.

    Args:
        results: one result of each way, for each round.
        of: the figure in a result.
    """
    return Pairs(tuple(of(ours) for ours, _ in results), tuple(of(theirs) for _, theirs in results))
