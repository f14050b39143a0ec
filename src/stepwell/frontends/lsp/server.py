"""The language server: converts requests of the protocol to answers of a session."""

from __future__ import annotations

import os
import re
import sys
import urllib.parse
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from typing import Any, Final, final

from lsprotocol import types
from lsprotocol.types import Diagnostic as EditorDiagnostic
from pygls.lsp.server import LanguageServer

from stepwell.frontends.lsp import answers
from stepwell.frontends.lsp.cursor import line_texts
from stepwell.frontends.lsp.open_project import OpenProject
from stepwell.source.diagnostic import Diagnostic, Severity, Span
from stepwell.source.errors import ProjectError
from stepwell.source.tree import find_project
from stepwell.version import __version__
from stepwell.write.edit.engine import EditRefused
from stepwell.write.edit.fixes import text_edit
from stepwell.write.edit.plan import FileEdits

__all__ = ["serve"]

_SEVERITIES: Final = {
    Severity.ERROR: types.DiagnosticSeverity.Error,
    Severity.WARNING: types.DiagnosticSeverity.Warning,
}
_KINDS: Final = {
    "field": types.CompletionItemKind.Property,
    "value": types.CompletionItemKind.EnumMember,
    "step": types.CompletionItemKind.Reference,
    "class": types.CompletionItemKind.Class,
    "parameter": types.CompletionItemKind.Variable,
    "output": types.CompletionItemKind.Field,
    "workspace": types.CompletionItemKind.Folder,
    "pipeline": types.CompletionItemKind.Module,
}
_WATCHED: Final = ("**/*.yaml", "**/*.yml", "**/*.toml", "**/*.py")
_SELECT: Final = "stepwell.select"
"""Command that an action runs after its edit: it selects the text that the user edits next."""

_REASON: Final = "reason"
_WORD: Final = re.compile(r"[\w./@${}:-]*$")


def serve() -> None:
    """Serve one client on standard input and output until it exits."""
    with open(os.dup(sys.stdout.fileno()), "wb") as output:  # the server closes it at the end
        create_server().start_io(sys.stdin.buffer, output)


def create_server() -> LanguageServer:
    """Return a server whose features are registered."""
    server = LanguageServer("stepwell", __version__)
    _Features(server).register()
    return server


