"""Schemas with the vocabulary and step names of a project, and their mappings in the settings of editors."""

from __future__ import annotations

import copy
import json
import os
import posixpath
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple, final
from xml.sax.saxutils import quoteattr

from stepwell.check.definition.not_in_vocabulary import FIELDS
from stepwell.model.kinds import KINDS
from stepwell.model.schema import contents, override_of
from stepwell.model.settings import Project, Settings
from stepwell.resolve.snapshot import Snapshot
from stepwell.source.diagnostic import Diagnostic, Severity, Span
from stepwell.source.document import Document
from stepwell.source.read import read_text
from stepwell.write.edit.engine import EditRefused, edited
from stepwell.write.edit.plan import FileEdits
from stepwell.write.edit.text import Set

__all__ = ["EDITORS", "SCHEMA_FOLDER", "install", "outdated_schemas", "patterns"]

SCHEMA_FOLDER: Final = ".stepwell/schemas"
"""Folder of the schemas that ``install`` writes; git ignores it."""

_OVERRIDE: Final = "-override"


def patterns(settings: Settings, suffix: str = "yaml") -> dict[str, list[str]]:
    """Return the glob patterns of the files of each schema, by its name."""
    core, base = settings.core, settings.workspaces
    every: dict[str, list[str]] = {}
    for kind in KINDS.values():
        folders = (f"{core}/{kind.folder}", f"{base}/*/local/{kind.folder}")
        every[kind.noun] = [f"{folder}/**/*.{suffix}" for folder in folders]
    for kind in KINDS.values():
        every[f"{kind.noun}{_OVERRIDE}"] = [f"{base}/*/override/{kind.folder}/**/*.{suffix}"]
    return every | {"workspace": [f"{base}/*/workspace.{suffix}"]}


# --- schemas


def _schemas(project: Project, snapshot: Snapshot) -> Iterator[tuple[str, str]]:
    """Yield path and text of each schema of a project."""
    views = (snapshot.core, *map(snapshot.view, snapshot.workspaces))
    names = sorted({name for view in views for name in view.steps})
    aliases = sorted({alias for view in views for step in view.values() for alias in step.aliases})
    pipelines = sorted({name for view in views for name in view.pipelines})
    for name in patterns(project.settings):
        noun = name.removesuffix(_OVERRIDE)
        schema = copy.deepcopy(contents(name) if noun == name else override_of(noun))
        schema["$comment"] = "Written by `stepwell schema --install`, which updates it."
        del schema["$id"]
        fields = schema["properties"]
        if noun == "step":
            for words, restricted in FIELDS.items():
                for field in restricted if words in project.settings.vocabulary else ():
                    _restrict(fields[field], project.settings.vocabulary[words])
            _restrict(fields["deprecated"]["properties"]["replaced_by"], names)
        elif noun == "pipeline":
            _propose(fields["steps"]["items"]["properties"]["step"], [*names, *aliases])
            _propose(fields["extends"], pipelines)
        elif noun == "workspace" and "frameworks" in project.settings.vocabulary:
            _propose(fields["preferred_frameworks"]["items"], project.settings.vocabulary["frameworks"])
        if noun != name:
            folder = next(folder for folder, kind in KINDS.items() if kind.noun == noun)
            _propose(fields["name"], sorted(map(str, snapshot.core.tables[folder])))
        yield f"{SCHEMA_FOLDER}/{name}.schema.json", json.dumps(schema, indent=1) + "\n"


def _restrict(field: dict[str, Any], values: Any) -> None:
    """Allow only some values for a field, or for the items of its list."""
    types = field.get("type", ())
    if "items" in field:
        field["items"]["enum"] = [*values]
    elif values:
        field["enum"] = [*values, *([None] if "null" in types else [])]


def _propose(field: dict[str, Any], values: Any) -> None:
    """Propose some values for a field, which also accepts others."""
    general = {
        key: field.pop(key) for key in tuple(field) if key not in ("description", "examples", "default")
    }
    field["anyOf"] = [*([{"enum": [*values]}] if values else []), general]


