"""nautilus_trader's ParquetDataCatalog: runs in the peer's environment, prints one JSON line.

    python nautilus_catalog.py LEVELS.npy FOLDER

``LEVELS.npy`` holds levels as int64: receive time, venue time, number of the message, price and size at the
scales of their decimals (2 and 5), side, whether it is the last of its message. They are made
`OrderBookDelta` objects first, unmeasured; then the catalog writes and reads them.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np
from nautilus_trader.model.data import BookOrder, OrderBookDelta
from nautilus_trader.model.enums import BookAction, OrderSide, RecordFlag
from nautilus_trader.model.identifiers import InstrumentId
from nautilus_trader.model.objects import Price, Quantity
from nautilus_trader.persistence.catalog import ParquetDataCatalog


def main(levels: Path, folder: Path) -> None:
    """Measure and print."""
    rows = np.load(levels).tolist()
    instrument = InstrumentId.from_str("BTCUSDT.BINANCE")
    catalog = ParquetDataCatalog(str(folder))
    write = _written(catalog, [_delta(instrument, *row) for row in rows])
    found: list[object] = []
    read = _rate(len(rows), lambda: found.extend(catalog.order_book_deltas()))
    if len(found) != len(rows):
        raise RuntimeError(f"{len(found)} deltas came back")
    size = sum(path.stat().st_size for path in folder.rglob("*.parquet"))
    write["facts"] = {"bytes_a_row": size / len(found)}
    print(
        json.dumps(
            {
                "figures": {"levels_write": write, "levels_read": read},
                "peak_mib": _peak_mib(),
                "version": f"nautilus_trader {version('nautilus_trader')}",
            }
        )
    )


def _written(catalog: ParquetDataCatalog, deltas: list[OrderBookDelta]) -> dict[str, object]:
    return _rate(len(deltas), lambda: catalog.write_data(deltas))


def _peak_mib() -> float:
    """As in `store_worker`; the objects are most of it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(round(int(line.split()[1]) / 1024, 1) for line in lines if line.startswith("VmHWM"))


def _rate(rows: int, work: Callable[[], object]) -> dict[str, object]:
    start, cpu_start = time.perf_counter(), time.process_time()
    work()
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
    return {"unit": "rows/s", "value": rows / seconds, "cpu": rows / cpu_seconds, "facts": {}}


def _delta(
    instrument: InstrumentId,
    ts_recv: int,
    ts_venue: int,
    seq: int,
    price: int,
    size: int,
    side: int,
    last: int,
) -> OrderBookDelta:
    order = BookOrder(
        OrderSide.BUY if side > 0 else OrderSide.SELL,
        Price(price / 100, 2),
        Quantity(size / 100_000, 5),
        0,
    )
    action = BookAction.UPDATE if size else BookAction.DELETE
    flags = RecordFlag.F_LAST if last else 0
    return OrderBookDelta(instrument, action, order, flags, seq, ts_venue, ts_recv)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
