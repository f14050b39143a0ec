"""What a script reads and writes, from its text: parsed, never run."""

from __future__ import annotations

import ast
import posixpath
from collections.abc import Iterable, Iterator
from typing import Final, final

from stepwell.check.alignment.scope import ArgumentUse, EnvironmentUse, PathUse, ScriptFacts
from stepwell.code.alignment.parse import Known, Names, Parsed, constants_of, every_node, known

__all__ = ["facts_of"]

_HANDED_OVER: Final = frozenset({"environ_vars", "env_vars", "environ", "environment", "env"})
"""What the parameter of a function is called that is handed the environment."""
_OF_THE_PLATFORM: Final = ("SM_", "AWS_", "SAGEMAKER_", "LC_", "PYTHON")
_OF_THE_SYSTEM: Final = frozenset(
    {"PATH", "HOME", "USER", "LANG", "PWD", "SHELL", "TMPDIR", "TEMP", "TMP", "TRAINING_JOB_NAME", "HOSTNAME"}
)
_FOLDERS: Final = {
    "SM_MODEL_DIR": "/opt/ml/model",
    "SM_INPUT_DIR": "/opt/ml/input",
    "SM_INPUT_CONFIG_DIR": "/opt/ml/input/config",
    "SM_OUTPUT_DIR": "/opt/ml/output",
    "SM_OUTPUT_DATA_DIR": "/opt/ml/output/data",
}
"""The folders that variables of a training job hold (SageMaker Training Toolkit: ENVIRONMENT_VARIABLES)."""
_CHANNEL: Final = "SM_CHANNEL_"
_CONTAINER: Final = "/opt/ml"
_COMPOSED: Final = (ast.BinOp, ast.JoinedStr, ast.Call)
"""What a path may be put together with."""

_WRITING: Final = frozenset(
    {
        *("to_csv", "to_parquet", "to_json", "to_pickle", "to_excel", "to_feather", "save_model", "savefig"),
        *("write_text", "write_bytes", "mkdir", "touch", "os.makedirs", "os.mkdir"),
    }
)
_OPENING: Final = frozenset({"open", "io.open", "codecs.open", "gzip.open", "bz2.open", "lzma.open"})
_CLICK: Final = frozenset({"click.option", "click.argument"})
_READERS_OF_ARGUMENTS: Final = frozenset(
    {
        *("typer", "fire", "absl", "docopt", "optparse", "getopt", "jsonargparse", "tyro", "hydra", "plac"),
        *("argh", "cyclopts", "simple_parsing"),
    }
)
"""Packages that take arguments from signatures, texts and the like."""
_READERS_OF_THE_ENVIRONMENT: Final = frozenset(
    {"pydantic_settings", "environs", "decouple", "dotenv", "dynaconf", "environ"}
)
"""Packages that read variables whose names a script does not write out."""


def facts_of(parsed: Parsed) -> ScriptFacts:
    """What a script was seen to do."""
    return _Script(parsed).facts()


