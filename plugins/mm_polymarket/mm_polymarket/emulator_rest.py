"""REST of the Polymarket emulator: CLOB books, markets and prices; gamma behind ``/gamma``; trades.

    /book /tick-size /prices-history /markets /markets/{condition} /clob-markets/{condition} /time
    /gamma/markets /gamma/events        /trades (of the data host)

Source: docs.polymarket.com, CLOB and gamma reference, read 2026-11-21; keys as in answers of 2026-05-17
and 2026-06-23. What a market may have that no book needs (pictures, volumes, rewards) is left out.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final

import msgspec

from mm_framework.contracts.emulator import HttpReply
from mm_framework.emulator.history import Told
from mm_framework.model.events import ASK, BID
from mm_polymarket.emulator_frames import MarketFrames
from mm_polymarket.emulator_listings import MIN_SIZE

__all__ = ["answer", "refusal"]

PAGE: Final = 100
MAX_OFFSET: Final = 10_000
MAX_SAMPLES: Final = 50_000

_SECOND: Final = 1_000_000_000
_DAY: Final = 86_400
_END: Final = "LTE="
_MINUTE: Final = 60
_INTERVALS_S: Final = {
    "1h": 3600,
    "6h": 6 * 3600,
    "1d": _DAY,
    "1w": 7 * _DAY,
    "1m": 30 * _DAY,
    "max": 30 * _DAY,
    "all": 30 * _DAY,
}


def answer(
    by_token: Mapping[str, MarketFrames], wall_ns: int, method: str, path: str, query: Mapping[str, str]
) -> HttpReply:
    """The reply to a request."""
    if method != "GET":
        return _error(405, "Method not allowed")
    markets = list(dict.fromkeys(by_token.values()))
    head, _, name = path.strip("/").partition("/")
    one: Mapping[str, Callable[[], HttpReply]] = {
        "time": lambda: _reply(wall_ns // _SECOND),
        "book": lambda: _book(by_token, query),
        "tick-size": lambda: _tick_size(by_token, query),
        "trades": lambda: _trades(markets, query),
        "prices-history": lambda: _history(by_token, query, wall_ns),
        "markets": lambda: _clob_market(markets, name) if name else _clob_page(markets, query),
        "clob-markets": lambda: _compact_market(markets, name),
        "gamma": lambda: _gamma(markets, name, query, wall_ns),
    }
    return one[head]() if head in one else _error(404, "404 page not found")


def refusal(status: int, wait_s: int) -> HttpReply:
    """Too many requests, with the seconds to wait, or a failure."""
    told = _error(status, "Too many requests" if wait_s else "Service temporarily unavailable")
    headers = (*told.headers, ("Retry-After", str(wait_s))) if wait_s else told.headers
    return HttpReply(HTTPStatus.TOO_MANY_REQUESTS if wait_s else status, told.body, headers)


def _book(by_token: Mapping[str, MarketFrames], query: Mapping[str, str]) -> HttpReply:
    token = query.get("token_id", "")
    if token not in by_token or by_token[token].closed:
        return _error(404, "No orderbook exists for the requested token id")
    return HttpReply(200, by_token[token].rest_book(token).encode())


def _tick_size(by_token: Mapping[str, MarketFrames], query: Mapping[str, str]) -> HttpReply:
    token = query.get("token_id", "")
    if token not in by_token:
        return _error(404, "market not found")
    return _reply({"minimum_tick_size": float(by_token[token].tick)})


def _history(by_token: Mapping[str, MarketFrames], query: Mapping[str, str], wall_ns: int) -> HttpReply:
    """Midpoints each ``fidelity`` minutes, between two seconds or of an ``interval`` that ends now."""
    token = query.get("market", "")
    if token not in by_token:
        return _error(404, "market not found")
    interval = query.get("interval")
    if interval is not None and interval not in _INTERVALS_S:
        return _error(400, "invalid filters: 'interval' is invalid")
    fidelity = query.get("fidelity", "1")
    step = _MINUTE * (int(fidelity) if fidelity.isdecimal() and int(fidelity) else 1)
    now = wall_ns // _SECOND
    begin = now - _INTERVALS_S[interval or "1d"]
    bounds = [query.get(name, "") for name in ("startTs", "endTs")]
    first, last = (
        int(told) if told.isdecimal() else usual for told, usual in zip(bounds, (begin, now), strict=True)
    )
    times = range(first, min(last, now) + 1, step)[:MAX_SAMPLES]
    return _reply({"history": [{"t": at, "p": round(by_token[token].middle(token, at), 5)} for at in times]})


def _trades(markets: Sequence[MarketFrames], query: Mapping[str, str]) -> HttpReply:
    """The takers' side of the last trades, newest first; numbers are numbers here, times are seconds."""
    asked = {"limit": str(PAGE), "offset": "0", "start": "0", "end": str(2**63)} | dict(query)
    if not all(asked[name].isdecimal() for name in ("limit", "offset", "start", "end")):
        return _error(400, "invalid query parameters")
    limit, offset, start, end = (int(asked[name]) for name in ("limit", "offset", "start", "end"))
    if offset > MAX_OFFSET:
        return _error(400, "max historical activity offset of 10000 exceeded")
    wanted = query.get("market", "").split(",")
    chosen = [one for one in markets if "market" not in query or one.condition_id in wanted]
    rows = [_trade(one, told) for one in chosen for told in reversed(one.history.trades)]
    rows = [row for row in rows if start <= row["timestamp"] <= end]
    rows.sort(key=lambda row: row["timestamp"], reverse=True)
    return _reply(rows[offset:][: min(limit, MAX_OFFSET)])


