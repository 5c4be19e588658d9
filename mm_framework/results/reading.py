"""A result bundle as columns: the decimals of its tables become the integers of its instruments again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

import attrs
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mm_framework.errors import StoreError
from mm_framework.model.events import NULL
from mm_framework.model.orders import IntentKind, OrderState, Refusal
from mm_framework.results.bundle import Result
from mm_framework.results.columns import Fills, Marks, Reports, RunColumns
from mm_framework.results.path import Instrument, Ints
from mm_framework.results.path_table import paths_of
from mm_framework.trading.ledger import AMOUNTS, AccountResult, Money

__all__ = ["columns_of_result"]

_MARKED: Final = ("ts_ns", "strategy", "instrument", "equity")

_READ: Final = {
    "reports": (
        "ts_ns", "strategy", "instrument", "order", "state", "request", "refusal", "price", "size", "leaves",
        "ahead", "fill",
    ),
    "orders": ("strategy", "order", "side"),
    "fills": (
        "ts_ns", "strategy", "instrument", "order", "side", "price", "size", "maker", "mid", "fee",
    ),
}  # fmt: skip
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
    reports, orders, fills = (result.read(name, columns) for name, columns in _READ.items())
    accounts = tuple(sorted({pair for table in (reports, fills) for pair in _owned(table)[0]}))
    known = _Known(accounts, tuple(instruments[name] for _, name in accounts))
    filled = _fills(fills, known)
    told = _reports(reports, orders, known, filled)
    del reports, orders, fills
    _let_go()
    paths = paths_of(result.batches("tops"), instruments.values())
    _let_go()
    marks = _marks(result.batches("equity", _MARKED), known)
    _let_go()
    return RunColumns(
        start_ns=document["summary"]["start_ns"],
        end_ns=document["summary"]["end_ns"],
        accounts=accounts,
        fills=filled,
        reports=told,
        paths=paths,
        results=tuple(_result(one) for one in document["accounts"]),
        marks=marks,
        at_mid=document["configuration"].get("trading", {}).get("mark") == "mid",
    )


def _let_go() -> None:
    """Arrow keeps the memory of what it has read: of a month that is half of what the columns need."""
    pa.default_memory_pool().release_unused()


@attrs.frozen
class _Known:
    """The accounts of a run, and the instrument of each."""

    accounts: tuple[tuple[str, str], ...]
    instruments: tuple[Instrument, ...]

    def of(self, table: pa.Table | pa.RecordBatch) -> Ints:
        """The account of each row. KeyError for one that neither traded nor was told anything."""
        pairs, rows = _owned(table)
        place = {key: number for number, key in enumerate(self.accounts)}
        return np.array([place[pair] for pair in pairs], np.int64)[rows]

    def scales(self, owners: Ints, name: str) -> Ints:
        """An attribute of the instrument of each row."""
        return np.array([getattr(one, name) for one in self.instruments], np.int64)[owners]


def _instrument(told: Mapping[str, Any]) -> Instrument:
    price_scale, size_scale = told["price_scale"], told["size_scale"]
    return Instrument(
        id=told["id"],
        quote=told["quote"],
        price_scale=price_scale,
        size_scale=size_scale,
        money_scale=price_scale + size_scale + 1,
    )


def _fills(table: pa.Table, known: _Known) -> Fills:
    owners = known.of(table)
    prices, sizes = (known.scales(owners, name) for name in ("price_scale", "size_scale"))
    money = known.scales(owners, "money_scale").tolist()
    return Fills(
        ts_ns=_ints(table["ts_ns"]),
        account=owners,
        order=_ints(table["order"]),
        side=_ints(table["side"]),
        price=_scaled(table["price"], prices),
        size=_scaled(table["size"], sizes),
        maker=table["maker"].to_numpy(),
        mid2=_scaled(table["mid"], prices, times=2),
        fee=tuple(_exact(value, scale) for value, scale in zip(table["fee"].to_pylist(), money, strict=True)),
    )


def _reports(table: pa.Table, orders: pa.Table, known: _Known, fills: Fills) -> Reports:
    owners = known.of(table)
    prices, sizes = (known.scales(owners, name) for name in ("price_scale", "size_scale"))
    numbers = _ints(table["fill"])
    filled = numbers != NULL
    size, maker = np.zeros(len(table), np.int64), np.zeros(len(table), bool)
    size[filled], maker[filled] = fills.size[numbers[filled]], fills.maker[numbers[filled]]
    return Reports(
        ts_ns=_ints(table["ts_ns"]),
        account=owners,
        order=_ints(table["order"]),
        side=_sides(table, orders),
        state=_codes(table["state"], _STATES),
        kind=_codes(table["request"], _KINDS),
        refusal=_codes(table["refusal"], _REFUSALS),
        price=_scaled(table["price"], prices),
        size=_scaled(table["size"], sizes),
        leaves=_scaled(table["leaves"], sizes),
        ahead=np.array(table["ahead"].to_numpy(), np.float64),
        filled=size,
        maker=maker,
    )


def _sides(table: pa.Table, orders: pa.Table) -> Ints:
    """The side of the order of each row, 0 of one that was never sent or has none."""
    if not len(orders):
        return np.zeros(len(table), np.int64)
    numbers = _ints(orders["order"])
    span = int(numbers.max()) + 1
    strategies = {name for one in (orders, table) for name in pc.unique(one["strategy"]).to_pylist()}
    names = {name: place for place, name in enumerate(sorted(strategies))}
    known = _codes(orders["strategy"], names) * span + numbers
    order = np.argsort(known, kind="stable")
    asked = _ints(table["order"])
    wanted = _codes(table["strategy"], names) * span + asked
    places = np.searchsorted(known[order], wanted, side="right") - 1
    found = order[np.maximum(places, 0)]
    sides = _ints(orders["side"])[found]
    return np.where((known[found] == wanted) & (asked < span) & (sides != NULL), sides, 0)


def _marks(batches: Iterable[pa.RecordBatch], known: _Known) -> dict[int, Marks]:
    times: dict[int, list[Ints]] = {}
    equity: dict[int, list[npt.NDArray[Any]]] = {}
    for batch in batches:
        owners = known.of(batch)
        for account in np.unique(owners).tolist():
            own = batch.filter(pa.array(owners == account))
            times.setdefault(account, []).append(_ints(own["ts_ns"]))
            amounts = _amounts(own["equity"], known.instruments[account].money_scale)
            equity.setdefault(account, []).append(amounts)
    return {
        account: Marks(np.concatenate(times.pop(account)), np.concatenate(equity.pop(account)))
        for account in sorted(times)
    }


def _amounts(column: pa.Array, scale: int) -> npt.NDArray[Any]:
    """Exact integers, as objects where one is beyond 64 bits."""
    try:
        return _scaled(column, np.full(len(column), scale))
    except ValueError:
        return np.array([_exact(value, scale) for value in column.to_pylist()], object)


def _result(told: Mapping[str, Any]) -> AccountResult:
    money = told["money"]
    scale = money["scale"]
    amounts = {name: _exact(Decimal(money[name]), scale) for name in AMOUNTS}
    plain = {key: told[key] for key in told if key != "money"}
    return AccountResult(**plain, money=Money(money["quote"], scale, **amounts))


def _owned(table: pa.Table | pa.RecordBatch) -> tuple[list[tuple[str, str]], Ints]:
    """The pairs of strategy and instrument in a table, and which of them each row has."""
    codes, names = zip(*(_words(table[name]) for name in ("strategy", "instrument")), strict=True)
    if any((one < 0).any() for one in codes):
        raise ValueError("a row names no strategy or no instrument")
    both = codes[0] * max(1, len(names[1])) + codes[1]
    found, rows = np.unique(both, return_inverse=True)
    pairs = [(names[0][one // len(names[1])], names[1][one % len(names[1])]) for one in found.tolist()]
    return pairs, rows


def _words(column: pa.Array | pa.ChunkedArray) -> tuple[Ints, list[str | None]]:
    """Which of the words each row has, -1 for null, and the words."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    coded = array if pa.types.is_dictionary(array.type) else array.dictionary_encode()
    return _ints(coded.indices.fill_null(-1)), coded.dictionary.to_pylist()


