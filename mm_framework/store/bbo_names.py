"""Which instrument a symbol of a file of best prices is.

The user says it; else the session file beside the CSV does; else the venue is the beginning of the file's
name, ``kraken_bbo_...``, and the symbol is the venue's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from mm_framework.errors import ConfigError
from mm_framework.model.instrument import parse_id

__all__ = ["instrument_ids", "parse_names"]

ANY: Final = ""
"""The symbol that stands for all that are not named."""

_NAMED = re.compile(r"([a-z][a-z0-9-]*)_bbo_")


def parse_names(given: Sequence[str]) -> dict[str, str]:
    """``--instrument`` as symbol -> id: ``BTCUSDT=binance:BTC/USDT``, ``kraken:BTC/EUR``, ``kraken:*``.

    Raises ConfigError.
    """
    names: dict[str, str] = {}
    for one in given:
        symbol, equals, instrument = one.rpartition("=")
        parse_id(instrument)
        if symbol in names or (equals and not symbol):
            raise ConfigError(
                f"--instrument {one!r} cannot be used: give SYMBOL=ID once for each symbol, or one ID",
                key="instrument",
                value=one,
            )
        names[symbol] = instrument
    return names


def instrument_ids(path: Path, symbols: Sequence[str], given: Mapping[str, str]) -> dict[str, str]:
    """Symbol -> instrument id. Raises ConfigError when nobody says it, or two would be one."""
    told = _told_beside(path, symbols)
    named = _NAMED.match(path.name)
    found: dict[str, str] = {}
    for symbol in symbols:
        one = given.get(symbol) or _of_any(given, symbol, symbols) or told.get(symbol)
        if one is None and named is not None:
            one = f"{named[1]}:{symbol}"
        if one is None:
            raise ConfigError(
                f"{path} does not say which venue {symbol!r} is of: name it with --instrument VENUE:SYMBOL,"
                f" or --instrument '{symbol}=VENUE:SYMBOL'",
                key="instrument",
            )
        parse_id(one)
        if one in found.values():
            raise ConfigError(f"two symbols of {path} would be {one}", key="instrument", value=one)
        found[symbol] = one
    return found


def _of_any(given: Mapping[str, str], symbol: str, symbols: Sequence[str]) -> str | None:
    """What an id without a symbol says: the only one of the file, or with ``*`` the venue of all."""
    one = given.get(ANY)
    if one is not None and one.endswith(":*"):
        return f"{one[:-1]}{symbol}"
    return one if len(symbols) == 1 else None


def _told_beside(path: Path, symbols: Sequence[str]) -> dict[str, str]:
    """What the session file says; nothing when there is none."""
    found: dict[str, str] = {}
    ids: set[str] = set()
    try:
        lines = path.with_name(f"{path.name.removesuffix('.gz')}.session.ndjson").read_bytes().splitlines()
    except OSError:
        return found
    for line in lines:
        try:
            told = msgspec.json.decode(line, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
        if told.get("event") == "session_start" and isinstance(told.get("instrument"), str):
            ids.add(told["instrument"])
            found[str(told.get("symbol"))] = told["instrument"]
    if len(ids) == len(symbols) == 1:
        found[symbols[0]] = ids.pop()
    return found
