"""A day of one instrument for the benchmarks of the store: frames that are like a recording of Binance.

    day = make(BUILD, 20_000_000)       # a run bundle, made once and kept
    day.run, day.rows

Book updates every 100 ms and single trades, of BTC/USDT, from a fixed seed. What it is like was counted in
a recording of 346 s (2024-08-08, 3451 updates, 124 090 levels, 9757 trades), in brackets what the day has:

    deletions, changes of a size, new levels                0.48 0.13 0.40 of levels    [0.48 0.12 0.40]
    prices seen for the first time                          0.31 of 120 000 levels      [0.28]
    sizes seen for the first time                           0.13 of 120 000 levels      [0.14]
    levels of an update, median and mean                    16, 36                      [10, 22]
    distance from the best price, quartiles                 6.7, 26, 85 USD             [drawn from these]
    trades                                                  1 in 14 rows, 2.9 a burst   [the same]

Updates are shorter than in the recording, for a day of so many rows is quieter than those minutes were.
"""

from __future__ import annotations

import json
import shutil
from bisect import bisect_left, insort
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import attrs
import numpy as np
import numpy.typing as npt
from venues import KITS

from mm_framework.bundle.importer import ImportRequest, import_recording

__all__ = ["BUILD", "DAY_NS", "INSTRUMENT", "START_NS", "Day", "frames", "make"]

BUILD: Final = Path(__file__).resolve().parent.parent / "build" / "store"
INSTRUMENT: Final = "binance:BTC/USDT"
DAY_NS: Final = 86_400 * 10**9
START_NS: Final = 20_717 * DAY_NS
"""Midnight, 2026-09-21."""

_VERSION: Final = 1
_SEED: Final = 1
_ROWS_A_DAY: Final = 20_000_000
_UPDATES_A_DAY: Final = 864_000
_STEP_MS: Final = 100
_CHUNK: Final = 1000
"""Updates that are drawn at once."""

_MID: Final = 6_183_764
_SNAPSHOT_AT: Final = 5
_SNAPSHOT_LEVELS: Final = 1000
_SHARES: Final = (0.02, 0.415, 0.55, 0.70)
"""Limits of the draws: an unknown level is deleted, a known one, one is changed, put back; else a new one."""

_FEW, _MANY = 800, 3000
_DISTANCE: Final = (
    (0.0, 0.05, 0.10, 0.25, 0.50, 0.75, 0.90, 0.95, 0.99, 1.0),
    (0, 1, 88, 672, 2598, 8535, 16246, 101439, 617199, 1_500_000),
)
"""Quantiles of the distance of a level from the middle, in ticks."""


@attrs.frozen
class Day:
    """The bundle ``run`` of ``rows`` rows between two times."""

    run: Path
    rows: int
    from_ns: int
    to_ns: int


def make(build: Path, rows: int) -> Day:
    """A bundle of about so many rows of a day that has 20 million; one that is there is taken."""
    part = rows / _ROWS_A_DAY
    run = build / f"day{_VERSION}-{rows}"
    told = build / f"{run.name}.json"
    if not told.exists():
        build.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(run, ignore_errors=True)
        recording = build / f"{run.name}.log"
        with recording.open("w", encoding="ascii", newline="\n") as file:
            file.writelines(f"{wall_ns} {text}\n" for wall_ns, text in frames(part))
        request = ImportRequest((recording,), "binance", run, container="log")
        report = import_recording(request, KITS["binance"], created="", made_by="benchmarks")
        recording.unlink()
        told.write_text(json.dumps(report.to_json()), encoding="utf-8")
    counts = json.loads(told.read_text(encoding="utf-8"))["counts"]
    return Day(run, counts["levels"] + counts["trades"], START_NS, START_NS + round(part * DAY_NS))


def frames(part: float) -> Iterator[tuple[int, str]]:
    """Receive time and text of each frame, and of the REST snapshot, of the first ``part`` of the day."""
    draw, venue = np.random.default_rng(_SEED), _Venue()
    updates, number = round(part * _UPDATES_A_DAY) - 1, 0  # the next one arrives after midnight
    while number < updates:
        for one in _chunk(draw):
            number += 1
            start_ms = START_NS // 1_000_000 + number * _STEP_MS
            yield from _received(venue, number, start_ms, one)
            if number == updates:
                return


