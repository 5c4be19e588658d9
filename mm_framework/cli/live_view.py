"""``mm capture --live``: a run as it goes on, on a terminal: venues, shards, books, rates, gates, disk, log.

`LiveView.take` is given each heartbeat, in the event loop, and keeps what a picture needs;
`LiveView.render` makes the picture of the last one, in any thread. `showing` draws it.
"""

from __future__ import annotations

import contextlib
import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

import attrs
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from mm_framework.bundle.audit import GateResult, HeartbeatGaps, judge_latency
from mm_framework.bundle.latency import LatencyReport, LatencyTally
from mm_framework.capture.heartbeat import Beat, BookNow
from mm_framework.capture.thread_turns import short_thread_turns

__all__ = ["LiveView", "showing"]

BARS: Final = "▁▂▃▄▅▆▇█"
RATES: Final = 48
BOOKS: Final = 12
LOG_LINES: Final = 6
STATES: Final = {
    "SYNCED": "green",
    "RESYNCING": "bold red",
    "SYNCING": "yellow",
    "SNAPSHOT": "yellow",
    "CONNECTING": "dim",
}
WORDS: Final = {"PASS": "green", "FAIL": "bold red", "N/A": "dim"}
LEVELS: Final = {logging.WARNING: "yellow", logging.ERROR: "bold red", logging.CRITICAL: "bold red"}


@attrs.define(eq=False)
class LiveView:
    """What the last heartbeats of a run told. ``title``: the name of the run."""

    title: str
    threshold_s: float = 2.0
    _beat: Beat | None = attrs.field(default=None, init=False)
    _report: LatencyReport = attrs.field(factory=lambda: LatencyTally().report(), init=False)
    _gaps: HeartbeatGaps = attrs.field(init=False)
    _rates: deque[float] = attrs.field(factory=lambda: deque(maxlen=RATES), init=False)
    _books: Mapping[int, Mapping[str, BookNow]] = attrs.field(factory=dict, init=False)
    _host: dict[str, Any] = attrs.field(factory=dict, init=False)
    _log: deque[Text] = attrs.field(factory=lambda: deque(maxlen=LOG_LINES), init=False)

    def __attrs_post_init__(self) -> None:
        self._gaps = HeartbeatGaps(self.threshold_s)

    def take(self, beat: Beat) -> None:
        """A heartbeat."""
        self._books = {shard: dict(books) for shard, books in beat.books.items()}
        self._report = beat.latency.report(stages=False)
        self._rates.append(beat.status.frames_per_s)
        self._host = beat.overall.get("host", self._host)
        at_ns = round(beat.status.elapsed_s * 1e9)
        self._gaps.hear({"event": "heartbeat", "mono_ns": at_ns, "wall_ns": at_ns})
        self._beat = beat

    def tell(self, record: logging.LogRecord) -> None:
        """A line of the log."""
        at = f"{datetime.fromtimestamp(record.created):%H:%M:%S} "
        line = Text(no_wrap=True, overflow="ellipsis").append(at, "dim")
        line.append(record.getMessage(), LEVELS.get(record.levelno, ""))
        self._log.append(line)

    @contextlib.contextmanager
    def hearing(self) -> Iterator[None]:
        """Within the block, log lines go to the picture and nowhere else."""
        root = logging.getLogger()
        earlier, root.handlers = root.handlers, [_Lines(self)]
        try:
            yield
        finally:
            root.handlers = earlier

    def render(self) -> RenderableType:
        """The picture."""
        beat = self._beat
        if beat is None:
            return Panel(Text("waiting for the first heartbeat"), title=self.title)
        left = Group(_panel("run", self._totals(beat)), _panel("machine", self._machine(beat)))
        top = Table.grid(expand=True)
        top.add_column(ratio=3)
        top.add_column(ratio=5)
        top.add_row(left, _panel("gates so far", self._gates_table()))
        shown = sum(len(books) for books in self._books.values())
        parts = [self._head(beat), top, _panel("shards", _shards(beat))]
        parts.append(_panel(f"books: {shown}", _books(self._books)))
        if self._log:
            parts.append(_panel("log", Group(*tuple(self._log))))
        return Group(*parts)

    def _head(self, beat: Beat) -> RenderableType:
        minutes, seconds = divmod(int(beat.status.elapsed_s), 60)
        hours, minutes = divmod(minutes, 60)
        head = Table.grid(expand=True)
        head.add_column()
        head.add_column(justify="right")
        state = Text("● paused", "bold red") if beat.line["paused"] else Text("● recording", "green")
        name = Text.assemble(("mm capture ", "bold"), self.title)
        head.add_row(name, Text.assemble(state, f"  {hours}:{minutes:02d}:{seconds:02d}"))
        return head

    def _totals(self, beat: Beat) -> RenderableType:
        status, overall = beat.status, beat.overall
        bad = Text(f", {status.checksums_failed} bad", "bold red" if status.checksums_failed else "")
        return _pairs(
            {
                "frames": f"{status.frames:,}, {_bytes(overall['bytes'])}",
                "rate": f"{status.frames_per_s:,.0f}/s, {_bytes(overall['bytes_per_s'])}/s",
                "": Text(_sparkline(tuple(self._rates)), "cyan"),
                "checksums": Text(f"{status.checksums_verified:,} good") + bad,
                "books": f"{status.epochs} built, {status.gaps} gaps",
            }
        )

    def _machine(self, beat: Beat) -> RenderableType:
        lag_ms = beat.overall["loop_lag_ms"]
        facts = [("loop lag", Text(f"{lag_ms:.1f} ms", _style(lag_ms, 10, 100)))]
        for name, key in (("run", "run_bytes"), ("free", "disk_free_bytes"), ("memory", "rss_bytes")):
            if self._host.get(key) is not None:
                facts.append((name, Text(_bytes(self._host[key]))))
        cells = [Text.assemble((f"{name} ", "dim"), value) for name, value in facts]
        table = Table.grid(expand=True)
        for place in range(0, len(cells), 2):
            table.add_row(*cells[place : place + 2])
        return table

    def _gates_table(self) -> RenderableType:
        gaps = self._gaps
        text = f"longest {gaps.max_s:.2f} s"
        first = GateResult("heartbeat_gaps", "FAIL" if gaps.over else "PASS", gaps.over, 0, text, "")
        table = Table(box=None, pad_edge=False, show_header=False, expand=True)
        for _ in range(2):
            table.add_column(no_wrap=True)
        table.add_column(justify="right", no_wrap=True)
        table.add_column(overflow="ellipsis", no_wrap=True, ratio=1)
        for one in (first, *judge_latency(self._report, "")):
            value = "-" if one.value is None else f"{one.value:g}"
            table.add_row(Text(one.name), Text(one.status, WORDS[one.status]), value, Text(one.text, "dim"))
        return table


