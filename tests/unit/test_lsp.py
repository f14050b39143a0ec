"""``stepwell lsp``: findings, completions, hovers, locations and edits, also for unsaved text."""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
from collections.abc import Callable, Coroutine, Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from lsprotocol import types
from pygls.lsp.client import LanguageClient
from tests.stdio_client import connected

import stepwell
from stepwell.frontends.lsp import answers
from stepwell.frontends.lsp.cursor import Cursor, cursor_in
from stepwell.frontends.lsp.open_project import OpenProject
from stepwell.source.diagnostic import Diagnostic

if TYPE_CHECKING:
    from tests.conftest import Project, RunStepwell

LOAD = "registry.d/steps/load.yaml"
FIT = "registry.d/steps/fit.toml"
NIGHTLY = "registry.d/pipelines/nightly.yaml"
OVERRIDE = "workspaces/alice/override/steps/load.yaml"
NEW_OVERRIDE = "workspaces/alice/override/steps/fit.yaml"
FILES = {
    "stepwell.toml": (
        '[vocabulary]\nframeworks = ["pandas", "xgboost"]\n'
        'sagemaker_step_types = ["Processing", "Training"]\n'
        '[components]\nsource = ["src"]\n'
    ),
    LOAD: (
        "name: Load\ndescription: Load rows.\nsagemaker_step_type: Processing\naliases: [OldLoad]\n"
        "config_class: LoadConfig\ninterface:\n  outputs:\n    rows: {path: /opt/ml/processing/output/rows}\n"
    ),
    FIT: (
        'name = "Fit"\ndescription = "Fit a model."\nframework = "xgboost"\n'
        '[interface.inputs.rows]\npath = "/opt/ml/processing/input/rows"\ncompatible_sources = ["Load"]\n'
        '[deprecated]\nreplaced_by = "Load"\n'
    ),
    NIGHTLY: (
        "name: Nightly\ndescription: Train.\nparameters: {day: 1}\nsteps:\n"
        "  - id: load\n    step: Load\n    config: {day: '${day}'}\n"
        "  - id: fit\n    step: Fit\n    inputs:\n      rows: load.rows\n"
    ),
    OVERRIDE: "name: Load\nframework: pandas\n",
    "src/configs.py": "class Base: pass\n\n\nclass LoadConfig(Base): pass\n",
}


@pytest.fixture
def opened(project: Project) -> OpenProject:
    return OpenProject(str(project(FILES)), date(2026, 11, 1))


def place(text: str, mark: str = "|") -> tuple[str, int, int]:
    """The text without the mark, and the line and column of the mark, from 0."""
    before, _, after = text.partition(mark)
    return before + after, before.count("\n"), len(before) - before.rfind("\n") - 1


def shown(spans: Any) -> list[str]:
    return [f"{span.path}:{span.line}:{span.column}" for span in spans]


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("a.yaml", "name: A\nframework: xg|\n", Cursor((), "framework", "xg", frozenset({"name"}))),
        ("a.yaml", "name: A\nfra|\nowner: x\n", Cursor((), None, "fra", frozenset({"name", "owner"}))),
        ("a.yaml", "a:\n  b:\n    c: 1\n    |\n", Cursor(("a", "b"), None, "", frozenset({"c"}))),
        ("a.yaml", "steps:\n  - id: a\n    step: L|\n", Cursor(("steps", 0), "step", "L", frozenset({"id"}))),
        ("a.yaml", "steps:\n- id: a\n  st|\n", Cursor(("steps", 0), None, "st", frozenset({"id"}))),
        ("a.yaml", "aliases:\n  - F|\n", Cursor(("aliases", 0), None, "F")),
        ("a.yaml", "a: [B, C|]\n", Cursor(("a", 0), None, "C")),
        ("a.yaml", "a:\n  - {b: 1, c: D|}\n", Cursor(("a", 0), "c", "D", frozenset({"b", "c"}))),
        ("a.toml", 'a = 1\n[b.c]\nd = "e|"\n', Cursor(("b", "c"), "d", "e")),
        ("a.toml", "[[steps]]\nid = 1\nst|\n", Cursor(("steps", 0), None, "st", frozenset({"id"}))),
    ],
)
def test_the_position_of_typed_text_is_found(path: str, text: str, expected: Cursor) -> None:
    assert cursor_in(path, *place(text)) == expected


