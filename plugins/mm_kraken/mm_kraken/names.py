"""Kraken's names of one pair, and ours: ``kraken:BTC/EUR``.

WebSocket v2 says ``BTC/USD``; WebSocket v1 and REST ``wsname`` say ``XBT/USD``; REST keys and altnames
say ``XXBTZUSD`` and ``XBTUSD``. XBT is BTC and XDG is DOGE, as base and as quote; no other code differs
(docs.kraken.com, WebSocket v2 ``instrument`` and REST ``AssetPairs``, read 2026-11-21).
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["VENUE", "canonical", "rest_pair", "split_pair"]

VENUE: Final = "kraken"

_ALIASES: Final = {"XBT": "BTC", "XDG": "DOGE"}
_OLD_CODES: Final = {new: old for old, new in _ALIASES.items()}

# REST keys of the first years put X before coins and Z before national currencies.
_OLD_COINS: Final = "ETC|ETH|LTC|MLN|REP|XBT|XDG|XLM|XMR|XRP|ZEC"
_OLD_MONEY: Final = "AUD|CAD|EUR|GBP|JPY|USD"
_OLD_KEY: Final = re.compile(
    rf"(?:X({_OLD_COINS})|Z({_OLD_MONEY})|(USDT))(?:X({_OLD_COINS})|Z({_OLD_MONEY}))"
)

# The quotes that a name without a slash may end with; of two that fit, the longer one.
_QUOTES: Final = (
    "PYUSD", "RLUSD", "USDC", "USDT", "AED", "AUD", "BTC", "CAD", "CHF", "DAI", "DOT", "ETH", "EUR",
    "GBP", "JPY", "USD", "XBT",
)  # fmt: skip

# Tokenized assets end with a lower-case x (``AAPLx/USD``), which is part of their name.
_TOKENIZED: Final = re.compile(r"[A-Z0-9.]+x")


def canonical(name: str) -> str:
    """The WebSocket v2 name of a pair in any of its spellings and in any case: ``BTC/EUR``.

    A name without a slash whose quote cannot be told is returned in upper case.
    """
    pair = split_pair(name)
    return f"{pair[0]}/{pair[1]}" if pair else name.upper()


def rest_pair(name: str) -> str:
    """The altname that REST takes, of a pair in any of its spellings: ``XBTEUR``."""
    return "".join(_OLD_CODES.get(code, code) for code in split_pair(name) or (name,))


def split_pair(name: str) -> tuple[str, str] | None:
    """``("BTC", "EUR")`` of a pair in any of its spellings, None where the name does not tell."""
    base, slash, quote = name.partition("/")
    if not slash:
        pair = _split_joined(name.upper())
        if pair is None:
            return None
        base, quote = pair
    return _code(base), _code(quote)


def _split_joined(name: str) -> tuple[str, str] | None:
    old = _OLD_KEY.fullmatch(name)
    if old is not None:
        base, quote = (group for group in old.groups() if group)
        return base, quote
    for suffix in _QUOTES:
        if name.endswith(suffix) and len(name) > len(suffix):
            return name[: -len(suffix)], suffix
    return None


def _code(code: str) -> str:
    if _TOKENIZED.fullmatch(code):
        return code
    code = code.upper()
    return _ALIASES.get(code, code)
