"""How fast nautilus_trader plays rows: with nobody awake, and with a market maker awake on every event.

    python nautilus_speed.py ROWS.npy PRICE_DECIMALS SIZE_DECIMALS LOT LATENCY_NS

Runs in an environment with nautilus_trader (1.x). ROWS has int64 columns ``ts_recv, ts_venue, seq, kind,
side, price, size, last``: kind 0 is a level, 1 a print, 2 a book that is dropped; price and size are integers
of so many decimals, LOT is one of size. They are made objects of nautilus first, unmeasured: an
`OrderBookDeltas` a message, a `TradeTick` a print; the engine is made and its data sorted unmeasured, too. It
compiles nothing while it runs, so each run is made once. Prints one JSON object: the version, and for
``empty`` and ``every`` seconds of wall and of processor time, times awake, orders sent and fills.
"""

from __future__ import annotations

import json
import sys
import time
from importlib.metadata import version
from typing import Any

import numpy as np
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.backtest.models import LatencyModel
from nautilus_trader.config import LoggingConfig, RiskEngineConfig, StrategyConfig
from nautilus_trader.model.currencies import BTC, USDT
from nautilus_trader.model.data import BookOrder, OrderBookDelta, OrderBookDeltas, TradeTick
from nautilus_trader.model.enums import (
    AccountType,
    AggressorSide,
    BookAction,
    BookType,
    OmsType,
    OrderSide,
    RecordFlag,
)
from nautilus_trader.model.identifiers import InstrumentId, Symbol, TradeId, Venue
from nautilus_trader.model.instruments import CurrencyPair
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.trading.strategy import Strategy

LEVEL, PRINT, DROPPED = 0, 1, 2
VENUE = Venue("BENCH")
BTCUSDT = InstrumentId(Symbol("BTCUSDT"), VENUE)
RICH = 1_000_000


class Empty(Strategy):
    """Asks for nothing and is never woken."""

    awake = sent = fills = 0


class Every(Strategy):
    """Keep one order at the best price of each side."""

    def __init__(self, config: StrategyConfig) -> None:
        super().__init__(config)
        self.awake = self.sent = self.fills = 0
        self.quotes: dict[OrderSide, tuple[Price, Any]] = {}

    def on_start(self) -> None:
        instrument = self.cache.instrument(BTCUSDT)
        self.lot = instrument.size_increment
        self.subscribe_order_book_deltas(BTCUSDT, book_type=BookType.L2_MBP)
        self.subscribe_trade_ticks(BTCUSDT)

    def on_order_book_deltas(self, deltas: OrderBookDeltas) -> None:
        self.look()

    def on_trade_tick(self, tick: TradeTick) -> None:
        self.look()

    def on_order_filled(self, event: Any) -> None:
        self.fills += 1

    def look(self) -> None:
        """Move what no longer stands at the best price."""
        self.awake += 1
        book = self.cache.order_book(BTCUSDT)
        bid, ask = book.best_bid_price(), book.best_ask_price()
        if bid is None or ask is None:
            return
        self.quote(OrderSide.BUY, bid)
        self.quote(OrderSide.SELL, ask)

    def quote(self, side: OrderSide, best: Price) -> None:
        """One order at this price."""
        price, order = self.quotes.get(side, (None, None))
        if price == best:
            return
        if order is not None and not order.is_closed:
            self.cancel_order(order)
        order = self.order_factory.limit(BTCUSDT, side, self.lot, best, post_only=True)
        self.quotes[side] = best, order
        self.sent += 1
        self.submit_order(order)


def instrument(price_decimals: int, size_decimals: int, lot: int) -> CurrencyPair:
    """One that any price and size of the rows fits, without fees."""
    return CurrencyPair(
        BTCUSDT,
        Symbol("BTCUSDT"),
        BTC,
        USDT,
        price_decimals,
        size_decimals,
        Price(10**-price_decimals, price_decimals),
        Quantity(lot * 10**-size_decimals, size_decimals),
        0,
        0,
    )


def objects(rows: Any, price_decimals: int, size_decimals: int) -> tuple[list[Any], list[Any]]:
    """What nautilus plays, in the order of receipt: updates of the book, and prints."""
    made: list[Any] = []
    prints: list[Any] = []
    deltas: list[OrderBookDelta] = []
    for ts_recv, ts_venue, seq, kind, side, price, size, last in rows:
        if kind == DROPPED:
            deltas.append(OrderBookDelta.clear(BTCUSDT, seq, ts_venue, ts_recv))
        else:
            at = Price(price / 10**price_decimals, price_decimals)
            amount = Quantity(size / 10**size_decimals, size_decimals)
        if kind == PRINT:
            taker = AggressorSide.BUYER if side > 0 else AggressorSide.SELLER
            prints.append(TradeTick(BTCUSDT, at, amount, taker, TradeId(str(seq)), ts_venue, ts_recv))
        elif kind == LEVEL:
            order = BookOrder(OrderSide.BUY if side > 0 else OrderSide.SELL, at, amount, 0)
            action = BookAction.UPDATE if size else BookAction.DELETE
            flags = RecordFlag.F_LAST if last else 0
            deltas.append(OrderBookDelta(BTCUSDT, action, order, flags, seq, ts_venue, ts_recv))
        if last and deltas:
            made.append(OrderBookDeltas(BTCUSDT, deltas))
            deltas = []
    return made, prints


def play(strategy: Any, traded: CurrencyPair, data: tuple[list[Any], ...], latency_ns: int) -> dict[str, Any]:
    """One run. Its log, its checks of risk and its analysis afterwards are off."""
    config = BacktestEngineConfig(
        logging=LoggingConfig(bypass_logging=True),
        risk_engine=RiskEngineConfig(bypass=True),
        run_analysis=False,
    )
    engine = BacktestEngine(config)
    engine.add_venue(
        VENUE,
        OmsType.NETTING,
        AccountType.CASH,
        [Money(RICH, USDT), Money(RICH, BTC)],
        book_type=BookType.L2_MBP,
        latency_model=LatencyModel(latency_ns),
    )
    engine.add_instrument(traded)
    for one in data:
        engine.add_data(one)
    engine.add_strategy(strategy)
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    engine.run()
    told = {
        "seconds": time.perf_counter() - wall_s,
        "cpu_seconds": time.process_time() - cpu_s,
        "awake": strategy.awake,
        "orders": strategy.sent,
        "fills": strategy.fills,
    }
    engine.dispose()
    return told


def main(path: str, price_decimals: int, size_decimals: int, lot: int, latency_ns: int) -> dict[str, Any]:
    """Both runs."""
    traded = instrument(price_decimals, size_decimals, lot)
    data = objects(np.load(path).tolist(), price_decimals, size_decimals)
    runs = {
        name: play(kind(StrategyConfig(strategy_id=name)), traded, data, latency_ns)
        for name, kind in (("empty", Empty), ("every", Every))
    }
    return {
        "version": f"nautilus_trader {version('nautilus_trader')}",
        "objects": sum(map(len, data)),
        **runs,
    }


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], *map(int, sys.argv[2:6]))))