def _ints(column: pa.Array | pa.ChunkedArray) -> Ints:
    values: Ints = column.cast(pa.int64()).fill_null(NULL).to_numpy(zero_copy_only=False)
    return values


def _codes(column: pa.ChunkedArray, codes: Mapping[str, int]) -> Ints:
    """The code of each word, 0 for null. KeyError for a word that has none."""
    rows, words = _words(column)
    found = [0 if word is None else codes[word] for word in words]
    return np.array([*found, 0], np.int64)[rows]


def _exact(value: Decimal, scale: int) -> int:
    """A decimal as an integer at a scale. ValueError when it does not hold it."""
    whole = value.scaleb(scale)
    if whole != int(whole):
        raise ValueError(f"{value} has more than {scale} decimals")
    return int(whole)


def _scaled(column: pa.Array | pa.ChunkedArray, scales: Ints, times: int = 1) -> Ints:
    """Decimals ``times`` a whole number as integers at the scale of each row; null is NULL."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    known = ~np.array(array.is_null(), bool)
    words = np.frombuffer(array.buffers()[1] or b"", np.int64)
    words = words[2 * array.offset : 2 * (array.offset + len(array))].reshape(-1, 2)
    low, high = words[:, 0], words[:, 1]
    if pa.types.is_decimal256(array.type) or (known & (high != low >> 63)).any():
        raise ValueError("a number is beyond 64 bits")
    factors = 10 ** (array.type.scale - scales)
    values = np.where(known, low, 0) * times
    if (values % factors).any():
        raise ValueError("a number has more decimals than its instrument")
    return np.where(known, values // factors, NULL)