def test_nothing_is_completed_in_a_comment() -> None:
    assert cursor_in("a.yaml", *place("name: A # se|\n")) is None


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        (LOAD, "name: Load\nframework: |\n", ["pandas", "xgboost"]),
        (LOAD, "name: Load\nsagemaker_step_type: P|\n", ["Processing", "Training"]),
        (LOAD, "name: Load\ndeprecated:\n  replaced_by: |\n", ["Fit", "Load"]),
        (LOAD, "name: Load\nconfig_class: |\n", ["LoadConfig"]),
        (LOAD, "name: Load\ndeprecated:\n  |\n", ["note", "remove_after", "replaced_by", "since"]),
        (FIT, 'name = "Fit"\nframework = "|"\n', ["pandas", "xgboost"]),
        (FIT, 'name = "Fit"\n[deprecated]\nsince = "1"\n|\n', ["note", "remove_after", "replaced_by"]),
        (OVERRIDE, "name: |\n", ["Fit", "Load"]),
        (NIGHTLY, FILES[NIGHTLY].replace("step: Fit", "step: |"), ["Fit", "Load", "OldLoad"]),
        (NIGHTLY, FILES[NIGHTLY].replace("rows: load.rows", "rows: |"), ["${day}", "load.rows"]),
        (NIGHTLY, FILES[NIGHTLY].replace("'${day}'", "'${|'"), ["day"]),
        (NIGHTLY, FILES[NIGHTLY] + "  - id: late\n    depends_on: [|]\n", ["fit", "late", "load"]),
        ("workspaces/alice/workspace.yaml", "conflict_tolerance: |\n", ["high", "low", "medium"]),
    ],
)
def test_keys_and_values_are_completed(
    opened: OpenProject, path: str, text: str, expected: list[str]
) -> None:
    whole, line, column = place(text)
    opened.edit(path, whole)
    found = answers.complete(opened, path, whole, line, column)
    assert sorted(item.label for item in found) == expected


@pytest.mark.parametrize(
    ("path", "mark", "expected"),
    [
        (OVERRIDE, "name: Lo|ad", [f"{LOAD}:1:7"]),
        (FIT, 'replaced_by = "Lo|ad"', [f"{LOAD}:1:7"]),
        (FIT, 'sources = ["Lo|ad"', [f"{LOAD}:1:7"]),
        (NIGHTLY, "step: Fi|t", [f"{FIT}:1:8"]),
        (NIGHTLY, "rows: load.ro|ws", [f"{NIGHTLY}:5:9"]),
        (NIGHTLY, "'${da|y}'", [f"{NIGHTLY}:3:14"]),
        (LOAD, "config_class: LoadC|onfig", ["src/configs.py:4:7"]),
    ],
)
def test_names_lead_to_their_definition(
    opened: OpenProject, path: str, mark: str, expected: list[str]
) -> None:
    plain = mark.replace("|", "")
    assert FILES[path].count(plain) == 1
    whole, line, column = place(FILES[path].replace(plain, mark))
    assert shown(answers.definition_at(opened, path, whole, line, column)) == expected


def test_all_names_of_a_step_are_references(opened: OpenProject) -> None:
    whole, line, column = place(FILES[NIGHTLY].replace("step: Load", "step: Lo|ad"))
    found = shown(answers.references_at(opened, NIGHTLY, whole, line, column))
    expected = [
        f"{LOAD}:1:7",
        f"{OVERRIDE}:1:7",
        f"{NIGHTLY}:6:11",
        f"{FIT}:6:23",
        f"{FIT}:8:15",
        f"{LOAD}:4:11",
    ]
    assert sorted(found) == sorted(expected)