@attrs.frozen
class _Step:
    """What is drawn for one update and the trades before it."""

    move: int
    kinds: list[float]
    sides: list[bool]
    distances: list[int]
    places: list[float]
    sizes: list[int]
    bursts: list[tuple[int, list[int], bool]]
    delay_us: int


def _chunk(draw: np.random.Generator) -> Iterator[_Step]:
    """The draws of the next updates."""
    levels = np.clip(draw.lognormal(2.45, 1.27, _CHUNK), 1, 1500).astype(np.int64)
    total = int(levels.sum())
    moves = np.where(draw.random(_CHUNK) < 0.08, draw.normal(0, 720, _CHUNK), 0).astype(np.int64)
    kinds, places = draw.random(total).tolist(), draw.random(total).tolist()
    sides = (draw.random(total) < 0.5).tolist()
    distances = np.interp(draw.random(total), *_DISTANCE).astype(np.int64).tolist()
    sizes = _sizes(draw, total)
    delays = (3000 + draw.gamma(2.0, 700.0, _CHUNK)).astype(np.int64).tolist()
    bursts = draw.poisson(0.57, _CHUNK).tolist()
    place = 0
    for index, count in enumerate(levels.tolist()):
        end = place + count
        yield _Step(
            int(moves[index]),
            kinds[place:end],
            sides[place:end],
            distances[place:end],
            places[place:end],
            sizes[place:end],
            [_burst(draw) for _ in range(bursts[index])],
            delays[index],
        )
        place = end


def _burst(draw: np.random.Generator) -> tuple[int, list[int], bool]:
    """Trades at one moment: ms within the step, sizes, whether the buyer was the maker."""
    count = int(draw.geometric(1 / 2.87))
    return int(draw.integers(_STEP_MS)), _sizes(draw, count), bool(draw.random() < 0.5)


def _sizes(draw: np.random.Generator, count: int) -> list[int]:
    """Sizes in lots: most of them of few thousand usual ones, which some send again and again."""
    usual = np.exp(3.9 + 2.2 * _normal((3000 * draw.random(count) ** 2).astype(np.int64)))
    free = draw.lognormal(8.5, 2.2, count)
    return np.maximum(np.where(draw.random(count) < 0.60, usual, free), 1).astype(np.int64).tolist()


