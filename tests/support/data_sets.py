"""Files in the true forms of Tardis and of Binance's public data, made from a seed."""

from __future__ import annotations

import gzip
import hashlib
import random
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

__all__ = [
    "AGG_HEADER",
    "BOOK_HEADER",
    "T0_US",
    "TICKER_HEADER",
    "TRADE_HEADER",
    "archive",
    "book_lines",
    "gz",
    "trade_lines",
]

BOOK_HEADER = "exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount"
TRADE_HEADER = "exchange,symbol,timestamp,local_timestamp,id,side,price,amount"
AGG_HEADER = "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker"
TICKER_HEADER = (
    "update_id,best_bid_price,best_bid_qty,best_ask_price,best_ask_qty,transaction_time,event_time"
)
T0_US = 1_700_006_400_000_000
"""2023-11-15, midnight."""


def book_lines(
    count: int,
    *,
    seed: int = 1,
    start_us: int = T0_US,
    symbol: str = "BTC-PERPETUAL",
    exchange: str = "deribit",
    snapshots: Sequence[int] = (0,),
) -> list[str]:
    """Lines of so many messages 1 ms apart; those of ``snapshots`` are whole books of ten levels a side."""
    rng, lines = random.Random(seed), []
    for number in range(count):
        local = start_us + number * 1000
        head = f"{exchange},{symbol},{local - 700},{local},{'true' if number in snapshots else 'false'}"
        if number in snapshots:
            lines += [f"{head},bid,{5000 - level / 2},{rng.randint(1, 99)}" for level in range(10)]
            lines += [f"{head},ask,{5000.5 + level / 2},{rng.randint(1, 99)}" for level in range(10)]
        else:
            for _ in range(rng.randint(1, 4)):
                side, level = rng.choice(
                    (("bid", 5000 - rng.randrange(10) / 2), ("ask", 5000.5 + rng.randrange(10) / 2))
                )
                lines.append(f"{head},{side},{level},{rng.choice((0, 0.5, 7, 12.25))}")
    return lines


def trade_lines(
    count: int, *, start_us: int = T0_US, symbol: str = "BTC-PERPETUAL", exchange: str = "deribit"
) -> list[str]:
    """One trade each millisecond, at the time of a message of `book_lines`."""
    return [
        f"{exchange},{symbol},{start_us + n * 1000 - 900},{start_us + n * 1000},{700 + n},"
        f"{('buy', 'sell', 'unknown')[n % 3]},5000.5,{n + 1}"
        for n in range(count)
    ]


def gz(path: Path, header: str, lines: Iterable[str]) -> Path:
    """A compressed CSV."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress("".join(f"{line}\n" for line in (header, *lines)).encode()))
    return path


def archive(
    folder: Path, name: str, lines: Iterable[str], *, header: str = "", checksum: bool = True
) -> Path:
    """``name``.zip with its CSV and, beside it, its ``.CHECKSUM``."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(f"{name}.csv", "".join(f"{line}\n" for line in (*([header] if header else []), *lines)))
    if checksum:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        path.with_name(f"{name}.zip.CHECKSUM").write_text(f"{digest}  {name}.zip\n")
    return path
