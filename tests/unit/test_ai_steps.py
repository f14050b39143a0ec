"""The old step types: what each one asks, does about failures, and makes of answers; and what it refuses."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.ai_steps import Scripted, context, texts

from stepwell.model.provider_protocol import Failure, ProviderError
from stepwell.run.workflows import Scope, Setting, StepFailed, data_from
from stepwell.source.document import freeze, thaw
from stepwell.source.errors import StepwellError
from stepwell_ai_steps import (
    asking,
    batch,
    claude,
    extract,
    files,
    gemini,
    loops,
    nested,
    robust,
    session,
    variables,
)
from stepwell_ai_steps.transform import transform

ROWS = [
    {"id": 1, "tier": "gold", "total": 50, "user": {"name": "ada"}, "tags": ["a", "b"]},
    {"id": 2, "tier": "silver", "total": 150, "user": {"name": "bob"}, "tags": ["b"]},
    {"id": 3, "tier": "gold", "total": 250, "user": {"name": "cy"}, "tags": []},
]


def run(call: Any, parameters: Mapping[str, Any], given: Any) -> Any:
    """Result of a step, with the read-only parameters of an executor."""
    return asyncio.run(call(freeze(parameters), given))


def test_claude_is_called_with_its_options() -> None:
    provider = Scripted('```json\n{"a": 1}\n```')
    options = {
        "model": "haiku",
        "max_tokens": 9,
        "temperature": 0.5,
        "timeout_ms": 1500,
        "system_prompt": "Be kind.",
        "append_system_prompt": "Be brief.",
        "output_format": "json",
        "max_turns": 3,
    }
    answer = run(claude.ask_claude, {"prompt": "Hi", "claude_options": options}, context("claude", provider))
    (request,) = provider.asked
    assert [(one.role, one.content) for one in request.messages] == [
        ("system", "Be kind.\n\nBe brief."),
        ("user", "Hi"),
    ]
    assert (request.model, request.max_tokens, request.temperature, request.timeout) == (
        "claude-haiku-4-5",
        9,
        0.5,
        1.5,
    )
    assert answer == {
        "text": '```json\n{"a": 1}\n```',
        "finish": "end",
        "provider": "scripted",
        "model": "m",
        "data": {"a": 1},
    }


def test_a_preset_is_what_options_go_before() -> None:
    provider = Scripted("ok")
    parameters = {"prompt": "Hi", "preset": "chat", "claude_options": {"timeout_ms": 9000}}
    assert run(claude.ask_smart, parameters, context("claude_smart", provider))["preset"] == "chat"
    assert provider.asked[0].timeout == 9
    assert provider.asked[0].messages[0].content == (
        "You are a helpful assistant. Give clear, concise answers."
    )


@pytest.mark.parametrize(
    ("mode", "preset"), [("production", "production"), ("test", "development"), ("", "development")]
)
def test_the_environment_chooses_a_preset_where_none_is_named(mode: str, preset: str) -> None:
    flow = Scope.begin(Setting(facts={"workflow": {"environment": {"mode": mode}}}))
    given = context("claude_smart", Scripted("ok"), values=flow.given())
    assert run(claude.ask_smart, {"prompt": "Hi"}, given)["preset"] == preset


def test_a_request_is_repeated_after_the_failures_that_options_name() -> None:
    retry = {"max_retries": 2, "base_delay_ms": 0, "retry_on": ["timeout"]}
    parameters = {"prompt": "Hi", "claude_options": {"retry_config": retry}}
    provider = Scripted(Failure.TIMEOUT, Failure.TIMEOUT, "at last")
    assert run(claude.ask_claude, parameters, context("claude", provider))["text"] == "at last"
    assert len(provider.asked) == 3
    provider = Scripted(Failure.UNAVAILABLE, "never")
    with pytest.raises(ProviderError, match="unavailable: as the test says"):
        run(claude.ask_claude, parameters, context("claude", provider))
    assert len(provider.asked) == 1


@pytest.mark.parametrize("failure", [Failure.UNAVAILABLE, Failure.RATE_LIMITED, Failure.TIMEOUT])
def test_retries_need_no_list_of_failures(failure: Failure) -> None:
    retry = {"max_retries": 2, "base_delay_ms": 0}
    provider = Scripted(failure, "at last")
    parameters = {"prompt": "Hi", "claude_options": {"retry_config": retry}}
    answer = run(claude.ask_claude, parameters, context("claude", provider))
    assert (answer["text"], answer["attempts"]) == ("at last", 2)
    assert answer["failures"] == [{"failure": failure.value, "message": "as the test says"}]


def test_a_retry_waits_as_long_as_the_provider_requests() -> None:
    began = time.monotonic()
    failures: list[ProviderError] = []
    answers = iter([ProviderError("p", Failure.RATE_LIMITED, "slow down", 0.2), "ok"])

    async def call() -> str:
        answer = next(answers)
        if isinstance(answer, ProviderError):
            raise answer
        return answer

    config = {"max_retries": 1, "base_delay_ms": 0}
    assert asyncio.run(asking.persist(call, config, asking.DEFAULT_CONDITIONS, failures)) == "ok"
    assert [error.retry_after for error in failures] == [0.2]
    assert time.monotonic() - began >= 0.2


def test_an_empty_answer_is_a_failure() -> None:
    with pytest.raises(ProviderError, match="the answer is empty"):
        run(claude.ask_claude, {"prompt": "Hi"}, context("claude", Scripted(" \n")))
    assert run(claude.ask_claude, {"prompt": "Hi"}, context("claude", Scripted({"a": 1})))["data"] == {"a": 1}


def test_a_session_continues_with_all_that_was_said() -> None:
    flow, provider = Scope.begin(), Scripted("one", "two", "three")
    for said in ("first", "second", "third"):
        parameters = {"prompt": said, "session_config": {"session_name": "s"}}
        answer = run(
            session.ask_in_session, parameters, context("claude_session", provider, values=flow.given())
        )
    assert (answer["text"], answer["session"], answer["turns"]) == ("three", "s", 3)
    assert [one.content for one in provider.asked[2].messages] == ["first", "one", "second", "two", "third"]
    assert [turn["content"] for turn in flow.turns("s")] == [
        "first",
        "one",
        "second",
        "two",
        "third",
        "three",
    ]


def test_a_session_that_continues_begins_with_what_an_earlier_run_kept() -> None:
    kept = [{"role": "user", "content": "before"}, {"role": "assistant", "content": "then"}]
    flow = Scope.begin(Setting(recall=lambda kind, key: kept if (kind, key) == ("session", "s") else None))
    provider = Scripted("now")
    config = {"session_name": "s", "continue_on_restart": True}
    given = context("claude_session", provider, values=flow.given())
    run(session.ask_in_session, {"prompt": "next", "session_config": config}, given)
    assert [one.content for one in provider.asked[0].messages] == ["before", "then", "next"]


MARKDOWN = """\
Intro with https://example.com/a.