def _trade(one: MarketFrames, told: Told) -> dict[str, Any]:
    made = told.made
    return {
        "proxyWallet": f"0x{made.trade_id:040x}",
        "side": "BUY" if made.side > 0 else "SELL",
        "asset": one.yes.token,
        "conditionId": one.condition_id,
        "size": float(one.yes.size(made.size)),
        "price": float(one.yes.price(made.price)),
        "timestamp": told.time_ns // _SECOND,
        "title": _question(one),
        "slug": one.identity.slug,
        "outcome": one.identity.market.outcomes[0],
        "outcomeIndex": 0,
        "transactionHash": one.transaction(made),
    }


def _question(one: MarketFrames) -> str:
    return f"{one.identity.slug.replace('-', ' ').capitalize()}?"


def _clob_page(markets: Sequence[MarketFrames], query: Mapping[str, str]) -> HttpReply:
    try:
        offset = int(base64.b64decode(query.get("next_cursor") or "MA==", validate=True))
    except ValueError:
        return _error(400, "next item should be greater than or equal to 0")
    shown = markets[max(0, offset) : offset + PAGE] if offset >= 0 else []
    following = base64.b64encode(str(offset + PAGE).encode()).decode()
    return _reply(
        {
            "data": [_clob(one) for one in shown],
            "next_cursor": following if offset + PAGE < len(markets) else _END,
            "limit": PAGE,
            "count": len(shown),
        }
    )


def _clob_market(markets: Sequence[MarketFrames], condition: str) -> HttpReply:
    found = _find(markets, condition)
    return _error(404, "market not found") if found is None else _reply(_clob(found))


def _compact_market(markets: Sequence[MarketFrames], condition: str) -> HttpReply:
    found = _find(markets, condition)
    if found is None:
        return _error(404, "market not found")
    market = found.identity.market
    return _reply(
        {
            "t": [
                {"t": token, "o": name} for token, name in zip(market.tokens, market.outcomes, strict=True)
            ],
            "c": market.condition_id,
            "mos": int(MIN_SIZE),
            "mts": float(found.tick),
            "mbf": 1000,
            "tbf": 1000,
            "ao": True,
            "nr": False,
            "cbos": True,
            "fd": {"r": 0.05, "e": 1, "to": True},
        }
    )


