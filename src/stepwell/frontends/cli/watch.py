"""``stepwell watch`` and ``lsp``: report changes of the files until interrupted, and serve an editor."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from queue import Empty, SimpleQueue
from typing import Any, final

import click

from stepwell.frontends.cli.freeze import of_removed_workspaces, refuse_to_harm, valid_texts, write
from stepwell.frontends.cli.options import (
    CommonOptions,
    color_wanted,
    displayed,
    format_option,
    open_registry,
    project_options,
    shows_unicode,
    view_of,
    workspace_option,
)
from stepwell.frontends.render.events import duration, in_words, kept_views
from stepwell.live.registry import Registry
from stepwell.live.store import Event
from stepwell.model.settings import RESERVED_ID, FreezeTarget, Settings
from stepwell.source.diagnostic import Diagnostic, Severity, counted_findings
from stepwell.source.errors import ProjectError
from stepwell.source.escape_control import visible
from stepwell.source.excerpt import block
from stepwell.source.wording import counted

_LSP_EXAMPLE = """\b
Examples:
  stepwell lsp                      # as an editor starts it
  stepwell lsp --log-file lsp.log
"""


@click.command("lsp", epilog=_LSP_EXAMPLE, short_help="Start the language server for an editor.")
@click.option("--log-file", metavar="FILE", help="Append the messages of the server to this file.")
def lsp(log_file: str | None) -> int:
    """Serve an editor with the Language Server Protocol on standard input and output.

    Findings are those of `stepwell check`, also for unsaved text. Needs the extra `lsp`.
    """
    try:
        from stepwell.frontends.lsp.server import serve
    except ModuleNotFoundError as error:
        raise click.UsageError(f"`{error.name}` is not installed: pip install 'stepwell[lsp]'") from None
    if log_file is not None:
        import logging

        try:
            logging.basicConfig(filename=log_file, level=logging.INFO)
        except OSError as error:
            raise ProjectError(
                f"{log_file} cannot be written: {(error.strerror or str(error)).lower()}"
            ) from None
    serve()
    return 0


_EXAMPLE = """\b
Examples:
  stepwell watch
  stepwell watch --freeze
  stepwell watch --workspace alice --format json
  stepwell watch --poll 2
