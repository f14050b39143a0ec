"""Catalog of all rules, when they run and their severities; rules are imported on first use."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from importlib import import_module
from types import MappingProxyType
from typing import Any, Final, Literal, TypeVar, cast, final

from stepwell.check.rule import ALWAYS_REPORTED, FIXED_PAGES, Finding, Ignore, Rule, with_fix
from stepwell.model.settings import Project
from stepwell.source.diagnostic import Diagnostic, Severity, Span
from stepwell.source.spelling import respelled, suggest

__all__ = [
    "ALIGNMENT_LEVELS",
    "BY_TOLERANCE",
    "CAN_BE_IGNORED",
    "FIXED_PAGES",
    "RULES",
    "Active",
    "Occasion",
    "active",
    "check_severities",
    "ids",
    "page_of",
    "rules",
    "run",
    "severity_of",
]

S = TypeVar("S")

Occasion = Literal[
    "file",
    "plugin file",
    "workspace",
    "layer",
    "shadow",
    "override",
    "view",
    "plugin",
    "pipeline",
    "pipeline code",
    "settings",
    "freeze",
    "reference",
    "script alignment",
    "specification alignment",
    "dependency alignment",
    "builder alignment",
    "unused ignore",
    "unused reference ignore",
    "unused alignment ignore",
]
"""Event that runs a group of rules."""

_MODULES: Final[Mapping[Occasion, tuple[str, ...]]] = MappingProxyType(
    {
        "file": (
            "definition.file_name_mismatch",
            "definition.naming_style",
            "definition.not_in_vocabulary",
            "definition.past_removal",
            "definition.unknown_implementation",
            "definition.unknown_setting",
            "definition.invalid_parameters_schema",
            "definition.invalid_version_range",
        ),
        "plugin file": (
            "definition.naming_style",
            "definition.not_in_vocabulary",
            "definition.past_removal",
            "definition.unknown_implementation",
            "definition.unknown_setting",
            "definition.invalid_parameters_schema",
            "definition.invalid_version_range",
        ),
        "workspace": ("definition.developer_id_mismatch", "definition.not_in_vocabulary:check_workspace"),
        "layer": ("layers.duplicate_definition",),
        "shadow": ("layers.shadows_core",),
        "override": (
            "definition.file_name_mismatch:check_overrides",
            "layers.override_changes_name",
            "layers.override_without_base",
            "layers.override_changes_nothing",
            "layers.outdated_override",
            "definition.invalid_parameters_schema:check_overrides",
        ),
        "view": ("layers.duplicate_config_class", "layers.alias_collision", "layers.unknown_replacement"),
        "plugin": ("layers.plugin_hidden",),
        "pipeline": (
            "pipelines.duplicate_step_id",
            "pipelines.unknown_base",
            "pipelines.extends_cycle",
            "pipelines.ambiguous_step",
            "pipelines.unknown_workspace",
            "pipelines.unknown_job_type",
            "pipelines.unknown_step",
            "pipelines.dangling_reference",
            "pipelines.pipeline_cycle",
            "pipelines.unknown_input",
            "pipelines.unknown_output",
            "pipelines.missing_input",
            "pipelines.unconnected_inputs",
            "pipelines.input_type_mismatch",
            "pipelines.config_mismatch",
            "pipelines.unknown_parameter",
            "pipelines.embedded_parameter",
            "pipelines.unknown_config_key",
            "pipelines.missing_setting",
            "pipelines.unused_parameter",
            "pipelines.cross_workspace",
        ),
        "pipeline code": ("pipelines.unavailable_component",),
        "settings": ("definition.dangling_setting",),
        "freeze": ("definition.freeze_target",),
        "reference": (
            "references.missing_class",
            "references.missing_module",
            "references.duplicate_class",
            "references.builder_base",
            "references.missing_component",
            "references.missing_implementation",
            "references.ambiguous_component",
            "references.unparsable_source",
        ),
        "script alignment": (
            "alignment.undeclared_environment",
            "alignment.unused_environment",
            "alignment.optional_environment",
            "alignment.undeclared_argument",
            "alignment.missing_argument",
            "alignment.undeclared_path",
            "alignment.unused_path",
            "alignment.missing_entry_point",
            "alignment.no_main",
        ),
        "specification alignment": (
            "alignment.duplicate_output_alias",
            "alignment.property_path_mismatch",
            "alignment.node_type_mismatch",
            "alignment.invalid_requirement",
        ),
        "dependency alignment": (
            "alignment.no_compatible_source",
            "alignment.unknown_source",
            "alignment.source_type_mismatch",
        ),
        "builder alignment": (
            "alignment.missing_config_attribute",
            "alignment.missing_builder_method",
            "references.builder_base:check_step",
        ),
        "unused ignore": ("definition.unused_ignore",),
    }
)
"""Rules by occasion, in running order, as ``module`` or ``module:function`` (default ``check``)."""

ALIGNMENT_LEVELS: Final[Mapping[int, Occasion]] = MappingProxyType(
    {
        1: "script alignment",
        2: "specification alignment",
        3: "dependency alignment",
        4: "builder alignment",
    }
)
"""Level of alignment to its rules."""

BY_TOLERANCE: Final[Mapping[str, Severity | None]] = MappingProxyType(
    {"low": Severity.ERROR, "medium": Severity.WARNING, "high": None}
)
"""``conflict_tolerance`` of a workspace to the severity of ``shadows-core``; ``None`` is off."""

_FIXED_WARNINGS: Final = frozenset(
    {
        "ambiguous-resolution",
        "outdated-editor-schema",
        "misplaced-file",
        "folder-named-like-file",
        "left-out",
        "repeated-key",
        "ignored-field",
    }
)


def _id_of(entry: str) -> str:
    return entry.partition(".")[2].partition(":")[0].replace("_", "-")


_ENTRIES: Final[Mapping[str, str]] = MappingProxyType(
    {_id_of(entry): entry for entries in _MODULES.values() for entry in entries if ":" not in entry}
)


@final
class _Rules(Mapping[str, Rule[Any]]):
    """Rules by id, imported on access."""

    def __getitem__(self, rule_id: str) -> Rule[Any]:
        return _load(_ENTRIES[rule_id])

    def __contains__(self, rule_id: object) -> bool:
        return rule_id in _ENTRIES

    def __iter__(self) -> Iterator[str]:
        return iter(_ENTRIES)

    def __len__(self) -> int:
        return len(_ENTRIES)


RULES: Final[Mapping[str, Rule[Any]]] = _Rules()
"""Rules with a configurable severity, by id."""

CAN_BE_IGNORED: Final = frozenset(_ENTRIES) - ALWAYS_REPORTED
"""Ids of rules that a comment can suppress."""


@cache
def _load(entry: str) -> Rule[Any]:
    name, _, function = entry.partition(":")
    module = import_module(f"stepwell.check.{name}")
    page = with_fix(module.ID, (module.__doc__ or "").strip())
    return Rule(module.ID, module.SEVERITY, page, getattr(module, function or "check"))


@cache
def rules(occasion: Occasion) -> tuple[Rule[Any], ...]:
    """Return the rules of an occasion in running order."""
    if occasion == "unused ignore":  # other checks report unused ignores of their rules
        others = {*ids("reference"), *_ALIGNMENT, *ids("pipeline code")}
        return (_unused_ignore_rule(lambda rule_id: rule_id not in others),)
    if occasion == "unused reference ignore":
        references = ids("reference")
        return (_unused_ignore_rule(lambda rule_id: rule_id in references),)
    if occasion == "unused alignment ignore":
        return (_unused_ignore_rule(lambda rule_id: rule_id in _ALIGNMENT),)
    return tuple(_load(entry) for entry in _MODULES[occasion])


def ids(occasion: Occasion) -> frozenset[str]:
    """Return the rule ids of an occasion without importing the rules."""
    return frozenset(_id_of(entry) for entry in _MODULES[occasion])


_ALIGNMENT: Final = frozenset(rule_id for level in ALIGNMENT_LEVELS.values() for rule_id in ids(level))


def _unused_ignore_rule(includes: Callable[[str], bool]) -> Rule[Any]:
    """Return the rule ``unused-ignore`` limited to comments for some rules."""
    rule = _load("definition.unused_ignore")

    def check(scope: tuple[Ignore, ...]) -> Iterator[Finding]:
        return cast(
            "Iterator[Finding]", rule.check(tuple(ignore for ignore in scope if includes(ignore.rule)))
        )

    return replace(rule, check=check)


Active = tuple[tuple[Rule[S], Severity], ...]
"""Enabled rules with their severities."""


def active(
    occasion: Occasion,
    severities: Mapping[str, str],
    defaults: Mapping[str, Severity | None] = MappingProxyType({}),
) -> Active[Any]:
    """Return the enabled rules of an occasion.

    Args:
        severities: the project's ``[rules]``: rule id to ``error``, ``warning``, ``info`` or ``off``.
        defaults: default severities that replace those of the rules; ``None`` disables a rule.
    """
    selected: list[tuple[Rule[Any], Severity]] = []
    for rule in rules(occasion):
        configured = severities.get(rule.id)
        severity = defaults.get(rule.id, rule.severity)
        if configured is not None:
            severity = None if configured == "off" else Severity(configured)
        if severity is None and rule.id in ALWAYS_REPORTED:
            severity = rule.severity
        if severity is not None:
            selected.append((rule, severity))
    return tuple(selected)


def run(rules: Active[S], scope: S) -> Iterator[Diagnostic]:
    """Run rules on a scope and yield their findings as diagnostics."""
    for rule, severity in rules:
        for finding in rule.check(scope):
            message, span, help_text, related, fix = finding
            yield Diagnostic(rule.id, severity, message, span, help_text, related, fix)


def severity_of(rule_id: str) -> Severity:
    """Return the default severity of an id."""
    if rule_id in RULES:
        return RULES[rule_id].severity
    return Severity.WARNING if rule_id in _FIXED_WARNINGS else Severity.ERROR


def page_of(rule_id: str) -> str | None:
    """Return the manual page of an id, or ``None`` if the id is unknown."""
    return RULES[rule_id].page if rule_id in RULES else FIXED_PAGES.get(rule_id)


def check_severities(project: Project) -> Iterator[Diagnostic]:
    """Report unknown ids and fixed severities in ``[rules]``."""
    for rule_id, severity in project.settings.severities.items():
        switched_off = rule_id in ALWAYS_REPORTED and severity == "off"
        if project.config is not None and (rule_id not in RULES or switched_off):
            span = project.config.key_span((*project.prefix, "rules", rule_id))
            yield _invalid_severity(rule_id, span)


def _invalid_severity(rule_id: str, span: Span) -> Diagnostic:
    if rule_id in ALWAYS_REPORTED:
        message = f"`{rule_id}` cannot be switched off"
        help_text = "set it to `info` at least: its findings exclude definitions"
        return Diagnostic("fixed-severity", Severity.ERROR, message, span, help_text)
    if rule_id in FIXED_PAGES:
        message = f"the severity of `{rule_id}` cannot be changed"
        help_text = "remove this line: the finding excludes files"
        return Diagnostic("fixed-severity", Severity.ERROR, message, span, help_text)
    help_text = suggest(rule_id, RULES) or "`stepwell explain-rule` lists all rules"
    fix = respelled(span, rule_id, RULES)
    return Diagnostic("unknown-rule", Severity.ERROR, f"unknown rule `{rule_id}`", span, help_text, fix=fix)