# Use

We recommend tests. See <https://example.com/b>.

- first point
- second *point*

```python
print(1)
```

# End

Done. Really.
"""


@pytest.mark.parametrize(
    ("form", "text", "data"),
    [
        (
            "text",
            (
                "Intro with https://example.com/a.\n\nUse\n\nWe recommend tests. See https://example.com/b.\n\n"
                "first point\n\nsecond point\n\nprint(1)\n\nEnd\n\nDone. Really."
            ),
            None,
        ),
        ("summary", "Intro with https://example.com/a. Use We recommend tests.", None),
        ("markdown", MARKDOWN, None),
        (
            "json",
            MARKDOWN,
            {
                "content": MARKDOWN,
                "sections": {
                    "": "Intro with https://example.com/a.",
                    "Use": "We recommend tests. See <https://example.com/b>.\n\n- first point\n"
                    "- second *point*\n\n```python\nprint(1)\n```",
                    "End": "Done. Really.",
                },
            },
        ),
    ],
)
def test_an_answer_is_extracted_in_a_form(form: str, text: str, data: Any) -> None:
    parameters = {"prompt": "Hi", "extraction_config": {"format": form, "max_summary_length": 60}}
    answer = run(extract.ask_and_extract, parameters, context("claude_extract", Scripted(MARKDOWN)))
    assert (answer["text"], answer.get("data")) == (text, data)


def test_json_in_an_answer_is_its_data() -> None:
    parameters = {"prompt": "Hi", "extraction_config": {"format": "json"}}
    answer = run(extract.ask_and_extract, parameters, context("claude_extract", Scripted('{"a": [1]}')))
    assert answer["data"] == {"a": [1]}


def test_more_is_made_of_an_answer() -> None:
    config = {
        "format": "structured",
        "include_metadata": True,
        "max_summary_length": 40,
        "post_processing": sorted(extract.POST_PROCESSING),
    }
    answer = run(
        extract.ask_and_extract,
        {"prompt": "Hi", "extraction_config": config},
        context("claude_extract", Scripted(MARKDOWN)),
    )
    assert answer["extracted"] == {
        "code_blocks": [{"language": "python", "code": "print(1)\n"}],
        "key_points": ["first point", "second point"],
        "links": ["https://example.com/a", "https://example.com/b"],
        "markdown": MARKDOWN,
        "recommendations": ["We recommend tests. See https://example.com/b."],
        "summary": "Intro with https://example.com/a.",
    }
    assert answer["metadata"] == {"format": "structured", "original_length": 169, "length": 169}
    assert sorted(answer["data"]) == ["key_points", "links", "sections"]


def test_tasks_of_a_batch_succeed_and_fail_by_themselves() -> None:
    provider = Scripted("one", Failure.REFUSED, "three")
    parameters = {
        "prompt": "For",
        "batch_config": {"max_parallel": 1, "timeout_per_task": 2500},
        "tasks": [{"task_id": "a", "prompt": "A"}, {"id": "b", "prompt": "B"}, {"prompt": "C"}],
    }
    answer = run(batch.ask_batch, parameters, context("claude_batch", provider))
    assert texts(provider.asked) == ["For\nA", "For\nB", "For\nC"]
    assert {one.timeout for one in provider.asked} == {2.5}
    assert (answer["completed"], answer["failed"]) == (2, ["b"])
    assert answer["tasks"]["b"] == {
        "success": False,
        "error": "provider scripted: refused: as the test says",
    }
    assert (
        answer["text"]
        == "## a\n\none\n\n## b\n\nprovider scripted: refused: as the test says\n\n## 3\n\nthree"
    )


def test_a_batch_without_an_answer_fails() -> None:
    parameters = {"tasks": [{"prompt": "A"}, {"prompt": "B"}]}
    with pytest.raises(StepwellError, match="all tasks failed; first error: provider scripted: timeout"):
        run(batch.ask_batch, parameters, context("claude_batch", Scripted(Failure.TIMEOUT)))


def test_parallel_tasks_have_separate_options_and_conditions(tmp_path: Path) -> None:
    kept: dict[str, str] = {}
    flow = Scope.begin(Setting(keep=kept.__setitem__))
    provider = Scripted("ok")
    tasks = [
        {"id": "a", "prompt": "A", "claude_options": {"max_tokens": 1}, "output_to_file": "a.txt"},
        {"id": "b", "prompt": "B", "condition": "1 > 2"},
    ]
    given = context("parallel_claude", provider, tmp_path, flow.given())
    answer = run(batch.ask_parallel, {"parallel_tasks": tasks, "claude_options": {"max_tokens": 5}}, given)
    assert list(answer["tasks"]) == ["a"]
    assert [one.max_tokens for one in provider.asked] == [1]
    assert kept == {"a.txt": "ok"}


RETRY = {"max_retries": 1, "base_delay_ms": 0, "retry_conditions": ["api_error"]}


@pytest.mark.parametrize(
    ("fallback", "answer"),
    [
        (
            "graceful_degradation",
            {"text": "No answer (unavailable). The workflow continued without it.", "degraded": True},
        ),
        ("cached_response", {"text": "kept", "cached": True}),
        (
            "emergency_response",
            {
                "text": "Step `ClaudeRobust` has no answer (unavailable) and requires attention.",
                "emergency": True,
                "requires_attention": True,
            },
        ),
    ],
)
def test_a_robust_step_answers_otherwise_when_there_is_no_answer(fallback: str, answer: Any) -> None:
    flow = Scope.begin(Setting(recall=lambda kind, _: {"text": "kept"} if kind == "answer" else None))
    provider = Scripted(Failure.UNAVAILABLE)
    parameters = {"prompt": "Hi", "retry_config": {**RETRY, "fallback_action": fallback}}
    given = context("claude_robust", provider, values=flow.given())
    assert run(robust.ask_robustly, parameters, given) == {
        **answer,
        "fallback": fallback,
        "fault": "as the test says",
        "attempts": 2,
    }


def test_a_robust_step_asks_something_simpler() -> None:
    provider = Scripted(Failure.UNAVAILABLE, Failure.UNAVAILABLE, "simple")
    config = {**RETRY, "fallback_action": "simplified_prompt"}
    prompt = "Consider this. " * 100
    given = context("claude_robust", provider)
    answer = run(robust.ask_robustly, {"prompt": prompt, "retry_config": config}, given)
    assert (answer["text"], answer["simplified"]) == ("simple", True)
    assert texts(provider.asked)[2].startswith("Answer briefly and simply:\nConsider this. Consider")
    assert len(texts(provider.asked)[2]) < 540


def test_every_fallback_that_a_definition_names_is_there() -> None:
    named = context("claude_robust").definition.parameters
    assert named is not None
    words = named["properties"]["retry_config"]["properties"]["fallback_action"]["enum"]
    assert sorted(words) == sorted(robust.FALLBACKS)


def test_gemini_is_called_with_its_budget() -> None:
    provider = Scripted("ok")
    budget = {"max_output_tokens": 7, "temperature": 0, "top_p": 0.9, "top_k": 3}
    parameters = {"prompt": "Hi", "model": "flash", "token_budget": budget}
    run(gemini.ask_gemini, parameters, context("gemini", provider))
    (request,) = provider.asked
    assert (request.model, request.max_tokens, request.temperature) == ("flash", 7, 0)
    assert request.settings == {"top_p": 0.9, "top_k": 3}


def test_an_instructor_asks_again_for_data_that_fits() -> None:
    schema = {"type": "object", "required": ["a"], "properties": {"a": {"type": "integer"}}}
    provider = Scripted({"a": "x"}, Failure.MALFORMED, '{"a": 1}')
    parameters = {"prompt": "Hi", "schema": schema, "max_retries": 2}
    answer = run(gemini.ask_instructor, parameters, context("gemini_instructor", provider))
    assert answer["data"] == {"a": 1}
    assert thaw(provider.asked[0].schema) == schema
    provider = Scripted({"a": "x"})
    with pytest.raises(ProviderError, match="malformed answer: the answer does not match the schema"):
        run(gemini.ask_instructor, {**parameters, "max_retries": 1}, context("gemini_instructor", provider))
    assert len(provider.asked) == 2
    loose = {**parameters, "max_retries": 0, "validation_mode": "loose"}
    answer = run(gemini.ask_instructor, loose, context("gemini_instructor", provider))
    assert (answer["data"], "must be a whole number" in answer["fault"]) == ({"a": "x"}, True)


def test_variables_are_set_for_the_run_or_for_a_turn() -> None:
    flow = Scope.begin(variables={"a": 1})
    inner = flow.inner("[0]", {"index": 0})
    given = context("set_variable", values=inner.given())
    run(variables.set_variables, {"variables": {"a": 2}}, given)
    run(variables.set_variables, {"variables": {"b": 3}, "scope": "loop"}, given)
    assert (flow.variables, inner.variables) == ({"a": 2}, {"a": 2, "b": 3})


def test_a_single_variable_is_set_and_found_in_the_answer() -> None:
    flow = Scope.begin()
    answer = run(
        variables.set_variables,
        {"variable": "rows", "value": [1, 2]},
        context("SetVariable", values=flow.given()),
    )
    assert (flow.variables, answer["rows"]) == ({"rows": (1, 2)}, (1, 2))
    flow.put("load", answer)
    assert data_from("previous_response:load:rows", flow) == [1, 2]


def test_a_text_in_the_message_is_a_condition_of_a_retry() -> None:
    provider = Scripted(Failure.REFUSED, "Paris.")
    config = {"max_retries": 1, "base_delay_ms": 0}
    assert (
        run(
            robust.ask_robustly,
            {"prompt": "?", "retry_config": {**config, "retry_conditions": ["as the TEST says"]}},
            context("ClaudeRobust", provider),
        )["text"]
        == "Paris."
    )
    provider = Scripted(Failure.REFUSED, "Paris.")
    told = {"prompt": "?", "retry_config": {**config, "retry_conditions": ["another reason"]}}
    assert (
        run(robust.ask_robustly, told, context("ClaudeRobust", provider))["fallback"]
        == "graceful_degradation"
    )


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({}, "a,B \n c"),
        ({"processor": "uppercase"}, "A,B \n C"),
        ({"processor": "lowercase"}, "a,b \n c"),
        ({"processor": "trim"}, "a,B\nc\n"),
        ({"processor": "replace", "pattern": ",", "replacement": ";"}, "a;B \n c"),
    ],
)
def test_a_file_is_changed_line_by_line(tmp_path: Path, parameters: dict[str, str], text: str) -> None:
    (tmp_path / "a.txt").write_text("a,B \n c")
    done = operate(tmp_path, operation="stream_process", source="a.txt", **parameters)
    assert done["processed_path"] == "a.txt.processed"
    assert (tmp_path / "a.txt.processed").read_text() == text
    copied = operate(tmp_path, operation="stream_copy", source="a.txt", destination="b/c.txt")
    assert copied["files"] == ["b/c.txt"]


def test_an_echo_answers_with_its_value() -> None:
    assert list(run(variables.echo, {"value": [1]}, context("test_echo"))) == [1]
    assert run(variables.echo, {}, context("test_echo")) == "default_echo"


@pytest.mark.parametrize(
    ("operations", "data"),
    [
        ([{"operation": "filter", "condition": "item.total > 100 and tier == 'gold'"}], [ROWS[2]]),
        ([{"operation": "filter", "field": "user.name", "condition": "value == 'bob'"}], [ROWS[1]]),
        ([{"operation": "filter", "field": "tags"}, {"operation": "map", "field": "id"}], [1, 2]),
        (
            [
                {"operation": "map", "expression": "{'n': user.name, 't': total * 2}"},
                {"operation": "filter", "condition": "t > 400"},
            ],
            [{"n": "cy", "t": 500}],
        ),
        (
            [
                {"operation": "map", "field": "tier", "mapping": {"gold": "g"}},
                {"operation": "map", "field": "tier"},
            ],
            ["g", "silver", "g"],
        ),
        (
            [
                {"operation": "map", "field": "user.name", "expression": "uppercase"},
                {"operation": "map", "field": "user.name"},
            ],
            ["ADA", "BOB", "CY"],
        ),
        ([{"operation": "aggregate", "field": "total", "function": "average"}], 150),
        (
            [{"operation": "aggregate", "field": "total", "function": "sum", "group_by": "tier"}],
            {"gold": 300, "silver": 150},
        ),
        ([{"operation": "aggregate", "field": "tier", "function": "count_distinct"}], 2),
        ([{"operation": "aggregate", "field": "nothing", "function": "max"}], None),
        ([{"operation": "group_by", "field": "tier"}, {"operation": "map", "expression": "length(gold)"}], 2),
        (
            [{"operation": "sort", "by": "total", "order": "desc"}, {"operation": "map", "field": "id"}],
            [3, 2, 1],
        ),
        ([{"operation": "flatten", "field": "tags"}, {"operation": "unique"}], ["a", "b"]),
        (
            [
                {
                    "operation": "join",
                    "left_field": "id",
                    "right_source": "extra",
                    "join_key": "order",
                    "join_type": "inner",
                },
                {"operation": "map", "field": "paid"},
            ],
            [True],
        ),
    ],
)
def test_data_is_transformed(operations: list[dict[str, Any]], data: Any) -> None:
    flow = Scope.begin(results={"rows": ROWS, "extra": {"data": [{"order": 2, "paid": True}]}})
    parameters = {"input_source": "previous_response:rows", "operations": operations, "output_field": "out"}
    assert run(transform, parameters, context("data_transform", values=flow.given())) == {"data": data}
    assert flow.variables == {"out": data}


@pytest.mark.parametrize(
    ("parameters", "fault"),
    [
        ({"input_source": "nowhere", "operations": []}, "is neither an earlier step nor a variable"),
        (
            {"input_source": [1, "a"], "operations": [{"operation": "sort"}]},
            "operation 1, sort: unsupported types",
        ),
        (
            {"input_source": [1], "operations": [{"operation": "join"}]},
            "`right_source` and `join_key` are required",
        ),
        (
            {"input_source": [1], "operations": [{"operation": "map", "expression": "item.__class__.x()"}]},
            "operation 1, map: `item.__class__.x()` has no value",
        ),
    ],
)
def test_data_that_cannot_be_transformed_is_reported(parameters: Mapping[str, Any], fault: str) -> None:
    with pytest.raises(StepwellError) as failed:
        run(transform, parameters, context("data_transform"))
    assert fault in str(failed.value)


def operate(folder: Path, **parameters: Any) -> Any:
    return files.operate(freeze(parameters), context("file_ops", folder=folder))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with files, beside one that must not be touched."""
    inside = tmp_path / "inside"
    for path, text in {"a.txt": "A", "b.txt": "BB", "sub/c.md": "C", "rows.csv": "x,y\n1,2\n"}.items():
        (inside / path).parent.mkdir(parents=True, exist_ok=True)
        (inside / path).write_text(text, encoding="utf-8")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_text("s3cret", encoding="utf-8")
    (inside / "way_out").symlink_to(outside)
    (inside / "secret.lnk").symlink_to(outside / "secret.txt")
    return inside


