"""The command ``stepwell``, also as ``python -m stepwell``."""

from __future__ import annotations

import gc
import sys
import time
from contextlib import suppress

from stepwell.version import __version__

__all__ = ["main"]

_BEGAN = time.monotonic() - time.process_time()
"""Start of the process: until here it waits for nothing but the processor."""


def main() -> int:
    """Run the command line and return the exit code."""
    text = _fixed_text(sys.argv[1:])
    if text is not None:
        with suppress(AttributeError, OSError):  # `run` handles closed and broken streams
            sys.stdout.write(text)
            sys.stdout.flush()
            return 0
    # Nearly all that a command makes lives until it ends, and looking for garbage finds none.
    gc.set_threshold(100_000, 20, 20)
    try:
        from stepwell.frontends.cli import run
    except KeyboardInterrupt:  # before anything could report it properly
        return 130
    return run(sys.argv[1:], _BEGAN)


def _fixed_text(arguments: list[str]) -> str | None:
    """Return the version or the top-level help, which need no imports."""
    if arguments in (["--version"], ["-V"]):
        return f"stepwell {__version__}\n"
    if arguments in (["--help"], ["-h"], ["help"]):
        from stepwell.frontends.commands import overview

        return overview()
    return None


if __name__ == "__main__":
    sys.exit(main())
