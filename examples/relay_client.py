"""A client of the relay that keeps the book of one instrument, and shows its best prices.

    mm serve relay --playback RUN
    python examples/relay_client.py kraken BTC/EUR
    python examples/relay_client.py binance BTCUSDC --url ws://127.0.0.1:8080/ws --token-file token.txt

It needs the library websockets and nothing of mm-framework. What to take over into a client of your own is
`Book`: when a book may be trusted, and when it must be asked for anew.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

SHOWN = ("snapshot", "diff", "trade", "event")


class Missed(Exception):
    """A change of the book was not heard: the book is wrong from here on."""


class Book:
    """The levels of both sides, price -> size. Trust them only while ``state`` is SYNCED."""

    def __init__(self) -> None:
        self.bids: dict[Decimal, Decimal] = {}
        self.asks: dict[Decimal, Decimal] = {}
        self.epoch = self.seq = -1
        self.state = "CONNECTING"

    def take(self, type: str, data: dict[str, Any]) -> None:
        """One message. Raises Missed for a diff that does not follow what is held."""
        if type == "snapshot":
            self.bids.clear()
            self.asks.clear()
            self.state = data["state"]
        elif type == "diff":
            if (data["epoch"], data["seq"]) != (self.epoch, self.seq + 1):
                raise Missed
        elif type == "event" and data["new"] is not None:
            self.state = data["new"]
        if type in ("snapshot", "diff"):
            self.epoch, self.seq = data["epoch"], data["seq"]
            self._change(self.bids, data["bids"])
            self._change(self.asks, data["asks"])

    def _change(self, side: dict[Decimal, Decimal], levels: list[list[str]]) -> None:
        for price, size in levels:
            if Decimal(size):
                side[Decimal(price)] = Decimal(size)
            else:
                side.pop(Decimal(price), None)

    def line(self) -> str:
        """The best prices, or why there are none."""
        if self.state != "SYNCED" or not self.bids or not self.asks:
            return f"no book, {self.state}"
        bid, ask = max(self.bids), min(self.asks)
        prices = f"{bid} x {self.bids[bid]}   {ask} x {self.asks[ask]}"
        return f"{prices}   spread {ask - bid}   epoch {self.epoch}"


def show(message: dict[str, Any], book: Book) -> str | None:
    """What is worth a line of a message, None when nothing is."""
    data = message["data"]
    match message["type"]:
        case "trade":
            return f"trade {data['side'] or ''} {data['size']} at {data['price']}"
        case "event":
            return " ".join(str(one) for one in (data["event"], data["new"], data["reason"]) if one)
        case "snapshot":
            return f"snapshot of {len(book.bids)} bids and {len(book.asks)} asks"
    return None


async def follow(url: str, token: str | None, most: int | None) -> None:
    """Until Ctrl-C, or ``most`` messages. A connection that is lost is opened again, later and later."""
    headers = {"Authorization": f"Bearer {token}"} if token else None
    left = most
    async for connection in connect(url, additional_headers=headers, max_size=None):
        book, last = Book(), ""
        try:
            async for text in connection:
                message = json.loads(text)
                book.take(message["type"], message["data"])
                line = show(message, book) or book.line()
                if line != last:
                    print(line, flush=True)
                last = line
                left = None if left is None else left - 1
                if left == 0:
                    return
        except ConnectionClosed as closed:
            print(f"connection lost: {closed}; opening it again", flush=True)
        except Missed:
            print("a message is missing; asking for the book anew", flush=True)


def main() -> None:
    """Read the command line and follow."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("exchange", help="such as kraken")
    parser.add_argument("symbol", help="such as BTC/EUR, or the venue's own name")
    parser.add_argument("--url", default="ws://127.0.0.1:8765/ws", help="the relay (default: %(default)s)")
    parser.add_argument("--token-file", type=Path, help="file of the token, where the server wants one")
    parser.add_argument("--messages", type=int, help="stop after so many messages")
    given = parser.parse_args()
    query = urlencode({"exchange": given.exchange, "symbol": given.symbol, "types": ",".join(SHOWN)})
    token = given.token_file.read_text().strip() if given.token_file else None
    try:
        asyncio.run(follow(f"{given.url}?{query}", token, given.messages))
    except KeyboardInterrupt:
        pass
    except BrokenPipeError:  # whoever read has gone, as in `| head`; nothing is left to be flushed
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