def test_files_are_copied_moved_listed_and_deleted(folder: Path) -> None:
    assert operate(folder, operation="copy", source="*.txt", destination="copies/") == {
        "operation": "copy",
        "files": ["copies/a.txt", "copies/b.txt"],
        "count": 2,
    }
    assert operate(folder, operation="copy", source="sub", destination="again")["files"] == ["again"]
    assert (folder / "again" / "c.md").read_text() == "C"
    assert operate(folder, operation="move", source="a.txt", destination="z.txt")["files"] == ["z.txt"]
    assert not (folder / "a.txt").exists()
    assert operate(folder, operation="list", pattern="*.md", recursive=True)["files"] == [
        "again/c.md",
        "sub/c.md",
    ]
    assert operate(folder, operation="list", path="copies")["count"] == 2
    assert operate(folder, operation="delete", files=["copies/*", {"path": "again"}])["count"] == 3
    assert sorted(os.listdir(folder)) == [
        "b.txt",
        "copies",
        "rows.csv",
        "secret.lnk",
        "sub",
        "way_out",
        "z.txt",
    ]


def test_files_are_converted_and_validated(folder: Path) -> None:
    operate(folder, operation="convert", source="rows.csv", destination="r.json", format="csv_to_json")
    assert json.loads((folder / "r.json").read_text()) == [{"x": "1", "y": "2"}]
    operate(folder, operation="convert", source="r.json", destination="r.csv", format="json_to_csv")
    assert (folder / "r.csv").read_text() == "x,y\n1,2\n"
    (folder / "m.json").write_text('{"a": [1, "no"]}')
    operate(folder, operation="convert", source="m.json", destination="m.yaml", format="json_to_yaml")
    operate(folder, operation="convert", source="m.yaml", destination="m2.json", format="yaml_to_json")
    assert json.loads((folder / "m2.json").read_text()) == {"a": [1, "no"]}
    wanted = [{"path": "a.txt", "min_size": 1, "must_be_file": True}, {"path": "gone", "must_exist": False}]
    assert operate(folder, operation="validate", files=wanted)["count"] == 2
    with pytest.raises(StepFailed, match=r"`b.txt` must have at most 1 bytes, got 2; `sub` is not a file"):
        operate(
            folder,
            operation="validate",
            files=[{"path": "b.txt", "max_size": 1}, {"path": "sub", "must_be_file": True}],
        )