@final
class _Features:
    """Features of one server, with a session for each project."""

    def __init__(self, server: LanguageServer) -> None:
        self._server = server
        self._sessions: dict[str, OpenProject] = {}
        self._published: dict[str, tuple[Diagnostic, ...]] = {}

    def register(self) -> None:
        """Register all features."""
        features: dict[str, tuple[Callable[..., Any], Any]] = {
            types.INITIALIZED: (self._initialized, None),
            types.TEXT_DOCUMENT_DID_OPEN: (self._changed, None),
            types.TEXT_DOCUMENT_DID_CHANGE: (self._changed, None),
            types.TEXT_DOCUMENT_DID_SAVE: (self._changed, None),
            types.TEXT_DOCUMENT_DID_CLOSE: (self._closed, None),
            types.WORKSPACE_DID_CHANGE_WATCHED_FILES: (self._watched, None),
            types.TEXT_DOCUMENT_COMPLETION: (
                self._completion,
                types.CompletionOptions(trigger_characters=[":", " ", "{", ".", '"', "-"]),
            ),
            types.TEXT_DOCUMENT_HOVER: (self._hover, None),
            types.TEXT_DOCUMENT_DEFINITION: (self._definition, None),
            types.TEXT_DOCUMENT_REFERENCES: (self._references, None),
            types.TEXT_DOCUMENT_PREPARE_RENAME: (self._prepare_rename, None),
            types.TEXT_DOCUMENT_RENAME: (self._rename, types.RenameOptions(prepare_provider=True)),
            types.TEXT_DOCUMENT_CODE_ACTION: (
                self._code_actions,
                types.CodeActionOptions(
                    [types.CodeActionKind.QuickFix, types.CodeActionKind.RefactorRewrite]
                ),
            ),
            types.TEXT_DOCUMENT_CODE_LENS: (self._code_lens, None),
            types.TEXT_DOCUMENT_INLAY_HINT: (self._inlay_hints, None),
            types.TEXT_DOCUMENT_DOCUMENT_SYMBOL: (self._document_symbols, None),
            types.WORKSPACE_SYMBOL: (self._workspace_symbols, None),
            types.TEXT_DOCUMENT_FORMATTING: (self._format, None),
            types.TEXT_DOCUMENT_SEMANTIC_TOKENS_FULL: (
                self._semantic_tokens,
                types.SemanticTokensLegend(["parameter"], []),
            ),
        }
        for name, (handler, options) in features.items():
            self._server.feature(name, options)(_plain(handler))

        def select(uri: str, line: int, start: int, end: int) -> None:
            chosen = types.Range(types.Position(line, start), types.Position(line, end))
            shown = types.ShowDocumentParams(uri, take_focus=True, selection=chosen)
            self._server.window_show_document(shown, callback=lambda _: None)

        self._server.command(_SELECT)(select)

    # --- files

    def _session(self, uri: str) -> tuple[OpenProject, str] | None:
        """Return the session of a file and its path in the project, or ``None`` outside of projects."""
        file = _path_of(uri)
        if file is None:
            return None
        try:
            root = os.path.realpath(find_project(os.path.dirname(file)))
            if root not in self._sessions:
                self._sessions[root] = OpenProject(root, date.today())  # noqa: DTZ011 - the user's local date
        except ProjectError:
            return None
        folder = os.path.realpath(os.path.dirname(file))
        inside = os.path.relpath(os.path.join(folder, os.path.basename(file)), root).replace(os.sep, "/")
        return None if inside.startswith("../") else (self._sessions[root], inside)

    def _text(self, uri: str) -> str:
        return self._server.workspace.get_text_document(uri).source

    def _initialized(self, _: types.InitializedParams) -> None:
        watchers = [types.FileSystemWatcher(pattern) for pattern in _WATCHED]
        options = types.DidChangeWatchedFilesRegistrationOptions(watchers)
        workspace = self._server.client_capabilities.workspace
        watched = workspace and workspace.did_change_watched_files
        if watched and watched.dynamic_registration:
            registration = types.Registration("files", types.WORKSPACE_DID_CHANGE_WATCHED_FILES, options)
            self._server.client_register_capability(types.RegistrationParams([registration]))

    def _changed(self, params: Any) -> None:
        uri = params.text_document.uri
        opened = self._session(uri)
        if opened is not None:
            session, path = opened
            session.edit(path, self._text(uri))
            self._publish(session)

    def _closed(self, params: types.DidCloseTextDocumentParams) -> None:
        opened = self._session(params.text_document.uri)
        if opened is not None:
            session, path = opened
            session.edit(path, None)
            self._publish(session)

    def _watched(self, params: types.DidChangeWatchedFilesParams) -> None:
        changed: dict[str, tuple[OpenProject, list[str]]] = {}
        for change in params.changes:
            opened = self._session(change.uri)
            if opened is not None:
                session, path = opened
                changed.setdefault(session.root, (session, []))[1].append(path)
        for session, paths in changed.values():
            session.refresh(paths)
            self._publish(session)

    def _publish(self, session: OpenProject) -> None:
        """Send the findings of files whose findings changed."""
        findings = session.findings()
        for path in dict.fromkeys((*findings, *self._paths_of(session))):
            uri = _uri_of(session, path)
            now = findings.get(path, ())
            if self._published.get(uri, ()) != now:
                self._published[uri] = now
                lines = self._lines(session, path)
                items = [self._diagnostic(session, finding, lines) for finding in now]
                self._server.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, items))

    def _paths_of(self, session: OpenProject) -> Iterable[str]:
        start = _uri_of(session, "")
        return [
            urllib.parse.unquote(uri[len(start) :])
            for uri, findings in self._published.items()
            if findings and uri.startswith(start)
        ]

    def _diagnostic(self, session: OpenProject, finding: Diagnostic, lines: list[str]) -> types.Diagnostic:
        span = finding.span or Span("")
        related = [
            types.DiagnosticRelatedInformation(self._location(session, item.span), item.message)
            for item in finding.related
        ]
        message = finding.message if finding.help is None else f"{finding.message}\nhelp: {finding.help}"
        return EditorDiagnostic(
            self._range(span, lines),
            message,
            severity=_SEVERITIES.get(finding.severity, types.DiagnosticSeverity.Information),
            code=finding.id,
            source="stepwell",
            related_information=related or None,
        )

    # --- positions

    def _lines(self, session: OpenProject, path: str) -> list[str]:
        content = session.state.project.tree.read(path)
        return _lines_of(content) if isinstance(content, bytes) else []

    def _units(self, text: str) -> int:
        units: int = self._server.workspace.position_codec.client_num_units(text)
        return units

    def _position(self, line: int, column: int, lines: list[str]) -> types.Position:
        """Convert a line and column from 1 to the units of the client."""
        text = lines[line - 1] if line <= len(lines) else ""
        return types.Position(line - 1, self._units(text[: column - 1]))

    def _range(self, span: Span, lines: list[str]) -> types.Range:
        return types.Range(
            self._position(span.line, span.column, lines),
            self._position(span.end_line, span.end_column, lines),
        )

    def _location(self, session: OpenProject, span: Span) -> types.Location:
        return types.Location(_uri_of(session, span.path), self._range(span, self._lines(session, span.path)))

    def _column(self, text: str, position: types.Position) -> int:
        """Convert the column of the client to characters."""
        lines = line_texts(text)
        line = lines[position.line] if position.line < len(lines) else ""
        column = units = 0
        for column, char in enumerate(line):
            if units >= position.character:
                return column
            units += self._units(char)
        return len(line)

    def _at(self, params: Any) -> tuple[OpenProject, str, str, int, int] | None:
        uri = params.text_document.uri
        opened = self._session(uri)
        if opened is None:
            return None
        text = self._text(uri)
        return (*opened, text, params.position.line, self._column(text, params.position))

    # --- answers

    def _completion(self, params: types.CompletionParams) -> types.CompletionList:
        at = self._at(params)
        if at is None:
            return types.CompletionList(is_incomplete=False, items=[])
        _, _, text, line, column = at
        before = line_texts(text)[line][:column] if line < len(line_texts(text)) else ""
        typed = _WORD.search(before)
        start = types.Position(line, self._units(before[: typed.start()] if typed else before))
        items = []
        for number, item in enumerate(answers.complete(*at)):
            inserted = item.insert or item.label
            items.append(
                types.CompletionItem(
                    item.label,
                    kind=_KINDS[item.kind],
                    detail=item.detail or None,
                    documentation=item.documentation or None,
                    sort_text=f"{number:05}",
                    text_edit=types.TextEdit(types.Range(start, params.position), inserted),
                )
            )
        return types.CompletionList(is_incomplete=False, items=items)

    def _hover(self, params: types.HoverParams) -> types.Hover | None:
        at = self._at(params)
        hover = None if at is None else answers.hover_at(*at)
        if at is None or hover is None:
            return None
        content = types.MarkupContent(types.MarkupKind.Markdown, hover.markdown)
        return types.Hover(content, self._range(hover.span, line_texts(at[2])))

    def _definition(self, params: types.DefinitionParams) -> list[types.Location]:
        at = self._at(params)
        spans = () if at is None else answers.definition_at(*at)
        return [] if at is None else [self._location(at[0], span) for span in spans]

    def _references(self, params: types.ReferenceParams) -> list[types.Location]:
        at = self._at(params)
        spans = () if at is None else answers.references_at(*at)
        return [] if at is None else [self._location(at[0], span) for span in spans]

    def _prepare_rename(self, params: types.PrepareRenameParams) -> types.Range | None:
        at = self._at(params)
        named = None if at is None else answers.step_at(*at)
        return None if at is None or named is None else self._range(named[1], line_texts(at[2]))

    def _rename(self, params: types.RenameParams) -> types.WorkspaceEdit | None:
        at = self._at(params)
        named = None if at is None else answers.step_at(*at)
        if at is None or named is None:
            return None
        session = at[0]
        try:
            files = answers.renamed(session, named[0], params.new_name)
        except EditRefused as error:
            self._server.window_show_message(types.ShowMessageParams(types.MessageType.Error, error.message))
            return None
        return types.WorkspaceEdit(document_changes=list(self._file_changes(session, files)))

    def _file_changes(self, session: OpenProject, files: FileEdits) -> Iterable[Any]:
        """Yield the smallest edits, and the creation, move and deletion of files."""
        moved = set(files.moved.values())
        for path, content in files.files.items():
            uri = _uri_of(session, path)
            if content is None:
                if path not in moved:
                    yield types.DeleteFile(uri)
                continue
            before = files.read[files.moved.get(path, path)]
            if path in files.moved:
                yield types.RenameFile(_uri_of(session, files.moved[path]), uri)
            elif before is None:
                yield types.CreateFile(uri)
            edit = text_edit(path, before or b"", content)
            change = types.TextEdit(self._range(edit.span, _lines_of(before)), edit.text)
            yield types.TextDocumentEdit(types.OptionalVersionedTextDocumentIdentifier(uri), [change])

    def _code_actions(self, params: types.CodeActionParams) -> list[types.CodeAction]:
        uri = params.text_document.uri
        opened = self._session(uri)
        if opened is None:
            return []
        session, path = opened
        lines = line_texts(self._text(uri))
        here = [
            finding
            for finding in session.findings().get(path, ())
            if finding.span is not None
            and finding.span.line - 1 <= params.range.end.line
            and finding.span.end_line - 1 >= params.range.start.line
        ]
        actions: list[types.CodeAction] = []
        if _is_wanted(types.CodeActionKind.QuickFix, params.context):
            actions += self._fixes(session, uri, lines, here)
            actions += self._ignores(session, path, uri, lines, here)
        if _is_wanted(types.CodeActionKind.RefactorRewrite, params.context):
            actions += (
                types.CodeAction(
                    offer.title,
                    kind=types.CodeActionKind.RefactorRewrite,
                    edit=types.WorkspaceEdit(document_changes=list(self._file_changes(session, offer.files))),
                    command=self._selection(
                        _uri_of(session, offer.chosen.path),
                        self._range(offer.chosen, _lines_of(offer.files.content(offer.chosen.path))),
                    ),
                )
                for offer in answers.refactorings(session, path, params.range.start.line)
            )
        return actions

    def _fixes(
        self, session: OpenProject, uri: str, lines: list[str], here: list[Diagnostic]
    ) -> Iterator[types.CodeAction]:
        for finding in answers.fixed(session, here):
            fix = finding.fix
            if fix is None:
                continue
            edits = [types.TextEdit(self._range(edit.span, lines), edit.text) for edit in fix.edits]
            yield types.CodeAction(
                fix.message,
                kind=types.CodeActionKind.QuickFix,
                diagnostics=[self._diagnostic(session, finding, lines)],
                is_preferred=fix.is_safe,
                edit=types.WorkspaceEdit({uri: edits}),
            )

    def _ignores(
        self, session: OpenProject, path: str, uri: str, lines: list[str], here: list[Diagnostic]
    ) -> Iterator[types.CodeAction]:
        """Yield a comment for each finding; the user overwrites its reason if the editor can select it."""
        for finding in here:
            edit = answers.ignored(session, path, finding)
            if edit is None:
                continue
            place = self._position(edit.span.line, edit.span.column, lines)
            start = place.character + self._units(edit.text) + 1
            chosen = types.Range(
                types.Position(place.line, start), types.Position(place.line, start + len(_REASON))
            )
            command = self._selection(uri, chosen)
            text = edit.text if command is None else f"{edit.text} {_REASON}"
            yield types.CodeAction(
                f"ignore `{finding.id}` here",
                kind=types.CodeActionKind.QuickFix,
                diagnostics=[self._diagnostic(session, finding, lines)],
                edit=types.WorkspaceEdit({uri: [types.TextEdit(types.Range(place, place), text)]}),
                command=command,
            )

    def _selection(self, uri: str, chosen: types.Range) -> types.Command | None:
        """Return the command that selects a text; ``None`` if the editor cannot show one."""
        window = self._server.client_capabilities.window
        if window is None or window.show_document is None or not window.show_document.support:
            return None
        line, start, end = chosen.start.line, chosen.start.character, chosen.end.character
        return types.Command(
            "Edit", _SELECT, arguments=[uri, line, start, end if chosen.end.line == line else start]
        )

    def _code_lens(self, params: types.CodeLensParams) -> list[types.CodeLens]:
        opened = self._session(params.text_document.uri)
        if opened is None:
            return []
        session, path = opened
        title = answers.lens_of(session, path)
        if title is None:
            return []
        text, span = title
        place = self._range(span, self._lines(session, path))
        return [types.CodeLens(place, types.Command(text, ""))]

    def _inlay_hints(self, params: types.InlayHintParams) -> list[types.InlayHint]:
        opened = self._session(params.text_document.uri)
        if opened is None:
            return []
        session, path = opened
        lines = self._lines(session, path)
        return [
            types.InlayHint(
                self._position(span.end_line, span.end_column, lines), f" {text}", padding_left=True
            )
            for text, span in answers.conventions_of(session, path)
        ]

    def _document_symbols(self, params: types.DocumentSymbolParams) -> list[types.DocumentSymbol]:
        opened = self._session(params.text_document.uri)
        if opened is None:
            return []
        session, path = opened
        lines = self._lines(session, path)

        def shown(symbol: answers.Symbol, kind: types.SymbolKind) -> types.DocumentSymbol:
            return types.DocumentSymbol(
                symbol.name,
                kind,
                self._range(symbol.span, lines),
                self._range(symbol.name_span, lines),
                detail=symbol.detail or None,
                children=[shown(child, types.SymbolKind.Field) for child in symbol.children] or None,
            )

        return [shown(symbol, types.SymbolKind.Class) for symbol in answers.symbols_in(session, path)]

    def _workspace_symbols(self, params: types.WorkspaceSymbolParams) -> list[types.SymbolInformation]:
        return [
            types.SymbolInformation(
                self._location(session, span), name, types.SymbolKind.Class, container_name=noun
            )
            for session in self._sessions.values()
            for name, noun, span in answers.named(session, params.query)
        ]

    def _format(self, params: types.DocumentFormattingParams) -> list[types.TextEdit]:
        opened = self._session(params.text_document.uri)
        if opened is None:
            return []
        text = self._text(params.text_document.uri)
        result = answers.formatted_text(*opened, text)
        if result is None or result == text:
            return []
        lines = line_texts(text)
        end = self._position(len(lines), 1 << 30, lines)
        return [types.TextEdit(types.Range(types.Position(0, 0), end), result)]

    def _semantic_tokens(self, params: types.SemanticTokensParams) -> types.SemanticTokens:
        opened = self._session(params.text_document.uri)
        if opened is None:
            return types.SemanticTokens([])
        text = self._text(params.text_document.uri)
        data: list[int] = []
        last_line = last_start = 0
        for start, end in answers.parameters_in(*opened, text):
            before = line_texts(text[:start])
            line, column = len(before) - 1, self._units(before[-1])
            moved = column - (last_start if line == last_line else 0)
            data += (line - last_line, moved, self._units(text[start:end]), 0, 0)
            last_line, last_start = line, column
        return types.SemanticTokens(data)


def _plain(method: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function for a method, because the server sets attributes on its handlers."""

    def handler(params: Any) -> Any:
        return method(params)

    return handler


def _is_wanted(kind: types.CodeActionKind, context: types.CodeActionContext) -> bool:
    """Return whether the editor requests actions of a kind, such as ``refactor`` for ``refactor.rewrite``."""
    return context.only is None or any(f"{kind.value}.".startswith(f"{wanted}.") for wanted in context.only)


def _lines_of(content: bytes | None) -> list[str]:
    return line_texts((content or b"").decode("utf-8", "replace").removeprefix("\ufeff"))


def _path_of(uri: str) -> str | None:
    parts = urllib.parse.urlsplit(uri)
    return urllib.parse.unquote(parts.path) if parts.scheme == "file" else None


def _uri_of(session: OpenProject, path: str) -> str:
    return "file://" + urllib.parse.quote(f"{session.root}/{path}")
