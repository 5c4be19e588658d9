"""A writer that keeps what a normalizer writes; one decoder a market; recordings, imported and verified."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mm_binance.adapter import BinanceAdapter
from mm_binance.markets import SPOT, Market
from mm_binance.normalizer import BinanceNormalizer
from mm_binance.sync import rules_of
from mm_framework.bundle.importer import ImportRequest, import_recording
from mm_framework.bundle.run import Run, open_run
from mm_framework.bundle.verify import verify
from mm_framework.contracts.normalizer import ConnectionInfo, Control, FrameClass
from mm_framework.feed import VenueKit
from mm_framework.model.events import NULL


class KeepingWriter:
    """Implements `MessageWriter`: ``messages`` are dicts in order, ``controls`` the events."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.controls: list[Control] = []
        self.unfollowed: set[str] = set()

    def begin(
        self,
        channel: str,
        carries: str,
        venue_symbol: str,
        *,
        snapshot: bool = False,
        wire: str | None = None,
    ) -> bool:
        if venue_symbol in self.unfollowed:
            return False
        head = {"channel": channel, "carries": carries, "symbol": venue_symbol, "snapshot": snapshot}
        self.messages.append({**head, "rows": []})
        return True

    def level(self, side: int, price: str, size: str) -> None:
        self.messages[-1]["rows"].append((side, price, size))

    def trade(
        self,
        side: int,
        price: str,
        size: str,
        trade_id: int = NULL,
        ts_venue_ns: int = NULL,
        order_type: str = "",
    ) -> None:
        self.messages[-1]["rows"].append((side, price, size, trade_id, ts_venue_ns))

    def top(self, bid: str | None, bid_size: str | None, ask: str | None, ask_size: str | None) -> None:
        self.messages[-1]["rows"].append((bid, bid_size, ask, ask_size))

    def end(self, *, time_text: str | None = None, **numbers: Any) -> None:
        self.messages[-1].update({key: value for key, value in numbers.items() if value not in (NULL, None)})

    def sequence(self, number: int) -> None:
        raise AssertionError("frames of this venue are not numbered")

    def control(self, event: Control) -> None:
        self.controls.append(event)


@pytest.fixture
def writer() -> KeepingWriter:
    return KeepingWriter()


@pytest.fixture
def decode(writer: KeepingWriter) -> Callable[..., FrameClass]:
    """Decodes one frame into ``writer``; returns its class."""

    def run(frame: str | bytes, market: Market = SPOT, url: str = "") -> FrameClass:
        raw = frame.encode() if isinstance(frame, str) else frame
        return BinanceNormalizer(market).decode(raw, ConnectionInfo(0, url), writer)

    return run


@pytest.fixture(scope="session")
def recordings(shared_data: Path) -> Path:
    """The folder of Binance's recordings."""
    return shared_data / "binance"


@pytest.fixture(scope="session")
def kit() -> Callable[[Market], VenueKit]:
    """A market, as `Feed` is given it."""
    return lambda market: VenueKit(BinanceAdapter(market), BinanceNormalizer(market), rules_of(market))


@pytest.fixture
def imported(tmp_path: Path, kit: Callable[[Market], VenueKit]) -> Callable[..., tuple[Run, dict[str, int]]]:
    """Imports files: the run, and what was counted."""
    runs = 0

    def run(market: Market, *files: Path) -> tuple[Run, dict[str, int]]:
        nonlocal runs
        runs += 1
        request = ImportRequest(files, market.venue, tmp_path / "runs" / f"run{runs}")
        report = import_recording(request, kit(market), created="2026-11-21T00:00:00Z", made_by="test")
        return open_run(request.out), report.counts

    return run


@pytest.fixture
def verified(
    imported: Callable[..., tuple[Run, dict[str, int]]], kit: Callable[[Market], VenueKit]
) -> Callable[..., dict[str, Any]]:
    """Imports files and gives the document of `mm verify --json` for the run."""

    def document(market: Market, *files: Path) -> dict[str, Any]:
        return verify(imported(market, *files)[0], {market.venue: kit(market)}).to_json()

    return document