@pytest.mark.parametrize(
    ("parameters", "fault"),
    [
        (
            {"operation": "copy", "source": "../outside/secret.txt", "destination": "x"},
            "is outside the folder",
        ),
        ({"operation": "copy", "source": "/etc/passwd", "destination": "x"}, "must be relative"),
        ({"operation": "copy", "source": "secret.lnk", "destination": "x"}, "through a link"),
        ({"operation": "copy", "source": "way_out/secret.txt", "destination": "x"}, "through a link"),
        ({"operation": "copy", "source": "a.txt", "destination": "way_out/x"}, "through a link"),
        ({"operation": "copy", "source": "a.txt", "destination": "sub/../../x"}, "is outside the folder"),
        ({"operation": "copy", "source": "a.txt", "destination": "b.txt"}, "already exists"),
        (
            {"operation": "copy", "source": "sub", "destination": "sub/inner"},
            "cannot be copied or moved into itself",
        ),
        ({"operation": "move", "source": "a.txt", "destination": "/x"}, "must be relative"),
        ({"operation": "delete", "path": "."}, "the folder itself cannot be deleted"),
        ({"operation": "delete", "path": "sub/.."}, "the folder itself cannot be deleted"),
        ({"operation": "delete", "path": "way_out"}, "through a link"),
        ({"operation": "delete", "files": ["../outside/*"]}, "is outside the folder"),
        ({"operation": "delete"}, "`path` or `files` is required"),
        ({"operation": "list", "path": "way_out"}, "through a link"),
        ({"operation": "list", "pattern": "../*"}, "is outside the folder"),
        ({"operation": "validate", "files": ["~/x"]}, "must be relative"),
        (
            {"operation": "convert", "source": "a.txt", "destination": "x", "format": "json_to_csv"},
            "is not valid JSON",
        ),
        ({"operation": "convert", "source": "a.txt"}, "`destination` is required"),
    ],
)
def test_files_stay_inside_their_folder(folder: Path, parameters: Mapping[str, Any], fault: str) -> None:
    before = {path: path.read_bytes() for path in folder.parent.rglob("*") if path.is_file()}
    with pytest.raises(StepFailed) as refused:
        operate(folder, **parameters)
    assert fault in str(refused.value)
    assert {path: path.read_bytes() for path in folder.parent.rglob("*") if path.is_file()} == before