def test_a_hover_has_the_description_and_the_origin(opened: OpenProject) -> None:
    found = answers.hover_at(opened, OVERRIDE, FILES[OVERRIDE], 1, 2)
    assert found is not None
    assert "The framework of the step" in found.markdown
    assert f"In workspace alice: `pandas` from [{OVERRIDE}:2]" in found.markdown
    step = answers.hover_at(opened, NIGHTLY, FILES[NIGHTLY], 5, 11)
    assert step is not None
    assert "Load rows." in step.markdown
    assert "Overridden in `alice`" in step.markdown
    assert "Used by `Nightly`" in step.markdown


def test_a_renamed_step_leaves_a_clean_project(opened: OpenProject, run_stepwell: RunStepwell) -> None:
    root = Path(opened.root)
    before = run_stepwell("check", "--format", "json", cwd=root).stdout
    for path, content in answers.renamed(opened, "Load", "ReadRows").files.items():
        target = root / path
        if content is None:
            target.unlink()
        else:
            target.write_bytes(content)
    registry = stepwell.open(root)
    assert [item.id for item in registry.diagnostics] == [
        item["id"] for item in json.loads(before)["diagnostics"]
    ]
    assert registry.view("alice")["Load"].name == "ReadRows"
    assert registry.view("alice")["ReadRows"].framework == "pandas"


def test_a_fix_and_an_ignore_comment_are_offered(opened: OpenProject) -> None:
    opened.edit(LOAD, FILES[LOAD].replace("sagemaker_step_type", "sagemaker_step_typ"))
    (finding,) = (item for item in opened.findings()[LOAD] if item.id == "unknown-field")
    (fixed,) = answers.fixed(opened, [finding])
    assert fixed.fix is not None
    assert [edit.text for edit in fixed.fix.edits] == ["e"]
    opened.edit(LOAD, FILES[LOAD].replace("name: Load", "name: load_rows"))
    style = next(item for item in opened.findings()[LOAD] if item.id == "naming-style")
    edit = answers.ignored(opened, LOAD, style)
    assert edit is not None
    assert edit.text == "  # stepwell: ignore[naming-style]"


@pytest.mark.parametrize(
    ("path", "mark", "expected"),
    [
        (LOAD, "name", {"Deprecate `Load`": f"{LOAD}:10:9"}),
        (FIT, "framework", {"Override `framework` in workspace alice": f"{NEW_OVERRIDE}:2:12"}),
        (FIT, "[interface.inputs.rows]", {"Override `interface` in workspace alice": f"{NEW_OVERRIDE}:3:3"}),
        (LOAD, "description", {"Override `description` in workspace alice": f"{OVERRIDE}:2:14"}),
        (OVERRIDE, "framework", {}),
        (NIGHTLY, "steps", {}),
    ],
)
def test_a_step_offers_a_notice_and_overrides(
    opened: OpenProject, path: str, mark: str, expected: dict[str, str]
) -> None:
    line = FILES[path].split(mark)[0].count("\n")
    offers = {offer.title: offer for offer in answers.refactorings(opened, path, line)}
    chosen = {title: shown([offer.chosen])[0] for title, offer in offers.items()}
    assert expected.items() <= chosen.items()
    assert bool(chosen) == bool(expected)
    assert not any("Load` in" in title or "`name`" in title for title in chosen)
    for offer in offers.values():
        state = OpenProject(opened.root, date(2026, 11, 1))
        for file, content in offer.files.files.items():
            assert content is not None
            state.edit(file, content.decode())
        errors = [
            item for items in state.findings().values() for item in items if item.severity.value == "error"
        ]
        assert errors == []


