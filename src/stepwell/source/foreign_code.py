"""Boundary to foreign code: contains, translates and describes its exceptions."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from importlib import import_module
from typing import Any, final

__all__ = ["Contained", "Translated", "import_object", "text_of", "worded"]


@final
class Contained:
    """Context manager that catches exceptions of foreign code and keeps them in ``error``.

    ``KeyboardInterrupt``, ``CancelledError`` and ``GeneratorExit`` pass through.

    Args:
        passing: other exception classes that pass through.
        catching: exception classes that do not pass through in any case.
    """

    __slots__ = ("_catching", "_passing", "error")

    def __init__(self, *passing: type[BaseException], catching: tuple[type[BaseException], ...] = ()) -> None:
        self._passing = passing
        self._catching = catching
        self.error: BaseException | None = None

    def __enter__(self) -> Contained:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        caught = isinstance(error, self._catching)
        if caught or (_is_foreign(error) and not isinstance(error, self._passing)):
            self.error = error
        return self.error is not None


@final
class Translated:
    """Context manager that raises another error with the foreign exception as its cause.

    Args:
        passing: exception classes that pass through, besides those of ``Contained``.
    """

    __slots__ = ("_passing", "_translate")

    def __init__(
        self, translate: Callable[[BaseException], Exception], *passing: type[BaseException]
    ) -> None:
        self._translate = translate
        self._passing = passing

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is not None and _is_foreign(error) and not isinstance(error, self._passing):
            raise self._translate(error) from error


def _is_foreign(error: BaseException | None) -> bool:
    """Return whether foreign code failed; a panic of a Rust extension derives from BaseException alone."""
    return isinstance(error, (Exception, SystemExit)) or type(error).__module__ == "pyo3_runtime"


def import_object(module: str, name: str | None) -> Any:
    """Import a module and return an object by its dotted name, or the module itself."""
    parts = name.split(".") if name is not None else ()
    return reduce(getattr, parts, import_module(module))


def text_of(error: BaseException) -> str:
    """Return the message of an exception, even if its ``__str__`` fails."""
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - the text of a foreign exception is foreign code
        return "no message"


def worded(error: BaseException) -> str:
    """Return the class and message of an exception."""
    return f"{type(error).__name__}: {text_of(error)}".removesuffix(": ")