"""


@click.command("watch", epilog=_EXAMPLE)
@click.option("--freeze", "freezing", is_flag=True, help="Rewrite frozen modules when their view changes.")
@workspace_option("Watch and freeze only the view of this workspace.", from_environment=False)
@format_option("text", "json")
@click.option(
    "--poll",
    metavar="SECONDS",
    type=click.FloatRange(0, 3600),
    help="Poll files at this interval instead of using file system events.",
)
@project_options
def command(
    freezing: bool, workspace: str | None, form: str, poll: float | None, common: CommonOptions
) -> int:
    """Watch the project's files and print changes of the registry.

    A view with new errors keeps its last valid version until they are fixed; other views follow their files.
    Ctrl-C ends the watch with exit code 0.
    """
    registry = open_registry(common)
    view_of(registry, workspace)
    if workspace == "":
        workspace = None
    steady = form == "text" and not common.quiet and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    following = _Following(registry, workspace, form, freezing, common.quiet, steady)
    news: SimpleQueue[Event | str] = SimpleQueue()
    subscription = registry.subscribe(news.put)
    try:
        with registry.watch(poll, notify=news.put):
            following.start()
            while True:
                with suppress(Empty):
                    following.show(news.get(timeout=1.0))  # Windows does not interrupt a wait without timeout
    except KeyboardInterrupt:
        following.end()
    finally:
        subscription.cancel()
    return 0


@final
@dataclass(slots=True)
class _Following:
    """Prints reloads and rejected changes; on a terminal the last line is the current state.

    Args:
       form: ``text`` or ``json``.
       quiet: print only rejected changes and errors.
       steady: whether the last line of the terminal is a status line.
       latest: findings of the latest reload.
    """

    registry: Registry
    workspace: str | None
    form: str
    freezing: bool
    quiet: bool
    steady: bool = False
    latest: tuple[Diagnostic, ...] = ()
    refused: bool = False
    known: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    shown: set[tuple[str, str, str]] = field(default_factory=set)
    frozen: dict[str, tuple[str, Settings]] = field(default_factory=dict)

    def start(self) -> None:
        """Print the initial state and freeze outdated modules."""
        findings = self.latest = self.registry.diagnostics
        self.known = Counter(finding.identity for finding in findings)
        count = len(self.registry.view(self.workspace))
        about = f"{counted(count, 'step')}, {counted(len(self.registry.workspaces), 'workspace')}"
        if self.workspace is not None:
            about = f"{counted(count, 'step')} of workspace {self.workspace}"
        state = f"{counted_findings(findings)} (run `stepwell check`)" if findings else "no findings"
        self._say("start", f"watching {about}: {state}; press Ctrl-C to stop", quiet=self.quiet)
        self._freeze()
        self._draw()

    def show(self, news: Event | str) -> None:
        """Print a reload, a rejected change or a note."""
        if isinstance(news, Event):
            self.latest = news.diagnostics
        if isinstance(news, str):
            if self.form == "json":
                self._write("notice", news)
            else:
                self._print(f"note: {news}", err=True)
        elif news.accepted:
            self._show_accepted(news)
        else:
            self._show_rejected(news)
        self._draw()

    def end(self) -> None:
        """Print the end of the watch."""
        if sys.stdout.isatty() and not self.steady:
            click.echo("\r", nl=False)  # over the ^C
        self._say("end", "stopped watching", quiet=self.quiet)

    def _print(self, text: str, *, err: bool = False) -> None:
        """Print a line above the status line."""
        if self.steady:
            sys.stderr.flush()
            click.echo("\r\x1b[K", nl=False)
        click.echo(text, err=err)

    def _draw(self) -> None:
        """Draw the status line: the last result and when it was read."""
        if not self.steady:
            return
        latest = self.latest
        color = "31" if self.refused else "33" if latest else "32"
        steps = counted(len(self.registry.view(self.workspace)), "step")
        state = counted_findings(latest) or "no findings"
        text = f"{time.strftime('%H:%M:%S')}  {state} · {steps} · Ctrl-C to stop"
        text = text if shows_unicode() else text.replace("·", "-")
        shown = text[: shutil.get_terminal_size().columns - 1]
        click.echo(f"\r\x1b[K\x1b[{color}m{shown}\x1b[0m" if color_wanted() else f"\r\x1b[K{shown}", nl=False)

    def _show_accepted(self, event: Event) -> None:
        recovered, self.refused = self.refused and not event.kept, bool(event.kept)
        fresh = [finding for finding in self._fresh(event) if finding.identity not in self.shown]
        self._remember(event)
        changes = event.changes
        words = in_words(changes, event.old, event.new, self.workspace)
        if recovered:
            words = f"recovered: {words}" if words else "recovered: registry matches the files again"
        elif not words and event.cause == "settings":
            words = "settings changed"
        elif not words and self.workspace is None:
            words = f"findings changed: {counted_findings(event.diagnostics) or 'none left'}"
        if words:
            outcome = f"; {kept_views(event.kept)}" if event.kept else ""
            self._say(
                "reload",
                f"{words} in {duration(event.seconds)}{outcome}",
                event,
                color="32" if recovered else "",
                quiet=self.quiet,
                changes=changes,
            )
        self._show(fresh)
        self._freeze()

    def _show_rejected(self, event: Event) -> None:
        self.refused = True
        fresh = self._fresh(event)
        self.shown = {finding.identity for finding in event.diagnostics}
        words = f"rejected: {counted_findings(fresh)} in {duration(event.seconds)}; {kept_views(event.kept)}"
        self._say("refusal", words, event, color="31")
        self._show(fresh)

    def _fresh(self, event: Event) -> list[Diagnostic]:
        """Return the findings that the files of the served version do not have."""
        before = self.known.copy()
        fresh: list[Diagnostic] = []
        for finding in event.diagnostics:
            before[finding.identity] -= 1
            if before[finding.identity] < 0:
                fresh.append(finding)
        return fresh

    def _remember(self, event: Event) -> None:
        self.shown = {finding.identity for finding in event.diagnostics}
        self.known = Counter(
            finding.identity
            for finding in event.diagnostics
            if not event.kept or finding.severity is not Severity.ERROR or finding.identity in self.known
        )

    def _show(self, fresh: Iterable[Diagnostic]) -> None:
        if self.form == "text":
            errors = [finding for finding in fresh if self.refused or finding.severity is Severity.ERROR]
            for error in displayed(errors, self.registry.project.root):
                self._print(f"{block(error, color=color_wanted())}\n")

    def _say(
        self,
        kind: str,
        words: str,
        event: Event | None = None,
        *,
        color: str = "",
        quiet: bool = False,
        **more: Any,
    ) -> None:
        if self.form == "json":
            self._write(kind, words, event, **more)
        elif not quiet:
            painted = f"\x1b[{color}m{words}\x1b[0m" if color and color_wanted() else words
            self._print(f"{time.strftime('%H:%M:%S')}  {painted}")

    def _write(self, kind: str, message: str, event: Event | None = None, **more: Any) -> None:
        from stepwell.frontends.render.output.project import watch_line
        from stepwell.frontends.render.output.record import encode

        clock = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
        line = watch_line(kind, clock, message, event=event, workspace=self.workspace, **more)
        click.echo(encode(line, indent=None))

    def _freeze(self) -> None:
        if not self.freezing:
            return
        for target in self.registry.project.settings.freeze:
            if self.workspace in (None, target.workspace):
                try:
                    self._freeze_one(target)
                except click.ClickException as error:
                    self._print(f"error: {visible(error.format_message())}", err=True)

    def _freeze_one(self, target: FreezeTarget) -> None:
        registry = self.registry
        if target.workspace == RESERVED_ID:
            digest = registry.digest
        else:
            digest = view_of(registry, target.workspace, ", set in [[freeze]]").digest
        state = digest, registry.project.settings
        if self.frozen.get(target.output) == state:
            return
        self.frozen[target.output] = state
        texts, _ = valid_texts(registry, (target,))
        for path, text in texts.items():
            refuse_to_harm(registry.project, path, text)
        written = write(registry.project, texts, of_removed_workspaces(registry, (target,)))
        if written:
            self._say("frozen", f"wrote {visible(target.output)}", quiet=self.quiet, paths=written)