def outdated_schemas(project: Project, snapshot: Snapshot) -> tuple[Diagnostic, ...]:
    """Return a finding if the installed schemas are not those of the project; none without any."""
    for path, text in _schemas(project, snapshot):
        try:
            with open(os.path.join(project.root, path), encoding="utf-8") as file:
                is_current = file.read() == text
        except (OSError, ValueError):
            is_current = False
        if not is_current:
            message = "the schemas for editors do not contain the current vocabulary and names"
            hint = "run `stepwell schema --install` for your editor, or delete the folder"
            return (Diagnostic("outdated-editor-schema", Severity.WARNING, message, Span(path), hint),)
    return ()


# --- editors


def install(project: Project, snapshot: Snapshot, editor: str) -> FileEdits:
    """Plan the schemas of a project and their mapping in the settings of an editor.

    Raises:
        EditRefused: the settings exist and cannot be edited.
    """
    files = FileEdits(project)
    for path, text in _schemas(project, snapshot):
        files.content(path)
        files.write(path, text.encode())
    ignored = f"{SCHEMA_FOLDER}/.gitignore"
    if files.content(ignored) is None:
        files.write(ignored, b"*\n")
    path, pointer = EDITORS[editor]
    wanted = {
        f"{SCHEMA_FOLDER}/{name}.schema.json": globs for name, globs in patterns(project.settings).items()
    }
    content = files.content(path)
    try:
        before = (content or b"").decode("utf-8-sig")
    except UnicodeDecodeError:
        raise EditRefused("the file is not UTF-8", Span(path)) from None
    if path.endswith(".json"):
        after = _in_json(path, before, pointer, wanted)
    elif path.endswith(".toml"):
        after = _in_toml(path, before, pointer, wanted)
    elif path.endswith(".xml"):
        after = _in_xml(path, before, wanted)
    else:
        after = _in_lua(before, wanted)
    mark = b"\xef\xbb\xbf" if (content or b"").startswith(b"\xef\xbb\xbf") else b""
    files.write(path, mark + after.encode())
    return files


EDITORS: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "helix": (
        ".helix/languages.toml",
        ("language-server", "yaml-language-server", "config", "yaml", "schemas"),
    ),
    "jetbrains": (".idea/jsonSchemas.xml", ()),
    "neovim": (".nvim.lua", ()),
    "vscode": (".vscode/settings.json", ("yaml.schemas",)),
    "zed": (".zed/settings.json", ("lsp", "yaml-language-server", "settings", "yaml", "schemas")),
}
"""Settings file of each editor, and the position of the mapping from schemas to files in it."""

_TOKEN: Final = re.compile(
    r'//[^\r\n]*|/\*.*?\*/|(?P<string>"(?:[^"\\\r\n]|\\.)*")|(?P<mark>[{}\[\],:])|(?P<word>[^\s{}\[\],:"/]+)|(?P<bad>\S)',
    re.DOTALL,
)


_COMMENT_AT_END: Final = re.compile(r"[ \t]*(?://[^\r\n]*|/\*[^\r\n]*\*/[ \t]*(?=[\r\n]))")


@final
class _Json(NamedTuple):
    """Value of a JSON text: its position, its data, and the entries of an object.

    Args:
        entries: position of the key, and value, by key.
    """

    start: int
    end: int
    data: Any
    entries: dict[str, tuple[tuple[int, int], _Json]]