def test_a_pattern_does_not_reach_through_a_link(folder: Path) -> None:
    assert operate(folder, operation="list", pattern="**/*", recursive=True)["files"] == [
        "a.txt",
        "b.txt",
        "rows.csv",
        "sub",
        "sub/c.md",
    ]
    assert operate(folder, operation="copy", source="*.lnk", destination="links/")["count"] == 0


async def answering(kind: str, parameters: Mapping[str, Any], values: Mapping[str, Any]) -> Any:
    """Replaces an executor: an echo, a variable, or a failure."""
    from stepwell.run.steps import Fault, StepError, StepResult

    flow = Scope.of(values)
    if kind == "fail":
        return StepResult(False, error=StepError("fail", Fault.ERROR, "it had to fail"))
    if kind == "set":
        flow.set("n", flow.variables.get("n", 0) + 1)
    if kind == "pipeline":
        return StepResult(
            True, await nested.run_workflow(parameters, context("pipeline", values=values, run=answering))
        )
    return StepResult(True, {"text": f"{flow.path}:{flow.names().get('loop', {}).get('item', '')}"})


def loop(call: Any, parameters: Mapping[str, Any], flow: Scope | None = None) -> Any:
    given = context(
        "for_loop", values=(Scope.begin() if flow is None else flow).at("each").given(), run=answering
    )
    return run(call, parameters, given)