def _normal(number: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """A fixed number between -2 and 6 for each number."""
    return np.asarray((number * 2_654_435_761 % 1_000_003) / 1_000_003 * 4.0)


class _Venue:
    """The two sides of a book that never cross: bids up to the middle, asks above it. ``last_ns``: when the
    last frame was received.
    """

    def __init__(self) -> None:
        self.mid, self.update_id, self.trade_id, self.last_ns = _MID, 10**10, 10**9, START_NS
        self.bids, self.asks = _Side(), _Side()
        for side in (self.bids, self.asks):
            side.begin()

    def step(self, one: _Step) -> tuple[dict[int, int], dict[int, int]]:
        """The levels that change, by price in ticks."""
        self.mid = max(self.mid + one.move, 100_000)
        bids = self.bids.moved(-one.move, one.sizes[0])
        asks = self.asks.moved(one.move, one.sizes[0])
        for kind, is_bid, distance, place, size in zip(
            one.kinds, one.sides, one.distances, one.places, one.sizes, strict=True
        ):
            side, changed = (self.bids, bids) if is_bid else (self.asks, asks)
            offset, level = side.change(kind, distance, place, size)
            changed[offset] = level
        mid = self.mid
        return (
            {mid - offset: bids[offset] for offset in sorted(bids) if offset < mid},
            {mid + 1 + offset: asks[offset] for offset in sorted(asks)},
        )


class _Side:
    """Levels by their distance from the middle: sorted keys relative to ``shift``, with sizes."""

    def __init__(self) -> None:
        self._shift = 0
        self._keys: list[int] = []
        self._sizes: dict[int, int] = {}
        self._gone: list[int] = []
        self._turn = 0

    def begin(self) -> None:
        """The first levels."""
        for place in range(_SNAPSHOT_LEVELS):
            self._set(place * 20 + place * place % 17, 1000 + place * 7919 % 100_000)

    def levels(self) -> list[tuple[int, int]]:
        """Distance and size, best first."""
        return [(key - self._shift, self._sizes[key]) for key in self._keys]

    def moved(self, ticks: int, size: int) -> dict[int, int]:
        """The middle goes ``ticks`` into this side: what stood there goes; behind it a new best comes."""
        self._shift += ticks
        changed: dict[int, int] = {}
        if ticks > 0:
            end = bisect_left(self._keys, self._shift)
            for key in self._keys[:end]:
                changed[key - self._shift] = 0
                del self._sizes[key]
            del self._keys[:end]
        elif ticks < 0:
            self._set(self._shift, size)
            changed[0] = size
        return changed

    def change(self, kind: float, distance: int, place: float, size: int) -> tuple[int, int]:
        """One level: its distance and its new size."""
        key, count = self._shift + distance, len(self._keys)
        unknown, deleted, changed, again = _SHARES
        if kind < unknown or (kind >= changed and count > _MANY):
            size = 0
        elif kind < deleted and count > _FEW:
            key, size = self._near(key), 0
        elif kind < changed:
            key = self._near(key)
        elif kind < again and self._gone:
            old = self._gone[int(place * len(self._gone))]
            key = old if old >= self._shift else key
        self._set(key, size)
        return key - self._shift, size

    def _near(self, key: int) -> int:
        at = bisect_left(self._keys, key)
        return self._keys[min(at, len(self._keys) - 1)]

    def _set(self, key: int, size: int) -> None:
        if size and key not in self._sizes:
            insort(self._keys, key)
        if size:
            self._sizes[key] = size
        elif self._sizes.pop(key, None) is not None:
            del self._keys[bisect_left(self._keys, key)]
            self._remember(key)

    def _remember(self, key: int) -> None:
        if len(self._gone) < 2000:
            self._gone.append(key)
        else:
            self._gone[self._turn % 2000] = key
            self._turn += 1


def _received(venue: _Venue, number: int, start_ms: int, one: _Step) -> Iterator[tuple[int, str]]:
    """What arrives between an update and the next one."""
    for at_ms, sizes, is_maker in sorted(one.bursts):
        wall_ns = (start_ms - _STEP_MS + at_ms) * 1_000_000 + one.delay_us * 1000
        for size in sizes:
            venue.last_ns = max(venue.last_ns + 20_000 + size % 9973, wall_ns)
            venue.trade_id += 1
            yield venue.last_ns, _trade(venue, start_ms - _STEP_MS + at_ms, size, is_maker)
    bids, asks = venue.step(one)
    first = venue.update_id + 1
    venue.update_id += len(bids) + len(asks) + number % 7
    wall_ns = start_ms * 1_000_000 + one.delay_us * 1000 + number * 7919 % 1000
    venue.last_ns = max(venue.last_ns + 20_000, wall_ns)
    yield venue.last_ns, _update(start_ms, first, venue.update_id, bids, asks)
    if number == _SNAPSHOT_AT:
        yield venue.last_ns + 20_000, _snapshot(venue)


def _trade(venue: _Venue, ms: int, size: int, is_maker: bool) -> str:
    price = venue.mid + (not is_maker)
    maker = "true" if is_maker else "false"
    return (
        f'{{"stream":"btcusdt@trade","data":{{"e":"trade","E":{ms},"s":"BTCUSDT","t":{venue.trade_id},'
        f'"p":"{price // 100}.{price % 100:02d}000000","q":"{size // 100_000}.{size % 100_000:05d}000",'
        f'"T":{ms},"m":{maker},"M":true}}}}'
    )


def _update(ms: int, first: int, last: int, bids: dict[int, int], asks: dict[int, int]) -> str:
    return (
        f'{{"stream":"btcusdt@depth@100ms","data":{{"e":"depthUpdate","E":{ms},"s":"BTCUSDT","U":{first},'
        f'"u":{last},"b":[{_levels(bids)}],"a":[{_levels(asks)}]}}}}'
    )


def _snapshot(venue: _Venue) -> str:
    bids = {venue.mid - offset: size for offset, size in venue.bids.levels()[:_SNAPSHOT_LEVELS]}
    asks = {venue.mid + 1 + offset: size for offset, size in venue.asks.levels()[:_SNAPSHOT_LEVELS]}
    return f'{{"lastUpdateId":{venue.update_id},"bids":[{_levels(bids)}],"asks":[{_levels(asks)}]}}'


def _levels(levels: dict[int, int]) -> str:
    return ",".join(
        f'["{price // 100}.{price % 100:02d}000000","{size // 100_000}.{size % 100_000:05d}000"]'
        for price, size in levels.items()
    )
