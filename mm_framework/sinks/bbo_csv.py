"""The 12-column CSV of best prices and their age, and the session file beside it.

    capture_time_utc, recv_ts_ms, exchange_ts, exchange_ts_ms, symbol, bid, ask, bid_qty, ask_qty,
    raw_age_ms, adjusted_age_ms, e2e_since_sub_ms

A row is a ticker of the venue, or where the instrument has none a change of its book's best prices. Times
are cut to microseconds and written in ms with three decimals; an age is the difference of what is written.
A **session** begins with the first subscribe request and ends when the connection that feeds the
instrument is lost; a connection that took over before that carries it on.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Literal

import attrs

from mm_framework.bundle.bbo_columns import BBO_COLUMNS
from mm_framework.bundle.disk import writing
from mm_framework.contracts.normalizer import Requested
from mm_framework.contracts.sink import Seen, SinkRun, Told
from mm_framework.errors import ConfigError
from mm_framework.feed.clock_offset import ClockOffsets, Verdict
from mm_framework.feed.log_bodies import read_lost
from mm_framework.model.events import NULL, PLANNED, Reason
from mm_framework.model.frame import RecordKind, encode_json
from mm_framework.settings import section, setting
from mm_framework.sinks.books import BookTracker
from mm_framework.sinks.files import TextFile

__all__ = ["BBO_SCHEMA", "BboCsv", "BboSettings"]

BBO_SCHEMA: Final = {"schema": "mm-bbo-csv", "version": 1}

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_Texts = tuple[str | None, str | None, str | None, str | None]


@section("sink.bbo-csv")
@attrs.frozen
class BboSettings:
    """The CSV of best prices."""

    source: Literal["auto", "ticker", "book"] = setting(
        "auto", help="Where rows come from; auto: the ticker where it is subscribed, else the book."
    )


@attrs.define
class _Session:
    """An instrument's session. ``subscribed``: connection -> mono_ns of the first request there."""

    subscribed: dict[int, int] = attrs.Factory(dict)
    feeder: int | None = None
    number: int | None = None
    start_ns: int | None = None


