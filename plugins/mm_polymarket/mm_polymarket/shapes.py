"""The hot frames as data, for the core's compiled scanner: they say what `market_data` says of them.

    {"market":"0x5f65…","timestamp":"1757908892351","event_type":"price_change","price_changes":[
     {"asset_id":"7132…","price":"0.5","size":"200","side":"BUY","hash":"5662…","best_bid":"0.5","best_ask":"1"},…]}

Left out, and read there: lists of events, whole books, price changes of one level without a list (2024),
definitions, all else.
"""

from __future__ import annotations

from typing import Final

from mm_framework.contracts.shapes import (
    Choice,
    Digest,
    Literal,
    Maybe,
    Message,
    Node,
    Object,
    Other,
    Price,
    Row,
    Rows,
    Shape,
    Size,
    Symbol,
    Text,
    Time,
)
from mm_framework.model.events import ASK, BID

__all__ = ["SHAPES"]

_NO_PRICE: Final = ("", "0", "1")
"""A best price that stands for an empty side."""


def _side() -> Choice:
    return Choice("side", {"BUY": BID, "SELL": ASK})


def _level() -> dict[str, Node]:
    return {"price": Price(quoted=True), "size": Size(quoted=True), "side": _side()}


def _price_change(more: dict[str, Node], others: tuple[str, ...]) -> Object:
    return Object(
        {
            "event_type": Literal(("price_change",)),
            "market": Maybe(Text("market")),
            "timestamp": Time("ms", quoted=True, kept=True),
            **more,
            **{key: Maybe(Other()) for key in others},
        }
    )


def _of_tokens() -> Shape:
    """Since 2025-09-15: entries for both tokens of a market."""
    entry = {
        "asset_id": Symbol(),
        **_level(),
        "hash": Maybe(Digest()),
        "best_bid": Maybe(Text()),
        "best_ask": Maybe(Text()),
    }
    body = _price_change(
        {"price_changes": Rows(Object(entry))},
        ("asset_id", "hash", "changes", "price", "size", "side"),
    )
    return Shape("book", "book", Message(body, split=True), '{"market":"0x')


def _of_one_token() -> Shape:
    """Before: a list of changes of one token."""
    body = _price_change(
        {"asset_id": Symbol(), "hash": Maybe(Digest()), "changes": Rows(Object(_level()))},
        ("price_changes", "price", "size", "side"),
    )
    return Shape("book", "book", Message(body), '{"asset_id":"')


def _trade() -> Shape:
    print_ = Object(
        {
            "event_type": Literal(("last_trade_price",)),
            "asset_id": Symbol(),
            **_level(),
            "timestamp": Time("ms", of="row", quoted=True),
        }
    )
    return Shape("last_trade_price", "trade", Message(Row(print_)), '{"asset_id":"')


def _best() -> Shape:
    tops = Object(
        {
            "event_type": Literal(("best_bid_ask",)),
            "asset_id": Symbol(),
            "best_bid": Price(quoted=True, side=BID, none=_NO_PRICE),
            "best_ask": Price(quoted=True, side=ASK, none=_NO_PRICE),
            "timestamp": Time("ms", quoted=True),
        }
    )
    return Shape("best_bid_ask", "ticker", Message(tops), '{"event_type":"best')


SHAPES: Final = (_of_tokens(), _of_one_token(), _trade(), _best())
