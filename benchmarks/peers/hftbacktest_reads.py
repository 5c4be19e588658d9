"""Whether hftbacktest takes a file of ``mm export --to hftbacktest``: its own check, then a backtest.

    python hftbacktest_reads.py FILE.npz TICK_SIZE LOT_SIZE

Runs in an environment with hftbacktest (2.x). Prints one JSON object: rows, the best prices that the
backtest's local book ends with, whether an order rested and was cancelled along the way.
"""

from __future__ import annotations

import json
import sys

import numpy as np
from hftbacktest import (
    GTX,
    LIMIT,
    BacktestAsset,
    HashMapMarketDepthBacktest,
)
from hftbacktest.data import validate_event_order

STEP_NS = 1_000_000_000
CONTINUES, ENDED = 0, 1


def main(path: str, tick_size: float, lot_size: float) -> dict[str, object]:
    """Read, check and run one file."""
    with np.load(path) as file:
        data = file["data"]
    validate_event_order(data)
    asset = (
        BacktestAsset()
        .data(data)
        .linear_asset(1.0)
        .constant_order_latency(1_000_000, 1_000_000)
        .risk_adverse_queue_model()
        .no_partial_fill_exchange()
        .trading_value_fee_model(0.0, 0.0)
        .tick_size(tick_size)
        .lot_size(lot_size)
    )
    backtest = HashMapMarketDepthBacktest([asset])
    rested = trade(backtest, tick_size, lot_size)
    depth = backtest.depth(0)
    result = {
        "rows": len(data),
        "best_bid": depth.best_bid,
        "best_ask": depth.best_ask,
        "bid_qty": depth.best_bid_qty,
        "ask_qty": depth.best_ask_qty,
        "rested": rested,
    }
    backtest.close()
    return result


def trade(backtest: HashMapMarketDepthBacktest, tick_size: float, lot_size: float) -> bool:
    """Place a bid deep in the book each second, cancel it the next; whether one was accepted."""
    number, rested = 0, False
    while backtest.elapse(STEP_NS) == CONTINUES:
        best_bid = backtest.depth(0).best_bid
        if np.isnan(best_bid):
            continue
        if number:
            order = backtest.orders(0).get(number)
            rested = rested or (order is not None and order.cancellable)
            if order is not None and order.cancellable:
                backtest.cancel(0, number, True)
            backtest.clear_inactive_orders(0)
        number += 1
        price = round(best_bid / tick_size - 5) * tick_size
        backtest.submit_buy_order(0, number, price, lot_size, GTX, LIMIT, True)
    return rested


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], float(sys.argv[2]), float(sys.argv[3]))))
