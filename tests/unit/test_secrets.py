"""A provider's secret is in nothing that Stepwell prints, writes or stores."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import pickle
import subprocess
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.model_servers import Received, Writer, model_server, send

import stepwell
from stepwell.frontends import cli
from stepwell.model.provider_protocol import Message, ProviderError, Request
from stepwell.run.providers import ProviderRegistry
from stepwell.run.providers.factory import Secrets
from stepwell.source.diagnostic import Diagnostic, Severity, Span
from stepwell.source.redaction import covered, covered_span, literal_secrets, without_secrets

if TYPE_CHECKING:
    from tests.conftest import Project

KEY = "correct-horse-battery-staple-0123"
ANOTHER = "hush-hush-hush-hush-9876"


def secrets(references: Mapping[str, str], root: str = "/", **environment: str) -> Secrets:
    return Secrets("Remote", references, environment, root)


# Where a secret is found


def test_a_secret_is_read_from_its_reference(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys/mine").write_text(f"{KEY}\n")
    held = secrets(
        {"a": "env:MY_KEY", "b": "file:keys/mine", "c": f"file:{tmp_path}/keys/mine"},
        str(tmp_path),
        MY_KEY=f" {ANOTHER}\n",
    )
    assert [held.get(name) for name in "abcd"] == [ANOTHER, KEY, KEY, None]
    (tmp_path / "keys/mine").write_text("a new one")
    assert held.get("b") == "a new one"


def _text(folder: Path) -> None:
    (folder / "key").write_text("")


def _two_lines(folder: Path) -> None:
    (folder / "key").write_text(f"{KEY}\n{ANOTHER}\n")


def _bytes(folder: Path) -> None:
    (folder / "key").write_bytes(b"\xff\xfe" + KEY.encode())


def _long(folder: Path) -> None:
    (folder / "key").write_text(KEY * 3000)


def _pipe(folder: Path) -> None:
    os.mkfifo(folder / "key")


def _link(folder: Path) -> None:
    (folder.parent / "outside").write_text(KEY)
    (folder / "key").symlink_to(folder.parent / "outside")


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (None, "cannot read file key: No such file or directory"),
        (_text, "`file:key` for `api_key` is empty"),
        (_two_lines, "`file:key` for `api_key` is not a single line of plain text"),
        (_bytes, "file key is not valid UTF-8"),
        (_long, "file key is larger than 65536 bytes"),
        (_pipe, "key is not a file"),
        (_link, "file key is outside the project; use an absolute path"),
    ],
)
def test_a_reference_that_leads_nowhere_is_reported_without_what_it_holds(
    make: Callable[[Path], None] | None, told: str, tmp_path: Path
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    if make is not None:
        make(project)
    with pytest.raises(ProviderError) as raised:
        secrets({"api_key": "file:key"}, str(project)).get("api_key")
    assert str(raised.value) == f"provider Remote: authentication: {told}"
    assert KEY not in "".join(traceback.format_exception(raised.value))


def test_a_variable_that_is_not_set_is_reported_with_a_guess() -> None:
    held = secrets({"api_key": "env:MODELS_API_KEY"}, MODEL_API_KEY=KEY)
    with pytest.raises(ProviderError, match=r"MODELS_API_KEY is not set \(did you mean `MODEL_API_KEY`\?\)"):
        held.get("api_key")


def test_secrets_are_neither_shown_nor_pickled() -> None:
    held = secrets({"api_key": "env:KEY"}, KEY=KEY)
    assert repr(held) == str(held) == "<Secrets of Remote: api_key>"
    with pytest.raises(TypeError, match="secrets are not pickled"):
        pickle.dumps(held)
    assert held.without(f"bad key {KEY}!") == f"bad key {'*' * len(KEY)}!"


# What looks like a secret


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (
            {"secrets": {"a": "env:A", "b": "file:/x", "c": "env:", "d": "x", "e": None, "f": ["x"]}},
            ["secrets.c", "secrets.d", "secrets.f.0"],
        ),
        (
            {"settings": {"api_key": "x", "apiKey": "x", "x-api-key": "x", "API_KEY": "x"}},
            ["settings.api_key", "settings.apiKey", "settings.x-api-key", "settings.API_KEY"],
        ),
        (
            {"settings": {"password": 1234, "token": True, "secret": "", "auth_token": "x"}},
            ["settings.password", "settings.auth_token"],
        ),
        ({"settings": {"max_tokens": 5, "tokens": "x", "tokenizer": "x", "key": "x", "secretary": "x"}}, []),
        (
            {"settings": {"api_key": "env:A", "headers": {"Authorization": "Basic abc"}}},
            ["settings.headers.Authorization"],
        ),
        (
            {"settings": {"argv": ["m", "--token", "x", "--key", "y", "--api-key=z", "--max-tokens=5"]}},
            ["settings.argv.2", "settings.argv.5"],
        ),
        ({"settings": {"base_url": "https://user:pass@host/"}}, ["settings.base_url"]),
        ({"settings": {"base_url": "https://host:8080/a@b"}}, []),
        ({"description": "ghp_" + "a1" * 18}, ["description"]),
        ({"x-note": ["AKIA" + "A1B2" * 4, "task-force-management-of-everything"]}, ["x-note.0"]),
        ({"description": "eyJhbGciOiJI.eyJzdWIiOiIx.abc-def"}, ["description"]),
        ({"description": "-----BEGIN RSA PRIVATE KEY-----\nabc"}, ["description"]),
    ],
)
def test_what_looks_like_a_secret_is_found(data: dict[str, Any], found: list[str]) -> None:
    assert [".".join(map(str, way)) for way, _ in literal_secrets(data)] == found


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("api_key: hush-hush", "api_key: *********"),
        ('{ "access_token" : "hush hush", b: 1', '{ "access_token" : ***********, b: 1'),
        ("argv: [model, --api-key, hush, 'x", "argv: [model, --api-key, ****, 'x"),
        ("argv: [model, '--token=hush', x", "argv: [model, '--token=*****, x"),
        ("api_key: env:HOUSE_KEY", "api_key: env:HOUSE_KEY"),
        ("max_tokens: 5", "max_tokens: 5"),
        ("# it was sk-ant-api03-AAAABBBBCCCC", f"# it was {'*' * 25}"),
    ],
)
def test_a_line_that_no_one_could_parse_shows_no_secret(line: str, shown: str) -> None:
    span = covered_span(Span("registry.d/providers/a.yaml", 1, 1, 1, 2, line))
    assert span.text == shown


WORDS = st.text(
    st.characters(min_codepoint=33, max_codepoint=0x24F, exclude_characters="*"), min_size=4, max_size=40
)


@given(WORDS, st.text(max_size=30), st.text(max_size=30))
def test_a_secret_that_is_known_is_in_no_text(secret: str, before: str, after: str) -> None:
    clean = without_secrets(f"{before}{secret}{after}", [secret])
    assert secret not in clean
    assert len(clean) == len(before) + len(secret) + len(after)


@given(WORDS, st.sampled_from(["secrets", "settings"]))
def test_no_finding_of_a_file_shows_a_secret_that_is_written_in_it(secret: str, where: str) -> None:
    data = {where: {"api_key": secret}}
    line = f"{where}: {{api_key: {secret}, other: 1}}"
    span = Span("registry.d/providers/a.yaml", 3, 5, 3, 9, line)
    found = Diagnostic("wrong-form", Severity.ERROR, f"must be a reference, got `{secret}`", span, secret)
    told = covered(found, data)
    assert told.message == f"must be a reference, got `{'*' * len(secret)}`"
    assert told.help == "*" * len(secret)
    assert told.span is not None
    assert told.span.text == line.replace(secret, "*" * len(secret))
    assert (told.span.line, told.span.column) == (3, 5)


# Nowhere


def test_the_key_is_in_nothing_that_is_said_written_or_kept(
    project: Project,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Everything that a user can read while a provider is used, grepped for the two secrets."""
    events: list[str] = []
    with model_server() as server:
        echoing = {"error": {"message": f"no such key: {KEY}", "type": f"x {ANOTHER}"}}

        async def behave(_: Received, writer: Writer) -> bool:
            return not await send(writer, 401, echoing, {"connection": "close"})

        server.behave = behave
        (tmp_path / "secret-file").write_text(ANOTHER)
        definition = (
            "name: Remote\ndescription: Remote.\nimplementation: openai_compatible\nmodels: [{name: m}]\n"
            f'settings: {{base_url: "{server.url}"}}\n'
            f'secrets: {{api_key: env:REMOTE_KEY, other: "file:{tmp_path / "secret-file"}"}}\n'
        )
        root = project(
            {
                "stepwell.toml": '[[freeze]]\noutput = "step_names.py"\n',
                "registry.d/providers/remote.yaml": definition,
                "registry.d/steps/scoring.yaml": "name: Scoring\ndescription: Score.\n",
            }
        )
        git = ["git", "-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-C", str(root)]
        for words in ("init --quiet", "add --all", "commit --quiet --message base"):
            subprocess.run([*git, *words.split()], capture_output=True, check=True)

        async def ask(registry: Any) -> list[str]:
            async with ProviderRegistry(registry, {"REMOTE_KEY": KEY}) as providers:
                chosen = providers.select()
                told = [repr(chosen), repr(providers), repr(chosen.provider), repr(vars(providers))]
                for streaming in (False, True):
                    asked = Request((Message("user", "Hello"),))
                    stream = chosen.provider.stream(asked)
                    with pytest.raises(ProviderError) as raised:
                        await (stream.__anext__() if streaming else chosen.provider.complete(asked))
                    error = raised.value
                    assert "no such key: ****" in error.message
                    assert error.__cause__ is None
                    told += [repr(error), *traceback.format_exception(error), repr(pickle.dumps(error))]
                    chain = error.__context__
                    assert chain is None
                told += [repr(providers.figures("Remote")), repr(await providers.probe())]
                with pytest.raises(ProviderError) as raised:
                    await providers.complete(Request((Message("user", "Hello"),)))
                return [*told, str(raised.value)]

        with caplog.at_level(logging.DEBUG):
            registry = stepwell.open(root)
            registry.subscribe(lambda event: events.append(f"{event!r} {event.changes!r}"))
            said = asyncio.run(ask(registry))
            (root / "registry.d/providers/remote.yaml").write_text(definition.replace("Remote.", "Changed."))
            registry.reload()
            said += asyncio.run(ask(registry))
        monkeypatch.setenv("REMOTE_KEY", KEY)
        monkeypatch.setenv("STEPWELL_CACHE_DIR", str(tmp_path / "cache"))
        for command in (
            ["providers", "--health"],
            ["providers", "Remote", "--health", "--format", "json"],
            ["check", "--format", "sarif"],
            ["diff", "HEAD"],
            ["diff", "HEAD", "--format", "json"],
            ["snapshot", "--output", str(root / "state.json")],
            ["freeze"],
            ["doctor", "--format", "json"],
        ):
            cli.run([command[0], "--project", str(root), *command[1:]])
            said += capsys.readouterr()
    assert len(events) == 1
    assert "HTTP Request" in caplog.text
    written = {
        str(path): path.read_bytes()
        for folder in (root, tmp_path / "cache")
        for path in folder.rglob("*")
        if path.is_file() and ".git" not in path.parts
    }
    assert any("state.json" in path for path in written)
    for secret in (KEY, ANOTHER):
        assert secret not in "".join((*said, *events, caplog.text))
        assert [path for path, content in written.items() if secret.encode() in content] == []


