"""What one file states is no definition: the type checker keeps it away from what takes resolved ones."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from stepwell.model import KINDS, AuthoredDefinition, StepDefinition
from stepwell.model.layer import Layer, Source
from stepwell.source.document import Document
from stepwell.source.read import read_text

REPOSITORY = Path(__file__).resolve().parents[2]
GIVEN = """\
from stepwell.write.freeze.tables import rows_of
from stepwell.model.graph import Node
from stepwell.resolve.table import LayeredTable
from stepwell.resolve.layers import Table
from stepwell.model import AuthoredDefinition
from stepwell.resolve.view import Code, View


def pass_on(authored: AuthoredDefinition, code: Code, view: View) -> None:
    Node("one", "One", definition=authored)
    code.implementation(authored)
    LayeredTable({"One": authored}, None, ())
    rows_of({"One": authored})
    table: Table = {"One": authored}
    authored.config_class
"""


def authored(text: str, layer: Layer) -> AuthoredDefinition:
    document = read_text("one.yaml", text.encode())
    assert isinstance(document, Document)
    return AuthoredDefinition(KINDS["steps"], Source(layer, None, document))


def test_the_type_checker_rejects_an_authored_definition_where_a_resolved_one_is_due(tmp_path: Path) -> None:
    (tmp_path / "given.py").write_text(GIVEN, encoding="utf-8")
    ran = subprocess.run(
        [
            *(sys.executable, "-m", "mypy", "--strict", "--no-pretty", "--follow-imports=silent"),
            *("--cache-dir", str(REPOSITORY / ".mypy_cache"), "given.py"),
        ],
        cwd=tmp_path,
        env={**os.environ, "MYPYPATH": str(REPOSITORY / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    rejected = [line.split(":")[1] for line in ran.stdout.splitlines() if ": error: " in line]
    calls = [str(at) for at, line in enumerate(GIVEN.splitlines(), 1) if "authored" in line and at > 9]
    assert sorted({*rejected}) == calls, ran.stdout + ran.stderr


def test_a_complete_definition_needs_no_base_and_is_always_the_same_object() -> None:
    one = authored("name: One\ndescription: Do.\nsagemaker_step_type: Base\n", Layer.LOCAL)
    step = one.standalone()
    assert isinstance(step, StepDefinition)
    assert step is one.standalone()
    assert step.config_class == "OneConfig"
    assert "config_class" not in one.data


def test_an_override_makes_no_definition_by_itself() -> None:
    assert authored("name: One\npriority: 7\n", Layer.OVERRIDE).standalone() is None
