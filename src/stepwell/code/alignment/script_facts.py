"""Environment variables, arguments and paths of a script, determined from its source text."""

from __future__ import annotations

import ast
import posixpath
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any, Final, final

from stepwell.check.alignment.scope import ArgumentUse, EnvironmentUse, PathUse, ScriptFacts
from stepwell.code.alignment.parse import Known, Names, Nodes, Parsed, constants_of, every_node, known

__all__ = ["facts_of"]

_HANDED_OVER: Final = frozenset({"environ_vars", "env_vars", "environ", "environment", "env"})
"""Parameter names for the environment."""
_READING: Final = frozenset({"get", "pop", "setdefault"})
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
_REPLACING: Final = ("os.exec", "os.posix_spawn", "runpy.run_")
_STARTING: Final = ("subprocess.", "os.spawn", "os.system", "os.popen", "asyncio.create_subprocess_")
"""Beginnings of the functions that run another program, which inherits the environment."""
_PYTHON: Final = ("python", "torchrun", "accelerate", "deepspeed", "mpirun", "horovodrun")
_PRINTING: Final = frozenset({"debug", "info", "warning", "error", "critical", "exception", "log"})
_MISSING: Final = frozenset({"KeyError", "LookupError"})
_ANY: Final = frozenset({"Exception", "BaseException"})
_FEW: Final = 3
_CALLED_BY_THE_PLATFORM: Final = frozenset({"model_fn", "predict_fn", "transform_fn", "lambda_handler"})
"""Functions of scripts that a serving container or a function service loads."""
_SETTING_UP: Final = frozenset({"basicConfig", "filterwarnings", "simplefilter", "load_dotenv", "seed"})
"""Functions that a module may call when it is imported."""


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
        self._with_default: set[Any] = set()  # variables that are read with a default
        self._seen: set[int] = set()  # nodes inside a reported path
        self._understood: set[int] = set()  # uses of the environment with known variables
        self._parsers: set[str] = set()  # names of argument parsers
        for name, value in self._constants.items():
            stands_for = self._names.full(value)
            if stands_for in ("os.environ", "os.getenv"):
                self._names.alias(name, stands_for)
                self._understood.add(id(value))
        self._handed: set[int] = set()  # uses of a parameter for the environment
        self._own_keys: set[Any] = set()  # keys that the script sets in such a mapping
        self._find_handed()
        self._set = {
            target.slice.value
            for target in self._nodes.get(ast.Subscript, ())
            if isinstance(target.ctx, ast.Store)
            and isinstance(target.slice, ast.Constant)
            and self._is_environment(target.value)
        }
        packages = self._names.packages
        self._open_environment = not packages.isdisjoint(_READERS_OF_THE_ENVIRONMENT)
        self._open_arguments = not packages.isdisjoint(_READERS_OF_ARGUMENTS)

    def facts(self) -> ScriptFacts:
        calls = self._nodes.get(ast.Call, ())
        for call in calls:
            self._call(call)
        for node in self._nodes.get(ast.Subscript, ()):
            is_read = isinstance(node.ctx, ast.Load) and self._is_environment(node.value)
            if is_read and not self._sets(node.value, node.slice):
                self._variable(node.slice, node, required=True)
        for node in self._nodes.get(ast.Compare, ()):
            is_membership = isinstance(node.ops[0], (ast.In, ast.NotIn)) and len(node.ops) == 1
            if is_membership and self._is_environment(node.comparators[0]):
                self._variable(node.left, node, required=False)
        for node in self._parsed.every:  # after the calls, which determine written paths
            if isinstance(node, _COMPOSED):
                self._path(node, written=False)
        fixed = self._fixed_constants()
        for node in self._nodes.get(ast.Constant, ()):
            if type(node.value) is str and node.value.startswith(_CONTAINER):
                self._path(node, written=False, whole=id(node) in fixed)
        hands_on = self._runs_another_program(calls)
        return ScriptFacts(
            self._parsed.path,
            tuple(
                use._replace(required=use.required and use.name not in self._with_default)
                for use in sorted(self._environment, key=_place)
            ),
            tuple(sorted(self._arguments, key=_place)),
            tuple(sorted(self._paths.values(), key=_place)),
            self._starts(),
            hands_on or self._open_environment or self._hands_environment_on(),
            hands_on or self._open_arguments or self._takes_arguments_elsewhere(calls),
            hands_on,
        )

    @cached_property
    def _guards(self) -> list[tuple[set[int], set[str] | None]]:
        return _guards(self._nodes)

    @cached_property
    def _printed(self) -> set[int]:
        """Return the nodes that are only printed or logged."""
        return _below(
            argument
            for call in self._nodes.get(ast.Call, ())
            if self._names.full(call.func) == "print"
            or (isinstance(call.func, ast.Attribute) and call.func.attr in _PRINTING)
            for argument in call.args
        )

    def _find_handed(self) -> None:
        """Determine the uses of parameters for the environment, and the keys that the script sets itself."""
        functions: set[str] = set()
        for function in (*self._nodes.get(ast.FunctionDef, ()), *self._nodes.get(ast.AsyncFunctionDef, ())):
            arguments = function.args
            every = (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
            names = {argument.arg for argument in every} & _HANDED_OVER
            if names:
                functions.add(function.name)
                uses = [node for node in every_node(function) if isinstance(node, ast.Name)]
                bound = {use.id for use in uses if isinstance(use.ctx, ast.Store)}
                self._handed.update(id(use) for use in uses if use.id in names - bound)
        if not functions:
            return
        given: list[ast.expr | None] = [
            assigned.value
            for assigned in (*self._nodes.get(ast.Assign, ()), *self._nodes.get(ast.AnnAssign, ()))
            for target in (assigned.targets if isinstance(assigned, ast.Assign) else [assigned.target])
            if isinstance(target, ast.Name) and target.id in _HANDED_OVER
        ]
        for call in self._nodes.get(ast.Call, ()):
            if isinstance(call.func, ast.Name) and call.func.id in functions:
                given += (*call.args, *(keyword.value for keyword in call.keywords))
        for value in given:
            if isinstance(value, ast.Dict):
                self._own_keys.update(key.value for key in value.keys if isinstance(key, ast.Constant))
        for target in self._nodes.get(ast.Subscript, ()):
            is_handed = isinstance(target.value, ast.Name) and target.value.id in _HANDED_OVER
            if is_handed and isinstance(target.ctx, ast.Store) and isinstance(target.slice, ast.Constant):
                self._own_keys.add(target.slice.value)

    def _sets(self, mapping: ast.expr, key: ast.expr) -> bool:
        """Return whether the script sets a variable of the environment, or of a mapping for it, itself."""
        if not isinstance(key, ast.Constant):
            return False
        return key.value in (self._own_keys if id(mapping) in self._handed else self._set)

    def _fixed_constants(self) -> set[int]:
        """Return the texts of names that are only used in paths that are known."""
        used: dict[str, bool] = {}
        for use in self._nodes.get(ast.Name, ()):
            if isinstance(use.ctx, ast.Load):
                used[use.id] = used.get(use.id, True) and id(use) in self._seen
        return {id(value) for name, value in self._constants.items() if used.get(name)}

    def _runs_another_program(self, calls: Iterable[ast.Call]) -> bool:
        """Return whether the script runs other Python code, which may read variables, arguments and paths."""
        for call in calls:
            function = self._names.full(call.func)
            if function.startswith(_REPLACING):
                return True
            if function.startswith(_STARTING) and self._is_python(call):
                return True
        return False

    def _is_python(self, call: ast.Call) -> bool:
        """Return whether a command may run Python code of the project; pip does not."""
        command = call.args[0] if call.args else None
        if isinstance(command, ast.Name):
            command = self._constants.get(command.id)
        if command is None:
            return bool(call.args)
        words: list[str] = []
        for node in every_node(command):
            text = known(node, self._names, self._constants) if isinstance(node, ast.expr) else None
            if text is not None:
                words += text.text.split()
            elif isinstance(node, ast.Attribute) and self._names.full(node) == "sys.executable":
                words.append("python")
        if "pip" in words:
            return False
        return any(
            word.endswith(".py") or posixpath.basename(word).startswith(_PYTHON) for word in words
        ) or not isinstance(command, (ast.List, ast.Tuple, ast.Constant, ast.JoinedStr))

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
        owner = call.func.value if isinstance(call.func, ast.Attribute) else None
        reads = owner is not None and method in _READING and self._is_environment(owner)
        if function == "os.getenv" or reads:
            if call.args and not (owner is not None and reads and self._sets(owner, call.args[0])):
                has_default = len(call.args) + len(call.keywords) > 1
                self._variable(call.args[0], call, required=method == "pop" and not has_default)
                if has_default and isinstance(call.args[0], ast.Constant):
                    self._with_default.add(call.args[0].value)
        elif method == "update" and owner is not None:
            self._is_environment(owner)  # only written to
        elif method == "add_argument" or function in _CLICK:
            self._argument(call)
        elif method == "parse_known_args":
            self._open_arguments = True
        if method in ("add_argument", "parse_args") and owner is not None:
            self._parsers.add(owner.id if isinstance(owner, ast.Name) else "")
        given_values = (*call.args, *(keyword.value for keyword in call.keywords))
        for given in given_values if self._handed else ():
            self._is_environment(given)  # passed to a function that is also analyzed
        if function in _OPENING:
            self._path_of(call.args[:1], written=_writes(call, 1))
        elif function in _WRITING or method in _WRITING:
            self._path_of(call.args[:1], written=True)
            if owner is not None:
                self._path_of([owner], written=True)
        elif method == "open" and owner is not None:
            self._path_of([owner], written=_writes(call, 0))

    def _is_environment(self, expression: ast.expr) -> bool:
        """Return whether an expression is the environment, and mark the use as understood."""
        if id(expression) in self._handed:
            return True
        if self._names.full(expression) != "os.environ":
            return False
        self._understood.add(id(expression))
        return True

    def _variable(self, expression: ast.expr, use: ast.expr, *, required: bool) -> None:
        """Add a variable.

        Args:
            use: the expression that reads it.
        """
        name = known(expression, self._names, self._constants)
        if name is None or not name.whole:
            self._open_environment = True
            return
        folder = _FOLDERS.get(name.text)
        if name.text.startswith(_CHANNEL):
            folder = f"/opt/ml/input/data/{name.text.removeprefix(_CHANNEL).lower()}"
        span = self._parsed.span(expression)
        required = required and not any(
            id(use) in below and (names is None or name.text in names) for below, names in self._guards
        )
        if folder is not None:
            self._seen.update(id(below) for below in every_node(use))  # a default is no other path
            needed = required and id(use) not in self._printed
            self._paths.setdefault((folder, False), PathUse(folder, True, False, span, needed))
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

    def _path(self, expression: ast.expr, *, written: bool, whole: bool = True) -> None:
        if id(expression) in self._seen:
            return
        text = known(expression, self._names, self._constants)
        if text is None or not _is_in_container(text):
            return
        if not isinstance(expression, ast.Name):
            for below in every_node(expression):
                self._seen.add(id(below))
        path = posixpath.normpath(text.text if text.whole else text.text.rpartition("/")[0] or "/")
        use = PathUse(path, whole and text.whole, written, self._parsed.span(expression))
        earlier = self._paths.setdefault((path, written), use)
        if earlier.whole and not use.whole:
            self._paths[path, written] = earlier._replace(whole=False)

    def _starts(self) -> bool:
        """Return whether the script does something when it runs as a program."""
        statements = list(self._top_level())
        own = {item.name for item in statements if isinstance(item, _DEFINITIONS)}
        imported = {
            alias.asname or alias.name
            for item in statements
            if isinstance(item, ast.ImportFrom)
            for alias in item.names
        }
        if "main" in own | imported or not own.isdisjoint(_CALLED_BY_THE_PLATFORM):
            return True
        for statement in statements:
            if isinstance(statement, ast.If) and "__name__" in {*_names_in(statement.test)}:
                return True
            if not isinstance(statement, ast.Expr) or not isinstance(statement.value, ast.Call):
                continue
            called = statement.value.func
            runs = isinstance(called, ast.Name) and called.id in imported - _SETTING_UP
            if runs or not own or not own.isdisjoint(_names_in(statement.value)):
                return True
        return False

    def _top_level(self) -> Iterator[ast.stmt]:
        """Yield the statements that run with the module."""
        from stepwell.code.alignment.class_facts import statements_of

        return statements_of(self._parsed.tree.body)


_DEFINITIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def _guards(nodes: Nodes) -> list[tuple[set[int], set[str] | None]]:
    """Return the nodes that a test or an exception handler guards, with the variables that it names.

    An exception handler guards every variable: ``None``.
    """
    guards: list[tuple[set[int], set[str] | None]] = [
        (_below(block.body), None)
        for block in nodes.get(ast.Try, ())
        if any(_supplies_default(block, handler) for handler in block.handlers)
    ]
    guards += [
        (_below([*branch.body, *branch.orelse]), _texts_in(branch.test)) for branch in nodes.get(ast.If, ())
    ]
    guards += [
        (_below([choice.body, choice.orelse]), _texts_in(choice.test)) for choice in nodes.get(ast.IfExp, ())
    ]
    guards += [(_below(both.values[1:]), _texts_in(both.values[0])) for both in nodes.get(ast.BoolOp, ())]
    for function in (*nodes.get(ast.FunctionDef, ()), *nodes.get(ast.AsyncFunctionDef, ())):
        for at, statement in enumerate(function.body):
            if isinstance(statement, ast.If) and isinstance(statement.body[-1], ast.Return):
                guards.append((_below(function.body[at + 1 :]), _texts_in(statement.test)))
    return guards


def _supplies_default(block: ast.Try, handler: ast.ExceptHandler) -> bool:
    """Return whether a handler continues without the variable; a broad one only around a few statements."""
    last = handler.body[-1]
    call = last.value if isinstance(last, ast.Expr) else None
    stops = isinstance(last, ast.Raise) or (isinstance(call, ast.Call) and "exit" in ast.dump(call.func))
    if stops or handler.type is None:
        return not stops and len(block.body) <= _FEW
    caught = {*_names_in(handler.type)}
    return not caught.isdisjoint(_MISSING) or (not caught.isdisjoint(_ANY) and len(block.body) <= _FEW)


def _below(statements: Iterable[ast.AST]) -> set[int]:
    return {id(node) for statement in statements for node in every_node(statement)}


def _texts_in(expression: ast.expr) -> set[str]:
    """Return the texts of an expression, which name the variables that a test reads."""
    return {
        node.value
        for node in every_node(expression)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


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