def test_a_secret_written_out_is_in_no_output_either(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (
        "name: Remote\ndescription: Remote.\nimplementation: openai_compatible\n"
        f"secrets: {{api_key: {KEY}}}\nprioriy: 3\n"
        f"settings: {{unknown: [1], password: {ANOTHER}}} # {ANOTHER}\n"
    )
    root = project(
        {"registry.d/providers/remote.yaml": text, "workspaces/al/override/providers/remote.yaml": text}
    )
    for form in ("text", "concise", "json", "github", "sarif", "junit"):
        assert cli.run(["check", "--project", str(root), "--format", form]) == 1
        told = "".join(capsys.readouterr())
        assert "literal-secret" in told
        assert KEY not in told
        assert ANOTHER not in told
    registry = stepwell.open(root)
    assert "Remote" not in registry.view().providers
    told = repr(registry.diagnostics) + json.dumps([one.message for one in registry.diagnostics])
    assert KEY not in told
    assert ANOTHER not in told
    assert len([one for one in registry.diagnostics if one.id == "literal-secret"]) == 4


def test_a_secret_written_out_is_in_no_snapshot_file(
    project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    start = "name: {}\ndescription: Remote.\nimplementation: echo\n"
    good = start.format("Good") + "secrets: {api_key: env:GOOD}\n"
    root = project(
        {
            "registry.d/providers/good.yaml": good,
            "registry.d/providers/misspelt.yaml": start.format("Misspelt") + "prioriy: 3\n",
            "registry.d/providers/remote.yaml": start.format("Remote") + f"secrets: {{api: {KEY}}}\n",
            "registry.d/providers/twice.yaml": f"name: Twice\napi_key: {KEY}\napi_key: {ANOTHER}\n",
            "workspaces/al/override/providers/good.yaml": f"name: Good\nsettings: {{password: {ANOTHER}}}\n",
        }
    )
    packed = tmp_path / "state.json"
    assert cli.run(["snapshot", "--project", str(root), "--output", str(packed)]) == 0
    text = packed.read_text()
    assert KEY not in text
    assert ANOTHER not in text
    files = json.loads(text)["files"]
    assert files["registry.d/providers/good.yaml"] == good
    left_out = [path for path, held in files.items() if isinstance(held, dict)]
    assert left_out == [
        "registry.d/providers/remote.yaml",
        "registry.d/providers/twice.yaml",
        "workspaces/al/override/providers/good.yaml",
    ]
    assert files[left_out[0]]["unread"]["id"] == "literal-secret"
    capsys.readouterr()
    assert cli.run(["diff", "--project", str(root), str(packed), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["counts"] == {
        "breaking": 0,
        "risky": 0,
        "safe": 0,
        "accepted": 0,
    }


@pytest.mark.parametrize(
    "unit",
    [
        "eyJaaaaaaaa-",
        "a.",
        "-a",
        "--a-",
        "api_key",
        "token: ",
        "sk-",
        "'token' ",
        "--token ",
        "x",
        "=",
        "Bearer ",
        "eyJa.",
    ],
)
def test_a_search_for_secrets_takes_linear_time_on_its_worst_texts(unit: str) -> None:
    text = unit * (200_000 // len(unit))  # quadratic time would be minutes
    for data in ({"description": text}, {text: "x"}, {"args": [text, text]}):
        list(literal_secrets(data))
    assert without_secrets(text) is not None
