"""``stepwell schema``: the schemas as they are shipped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from jsonschema import Draft202012Validator

if TYPE_CHECKING:
    from tests.conftest import Project, RunStepwell

pytestmark = pytest.mark.slow

FOLDER = Path(__file__).resolve().parents[2] / "schemas"
NAMES = sorted(path.name.removesuffix(".schema.json") for path in FOLDER.iterdir())


def test_all_are_listed_outside_any_project(run_stepwell: RunStepwell, tmp_path: Path) -> None:
    ran = run_stepwell("schema", cwd=tmp_path)
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert ran.stdout.split("\n") == [*NAMES, ""]
    assert set(NAMES) >= {"step", "step-override", "hyperparameter", "workspace", "project", "diagnostics"}


@pytest.mark.parametrize("name", NAMES)
def test_each_is_printed_byte_for_byte(run_stepwell: RunStepwell, tmp_path: Path, name: str) -> None:
    ran = run_stepwell("schema", name, cwd=tmp_path)
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert ran.stdout.encode() == (FOLDER / f"{name}.schema.json").read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_each_names_itself_and_is_described(name: str) -> None:
    schema = json.loads((FOLDER / f"{name}.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"] == f"https://stepwell.dev/schemas/1/{name}.schema.json"
    assert schema["title"].startswith("Stepwell ")
    assert schema["description"].endswith(".")
    validator = Draft202012Validator(schema)
    for example in schema.get("examples", ()):
        assert list(validator.iter_errors(example)) == []


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("output-")])
def test_every_field_of_an_output_is_described_and_shown(name: str) -> None:
    schema = json.loads((FOLDER / f"{name}.schema.json").read_text(encoding="utf-8"))
    assert schema["examples"]
    fields = [
        (path, field)
        for path, holder in [("", schema), *schema.get("$defs", {}).items()]
        for path, field in ((f"{path}.{key}", field) for key, field in holder["properties"].items())
    ]
    assert len(fields) > 2
    assert [path for path, field in fields if not field["description"].endswith((".", "`", ";"))] == []
    assert [
        path
        for path, field in fields
        if not field.keys() & {"examples", "enum", "const", "$ref", "properties"}
    ] == []


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("stepp", "unknown schema `stepp` (did you mean `step`?)"),
        ("steps", "unknown schema `steps` (did you mean `step`?)"),
        ("../step", "unknown schema `../step` (run `stepwell schema` for a list)"),
        ("", "unknown schema `` (run `stepwell schema` for a list)"),
    ],
)
def test_an_unknown_kind_is_one_line(
    run_stepwell: RunStepwell, tmp_path: Path, kind: str, message: str
) -> None:
    ran = run_stepwell("schema", kind, cwd=tmp_path)
    assert (ran.exit_code, ran.stdout, ran.stderr) == (2, "", f"error: {message}\n")


@pytest.mark.parametrize("name", NAMES)
def test_on_a_console_without_unicode_it_is_the_same_schema(
    run_stepwell: RunStepwell, tmp_path: Path, name: str
) -> None:
    ran = run_stepwell("schema", name, cwd=tmp_path, env={"PYTHONIOENCODING": "ascii"})
    assert ran.stdout.isascii()
    assert json.loads(ran.stdout) == json.loads((FOLDER / f"{name}.schema.json").read_text(encoding="utf-8"))


STEP = "name: Load\ndescription: Load rows.\nframework: pandas\naliases: [Read]\n"
FILES = {
    "stepwell.toml": '[vocabulary]\nframeworks = ["pandas"]\nenvironment_tags = ["gpu"]\n',
    "registry.d/steps/load.yaml": STEP,
    "registry.d/pipelines/nightly.yaml": "name: Nightly\ndescription: Run.\nsteps: [{id: a, step: Load}]\n",
    "workspaces/alice/local/steps/fit.yaml": "name: Fit\ndescription: Fit.\n",
}
SETTINGS = {
    "helix": ".helix/languages.toml",
    "jetbrains": ".idea/jsonSchemas.xml",
    "neovim": ".nvim.lua",
    "vscode": ".vscode/settings.json",
    "zed": ".zed/settings.json",
}


@pytest.mark.parametrize("editor", SETTINGS)
def test_an_editor_gets_the_schemas_of_the_project_once(
    project: Project, run_stepwell: RunStepwell, editor: str
) -> None:
    root = project(FILES)
    ran = run_stepwell("schema", "--install", editor, "--dry-run", cwd=root)
    assert f"+++ b/{SETTINGS[editor]}\n" in ran.stdout
    assert not (root / ".stepwell/schemas").exists()
    assert f"wrote {SETTINGS[editor]}\n" in run_stepwell("schema", "--install", editor, cwd=root).stdout
    assert (root / ".stepwell/schemas/.gitignore").read_text() == "*\n"
    text = (root / SETTINGS[editor]).read_text()
    assert text.count(".stepwell/schemas/step-override.schema.json") == 1
    assert run_stepwell("schema", "--install", editor, cwd=root).stdout == "nothing to change\n"
    assert run_stepwell("check", "--quiet", cwd=root).stdout == ""


@pytest.mark.parametrize(
    ("name", "valid", "invalid"),
    [
        ("step", {"framework": "pandas"}, {"framework": "panda"}),
        ("step", {"environment_tags": ["gpu"]}, {"environment_tags": ["gpus"]}),
        ("step", {"deprecated": {"replaced_by": "Fit"}}, {"deprecated": {"replaced_by": "Fits"}}),
        ("step-override", {"framework": None}, {"framework": "panda"}),
        ("pipeline", {"steps": [{"id": "a", "step": "alice:Fit"}]}, {"steps": [{"id": "a", "step": 3}]}),
        ("workspace", {"preferred_frameworks": ["pandas"]}, {"preferred_frameworks": [3]}),
    ],
)
def test_installed_schemas_contain_the_vocabulary_and_the_names(
    project: Project,
    run_stepwell: RunStepwell,
    name: str,
    valid: dict[str, object],
    invalid: dict[str, object],
) -> None:
    root = project(FILES)
    run_stepwell("schema", "--install", "vscode", cwd=root)
    text = (root / f".stepwell/schemas/{name}.schema.json").read_text()
    validator = Draft202012Validator(json.loads(text))
    validator.check_schema(validator.schema)
    head = {} if name == "workspace" else {"name": "Load", "description": "Load."}
    assert list(validator.iter_errors({**head, **valid})) == []
    assert list(validator.iter_errors({**head, **invalid})) != []
    if name == "pipeline":
        assert validator.schema["properties"]["steps"]["items"]["properties"]["step"]["anyOf"][0] == {
            "enum": ["Fit", "Load", "Read"]
        }


def test_outdated_schemas_are_reported_until_they_are_installed_again(
    project: Project, run_stepwell: RunStepwell
) -> None:
    root = project(FILES)
    run_stepwell("schema", "--install", "vscode", cwd=root)
    (root / "registry.d/steps/sort.yaml").write_text("name: Sort\ndescription: Sort.\n")
    ran = run_stepwell("check", "--format", "concise", cwd=root)
    assert ".stepwell/schemas/step.schema.json:1:1: warning[outdated-editor-schema]" in ran.stdout
    assert ran.exit_code == 0
    run_stepwell("schema", "--install", "zed", cwd=root)
    assert run_stepwell("check", "--quiet", cwd=root).stdout == ""


VSCODE = (
    '// mine\r\n{\r\n\t"a": [1, 2,], /* x */\r\n'
    '\t"yaml.schemas": {\r\n\t\t"x.json": "*.x" // last\r\n\t},\r\n}\r\n'
)


@pytest.mark.parametrize(
    ("editor", "before", "kept"),
    [
        ("vscode", VSCODE, VSCODE.replace('"*.x" //', '"*.x", //').split("\r\n")),
        ("vscode", '\ufeff{"a": 1}', ['{"a": 1']),
        ("vscode", '{"yaml.schemas": {"schemas/step.schema.json": ["own/**"]}}', ['": ["own/**"]']),
        ("vscode", " \n", []),
        ("zed", '{"lsp": {"yaml-language-server": {"x": 1}}}', ['{"lsp": {"yaml-language-server": {"x": 1']),
        ("helix", "# mine\n[[language]]\nname = 'yaml'\n", ["# mine", "[[language]]", "name = 'yaml'"]),
        ("helix", "language-server = {a = {command = 'a'}}  # b\n", ["# b", "command = 'a'"]),
        ("neovim", "vim.o.number = true", ["vim.o.number = true"]),
        (
            "jetbrains",
            '<project version="4">\n<component name="A">\n<map>\n<entry key="Mine"/>\n</map>\n</component>\n',
            ['<entry key="Mine"/>'],
        ),
    ],
)
def test_existing_settings_keep_their_entries_and_comments(
    project: Project, run_stepwell: RunStepwell, editor: str, before: str, kept: list[str]
) -> None:
    root = project({**FILES, SETTINGS[editor]: before})
    ran = run_stepwell("schema", "--install", editor, cwd=root)
    assert f"edited {SETTINGS[editor]}\n" in ran.stdout, ran.stderr
    after = (root / SETTINGS[editor]).read_bytes().decode()
    assert [part for part in kept if part not in after] == []
    assert ".stepwell/schemas/step.schema.json" in after
    assert ("\r\n" in after) == ("\r\n" in before)
    assert after.startswith("\ufeff") == before.startswith("\ufeff")
    assert run_stepwell("schema", "--install", editor, cwd=root).stdout == "nothing to change\n"


@pytest.mark.parametrize(
    ("editor", "before", "message"),
    [
        ("vscode", '{"a": [1', "the file is no JSON object; correct it first"),
        ("vscode", "[" * 5000, "the file is no JSON object"),
        ("vscode", '{"yaml.schemas": 3}', "add this to it by hand:\n{"),
        ("zed", '{"lsp": []}', "add this to it by hand:\n{"),
        ("helix", "a = [\n", "the file cannot be edited"),
        ("jetbrains", "<project/>", "the file has no map of schemas"),
        ("neovim", "\x00\xff", "nothing was written"),
    ],
)
def test_settings_that_cannot_be_edited_stay_as_they_are(
    project: Project, run_stepwell: RunStepwell, editor: str, before: str, message: str
) -> None:
    root = project(FILES)
    path = root / SETTINGS[editor]
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(before.encode("latin-1"))
    ran = run_stepwell("schema", "--install", editor, cwd=root)
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert message in ran.stderr
    assert path.read_bytes() == before.encode("latin-1")
    assert not (root / ".stepwell/schemas").exists()
