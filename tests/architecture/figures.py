"""The figures of the structure, measured on src; ``--check`` fails where one is over its limit."""

from __future__ import annotations

import ast
import configparser
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Final, NamedTuple

REPOSITORY: Final = Path(__file__).resolve().parents[2]

NAMED_FOR_A_THING: Final = {
    "accepted": "breaks that a team accepted, as the file accepted-breaks.yaml calls them",
    "dangling_setting": "a rule, named after its id",
    "declared": "components that a definition declares, beside those that are found",
    "introduced": "findings that a change introduces, as `check --since` reports them",
    "mapping": "a noun: the type of Python",
    "missing_setting": "a rule, named after its id",
    "override_changes_nothing": "a rule, named after its id",
    "spelling": "a noun: the nearest existing name",
    "staged": "git's own term",
    "testing": "the public import path of the contract suites",
    "unknown_setting": "a rule, named after its id",
    "wiring": "a noun: which output goes to which input",
    "wording": "a noun: counted words, and the sentences of a comparison",
}
"""Modules whose name ends like a verb's form, each with the reason."""

FORBIDDEN: Final = ("manager", "utils", "helpers", "adapter", "base", "common", "core", "misc")
"""Words that no module may be called by (the rules of the house)."""

CRUMB: Final = 100
"""A module with fewer lines and a single importer is a fragment of that importer."""


class Figure(NamedTuple):
    """One figure.

    Args:
        name: its name.
        value: as measured.
        limit: the largest value that is accepted.
        found: what it counts, for a reader who has to bring it down.
    """

    name: str
    value: int
    limit: int
    found: tuple[str, ...] = ()


class Package:
    """The modules of a package and what they import.

    Args:
        src: the folder that holds the package ``stepwell``.
    """

    def __init__(self, src: Path) -> None:
        self._src = src
        self.paths = {
            ".".join(path.relative_to(src).with_suffix("").parts).removesuffix(".__init__"): path
            for path in sorted((src / "stepwell").rglob("*.py"))
            if "templates" not in path.parts
        }

    @cached_property
    def trees(self) -> dict[str, ast.Module]:
        """The syntax tree of every module."""
        return {name: ast.parse(path.read_bytes()) for name, path in self.paths.items()}

    def lines(self, name: str) -> int:
        """How many lines a module has."""
        return len(self.paths[name].read_bytes().splitlines())

    def imports(self, name: str) -> Iterator[str]:
        """The modules of the package that a module imports, wherever in it."""
        for node in ast.walk(self.trees[name]):
            if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
                for alias in node.names:
                    full = f"{node.module}.{alias.name}"
                    yield full if full in self.paths else node.module
            elif isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)

    @cached_property
    def importers(self) -> dict[str, set[str]]:
        """Who imports each module."""
        found: dict[str, set[str]] = defaultdict(set)
        for name in self.paths:
            for imported in self.imports(name):
                if imported in self.paths and imported != name:
                    found[imported].add(name)
        return found


def figures(repository: Path = REPOSITORY) -> tuple[Figure, ...]:
    """Every figure of a checkout."""
    package = Package(repository / "src")
    names = list(package.paths)
    loose = [
        one
        for one in names
        if re.fullmatch(r"stepwell\.\w+", one) and package.paths[one].name != "__init__.py"
    ]
    loose = [one for one in loose if one not in {"stepwell.__main__", "stepwell.version"}]
    last = {one: one.rpartition(".")[2] for one in names}
    gerunds = [
        one
        for one, word in last.items()
        if re.search(r"(ing|ed|given|held|shown)$", word) and word not in NAMED_FOR_A_THING
    ]
    rules = {one for one in names if re.fullmatch(r"stepwell\.check\.\w+\.\w+", one)}  # named by their ids
    forbidden = [one for one in names if one not in rules and set(last[one].split("_")) & set(FORBIDDEN)]
    classes: dict[str, list[str]] = defaultdict(list)
    for one, tree in package.trees.items():
        for node in tree.body:
            if isinstance(node, ast.ClassDef):
                classes[node.name].append(one)
    twice = [f"{name}: {', '.join(where)}" for name, where in sorted(classes.items()) if len(where) > 1]
    crumbs = [one for one in names if _is_crumb(package, one)]
    broad = [
        f"{one}:{node.lineno}"
        for one, tree in package.trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler) and _is_broad(node.type)
    ]
    layers, ignored = _contract(repository)
    return (
        Figure("loose modules besides __init__, __main__ and version", len(loose), 0, tuple(loose)),
        Figure("layers of packages", layers, 9),
        Figure("ignored imports", ignored, 0),
        Figure("modules", len(names), MODULES),
        Figure(f"modules under {CRUMB} lines with a single importer", len(crumbs), CRUMBS, tuple(crumbs)),
        Figure("class names that occur twice", len(twice), 0, tuple(twice)),
        Figure("modules named by a form of a verb", len(gerunds), 0, tuple(gerunds)),
        Figure("modules with a name that says nothing", len(forbidden), 0, tuple(forbidden)),
        Figure("broad excepts", len(broad), BROAD, tuple(broad)),
    )


MODULES: Final = 440
CRUMBS: Final = 20
BROAD: Final = 15


def _is_crumb(package: Package, name: str) -> bool:
    """Whether a module is a fragment of its only importer; rules, commands and extension points are none."""
    parts = name.split(".")
    if package.paths[name].name == "__init__.py" or len(package.importers[name]) != 1:
        return False
    is_rule = parts[1] == "check" and len(parts) == 4
    return not is_rule and package.lines(name) < CRUMB


def _is_broad(kind: ast.expr | None) -> bool:
    kinds = kind.elts if isinstance(kind, ast.Tuple) else [kind]
    return any(
        one is None or (isinstance(one, ast.Name) and one.id in {"Exception", "BaseException"})
        for one in kinds
    )


def _contract(repository: Path) -> tuple[int, int]:
    """How many layers of packages there are, and how many imports the contracts ignore."""
    parser = configparser.ConfigParser()
    parser.read(repository / ".importlinter", encoding="utf-8")
    layers = parser["importlinter:contract:column"]["layers"].split("\n")
    edges = {"", "__main__", "version", "legacy | testing"}
    ignored = sum(len(section.get("ignore_imports", "").split()) for section in parser.values())
    return len([one for one in layers if one.strip() not in edges]), ignored


def main(arguments: list[str]) -> int:
    """Print the figures; with ``--check`` only those over their limits."""
    measured = figures()
    over = [one for one in measured if one.value > one.limit]
    if "--check" not in arguments:
        for one in measured:
            sys.stdout.write(f"{one.value:>5} (at most {one.limit}) {one.name}\n")
    for one in over:
        listed = "".join(f"\n    {each}" for each in one.found)
        sys.stderr.write(f"{one.name}: {one.value}, at most {one.limit}{listed}\n")
    return int(bool(over))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
