"""What a command prints: results on stdout, everything else on stderr; logging; errors as exit codes.

With ``--json`` stdout holds exactly one JSON document. Main path: `Output.emit` once at the end of a
verb, `Output.progress` around long work, `exit_code_of` for what went wrong.
"""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from mm_framework.errors import MMError

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

__all__ = ["EXIT_BROKEN_PIPE", "EXIT_ENVIRONMENT", "EXIT_INTERRUPTED", "EXIT_USAGE", "Output"]

EXIT_USAGE = 2
EXIT_ENVIRONMENT = 5
EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 141  # as a Unix program that is killed by SIGPIPE

# What this machine, and no mistake of ours, answers when a file cannot be written or opened.
_ENVIRONMENT = (
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOSPC,
    errno.EDQUOT if hasattr(errno, "EDQUOT") else errno.ENOSPC,
    errno.EMFILE,
)
_NOISY = {
    "asyncio": logging.WARNING,
    "picows": logging.WARNING,
    "uvicorn.error": logging.ERROR,  # what strangers send is counted, not logged
    "websockets": logging.WARNING,
}
_PLAIN_WIDTH = 1000  # of tables that go to a file or a pipe: lines are not cut there
_PLAIN_EVERY_S = 5.0


class Output:
    """Where a verb's results, notes and progress go.

    ``json`` is set by the option ``--json``; ``quiet`` leaves out progress and information, ``verbose``
    adds debug lines. Errors are always told.
    """

    def __init__(self, *, json: bool = False, quiet: bool = False, verbose: bool = False) -> None:
        self.json, self.quiet, self.verbose = json, quiet, verbose
        self._emitted = False

    def emit(
        self,
        document: Mapping[str, Any],
        text: str | RenderableType | Callable[[], str | RenderableType] | None = None,
        *,
        sort_keys: bool = False,
    ) -> None:
        """Print the result: ``document`` with ``--json``, else ``text`` (or what it returns).

        ``document`` holds JSON values only. Raises RuntimeError when a second document would follow.
        """
        if self.json:
            self._document(document, sort_keys=sort_keys)
            return
        shown = text() if callable(text) else text
        if isinstance(shown, str):
            click.echo(shown)
        elif shown is not None:
            self._render(shown)

    def table(
        self, header: Sequence[str], rows: Sequence[Sequence[object]], widest: int | None = None
    ) -> RenderableType:
        """A table for `emit`; None is shown as ``-``. ``widest``: letters of a line of a cell."""
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False)
        for title in header:
            table.add_column(title, overflow="fold", max_width=widest)
        for row in rows:
            table.add_row(*(Text("-" if cell is None else str(cell)) for cell in row))
        return table

    def note(self, text: str) -> None:
        """One line for the operator on stderr, also with ``--json``; not when quiet."""
        if not self.quiet:
            click.echo(f"note: {text}", err=True)

    def error(self, text: str, exit_code: int) -> None:
        """One line on stderr, and with ``--json`` the one document unless the result stands there."""
        line = " ".join(text.split())
        if self.json and not self._emitted:
            self._document({"ok": False, "error": line, "exit_code": exit_code})
        click.echo(f"error: {line}", err=True)

    @contextlib.contextmanager
    def progress(
        self,
        label: str,
        total: int | None = None,
        unit: str = "",
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> Iterator[Callable[[int], None]]:
        """Tell how far long work is; the body calls ``advance(n)`` after each ``n`` units.

        A bar on a terminal, a line each few seconds elsewhere, nothing with ``--json`` or when quiet.
        """
        if self.json or self.quiet:
            yield _ignore
        elif sys.stderr.isatty():
            with self._bar(label, total, unit) as advance:
                yield advance
        else:
            yield _PlainProgress(label, total, unit, clock).advance

    @contextlib.contextmanager
    def logs(self) -> Iterator[None]:
        """Send log records to stderr within the block: rich on a terminal, JSON lines otherwise."""
        root = logging.getLogger()
        level = logging.WARNING if self.quiet else logging.DEBUG if self.verbose else logging.INFO
        handler = self._log_handler()
        levels = {name: logging.getLogger(name).level for name in ("", *_NOISY)}
        root.addHandler(handler)
        root.setLevel(level)
        for name, least in _NOISY.items():
            logging.getLogger(name).setLevel(max(level, least))
        try:
            yield
        finally:
            root.removeHandler(handler)
            for name, earlier in levels.items():
                logging.getLogger(name).setLevel(earlier)

    def _document(self, document: Mapping[str, Any], *, sort_keys: bool = False) -> None:
        if self._emitted:
            raise RuntimeError("with --json a command prints one document; a second was given")
        self._emitted = True
        click.echo(json.dumps(document, sort_keys=sort_keys, allow_nan=False))

    def _render(self, shown: RenderableType) -> None:
        console = self._console(stderr=False)
        if sys.stdout.isatty():
            console.print(shown)
            return
        with console.capture() as captured:
            console.print(shown)
        for line in captured.get().splitlines():  # without the blanks that fill a column
            click.echo(line.rstrip())

    def _console(self, *, stderr: bool) -> Console:
        from rich.console import Console

        stream = sys.stderr if stderr else sys.stdout
        return Console(
            file=stream, highlight=False, soft_wrap=False, width=None if stream.isatty() else _PLAIN_WIDTH
        )

    def _log_handler(self) -> logging.Handler:
        if not sys.stderr.isatty():
            handler: logging.Handler = logging.StreamHandler(sys.stderr)
            handler.setFormatter(JsonLines())
            return handler
        from rich.logging import RichHandler

        return RichHandler(console=self._console(stderr=True), show_path=False, log_time_format="%H:%M:%S")

    @contextlib.contextmanager
    def _bar(self, label: str, total: int | None, unit: str) -> Iterator[Callable[[int], None]]:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn(unit))
        with Progress(*columns, TimeElapsedColumn(), console=self._console(stderr=True)) as bar:
            task = bar.add_task(label, total=total)
            yield lambda count: bar.advance(task, count)


