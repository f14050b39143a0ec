"""Environment variables, arguments and paths of a script, determined from its source text."""

from __future__ import annotations

import ast
import posixpath
from collections.abc import Iterable, Iterator
from typing import Final, final

from stepwell.check.alignment.scope import ArgumentUse, EnvironmentUse, PathUse, ScriptFacts
from stepwell.code.alignment.parse import Known, Names, Parsed, constants_of, every_node, known

__all__ = ["facts_of"]

_HANDED_OVER: Final = frozenset({"environ_vars", "env_vars", "environ", "environment", "env"})
"""Parameter names for the environment."""
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
"""Folders in variables of a training job (SageMaker Training Toolkit: ENVIRONMENT_VARIABLES)."""
_CHANNEL: Final = "SM_CHANNEL_"
_CONTAINER: Final = "/opt/ml"
_COMPOSED: Final = (ast.BinOp, ast.JoinedStr, ast.Call)
"""Expressions that may build a path."""

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
"""Packages that define arguments by other means than ``add_argument``."""
_READERS_OF_THE_ENVIRONMENT: Final = frozenset(
    {"pydantic_settings", "environs", "decouple", "dotenv", "dynaconf", "environ"}
)
"""Packages that read variables without literal names."""


def facts_of(parsed: Parsed) -> ScriptFacts:
    """Return the facts about a script."""
    return _Script(parsed).facts()


@final
class _Script:
    """Analysis of one script."""

    def __init__(self, parsed: Parsed) -> None:
        self._parsed = parsed
        self._nodes = parsed.nodes
        self._names = Names(self._nodes)
        self._constants = constants_of(self._nodes)
        self._environment: list[EnvironmentUse] = []
        self._arguments: list[ArgumentUse] = []
        self._paths: dict[tuple[str, bool], PathUse] = {}
        self._seen: set[int] = set()  # nodes inside a reported path
        self._understood: set[int] = set()  # uses of the environment with known variables
        self._parsers: set[str] = set()  # names of argument parsers
        for name, value in self._constants.items():
            stands_for = self._names.full(value)
            if stands_for in ("os.environ", "os.getenv"):
                self._names.alias(name, stands_for)
                self._understood.add(id(value))
        self._handed = {
            argument.arg for argument in self._nodes.get(ast.arg, ()) if argument.arg in _HANDED_OVER
        }
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
            is_membership = isinstance(node.ops[0], (ast.In, ast.NotIn)) and len(node.ops) == 1
            if is_membership and self._is_environment(node.comparators[0]):
                self._variable(node.left, required=False)
        for node in self._parsed.every:  # after the calls, which determine written paths
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
        """Return whether the environment is used in a way that hides which variables are read."""
        uses = [use for use in self._nodes.get(ast.Attribute, ()) if use.attr == "environ"]
        names = self._names.of("os.environ")
        if names:
            uses += [use for use in self._nodes.get(ast.Name, ()) if use.id in names]
        return any(
            id(use) not in self._understood
            and isinstance(use.ctx, ast.Load)
            and self._names.full(use) == "os.environ"
            for use in uses
        )

    def _takes_arguments_elsewhere(self, calls: Iterable[ast.Call]) -> bool:
        """Return whether arguments are read by other means or by code in other files."""
        if not self._arguments and (
            self._names.of("sys.argv")
            or any(self._names.full(node) == "sys.argv" for node in self._nodes.get(ast.Attribute, ()))
        ):
            return True
        own = {function.name for function in self._nodes.get(ast.FunctionDef, ())}
        for call in calls:
            if any(keyword.arg == "parents" for keyword in call.keywords):
                return True
            given = (*call.args, *(keyword.value for keyword in call.keywords))
            hands_on = any(
                isinstance(argument, ast.Name) and argument.id in self._parsers for argument in given
            )
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
        for given in (*call.args, *(keyword.value for keyword in call.keywords)) if self._handed else ():
            self._is_environment(given)  # passed to a function that is also analyzed
        if function in _OPENING:
            self._path_of(call.args[:1], written=_writes(call, 1))
        elif function in _WRITING or method in _WRITING:
            self._path_of(call.args[:1], written=True)
            if isinstance(call.func, ast.Attribute):
                self._path_of([call.func.value], written=True)
        elif method == "open" and isinstance(call.func, ast.Attribute):
            self._path_of([call.func.value], written=_writes(call, 0))

    def _is_environment(self, expression: ast.expr) -> bool:
        """Return whether an expression is the environment, and mark the use as understood."""
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
        words = [known(argument, self._names, self._constants) for argument in call.args]
        if not words or any(word is None or not word.whole for word in words):
            self._open_arguments = True
            return
        names = tuple(word.text for word in words if word is not None)
        dashed = tuple(name for name in names if name.startswith("-"))
        flags = tuple(sorted(dashed, key=lambda name: not name.startswith("--"))) or names[:1]
        flags = tuple(part for flag in flags for part in flag.split("/") if part)  # click: --on/--off
        keywords = {keyword.arg: keyword.value for keyword in call.keywords}
        value = keywords.get("required")
        required = isinstance(value, ast.Constant) and value.value is True
        required = required or (not dashed and "nargs" not in keywords)
        self._arguments.append(ArgumentUse(flags, required, self._parsed.span(call.args[0])))

    def _path_of(self, expressions: list[ast.expr], *, written: bool) -> None:
        for expression in expressions:
            self._path(expression, written=written)

    def _path(self, expression: ast.expr, *, written: bool) -> None:
        if id(expression) in self._seen:
            return
        text = known(expression, self._names, self._constants)
        if text is None or not _is_in_container(text):
            return
        if not isinstance(expression, ast.Name):
            for below in every_node(expression):
                self._seen.add(id(below))
        path = posixpath.normpath(text.text if text.whole else text.text.rpartition("/")[0] or "/")
        if not text.whole and not text.text.endswith("/") and isinstance(expression, (ast.BinOp, ast.Call)):
            path = posixpath.normpath(text.text)  # joined with slashes: the known part is a folder
        use = PathUse(path, text.whole, written, self._parsed.span(expression))
        self._paths.setdefault((path, written), use)

    def _starts(self) -> bool:
        for statement in self._parsed.tree.body:
            if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)) and statement.name == "main":
                return True
            if isinstance(statement, ast.ImportFrom) and any(
                (alias.asname or alias.name) == "main" for alias in statement.names
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
    """Return whether a file is opened for writing."""
    mode: ast.expr | None = call.args[place] if len(call.args) > place else None
    for keyword in call.keywords:
        if keyword.arg == "mode":
            mode = keyword.value
    return (
        isinstance(mode, ast.Constant) and isinstance(mode.value, str) and bool(set(mode.value) & set("wax+"))
    )


def _is_in_container(known_text: Known) -> bool:
    text = known_text.text
    plain = "\0" not in text and "\n" not in text and " " not in text
    return plain and (text == _CONTAINER or text.startswith(f"{_CONTAINER}/"))
