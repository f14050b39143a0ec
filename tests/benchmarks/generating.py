"""A seeded project of a size: flat steps as teams write them, and workspaces that lie over them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Final

__all__ = ["Size", "flat_step", "generate", "nested_step", "write_project"]

TEAMS: Final = (
    "Fraud", "Credit", "Search", "Pricing", "Demand", "Churn",
    "Catalog", "Returns", "Fleet", "Ads", "Claims", "Supply",
)  # fmt: skip
STAGES: Final = (
    "Loading", "Cleaning", "Joining", "Encoding", "Training",
    "Tuning", "Evaluation", "Calibration", "Scoring", "Packaging",
)  # fmt: skip
ENTITIES: Final = (
    "Order", "Customer", "Merchant", "Device", "Session", "Payment", "Basket", "Review", "Invoice", "Parcel",
    "Seller", "Product", "Coupon", "Address", "Refund", "Contract", "Route", "Click", "Offer", "Account",
)  # fmt: skip
SLICES: Final = (
    "Daily", "Weekly", "Hourly", "Regional", "Global", "Mobile", "Wholesale", "Partner", "Seasonal", "Cohort",
)  # fmt: skip
TYPES: Final = {
    "Training": "Training",
    "Tuning": "Tuning",
    "Scoring": "Transform",
    "Packaging": "CreateModel",
}
FRAMEWORKS: Final = ("pytorch", "tensorflow", "xgboost", "sklearn", "pandas", "numpy")
ENVIRONMENTS: Final = ("[production, cpu]", "[production, gpu]", "[staging, cpu]", "[production, staging]")
TAGS: Final = (
    "batch",
    "streaming",
    "spot-instances",
    "sagemaker-pipelines",
    "vpc-only",
    "multi-region",
    "encrypted",
)
STRATEGIES: Final = ("workspace_priority", "framework_match", "environment_match", "priority_based")

CONFIGURATION: Final = """\
schema_version = 1

[vocabulary]
sagemaker_step_types = ["Processing", "Training", "Tuning", "Transform", "CreateModel"]
frameworks = ["pytorch", "tensorflow", "xgboost", "sklearn", "pandas", "numpy"]

