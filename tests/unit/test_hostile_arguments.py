"""No command writes a control sequence of its arguments to the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from stepwell.frontends.cli import CommandGroup, _stepwell, run

HOSTILE = "x\x1b]0;title\a\x1b[31m\u202ey\r\x9b2J"
FILES = {
    "registry.d/steps/scoring.yaml": "name: Scoring\ndescription: Score.\n",
    "registry.d/pipelines/nightly.yaml": "name: Nightly\ndescription: N.\nsteps: [{id: s, step: Scoring}]\n",
    "workspaces/alice/workspace.yaml": "developer_id: alice\n",
    "file.yaml": "a: 1\n",
}
GOOD = {
    "step": "Scoring",
    "pipeline": "Nightly",
    "workspace": "alice",
    "file": "file.yaml",
    "name": "Scoring",
}


def commands(
    group: CommandGroup, above: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, CommandGroup):
            yield from commands(command, (*above, name))
        else:
            yield (*above, name), command


def calls() -> Iterator[Any]:
    for words, command in commands(_stepwell):
        if words == ("watch",):
            continue
        arguments = [one for one in command.params if isinstance(one, click.Argument)]
        values = [GOOD.get((one.name or "").rstrip("s"), "Scoring") for one in arguments]
        for place, argument in enumerate(arguments):
            hostile = [HOSTILE if at == place else value for at, value in enumerate(values)]
            yield pytest.param([*words, *hostile], id=f"{' '.join(words)} {argument.name}")
        for option in command.params:
            if isinstance(option, click.Option) and not option.is_flag:
                yield pytest.param(
                    [*words, *values, option.opts[0], HOSTILE], id=f"{' '.join(words)} {option.opts[0]}"
                )
        yield pytest.param([*words, *values, f"--{HOSTILE}"], id=f"{' '.join(words)} unknown option")
    yield pytest.param([HOSTILE], id="unknown command")
    yield pytest.param(["-C", HOSTILE, "check"], id="-C")


@pytest.mark.parametrize("arguments", [*calls()])
def test_an_argument_is_escaped_wherever_it_is_printed(
    project: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    root: Path = project(FILES)
    monkeypatch.chdir(root)
    run(arguments)
    written = capsys.readouterr()
    for text in written:
        assert not set(text) & set("\x1b\a\x9b\u202e\r"), text
