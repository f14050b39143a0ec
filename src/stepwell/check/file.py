"""Checks one definition file: parsing, schema and rules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from types import MappingProxyType
from typing import Final, NamedTuple, final

from stepwell.check import catalog
from stepwell.check.rule import FileScope, Ignore, IgnoreIndex, WorkspaceScope, by_place, ignores_in
from stepwell.model import KINDS, AuthoredDefinition, Workspace, schema
from stepwell.model.kinds import authored_in
from stepwell.model.layer import Layer, Listed, Source
from stepwell.model.settings import Project, Settings
from stepwell.source.diagnostic import Diagnostic, Severity, Span
from stepwell.source.document import Document, Pointer, freeze_mapping, respelt, without
from stepwell.source.read import parse
from stepwell.source.spelling import closest
from stepwell.source.tree import read_document

__all__ = [
    "CheckedFile",
    "check_definition",
    "check_document",
    "check_workspace_file",
    "hide",
    "is_served",
]


@final
class CheckedFile(NamedTuple):
    """Result of checking one definition file.

    Args:
        name: the name that the file defines, if it is readable.
        place: location of the name, if the file is skipped.
        authored: the definition; ``None`` if the file is skipped.
        partial: the valid fields of a skipped file, for rules only; ``None`` without a readable name.
    """

    listed: Listed
    name: str | None
    place: Span | None
    authored: AuthoredDefinition | None
    diagnostics: tuple[Diagnostic, ...] = ()
    ignores: tuple[Ignore, ...] = ()
    used: tuple[Ignore, ...] = ()
    partial: AuthoredDefinition | None = None

    @property
    def as_written(self) -> CheckedFile:
        """The file with its valid fields as its definition, so that rules can judge what depends on them."""
        return self if self.partial is None else self._replace(authored=self.partial, place=None)

    @property
    def source(self) -> Source | None:
        return None if self.authored is None else self.authored.source


_NO_IGNORES: Final[tuple[Ignore, ...]] = ()


def check_definition(
    project: Project, listed: Listed, today: date, file_rules: catalog.Active[FileScope]
) -> CheckedFile:
    """Read and check one definition file."""
    content = project.tree.read(listed.path)
    if isinstance(content, Diagnostic):
        return check_document(listed, content, project.settings, today, file_rules)
    document, faults = parse(listed.path, content)
    if document is None:
        return check_document(listed, faults[0], project.settings, today, file_rules)
    return check_document(listed, document, project.settings, today, file_rules, faults)


def check_document(
    listed: Listed,
    document: Document | Diagnostic,
    settings: Settings,
    today: date,
    file_rules: catalog.Active[FileScope],
    faults: tuple[Diagnostic, ...] = (),
) -> CheckedFile:
    """Check a parsed definition file.

    Args:
        document: the parsed file, or the diagnostic that explains why it cannot be parsed.
        faults: findings of the parser that leave the rest of the document readable.
    """
    if listed.kind == "providers":
        return _check_provider(listed, document, settings, today, file_rules, faults)
    return _check(listed, document, settings, today, file_rules, faults)


def _check_provider(
    listed: Listed,
    document: Document | Diagnostic,
    settings: Settings,
    today: date,
    file_rules: catalog.Active[FileScope],
    faults: tuple[Diagnostic, ...],
) -> CheckedFile:
    """Check a provider file, reject literal secrets and redact them in all findings."""
    from stepwell.source import redaction  # slow to import and only needed for providers

    data = None if isinstance(document, Diagnostic) else document.data
    secrets = () if isinstance(document, Diagnostic) else tuple(_literal_secrets(document))
    checked = _check(listed, document, settings, today, file_rules, faults)
    if not checked.diagnostics and not secrets:
        return checked
    reported = {(secret.span.line, secret.span.column) for secret in secrets if secret.span is not None}
    others = [
        finding
        for finding in checked.diagnostics
        if finding.span is None
        or (finding.span.line, finding.span.column) not in reported
        or finding.id == "unknown-field"
    ]
    place = checked.place
    if secrets and not isinstance(document, Diagnostic):
        checked = checked._replace(authored=None, ignores=(), used=(), partial=None)
        place = place or document.key_span(("name",))
    return checked._replace(
        place=place and redaction.covered_span(place),
        diagnostics=tuple(redaction.covered(finding, data) for finding in (*secrets, *others)),
    )


def _literal_secrets(document: Document) -> Iterator[Diagnostic]:
    from stepwell.source import redaction

    for pointer, is_value in redaction.literal_secrets(document.data):
        span = document.value_span(pointer) if is_value else document.key_span(pointer)
        inside = pointer[:-1] if isinstance(pointer[-1], int) or not is_value else pointer
        name = ".".join(map(str, inside))
        message = f"`{name}` contains a secret" if name else "a key of this provider is a secret"
        advice = "remove and revoke it, and refer to a new secret in `secrets`"
        if pointer[0] == "secrets" and is_value:
            message = f"`{name}` is not a reference to a secret, so it may be the secret itself"
            advice = "write `env:NAME` or `file:PATH`, and revoke the value if it is a secret"
        yield Diagnostic("literal-secret", Severity.ERROR, message, span, advice)


def _check(
    listed: Listed,
    document: Document | Diagnostic,
    settings: Settings,
    today: date,
    file_rules: catalog.Active[FileScope],
    faults: tuple[Diagnostic, ...],
) -> CheckedFile:
    path, layer, workspace, kind_name = listed
    if isinstance(document, Diagnostic):
        return CheckedFile(listed, None, document.span or Span(path), None, (document,))
    kind = KINDS[kind_name]
    form = f"{kind.noun}-override" if layer is Layer.OVERRIDE else kind.noun
    stated, findings = document, faults
    if faults or not schema.fits(form, document.data, flat=document.flat):
        stated, findings = _valid_part(form, kind.noun, document, faults)
    name = stated.data.get("name")
    if name is None:
        return CheckedFile(listed, None, document.key_span(("name",)), None, findings)
    authored = authored_in(kind, Source(layer, workspace, stated))
    ignores, used = ignores_in(document), _NO_IGNORES
    broken, findings = findings, (*findings, *catalog.run(file_rules, FileScope(authored, settings, today)))
    if ignores:
        findings, used = hide(findings, by_place(ignores))
    if broken or (findings and not is_served(findings)):
        place = stated.value_span(("name",))
        return CheckedFile(listed, name, place, None, findings, ignores, used, authored)
    return CheckedFile(listed, name, None, authored, findings, ignores, used)


_ENTRY_DEPTH: Final = MappingProxyType({"steps": 2, "interface": 3})
"""Depth of entries that other places refer to: if one is invalid, its whole section cannot be judged."""


def _valid_part(
    form: str, noun: str, document: Document, faults: tuple[Diagnostic, ...]
) -> tuple[Document, tuple[Diagnostic, ...]]:
    """Return a document without its invalid values, for rules to run on the others; and all findings."""
    broken = {(fault.span.line, fault.span.column) for fault in faults if fault.span is not None}
    part, names = document, dict(_respellings(form, document))
    findings = _explained(form, noun, document)
    # What a misspelt field contains is judged as if its name were right.
    while names:
        part = respelt(part, names)
        findings = {**findings, **_explained(form, noun, part)}
        names = dict(_respellings(form, part))
    if form == "pipeline":
        part = _with_ids(part)
    keys = part.data if faults else ()
    invalid: set[Pointer] = {
        (key,) for key in keys if any(_is_inside(fault.span, part.value_span((key,))) for fault in faults)
    }
    part = without(part, invalid)
    # The parent of a removed value may be invalid in its turn, up to a field of the definition.
    while invalid := set(_invalid_values(form, part)):
        part = without(part, invalid)
    reported = (
        finding
        for finding in findings
        if finding.span is None or (finding.span.line, finding.span.column) not in broken
    )
    return part, (*faults, *reported)


def _explained(form: str, noun: str, document: Document) -> dict[Diagnostic, None]:
    from stepwell.model import schema_errors  # not needed for valid files

    return dict.fromkeys(schema_errors.explain(form, noun, document.data, lambda _: document))


def _with_ids(document: Document) -> Document:
    """Return a pipeline whose steps without a valid id have a provisional one, so that they can be judged."""
    steps = document.data.get("steps")
    if not isinstance(steps, tuple):
        return document
    invalid = {error.pointer for error in schema.errors_of("pipeline", document.data)}
    named = tuple(
        freeze_mapping({**step, "id": f"unnamed_{place}"})
        if isinstance(step, Mapping) and ("id" not in step or ("steps", place, "id") in invalid)
        else step
        for place, step in enumerate(steps)
    )
    # Nothing can refer to an entry that is no mapping.
    scalars = [("steps", place) for place, step in enumerate(named) if not isinstance(step, Mapping)]
    return without(document._replace(data=freeze_mapping({**document.data, "steps": named})), scalars)


def _respellings(form: str, document: Document) -> Iterator[tuple[Pointer, str]]:
    """Yield each unknown field that resembles one that is not set, with the name of that one."""
    for error in schema.errors_of(form, document.data):
        if error.keyword == "additionalProperties":
            free = {name for name in error.schema.get("properties", {}) if name not in error.value}
            for key in error.wanted:
                for name in closest(key, free):
                    free.discard(name)
                    yield (*error.pointer, key), name


def _invalid_values(form: str, document: Document) -> Iterator[Pointer]:
    from stepwell.model import schema_errors

    for pointer in schema_errors.invalid_values(form, document.data):
        is_entry = len(pointer) <= _ENTRY_DEPTH.get(str(pointer[0]), 0)
        yield pointer[:1] if is_entry else pointer


def _is_inside(inner: Span | None, outer: Span) -> bool:
    return inner is not None and (
        (outer.line, outer.column) <= (inner.line, inner.column) <= (outer.end_line, outer.end_column)
    )


def check_workspace_file(
    project: Project, workspace_id: str, path: str
) -> tuple[Workspace, tuple[Diagnostic, ...]]:
    """Read and check the workspace file of one workspace; an invalid file yields the defaults.

    Args:
        path: the file, relative to the project.
    """
    plain = Workspace(workspace_id)
    document = read_document(project.tree, path)
    if isinstance(document, Diagnostic):
        empty = document.id == "empty-file"  # every field has a default
        return plain, () if empty else (document,)
    findings: tuple[Diagnostic, ...] = ()
    stated = document
    if not schema.fits("workspace", document.data):
        stated, findings = _valid_part("workspace", "workspace", document, ())
    workspace = Workspace(workspace_id, stated)
    severities = project.settings.severities
    scope = WorkspaceScope(Source(Layer.LOCAL, workspace_id, stated), workspace, project.settings)
    served = plain if findings else workspace
    findings = (*findings, *catalog.run(catalog.active("workspace", severities), scope))
    ignores = ignores_in(document)
    shown, used = hide(findings, by_place(ignores))
    suppressed = frozenset(used)
    unused = tuple(ignore for ignore in ignores if ignore not in suppressed)
    return served, (*shown, *catalog.run(catalog.active("unused ignore", severities), unused))


def hide(
    findings: Iterable[Diagnostic], ignores: IgnoreIndex
) -> tuple[tuple[Diagnostic, ...], tuple[Ignore, ...]]:
    """Return the findings that are not suppressed, and the comments that suppressed one."""
    if not ignores:
        return tuple(findings), _NO_IGNORES
    shown: list[Diagnostic] = []
    used: dict[Ignore, None] = {}
    for diagnostic in findings:
        span = diagnostic.span
        hiding: Sequence[Ignore] = ()
        if span is not None and diagnostic.id in catalog.CAN_BE_IGNORED:
            hiding = ignores.get((diagnostic.id, span.path, span.line), ())
        used.update(dict.fromkeys(hiding))
        if not hiding:
            shown.append(diagnostic)
    return tuple(shown), tuple(used)


def is_served(findings: Iterable[Diagnostic]) -> bool:
    """Return whether a definition with these findings is available, which an error prevents."""
    return all(diagnostic.severity is not Severity.ERROR for diagnostic in findings)
