"""Every rule, when it runs and how severe its findings are; a rule is imported when it first runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from importlib import import_module
from types import MappingProxyType
from typing import Any, Final, Literal, TypeVar, cast, final

from stepwell.check.fixed_severities import FIXED_PAGES
from stepwell.check.ignores import Ignore
from stepwell.check.rule import ALWAYS_TOLD, Finding, Rule
from stepwell.model.settings import Project
from stepwell.source.diagnostic import Diagnostic, Severity
from stepwell.source.document import Document, Pointer
from stepwell.source.spelling import suggest

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
"""When a group of rules runs."""

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
        "workspace": ("definition.developer_id_mismatch",),
        "layer": ("layers.duplicate_definition",),
        "shadow": ("layers.shadows_core",),
        "override": (
            "definition.file_name_mismatch:check_overrides",
            "layers.override_changes_name",
            "layers.override_without_base",
            "layers.override_changes_nothing",
            "definition.invalid_parameters_schema:check_overrides",
        ),
        "view": ("layers.duplicate_config_class", "layers.alias_collision"),
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
            "pipelines.input_type_mismatch",
            "pipelines.config_mismatch",
            "pipelines.unknown_parameter",
            "pipelines.unused_parameter",
            "pipelines.cross_workspace",
        ),
        "pipeline code": ("pipelines.unavailable_component",),
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
"""The rules of each occasion, in the order in which they run: a module, and its function unless ``check``."""

ALIGNMENT_LEVELS: Final[Mapping[int, Occasion]] = MappingProxyType(
    {
        1: "script alignment",
        2: "specification alignment",
        3: "dependency alignment",
        4: "builder alignment",
    }
)
"""The rules that compare an interface with its script, with itself, with other steps and with its builder."""

BY_TOLERANCE: Final[Mapping[str, Severity | None]] = MappingProxyType(
    {"low": Severity.ERROR, "medium": Severity.WARNING, "high": None}
)
"""The severity of ``shadows-core`` by the workspace's ``conflict_tolerance``; ``None`` switches it off."""

_FIXED_WARNINGS: Final = frozenset(
    {"ambiguous-resolution", "misplaced-file", "folder-named-like-file", "left-out", "repeated-key"}
)


def _id_of(entry: str) -> str:
    return entry.partition(".")[2].partition(":")[0].replace("_", "-")


_ENTRIES: Final[Mapping[str, str]] = MappingProxyType(
    {_id_of(entry): entry for entries in _MODULES.values() for entry in entries if ":" not in entry}
)


@final
class _Rules(Mapping[str, Rule[Any]]):
    """Every rule by id, imported when it is looked up."""

    def __getitem__(self, rule_id: str) -> Rule[Any]:
        return _load(_ENTRIES[rule_id])

    def __contains__(self, rule_id: object) -> bool:
        return rule_id in _ENTRIES

    def __iter__(self) -> Iterator[str]:
        return iter(_ENTRIES)

    def __len__(self) -> int:
        return len(_ENTRIES)


RULES: Final[Mapping[str, Rule[Any]]] = _Rules()
"""Every rule whose severity a project can choose, by id."""

CAN_BE_IGNORED: Final = frozenset(_ENTRIES) - ALWAYS_TOLD
"""The ids that a comment may hide."""


@cache
def _load(entry: str) -> Rule[Any]:
    name, _, function = entry.partition(":")
    module = import_module(f"stepwell.check.{name}")
    page = (module.__doc__ or "").strip()
    return Rule(module.ID, module.SEVERITY, page, getattr(module, function or "check"))


@cache
def rules(occasion: Occasion) -> tuple[Rule[Any], ...]:
    """The rules that run on an occasion, in order."""
    if occasion == "unused ignore":  # the ignores of other checks are left to these: only they know
        others = {*ids("reference"), *_ALIGNMENT, *ids("pipeline code")}
        return (_unused(lambda rule_id: rule_id not in others),)
    if occasion == "unused reference ignore":
        mine = ids("reference")
        return (_unused(lambda rule_id: rule_id in mine),)
    if occasion == "unused alignment ignore":
        return (_unused(lambda rule_id: rule_id in _ALIGNMENT),)
    return tuple(_load(entry) for entry in _MODULES[occasion])


