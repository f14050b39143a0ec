"""Check that tests notice wrong code: change one expression at a time and run the tests that cover it.

A sample of the possible changes (mutants) of the modules that decide answers is tried in copies of this
repository. `tools/mutants.toml` lists the modules, the size and seed of the sample, and the mutants that
change no answer, each with its reason. Results are in `build/mutants/`; a later run tries only survivors and
mutants without a result.
"""

from __future__ import annotations

import argparse
import ast
import concurrent.futures
import copy
import hashlib
import itertools
import json
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import venv
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    import tomli as tomllib

REPOSITORY: Final = Path(__file__).resolve().parents[1]
RESULTS: Final = REPOSITORY / "build/mutants"
NOT_COPIED: Final = shutil.ignore_patterns(".git", ".venv", "build", ".*_cache", ".hypothesis", "__pycache__")
_PAIRS: Final = (
    (ast.Lt, ast.LtE), (ast.Gt, ast.GtE), (ast.Eq, ast.NotEq), (ast.Is, ast.IsNot), (ast.In, ast.NotIn),
    (ast.And, ast.Or), (ast.BitAnd, ast.BitOr), (ast.Break, ast.Continue),
)  # fmt: skip
SWAPS: Final[dict[type[ast.AST], type[ast.AST]]] = dict((*_PAIRS, *(pair[::-1] for pair in _PAIRS)))
NAMES: Final = {"any": "all", "all": "any", "min": "max", "max": "min", "sorted": "list", "reversed": "iter"}
FIRST: Final = 10
"""Number of covering tests, fastest first, that run first; the others follow if none of them fails."""
MOST_SECONDS: Final = 40
"""Time of the covering tests of a mutant, fastest first, after which no other test is tried."""

TRACER: Final = """
"PYTEST_DONT_REWRITE"
import os
SEEN = set()
LOG = os.open({log!r}, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
def log(*words): os.write(LOG, (" ".join(map(str, words)) + chr(10)).encode())
def hit(line):
    if line not in SEEN:
        SEEN.add(line)
        log("line", line)
def pytest_runtest_logstart(nodeid):
    SEEN.clear()
    log("test", nodeid)
def pytest_runtest_logreport(report):
    if report.when == "call" or report.failed: log("done", report.duration, report.passed, report.nodeid)
os.register_at_fork(after_in_child=SEEN.clear)
"""
"""Module for the environment of a copy: logs lines of all its processes, which run one test at a time."""


class Mutant(NamedTuple):
    """One change: the bytes that ``text`` replaces, and the statement that contains them."""

    key: str
    path: str
    line: int
    statement: str
    span: tuple[int, int]
    text: str


class Put(ast.NodeTransformer):
    """Replaces one node."""

    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> Any:
        return self.new if node is self.old else self.generic_visit(node)


def mutants_of(path: str) -> Iterator[Mutant]:
    """Yield every mutant of a module, with keys that do not depend on lines."""
    source = (REPOSITORY / "src/stepwell" / path).read_bytes()
    starts = [0, *itertools.accumulate(map(len, source.splitlines(keepends=True)))]
    keys = Counter[str]()
    for owner, statement, node, holder, is_condition in nodes(ast.parse(source)):
        place: Any = holder or node
        for variant in variants(node, is_condition):
            after = Put(node, variant).visit(place)
            text = f"({ast.unparse(after)})" if isinstance(place, ast.expr) else ast.unparse(after)
            key = f"{path} {owner}: {ast.unparse(node)} -> {ast.unparse(variant)}"
            Put(variant, node).visit(after)
            keys[key] += 1
            key = f"{key} #{keys[key]}" if keys[key] > 1 else key
            begin = starts[place.lineno - 1] + place.col_offset
            end = starts[place.end_lineno - 1] + place.end_col_offset
            yield Mutant(key, path, place.lineno, named(path, statement), (begin, end), text)


