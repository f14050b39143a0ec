"""``command``, ``replay`` and ``echo``: providers that need no network."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

import stepwell
from stepwell.model.provider_protocol import (
    Failure,
    Message,
    Provider,
    ProviderError,
    Request,
    Response,
    Setup,
)
from stepwell.model.schema import compiled
from stepwell.run.providers import ProviderRegistry
from stepwell.run.providers.command import Command
from stepwell.run.providers.echo import Echo
from stepwell.run.providers.replay import Replay, request_digest
from stepwell.run.providers.structured_output import fitting

T = TypeVar("T")
Project = Callable[[Mapping[str, str]], Path]

PATIENCE = 60.0
KEY = "correct-horse-battery-staple"


def run(work: Awaitable[T]) -> T:
    async def body() -> T:
        return await asyncio.wait_for(work, PATIENCE)

    return asyncio.run(body())


def ask(provider: Provider, *messages: str, **more: Any) -> Response:
    asked = tuple(Message("user", one) for one in messages or ("Hello",))
    return run(provider.complete(Request(asked, **more)))


def fault(provider: Provider, *messages: str, **more: Any) -> ProviderError:
    with pytest.raises(ProviderError) as raised:
        ask(provider, *messages, **more)
    return raised.value


def program(code: str, **more: Any) -> Command:
    settings = {"argv": [sys.executable, "-c", code], **more.pop("settings", {})}
    return Command(Setup("Local", settings=settings, **more))


# A program


def test_a_program_gets_the_prompt_and_returns_the_answer() -> None:
    shout = program("import sys; print(sys.stdin.read().upper())")
    assert ask(shout, "Grüße").text == "GRÜSSE"
    conversation = Request((Message("system", "Be brief."), Message("user", "What?")))
    assert run(shout.complete(conversation)).text == "SYSTEM:\nBE BRIEF.\n\nUSER:\nWHAT?"


def test_a_program_may_get_the_whole_request() -> None:
    told = program("import sys; print(sys.stdin.read())", settings={"input": "json"})
    assert json.loads(ask(told, max_tokens=5).text) == {
        "messages": [{"role": "user", "content": "Hello"}],
        "max_tokens": 5,
    }


def test_a_program_receives_the_schema_and_its_answer_is_checked_against_it() -> None:
    schema = {"type": "array", "items": {"type": "integer"}}
    fenced = program("import sys; assert 'JSON Schema' in sys.stdin.read(); print('```json\\n[1, 2]\\n```')")
    assert ask(fenced, schema=schema).data == [1, 2]
    other = program("print('[1, \"2\"]')")
    assert fault(other, schema=schema).message == (
        "the answer does not match the schema: `[1]` must be a whole number, got text"
    )


def test_no_shell_reads_the_arguments_and_the_model_is_put_in(tmp_path: Path) -> None:
    show = "import sys, os; print(sys.argv[1:], os.getcwd())"
    settings = {"argv": [sys.executable, "-c", show, "$HOME; ls", "--model={model}"]}
    local = Command(Setup("Local", ("small",), settings, folder=str(tmp_path)))
    assert ask(local).text == f"['$HOME; ls', '--model=small'] {tmp_path.resolve()}"
    assert ask(local, model="large").text.startswith("['$HOME; ls', '--model=large']")


def test_a_program_gets_few_variables_and_the_secrets_that_are_declared() -> None:
    show = "import os, json; print(json.dumps({k: v for k, v in os.environ.items() if k.isupper()}))"
    environment = {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "MINE": "1", "NOT_MINE": "2"}
    settings = {"argv": [sys.executable, "-c", show], "environment": ["MINE"]}
    secrets = {"MODEL_KEY": KEY}
    local = Command(Setup("Local", (), settings, ("MODEL_KEY",), secrets.get, environment=environment))
    given_to_it = json.loads(ask(local).text)
    assert given_to_it.items() >= {"MINE": "1", "MODEL_KEY": KEY, "LC_ALL": "C.UTF-8"}.items()
    assert "NOT_MINE" not in given_to_it


@pytest.mark.parametrize(
    ("code", "failure", "message"),
    [
        (
            "import sys; print('early', file=sys.stderr); sys.exit('late\\n')",
            Failure.UNAVAILABLE,
            f"`{sys.executable}` exited with code 1: late",
        ),
        ("raise SystemExit(3)", Failure.UNAVAILABLE, f"`{sys.executable}` exited with code 3"),
        (
            "import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
            Failure.UNAVAILABLE,
            f"`{sys.executable}` was killed by signal 15",
        ),
        ("print('x' * 5000)", Failure.MALFORMED, "the program's output exceeds 1000 bytes"),
        ("while True: print('x' * 100)", Failure.MALFORMED, "the program's output exceeds 1000 bytes"),
    ],
)
def test_a_program_that_fails_is_reported(code: str, failure: Failure, message: str) -> None:
    told = fault(program(code, settings={"max_output": 1000}))
    assert (told.failure, told.message) == (failure, message)


def test_a_program_that_does_not_exist_is_reported() -> None:
    missing = Command(Setup("Local", settings={"argv": ["no-such-program-here"]}))
    assert fault(missing).message == "program `no-such-program-here` not found"
    assert fault(missing).failure is Failure.NOT_FOUND
    with pytest.raises(ValueError, match="setting `argv` is required: a list of strings"):
        Command(Setup("Local"))


def test_a_program_need_not_read_a_long_prompt() -> None:
    assert ask(program("print('done')"), "x" * 2_000_000).text == "done"


@pytest.mark.parametrize("how", ["timeout", "cancelled", "left"])
def test_a_program_that_is_not_waited_for_is_ended_with_all_that_it_started(how: str, tmp_path: Path) -> None:
    child = "import time; time.sleep(3600)"
    code = (
        "import subprocess, sys, time\n"
        f"other = subprocess.Popen([sys.executable, '-c', {child!r}])\n"
        f"open({str(tmp_path / 'pids')!r}, 'w').write(f'{{other.pid}}')\n"
        "print('begun', flush=True)\n"
        "time.sleep(3600)\n"
    )
    local = program(code)
    request = Request((Message("user", "Hello"),), timeout=1.0 if how == "timeout" else None)

    async def work() -> None:
        if how == "left":
            stream = local.stream(request)
            async for _ in stream:
                break
            await stream.aclose()  # type: ignore[attr-defined]
            return
        running = asyncio.ensure_future(local.complete(request))
        if how == "cancelled":
            while not (tmp_path / "pids").exists() or not (tmp_path / "pids").read_text():
                await asyncio.sleep(0.01)
            running.cancel()
        told = await asyncio.gather(running, return_exceptions=True)
        assert isinstance(told[0], (ProviderError, asyncio.CancelledError))

    run(work())
    pids = tmp_path / "pids"
    if pids.exists() and pids.read_text():  # a machine under load may not have come so far in a second
        ends = time.monotonic() + PATIENCE
        while _runs(int(pids.read_text())):
            assert time.monotonic() < ends, "what the program started goes on"
            time.sleep(0.01)


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def test_a_program_streams_its_answer() -> None:
    code = "import sys, time\nfor word in 'a', 'ü', 'c': print(word, flush=True); time.sleep(0.05)"

    async def work() -> list[str]:
        chunks = [chunk async for chunk in program(code).stream(Request((Message("user", "Hello"),)))]
        assert chunks[-1].response is not None
        assert chunks[-1].response.text == "a\nü\nc"
        return [chunk.text for chunk in chunks[:-1]]

    pieces = run(work())
    assert "".join(pieces) == "a\nü\nc\n"
    assert len(pieces) > 1


# A tape


def tape(folder: Path, mode: str = "replay", other: Provider | None = None) -> Replay:
    settings = {"file": "tapes/all.jsonl", "mode": mode}
    if mode != "replay":
        settings["provider"] = "Other"
    return Replay(
        Setup("Tape", (), settings, folder=str(folder), provider=lambda _: other or Echo(Setup("E")))
    )


class Counting:
    """A provider that counts."""

    name = "Counting"

    def __init__(self) -> None:
        self.count = 0

    async def complete(self, request: Request) -> Response:
        self.count += 1
        data = {"number": self.count} if request.schema is not None else None
        return Response(f'{{"number": {self.count}}}' if data else f"answer {self.count}", data, "m")

    def stream(self, request: Request) -> Any: ...

    async def probe(self) -> None: ...

    async def close(self) -> None: ...


def test_what_was_recorded_is_answered_again_in_its_order_and_then_the_last_of_it(tmp_path: Path) -> None:
    counting = Counting()
    recording = tape(tmp_path, "record", counting)
    assert [ask(recording).text for _ in range(2)] == ["answer 1", "answer 2"]
    schema = {"type": "object", "required": ["number"]}
    assert ask(recording, schema=schema).data == {"number": 3}
    playing = tape(tmp_path)
    assert [ask(playing).text for _ in range(3)] == ["answer 1", "answer 2", "answer 2"]
    again = ask(playing, schema=schema)
    assert (again.data, again.model) == ({"number": 3}, "m")
    assert counting.count == 3


def test_what_was_not_recorded_is_reported(tmp_path: Path) -> None:
    assert fault(tape(tmp_path)).message == "file tapes/all.jsonl not found; record it with `mode: record`"
    (tmp_path / "tapes/all.jsonl").mkdir(parents=True)
    assert fault(tape(tmp_path)).message == "file tapes/all.jsonl cannot be read: is a directory"
    (tmp_path / "tapes/all.jsonl").rmdir()
    ask(tape(tmp_path, "record"))
    told = fault(tape(tmp_path), "Something else")
    assert told.failure is Failure.NOT_FOUND
    digest = request_digest(Request((Message("user", "Something else"),)))
    assert told.message == f"no recorded answer in tapes/all.jsonl for request ({digest}: 'Something else')"


def test_with_auto_only_missing_answers_are_requested(tmp_path: Path) -> None:
    counting = Counting()
    playing = tape(tmp_path, "auto", counting)
    assert [ask(playing).text for _ in range(3)] == ["answer 1"] * 3
    assert ask(playing, "Other").text == "answer 2"
    assert counting.count == 2
    assert ask(playing, timeout=9.0).text == "answer 1"  # the timeout is not part of the request


@pytest.mark.parametrize(
    ("line", "fault_told"),
    [
        ("{", "tapes/all.jsonl:2: not a recorded exchange"),
        ("[]", "tapes/all.jsonl:2: not a recorded exchange"),
        ('{"version": 2}', "tapes/all.jsonl:2: version must be 1, got 2"),
        ('{"version": 1, "digest": "x", "response": {}}', "tapes/all.jsonl:2: not a recorded exchange"),
    ],
)
def test_a_tape_that_a_user_broke_is_reported_with_its_line(
    line: str, fault_told: str, tmp_path: Path
) -> None:
    ask(tape(tmp_path, "record"))
    with (tmp_path / "tapes/all.jsonl").open("a") as file:
        file.write(f"{line}\n")
    assert fault(tape(tmp_path)).message == fault_told


def test_a_tape_lies_in_the_project(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="setting `file` must be a path inside the project"):
        Replay(Setup("Tape", (), {"file": "../all.jsonl"}, folder=str(tmp_path)))


def test_no_secret_is_recorded(project: Project) -> None:
    code = "import os, sys; print(sys.stdin.read(), os.environ['MODEL_KEY'], 'sk-ant-api03-AAAABBBBCCCCDDDD')"
    root = project(
        {
            "registry.d/providers/local.yaml": (
                "name: Local\ndescription: Local.\nimplementation: command\n"
                f"settings: {{argv: [{json.dumps(sys.executable)}, -c, {json.dumps(code)}]}}\n"
                "secrets: {MODEL_KEY: env:MODEL_KEY}\n"
            ).replace("'sk-ant-api03-AAAABBBBCCCCDDDD'", "'sk-ant-' + 'api03-AAAABBBBCCCCDDDD'"),
            "registry.d/providers/tape.yaml": (
                "name: Tape\ndescription: Tape.\nimplementation: replay\n"
                "settings: {file: tape.jsonl, mode: record, provider: Local}\n"
            ),
        }
    )

    async def work() -> str:
        async with ProviderRegistry(stepwell.open(root), {"MODEL_KEY": KEY}) as providers:
            chosen = providers.named("Tape").provider
            return (await chosen.complete(Request((Message("user", "My key is ghp_" + "a1" * 18),)))).text

    assert KEY not in run(work())
    recorded = (root / "tape.jsonl").read_text()
    assert json.loads(recorded)["response"]["text"].startswith("My key is ****")
    assert KEY not in recorded
    assert "sk-ant" not in recorded
    assert "ghp_" not in recorded


def test_a_tape_of_a_provider_that_is_not_there_reports_it(project: Project) -> None:
    root = project(
        {
            "registry.d/providers/tape.yaml": (
                "name: Tape\ndescription: Tape.\nimplementation: replay\n"
                "settings: {file: tape.jsonl, mode: auto, provider: Lokal}\n"
            )
        }
    )

    async def work() -> None:
        async with ProviderRegistry(stepwell.open(root)) as providers:
            with pytest.raises(ProviderError, match="there is no provider `Lokal` in the core"):
                await providers.named("Tape").provider.complete(Request((Message("user", "Hello"),)))

    run(work())


# An echo


def test_an_echo_ends_at_its_limit() -> None:
    echo = Echo(Setup("Echo", settings={"prefix": "You said: "}))
    assert ask(echo, "one", "two").text == "You said: two"
    cut = ask(echo, "one two three", max_tokens=3)
    assert (cut.text, cut.finish) == ("You said: one", "length")
    stopped = ask(echo, "one two three", stop=("three", "two"))
    assert (stopped.text, stopped.finish) == ("You said: one ", "stop")
    assert ask(Echo(Setup("Echo", settings={"answer": "Always this."}))).text == "Always this."


FITTING = {
    "nothing in particular": ({}, "text"),
    "anything": (True, "text"),
    "a choice": ({"enum": ["b", "a"]}, "b"),
    "one value": ({"const": {"a": [1]}}, {"a": [1]}),
    "an example": ({"type": "string", "pattern": "^x+$", "examples": ["xx"]}, "xx"),
    "a default": ({"type": "integer", "default": 7, "minimum": 3}, 7),
    "a long text": ({"type": "string", "minLength": 9}, "texttextt"),
    "a short text": ({"type": "string", "maxLength": 2}, "te"),
    "a date": ({"type": "string", "format": "date"}, "2000-01-01"),
    "a number in bounds": ({"type": "integer", "minimum": 10, "maximum": 12}, 10),
    "a number between": (
        {"type": "number", "exclusiveMinimum": 0.2, "exclusiveMaximum": 0.4},
        0.30000000000000004,
    ),
    "a multiple": ({"type": "integer", "multipleOf": 7, "minimum": 30}, 35),
    "a list of different things": (
        {"type": "array", "items": {"type": "integer"}, "minItems": 3, "uniqueItems": True},
        [1, 0, 2],
    ),
    "a list of certain things": (
        {"type": "array", "prefixItems": [{"const": 1}, {"const": "a"}], "minItems": 2},
        [1, "a"],
    ),
    "a null": ({"type": ["null"]}, None),
    "a choice of forms": ({"oneOf": [{"type": "string", "pattern": "^never$"}, {"type": "boolean"}]}, True),
    "all of several": (
        {
            "allOf": [
                {"type": "object", "required": ["a"], "properties": {"a": {"const": 1}}},
                {"required": ["b"], "properties": {"b": {"const": 2}}},
            ]
        },
        {"a": 1, "b": 2},
    ),
    "a tree": (
        {
            "$ref": "#/$defs/node",
            "$defs": {
                "node": {
                    "type": "object",
                    "required": ["name"],
                    "properties": {
                        "name": {"type": "string"},
                        "children": {"type": "array", "items": {"$ref": "#/$defs/node"}, "maxItems": 0},
                    },
                }
            },
        },
        {"name": "text", "children": []},
    ),
}


@pytest.mark.parametrize("case", FITTING)
def test_an_echo_finds_data_that_fits(case: str) -> None:
    schema, data = FITTING[case]
    assert fitting(schema) == data
    assert fitting(schema) == fitting(schema)


def test_what_an_echo_cannot_find_is_reported() -> None:
    told = fault(Echo(Setup("Echo")), schema={"type": "string", "pattern": "^[a-f]{40}$"})
    assert (told.failure, told.message) == (Failure.INVALID_REQUEST, "no sample data matches the schema")


SIMPLE = st.one_of(
    st.builds(
        lambda low, width: {"type": "integer", "minimum": low, "maximum": low + width},
        st.integers(-99, 99),
        st.integers(0, 9),
    ),
    st.builds(
        lambda least, more: {"type": "string", "minLength": least, "maxLength": least + more},
        st.integers(0, 9),
        st.integers(0, 9),
    ),
    st.sampled_from(
        [{"type": "boolean"}, {"type": "null"}, {"const": 3}, {"enum": ["a", 1]}, {"type": "number"}]
    ),
)
SCHEMAS = st.recursive(
    SIMPLE,
    lambda inner: st.one_of(
        st.builds(
            lambda items, least: {"type": "array", "items": items, "minItems": least},
            inner,
            st.integers(0, 3),
        ),
        st.builds(
            lambda fields, closed: {
                "type": "object",
                "properties": fields,
                "required": sorted(fields)[:2],
                "additionalProperties": closed,
            },
            st.dictionaries(st.sampled_from("abcd"), inner, max_size=4),
            st.booleans(),
        ),
        st.builds(lambda one, other: {"anyOf": [one, other]}, inner, inner),
    ),
    max_leaves=6,
)


@given(SCHEMAS)
def test_plain_requests_are_found(schema: Any) -> None:
    assert compiled(schema).is_valid(fitting(schema))
