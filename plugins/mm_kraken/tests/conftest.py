"""A writer that keeps what a normalizer writes; Kraken's kit; recordings, imported and verified."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mm_framework.bundle.importer import ImportRequest, import_recording
from mm_framework.bundle.run import open_run
from mm_framework.bundle.verify import verify
from mm_framework.contracts.normalizer import ConnectionInfo, Control, FrameClass
from mm_framework.emulator.settings import MarketSettings
from mm_framework.feed import VenueKit
from mm_framework.model.events import NULL
from mm_framework.testing.recordings import Recorded, record
from mm_kraken.adapter import KrakenAdapter
from mm_kraken.emulator import KrakenDialect
from mm_kraken.normalizer import KrakenNormalizer
from mm_kraken.sync import RULES


class KeepingWriter:
    """Implements `MessageWriter`: ``messages`` are dicts in order, ``controls`` the events."""

    def __init__(self, followed: Callable[[str], bool] = lambda symbol: True) -> None:
        self.followed = followed
        self.messages: list[dict[str, Any]] = []
        self.controls: list[Control] = []

    def begin(self, channel: str, carries: str, venue_symbol: str, *, snapshot: bool = False) -> bool:
        if not self.followed(venue_symbol):
            return False
        self.messages.append({"channel": channel, "symbol": venue_symbol, "snapshot": snapshot, "rows": []})
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

    def control(self, event: Control) -> None:
        self.controls.append(event)


@pytest.fixture(scope="session")
def new_writer() -> type[KeepingWriter]:
    """The class, for tests that need several writers."""
    return KeepingWriter


@pytest.fixture
def writer() -> KeepingWriter:
    return KeepingWriter()


@pytest.fixture
def decode(writer: KeepingWriter) -> Callable[[str | bytes], FrameClass]:
    """Decodes one frame into ``writer``; returns its class."""

    def run(frame: str | bytes) -> FrameClass:
        raw = frame.encode() if isinstance(frame, str) else frame
        return KrakenNormalizer().decode(raw, ConnectionInfo(0, ""), writer)

    return run


@pytest.fixture(scope="session")
def kit() -> VenueKit:
    """Kraken, as `Feed` is given it."""
    return VenueKit(KrakenAdapter(), KrakenNormalizer(), RULES)


@pytest.fixture(scope="session")
def emulated() -> list[Recorded]:
    """A few seconds of two emulated pairs: book of depth 25, trades, ticker."""
    return record(
        KrakenAdapter(),
        KrakenDialect(),
        ["kraken:BTC/EUR", "kraken:ADA/EUR"],
        depth=25,
        seconds=8,
        seed=7,
        market=MarketSettings(rate=60.0, levels=60),
    )


@pytest.fixture
def verified(tmp_path: Path, kit: VenueKit) -> Callable[..., dict[str, Any]]:
    """Imports files and gives the document of `mm verify --json` for the run."""
    runs = 0

    def run(*files: Path, **options: Any) -> dict[str, Any]:
        nonlocal runs
        runs += 1
        request = ImportRequest(files, "kraken", tmp_path / "runs" / f"run{runs}", **options)
        import_recording(request, kit, created="2026-11-21T00:00:00Z", made_by="test")
        return verify(open_run(request.out), {"kraken": kit}).to_json()

    return run