def ids(occasion: Occasion) -> frozenset[str]:
    """The ids of the rules that run on an occasion; imports none of them."""
    return frozenset(_id_of(entry) for entry in _MODULES[occasion])


_ALIGNMENT: Final = frozenset(one for level in ALIGNMENT_LEVELS.values() for one in ids(level))


def _unused(judged: Any) -> Rule[Any]:
    """The rule ``unused-ignore`` for the comments whose rules ran."""
    rule = _load("definition.unused_ignore")

    def check(scope: tuple[Ignore, ...]) -> Iterator[Finding]:
        return cast("Iterator[Finding]", rule.check(tuple(one for one in scope if judged(one.rule))))

    return replace(rule, check=check)


Active = tuple[tuple[Rule[S], Severity], ...]
"""Rules that run, each with the severity of its findings."""


def active(
    occasion: Occasion,
    severities: Mapping[str, str],
    defaults: Mapping[str, Severity | None] = MappingProxyType({}),
) -> Active[Any]:
    """The rules of an occasion that a project lets run.

    Args:
        occasion: when.
        severities: what the project sets: rule id to ``error``, ``warning``, ``info`` or ``off``.
        defaults: severities that replace a rule's own; ``None`` switches it off.
    """
    found: list[tuple[Rule[Any], Severity]] = []
    for rule in rules(occasion):
        said = severities.get(rule.id)
        severity = defaults.get(rule.id, rule.severity)
        if said is not None:
            severity = None if said == "off" else Severity(said)
        if severity is None and rule.id in ALWAYS_TOLD:
            severity = rule.severity
        if severity is not None:
            found.append((rule, severity))
    return tuple(found)


def run(rules: Active[S], scope: S) -> Iterator[Diagnostic]:
    """Run rules on a scope; each finding becomes a diagnostic with the rule's id and severity."""
    for rule, severity in rules:
        for finding in rule.check(scope):
            yield Diagnostic(rule.id, severity, finding.message, finding.span, finding.help, finding.related)


def severity_of(rule_id: str) -> Severity:
    """The severity of an id where the project sets none."""
    if rule_id in RULES:
        return RULES[rule_id].severity
    return Severity.WARNING if rule_id in _FIXED_WARNINGS else Severity.ERROR


def page_of(rule_id: str) -> str | None:
    """The manual page of an id; ``None`` when there is no such id."""
    return RULES[rule_id].page if rule_id in RULES else FIXED_PAGES.get(rule_id)


def check_severities(project: Project) -> Iterator[Diagnostic]:
    """Report the ids in ``[rules]`` that do not exist or cannot be changed."""
    for rule_id, severity in project.settings.severities.items():
        silenced = rule_id in ALWAYS_TOLD and severity == "off"
        if project.config is None or (rule_id in RULES and not silenced):
            continue
        pointer = (*project.prefix, "rules", rule_id)
        yield _unusable(project.config, pointer, rule_id)


def _unusable(config: Document, pointer: Pointer, rule_id: str) -> Diagnostic:
    span = config.key_span(pointer)
    if rule_id in ALWAYS_TOLD:
        message = f"`{rule_id}` cannot be switched off"
        help_text = "what it finds is not served, so somebody must be told; `info` is the least"
        return Diagnostic("fixed-severity", Severity.ERROR, message, span, help_text)
    if rule_id in FIXED_PAGES:
        message = f"the severity of `{rule_id}` is fixed"
        help_text = "without it a file could be left out and nobody would be told"
        return Diagnostic("fixed-severity", Severity.ERROR, message, span, help_text)
    help_text = suggest(rule_id, RULES) or "`stepwell explain-rule` lists all rules"
    return Diagnostic("unknown-rule", Severity.ERROR, f"there is no rule `{rule_id}`", span, help_text)