@pytest.mark.parametrize("parallel", [True, False])
def test_a_loop_runs_its_steps_for_each_item(parallel: bool) -> None:
    steps = [{"name": "say", "type": "echo"}]
    parameters = {"iterator": "word", "data_source": ["a", "b"], "steps": steps, "parallel": parallel}
    flow = Scope.begin()
    answer = loop(loops.for_each, parameters, flow)
    assert [one["results"]["say"]["text"] for one in answer["iterations"]] == [
        "each[0].say:a",
        "each[1].say:b",
    ]
    assert (answer["completed_items"], answer["success"]) == (2, True)
    assert flow["say"]["text"] == "each[1].say:b"


def test_a_loop_stops_at_a_failure_or_continues() -> None:
    steps = [{"name": "x", "type": "fail", "condition": "loop.n == 1"}, {"name": "y", "type": "echo"}]
    parameters = {"iterator": "n", "data_source": [0, 1, 2], "steps": steps}
    with pytest.raises(StepFailed, match=r"step `each`: item 1 failed: step `each\[1\].x`: it had to fail"):
        loop(loops.for_each, parameters)
    answer = loop(loops.for_each, {**parameters, "break_on_error": False})
    assert [one["success"] for one in answer["iterations"]] == [True, False, True]


@pytest.mark.parametrize(
    ("parameters", "fault"),
    [
        ({"data_source": "{{ 3 }}"}, "`data_source` must be a list, got int"),
        ({"data_source": [1, 2, 3], "max_iterations": 2}, "at most 2 items, got 3"),
        ({"data_source": "nowhere"}, "unknown name `nowhere`"),
    ],
)
def test_a_loop_without_a_list_is_rejected(parameters: Mapping[str, Any], fault: str) -> None:
    with pytest.raises(StepwellError) as refused:
        loop(loops.for_each, {"iterator": "n", "steps": [], **parameters})
    assert fault in str(refused.value)