def test_symbols_lenses_hints_and_parameters(opened: OpenProject) -> None:
    (symbol,) = answers.symbols_in(opened, LOAD)
    assert (symbol.name, [child.name for child in symbol.children][:2]) == ("Load", ["name", "description"])
    lens = answers.lens_of(opened, LOAD)
    assert lens is not None
    assert lens[0] == "1 workspace overrides this · used by 1 pipeline"
    hints = [text for text, _ in answers.conventions_of(opened, LOAD)]
    assert hints == ["builder_step_name: LoadStepBuilder", "spec_type: Load"]
    ((start, end),) = answers.parameters_in(opened, NIGHTLY, FILES[NIGHTLY])
    assert FILES[NIGHTLY][start:end] == "${day}"
    assert [name for name, _, _ in answers.named(opened, "oad")] == ["Load", "Load"]


def command_line(root: Path, run_stepwell: RunStepwell) -> dict[str, set[tuple[Any, ...]]]:
    """Findings of ``stepwell check`` by path."""
    ran = run_stepwell("check", "--format", "json", cwd=root)
    found: dict[str, set[tuple[Any, ...]]] = {}
    for item in json.loads(ran.stdout)["diagnostics"]:
        place = item["span"]
        if place is not None:
            key = (
                item["id"],
                item["severity"],
                item["message"],
                place["line"],
                place["column"],
                item.get("help"),
            )
            found.setdefault(place["path"], set()).add(key)
    return found


def of_server(found: Mapping[str, tuple[Diagnostic, ...]]) -> dict[str, set[tuple[Any, ...]]]:
    return {
        path: {
            (one.id, one.severity.value, one.message, one.span.line, one.span.column, one.help)
            for one in items
            if one.span is not None
        }
        for path, items in found.items()
    }


def mutated(text: str, rng: random.Random) -> str:
    """The text with one line changed, removed or doubled."""
    lines = text.splitlines(keepends=True)
    at = rng.randrange(len(lines))
    kind = rng.choice("vkdri")
    head, mark, tail = lines[at].partition(":")
    if kind == "v":
        lines[at] = f"{head}{mark} {rng.choice(['3', '[a]', 'null', 'Fi', '{a: 1}', '*x', 'a: b'])}\n"
    elif kind == "k":
        lines[at] = f"{head}x{mark}{tail}"
    elif kind == "d":
        lines[at : at + 1] = [lines[at], lines[at]]
    elif kind == "r":
        del lines[at]
    else:
        lines[at] = " " + lines[at]
    return "".join(lines)


@pytest.mark.slow
def test_findings_of_unsaved_texts_equal_those_of_the_command_line(
    project: Project, run_stepwell: RunStepwell
) -> None:
    root = project(FILES)
    opened = OpenProject(str(root), date.today())  # noqa: DTZ011 - as the command does
    rng = random.Random(7)  # noqa: S311 - no secret
    for _ in range(int(os.environ.get("STEPWELL_BUFFERS", "100"))):
        path = rng.choice([LOAD, FIT, NIGHTLY, OVERRIDE])
        text = mutated(FILES[path], rng)
        opened.edit(path, text)
        (root / path).write_text(text, encoding="utf-8")
        assert of_server(opened.findings()) == command_line(root, run_stepwell), text
        opened.edit(path, None)
        (root / path).write_text(FILES[path], encoding="utf-8")
        opened.refresh([path])


Act = Callable[[LanguageClient, dict[str, Any], asyncio.Event], Coroutine[Any, Any, None]]


