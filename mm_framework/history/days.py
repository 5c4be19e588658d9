"""History as files of the day folders; which part of each day they hold; pages that wait for the rest.

    <root>/<exchange>/<SYMBOL_FS>/<YYYYMMDD>/history/candles_<interval>_<SYMBOL_FS>_<YYYYMMDD>.csv.gz
                                                     trades_<SYMBOL_FS>_<YYYYMMDD>.ndjson.gz
                                                     <either>.covers.json
                                                     <either>.pages.ndjson      while a fetch goes on

A day that is covered is never fetched again. A file is replaced whole, and its cover after it: what is cut
off between them is fetched once more. A new file has a cover of nothing before it is there, by which it is
known as ours.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import attrs

from mm_framework.bundle.disk import replace_file, writing
from mm_framework.bundle.times import DAY_NS
from mm_framework.contracts.history import Candle, HistoryKind, HistoryPage, HistoryQuery, PastTrade
from mm_framework.errors import ConfigError, StoreError
from mm_framework.history.walk import Kept
from mm_framework.sinks.candle_files import candle_lines
from mm_framework.sinks.day_schema import place_of, utc_date

__all__ = ["DAY_MS", "HistoryFiles", "PageFile", "Span", "days_of"]

DAY_MS: Final = DAY_NS // 1_000_000

Span = tuple[int, int]
"""From a time until before another, ms."""


@attrs.frozen
class HistoryFiles:
    """The files of one instrument and kind below ``root``. ``symbol``: the venue's name of it."""

    root: Path
    instrument: str
    symbol: str
    kind: HistoryKind
    interval: str = ""

    def path(self, day_ms: int) -> Path:
        """The file of the day that begins then."""
        place, date = place_of(self.instrument), utc_date(day_ms * 1_000_000)
        name = f"candles_{self.interval}" if self.kind == "candles" else "trades"
        ending = "csv.gz" if self.kind == "candles" else "ndjson.gz"
        return place.folder(self.root, date) / "history" / f"{name}_{place.symbol_fs}_{date}.{ending}"

    def pages(self, query: HistoryQuery) -> PageFile:
        """Where the pages of a query wait."""
        first = self.path(query.from_ms - query.from_ms % DAY_MS)
        return PageFile(first.with_name(f"{first.name}.pages.ndjson"), query)

    def missing(self, from_ms: int, to_ms: int) -> list[Span]:
        """What is not covered of a range: parts that share no day with another part."""
        found: list[Span] = []
        for day_ms, span in days_of(from_ms, to_ms):
            held = [one for one in self.covers(day_ms) if one[0] <= span[0] and span[1] <= one[1]]
            if held:
                continue
            if found and found[-1][1] == span[0]:
                found[-1] = (found[-1][0], span[1])
            else:
                found.append(span)
        return found

    def covers(self, day_ms: int) -> list[Span]:
        """What the file of a day holds, none without one. Raises StoreError."""
        path = _cover(self.path(day_ms))
        if not self.path(day_ms).exists() or not path.exists():
            return []
        try:
            return [(int(one), int(other)) for one, other in json.loads(path.read_bytes())["covers_ms"]]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StoreError(
                f"{path} cannot be read ({error}): delete it, and the day is fetched again", path=path
            ) from error

    def put(
        self, query: HistoryQuery, rows: Sequence[Candle] | Sequence[PastTrade], told: Sequence[Span]
    ) -> list[Path]:
        """Put the answer to a query into the files of its days, with what they hold already.

        ``told``: what of its range need not be asked for again.

        Raises ConfigError for a file that came another way, and EnvironmentFailed.
        """
        written = []
        for day_ms, span in days_of(query.from_ms, query.to_ms):
            path = self.path(day_ms)
            covers = self.covers(day_ms)
            if path.exists() and not _cover(path).exists():
                raise ConfigError(
                    f"{path} was not written by mm history, and is not overwritten: choose another folder"
                    " with --out, or move it away",
                    key="out",
                    value=str(path),
                )
            held = {_key(row): row for row in self.rows(day_ms)}
            held |= {_key(row): row for row in rows if span[0] <= _at_ms(row) < span[1]}
            with writing(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                if not path.exists():
                    _write_cover(path, [], 0)
                replace_file(path, self._encoded([held[key] for key in sorted(held)]))
                parts = [(max(span[0], begin), min(span[1], end)) for begin, end in told]
                whole = _joined([*covers, *(one for one in parts if one[0] < one[1])])
                _write_cover(path, whole, len(held))
            written.append(path)
        return written

    def read(self, from_ms: int, to_ms: int) -> Iterator[Any]:
        """The rows of a range, in order, as far as there are files. Raises StoreError."""
        for day_ms, span in days_of(from_ms, to_ms):
            for row in self.rows(day_ms):
                if span[0] <= _at_ms(row) < span[1]:
                    yield row

    def rows(self, day_ms: int) -> list[Any]:
        """All rows of a day's file; none without one. Raises StoreError."""
        path = self.path(day_ms)
        if not path.exists():
            return []
        try:
            if not (packed := path.read_bytes()):
                raise ValueError("it is empty")
            lines = gzip.decompress(packed).decode().splitlines()
            if self.kind == "trades":
                return [_past(json.loads(line)) for line in lines]
            return [Candle(int(cells[0]), *cells[1:6]) for cells in (line.split(",") for line in lines[1:])]
        except (OSError, EOFError, ValueError, KeyError, TypeError, IndexError) as error:
            raise StoreError(
                f"{path} is damaged ({error}): delete it, and the day is fetched again", path=path
            ) from error

    def _encoded(self, rows: Sequence[Any]) -> bytes:
        exchange = place_of(self.instrument).exchange
        if self.kind == "candles":
            text = "".join(candle_lines(rows, exchange, self.symbol, self.interval))
        else:
            text = "".join(json.dumps(_line(one, exchange, self.symbol)) + "\n" for one in rows)
        return gzip.compress(text.encode(), 6, mtime=0)


class PageFile:
    """Implements `walk.PageLog`: a line a page, the query first. A torn last line is cut off."""

    def __init__(self, path: Path, query: HistoryQuery) -> None:
        self.path, self._query = path, query

    def read(self) -> Kept:
        """What is there of this query; of another one it is deleted."""
        try:
            written = self.path.read_bytes()
        except OSError:
            return Kept()
        whole, size = _whole_lines(written)
        if not whole or whole[0] != attrs.asdict(self._query):
            self.remove()
            return Kept()
        if size < len(written):
            replace_file(self.path, written[:size])
        pages = whole[1:]
        return Kept(
            [Candle(*row) for page in pages for row in page["candles"]],
            [PastTrade(*row) for page in pages for row in page["trades"]],
            pages[-1]["cursor"] if pages else None,
            bool(pages),
        )

    def add(self, page: HistoryPage) -> None:
        """See `walk.PageLog`."""
        line = {
            "candles": [attrs.astuple(one) for one in page.candles],
            "trades": [attrs.astuple(one) for one in page.trades],
            "cursor": page.cursor,
        }
        with writing(self.path):
            new = not self.path.exists()
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab") as file:
                if new:
                    file.write(json.dumps(attrs.asdict(self._query)).encode() + b"\n")
                file.write(json.dumps(line).encode() + b"\n")

    def remove(self) -> None:
        """All rows are where they belong."""
        self.path.unlink(missing_ok=True)


def days_of(from_ms: int, to_ms: int) -> Iterator[tuple[int, Span]]:
    """The UTC days of a range: the begin of each, and the part of the range that lies in it."""
    day_ms = from_ms - from_ms % DAY_MS
    while day_ms < to_ms:
        yield day_ms, (max(from_ms, day_ms), min(to_ms, day_ms + DAY_MS))
        day_ms += DAY_MS


def _whole_lines(written: bytes) -> tuple[list[Any], int]:
    """The JSON lines before the first that is torn, and how many bytes they are."""
    found, size = [], 0
    for line in written.split(b"\n")[:-1]:
        try:
            found.append(json.loads(line))
        except ValueError:
            break
        size += len(line) + 1
    return found, size


def _cover(path: Path) -> Path:
    return path.with_name(f"{path.name}.covers.json")


def _write_cover(path: Path, covers: Sequence[Span], rows: int) -> None:
    body = {"covers_ms": covers, "rows": rows}
    replace_file(_cover(path), json.dumps(body).encode() + b"\n")


def _joined(spans: Sequence[Span]) -> list[Span]:
    found: list[Span] = []
    for begin, end in sorted(spans):
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((begin, end))
    return found


def _at_ms(row: Candle | PastTrade) -> int:
    return row.ts_ms if isinstance(row, Candle) else row.ts_ns // 1_000_000


def _key(row: Candle | PastTrade) -> tuple[int, int, str]:
    return (row.ts_ms, 0, "") if isinstance(row, Candle) else (row.ts_ns, len(row.id), row.id)


def _line(one: PastTrade, exchange: str, symbol: str) -> dict[str, Any]:
    return {
        "ts_ms": one.ts_ns // 1_000_000,
        "ts_ns": one.ts_ns,
        "trade_id": one.id,
        "price": one.price,
        "qty": one.size,
        "side": one.side,
        "exchange": exchange,
        "symbol": symbol,
    }


def _past(line: dict[str, Any]) -> PastTrade:
    return PastTrade(int(line["ts_ns"]), line["trade_id"], line["price"], line["qty"], line["side"])