class _PlainProgress:
    """Progress as lines, for logs and pipes: at most one each few seconds."""

    def __init__(self, label: str, total: int | None, unit: str, clock: Callable[[], float]) -> None:
        self._label, self._of, self._unit = label, "" if total is None else f" of {total}", unit
        self._clock, self._done, self._told = clock, 0, clock()

    def advance(self, count: int) -> None:
        self._done += count
        if (now := self._clock()) - self._told >= _PLAIN_EVERY_S:
            self._told = now
            click.echo(f"{self._label}: {self._done}{self._of} {self._unit}".rstrip(), err=True)


class JsonLines(logging.Formatter):
    """One JSON object a record: ``ts`` (UTC), ``level``, ``logger``, ``msg`` and what ``extra`` bound."""

    _standard = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        stamp = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {
            "ts": stamp.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "msg": record.getMessage(),
        }
        line |= {key: value for key, value in vars(record).items() if key not in self._standard}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def exit_code_of(error: BaseException, out: Output, *, debug: bool) -> int | None:
    """Tell the user what went wrong, in one line, and give the exit code.

    None for an error that is ours: the caller raises it, so that it traces. ``debug`` (``MM_DEBUG=1``)
    prints the trace of the others too.
    """
    if isinstance(error, BrokenPipeError):
        silence_stdout()
        return EXIT_BROKEN_PIPE
    told = _sentence(error)
    if told is None:
        if out.json and isinstance(error, Exception):
            out.error(f"{type(error).__name__}: {error}", 1)
        return None
    if debug:
        traceback.print_exception(error)
    out.error(*told)
    return told[1]


def silence_stdout() -> None:
    """The reader of stdout is gone: let nothing complain when the interpreter flushes it at exit."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _sentence(error: BaseException) -> tuple[str, int] | None:
    if isinstance(error, MMError):
        return str(error), error.exit_code
    if isinstance(error, KeyboardInterrupt | click.Abort):
        return "interrupted", EXIT_INTERRUPTED
    if isinstance(error, click.ClickException):
        context = getattr(error, "ctx", None)
        hint = f" (see {context.command_path} --help)" if context is not None else ""
        return error.format_message() + hint, error.exit_code
    if isinstance(error, OSError) and error.errno in _ENVIRONMENT:
        place = f": {error.filename}" if error.filename else ""
        return f"{error.strerror}{place}; free it or choose another place", EXIT_ENVIRONMENT
    return None


def _ignore(count: int) -> None:
    """Progress that nobody reads."""