def test_a_while_loop_is_bounded() -> None:
    flow = Scope.begin()
    steps = [{"name": "more", "type": "set"}]
    assert loop(loops.repeat, {"condition": "not n or n < 3", "steps": steps}, flow) == {
        "iterations": 3,
        "success": True,
        "max_iterations_reached": False,
    }
    assert loop(loops.repeat, {"condition": "true", "steps": steps, "max_iterations": 4})["iterations"] == 4
    with pytest.raises(StepFailed, match="timed out after 0 s"):
        loop(loops.repeat, {"condition": "true", "steps": steps, "timeout_seconds": 0.0})


def test_steps_are_counted_over_all_loops() -> None:
    flow = Scope.begin(Setting(max_steps=5))
    steps = [{"name": "more", "type": "set"}]
    with pytest.raises(StepwellError, match="the run exceeds the limit of 5 steps"):
        loop(loops.repeat, {"condition": "true", "steps": steps}, flow)


def test_workflows_lie_only_so_deep_in_each_other() -> None:
    stated: dict[str, Any] = {"steps": [{"name": "again", "type": "pipeline", "pipeline_file": "self.yaml"}]}
    flow = Scope.begin(Setting(max_depth=3, load=lambda _: stated))
    given = context("pipeline", values=flow.at("again").given(), run=answering)
    with pytest.raises(StepFailed, match="workflows are nested more than 3 levels deep"):
        run(nested.run_workflow, {"pipeline_file": "self.yaml"}, given)