def _gamma(markets: Sequence[MarketFrames], path: str, query: Mapping[str, str], wall_ns: int) -> HttpReply:
    """Lists of markets, or of events with one market each; the limit is 100, whatever is asked for."""
    if path not in ("markets", "events"):
        return _error(404, "not found")
    numbers = [query.get("offset", "0"), query.get("limit", str(PAGE))]
    if not all(number.isdecimal() for number in numbers) or int(numbers[0]) > MAX_OFFSET:
        return _error(422, "offset is too large, use keyset pagination")
    end = f"{datetime.fromtimestamp(wall_ns // _SECOND // _DAY * _DAY + 30 * _DAY, UTC):%Y-%m-%dT%H:%M:%SZ}"
    offset, limit = int(numbers[0]), min(PAGE, int(numbers[1]))
    closed, token = query.get("closed"), query.get("clob_token_ids")
    rows = [
        _gamma_market(one, number, end)
        for number, one in enumerate(markets, 500_000)
        if (closed is None or one.closed == (closed == "true")) and (token is None or token in one.tokens)
    ]
    rows = [row for row in rows if row["endDate"] >= query.get("end_date_min", "")][offset : offset + limit]
    if path == "events":
        return _reply(
            [
                {"id": row["id"], "slug": row["slug"], "title": row["question"], "markets": [row]}
                for row in rows
            ]
        )
    return _reply(rows)


def _find(markets: Sequence[MarketFrames], condition: str) -> MarketFrames | None:
    return next((one for one in markets if one.condition_id == condition), None)


def _clob(one: MarketFrames) -> dict[str, Any]:
    market = one.identity.market
    return {
        "enable_order_book": True,
        "active": True,
        "closed": one.closed,
        "archived": False,
        "accepting_orders": not one.closed,
        "accepting_order_timestamp": None,
        "minimum_order_size": int(MIN_SIZE),
        "minimum_tick_size": float(one.tick),
        "condition_id": market.condition_id,
        "question_id": f"0x{market.condition_id[:1:-1]}",
        "question": _question(one),
        "description": "An emulated market.",
        "market_slug": one.identity.slug,
        "end_date_iso": None,
        "game_start_time": None,
        "seconds_delay": 0,
        "maker_base_fee": 0,
        "taker_base_fee": 0,
        "notifications_enabled": True,
        "neg_risk": False,
        "neg_risk_market_id": "",
        "neg_risk_request_id": "",
        "is_50_50_outcome": False,
        "tokens": [
            {
                "token_id": token,
                "outcome": name,
                "price": float(one.tokens[token].best(BID)),
                "winner": one.closed and one.winner == token,
            }
            for token, name in zip(market.tokens, market.outcomes, strict=True)
        ],
        "tags": ["All"],
    }


def _gamma_market(one: MarketFrames, number: int, end: str) -> dict[str, Any]:
    market, yes = one.identity.market, one.yes
    return {
        "id": str(number),
        "question": _question(one),
        "conditionId": market.condition_id,
        "slug": one.identity.slug,
        "endDate": end,
        "description": "An emulated market.",
        "outcomes": _inside(market.outcomes),
        "outcomePrices": _inside([one.tokens[token].best(BID) for token in market.tokens]),
        "active": True,
        "closed": one.closed,
        "archived": False,
        "enableOrderBook": not one.closed,
        "orderPriceMinTickSize": float(one.tick),
        "orderMinSize": int(MIN_SIZE),
        "clobTokenIds": _inside(market.tokens),
        "makerBaseFee": 1000,
        "takerBaseFee": 1000,
        "acceptingOrders": not one.closed,
        "negRisk": False,
        "spread": float(yes.spread()),
        "bestBid": float(yes.best(BID)),
        "bestAsk": float(yes.best(ASK)),
        "feesEnabled": True,
        "feeType": "general_fees",
        "feeSchedule": {"exponent": 1, "rate": 0.05, "takerOnly": True, "rebateRate": 0.25},
    }


def _inside(values: Sequence[str]) -> str:
    """A list as JSON in a string, with a space after each comma, as the venue writes it."""
    return "[" + ", ".join(f'"{value}"' for value in values) + "]"


def _reply(result: object) -> HttpReply:
    return HttpReply(200, msgspec.json.encode(result))


def _error(status: int, message: str) -> HttpReply:
    return HttpReply(status, msgspec.json.encode({"error": message}))
