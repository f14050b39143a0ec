"""The command ``stepwell``, also as ``python -m stepwell``."""

from __future__ import annotations

import gc
import sys

from stepwell.version import __version__

__all__ = ["main"]


def main() -> int:
    """Run the command line and return the exit code."""
    if sys.argv[1:] == ["--version"]:  # the most frequent question needs none of the machinery
        sys.stdout.write(f"stepwell {__version__}\n")
        return 0
    # Nearly all that a command makes lives until it ends, and looking for garbage finds none.
    gc.set_threshold(100_000, 20, 20)
    try:
        from stepwell.frontends.cli import run
    except KeyboardInterrupt:  # before anything could report it properly
        return 130
    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
