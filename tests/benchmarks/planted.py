"""Definition files with planted mistakes, to count the mistakes that the first check reports."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

__all__ = ["CONFIG", "KINDS", "Counted", "PlantedFile", "count", "plant", "project_of"]

CONFIG: Final = """\
[vocabulary]
frameworks = ["pytorch", "xgboost"]
capabilities = ["text", "vision"]
environment_tags = ["development", "production"]
"""


class PlantedFile(NamedTuple):
    """One file with mistakes.

    Args:
        expected: rule id and line of each mistake.
    """

    path: str
    text: str
    expected: tuple[tuple[str, int], ...]


KINDS: Final[Mapping[str, tuple[str, str]]] = {
    "misspelt field": ("unknown-field", "dscription_: Another text."),
    "number out of range": ("out-of-range", "priority: 2000"),
    "framework outside the vocabulary": ("not-in-vocabulary", "framework: pytroch"),
    "capability outside the vocabulary": ("not-in-vocabulary", "capabilities: [text, vison]"),
    "tag outside the vocabulary": ("not-in-vocabulary", "environment_tags: [developmnt]"),
    "colliding alias": ("alias-collision", "aliases: [Taken]"),
    "missing replacement": (
        "unknown-replacement",
        'deprecated: {since: "1.4", replaced_by: Nowhere}',
    ),
    "wrong type": ("wrong-type", "timeout: soon"),
    "value outside an enumeration": ("not-in-vocabulary", "conflict_resolution_strategy: framwork"),
    "duplicate key": ("duplicate-key", "x-note: 1\nx-note: 2"),
    "tag of YAML": ("tag", "x-tagged: !!python/tuple [1]"),
    "empty specification type": ("wrong-form", 'spec_type: ""'),
}
"""Kind of mistake to the rule that reports it, and to the lines that make it; the last line is at fault."""


def plant(number: int, rng: random.Random) -> PlantedFile:
    """Return a file with one to eight mistakes, each of another kind, in a random order."""
    chosen = rng.sample(sorted(KINDS), rng.randint(1, 8))
    lines = [f"name: Step{number}", "description: Count the rows of a table."]
    expected: list[tuple[str, int]] = []
    for kind in chosen:
        rule, text = KINDS[kind]
        lines += text.split("\n")
        expected.append((rule, len(lines)))
    return PlantedFile(f"registry.d/steps/step{number}.yaml", "\n".join(lines) + "\n", tuple(expected))


def project_of(planted: Iterable[PlantedFile]) -> dict[str, str]:
    """Return the files of a project: steps with mistakes, pipelines that use them, and overrides."""
    files = {
        "stepwell.toml": CONFIG,
        "registry.d/steps/taken.yaml": "name: Taken\ndescription: Hold a name.\n",
    }
    for number, one in enumerate(planted):
        files[one.path] = one.text
        files[f"registry.d/pipelines/use{number}.yaml"] = (
            f"name: Use{number}\ndescription: Use a step.\nsteps: [{{id: only, step: Step{number}}}]\n"
        )
        if number % 10 == 0:
            files[f"workspaces/alice/override/steps/step{number}.yaml"] = f"name: Step{number}\npriority: 7\n"
    return files


@dataclass(frozen=True, slots=True)
class Counted:
    """How many mistakes the first check reports, and how many findings are about no mistake."""

    files: int
    planted: int
    reported: int
    secondary: int
    missed: tuple[tuple[str, str, int], ...]
    surplus: tuple[tuple[str, str, int], ...]

    @property
    def share(self) -> float:
        """Reported mistakes of those planted, from 0 to 1."""
        return self.reported / self.planted

    @property
    def secondary_per_file(self) -> float:
        """Findings about no mistake, for each file."""
        return self.secondary / self.files


def count(files: Iterable[PlantedFile], findings: Iterable[Any]) -> Counted:
    """Compare findings with the mistakes that were planted."""
    planted = list(files)
    expected = {(rule, one.path, line) for one in planted for rule, line in one.expected}
    found = [(one.id, one.span.path, one.span.line) for one in findings if one.span is not None]
    surplus = tuple(_surplus(expected, found))
    reported = expected & set(found)
    missed = tuple(sorted(expected - reported))
    return Counted(len(planted), len(expected), len(reported), len(surplus), missed, surplus)


def _surplus(
    expected: set[tuple[str, str, int]], found: Iterable[tuple[str, str, int]]
) -> Iterator[tuple[str, str, int]]:
    seen: set[tuple[str, str, int]] = set()
    for finding in found:
        if finding not in expected or finding in seen:
            yield finding
        seen.add(finding)