def test_a_workflow_inside_sees_its_inputs_and_no_more() -> None:
    inner = {"variables": {"a": 1, "b": 1}, "steps": [{"name": "s", "type": "echo"}]}
    flow = Scope.begin(results={"outer": "x"}, variables={"v": 1})
    given = context("pipeline", values=flow.at("in").given(), run=answering)
    parameters = {"pipeline": inner, "inputs": {"b": 2}, "outputs": ["b", {"path": "s.text", "as": "said"}]}
    assert run(nested.run_workflow, parameters, given)["data"] == {"b": 2, "said": "in.s:"}
    with pytest.raises(StepwellError, match="`v` has no value"):
        run(nested.run_workflow, {**parameters, "outputs": ["v"]}, given)
    inherits = {**parameters, "outputs": ["v"], "config": {"inherit_context": True}}
    assert run(nested.run_workflow, inherits, given)["data"] == {"v": 1}
    assert list(flow) == ["outer"]
    for name in ("inputs.b", "workflow.input.b"):
        outputs = [{"path": name, "as": "given"}]
        assert run(nested.run_workflow, {**parameters, "outputs": outputs}, given)["data"] == {"given": 2}


def test_a_step_of_a_nested_workflow_reads_its_inputs() -> None:
    steps = [
        {"name": "given", "type": "echo", "condition": "inputs.b == 2 and b == 2"},
        {"name": "default", "type": "echo", "condition": "inputs.b == 1"},
    ]
    given = context("pipeline", values=Scope.begin().at("in").given(), run=answering)
    parameters = {"pipeline": {"variables": {"b": 1}, "steps": steps}, "inputs": {"b": 2}}
    assert run(nested.run_workflow, parameters, given)["data"].keys() == {"given"}
