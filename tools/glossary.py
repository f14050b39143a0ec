"""Find words in the project's texts that its glossary replaces; ``--check`` fails on the first of them.

The glossary is ``tools/glossary.toml``. Users' files and other people's texts are not read.
"""

from __future__ import annotations

import argparse
import ast
import collections
import io
import json
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    import tomli as tomllib

REPOSITORY: Final = Path(__file__).resolve().parents[1]
GLOSSARY: Final = REPOSITORY / "tools/glossary.toml"

FENCE = re.compile(r"^( *)(`{3,})[^\n]*\n.*?^\1\2 *$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"(`+)(?!`).+?\1", re.DOTALL)
REPLACED = re.compile(r"\{[^{}\n]*\}")
"""A replacement field of an f-string or a template."""


class Text(NamedTuple):
    """Words of one file, with the line (from 1) on which they begin."""

    line: int
    words: str
    is_name: bool = False
    is_variable: bool = False


class Finding(NamedTuple):
    """A word to replace."""

    path: str
    line: int
    word: str
    instead: str


def blank(match: re.Match[str]) -> str:
    """Return as many line breaks as the match, so that later lines keep their numbers."""
    return " " + "\n" * match[0].count("\n")


def of_markdown(content: str) -> Iterator[Text]:
    yield Text(1, CODE.sub(blank, FENCE.sub(blank, content)))


def of_python(content: str, *, strings: bool = True) -> Iterator[Text]:
    """Yield comments, names, docstrings and, on request, all other strings."""
    for token in tokenize.generate_tokens(io.StringIO(content).readline):
        is_text = token.type == tokenize.STRING or token.type == getattr(tokenize, "FSTRING_MIDDLE", -1)
        is_shown = strings or token.string.startswith('"""')
        if token.type == tokenize.COMMENT or (is_text and is_shown and " " in token.string):
            yield Text(token.start[0], CODE.sub(blank, REPLACED.sub(blank, token.string)))
    for node in ast.walk(ast.parse(content)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield Text(node.lineno, words_of(node.name), is_name=True)
        elif isinstance(node, ast.arg):
            yield Text(node.lineno, node.arg, is_variable=True)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield Text(node.lineno, node.id, is_variable=True)


def of_test(content: str) -> Iterator[Text]:
    """Yield the texts of a test module; its other strings are input and expected output."""
    return of_python(content, strings=False)


def words_of(name: str) -> str:
    """Return the words of a snake_case, kebab-case or CamelCase name."""
    return re.sub(r"[_\-.]|(?<=[a-z])(?=[A-Z])", " ", name)


def of_json(content: str) -> Iterator[Text]:
    def strings(value: Any) -> Iterator[str]:
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            for each in value.values():
                yield from strings(each)
        elif isinstance(value, list):
            for each in value:
                yield from strings(each)

    for text in strings(json.loads(content)):
        if " " in text:
            begin = content.find(json.dumps(text, ensure_ascii=False)[1:-1])
            yield Text(content.count("\n", 0, max(begin, 0)) + 1, CODE.sub(blank, text))


def of_plain(content: str) -> Iterator[Text]:
    yield Text(1, CODE.sub(blank, REPLACED.sub(blank, content)))


READERS: Final = {
    ".md": of_markdown,
    ".py": of_python,
    ".pyi": of_python,
    ".json": of_json,
    **dict.fromkeys((".toml", ".yaml", ".yml", ".j2", ".html", ".css", ".cfg", ".txt"), of_plain),
}


def tracked_files() -> list[str]:
    """Return the files that git tracks; outside a clone, such as in an unpacked sdist, all visible files."""
    if (REPOSITORY / ".git").exists():
        command = ["git", "ls-files", "-z"]
        listed = subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True, text=True)  # noqa: S603
        return [path for path in listed.stdout.split("\0") if path]
    every = (path.relative_to(REPOSITORY) for path in REPOSITORY.rglob("*") if path.is_file())
    built = ("build", "dist", "site")
    return [
        path.as_posix()
        for path in every
        if path.parts[0] not in built and not any(part.startswith((".", "__")) for part in path.parts[:-1])
    ]


def findings(glossary: dict[str, Any]) -> Iterator[Finding]:
    """Yield every word of a tracked file that the glossary replaces and no exception allows."""
    words, variables = (
        [
            (re.compile(rf"(?<![\w-])(?:{pattern})(?![\w-])", re.IGNORECASE), instead)
            for pattern, instead in glossary[table].items()
        ]
        for table in ("words", "variables")
    )
    skipped = [re.compile(each["path"]) for each in glossary["skip"]]
    allowed = [
        (re.compile(each["path"]), re.compile(each["text"], re.IGNORECASE)) for each in glossary["allow"]
    ]
    unnamed = [re.compile(each["path"]) for each in glossary["skip_names"]]
    for path in tracked_files():
        is_test = path.startswith("tests/") and path.endswith(".py")
        read = of_test if is_test else READERS.get(Path(path).suffix)
        file = REPOSITORY / path
        if read is None or not file.is_file() or any(each.match(path) for each in skipped):
            continue
        exceptions = [text for where, text in allowed if where.match(path)]
        names_count = not any(each.match(path) for each in unnamed)
        for text in (*read(file.read_text(encoding="utf-8")), Text(1, words_of(path), is_name=True)):
            if (text.is_name and not names_count) or (text.is_variable and not path.startswith("src/")):
                continue
            spared = [match.span() for each in exceptions for match in each.finditer(text.words)]
            for pattern, instead in variables if text.is_variable else words:
                for match in pattern.finditer(text.words):
                    if not any(start <= match.start() < end for start, end in spared):
                        line = text.line + text.words.count("\n", 0, match.start())
                        yield Finding(path, line, match[0], instead)


def main() -> int:
    """Print every finding, or with ``--count`` how many there are of each word."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="exit with 1 if there is a finding")
    parser.add_argument("--count", action="store_true", help="count the findings of each word and folder")
    parser.add_argument("prefix", nargs="*", help="report only files below these paths")
    options = parser.parse_args()
    every = [
        each
        for each in findings(tomllib.loads(GLOSSARY.read_text(encoding="utf-8")))
        if not options.prefix or each.path.startswith(tuple(options.prefix))
    ]
    if options.count:
        words = collections.Counter(each.word.lower() for each in every)
        folders = collections.Counter("/".join(each.path.split("/")[:3]) for each in every)
        lines = [f"{count:6} {name}" for table in (words, folders) for name, count in table.most_common()]
    else:
        lines = [f"{each.path}:{each.line}: `{each.word}`: write {each.instead}" for each in every]
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return 1 if every and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
