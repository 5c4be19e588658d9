"""Binary markets, and the four forms in which the venue describes one.

    gamma     {"conditionId":"0x…","clobTokenIds":"[\\"6519…\\", \\"2829…\\"]","orderPriceMinTickSize":0.01,…}
    CLOB      {"condition_id":"0x…","tokens":[{"token_id":"1071…","outcome":"Yes"},…],…}
    compact   {"c":"0x…","t":[{"t":"6519…","o":"Yes"},…],"mts":0.001,"fd":{"r":0.05,"e":1,"to":true}}
    event     {"event_type":"new_market","market":"0x…","assets_ids":["11","12"],…}

gamma writes its lists as JSON inside a string. Each form raises msgspec.DecodeError or an MMError for what
is none of its kind. Source: docs.polymarket.com, gamma and CLOB reference and market channel, read
2026-11-21, and answers of 2026-05-17 and 2026-06-23.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Final, TypeAlias

import attrs
import msgspec
from msgspec import Raw

from mm_framework.contracts.normalizer import InstrumentInfo
from mm_framework.model.fixed import MAX_SCALE, decimals_of, parse, text
from mm_polymarket.fees import FeeSchedule
from mm_polymarket.names import NO, YES, is_token, outcome_symbol, yes_place

__all__ = ["Described", "Market", "clob", "compact", "gamma", "new_market"]

_NULL: Final = Raw(b"null")


@attrs.frozen
class Market:
    """A binary market: its condition, the tokens of its outcomes, what its books are like.

    Texts are exact decimals; None means that the answer did not say. ``tradable``: active, neither
    closed nor archived, with a book that accepts orders, as far as told. ``end``: its nominal end as written.
    """

    condition_id: str
    yes: str
    no: str
    outcomes: tuple[str, str] = ("Yes", "No")
    tick_size: str | None = None
    min_size: str | None = None
    neg_risk: bool | None = None
    tradable: bool = True
    slug: str = ""
    fees: FeeSchedule | None = None
    end: str | None = None

    @property
    def tokens(self) -> tuple[str, str]:
        """YES, then NO."""
        return self.yes, self.no

    def names(self) -> tuple[tuple[str, str], tuple[str, str]]:
        """``(token, symbol of our id)`` of both outcomes, YES first."""
        return (
            (self.yes, outcome_symbol(self.condition_id, YES)),
            (self.no, outcome_symbol(self.condition_id, NO)),
        )

    def infos(self) -> list[InstrumentInfo]:
        """The definitions of both tokens; ``base`` is the symbol of our id."""
        status = "active" if self.tradable else "closed"
        return [
            InstrumentInfo(token, symbol, "USD", tick_size=self.tick_size, status=status)
            for token, symbol in self.names()
        ]


Described: TypeAlias = tuple[Market | None, str | None]
"""A market, None without two tokens; and its nominal end as text, None where it is not told."""


class _GammaFees(msgspec.Struct, rename="camel"):
    rate: Raw = _NULL
    exponent: Raw = _NULL
    taker_only: bool = True
    rebate_rate: Raw = _NULL


class _Gamma(msgspec.Struct, rename="camel"):
    condition_id: str
    clob_token_ids: Raw
    outcomes: Raw = _NULL
    order_price_min_tick_size: Raw = _NULL
    order_min_size: Raw = _NULL
    active: bool | None = None
    closed: bool | None = None
    archived: bool | None = None
    enable_order_book: bool | None = None
    accepting_orders: bool | None = None
    neg_risk: bool | None = None
    slug: str | None = None
    end_date: str | None = None
    fees_enabled: bool | None = None
    fee_schedule: _GammaFees | None = None


def gamma(raw: Raw) -> Described:
    """An entry of gamma's ``/markets``."""
    told = msgspec.json.decode(raw, type=_Gamma)
    fees = None
    if told.fee_schedule is not None:
        one = told.fee_schedule
        fees = _schedule(one.rate, one.exponent, one.rebate_rate, taker_only=one.taker_only)
    elif told.fees_enabled is False:
        fees = FeeSchedule(Fraction(0))
    market = _binary(
        told.condition_id,
        _texts(told.clob_token_ids),
        _texts(told.outcomes),
        tick_size=_decimal(told.order_price_min_tick_size),
        min_size=_decimal(told.order_min_size),
        neg_risk=told.neg_risk,
        tradable=_tradable(told),
        slug=told.slug or "",
        fees=fees,
    )
    return market, told.end_date


class _Token(msgspec.Struct):
    token_id: str
    outcome: str = ""


class _Clob(msgspec.Struct):
    condition_id: str
    tokens: list[_Token]
    minimum_tick_size: Raw = _NULL
    minimum_order_size: Raw = _NULL
    active: bool | None = None
    closed: bool | None = None
    archived: bool | None = None
    enable_order_book: bool | None = None
    accepting_orders: bool | None = None
    neg_risk: bool | None = None
    market_slug: str | None = None
    end_date_iso: str | None = None


