"""What a script reads and writes, from its text: parsed, never run."""

from __future__ import annotations

import ast
import posixpath
from collections.abc import Iterator
from typing import Final, final

from stepwell.alignment.reading import Parsed, every_node
from stepwell.alignment.texts import Known, Names, constants_of, known
from stepwell.rules.alignment_scope import ArgumentUse, EnvironmentUse, PathUse, ScriptFacts

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

_WRITING: Final = frozenset(
    {
        *("to_csv", "to_parquet", "to_json", "to_pickle", "to_excel", "to_feather", "save_model", "savefig"),
        *("write_text", "write_bytes", "mkdir", "touch", "os.makedirs", "os.mkdir"),
    }
)
_OPENING: Final = frozenset({"open", "io.open", "codecs.open", "gzip.open", "bz2.open", "lzma.open"})
_CLICK: Final = frozenset({"click.option", "click.argument"})


def facts_of(parsed: Parsed) -> ScriptFacts:
    """What a script was seen to do.

    Args:
        parsed: the script.
    """
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
        self._open_environment = self._open_arguments = False
        for name, value in self._constants.items():
            if self._names.full(value) in ("os.environ", "os.getenv"):
                self._names.alias(name, self._names.full(value))
        self._handed = {
            node.arg for node in self._nodes if isinstance(node, ast.arg) and node.arg in _HANDED_OVER
        }

    def facts(self) -> ScriptFacts:
        for node in self._nodes:
            if isinstance(node, ast.Call):
                self._call(node)
            elif isinstance(node, ast.Subscript):
                if isinstance(node.ctx, ast.Load) and self._is_environment(node.value):
                    self._variable(node.slice, required=True)
            elif isinstance(node, ast.Compare):
                asked = isinstance(node.ops[0], (ast.In, ast.NotIn)) and len(node.ops) == 1
                if asked and self._is_environment(node.comparators[0]):
                    self._variable(node.left, required=False)
        for node in self._nodes:  # after the calls, which tell what is written
            if isinstance(node, (ast.Constant, ast.BinOp, ast.JoinedStr, ast.Call)):
                self._path(node, written=False)
        return ScriptFacts(
            self._parsed.path,
            tuple(self._environment),
            tuple(self._arguments),
            tuple(sorted(self._paths.values(), key=lambda one: (one.span.line, one.span.column))),
            self._starts(),
            self._open_environment,
            self._open_arguments,
        )

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
        elif method == "add_argument" or function in _CLICK:
            self._argument(call)
        elif method == "parse_known_args" or function in ("sys.argv",):
            self._open_arguments = True
        if function in _OPENING:
            self._path_of(call.args[:1], written=_writes(call, 1))
        elif function in _WRITING or method in _WRITING:
            self._path_of(call.args[:1], written=True)
            if isinstance(call.func, ast.Attribute):
                self._path_of([call.func.value], written=True)
        elif method == "open" and isinstance(call.func, ast.Attribute):
            self._path_of([call.func.value], written=_writes(call, 0))

    def _is_environment(self, expression: ast.expr) -> bool:
        if isinstance(expression, ast.Name) and expression.id in self._handed:
            return True
        return self._names.full(expression) == "os.environ"

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
