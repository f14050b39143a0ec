"""``stepwell merge-driver``: merge generated files for git."""

from __future__ import annotations

import os
import shlex
import sys
from typing import TYPE_CHECKING, Final

import click

from stepwell.source.errors import RevisionError
from stepwell.source.escape_control import visible
from stepwell.write.freeze.literals import merge_files

if TYPE_CHECKING:
    from stepwell.model.settings import Project
    from stepwell.source.git.repository import Repository

__all__ = ["advice", "command"]

_DRIVER: Final = "merge.stepwell.driver"
_EXAMPLE = """\b
Examples:
  stepwell merge-driver --install
  stepwell merge-driver base.py ours.py theirs.py generated/step_names.py
"""


@click.command("merge-driver", epilog=_EXAMPLE, short_help="Merge generated files for git.")
@click.argument("versions", metavar="[BASE OURS THEIRS PATH]", nargs=-1, type=click.Path())
@click.option("--install", is_flag=True, help="Configure git in this clone to run the driver by itself.")
def command(versions: tuple[str, ...], install: bool) -> int:
    """Merge generated files for git, which runs this command for files with the attribute merge=stepwell.

    Tables are merged by name and field, and the result replaces the file OURS. If both sides changed the same
    value, OURS gets conflict markers and the exit code is 1: resolve the definitions, then run `stepwell
    freeze`.
    """
    if install and not versions:
        return _install()
    if install or len(versions) != 4:
        raise click.UsageError("pass either --install, or the four arguments BASE OURS THEIRS PATH")
    base, ours, theirs, path = versions
    try:
        reason = merge_files(base, ours, theirs)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise click.ClickException(f"{error.filename} cannot be merged: {reason}") from None
    if reason:
        click.echo(
            f"conflict in {visible(path)}: {reason}; run `stepwell freeze` when the definitions are merged",
            err=True,
        )
    return int(bool(reason))


def _install() -> int:
    from stepwell.source.git.repository import open_repository

    try:
        repository = open_repository(os.path.realpath(os.curdir), os.environ)
    except RevisionError as error:
        raise click.UsageError(str(error)) from None
    settings = {"merge.stepwell.name": "generated files of Stepwell", _DRIVER: _driver()}
    if all(repository.ask("config", "--local", key) == value for key, value in settings.items()):
        click.echo("git runs the merge driver already")
        return 0
    for key, value in settings.items():
        if repository.ask("config", "--local", key, value) is None:
            raise click.ClickException(f"git cannot set {key}: `git config --local {key}` shows the reason")
    click.echo("git runs the merge driver for files with the attribute merge=stepwell, in this clone")
    return 0


def _driver() -> str:
    """Return the command for git, with absolute paths, as git may run without the environment's PATH."""
    script = os.path.join(os.path.dirname(sys.executable), "stepwell.exe" if os.name == "nt" else "stepwell")
    words = [script] if os.path.isfile(script) else [sys.executable, "-m", "stepwell"]
    quoted = shlex.join(word.replace("\\", "/") for word in words).replace("%", "%%")
    return f"{quoted} merge-driver %O %A %B %P"


def advice(project: Project) -> str:
    """Return a recommendation if git should run the driver and cannot, or ``""``."""
    from stepwell.source.git.repository import open_repository

    outputs = [target.output for target in project.settings.freeze]
    try:
        repository = open_repository(project.root, os.environ) if outputs else None
    except RevisionError:
        return ""
    if repository is None or not _has_attribute(repository, outputs):
        return ""
    driver = repository.ask("config", "--get", _DRIVER)
    if driver and _exists(driver):
        return ""
    state = "does not exist any more" if driver else "is not configured in this clone"
    return f"Run `stepwell merge-driver --install`: the merge driver of .gitattributes {state}."


def _has_attribute(repository: Repository, outputs: list[str]) -> bool:
    files = [f"{output}step_names.py" if output.endswith("/") else output for output in outputs]
    answer = repository.ask("check-attr", "-z", "merge", "--", *files)
    return "stepwell" in (answer or "").split("\0")[2::3]


def _exists(driver: str) -> bool:
    try:
        program = shlex.split(driver)[0].replace("%%", "%")
    except (ValueError, IndexError):
        return False
    return not os.path.isabs(program) or os.path.exists(program)
