"""Effects on editors of definitions: values that settings and schemas now reject."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from stepwell.check.catalog import RULES
from stepwell.check.definition.not_in_vocabulary import FIELDS
from stepwell.model import KINDS, StepDefinition
from stepwell.model.layer import Layer
from stepwell.review.comparison import Consumer, Effect, Level
from stepwell.review.effects.change_scope import place_of
from stepwell.review.effects.schema_diff import Difference, differences
from stepwell.review.state import RegistryState
from stepwell.source.diagnostic import Diagnostic, Severity, Span
from stepwell.source.document import Document, Pointer
from stepwell.source.spelling import STYLES
from stepwell.source.wording import listed

__all__ = ["effects_on_editors"]

_LEVELS: Final[Mapping[str, int]] = {"off": 0, "info": 1, "warning": 2, "error": 3}


def effects_on_editors(old: RegistryState, new: RegistryState) -> Iterator[Effect]:
    """Yield newly rejected values.

    Values in use are breaking, unused values risky.
    """
    if not (old.tables or new.tables):  # the old registry had neither vocabularies nor rules
        yield from _vocabulary(old, new)
        yield from _naming(old, new)
        yield from _severities(old, new)
    yield from _schemas(old, new)


def _vocabulary(old: RegistryState, new: RegistryState) -> Iterator[Effect]:
    before, after = old.loaded.project.settings.vocabulary, new.loaded.project.settings.vocabulary
    refuses = _severity(new, "not-in-vocabulary") == "error"
    for name, fields in FIELDS.items():
        field = "` or `".join(fields)
        was, now = before.get(name), after.get(name)
        if was == now:
            continue
        place_was, place_now = _said(old, "vocabulary", name), _said(new, "vocabulary", name)
        if now is None:
            reason = f"`{field}` accepts any value"
            yield _effect(Level.SAFE, "vocabulary-widened", name, reason, place_was)
        elif was is None:
            users = [step for step in _steps(old) if set(_words(step, fields)) - set(now)]
            reason = f"`{field}` must be a value of `[vocabulary] {name}`{_used(users, *fields)}"
            level = Level.BREAKING if users and refuses else Level.RISKY
            yield _effect(level, "vocabulary-closed", name, reason, None, place_now)
        else:
            for word in was:
                if word not in now:
                    users = [step for step in _steps(old) if word in _words(step, fields)]
                    reason = f"`{word}` is no longer an allowed value of `{field}`{_used(users, *fields)}"
                    level = Level.BREAKING if users and refuses else Level.RISKY
                    subject = f"{name}.{word}"
                    yield _effect(level, "vocabulary-word-left", subject, reason, place_was, place_now)
            if set(now) - set(was):
                added = listed(f"`{word}`" for word in sorted(set(now) - set(was)))
                reason = f"`{field}` also accepts {added}"
                yield _effect(Level.SAFE, "vocabulary-widened", name, reason, place_was, place_now)


def _naming(old: RegistryState, new: RegistryState) -> Iterator[Effect]:
    was, now = old.loaded.project.settings.naming.step_name, new.loaded.project.settings.naming.step_name
    if was == now:
        return
    places = _said(old, "naming", "step_name"), _said(new, "naming", "step_name")
    if now == "any":
        yield _effect(Level.SAFE, "naming-widened", "step_name", "step names are not restricted", *places)
        return
    users = [step for step in _steps(old) if not STYLES[now].fullmatch(step.name)]
    refuses = _severity(new, "naming-style") == "error"
    reason = f"step names must be in {now}{_used(users, 'name')}"
    level = Level.BREAKING if users and refuses else Level.RISKY
    yield _effect(level, "naming-narrowed", "step_name", reason, *places)


def _severities(old: RegistryState, new: RegistryState) -> Iterator[Effect]:
    for rule in sorted({*old.loaded.project.settings.severities, *new.loaded.project.settings.severities}):
        if rule not in RULES:
            continue
        was, now = _severity(old, rule), _severity(new, rule)
        places = _said(old, "rules", rule), _said(new, "rules", rule)
        if now == "error" and was != "error":
            finding = _found(old, new, rule)
            reason = (
                f"`{rule}` is now an error instead of {_called(was)}, so its findings exclude definitions"
            )
            if finding is not None and finding.span is not None:
                reason += f"; it has a finding at {finding.span.path}:{finding.span.line}"
            level = Level.RISKY if finding is None else Level.BREAKING
            yield _effect(level, "rule-raised", rule, reason, *places)
        elif _LEVELS[now] < _LEVELS[was]:
            reason = f"`{rule}` is now {_called(now)} instead of {_called(was)}"
            yield _effect(Level.SAFE, "rule-lowered", rule, reason, *places)


def _found(old: RegistryState, new: RegistryState, rule: str) -> Diagnostic | None:
    """Return a finding of a rule in an existing file."""
    for finding in old.loaded.diagnostics:
        if finding.id == rule:
            return finding
    for finding in new.loaded.diagnostics:
        path = finding.span.path if finding.span is not None else ""
        if finding.id == rule and finding.severity is Severity.ERROR and path in old.loaded.checked:
            return finding
    return None


def _schemas(old: RegistryState, new: RegistryState) -> Iterator[Effect]:
    for path in sorted(old.schemas.keys() | new.schemas.keys()):
        if path not in old.schemas:
            continue  # a new schema cannot be violated
        if path not in new.schemas:
            reason = f"`{path}` was removed, so editors that use it no longer validate"
            yield _effect(Level.RISKY, "schema-gone", path, reason, Span(path))
            continue
        try:
            stricter = differences(old.schemas[path], new.schemas[path])
        except RecursionError:
            reason = f"`{path}` changed and is nested too deeply to compare"
            yield _effect(Level.RISKY, "schema-stricter", path, reason, Span(path), Span(path))
            continue
        documents = list(_documents(old, path)) if any(item.is_stricter for item in stricter) else []
        for item in stricter:
            yield _of_schema(path, item, documents)


def _of_schema(path: str, difference: Difference, documents: Iterable[tuple[Document, Pointer]]) -> Effect:
    subject = path + difference.pointer
    if not difference.is_stricter:
        return _effect(Level.SAFE, "schema-wider", subject, difference.reason, Span(path), Span(path))
    refuses = difference.refuses
    for document, prefix in documents if refuses is not None else ():
        for way, value in difference.values_in(_inside(document.data, prefix)):
            if refuses is not None and refuses(value):
                place = document.value_span((*prefix, *way))
                reason = f"{difference.reason}, but {place.path}:{place.line} violates it"
                return _effect(Level.BREAKING, "schema-stricter", subject, reason, place, Span(path))
    reason = f"{difference.reason}; no known violations"
    return _effect(Level.RISKY, "schema-stricter", subject, reason, Span(path), Span(path))


def _documents(state: RegistryState, path: str) -> Iterator[tuple[Document, Pointer]]:
    """Yield the documents of a schema, selected by its file name, with their locations."""
    loaded = state.loaded
    name = path.rpartition("/")[2].removesuffix(".schema.json")
    noun, is_override = name.removesuffix("-override"), name.endswith("-override")
    if name == "project" and loaded.project.config is not None:
        yield loaded.project.config, loaded.project.prefix
    elif name == "workspace":
        for workspace in loaded.snapshot.workspaces.values():
            if workspace.document is not None:
                yield workspace.document, ()
    for file in loaded.checked.values():
        mine = KINDS[file.listed.kind].noun == noun and (file.listed.layer is Layer.OVERRIDE) is is_override
        if mine and file.source is not None and not state.tables:
            yield file.source.document, ()


def _inside(data: Any, prefix: Pointer) -> Any:
    for step in prefix:
        data = data[step]
    return data


def _steps(state: RegistryState) -> Iterator[StepDefinition]:
    """Yield the steps of all views without inherited ones."""
    snapshot = state.loaded.snapshot
    yield from snapshot.core.steps.above.values()
    for workspace in snapshot.workspaces:
        yield from snapshot.view(workspace).steps.above.values()


def _words(step: StepDefinition, fields: Iterable[str]) -> Iterator[str]:
    for field in fields:
        stated = step.data.get(field)
        yield from stated if isinstance(stated, tuple) else (stated,) if isinstance(stated, str) else ()


def _used(users: list[StepDefinition], *fields: str) -> str:
    if not users:
        return "; no violations"
    stated = [field for field in fields if field in users[0].data]
    place = place_of(users[0], (stated or fields)[0])
    at = "" if place is None else f" ({place.path}:{place.line})"
    more = f" and {len(users) - 1} more" if len(users) > 1 else ""
    verb = "break" if len(users) > 1 else "breaks"
    return f"; `{users[0].name}`{at}{more} {verb} it"


def _severity(state: RegistryState, rule: str) -> str:
    return state.loaded.project.settings.severities.get(rule, RULES[rule].severity.value)


def _called(severity: str) -> str:
    return {"off": "off", "info": "an info", "error": "an error"}.get(severity, f"a {severity}")


def _said(state: RegistryState, table: str, key: str) -> Span | None:
    project = state.loaded.project
    if project.config is None:
        return None
    pointer = (*project.prefix, table, key)
    return project.config.key_span(pointer) if _is_said(project.config, pointer) else None


def _is_said(config: Document, pointer: Pointer) -> bool:
    data: Any = config.data
    for step in pointer:
        if not isinstance(data, Mapping) or step not in data:
            return False
        data = data[step]
    return True


def _effect(
    level: Level, kind: str, subject: str, reason: str, was: Span | None = None, now: Span | None = None
) -> Effect:
    return Effect(Consumer.EDITORS, level, kind, subject, reason, None, was, now)
