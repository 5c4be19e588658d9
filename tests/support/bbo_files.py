"""Files of best prices with known properties."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mm_framework.bundle.bbo_columns import BBO_COLUMNS as COLUMNS

START_MS = 1_760_000_000_000.0
EARLIER_HEADER = (
    "capture_time_utc", "recv_ts_ms", "exchange_ts", "symbol", "bid", "ask", "bid_qty", "ask_qty",
    "data_age_ms", "note", "source",
)  # fmt: skip


def iso(ms: float, digits: str = "microseconds", zulu: bool = False) -> str:
    text = datetime.fromtimestamp(ms / 1e3, UTC).isoformat(timespec=digits)
    return text.replace("+00:00", "Z") if zulu else text


def rows(
    recv_ms: npt.NDArray[np.float64],
    venue_ms: npt.NDArray[np.float64],
    age_ms: npt.NDArray[np.float64],
    e2e_ms: npt.NDArray[np.float64],
    symbol: str = "BTC/EUR",
) -> list[list[str]]:
    """Rows of 12 columns with prices that move a tick each row."""
    return [
        [
            iso(recv), f"{recv:.3f}", iso(venue, zulu=True), f"{venue:.3f}", symbol,
            f"{90000 + n % 50 / 10:.1f}", f"{90000.1 + n % 50 / 10:.1f}", "0.50000000", "1.25000000",
            f"{recv - venue:.3f}", f"{age:.3f}", f"{e2e:.3f}",
        ]
        for n, (recv, venue, age, e2e) in enumerate(zip(recv_ms, venue_ms, age_ms, e2e_ms, strict=True))
    ]  # fmt: skip


def write(path: Path, lines: Sequence[Sequence[str]], header: Sequence[str] = COLUMNS) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *lines])
    return path


def times(count: int, step_ms: float = 100.0) -> npt.NDArray[np.float64]:
    return START_MS + np.arange(count) * step_ms


def with_backward(venue: npt.NDArray[np.float64], count: int, largest_ms: float) -> npt.NDArray[np.float64]:
    """``count`` rows whose venue time lies before that of the row before, one by ``largest_ms``."""
    out = venue.copy()
    places = np.linspace(10, len(venue) - 10, count).astype(int)
    out[places] = out[places - 1] - 50.0
    out[places[len(places) // 2]] = out[places[len(places) // 2] - 1] - largest_ms
    return out


def bad_day(path: Path, count: int = 10_000) -> Path:
    """5.90 % of the venue times go back, one by 19,606 ms; 98.64 % unsafe; the median age is 1306 ms."""
    recv = times(count)
    venue = with_backward(recv - 1300.0, count * 590 // 10_000, 19_606.0)
    unsafe, half = count * 9864 // 10_000, count // 2
    age = np.full(count, 15.0)
    age[:unsafe] = np.linspace(81.0, 2600.0, unsafe)
    ranked = np.sort(age)
    age += np.where(age > 80, 1306.0 - (ranked[half - 1] + ranked[half]) / 2, 0.0)
    age[(age > 15.0) & (age < 80.5)] = 80.5
    return write(path, rows(recv, venue, np.random.default_rng(3).permutation(age), recv - START_MS))


def clean_hour(path: Path, backward: int = 0, step_ms: float = 100.0) -> Path:
    """An hour whose clock offset moves every 900 s, in one run; ``backward`` rows go back by 50 ms."""
    recv = times(round(3_600_000 / step_ms) + 1, step_ms)
    venue = recv - 8.0
    offset = np.floor((recv - START_MS) / 900_000) * 0.5
    if backward:
        venue = with_backward(venue, backward, 60.0)
    return write(path, rows(recv, venue, 8.0 + offset, recv - START_MS + 20.0))


def earlier_file(path: Path, count: int = 500) -> Path:
    """A file of 11 columns."""
    recv = times(count)
    lines = [
        [one[0], one[1], one[2], *one[4:9], "12.500", "ignored", "x"] for one in rows(recv, recv, recv, recv)
    ]
    return write(path, lines, EARLIER_HEADER)
