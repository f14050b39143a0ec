"""Parsing users' Python files from many threads."""

from __future__ import annotations

import ast
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest

from stepwell.source.python.outliner import parse


def test_threads_parse_one_at_a_time_and_restore_the_filters_of_warnings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real, at_work, together = ast.parse, threading.Lock(), []
    filters = list(warnings.filters)

    def slow(source: bytes) -> ast.Module:
        together.append(not at_work.acquire(blocking=False))
        time.sleep(0.001)
        at_work.release()
        return real(source)

    with monkeypatch.context() as patched, ThreadPoolExecutor(8) as pool:
        patched.setattr(ast, "parse", slow)
        trees = list(pool.map(parse, [b'x = "\\d"\n'] * 80))
    assert {type(tree) for tree in trees} == {ast.Module}
    assert together == [False] * 80
    assert warnings.filters == filters


def test_another_package_that_parses_at_the_same_moment_costs_no_result(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real, mismatches = ast.parse, iter([True, True, False])

    def disturbed(source: bytes) -> ast.Module:
        if next(mismatches):
            raise SystemError("AST constructor recursion depth mismatch (before=66, after=62)")
        return real(source)

    with monkeypatch.context() as patched:
        patched.setattr(ast, "parse", disturbed)
        tree = parse(b"x = 1\n")
    assert isinstance(tree, ast.Module)