@final
class _Script:
    """One script while it is looked through."""

    def __init__(self, parsed: Parsed) -> None:
        self._parsed = parsed
        self._nodes = parsed.nodes
        self._names = Names(self._nodes)
        self._constants = constants_of(self._nodes)
        self._environment: list[EnvironmentUse] = []
        self._arguments: list[ArgumentUse] = []
        self._paths: dict[tuple[str, bool], PathUse] = {}
        self._seen: set[int] = set()  # nodes that lie in a path that is told already
        self._understood: set[int] = set()  # uses of the environment of which it is known what is read
        self._parsers: set[str] = set()  # names of what arguments are added to
        for name, value in self._constants.items():
            stands_for = self._names.full(value)
            if stands_for in ("os.environ", "os.getenv"):
                self._names.alias(name, stands_for)
                self._understood.add(id(value))
        self._handed = {one.arg for one in self._nodes.get(ast.arg, ()) if one.arg in _HANDED_OVER}
        packages = self._names.packages
        self._open_environment = not packages.isdisjoint(_READERS_OF_THE_ENVIRONMENT)
        self._open_arguments = not packages.isdisjoint(_READERS_OF_ARGUMENTS)

    def facts(self) -> ScriptFacts:
        calls = self._nodes.get(ast.Call, ())
        for call in calls:
            self._call(call)
        for node in self._nodes.get(ast.Subscript, ()):
            if self._is_environment(node.value) and isinstance(node.ctx, ast.Load):
                self._variable(node.slice, required=True)
        for node in self._nodes.get(ast.Compare, ()):
            asked = isinstance(node.ops[0], (ast.In, ast.NotIn)) and len(node.ops) == 1
            if asked and self._is_environment(node.comparators[0]):
                self._variable(node.left, required=False)
        for node in self._parsed.every:  # after the calls, which tell what is written
            if isinstance(node, _COMPOSED):
                self._path(node, written=False)
        for node in self._nodes.get(ast.Constant, ()):
            if type(node.value) is str and node.value.startswith(_CONTAINER):
                self._path(node, written=False)
        return ScriptFacts(
            self._parsed.path,
            tuple(sorted(self._environment, key=_place)),
            tuple(sorted(self._arguments, key=_place)),
            tuple(sorted(self._paths.values(), key=_place)),
            self._starts(),
            self._open_environment or self._hands_environment_on(),
            self._open_arguments or self._takes_arguments_elsewhere(calls),
        )

    def _hands_environment_on(self) -> bool:
        """Whether the environment is used in a way from which it cannot be told which variables are read."""
        uses = [one for one in self._nodes.get(ast.Attribute, ()) if one.attr == "environ"]
        names = self._names.of("os.environ")
        if names:
            uses += [one for one in self._nodes.get(ast.Name, ()) if one.id in names]
        return any(
            id(one) not in self._understood
            and isinstance(one.ctx, ast.Load)
            and self._names.full(one) == "os.environ"
            for one in uses
        )

    def _takes_arguments_elsewhere(self, calls: Iterable[ast.Call]) -> bool:
        """Whether arguments are taken by other means, or by code that lies elsewhere."""
        if not self._arguments and (
            self._names.of("sys.argv")
            or any(self._names.full(one) == "sys.argv" for one in self._nodes.get(ast.Attribute, ()))
        ):
            return True
        own = {one.name for one in self._nodes.get(ast.FunctionDef, ())}
        for call in calls:
            if any(word.arg == "parents" for word in call.keywords):
                return True
            given = (*call.args, *(word.value for word in call.keywords))
            hands_on = any(isinstance(one, ast.Name) and one.id in self._parsers for one in given)
            if hands_on and not (isinstance(call.func, ast.Name) and call.func.id in own):
                return True
        return bool(self._parsers) and "argparse" not in self._names.packages

    def _call(self, call: ast.Call) -> None:
        function = self._names.full(call.func)
        method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
        if function == "os.getenv" or (
            method in ("get", "pop", "setdefault")
            and isinstance(call.func, ast.Attribute)
            and self._is_environment(call.func.value)
        ):
            if call.args:
                self._variable(call.args[0], required=False)
        elif method == "update" and isinstance(call.func, ast.Attribute):
            self._is_environment(call.func.value)  # only written to
        elif method == "add_argument" or function in _CLICK:
            self._argument(call)
        elif method == "parse_known_args":
            self._open_arguments = True
        if method in ("add_argument", "parse_args") and isinstance(call.func, ast.Attribute):
            owner = call.func.value
            self._parsers.add(owner.id if isinstance(owner, ast.Name) else "")
        for given in (*call.args, *(word.value for word in call.keywords)) if self._handed else ():
            self._is_environment(given)  # handed to a function that is looked through, too
        if function in _OPENING:
            self._path_of(call.args[:1], written=_writes(call, 1))
        elif function in _WRITING or method in _WRITING:
            self._path_of(call.args[:1], written=True)
            if isinstance(call.func, ast.Attribute):
                self._path_of([call.func.value], written=True)
        elif method == "open" and isinstance(call.func, ast.Attribute):
            self._path_of([call.func.value], written=_writes(call, 0))

    def _is_environment(self, expression: ast.expr) -> bool:
        """Whether it is; then it is used in a way that is understood."""
        if isinstance(expression, ast.Name) and expression.id in self._handed:
            return True
        if self._names.full(expression) != "os.environ":
            return False
        self._understood.add(id(expression))
        return True

    def _variable(self, expression: ast.expr, *, required: bool) -> None:
        name = known(expression, self._names, self._constants)
        if name is None or not name.whole:
            self._open_environment = True
            return
        folder = _FOLDERS.get(name.text)
        if name.text.startswith(_CHANNEL):
            folder = f"/opt/ml/input/data/{name.text.removeprefix(_CHANNEL).lower()}"
        span = self._parsed.span(expression)
        if folder is not None:
            self._paths.setdefault((folder, False), PathUse(folder, True, False, span))
        elif not name.text.startswith(_OF_THE_PLATFORM) and name.text not in _OF_THE_SYSTEM:
            self._environment.append(EnvironmentUse(name.text, required, span))

    def _argument(self, call: ast.Call) -> None:
        words = [known(one, self._names, self._constants) for one in call.args]
        if not words or any(one is None or not one.whole for one in words):
            self._open_arguments = True
            return
        every = tuple(one.text for one in words if one is not None)
        dashed = tuple(one for one in every if one.startswith("-"))
        flags = tuple(sorted(dashed, key=lambda one: not one.startswith("--"))) or every[:1]
        flags = tuple(part for one in flags for part in one.split("/") if part)  # click: --on/--off
        said = {word.arg: word.value for word in call.keywords}
        stated = said.get("required")
        required = isinstance(stated, ast.Constant) and stated.value is True
        required = required or (not dashed and "nargs" not in said)
        self._arguments.append(ArgumentUse(flags, required, self._parsed.span(call.args[0])))

    def _path_of(self, expressions: list[ast.expr], *, written: bool) -> None:
        for one in expressions:
            self._path(one, written=written)

    def _path(self, expression: ast.expr, *, written: bool) -> None:
        if id(expression) in self._seen:
            return
        found = known(expression, self._names, self._constants)
        if found is None or not _is_in_container(found):
            return
        if not isinstance(expression, ast.Name):
            for below in every_node(expression):
                self._seen.add(id(below))
        path = posixpath.normpath(found.text if found.whole else found.text.rpartition("/")[0] or "/")
        if not found.whole and not found.text.endswith("/") and isinstance(expression, (ast.BinOp, ast.Call)):
            path = posixpath.normpath(found.text)  # joined by slashes: the known part is a folder
        use = PathUse(path, found.whole, written, self._parsed.span(expression))
        self._paths.setdefault((path, written), use)

    def _starts(self) -> bool:
        for statement in self._parsed.tree.body:
            if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)) and statement.name == "main":
                return True
            if isinstance(statement, ast.ImportFrom) and any(
                (one.asname or one.name) == "main" for one in statement.names
            ):
                return True
            if isinstance(statement, ast.If) and "__name__" in {*_names_in(statement.test)}:
                return True
        return False


def _place(use: EnvironmentUse | ArgumentUse | PathUse) -> tuple[int, int]:
    return use.span.line, use.span.column


def _names_in(expression: ast.expr) -> Iterator[str]:
    for node in every_node(expression):
        if isinstance(node, ast.Name):
            yield node.id


def _writes(call: ast.Call, place: int) -> bool:
    """Whether a file is opened to be written."""
    mode: ast.expr | None = call.args[place] if len(call.args) > place else None
    for word in call.keywords:
        if word.arg == "mode":
            mode = word.value
    return (
        isinstance(mode, ast.Constant) and isinstance(mode.value, str) and bool(set(mode.value) & set("wax+"))
    )


def _is_in_container(found: Known) -> bool:
    text = found.text
    plain = "\0" not in text and "\n" not in text and " " not in text
    return plain and (text == _CONTAINER or text.startswith(f"{_CONTAINER}/"))
