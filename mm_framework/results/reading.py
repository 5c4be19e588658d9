"""A result bundle as columns: the decimals of its tables become the integers of its instruments again."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mm_framework.errors import StoreError
from mm_framework.model.events import NULL
from mm_framework.model.orders import IntentKind, OrderState, Refusal
from mm_framework.results.bundle import Result
from mm_framework.results.columns import Fills, Marks, Reports, RunColumns
from mm_framework.results.path import Instrument, Ints
from mm_framework.results.path_table import paths_of
from mm_framework.trading.ledger import AMOUNTS, AccountResult, Money

__all__ = ["columns_of_result"]

_STATES = {one.name.lower(): int(one) for one in OrderState}
_KINDS = {one.name.lower(): int(one) for one in IntentKind}
_REFUSALS = {one.text: int(one) for one in Refusal}


def columns_of_result(result: Result) -> RunColumns:
    """What analytics and the page take. Raises StoreError and its kinds for a bundle that is not whole."""
    document = result.document
    try:
        return _columns(result, document)
    except (KeyError, TypeError, ValueError, pa.ArrowException) as error:
        raise StoreError(
            f"the result at {result.path} is not as `mm backtest` writes it: {error}", path=result.path
        ) from error


def _columns(result: Result, document: Mapping[str, Any]) -> RunColumns:
    instruments = {one["id"]: _instrument(one) for one in document["instruments"]}
    tables = (result.reports, result.fills)
    pairs = {pair for table in tables for pair in zip(*_texts(table, "strategy", "instrument"), strict=True)}
    accounts = tuple(sorted(pairs))
    fills = _fills(result.fills, accounts, instruments)
    return RunColumns(
        start_ns=document["summary"]["start_ns"],
        end_ns=document["summary"]["end_ns"],
        accounts=accounts,
        fills=fills,
        reports=_reports(result, accounts, instruments, fills),
        paths=paths_of(result.tops, instruments.values()),
        results=tuple(_result(one) for one in document["accounts"]),
        marks=_marks(result.equity, accounts, instruments),
    )


def _instrument(told: Mapping[str, Any]) -> Instrument:
    price_scale, size_scale = told["price_scale"], told["size_scale"]
    return Instrument(
        id=told["id"],
        quote=told["quote"],
        price_scale=price_scale,
        size_scale=size_scale,
        money_scale=price_scale + size_scale + 1,
    )


def _fills(
    table: pa.Table, accounts: tuple[tuple[str, str], ...], instruments: Mapping[str, Instrument]
) -> Fills:
    owners, own = _owners(table, accounts, instruments)
    money = [one.money_scale for one in own]
    return Fills(
        ts_ns=_ints(table["ts_ns"]),
        account=owners,
        order=_ints(table["order"]),
        side=_ints(table["side"]),
        price=_scaled(table["price"], [one.price_scale for one in own]),
        size=_scaled(table["size"], [one.size_scale for one in own]),
        maker=np.array(table["maker"].to_pylist(), bool),
        mid2=_scaled(table["mid"], [one.price_scale for one in own], times=2),
        fee=tuple(_exact(value, scale) for value, scale in zip(table["fee"].to_pylist(), money, strict=True)),
    )


def _reports(
    result: Result, accounts: tuple[tuple[str, str], ...], instruments: Mapping[str, Instrument], fills: Fills
) -> Reports:
    table, orders = result.reports, result.orders
    owners, own = _owners(table, accounts, instruments)
    keys = zip(*_texts(orders, "strategy"), orders["order"].to_pylist(), strict=True)
    sides = dict(zip(keys, orders["side"].to_pylist(), strict=True))
    asked = zip(*_texts(table, "strategy"), table["order"].to_pylist(), strict=True)
    numbers = _ints(table["fill"])
    filled = numbers != NULL
    size, maker = np.zeros(len(table), np.int64), np.zeros(len(table), bool)
    size[filled], maker[filled] = fills.size[numbers[filled]], fills.maker[numbers[filled]]
    return Reports(
        ts_ns=_ints(table["ts_ns"]),
        account=owners,
        order=_ints(table["order"]),
        side=np.array([sides.get(key) or 0 for key in asked], np.int64),
        state=_codes(table["state"], _STATES),
        kind=_codes(table["request"], _KINDS),
        refusal=_codes(table["refusal"], _REFUSALS),
        price=_scaled(table["price"], [one.price_scale for one in own]),
        size=_scaled(table["size"], [one.size_scale for one in own]),
        leaves=_scaled(table["leaves"], [one.size_scale for one in own]),
        ahead=np.array(table["ahead"].to_numpy(), np.float64),
        filled=size,
        maker=maker,
    )


def _marks(
    table: pa.Table, accounts: tuple[tuple[str, str], ...], instruments: Mapping[str, Instrument]
) -> dict[int, Marks]:
    owners, _ = _owners(table, accounts, instruments)
    times, amounts = _ints(table["ts_ns"]), table["equity"].to_pylist()
    found = {}
    for account in np.unique(owners).tolist():
        rows = np.flatnonzero(owners == account)
        scale = instruments[accounts[account][1]].money_scale
        found[account] = Marks(times[rows], _numbers([_exact(amounts[row], scale) for row in rows]))
    return found


def _numbers(amounts: list[int]) -> npt.NDArray[Any]:
    try:
        return np.array(amounts, np.int64)
    except OverflowError:
        return np.array(amounts, object)


def _result(told: Mapping[str, Any]) -> AccountResult:
    money = told["money"]
    scale = money["scale"]
    amounts = {name: _exact(Decimal(money[name]), scale) for name in AMOUNTS}
    plain = {key: told[key] for key in told if key != "money"}
    return AccountResult(**plain, money=Money(money["quote"], scale, **amounts))


def _owners(
    table: pa.Table, accounts: tuple[tuple[str, str], ...], instruments: Mapping[str, Instrument]
) -> tuple[Ints, list[Instrument]]:
    """The account of each row, and its instrument."""
    place = {key: number for number, key in enumerate(accounts)}
    owners = [place[key] for key in zip(*_texts(table, "strategy", "instrument"), strict=True)]
    return np.array(owners, np.int64), [instruments[accounts[one][1]] for one in owners]


def _texts(table: pa.Table, *names: str) -> list[list[str]]:
    return [table[name].to_pylist() for name in names]


def _ints(column: pa.ChunkedArray) -> Ints:
    values: Ints = column.cast(pa.int64()).fill_null(NULL).to_numpy()
    return values


def _codes(column: pa.ChunkedArray, codes: Mapping[str, int]) -> Ints:
    return np.array([0 if word is None else codes[word] for word in column.to_pylist()], np.int64)


def _exact(value: Decimal, scale: int) -> int:
    """A decimal as an integer at a scale. ValueError when it does not hold it."""
    whole = value.scaleb(scale)
    if whole != int(whole):
        raise ValueError(f"{value} has more than {scale} decimals")
    return int(whole)


def _scaled(column: pa.ChunkedArray, scales: list[int], times: int = 1) -> Ints:
    """Decimals ``times`` a whole number as integers at the scale of each row; null is NULL."""
    array = column.combine_chunks()
    known = ~np.array(array.is_null(), bool)
    words = np.frombuffer(array.buffers()[1] or b"", np.int64)
    words = words[2 * array.offset : 2 * (array.offset + len(array))].reshape(-1, 2)
    low, high = words[:, 0], words[:, 1]
    if pa.types.is_decimal256(array.type) or (known & (high != low >> 63)).any():
        raise ValueError("a number is beyond 64 bits")
    factors = 10 ** (array.type.scale - np.array(scales, np.int64).reshape(-1))
    values = np.where(known, low, 0) * times
    if (values % factors).any():
        raise ValueError("a number has more decimals than its instrument")
    return np.where(known, values // factors, NULL)
