"""Every id has a page, and what the pages show as passing and failing passes and fails."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from tests.ai_steps import EXAMPLES, registry_of, site
from tests.warm_python import commands

import stepwell
from stepwell.check.catalog import FIXED_PAGES, RULES, page_of
from stepwell.code.alignment import align, every_finding
from stepwell.code.references import check_references, source_folders
from stepwell.model.graph import link
from stepwell.resolve.pipelines import findings_in
from stepwell.run.workflows.check import check_workflow
from stepwell.source.python import index_sources

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Project = Callable[[Mapping[str, "str | bytes"]], Path]

SOURCE = Path(__file__).resolve().parents[2] / "src" / "stepwell"
PAGES = {rule_id: page_of(rule_id) or "" for rule_id in (*RULES, *FIXED_PAGES)}
EXAMPLE = re.compile(r"^(Passes|Fails):\n\n((?:(?: {4}.*)?\n)+)", re.MULTILINE)
EXAMPLE_FILE = re.compile(r"^# (\S+/\S+|\S+\.\w+)\n", re.MULTILINE)
EXAMPLE_COMMAND = re.compile(r"^\$ ", re.MULTILINE)

GIVES_AN_ID = {
    "Diagnostic": 0,
    "Unreadable": 0,
    "_at_key": 0,
    "_at_value": 0,
    "_record_fault": 0,
    "_rejected": 1,
    "_remark_on": 0,
    "fail": 0,
    "finding_at": 0,
    "note": 0,
}
"""Functions that make a finding, and which of their arguments is its id."""
PASSED_ON = {
    "unread['id']",
    "error.rule",
    "fault.id",
    "rejected.id",
    "rule",
    "rule.id",
    "text.id",
    "effect.id",
}
"""Where such an argument is not written out: the id comes from another of these calls, or from a rule."""


class Example(NamedTuple):
    """Files by path, and the commands that a reader types; without one, the project is opened."""

    files: dict[str, str]
    commands: list[str]


def examples(page: str) -> dict[str, Example]:
    return {kind: example(textwrap.dedent(body)) for kind, body in EXAMPLE.findall(page + "\n")}


def example(text: str) -> Example:
    content, *commands = EXAMPLE_COMMAND.split(text)
    before, *parts = EXAMPLE_FILE.split(content)
    assert not before.strip(), f"no `# path` line precedes {before}"
    contents = (f"{part.strip()}\n" for part in parts[1::2])
    return Example(dict(zip(parts[::2], contents, strict=True)), commands)


EXAMPLES_OF_PAGES = [
    pytest.param(
        rule_id, kind, part, marks=[pytest.mark.slow] if part.commands else [], id=f"{rule_id}-{kind}"
    )
    for rule_id, page in PAGES.items()
    for kind, part in examples(page).items()
]


def ids_found(root: Path) -> set[str]:
    registry = stepwell.open(root)
    found = registry.diagnostics
    if registry.project.settings.references is not None:
        folders = source_folders(registry.project, registry.workspaces)
        index = index_sources(registry.project.root, folders)
        found = (*found, *check_references(registry.project, registry.snapshot, index))
    if any(step.interface is not None for step in registry.view().values()):
        views = (registry.view(), *map(registry.view, registry.workspaces))
        aligned = align(registry.project, registry.snapshot, registry.code.index(), views)
        found = (*found, *every_finding(registry.project, aligned, judge_ignores=True))
    views = {None: registry.view(None), **{one: registry.view(one) for one in registry.workspaces}}
    for view in views.values():
        for definition in view.pipelines.values():
            linked = link(view, definition, registry.among)
            found = (*found, *findings_in(registry.project.settings, linked, views))
    for path in sorted(root.glob("flows/*.yaml")):
        view = registry_of(EXAMPLES).view(None)
        found = (*found, *check_workflow(str(root), f"flows/{path.name}", view, str(root)).diagnostics)
    return {one.id for one in found}


def ids_in_source() -> set[str]:
    """Every id that is written in a call that makes a finding."""
    ids = set()
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            if ast.unparse(node.func) == "pytest.fail":
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name not in GIVES_AN_ID:
                continue
            argument = node.args[GIVES_AN_ID[name]]
            if isinstance(argument, ast.Constant):
                ids.add(argument.value)
            else:
                assert ast.unparse(argument) in PASSED_ON, f"{path.name}:{node.lineno} {ast.unparse(node)}"
    return ids


@pytest.mark.slow
def test_every_rule_id_in_the_source_has_a_page_and_no_page_is_unused() -> None:
    given = ids_in_source()
    assert given - set(RULES) == set(FIXED_PAGES)
    assert {"duplicate-key", "missing-field", "too-large", "misplaced-file", "unknown-rule"} < given


def test_an_id_has_one_page() -> None:
    assert set(RULES) & set(FIXED_PAGES) == set()


@pytest.mark.parametrize("rule_id", PAGES)
def test_a_page_is_a_sentence_then_a_text_then_examples(rule_id: str) -> None:
    summary, blank, body = PAGES[rule_id].split("\n", 2)
    assert summary.endswith(".")
    assert len(summary) <= 100
    assert blank == ""
    assert body.strip()
    assert list(examples(PAGES[rule_id])) == ["Passes", "Fails"]


@pytest.mark.parametrize(("rule_id", "kind", "shown"), EXAMPLES_OF_PAGES)
def test_passing_examples_of_pages_have_no_findings_and_failing_ones_have_theirs(
    rule_id: str, kind: str, shown: Example, project: Project, environment: Mapping[str, str], tmp_path: Path
) -> None:
    root = project(shown.files)
    if not shown.commands:
        assert ids_found(root) == ({rule_id} if kind == "Fails" else set())
        return
    output = printed(root, shown, environment, tmp_path)
    assert "internal error" not in output
    assert bool(re.search(rf"(?<![\w-]){rule_id}(?![\w-])", output)) == (kind == "Fails"), output
    assert kind == "Fails" or "error" not in output, output


def printed(root: Path, shown: Example, environment: Mapping[str, str], tmp_path: Path) -> str:
    """Type the commands of an example, and return their output."""
    path = os.pathsep.join([commands(), str(Path(sys.executable).parent), environment["PATH"]])
    with_pack = {"PYTHONPATH": str(site(tmp_path / "site"))} if (root / "flows").exists() else {}
    script = "".join(shown.commands)
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=root,
        env={**environment, **with_pack, "PATH": path},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=120,
        check=False,
    )
    return done.stdout.decode()