def nodes(
    node: ast.AST, owner: str = "", statement: ast.AST | None = None, holder: ast.AST | None = None
) -> Iterator[tuple[str, ast.AST, ast.AST, ast.AST | None, bool]]:
    """Yield each node with its function, statement and f-string, and whether it is a condition."""
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        owner = f"{owner}.{node.name}".strip(".")
    elif isinstance(node, ast.JoinedStr):
        holder = holder or node
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "decorator_list", "bases", "format_spec", "names"):
            continue
        for child in value if isinstance(value, list) else [value]:
            is_text = isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)
            is_piece = isinstance(node, ast.JoinedStr) and isinstance(child, ast.Constant)
            if not isinstance(child, ast.AST) or is_text or is_piece or ast.unparse(node)[:7] == "__all__":
                continue
            inside = child if isinstance(child, ast.stmt) or statement is None else statement
            if isinstance(child, (ast.expr, ast.stmt)):
                yield owner, inside, child, holder, field in ("test", "ifs")
            yield from nodes(child, owner, inside, holder)


def named(path: str, statement: ast.AST) -> str:
    """Return the name of a statement in a recording, which does not depend on its line."""
    return f"{path}: " + ast.unparse(statement).partition("\n")[0]


def variants(node: Any, is_condition: bool) -> Iterator[ast.AST]:
    """Yield changed versions of a node."""
    changes: list[tuple[str, Any]] = []
    if isinstance(node, ast.Compare):
        swapped = [SWAPS[type(operator)]() for operator in node.ops]
        changes = [("ops", [*node.ops[:at], new, *node.ops[at + 1 :]]) for at, new in enumerate(swapped)]
    elif isinstance(node, (ast.BinOp, ast.AugAssign)) and isinstance(node.op, ast.Sub):
        changes = [("op", ast.Add())]
    elif isinstance(node, (ast.BoolOp, ast.BinOp, ast.AugAssign)) and type(node.op) in SWAPS:
        changes = [("op", SWAPS[type(node.op)]())]
    elif isinstance(node, ast.BinOp):
        yield node.left
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield node.operand
    elif isinstance(node, (ast.Break, ast.Continue)):
        yield SWAPS[type(node)]()
    elif isinstance(node, ast.AugAssign) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)):
        yield ast.Pass()
    elif is_condition:
        yield ast.UnaryOp(ast.Not(), node)
    elif isinstance(node, ast.Name) and node.id in NAMES:
        changes = [("id", NAMES[node.id])]
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        changes = [("value", not node.value)]
    elif isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        changes = [("value", node.value + 1)]
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        changes = [("value", f"XX{node.value}")]
    for field, value in changes:
        variant = copy.copy(node)
        setattr(variant, field, value)
        yield variant


def make_copy(folder: Path, tracer: str = "") -> Path:
    """Copy this repository to a folder, with an environment that imports Stepwell from the copy."""
    shutil.copytree(REPOSITORY, folder, symlinks=True, ignore=NOT_COPIED)
    venv.create(folder / ".venv")
    packages = next((folder / ".venv/lib").glob("python*/site-packages"))
    paths = [str(folder / "src"), *(path for path in sys.path if path.endswith("site-packages"))]
    if tracer:
        (packages / "mutant_lines.py").write_text(tracer, encoding="utf-8")
        paths.append("import mutant_lines")
    (packages / "copy.pth").write_text("\n".join(paths) + "\n", encoding="utf-8")
    return folder