def session(root: Path, environment: Mapping[str, str], act: Act) -> None:
    """Run a server and a client that is connected to it by pipes."""

    async def run() -> None:
        client = LanguageClient("test", "1")
        published: dict[str, Any] = {}
        news = asyncio.Event()

        @client.feature(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
        def receive(params: types.PublishDiagnosticsParams) -> None:
            published[params.uri] = params.diagnostics
            news.set()

        await client.start_io(sys.executable, "-m", "stepwell", "lsp", env=dict(environment), cwd=root)
        capabilities = types.ClientCapabilities()
        await client.initialize_async(types.InitializeParams(capabilities, root_uri=root.as_uri()))
        client.initialized(types.InitializedParams())
        await act(client, published, news)
        await client.shutdown_async(None)
        client.exit(None)
        await client.stop()

    asyncio.run(asyncio.wait_for(run(), 60))


def test_an_editor_gets_findings_while_typing_and_applies_a_fix(
    project: Project, environment: Mapping[str, str]
) -> None:
    root = project(FILES)
    uri = (root / LOAD).as_uri()

    async def act(client: LanguageClient, published: dict[str, Any], news: asyncio.Event) -> None:
        async def received() -> Any:
            await news.wait()
            news.clear()
            return published[uri]

        # Columns count UTF-16 units: the emoji before the position has two.
        text = FILES[LOAD].replace("description: Load rows.", 'description: "🚀", fram: 1')
        item = types.TextDocumentItem(uri, "yaml", 1, FILES[LOAD])
        client.text_document_did_open(types.DidOpenTextDocumentParams(item))

        async def change(version: int, new: str) -> None:
            document = types.VersionedTextDocumentIdentifier(version, uri)
            whole = types.TextDocumentContentChangeWholeDocument(new)
            client.text_document_did_change(types.DidChangeTextDocumentParams(document, [whole]))

        await change(2, text)
        (broken,) = await received()
        assert (broken.code, broken.severity) == ("invalid-yaml", types.DiagnosticSeverity.Error)
        assert (broken.range.start.line, broken.range.start.character) == (1, 17)
        wrong = FILES[LOAD].replace("sagemaker_step_type", "sagemaker_step_typ")
        await change(3, wrong)
        (finding,) = await received()
        assert finding.code == "unknown-field"
        document = types.TextDocumentIdentifier(uri)
        context = types.CodeActionContext([])
        actions = await client.text_document_code_action_async(
            types.CodeActionParams(document, finding.range, context)
        )
        (fix,) = (one for one in actions or () if one.is_preferred)
        ((edit,),) = fix.edit.changes.values()
        lines = wrong.splitlines(keepends=True)
        at = edit.range.start
        lines[at.line] = lines[at.line][: at.character] + edit.new_text + lines[at.line][at.character :]
        assert "".join(lines) == FILES[LOAD]
        await change(4, "".join(lines))
        assert list(await received()) == []
        place = types.Position(0, 8)
        hover = await client.text_document_hover_async(types.HoverParams(document, place))
        assert hover is not None
        assert "Load rows." in hover.contents.value
        renamed = await client.text_document_rename_async(types.RenameParams(document, place, "Fit"))
        assert renamed is None  # the name is taken

    session(root, environment, act)


def test_files_outside_a_project_have_no_answers(tmp_path: Path, environment: Mapping[str, str]) -> None:
    uri = (tmp_path / "a.yaml").as_uri()

    async def act(client: LanguageClient, published: dict[str, Any], _: asyncio.Event) -> None:
        item = types.TextDocumentItem(uri, "yaml", 1, "name: [\n")
        client.text_document_did_open(types.DidOpenTextDocumentParams(item))
        document = types.TextDocumentIdentifier(uri)
        assert (
            await client.text_document_hover_async(types.HoverParams(document, types.Position(0, 1))) is None
        )
        answer = await client.text_document_completion_async(
            types.CompletionParams(document, types.Position(0, 1))
        )
        assert answer is not None
        assert (list(getattr(answer, "items", ())), published) == ([], {})

    session(tmp_path, environment, act)


RECORDED = Path(__file__).resolve().parents[1] / "golden" / "lsp"
"""Sessions: requests and notifications of an editor, each with the answer and the messages before it."""

EDITORS = {
    "capable": {
        "window": {"showDocument": {"support": True}},
        "workspace": {"workspaceEdit": {"documentChanges": True}},
    },
    "plain": {},
}
UNSAVED = FILES[LOAD].replace("sagemaker_step_type", "sagemaker_step_typ").replace("name: Load", "name: load")


def position(text: str, mark: str) -> dict[str, Any]:
    """The position of the mark in a text, for the protocol."""
    _, line, column = place(text, mark)
    return {"line": line, "character": column}


def messages(uri: Callable[[str], str]) -> list[tuple[str, str, dict[str, Any]]]:
    """What an editor sends: kind, method and parameters."""
    load, night, fit = ({"uri": uri(path)} for path in (LOAD, NIGHTLY, FIT))
    opened = [
        (
            "notify",
            "textDocument/didOpen",
            {"textDocument": {**document, "languageId": "yaml", "version": 1, "text": FILES[path]}},
        )
        for document, path in ((load, LOAD), (night, NIGHTLY))
    ]
    in_night = {"textDocument": night, "position": position(FILES[NIGHTLY], "Fit")}
    first = {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 4}}
    everything = {"start": {"line": 0, "character": 0}, "end": {"line": 9, "character": 0}}
    changed = {"textDocument": {**load, "version": 2}, "contentChanges": [{"text": UNSAVED}]}
    actions = {"textDocument": load, "range": everything, "context": {"diagnostics": []}}
    layout = {"textDocument": night, "options": {"tabSize": 2, "insertSpaces": True}}
    return [
        *opened,
        ("request", "textDocument/hover", in_night),
        ("request", "textDocument/completion", in_night),
        ("request", "textDocument/definition", in_night),
        ("request", "textDocument/references", {**in_night, "context": {"includeDeclaration": True}}),
        ("request", "textDocument/prepareRename", in_night),
        ("request", "textDocument/rename", {**in_night, "newName": "Train"}),
        ("request", "textDocument/codeLens", {"textDocument": load}),
        ("request", "textDocument/inlayHint", {"textDocument": load, "range": everything}),
        ("request", "textDocument/documentSymbol", {"textDocument": load}),
        ("request", "workspace/symbol", {"query": "ni"}),
        ("request", "textDocument/formatting", layout),
        ("request", "textDocument/semanticTokens/full", {"textDocument": night}),
        ("request", "textDocument/codeAction", {**actions, "range": first}),
        ("request", "textDocument/codeAction", {**actions, "textDocument": fit, "range": first}),
        ("notify", "textDocument/didChange", changed),
        ("request", "textDocument/codeAction", actions),
        (
            "request",
            "textDocument/codeAction",
            {**actions, "context": {"diagnostics": [], "only": ["refactor"]}},
        ),
        (
            "request",
            "workspace/executeCommand",
            {"command": "stepwell.select", "arguments": [uri(LOAD), 1, 2, 3]},
        ),
        ("notify", "textDocument/didClose", {"textDocument": load}),
    ]


@pytest.mark.parametrize("editor", EDITORS)
def test_a_recorded_session_has_the_same_answers(
    project: Project, environment: Mapping[str, str], editor: str
) -> None:
    root = project(FILES)
    record: list[Any] = []
    with connected(root, environment, EDITORS[editor]) as (client, answer):
        record.append({"method": "initialize", "result": answer["capabilities"]})
        for kind, method, params in messages(lambda path: (root / path).as_uri()):
            if kind == "notify":
                client.notify(method, params)
                record.append({"method": method, "params": params})
            else:
                result, before = client.request(method, params)
                record.append({"before": before, "method": method, "params": params, "result": result})
    for message in (message for entry in record for message in entry.get("before", ())):
        message.pop("id", None)  # a random one
    text = json.dumps(record, indent=1, sort_keys=True).replace(root.as_uri(), "file:///project") + "\n"
    golden = RECORDED / f"{editor}.json"
    if os.environ.get("STEPWELL_UPDATE_GOLDEN") == "1":
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")
