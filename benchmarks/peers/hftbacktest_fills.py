"""What hftbacktest makes of a list of orders: its fills and refusals.

    python hftbacktest_fills.py FILE.npz ORDERS.npy TICK_SIZE LOT_SIZE ENTRY_NS RESPONSE_NS

Runs in an environment with hftbacktest (2.x). ORDERS has the columns ``at_ns, order, side, price, cancel``:
at that time place an order of one lot, post-only, at a price in ticks, or cancel it. Latency is constant,
the queue risk-averse, and nothing fills in part. Prints one JSON object: ``fills``, as order, venue time,
price in ticks and lots, and the orders that were ``refused``.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import version

import numpy as np
from hftbacktest import BUY, EXPIRED, FILLED, GTX, LIMIT, BacktestAsset, HashMapMarketDepthBacktest


def main(
    path: str, orders: str, tick_size: float, lot_size: float, entry_ns: int, response_ns: int
) -> dict[str, object]:
    """Carry the orders out."""
    with np.load(path) as file:
        data = file["data"]
    asset = (
        BacktestAsset()
        .data(data)
        .linear_asset(1.0)
        .constant_order_latency(entry_ns, response_ns)
        .risk_adverse_queue_model()
        .no_partial_fill_exchange()
        .trading_value_fee_model(0.0, 0.0)
        .tick_size(tick_size)
        .lot_size(lot_size)
        .last_trades_capacity(0)
    )
    backtest = HashMapMarketDepthBacktest([asset])
    backtest.elapse(1)
    numbers = []
    for at_ns, order, side, price, cancel in np.load(orders).tolist():
        if backtest.elapse(at_ns - backtest.current_timestamp):
            raise RuntimeError(f"the data ends before the order at {at_ns}")
        if cancel:
            known = backtest.orders(0).get(order)
            if known is not None and known.cancellable:
                backtest.cancel(0, order, False)
            continue
        submit = backtest.submit_buy_order if side == BUY else backtest.submit_sell_order
        submit(0, order, price * tick_size, lot_size, GTX, LIMIT, False)
        numbers.append(order)
    while not backtest.elapse(1_000_000_000):
        pass
    known = [backtest.orders(0).get(number) for number in numbers]
    told = {
        "version": version("hftbacktest"),
        "events": len(data),
        "fills": [
            [one.order_id, one.exch_timestamp, one.exec_price_tick, round(one.exec_qty / lot_size)]
            for one in known
            if one.status == FILLED
        ],
        "refused": [one.order_id for one in known if one.status == EXPIRED],
    }
    backtest.close()
    return told


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:3], *map(float, sys.argv[3:5]), *map(int, sys.argv[5:7]))))