def _in_json(path: str, text: str, pointer: tuple[str, ...], wanted: Mapping[str, list[str]]) -> str:
    """Return settings in JSON with comments after adding a mapping.

    An entry for the same schema in another folder is replaced, because editors would apply both.
    """
    text = text if text.strip() else "{}\n"
    for key, globs in wanted.items():
        node, rest = _parsed(path, text), [*pointer, key]
        while len(rest) > 1 and rest[0] in node.entries:
            node = node.entries[rest.pop(0)][1]
        if not isinstance(node.data, dict):
            raise _not_merged(path, "a value in the settings is no object", pointer, wanted)
        value: Any = globs
        for name in reversed(rest[1:]):
            value = {name: value}
        same = [name for name in node.entries if posixpath.basename(name) == posixpath.basename(rest[0])]
        if same:
            start, end = node.entries[same[0]][0]  # the patterns may be the user's own
            text = text[:start] + json.dumps(rest[0]) + text[end:]
        else:
            text = _with_entry(text, node, rest[0], value)
    try:
        _parsed(path, text)
    except EditRefused:
        raise _not_merged(path, "the file is no JSON", pointer, wanted) from None
    return text


def _with_entry(text: str, node: _Json, key: str, value: Any) -> str:
    """Return a JSON text with an entry at the end of an object."""
    newline = "\r\n" if "\r\n" in text else "\n"
    line = text.rfind("\n", 0, node.start) + 1
    outer = text[line : line + len(text[line:]) - len(text[line:].lstrip(" \t"))]
    if not node.entries:
        inner = f"{outer}  "
        entry = f"{json.dumps(key)}: {_dumped(value, inner, newline)}"
        return f"{text[: node.start]}{{{newline}{inner}{entry}{newline}{outer}}}{text[node.end :]}"
    (start, _), last = [*node.entries.values()][-1]
    inner = text[text.rfind("\n", 0, start) + 1 : start]
    inner = inner if not inner.strip() else f"{outer}  "
    after = next((token for token in _TOKEN.finditer(text, last.end) if token.lastgroup), None)
    end = after.end() if after is not None and after[0] == "," else last.end
    comma = "" if end > last.end else ","
    comment = _COMMENT_AT_END.match(text, end)
    place = comment.end() if comment is not None else end
    entry = f"{json.dumps(key)}: {_dumped(value, inner, newline)}"
    return f"{text[:end]}{comma}{text[end:place]}{newline}{inner}{entry}{text[place:]}"


def _dumped(value: Any, indent: str, newline: str) -> str:
    if isinstance(value, list):
        return json.dumps(value)
    pairs = [
        f"{indent}  {json.dumps(key)}: {_dumped(item, indent + '  ', newline)}" for key, item in value.items()
    ]
    return f"{{{newline}{f',{newline}'.join(pairs)}{newline}{indent}}}"


def _parsed(path: str, text: str) -> _Json:
    """Parse JSON with comments and trailing commas.

    Raises:
        EditRefused: the text is no JSON object.
    """
    tokens = [token for token in _TOKEN.finditer(text) if token.lastgroup]
    try:
        node, at = _value(tokens, 0, 0)
    except (LookupError, ValueError):
        node, at = _Json(0, 0, None, {}), -1
    if at != len(tokens) or not isinstance(node.data, dict):
        raise EditRefused("the file is no JSON object; correct it first", Span(path))
    return node


def _value(tokens: list[re.Match[str]], at: int, depth: int) -> tuple[_Json, int]:
    first = tokens[at]
    if first[0] not in ("{", "["):
        return _Json(first.start(), first.end(), json.loads(first[0]), {}), at + 1
    if depth > 64:
        raise ValueError("too deep")
    close = "}" if first[0] == "{" else "]"
    entries: dict[str, tuple[tuple[int, int], _Json]] = {}
    items: list[Any] = []
    at += 1
    while tokens[at][0] != close:
        key = tokens[at]
        if close == "}":
            if key.lastgroup != "string" or tokens[at + 1][0] != ":":
                raise ValueError(key[0])
            at += 2
        node, at = _value(tokens, at, depth + 1)
        if close == "}":
            entries[json.loads(key[0])] = (key.span(), node)
        items.append(node.data)
        if tokens[at][0] == ",":
            at += 1
        elif tokens[at][0] != close:
            raise ValueError(tokens[at][0])
    data = {key: node.data for key, (_, node) in entries.items()} if close == "}" else items
    return _Json(first.start(), tokens[at].end(), data, entries), at + 1