[[freeze]]
output = "step_names.py"
"""

Writer = Callable[[random.Random, str, str, str], str]
"""Writes the definition of a step: randomness, its name, its team and its stage to the text."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much there is.

    Args:
        steps: core steps.
        folders: folders that hold them; at the most 120.
        workspaces: workspaces.
        local: local files of each.
        hiding: how many of those hide a step of the core.
        override: override files of each.
    """

    steps: int
    folders: int = 120
    workspaces: int = 0
    local: int = 0
    hiding: int = 0
    override: int = 0

    @property
    def files(self) -> int:
        """Every definition, and the ``workspace.yaml`` of each workspace."""
        return self.steps + self.workspaces * (self.local + self.override + 1)


def generate(root: Path, size: Size, seed: int, write_step: Writer) -> None:
    """Write a project into a new folder; equal seeds write equal bytes.

    Args:
        root: the folder.
        size: how much.
        seed: of the randomness.
        write_step: returns the text of each complete definition.
    """
    randomness = random.Random(seed)  # noqa: S311 - nothing here is a secret
    homes = [(team, stage) for stage in STAGES for team in TEAMS][: size.folders]
    words = list(product(SLICES, ENTITIES))
    randomness.shuffle(words)
    core = [_placed(homes, words, number) for number in range(size.steps)]
    write_project(root, {})
    for team, stage in homes[: size.steps]:
        (root / "registry.d" / "steps" / team.lower() / stage.lower()).mkdir(parents=True)
    for name, team, stage in core:
        path = root / "registry.d" / "steps" / team.lower() / stage.lower() / f"{_stem(name)}.yaml"
        _write(path, write_step(randomness, name, team, stage))
    for number in range(size.workspaces):
        _generate_workspace(root, f"dev{number:03d}", size, core, randomness, write_step)


def write_project(root: Path, files: dict[str, str]) -> None:
    """Write a project of given files beside its configuration."""
    for path, text in {"stepwell.toml": CONFIGURATION, **files}.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        _write(root / path, text)


def _generate_workspace(
    root: Path,
    workspace: str,
    size: Size,
    core: Sequence[tuple[str, str, str]],
    randomness: random.Random,
    write_step: Writer,
) -> None:
    folder = root / "workspaces" / workspace
    team = randomness.choice(TEAMS)
    files = {"workspace.yaml": _workspace_file(randomness, workspace, team)}
    chosen = randomness.sample(core, size.hiding + size.override)
    stage = STAGES[len(workspace) % len(STAGES)]
    own = [f"{team}{workspace.capitalize()}{word}{stage}" for word in _pairs(size.local - size.hiding)]
    for name, its_team, its_stage in [*chosen[: size.hiding], *((name, team, stage) for name in own)]:
        files[f"local/steps/{_stem(name)}.yaml"] = write_step(randomness, name, its_team, its_stage)
    for name, _, _ in chosen[size.hiding :]:
        files[f"override/steps/{_stem(name)}.yaml"] = _override(randomness, name, workspace)
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        _write(folder / path, text)


def flat_step(randomness: random.Random, name: str, team: str, stage: str) -> str:
    """A flat definition of about 18 lines."""
    return "".join(f"{line}\n" for line in _lines(randomness, name, team, stage))


def nested_step(randomness: random.Random, name: str, team: str, stage: str) -> str:
    """The same with a mapping in it, so that the reader of flat documents leaves it to libyaml."""
    lines = [*_lines(randomness, name, team, stage), "deprecated:", '  since: "1.4"', "  note: To be merged."]
    return "".join(f"{line}\n" for line in lines)


def _lines(randomness: random.Random, name: str, team: str, stage: str) -> Iterator[str]:
    often = randomness.random
    yield "# yaml-language-server: $schema=../../../../schemas/step.schema.json"
    yield f"name: {name}"
    yield f"sagemaker_step_type: {TYPES.get(stage, 'Processing')}"
    about = " ".join(_stem(name).split("_")[1:-1])
    yield f"description: {stage} of the {about} data that the {team.lower()} team owns."
    yield f"framework: {randomness.choice(FRAMEWORKS)}"
    if often() < 0.7:
        yield "# stated because the classes are older than the conventions"
        yield f"config_class: {name}Settings"
        yield f"builder_step_name: {name}Builder"
        yield f"spec_type: {name}Spec"
    yield f"priority: {randomness.randrange(0, 1000, 5)}"
    yield f"environment_tags: {randomness.choice(ENVIRONMENTS)}"
    yield "compatibility_tags:"
    for tag in randomness.sample(TAGS, randomness.randint(2, 4)):
        yield f"  - {tag}"
    yield f"conflict_resolution_strategy: {randomness.choice(STRATEGIES)}"
    if often() < 0.5:
        yield f"aliases: [Old{name}]"
    yield ""
    yield f"x-team: {team.lower()}"
    yield f'x-ticket: "{team[:3].upper()}-{randomness.randrange(10_000)}"'


def _override(randomness: random.Random, name: str, workspace: str) -> str:
    lines = [
        "# yaml-language-server: $schema=../../../../schemas/step-override.schema.json",
        f"name: {name}",
        f"priority: {randomness.randrange(1, 1000, 5)}",  # no core step has an odd one out of fives
        f"builder_step_name: {workspace.capitalize()}{name}Builder",
    ]
    if randomness.random() < 0.5:
        lines.append("environment_tags: [development, gpu]")
    if randomness.random() < 0.3:
        lines.append(f"config_class: {workspace.capitalize()}{name}Settings")
    return "".join(f"{line}\n" for line in lines)


def _workspace_file(randomness: random.Random, workspace: str, team: str) -> str:
    return (
        f"developer_id: {workspace}\n"
        'version: "1.0.0"\n'
        f"description: What the {team.lower()} team tries out.\n"
        f"preferred_frameworks: [{randomness.choice(FRAMEWORKS)}]\n"
        "conflict_tolerance: high\n"
    )


def _placed(
    homes: Sequence[tuple[str, str]], words: Sequence[tuple[str, str]], number: int
) -> tuple[str, str, str]:
    team, stage = homes[number % len(homes)]
    first, second = words[number // len(homes) % len(words)]
    again = number // len(homes) // len(words)
    return f"{team}{first}{second}{'Again' * again}{stage}", team, stage


def _pairs(count: int) -> list[str]:
    return [f"{first}{second}" for first, second in product(SLICES, ENTITIES)][:count]


def _stem(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")
