"""Templates of workspaces: Stepwell's own, and those of the team, a folder for each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple, final

from stepwell.model.settings import Project
from stepwell.source.diagnostic import Checked, Diagnostic, Severity, Span
from stepwell.source.read import read_text
from stepwell.source.spelling import closest
from stepwell.source.tree import EntryKind, Folder, Tree

__all__ = ["DESCRIBED_IN", "RENDERED", "Template", "TemplateFile", "find_templates"]

RENDERED: Final = ".j2"
"""The ending of the files that are rendered; it is left out of their names. Others are copied."""

DESCRIBED_IN: Final = "template.yaml"
"""The file that says what a template is for; it is no part of a workspace."""

_OWN: Final = Path(__file__).parent / "templates"
_LEFT_OUT: Final = frozenset({"__pycache__", ".git", ".DS_Store"})
_FIELDS: Final = ("description", "extends")
_MAX_DEPTH: Final = 16
_MAX_FILES: Final = 1000


@final
class TemplateFile(NamedTuple):
    """One file of a template.

    Args:
        shown: where it lies, as messages tell it.
        content: its bytes.
    """

    shown: str
    content: bytes


@final
@dataclass(frozen=True, slots=True)
class Template:
    """One template.

    Args:
        name: its folder's name.
        description: what it is for, in a few words; empty where nobody says so.
        extends: the template whose files it has too; empty for none.
        folder: where it lies, as messages tell it.
        files: every file by its path in the folder, sorted.
    """

    name: str
    description: str
    extends: str
    folder: str
    files: Mapping[str, TemplateFile]


def find_templates(project: Project | None) -> Checked[Mapping[str, Template]]:
    """Every template by name; one of the team's goes before one of ours with its name.

    Args:
        project: whose ``[templates] path`` to look into; without one there are only ours.
    """
    found: dict[str, Template] = {}
    diagnostics: list[Diagnostic] = []
    own = Folder(str(_OWN))
    for name in sorted(one.name for one in own.scan("") if one.kind is EntryKind.FOLDER):
        if name not in _LEFT_OUT:
            found[name] = _read(own, name, name, diagnostics)
    path = project.settings.templates if project is not None else ""
    if project is not None and path:
        for name in _folders(project.tree, path, diagnostics):
            found[name] = _read(project.tree, name, f"{path}/{name}", diagnostics)
    whole = {name: _extended(name, found, diagnostics) for name in found}
    return Checked(MappingProxyType(whole), tuple(diagnostics))


def _extended(name: str, found: Mapping[str, Template], diagnostics: list[Diagnostic]) -> Template:
    """A template with the files of those that it extends below its own."""
    template = found[name]
    files = dict(template.files)
    seen = [name]
    while template.extends:
        if template.extends not in found or template.extends in seen:
            near = closest(template.extends, [one for one in found if one not in seen])
            hint = f"did you mean `{near[0]}`?" if near else f"there are {', '.join(sorted(found))}"
            message = f"the template `{template.name}` extends `{template.extends}`, which it cannot"
            diagnostics.append(_broken(f"{template.folder}/{DESCRIBED_IN}", message, hint))
            break
        template = found[template.extends]
        seen.append(template.name)
        files = {**template.files, **files}
    return replace(found[name], files=MappingProxyType(dict(sorted(files.items()))))


def _folders(tree: Tree, path: str, diagnostics: list[Diagnostic]) -> Iterator[str]:
    if tree.follow(path).path is None:
        diagnostics.append(_broken(path, "the folder of templates lies outside the project"))
        return
    try:
        entries = sorted(tree.scan(path))
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        diagnostics.append(_broken(path, f"the folder of templates cannot be read: {reason}"))
        return
    for entry in entries:
        if entry.kind is EntryKind.FOLDER and entry.name[0] != "." and entry.name not in _LEFT_OUT:
            if entry.name.isprintable() and not entry.is_link:
                yield entry.name
            else:
                diagnostics.append(
                    _broken(f"{path}/{ascii(entry.name)[1:-1]}", "a template is a folder with a plain name")
                )


def _read(tree: Tree, name: str, folder: str, diagnostics: list[Diagnostic]) -> Template:
    files: dict[str, TemplateFile] = {}
    said: dict[str, str] = {}
    for path in _below(tree, folder, diagnostics):
        content = tree.read(path)
        if isinstance(content, Diagnostic):
            if content.id != "empty-file":
                diagnostics.append(content)
        elif path == f"{folder}/{DESCRIBED_IN}":
            said = _described(path, content, diagnostics)
        else:
            files[path[len(folder) + 1 :]] = TemplateFile(path, content)
    return Template(
        name, said.get("description", ""), said.get("extends", ""), folder, MappingProxyType(files)
    )


def _described(path: str, content: bytes, diagnostics: list[Diagnostic]) -> dict[str, str]:
    """What a ``template.yaml`` says."""
    document = read_text(path, content)
    if isinstance(document, Diagnostic):
        diagnostics.append(document)
        return {}
    said: dict[str, str] = {}
    for key, value in document.data.items():
        if key not in _FIELDS:
            message = f"a template has no field `{key}`"
            help_text = f"fields are {' and '.join(f'`{one}`' for one in _FIELDS)}"
            place = document.key_span((key,))
            diagnostics.append(Diagnostic("broken-template", Severity.ERROR, message, place, help_text))
        elif not isinstance(value, str):
            message = f"`{key}` of a template must be text"
            place = document.value_span((key,))
            diagnostics.append(Diagnostic("broken-template", Severity.ERROR, message, place))
        else:
            said[key] = " ".join(value.split())
    return said


def _below(tree: Tree, folder: str, diagnostics: list[Diagnostic]) -> Iterator[str]:
    pending = [folder]
    count = 0
    while pending:
        here = pending.pop()
        try:
            entries = sorted(tree.scan(here))
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            diagnostics.append(_broken(here, f"the folder cannot be read: {reason}"))
            continue
        for name, kind, is_link in entries:
            path = f"{here}/{name}"
            if name in _LEFT_OUT:
                continue
            count += 1
            if count > _MAX_FILES or here.count("/") > _MAX_DEPTH:
                diagnostics.append(
                    _broken(folder, f"a template has at most {_MAX_FILES} files, not nested deeply")
                )
                return
            if is_link or not name.isprintable():
                diagnostics.append(
                    _broken(f"{here}/{ascii(name)[1:-1]}", "links and odd names cannot be templates")
                )
            elif kind is EntryKind.FOLDER:
                pending.append(path)
            elif kind is EntryKind.FILE:
                yield path


def _broken(path: str, message: str, help_text: str | None = None) -> Diagnostic:
    return Diagnostic("broken-template", Severity.ERROR, message, Span(path), help_text)