def _not_merged(
    path: str, reason: str, pointer: tuple[str, ...], wanted: Mapping[str, list[str]]
) -> EditRefused:
    value: Any = dict(wanted)
    for key in reversed(pointer):
        value = {key: value}
    return EditRefused(f"{reason}; add this to it by hand:\n{json.dumps(value, indent=2)}", Span(path))


def _in_toml(path: str, text: str, pointer: tuple[str, ...], wanted: Mapping[str, list[str]]) -> str:
    """Return settings in TOML after adding a mapping, as a separate table if possible."""
    rows = "".join(f"{json.dumps(key)} = {json.dumps(globs)}\n" for key, globs in wanted.items())
    blank = "\n" if text.strip() else ""
    table = f"{text.rstrip()}{blank and blank * 2}[{'.'.join(pointer)}]\n{rows}"
    if isinstance(read_text(path, table.encode()), Document):
        return table
    changes = [Set((*pointer, key), globs) for key, globs in wanted.items()]
    return edited(path, text.encode(), changes).decode()


_BEGIN: Final = "-- stepwell schemas: begin"
_END: Final = "-- stepwell schemas: end"


def _in_lua(text: str, wanted: Mapping[str, list[str]]) -> str:
    """Return the local settings of Neovim with a block for the schemas."""
    rows = "".join(
        f"    [{json.dumps(key)}] = {{ {', '.join(map(json.dumps, globs))} }},\n"
        for key, globs in wanted.items()
    )
    block = (
        f'{_BEGIN}\nvim.lsp.config("yamlls", {{\n  settings = {{ yaml = {{ schemas = {{\n{rows}'
        f"  }} }} }},\n}})\n{_END}\n"
    )
    start, end = text.find(_BEGIN), text.find(_END)
    if 0 <= start < end:
        return text[:start] + block + text[end + len(_END) :].removeprefix("\n")
    return f"{text}{'' if not text or text.endswith(chr(10)) else chr(10)}{block}"


def _in_xml(path: str, text: str, wanted: Mapping[str, list[str]]) -> str:
    """Return the schema mappings of a JetBrains project with those of Stepwell."""
    if not text.strip():
        text = (
            '<?xml version="1.0" encoding="UTF-8"?>\n<project version="4">\n'
            '  <component name="JsonSchemaMappingsProjectConfiguration">\n    <state>\n      <map>\n'
            "      </map>\n    </state>\n  </component>\n</project>\n"
        )
    text = re.sub(r'[ \t]*<entry key="Stepwell [^"]*">.*?</entry>\r?\n?', "", text, flags=re.DOTALL)
    end = re.search(r"[ \t]*</map>", text)
    if end is None or text.count("</map>") > 1:
        raise EditRefused("the file has no map of schemas; delete it and run the command again", Span(path))
    return text[: end.start()] + "".join(_entry(*item) for item in wanted.items()) + text[end.start() :]


def _entry(schema: str, globs: list[str]) -> str:
    name = quoteattr(f"Stepwell {posixpath.basename(schema).partition('.')[0]}")
    items = "".join(
        f'                  <Item>\n                    <option name="pattern" value="true" />\n'
        f'                    <option name="path" value={quoteattr(glob)} />\n'
        f'                    <option name="mappingKind" value="Pattern" />\n                  </Item>\n'
        for glob in globs
    )
    return (
        f"        <entry key={name}>\n          <value>\n            <SchemaInfo>\n"
        f'              <option name="name" value={name} />\n'
        f'              <option name="relativePathToSchema" value={quoteattr(schema)} />\n'
        f'              <option name="patterns">\n                <list>\n{items}'
        f"                </list>\n              </option>\n            </SchemaInfo>\n          </value>\n"
        f"        </entry>\n"
    )