def clob(raw: Raw) -> Described:
    """An entry of CLOB's ``/markets``."""
    told = msgspec.json.decode(raw, type=_Clob)
    market = _binary(
        told.condition_id,
        [token.token_id for token in told.tokens],
        [token.outcome for token in told.tokens],
        tick_size=_decimal(told.minimum_tick_size),
        min_size=_decimal(told.minimum_order_size),
        neg_risk=told.neg_risk,
        tradable=_tradable(told),
        slug=told.market_slug or "",
    )
    return market, told.end_date_iso


class _CompactToken(msgspec.Struct):
    t: str
    o: str = ""


class _CompactFees(msgspec.Struct):
    r: Raw = _NULL
    e: Raw = _NULL
    to: bool = True


class _Compact(msgspec.Struct):
    c: str
    t: list[_CompactToken]
    mts: Raw = _NULL
    mos: Raw = _NULL
    nr: bool | None = None
    ao: bool | None = None
    fd: _CompactFees | None = None


def compact(raw: Raw) -> Described:
    """An answer of CLOB's ``/clob-markets/{condition}``."""
    told = msgspec.json.decode(raw, type=_Compact)
    fees = None
    if told.fd is not None:
        fees = _schedule(told.fd.r, told.fd.e, _NULL, taker_only=told.fd.to)
    market = _binary(
        told.c,
        [token.t for token in told.t],
        [token.o for token in told.t],
        tick_size=_decimal(told.mts),
        min_size=_decimal(told.mos),
        neg_risk=told.nr,
        tradable=told.ao is not False,
        fees=fees,
    )
    return market, None


class _NewFees(msgspec.Struct):
    rate: Raw = _NULL
    exponent: Raw = _NULL
    taker_only: bool = True
    rebate_rate: Raw = _NULL


class _New(msgspec.Struct):
    market: str = ""
    condition_id: str = ""
    assets_ids: list[str] = []
    clob_token_ids: list[str] = []
    outcomes: list[str] = []
    slug: str | None = None
    active: bool | None = None
    order_price_min_tick_size: Raw = _NULL
    fees_enabled: bool | None = None
    fee_schedule: _NewFees | None = None


def new_market(raw: bytes) -> Market | None:
    """The market of a ``new_market`` event, None without two tokens. Raises msgspec.ValidationError."""
    told = msgspec.json.decode(raw, type=_New)
    fees = None
    if told.fee_schedule is not None:
        one = told.fee_schedule
        fees = _schedule(one.rate, one.exponent, one.rebate_rate, taker_only=one.taker_only)
    return _binary(
        told.condition_id or told.market,
        told.clob_token_ids or told.assets_ids,
        told.outcomes,
        tick_size=_decimal(told.order_price_min_tick_size),
        tradable=told.active is not False,
        slug=told.slug or "",
        fees=fees,
    )


def _binary(condition_id: str, tokens: Sequence[str], outcomes: Sequence[str], **more: Any) -> Market | None:
    if not condition_id or len(tokens) != 2 or len(set(tokens)) != 2 or not all(map(is_token, tokens)):
        return None
    named = tuple(outcomes) if len(outcomes) == 2 else ("Yes", "No")
    first = yes_place(named)
    return Market(
        condition_id,
        tokens[first],
        tokens[1 - first],
        (named[first], named[1 - first]),
        **more,
    )


def _tradable(told: _Gamma | _Clob) -> bool:
    """``active`` stays true on closed markets, so it is not enough."""
    bad = told.closed or told.archived
    return not bad and False not in (told.active, told.enable_order_book, told.accepting_orders)


def _schedule(rate: Raw, exponent: Raw, rebate: Raw, *, taker_only: bool) -> FeeSchedule | None:
    rate_text, exponent_text = _decimal(rate), _decimal(exponent) or "1"
    if rate_text is None:
        return None
    share = Fraction(_decimal(rebate) or "0")
    if not exponent_text.isdecimal():
        return None  # no formula of ours
    return FeeSchedule(Fraction(rate_text), int(exponent_text), taker_only, share)


def _texts(token: Raw) -> list[str]:
    """A list of texts, which may stand inside a JSON string; empty where it is not told."""
    written = bytes(token)
    if written[:1] == b'"':
        written = msgspec.json.decode(written, type=str).encode()
    return [] if written in (b"null", b"") else msgspec.json.decode(written, type=list[str])


def _decimal(token: Raw) -> str | None:
    """A number or a text of one as plain decimal text (``1e-04`` is ``0.0001``), None where not told."""
    written = bytes(token).decode().strip('"')
    if written in ("null", ""):
        return None
    scale = min(decimals_of(written), MAX_SCALE)
    return text(parse(written, scale), scale)
