"""What the pages show is what happens (the format: CONTRIBUTING.md, "Pages that run")."""

from __future__ import annotations

import difflib
import doctest
import os
import re
import shlex
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
import tomli
from tests.warm_python import commands as commands_of_stepwell

from stepwell.frontends.cli import run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).resolve().parents[2]
PAGES = [
    str(page.relative_to(REPOSITORY).as_posix())
    for pattern in ("README.md", "docs/tutorial*.md", "docs/how-to/*.md", "docs/reference/*.md")
    for page in sorted(REPOSITORY.glob(pattern))
]

IN_A_CLONE = "in a clone of the Stepwell repository"
"""Words near the top of a page that is not followed in a project of `stepwell init`."""

BLOCK = re.compile(
    r"""
    (?:^[ ]*(?:\*\*`(?P<file>[^`\n]+)`\*\*|<!--[ ]*exit:[ ]*(?P<exit>\d+)[ ]*-->)\n(?:[ ]*\n)?)?
    ^(?P<indent>[ ]*)```(?P<language>\w+)\n
    (?P<body>(?:.*\n)*?)
    ^[ ]*```[ ]*$
    """,
    re.VERBOSE | re.MULTILINE,
)
PYTHON_SESSION = re.compile(r"^```pycon\n(.*?)^```$", re.MULTILINE | re.DOTALL)
DURATION = re.compile(r"\bin (?:\d+(?:\.\d+)? ?|less than 0\.01 )(?:ms|s)\b")


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that a page asks of its reader: write a file, or run a command and see this."""

    line: int
    command: str = ""
    output: str = ""
    exit_code: int = 0
    file: str = ""
    content: str = ""


def steps(page: str) -> Iterator[Step]:
    for block in BLOCK.finditer(page):
        line = page.count("\n", 0, block.start("body")) + 1
        body = textwrap.dedent(block["body"])
        if block["file"]:
            yield Step(line, file=block["file"], content=body)
        elif block["language"] == "console":
            yield from commands(line, body, int(block["exit"] or 0))


def commands(line: int, body: str, last_exit_code: int) -> Iterator[Step]:
    lines = body.splitlines()
    starts = [at for at, text in enumerate(lines) if text.startswith("$ ")]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        command = lines[start].removeprefix("$ ")
        after = start + 1
        while quote_is_open(command) and after < end:
            command += "\n" + lines[after]
            after += 1
        code = last_exit_code if end == len(lines) else 0
        yield Step(line + start, command, "\n".join(lines[after:end]).rstrip(), code)


def quote_is_open(command: str) -> bool:
    try:
        shlex.split(command)
    except ValueError:
        return True
    return False


def matches(shown: str, told: str) -> bool:
    """Whether a command printed what a page shows; ``...`` is any text, and alone in a line any lines."""
    pattern = "".join(
        r"(?:.*\n)*" if line.strip() == "..." else r"[^\n]*".join(map(re.escape, line.split("..."))) + r"\n"
        for line in comparable(shown).splitlines()
    )
    text = comparable(told)
    return re.fullmatch(pattern, text + "\n" if text else "") is not None


def comparable(output: str) -> str:
    return "\n".join(line.rstrip() for line in DURATION.sub("in 0 s", output).rstrip().splitlines())


def follow(page: str, project: Path, environment: Mapping[str, str], commands: str = "") -> str:
    """Follow a page and return its first difference from what happens; empty if there is none.

    Args:
        commands: folder with `stepwell`, `python` and `pytest`; default: those of the tests.
    """
    folder = project
    own = [commands] if commands else [commands_of_stepwell(), str(Path(sys.executable).parent)]
    path = os.pathsep.join([*own, environment["PATH"]])
    for step in steps(page):
        if step.file:
            (folder / step.file).parent.mkdir(parents=True, exist_ok=True)
            (folder / step.file).write_bytes(step.content.encode())
            continue
        if step.command.startswith("make "):
            continue
        done = subprocess.run(
            ["bash", "-c", step.command],
            cwd=folder,
            env={**environment, "PATH": path},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=120,
            check=False,
        )
        told = done.stdout.decode()
        if done.returncode != step.exit_code or not matches(step.output, told):
            shown = comparable(step.output).splitlines()
            told_lines = comparable(told).splitlines()
            return "\n".join(
                [
                    f"line {step.line}: $ {step.command}",
                    f"exit code {done.returncode}, the page says {step.exit_code}",
                    *difflib.unified_diff(shown, told_lines, "page", "command", lineterm=""),
                ]
            )
        if step.command.startswith("cd "):
            folder = folder / step.command.removeprefix("cd ")
    return ""


@pytest.fixture
def folder_of(tmp_path: Path, copy_repository: Callable[..., Path]) -> Callable[[str], Path]:
    """A function that returns the folder to follow a page in: a new project, or a clone."""

    def make(page: str) -> Path:
        if is_followed_in_a_clone(page):
            return copy_repository(tmp_path / "stepwell", tests=False)
        assert run(["init", str(tmp_path / "project")]) == 0
        return tmp_path / "project"

    return make


def is_followed_in_a_clone(page: str) -> bool:
    top = (REPOSITORY / page).read_text(encoding="utf-8").partition("```")[0]
    return IN_A_CLONE in " ".join(top.split())


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_shows_is_what_happens(
    page: str, folder_of: Callable[[str], Path], environment: Mapping[str, str]
) -> None:
    text = (REPOSITORY / page).read_text(encoding="utf-8")
    assert follow(text, folder_of(page), environment) == "", page


def sessions(page: str) -> str:
    """The Python sessions of a page, every line at its place, and nothing else."""
    kept, end = "", 0
    for session in PYTHON_SESSION.finditer(page):
        kept += "\n" * page.count("\n", end, session.start(1)) + session[1]
        end = session.end(1)
    return kept


@pytest.mark.parametrize(
    "page", [page for page in PAGES if "```pycon" in (REPOSITORY / page).read_text("utf-8")]
)
def test_python_answers_what_a_page_shows(
    page: str,
    folder_of: Callable[[str], Path],
    environment: Mapping[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(folder_of(page))
    for name in set(os.environ) - set(environment):
        monkeypatch.delenv(name)
    typed = doctest.DocTestParser().get_doctest(
        sessions((REPOSITORY / page).read_text(encoding="utf-8")), {}, page, page, 0
    )
    told: list[str] = []
    failed, tried = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(typed, out=told.append)
    assert tried > 0
    assert failed == 0, "".join(told)


def test_the_readme_is_short() -> None:
    assert len((REPOSITORY / "README.md").read_text(encoding="utf-8").splitlines()) <= 150


def test_every_extra_is_on_the_installation_page() -> None:
    project = tomli.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    page = (REPOSITORY / "docs/how-to/install.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE) == list(project["optional-dependencies"])[:-1]


LINK = re.compile(r"\]\(<?([a-z]+://[^\s)>]+)|<([a-z]+://[^\s>]+)>|^\[[^\]]+\]: ([a-z]+://\S+)", re.MULTILINE)
PLACEHOLDER = re.compile(r"example\.(?:com|org|net)|localhost|127\.0\.0\.1|TODO|XXX|\.\.\.|[{}$]")
WRITTEN = [*REPOSITORY.glob("*.md"), *REPOSITORY.glob(".github/**/*.md"), *REPOSITORY.glob("docs/**/*.md")]


def external_links(text: str) -> list[str]:
    prose = re.sub(r"^( *)```.*?^ *```$|`[^`\n]*`", "", text, flags=re.MULTILINE | re.DOTALL)
    return ["".join(groups) for groups in LINK.findall(prose)]


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_external_links_are_https_and_no_placeholders(page: Path) -> None:
    for link in external_links(page.read_text(encoding="utf-8")):
        parts = urlsplit(link)
        assert parts.scheme == "https", link
        assert re.fullmatch(r"(?:[a-z0-9-]+\.)+[a-z]{2,}", parts.netloc), link
        assert not PLACEHOLDER.search(link), link


def test_external_links_are_found() -> None:
    text = "[a](https://a.org/x) <https://b.org> `[c](http://c.org)`\n```sh\n<http://d.org>\n```\n[e]: https://e.org\n"
    assert external_links(text) == ["https://a.org/x", "https://b.org", "https://e.org"]
    assert sum(len(external_links(page.read_text(encoding="utf-8"))) for page in WRITTEN) > 20


def test_the_readme_shows_commands() -> None:
    shown = [step for step in steps((REPOSITORY / "README.md").read_text(encoding="utf-8")) if step.command]
    assert shown, "README.md has no ```console block with a line that begins with `$ `"


@pytest.mark.parametrize(
    ("shown", "told", "same"),
    [
        ("", "", True),
        ("", "anything\n", False),
        ("one\ntwo", "one\ntwo\n", True),
        ("one", "one\ntwo\n", False),
        ("one\n...", "one\ntwo\nthree\n", True),
        ("...\nthree", "one\ntwo\nthree\n", True),
        ("one\n...\nthree", "one\nthree\n", True),
        ("one\n...\nfour", "one\ntwo\nthree\n", False),
        ("wrote ... bytes", "wrote 12 bytes\n", True),
        ("wrote ... bytes", "wrote 12\nbytes\n", False),
        ("18 steps in 0.04 s", "18 steps in 1.7 s\n", True),
        ("18 steps in 0.04 s", "19 steps in 0.04 s\n", False),
        ("a.b", "axb\n", False),
    ],
)
def test_output_is_compared_line_by_line(shown: str, told: str, same: bool) -> None:
    assert matches(shown, told) is same


@pytest.mark.parametrize(
    ("page", "difference"),
    [
        ("```console\n$ echo one\none\n\n$ echo two\ntwo\n```\n", ""),
        ("```console\n$ make demo\nnever run\n```\n", ""),
        ("```console\n$ python -c '\nprint(1)'\n1\n```\n", ""),
        ("**`a/b.yaml`**\n\n```yaml\nx: 1\n```\n\n```console\n$ cd a\n$ cat b.yaml\nx: 1\n```\n", ""),
        ("1. Do\n\n   ```console\n   $ echo one\n   one\n   ```\n", ""),
        ("<!-- exit: 3 -->\n```console\n$ exit 3\n```\n", ""),
        ("```console\n$ exit 3\n```\n", "line 2: $ exit 3\nexit code 3, the page says 0"),
        (
            "Text\n```console\n$ echo 1\n2\n```\n",
            "line 3: $ echo 1\nexit code 0, the page says 0\n--- page\n+++ command\n@@ -1 +1 @@\n-2\n+1",
        ),
    ],
)
def test_a_wrong_page_is_reported_with_its_line(
    page: str, difference: str, tmp_path: Path, environment: Mapping[str, str]
) -> None:
    assert follow(page, tmp_path, environment) == difference


def test_functions_that_the_architecture_links_are_in_their_files() -> None:
    text = (REPOSITORY / "ARCHITECTURE.md").read_text(encoding="utf-8")
    links = re.findall(r"\[`?(\w+)`?\]\((src/[^)]+\.py)\)", text)
    assert len(links) > 20
    for name, path in links:
        file = REPOSITORY / path
        content = file.read_text(encoding="utf-8")
        assert name == file.stem or re.search(rf"^\s*(def|class) {name}\b|^{name}\b", content, re.M), (
            name,
            path,
        )
