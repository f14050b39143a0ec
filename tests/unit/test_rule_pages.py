"""Every id has a page, and what the pages show as passing and failing passes and fails."""

from __future__ import annotations

import ast
import re
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.ai_steps import EXAMPLES, registry_of

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
EXAMPLE_FILE = re.compile(r"^# (\S+\.(?:ya?ml|toml|py))$", re.MULTILINE)

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

STEP = "name: Scoring\ndescription: Score a batch.\n"
NOT_WRITABLE: dict[str, tuple[str, bytes]] = {
    "binary-file": ("registry.d/steps/scoring.yaml", b"name: Scor\0ing\n"),
    "control-character": ("registry.d/steps/scoring.yaml", b'name: Scoring\ndescription: "\x07"\n'),
    "not-utf-8": ("registry.d/steps/scoring.yaml", b"name: Scoring\ndescription: caf\xe9\n"),
    "too-large": ("registry.d/steps/scoring.yaml", STEP.encode() + b"#" * 2**20),
}
"""Parts of a page that are only described."""
TOLD_BY_AN_IMPORT = {
    "changed-at-run-time",
    "exists-as-toml",
    "invalid-json",
    "invalid-python",
    "kept-as-own",
    "not-a-row",
    "not-carried",
    "not-literal",
    "not-proved",
    "nothing-to-import",
    "order-not-written",
    "override-becomes-local",
    "renamed-workspace",
    "repeated-key",
    "replaced-entry",
    "sources-differ",
    "unknown-table",
}
TOLD_OF_A_WORKFLOW = {
    "ignored-field",
    "unusable-path",
}
NO_FILE_SHOWS_IT = {
    "cannot-export",
    "ambiguous-resolution",
    "broken-template",
    "cannot-run",
    "leaves-workspace",
    "left-out",
    "lock-drift",
    "missing-data",
    "missing-package",
    "failed-builder",
    "failed-tests",
    "omitted-findings",
    "plugin-failed",
    "plugin-hidden",
    "refused-by-validator",
    "stale-acceptance",
    "outdated-editor-schema",
    "unfit-implementation",
    "unreadable-registry",
    "workspace-structure",
    *TOLD_BY_AN_IMPORT,
    *TOLD_OF_A_WORKFLOW,
}
NO_EXAMPLE = {*NOT_WRITABLE, *NO_FILE_SHOWS_IT, "unreadable-file"}


def examples(page: str) -> dict[str, dict[str, str]]:
    return {kind: files(textwrap.dedent(body)) for kind, body in EXAMPLE.findall(page + "\n")}


def files(example: str) -> dict[str, str]:
    before, *parts = EXAMPLE_FILE.split(example)
    assert not before.strip(), f"no `# path` line stands before: {before}"
    return {path: content[1:] for path, content in zip(parts[::2], parts[1::2], strict=True)}


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
    written = examples(PAGES[rule_id])
    assert set(written) >= ({"Fails"} if rule_id not in NO_EXAMPLE else set())
    if rule_id in RULES and rule_id not in NO_FILE_SHOWS_IT:
        assert set(written) == {"Passes", "Fails"}


@pytest.mark.parametrize("rule_id", [name for name in PAGES if "Passes" in examples(PAGES[name])])
def test_passing_examples_of_pages_have_no_findings(rule_id: str, project: Project) -> None:
    assert ids_found(project(examples(PAGES[rule_id])["Passes"])) == set()


@pytest.mark.parametrize("rule_id", [name for name in PAGES if "Fails" in examples(PAGES[name])])
def test_failing_examples_of_pages_have_the_finding(rule_id: str, project: Project) -> None:
    assert ids_found(project(examples(PAGES[rule_id])["Fails"])) == {rule_id}


@pytest.mark.parametrize("rule_id", NOT_WRITABLE)
def test_failures_that_pages_describe_have_the_finding(rule_id: str, project: Project) -> None:
    path, content = NOT_WRITABLE[rule_id]
    assert ids_found(project({path: content})) == {rule_id}


def test_a_link_that_leads_nowhere_is_unreadable(project: Project) -> None:
    root = project({"registry.d/steps/scoring.yaml": STEP})
    (root / "registry.d/steps/ranking.yaml").symlink_to("gone.yaml")
    assert ids_found(root) == {"unreadable-file"}