class BboCsv:
    """Implements `contracts.sink.Sink`."""

    def __init__(self, settings: BboSettings | None = None) -> None:
        self._source = (settings or BboSettings()).source

    def open(self, run: SinkRun) -> None:
        """See the contract. The default is a new file of the working directory, named by the run's start."""
        if run.untimed:
            raise ConfigError(
                f"run {run.run_id} has no receive times, and a row is about the age of what was received: "
                "import it with --assume-receive",
                key="to",
            )
        self._run = run
        self._clocks = ClockOffsets(run.clock, run.wall0_ns, run.mono0_ns)
        self._books = BookTracker()
        self._sessions: dict[str, _Session] = {}
        self._tickers: dict[tuple[str, str], str] = {}
        self._with_ticker: set[str] = set()
        self._open_links: set[tuple[int, int]] = set()
        self._best: dict[str, _Texts] = {}
        self._lost: Counter[Reason] = Counter()
        self._verdicts: Counter[Verdict] = Counter()
        self._rows = self._n_sessions = 0
        self._begun, self._now_ns = False, run.mono0_ns
        path = run.out or Path(default_name(run))
        if path.is_dir():
            path = path / default_name(run)
        self.path, sidecar = path, path.with_name(f"{path.name}.session.ndjson")
        for one in (path, sidecar):
            if one.exists():
                raise ConfigError(
                    f"{one} exists and is never overwritten: name another file", key="out", value=str(one)
                )
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        self._csv = TextFile(path)
        try:
            self._log = TextFile(sidecar)
        except BaseException:
            self._csv.discard()
            raise
        self._csv.add(f"{','.join(BBO_COLUMNS)}\n", self._now_ns)
        self._tell(
            "schema",
            **BBO_SCHEMA,
            columns=list(BBO_COLUMNS),
            run_id=run.run_id,
            source=self._source,
            clock=attrs.asdict(run.clock),
            clock_offset_ms=None,
            note="adjusted_age_ms equals raw_age_ms until a clock_offset line has an offset in force",
        )

    def write(self, seen: Seen) -> None:
        """See the contract."""
        self._begun = True
        self._now_ns = seen.record.mono_ns
        self._csv.flush_if_due(self._now_ns)
        self._log.flush_if_due(self._now_ns)
        for decision in self._clocks.take(seen.shard, seen.block, seen.output):
            self._verdicts[decision.verdict] += 1
            in_force = decision.in_force_ns
            self._tell(
                "clock_offset",
                shard=seen.shard,
                **decision.to_json(),
                clock_offset_ms=None if in_force is None else _us(in_force) / 1000,
            )
        for followed in seen.followed:
            one = followed.subscription
            if followed.carries == "ticker":
                self._tickers[one.instrument, one.channel] = one.venue_symbol
                self._with_ticker.add(one.instrument)
        self._connections(seen)
        if self._source != "ticker":
            self._books.take(seen)
        self._prices(seen)
        for gone in seen.unfollowed:
            if gone.carries == "book":
                self._books.forget(gone.subscription.instrument)

    def close(self) -> None:
        """See the contract. A file without a record is not left behind."""
        if not self._begun:
            self._csv.discard()
            self._log.discard()
            return
        self._tell(
            "end",
            rows=self._rows,
            sessions=self._n_sessions,
            reconnects=self._reconnects(),
            clock={verdict.value: self._verdicts[verdict] for verdict in Verdict},
        )
        self._csv.close()
        self._log.close()

    # connections and sessions

    def _connections(self, seen: Seen) -> None:
        record = seen.record
        if seen.restored is not None:
            self._open_links |= {(seen.shard, link.index) for link in seen.restored.links}
        key = (seen.shard, record.connection)
        if record.kind == RecordKind.OPEN:
            self._open_links.add(key)
        elif record.kind == RecordKind.SENT:
            for control in seen.controls:
                if isinstance(control, Requested) and control.active:
                    self._requested(control, record.connection, record.mono_ns)
        elif record.kind == RecordKind.LOST and key in self._open_links:
            self._open_links.discard(key)
            self._lose(seen)

    def _requested(self, request: Requested, connection: int, mono_ns: int) -> None:
        for (instrument, channel), symbol in self._tickers.items():
            if channel == request.channel and symbol in request.venue_symbols:
                self._session(instrument).subscribed.setdefault(connection, mono_ns)
        if self._source == "ticker":
            return
        for instrument, symbol in self._books.symbols(request.channel):
            if not self._has_ticker(instrument) and symbol in request.venue_symbols:
                self._session(instrument).subscribed.setdefault(connection, mono_ns)

    def _lose(self, seen: Seen) -> None:
        connection = seen.record.connection
        reason = read_lost(seen.record)
        if reason not in (Reason.SHUTDOWN, Reason.RECORDING_END):
            self._lost[reason] += 1
        ended = []
        for instrument, session in self._sessions.items():
            session.subscribed.pop(connection, None)
            if session.feeder == connection:
                session.feeder = session.number = session.start_ns = None
                ended.append(instrument)
        self._tell(
            "connection_lost",
            shard=seen.shard,
            connection=connection,
            reason=reason.name,
            planned=reason in PLANNED,
            recv_ts_ms=_ms(_us(seen.record.wall_ns)),
            sessions_ended=sorted(ended),
            reconnects=self._reconnects(),
        )

    def _session(self, instrument: str) -> _Session:
        return self._sessions.setdefault(instrument, _Session())

    def _fed(self, instrument: str, symbol: str, seen: Seen) -> _Session:
        """The session that a row belongs to; a new one when none goes on."""
        session, connection = self._session(instrument), seen.record.connection
        session.feeder = connection
        if session.number is None:
            self._n_sessions += 1
            session.number = self._n_sessions
            session.start_ns = session.subscribed.get(connection)
            self._tell(
                "session_start",
                session_id=f"{self._run.run_id}-{session.number}",
                instrument=instrument,
                symbol=symbol,
                shard=seen.shard,
                connection=connection,
                subscribed_mono_ns=session.start_ns,
                recv_ts_ms=_ms(_us(seen.record.wall_ns)),
                reconnects=self._reconnects(),
            )
        return session

    def _reconnects(self) -> dict[str, Any]:
        planned = sum(n for reason, n in self._lost.items() if reason in PLANNED)
        return {
            "total": sum(self._lost.values()) - planned,
            "planned": planned,
            "by_reason": {reason.name.lower(): n for reason, n in sorted(self._lost.items())},
        }

    # rows

    def _has_ticker(self, instrument: str) -> bool:
        return self._source != "book" and instrument in self._with_ticker

    def _prices(self, seen: Seen) -> None:
        for told in seen.told:
            if told.carries == "ticker" and told.messages and self._source != "book":
                for top in told.tops:
                    self._row(seen, told, top)
        if self._source == "ticker":
            return
        for instrument in self._books.touched:
            if not self._has_ticker(instrument):
                self._book_row(seen, instrument)

    def _book_row(self, seen: Seen, instrument: str) -> None:
        """A row when the best prices of a proved book, as they are written, are others."""
        best = self._books.best(instrument)
        if best is None or best == self._best.get(instrument):
            return
        self._best[instrument] = best
        told = next(
            (one for one in reversed(seen.told) if one.instrument == instrument and one.carries == "book"),
            None,
        )
        if told is not None:
            self._row(seen, told, best)

    def _row(self, seen: Seen, told: Told, top: _Texts) -> None:
        session = self._fed(told.instrument, told.venue_symbol, seen)
        recv_us = _us(seen.record.wall_ns)
        cells = [_iso(recv_us), _ms(recv_us), told.time_text or "", "", told.venue_symbol]
        bid, bid_size, ask, ask_size = ("" if text is None else text for text in top)
        cells += [bid, ask, bid_size, ask_size, "", "", ""]
        if told.ts_venue_ns != NULL:
            venue_us = _us(told.ts_venue_ns)
            cells[2] = told.time_text or _iso(venue_us)
            cells[3] = _ms(venue_us)
            cells[9] = _ms(recv_us - venue_us)
            cells[10] = _ms(recv_us - venue_us + _us(self._clocks.of(seen.shard).offset_ns))
        if session.start_ns is not None:
            cells[11] = _ms(_us(seen.record.mono_ns - session.start_ns))
        self._csv.add(f"{','.join(cells)}\n", self._now_ns)
        self._rows += 1

    def _tell(self, event: str, **facts: Any) -> None:
        self._log.add(encode_json({"event": event, **facts}).decode() + "\n", self._now_ns)


def default_name(run: SinkRun) -> str:
    """``kraken_bbo_latency_20261121_044512.csv``, by the run's start."""
    venue = run.venues[0] if len(run.venues) == 1 else "all"
    return f"{venue}_bbo_latency_{_EPOCH + timedelta(microseconds=run.wall0_ns // 1000):%Y%m%d_%H%M%S}.csv"


def _us(ns: int) -> int:
    return ns // 1000


def _ms(us: int) -> str:
    """Milliseconds with three decimals, of microseconds."""
    sign, us = ("-", -us) if us < 0 else ("", us)
    return f"{sign}{us // 1000}.{us % 1000:03d}"


def _iso(us: int) -> str:
    """ISO 8601 with offset and six decimals."""
    return (_EPOCH + timedelta(microseconds=us)).isoformat(timespec="microseconds")
