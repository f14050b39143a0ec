"""Table of the top-level commands, and the help made of it without importing a command or click."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

__all__ = ["COMMANDS", "GROUPS", "SYNONYMS", "overview"]

DOCUMENTATION: Final = "https://stepwell.dev"

GROUPS: Final[Mapping[str, Mapping[str, tuple[str, str]]]] = MappingProxyType(
    {
        "Edit and check": {
            "new": ("new_step", "Create the definition of a step."),
            "set": ("edit:set_fields", "Set fields of a step in its files."),
            "unset": ("edit:unset_fields", "Remove fields of a step from its files."),
            "override": ("edit:override", "Override fields of a step in a workspace."),
            "deprecate": ("edit:deprecate", "Mark a step as deprecated."),
            "rename": ("move:rename", "Rename a step with all references."),
            "move": ("move:move", "Move a step to another workspace or to the core."),
            "remove": ("move:remove", "Remove a step and its overrides."),
            "rebase": ("move:rebase", "Merge changes of the core into overrides."),
            "fmt": ("edit:fmt", "Format definition files."),
            "check": ("check", "Check the project's definitions, overlays and configuration."),
            "align": ("align", "Check that interfaces match scripts, other steps and builders."),
            "lsp": ("watch:lsp", "Start the language server for an editor."),
            "freeze": ("freeze", "Write the frozen modules that legacy code imports."),
            "watch": ("watch", "Watch the project's files and print changes of the registry."),
        },
        "Look": {
            "list": ("list_steps", "List the steps of a view in the order of its table."),
            "show": ("show", "Show a step with all its fields."),
            "explain": ("explain", "Explain the origin of each value of a step."),
            "resolve": ("resolve", "Select one of several definitions of a step."),
            "conflicts": ("resolve:conflicts", "List the names with more than one definition."),
            "components": ("components", "Locate the Python components of steps."),
            "compat": ("components:compat", "List steps that still run old code."),
            "providers": ("providers", "Show providers, their status and health."),
        },
        "Review": {
            "diff": ("diff", "Compare two states and report breaking changes."),
            "log": ("log", "Show the commits that changed a step."),
            "impact": ("impact", "List all references to a step."),
            "snapshot": ("diff:snapshot", "Write a state of the registry to a file."),
        },
        "Workspaces": {
            "workspace": ("workspace", "Create, list, show, check, compare and remove workspaces."),
        },
        "Pipelines": {
            "step": ("step", "Run or test the script of one step."),
            "pipeline": ("pipeline", "List, check, draw, run, test, create and export pipelines."),
            "catalog": ("pipeline.list_pipelines:catalog", "List the pipelines that come with Stepwell."),
            "workflow": ("workflow", "Check and run workflow files."),
        },
        "Project": {
            "init": ("init", "Create a project that passes `stepwell check`."),
            "import": ("import_registry", "Import an old registry and verify that nothing is lost."),
            "merge-driver": ("merge_driver", "Merge generated files for git."),
            "publish": ("publish", "Publish the registry for readers on other machines."),
            "lock": ("publish:lock", "Write stepwell.lock, which pins a registry."),
            "doctor": ("doctor", "Report the project's health and suggest fixes."),
            "schema": ("help:schema", "Print the JSON Schema of a kind, or set up an editor."),
            "explain-rule": ("help:explain_rule", "Explain a rule, or list the rules."),
            "help": ("help", "Show the help of a command."),
        },
    }
)
"""Module and short help of each command, by group."""

COMMANDS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {name: entry for group in GROUPS.values() for name, entry in group.items()}
)
"""Module and short help by command."""

SYNONYMS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "add": ("new",),
        "blame": ("explain", "log"),
        "build": ("freeze",),
        "cat": ("show",),
        "compare": ("diff",),
        "completion": ("help completion",),
        "create": ("new",),
        "delete": ("remove",),
        "describe": ("show",),
        "docs": ("help",),
        "edit": ("set",),
        "export": ("pipeline export",),
        "find": ("list",),
        "fix": ("check --fix",),
        "format": ("fmt",),
        "generate": ("freeze",),
        "get": ("show",),
        "graph": ("pipeline graph",),
        "history": ("log",),
        "lint": ("check",),
        "ls": ("list",),
        "mv": ("rename", "move"),
        "pipelines": ("pipeline list",),
        "plan": ("diff",),
        "rm": ("remove",),
        "rules": ("explain-rule",),
        "run": ("pipeline run", "workflow run"),
        "search": ("list",),
        "status": ("doctor",),
        "steps": ("list",),
        "test": ("pipeline test",),
        "update": ("set",),
        "validate": ("check",),
        "verify": ("check",),
        "version": ("--version",),
        "why": ("explain",),
        "workspaces": ("workspace list",),
    }
)
"""Commands to suggest for names that other tools use; groups suggest those that they contain."""

_USAGE = """\
Usage: stepwell [OPTIONS] COMMAND [ARGS]...

A declarative registry of pipeline steps: one file per step, with workspaces for
developers.
"""

_OPTIONS = f"""
Options:
  -C DIR         Change to this folder first.
  --color WHEN   Use colour: auto, always or never.
  -v, --verbose  With --version: also show library versions.
  -V, --version  Show the version and exit.
  -h, --help     Show this message and exit.

Run `stepwell help COMMAND` for details and examples.
Documentation: {DOCUMENTATION}
"""


def overview() -> str:
    """Return the top-level help."""
    width = max(map(len, COMMANDS)) + 2
    lines = [_USAGE]
    for title, commands in GROUPS.items():
        rows = (f"  {name:<{width}}{summary}\n" for name, (_, summary) in commands.items())
        lines.append(f"\n{title}:\n{''.join(rows)}")
    return "".join((*lines, _OPTIONS))
