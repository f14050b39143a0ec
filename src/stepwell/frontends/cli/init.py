"""``stepwell init``: create a project that passes ``stepwell check``."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterator
from types import MappingProxyType
from typing import Final

import click

from stepwell.frontends.cli.options import configuration_of
from stepwell.model.schema import schema_names, schema_text
from stepwell.model.settings import CONFIG_NAME, Settings, open_project
from stepwell.source.errors import ProjectError
from stepwell.source.escape_control import visible
from stepwell.write.edit.editors import patterns

_EXAMPLE = """\b
Examples:
  stepwell init
  stepwell init ../fraud-steps
  stepwell init --pre-commit
"""

_CONFIG: Final = """\
#:schema schemas/project.schema.json
schema_version = 1

# Every other key has a default; see `stepwell schema project`.

[vocabulary]                          # other values are errors; extend the lists as you need
sagemaker_step_types = [
    "Base",
    "Processing",
    "Training",
    "Tuning",
    "Transform",
    "CreateModel",
    "RegisterModel",
    "Lambda",
    "Utility",
    "CradleDataLoading",
    "MimsModelRegistrationProcessing",
]
frameworks = ["pytorch", "tensorflow", "xgboost", "sklearn", "pandas", "numpy"]

[components]                          # classes of the core; scripts are in src/scripts/
source = ["src"]

[alignment]                           # sources of inputs that are not steps of this project
generic_sources = ["DataLoad", "ModelArtifactsStep", "ProcessingStep"]

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
_CLASSES: Final = '''\
"""Configuration and builder of the step DataCleaning."""

from dataclasses import dataclass


@dataclass(frozen=True)
class DataCleaningConfig:
    input_path: str
    output_path: str


class DataCleaningStepBuilder:
    def __init__(self, config: DataCleaningConfig) -> None:
        self.config = config

    def arguments(self) -> list[str]:
        return ["--input", self.config.input_path, "--output", self.config.output_path]
'''
_GIT_ATTRIBUTES: Final = """\
# The same bytes on every system: `stepwell freeze --check` compares them.
/generated/** text eol=lf linguist-generated=true merge=stepwell
/schemas/*.schema.json text eol=lf linguist-generated=true
"""
_GIT_IGNORE: Final = """\
# Runs, caches and temporary files of Stepwell
/.stepwell/
/.stepwell-import/
.*.tmp
__pycache__/
"""
_PRE_COMMIT: Final = """\
# Run `pre-commit install` once; the hooks use the Stepwell of your environment.
repos:
  - repo: local
    hooks:
      - id: stepwell-check
        name: stepwell check
        entry: stepwell check
        language: system
        pass_filenames: false
        always_run: true
      - id: stepwell-freeze
        name: stepwell freeze --check
        entry: stepwell freeze --check
        language: system
        pass_filenames: false
        always_run: true
"""
_FILES: Final = MappingProxyType(
    {
        CONFIG_NAME: _CONFIG,
        "registry.d/steps/data_cleaning.yaml": _STEP,
        "src/data_cleaning.py": _CLASSES,
        "workspaces/README.md": "One folder per developer: `ID/local/steps/` and `ID/override/steps/`.\n",
    }
)
_SHARED_WITH_OTHER_TOOLS: Final = (
    ".gitattributes",
    ".gitignore",
    ".pre-commit-config.yaml",
    ".taplo.toml",
    ".vscode/settings.json",
)
"""Files that a folder may already have; they stay as they are."""


@click.command("init", epilog=_EXAMPLE, short_help="Create a project that passes `stepwell check`.")
@click.argument("folder", metavar="[DIR]", default=".", type=click.Path(file_okay=False))
@click.option("--pre-commit", is_flag=True, help="Also write .pre-commit-config.yaml.")
def command(folder: str, pre_commit: bool) -> int:
    """Create a project in DIR (default: the working directory): one step, and settings for git and editors.

    All files are written, or none; existing files are never overwritten. If the command was killed, run it
    again to complete the project.
    """
    from stepwell.write.transaction import Busy, recover, write_files

    files = {path: text.encode() for path, text in _files(pre_commit=pre_commit)}
    try:
        completed = recover(os.path.abspath(folder)) or ()
        if not completed:
            _refuse_a_project(folder)
        there = [path for path in files if os.path.lexists(os.path.join(folder, path))]
        for path in there:
            if path not in _SHARED_WITH_OTHER_TOOLS and not _contains(folder, path, files[path]):
                raise click.UsageError(f"{_shown(folder, path)} already exists; nothing was written")
        missing = {path: content for path, content in files.items() if path not in there}
        write_files(os.path.abspath(folder), missing, overwrite=False)
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
        verb = "wrote" if path in missing or path in completed else "kept"
        click.echo(f"{verb} {visible(_shown(folder, path))}")
    prefix = "" if folder == "." else f"cd {shlex.quote(folder)} && "
    next_command = "freeze" if pre_commit else "check"  # a hook compares the frozen module
    click.echo(visible(f"once in each git clone: {prefix}stepwell merge-driver --install"))
    click.echo(visible(f"next: {prefix}stepwell {next_command}"))
    return 0


def _files(*, pre_commit: bool) -> Iterator[tuple[str, str]]:
    """Yield the files of a new project by path."""
    yield from _FILES.items()
    yield ".gitattributes", _GIT_ATTRIBUTES
    yield ".gitignore", _GIT_IGNORE
    yield ".taplo.toml", _taplo()
    yield ".vscode/settings.json", _vscode()
    if pre_commit:
        yield ".pre-commit-config.yaml", _PRE_COMMIT
    for name in schema_names():
        if not name.startswith("output-"):
            yield f"schemas/{name}.schema.json", schema_text(name)


def _vscode() -> str:
    """Return the mapping of YAML files to schemas for Visual Studio Code."""
    schemas = {f"schemas/{name}.schema.json": globs for name, globs in patterns(Settings()).items()}
    schemas["schemas/data-manifest.schema.json"] = ["data_manifest.yaml"]
    schemas["schemas/accepted-breaks.schema.json"] = ["accepted_breaks.yaml"]
    return json.dumps({"yaml.schemas": schemas}, indent=2) + "\n"


def _taplo() -> str:
    """Return the mapping of TOML files to schemas for Taplo."""
    every = {**patterns(Settings(), "toml"), "project": [CONFIG_NAME]}
    return "\n".join(
        f'[[rule]]\ninclude = {json.dumps(globs)}\nschema = {{ path = "schemas/{name}.schema.json" }}\n'
        for name, globs in every.items()
    )


def _refuse_a_project(folder: str) -> None:
    try:
        project = open_project(folder)
    except ProjectError:
        return
    configuration = _shown(folder, configuration_of(project))
    raise click.UsageError(f"the folder is already a project ({configuration}); nothing was written")


def _contains(folder: str, path: str, content: bytes) -> bool:
    try:
        with open(os.path.join(folder, path), "rb") as file:
            return file.read() == content
    except OSError:
        return False


def _shown(folder: str, path: str) -> str:
    return path if folder == "." else os.path.join(folder, path)