@contextlib.contextmanager
def showing(view: LiveView, console: Console) -> Iterator[Callable[[Beat], None]]:
    """Draw ``view`` on the console once a second, and log lines in it; its last picture stays.

    To lay a picture out takes some 20 ms, too long for an event loop: the library draws it in a thread
    of its own, which is asked for the interpreter more often than usual.
    """
    live = Live(get_renderable=view.render, console=console, refresh_per_second=1)
    with short_thread_turns(), view.hearing(), live:
        yield view.take


class _Lines(logging.Handler):
    def __init__(self, view: LiveView) -> None:
        super().__init__()
        self._view = view

    def emit(self, record: logging.LogRecord) -> None:
        self._view.tell(record)


def _shards(beat: Beat) -> RenderableType:
    titles = (
        "shard",
        "venue",
        "",
        "frames/s",
        "data/s",
        "queue",
        "parsed p99",
        "applied p99",
        "lost",
        "planned",
    )
    table = Table(box=None, pad_edge=False, expand=True)
    for place, title in enumerate(titles):
        table.add_column(title, justify="right" if place > 2 else "left", header_style="dim", no_wrap=True)
    for number, line in beat.shards.items():
        queue, parsed, applied = (
            line[name] for name in ("queue_depth", "recv_to_parsed_ms", "recv_to_applied_ms")
        )
        lost = line["reconnects"]["total"]
        table.add_row(
            f"{number:02d}",
            line["venue"],
            Text("● open", "green") if line["connected"] else Text("○ closed", "bold red"),
            f"{line['frames_per_s']:,.0f}",
            _bytes(line["bytes_per_s"]),
            "-" if queue is None else str(queue["last"]),
            _ms(parsed, 50),
            _ms(applied, 100),
            Text(str(lost), "bold red" if lost else ""),
            str(line["reconnects"]["planned"]),
        )
    return table


def _books(shards: Mapping[int, Mapping[str, BookNow]]) -> RenderableType:
    """Those that are not in sync first; as many as fit."""
    books = [
        (book.state == "SYNCED", name, book) for shard in shards.values() for name, book in shard.items()
    ]
    table = Table.grid(expand=True, padding=(0, 2))
    for _ in range(2):
        table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    cells = [
        Text.assemble(name, "  ", (book.state, STATES.get(book.state, "")), (f"  epoch {book.epoch}", "dim"))
        for _, name, book in sorted(books, key=lambda one: one[:2])[:BOOKS]
    ]
    rest = len(books) - len(cells)
    if rest:
        synced = sum(one[0] for one in books)
        cells.append(Text(f"and {rest} more; {synced} of {len(books)} are SYNCED", "dim"))
    for place in range(0, len(cells), 2):
        table.add_row(*cells[place : place + 2])
    return table if cells else Text("none yet", "dim")


def _panel(title: str, body: RenderableType) -> Panel:
    return Panel(body, title=title, title_align="left", border_style="bright_black", padding=(0, 1))


def _pairs(rows: Mapping[str, str | Text]) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(no_wrap=True)
    for name, value in rows.items():
        table.add_row(name, value)
    return table


def _sparkline(values: tuple[float, ...]) -> str:
    most = max(values, default=0.0)
    return "".join(BARS[round(value / most * (len(BARS) - 1))] if most else BARS[0] for value in values)


def _ms(window: Mapping[str, float] | None, limit: float) -> Text:
    if window is None:
        return Text("-")
    return Text(f"{window['p99']:.2f} ms", _style(window["p99"], limit, limit * 2))


def _style(value: float, much: float, too_much: float) -> str:
    return "bold red" if value > too_much else "yellow" if value > much else ""


def _bytes(count: float) -> str:
    """Decimal units, as disks have them."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.2f} TB"
