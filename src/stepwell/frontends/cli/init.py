"""``stepwell init``: create a project that passes ``stepwell check``."""

from __future__ import annotations

import os
import shlex
from types import MappingProxyType
from typing import Final

import click

from stepwell.frontends.cli.options import configuration_of
from stepwell.model.schema import schema_text
from stepwell.model.settings import CONFIG_NAME, open_project
from stepwell.source.errors import ProjectError

_EXAMPLE = """\b
Examples:
  stepwell init
  stepwell init ../fraud-steps
"""

_CONFIG: Final = """\
schema_version = 1

# Every other key has a default; see `stepwell schema project`.

[[freeze]]                            # generated module for legacy imports
output = "generated/step_names.py"
first = []                            # steps to list first; the rest are sorted by name
"""
_STEP: Final = """\
# yaml-language-server: $schema=../../schemas/step.schema.json
name: DataCleaning
sagemaker_step_type: Processing
description: Drop rows and columns that a model cannot use.
"""
_SCHEMAS: Final = ("step", "step-override", "hyperparameter", "workspace")

_FILES: Final = MappingProxyType(
    {
        CONFIG_NAME: _CONFIG,
        "registry.d/steps/data_cleaning.yaml": _STEP,
        "workspaces/README.md": "One folder per developer: `ID/local/steps/` and `ID/override/steps/`.\n",
    }
)


@click.command("init", epilog=_EXAMPLE, short_help="Create a project that passes `stepwell check`.")
@click.argument("folder", metavar="[DIR]", default=".", type=click.Path(file_okay=False))
def command(folder: str) -> int:
    """Create a project in DIR (default: the working directory) with one step and the schemas for your editor.

    Existing files are never overwritten.
    """
    files = dict(_FILES)
    files.update((f"schemas/{name}.schema.json", schema_text(name)) for name in _SCHEMAS)
    _refuse_a_project(folder)
    for path in files:
        if os.path.lexists(os.path.join(folder, path)):
            raise click.UsageError(f"{_shown(folder, path)} already exists; nothing was written")
    from stepwell.write.transaction import Busy, write_files

    try:
        contents = {path: text.encode() for path, text in files.items()}
        write_files(os.path.abspath(folder), contents, overwrite=False)
    except Busy:
        raise click.UsageError(
            "another command is writing to this folder; try again when it has finished"
        ) from None
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise click.ClickException(f"{_shown(folder, error.filename)} cannot be written: {reason}") from None
    for path in files:
        click.echo(f"wrote {_shown(folder, path)}")
    there = "" if folder == "." else f"cd {shlex.quote(folder)} && "
    click.echo(f"next: {there}stepwell check")
    return 0


def _refuse_a_project(folder: str) -> None:
    try:
        project = open_project(folder)
    except ProjectError:
        return
    configuration = _shown(folder, configuration_of(project))
    raise click.UsageError(f"the folder is already a project ({configuration}); nothing was written")


def _shown(folder: str, path: str) -> str:
    return path if folder == "." else os.path.join(folder, path)
