"""What a schema cannot say: one module a rule, each with its manual page as its docstring.

The lists below are written out, so that which rules run where can be read here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final, TypeVar

from stepwell.check.alignment import (
    duplicate_output_alias,
    invalid_requirement,
    missing_argument,
    missing_builder_method,
    missing_config_attribute,
    missing_entry_point,
    no_compatible_source,
    no_main,
    node_type_mismatch,
    optional_environment,
    property_path_mismatch,
    source_type_mismatch,
    undeclared_argument,
    undeclared_environment,
    undeclared_path,
    unknown_source,
    unused_environment,
    unused_path,
)
from stepwell.check.alignment.scope import AlignmentScope
from stepwell.check.definition import (
    developer_id_mismatch,
    file_name_mismatch,
    freeze_target,
    invalid_parameters_schema,
    invalid_version_range,
    naming_style,
    not_in_vocabulary,
    past_removal,
    unknown_implementation,
    unknown_setting,
    unused_ignore,
)
from stepwell.check.fixed import FIXED_PAGES
from stepwell.check.ignores import Ignore, ignores_in
from stepwell.check.layers import (
    alias_collision,
    duplicate_config_class,
    duplicate_definition,
    override_changes_name,
    override_changes_nothing,
    override_without_base,
    plugin_hidden,
    shadows_core,
)
from stepwell.check.layers.shadows_core import BY_TOLERANCE
from stepwell.check.pipeline_scope import PipelineScope
from stepwell.check.pipelines import (
    ambiguous_step,
    config_mismatch,
    cross_workspace,
    dangling_reference,
    duplicate_step_id,
    extends_cycle,
    input_type_mismatch,
    missing_input,
    pipeline_cycle,
    unavailable_component,
    unknown_base,
    unknown_input,
    unknown_job_type,
    unknown_output,
    unknown_parameter,
    unknown_step,
    unknown_workspace,
    unused_parameter,
)
from stepwell.check.references import (
    ambiguous_component,
    builder_base,
    duplicate_class,
    missing_class,
    missing_component,
    missing_implementation,
    missing_module,
    unparsable_source,
)
from stepwell.check.rule import (
    ALWAYS_TOLD,
    FileScope,
    Finding,
    FreezeScope,
    Hidden,
    LayerScope,
    Override,
    Reference,
    ReferenceScope,
    Rule,
    Shadow,
    ViewScope,
    WorkspaceScope,
    rule_of,
)
from stepwell.model.settings import Project
from stepwell.source.diagnostic import Diagnostic, Severity
from stepwell.source.document import Document, Pointer
from stepwell.source.spelling import closest

__all__ = [
    "ALIGNMENT_IGNORE_RULES",
    "ALIGNMENT_RULES",
    "ALWAYS_TOLD",
    "BY_TOLERANCE",
    "CAN_BE_IGNORED",
    "CONTENT_RULES",
    "FILE_RULES",
    "FIXED_PAGES",
    "FREEZE_RULES",
    "IGNORE_RULES",
    "LAYER_RULES",
    "OVERRIDE_RULES",
    "PIPELINE_CODE_RULES",
    "PIPELINE_RULES",
    "PLUGIN_RULES",
    "REFERENCE_IGNORE_RULES",
    "REFERENCE_RULES",
    "RULES",
    "SHADOW_RULES",
    "VIEW_RULES",
    "WORKSPACE_RULES",
    "Active",
    "AlignmentScope",
    "FileScope",
    "FreezeScope",
    "Hidden",
    "Ignore",
    "LayerScope",
    "Override",
    "PipelineScope",
    "Reference",
    "ReferenceScope",
    "Rule",
    "Shadow",
    "ViewScope",
    "WorkspaceScope",
    "active",
    "check_severities",
    "ignores_in",
    "page_of",
    "run",
    "severity_of",
]

S = TypeVar("S")

FILE_RULES: Final[tuple[Rule[FileScope], ...]] = (
    rule_of(file_name_mismatch),
    rule_of(naming_style),
    rule_of(not_in_vocabulary),
    rule_of(past_removal),
    rule_of(unknown_implementation),
    rule_of(unknown_setting),
    rule_of(invalid_parameters_schema),
    rule_of(invalid_version_range),
)
CONTENT_RULES: Final = tuple(rule for rule in FILE_RULES if rule.id != file_name_mismatch.ID)
"""Those that ask nothing of the file: for what a package brings and for what code registers."""

WORKSPACE_RULES: Final[tuple[Rule[WorkspaceScope], ...]] = (rule_of(developer_id_mismatch),)
LAYER_RULES: Final[tuple[Rule[LayerScope], ...]] = (rule_of(duplicate_definition),)
SHADOW_RULES: Final[tuple[Rule[ViewScope], ...]] = (rule_of(shadows_core),)
OVERRIDE_RULES: Final[tuple[Rule[ViewScope], ...]] = (
    replace(rule_of(file_name_mismatch), check=file_name_mismatch.check_overrides),
    rule_of(override_changes_name),
    rule_of(override_without_base),
    rule_of(override_changes_nothing),
    replace(rule_of(invalid_parameters_schema), check=invalid_parameters_schema.check_overrides),
)
VIEW_RULES: Final[tuple[Rule[ViewScope], ...]] = (
    rule_of(duplicate_config_class),
    rule_of(alias_collision),
)
PLUGIN_RULES: Final[tuple[Rule[tuple[Hidden, ...]], ...]] = (rule_of(plugin_hidden),)
PIPELINE_RULES: Final[tuple[Rule[PipelineScope], ...]] = (
    rule_of(duplicate_step_id),
    rule_of(unknown_base),
    rule_of(extends_cycle),
    rule_of(ambiguous_step),
    rule_of(unknown_workspace),
    rule_of(unknown_job_type),
    rule_of(unknown_step),
    rule_of(dangling_reference),
    rule_of(pipeline_cycle),
    rule_of(unknown_input),
    rule_of(unknown_output),
    rule_of(missing_input),
    rule_of(input_type_mismatch),
    rule_of(config_mismatch),
    rule_of(unknown_parameter),
    rule_of(unused_parameter),
    rule_of(cross_workspace),
)
PIPELINE_CODE_RULES: Final[tuple[Rule[PipelineScope], ...]] = (rule_of(unavailable_component),)
"""Those that look into sources; they run when `stepwell pipeline check` asks for them."""

FREEZE_RULES: Final[tuple[Rule[FreezeScope], ...]] = (rule_of(freeze_target),)
REFERENCE_RULES: Final[tuple[Rule[ReferenceScope], ...]] = (
    rule_of(missing_class),
    rule_of(missing_module),
    rule_of(duplicate_class),
    rule_of(builder_base),
    rule_of(missing_component),
    rule_of(missing_implementation),
    rule_of(ambiguous_component),
    rule_of(unparsable_source),
)
"""Those that look into Python sources; they run when a check asks for references."""

ALIGNMENT_RULES: Final[Mapping[int, tuple[Rule[AlignmentScope], ...]]] = MappingProxyType(
    {
        1: (
            rule_of(undeclared_environment),
            rule_of(unused_environment),
            rule_of(optional_environment),
            rule_of(undeclared_argument),
            rule_of(missing_argument),
            rule_of(undeclared_path),
            rule_of(unused_path),
            rule_of(missing_entry_point),
            rule_of(no_main),
        ),
        2: (
            rule_of(duplicate_output_alias),
            rule_of(property_path_mismatch),
            rule_of(node_type_mismatch),
            rule_of(invalid_requirement),
        ),
        3: (
            rule_of(no_compatible_source),
            rule_of(unknown_source),
            rule_of(source_type_mismatch),
        ),
        4: (
            rule_of(missing_config_attribute),
            rule_of(missing_builder_method),
            replace(rule_of(builder_base), check=builder_base.check_step),
        ),
    }
)
"""Those that hold interfaces against scripts, steps, builders and configurations, by level."""


def _unused_whatever_is_asked(scope: tuple[Ignore, ...]) -> Iterator[Finding]:
    """Leave the ignores of other checks to these: only they know what they hide."""
    others = _ABOUT_REFERENCES | _ABOUT_ALIGNMENT | {rule.id for rule in PIPELINE_CODE_RULES}
    return unused_ignore.check(tuple(one for one in scope if one.rule not in others))


def _unused_for_references(scope: tuple[Ignore, ...]) -> Iterator[Finding]:
    return unused_ignore.check(tuple(one for one in scope if one.rule in _ABOUT_REFERENCES))


def _unused_for_alignment(scope: tuple[Ignore, ...]) -> Iterator[Finding]:
    return unused_ignore.check(tuple(one for one in scope if one.rule in _ABOUT_ALIGNMENT))


_ABOUT_REFERENCES: Final = frozenset(rule.id for rule in REFERENCE_RULES)
_ABOUT_ALIGNMENT: Final = frozenset(rule.id for level in ALIGNMENT_RULES.values() for rule in level)

IGNORE_RULES: Final[tuple[Rule[tuple[Ignore, ...]], ...]] = (
    replace(rule_of(unused_ignore), check=_unused_whatever_is_asked),
)
REFERENCE_IGNORE_RULES: Final[tuple[Rule[tuple[Ignore, ...]], ...]] = (
    replace(rule_of(unused_ignore), check=_unused_for_references),
)
ALIGNMENT_IGNORE_RULES: Final[tuple[Rule[tuple[Ignore, ...]], ...]] = (
    replace(rule_of(unused_ignore), check=_unused_for_alignment),
)

_EVERY: Final[tuple[tuple[Rule[Any], ...], ...]] = (
    FILE_RULES,
    WORKSPACE_RULES,
    LAYER_RULES,
    SHADOW_RULES,
    OVERRIDE_RULES,
    VIEW_RULES,
    PLUGIN_RULES,
    PIPELINE_RULES,
    PIPELINE_CODE_RULES,
    FREEZE_RULES,
    REFERENCE_RULES,
    *ALIGNMENT_RULES.values(),
    IGNORE_RULES,
)
RULES: Final[Mapping[str, Rule[Any]]] = MappingProxyType(
    {rule.id: rule for rules in _EVERY for rule in rules}
)
"""Every rule whose severity a project can choose, by id."""


CAN_BE_IGNORED: Final = frozenset(RULES) - ALWAYS_TOLD
"""The ids that a comment may hide."""

_FIXED_WARNINGS: Final = frozenset(
    {"ambiguous-resolution", "misplaced-file", "folder-named-like-file", "left-out", "repeated-key"}
)


def severity_of(rule_id: str) -> Severity:
    """The severity of an id where the project says nothing."""
    if rule_id in RULES:
        return RULES[rule_id].severity
    return Severity.WARNING if rule_id in _FIXED_WARNINGS else Severity.ERROR


Active = tuple[tuple[Rule[S], Severity], ...]
"""Rules that run, each with the severity of what it finds."""


def active(
    rules: tuple[Rule[S], ...],
    severities: Mapping[str, str],
    defaults: Mapping[str, Severity | None] = MappingProxyType({}),
) -> Active[S]:
    """The rules that a project lets run.

    Args:
        rules: which ones could.
        severities: what the project says: rule id to ``error``, ``warning``, ``info`` or ``off``.
        defaults: severities that stand in for a rule's own; ``None`` switches it off.
    """
    found: list[tuple[Rule[S], Severity]] = []
    for rule in rules:
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
    """Run rules over what they look at, and stamp their findings.

    Args:
        rules: which ones, with their severities.
        scope: what they look at.
    """
    for rule, severity in rules:
        for finding in rule.check(scope):
            yield Diagnostic(rule.id, severity, finding.message, finding.span, finding.help, finding.related)


def page_of(rule_id: str) -> str | None:
    """The manual page of an id, ``None`` when there is no such id."""
    rule = RULES.get(rule_id)
    return rule.page if rule is not None else FIXED_PAGES.get(rule_id)


def check_severities(project: Project) -> Iterator[Diagnostic]:
    """Hold the ids of ``[rules]`` against those that exist and can be changed."""
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
    near = closest(rule_id, RULES)
    help_text = f"did you mean `{near[0]}`?" if near else "`stepwell explain-rule` lists all rules"
    return Diagnostic("unknown-rule", Severity.ERROR, f"there is no rule `{rule_id}`", span, help_text)