def run_tests(tree: Path, tests: list[str], timeout: float | None, *options: str) -> int | None:
    """Return the exit code of pytest, or ``None`` after the timeout in seconds."""
    (tree / "selection.txt").write_text("\n".join(tests), encoding="utf-8")
    command = [".venv/bin/python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=line"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environment |= {"CI": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # fixed examples, fast start
    with (
        (tree / "output.txt").open("wb") as output,
        subprocess.Popen(  # noqa: S603 - our own tests
            [*command, *options, "@selection.txt"],
            cwd=tree,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process,
    ):
        try:
            return process.wait(timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            return None


def record(modules: list[str], folders: list[str], workers: int) -> dict[str, Any]:
    """Return the lines that every test runs and its seconds.

    Only changed files of tests are run again, and all of them if a module changed.
    """
    kept = RESULTS / "lines.json"
    before: dict[str, Any] = json.loads(kept.read_text()) if kept.exists() else {}
    sources = [REPOSITORY / "src/stepwell" / module for module in modules]
    tests = {
        str(path.relative_to(REPOSITORY)): digest(path, *sorted(path.parent.glob("*/expected*")), *sources)
        for folder in folders
        for path in (REPOSITORY / "tests").glob(folder)
    }
    files = {path: before[path] for path in tests if path in before and before[path]["digest"] == tests[path]}
    missing = sorted(tests.keys() - files.keys())
    if missing:
        sys.stdout.write(f"recording the lines that the tests in {len(missing)} files run\n")
        parts = [missing[number::workers] for number in range(min(workers, len(missing)))]
        with concurrent.futures.ThreadPoolExecutor(workers) as pool:
            for recorded in pool.map(lines_of, parts, itertools.repeat(modules)):
                for path, entry in recorded.items():
                    files[path] = {"digest": tests[path], "tests": entry}
        kept.write_text(json.dumps(files), encoding="utf-8")
    return {test: entry for file in files.values() for test, entry in file["tests"].items()}


def lines_of(files: list[str], modules: list[str]) -> dict[str, dict[str, Any]]:
    """Run files of tests in a copy; return the seconds and the lines of each passing test, by file."""
    recorded: dict[str, dict[str, Any]] = {path: {} for path in files}
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        tree, log = Path(folder, "tree"), Path(folder, "log")
        make_copy(tree, TRACER.format(log=str(log)))
        for module in modules:
            file = tree / "src/stepwell" / module
            file.write_text(with_hits(file.read_text(encoding="utf-8"), module), encoding="utf-8")
        if run_tests(tree, files, None, "-p", "mutant_lines") not in (0, 1) or not log.exists():
            sys.exit((tree / "output.txt").read_text(encoding="utf-8"))
        lines: set[str] = set()
        for line in log.read_text(encoding="utf-8").splitlines():
            word, _, rest = line.partition(" ")
            if word == "test":
                lines = set()
            elif word == "line":
                lines.add(rest)
            elif word == "done":
                duration, passed, test = rest.split(" ", 2)
                path = test.split("::")[0]
                if passed == "True" and path in recorded:
                    recorded[path][test] = [float(duration), sorted(lines)]
    return recorded


def with_hits(source: str, module: str) -> str:
    """Return a module that reports each statement of its functions before it runs."""
    tree = ast.parse(source)
    blocks = {
        id(block): block
        for function in ast.walk(tree)
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef))
        for node in ast.walk(function)
        for field in ("body", "orelse", "finalbody")
        if isinstance(block := getattr(node, field, None), list)
    }
    for block in blocks.values():
        hits = [ast.parse(f"hit({named(module, each)!r})").body[0] for each in block]
        is_text = block and isinstance(block[0], ast.Expr) and isinstance(block[0].value, ast.Constant)
        block[:] = [each for pair in zip(hits, block, strict=True) for each in pair][1 if is_text else 0 :]
    head, future, rest = ast.unparse(tree).partition("from __future__ import annotations\n")
    return f"{head}{future}from mutant_lines import hit\n{rest}"


def digest(*paths: Path) -> str:
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()[:16]


def judge(mutant: Mutant, tree: Path, tests: dict[str, Any]) -> str:
    """Return ``detected`` or ``survived`` and by how many tests."""
    covering = [test for test, (_, lines) in tests.items() if mutant.statement in lines]
    if not covering:  # runs at import
        start = f"{mutant.path}: "
        covering = [
            test for test, (_, lines) in tests.items() if any(each.startswith(start) for each in lines)
        ]
    covering.sort(key=lambda test: tests[test][0])
    ends = itertools.accumulate(tests[test][0] for test in covering)
    covering = [test for test, end in zip(covering, ends, strict=True) if end < MOST_SECONDS]
    file = tree / "src/stepwell" / mutant.path
    original, status = file.read_bytes(), file.stat()
    begin, end = mutant.span
    file.write_bytes(original[:begin] + mutant.text.encode() + original[end:])
    os.utime(file, (status.st_mtime + 2, status.st_mtime + 2))  # bytecode of another mutant is stale
    outcome = f"survived {len(covering)} tests"
    for chunk in (covering[:FIRST], covering[FIRST:]):
        code = run_tests(tree, chunk, 60 + 8 * sum(tests[test][0] for test in chunk), "-x") if chunk else 0
        if code != 0:
            outcome = {None: "detected by a timeout", 1: "detected", 2: "detected at import"}.get(
                code, f"error {code}"
            )
            break
    file.write_bytes(original)
    os.utime(file, (status.st_mtime + 4, status.st_mtime + 4))
    return outcome


def main() -> int:
    """Try the mutants without a result and the survivors; print survivors and the share that is detected."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", metavar="TEXT", default="", help="try only mutants whose key contains TEXT")
    parser.add_argument("--all", action="store_true", help="try mutants outside the sample as well")
    parser.add_argument("--limit", type=int, metavar="N", help="try at most N mutants")
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="mutants at a time (default: 2)")
    parser.add_argument("--again", action="store_true", help="try mutants with a result again")
    options = parser.parse_args()
    settings = tomllib.loads((REPOSITORY / "tools/mutants.toml").read_text(encoding="utf-8"))
    RESULTS.mkdir(parents=True, exist_ok=True)
    source = REPOSITORY / "src/stepwell"
    modules = sorted(
        {str(path.relative_to(source)) for glob in settings["modules"] for path in source.glob(glob)}
    )
    every = sorted(
        (mutant for module in modules for mutant in mutants_of(module)),
        key=lambda mutant: hashlib.sha256(f"{settings['seed']} {mutant.key}".encode()).digest(),
    )
    sample = [
        mutant
        for mutant in (every if options.all else every[: settings["size"]])
        if options.only in mutant.key
    ]
    kept = RESULTS / "results.json"
    results: dict[str, str] = json.loads(kept.read_text()) if kept.exists() else {}
    waiting = [
        mutant
        for mutant in sample
        if mutant.key not in settings["equivalent"]
        and (options.again or not results.get(mutant.key, "").startswith("detected"))
    ][: options.limit]
    waiting.sort(key=lambda mutant: mutant.key in results)
    tests = record(modules, settings["tests"], options.workers) if waiting else {}
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        trees: queue.Queue[Path] = queue.Queue()
        for number in range(min(options.workers, len(waiting))):
            trees.put(make_copy(Path(folder, str(number))))

        def attempt(mutant: Mutant) -> str:
            tree = trees.get()
            try:
                return judge(mutant, tree, tests)
            finally:
                trees.put(tree)

        with concurrent.futures.ThreadPoolExecutor(options.workers) as pool:
            running = {pool.submit(attempt, mutant): mutant for mutant in waiting}
            for done in concurrent.futures.as_completed(running):
                mutant = running[done]
                results[mutant.key] = done.result()
                kept.write_text(json.dumps(results, indent=1), encoding="utf-8")
                sys.stdout.write(f"{results[mutant.key]}: {mutant.path}:{mutant.line}: {mutant.key}\n")
                sys.stdout.flush()
    return report(sample, results, settings["equivalent"], settings["target"])


def report(sample: list[Mutant], results: dict[str, str], equivalent: dict[str, str], target: float) -> int:
    """Write and print the counts of each module and the survivors."""
    counts: dict[str, Counter[str]] = {
        mutant.path: Counter() for mutant in sorted(sample, key=lambda each: each.path)
    }
    survivors = []
    for mutant in sample:
        result = "equivalent" if mutant.key in equivalent else results.get(mutant.key, "untried")
        counts[mutant.path][result.split()[0]] += 1
        if not result.startswith(("detected", "equivalent", "untried")):
            survivors.append(f"src/stepwell/{mutant.path}:{mutant.line}: {mutant.key}: {result}")
    totals = sum(counts.values(), Counter[str]())
    lines = [
        f"{path}: " + ", ".join(f"{number} {word}" for word, number in sorted(of_module.items()))
        for path, of_module in counts.items()
    ]
    lines += survivors
    judged = totals["detected"] + totals["survived"] + totals["error"]
    share = 100 * totals["detected"] / judged if judged else 100.0
    lines.append(
        f"detected {totals['detected']} of {judged} ({share:.1f} %), {totals['equivalent']} equivalent"
    )
    (RESULTS / "report.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    sys.stdout.write("\n".join(lines) + "\n")
    return 0 if share >= target else 1


if __name__ == "__main__":
    sys.exit(main())
