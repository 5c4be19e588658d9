"""A run as columns: fills and reports of all accounts, whatever engine or file they come from. Pure.

An account is one strategy in one instrument; columns name it by its place in `RunColumns.accounts`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
import numpy.typing as npt

from mm_framework.model.events import NULL
from mm_framework.model.orders import IntentKind
from mm_framework.results.equity_table import amounts_of
from mm_framework.results.path import Ints, Rescaled, TopPath

Numbers = npt.NDArray[Any]

if TYPE_CHECKING:
    from mm_framework.trading.backtest import Outcome
    from mm_framework.trading.ledger import AccountResult
    from mm_framework.trading.matching import Report
    from mm_framework.trading.outcome_columns import OutcomeColumns

__all__ = ["Fills", "Marks", "Reports", "RunColumns", "columns_of"]


@attrs.frozen(eq=False)
class Fills:
    """Executions in the order of the venue; int64 columns but ``maker``, and ``fee`` in money units.

    ``side``: 1 bought, -1 sold. ``mid2``: best bid + best ask just before, the last valid ones, or NULL.
    """

    ts_ns: Ints
    account: Ints
    order: Ints
    side: Ints
    price: Ints
    size: Ints
    maker: npt.NDArray[np.bool_]
    mid2: Ints
    fee: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.ts_ns)

    @property
    def signed(self) -> Ints:
        """What each does to the position."""
        return self.side * self.size

    def of(self, account: int) -> Fills:
        """Those of one account."""
        return self.rows(np.flatnonzero(self.account == account))

    def rows(self, rows: Ints) -> Fills:
        """Some of them, by their places."""
        columns = {name: getattr(self, name)[rows] for name in _FILL_COLUMNS}
        return Fills(**columns, fee=tuple(self.fee[row] for row in rows))


_FILL_COLUMNS = ("ts_ns", "account", "order", "side", "price", "size", "maker", "mid2")


@attrs.frozen(eq=False)
class Reports:
    """What the venue said of orders, in its order; see `trading.matching.Report`.

    ``side``: 1 or -1, of the order; 0 of a request for an order that was never there. ``kind``,
    ``refusal``: 0 for none. ``ahead``: lots, NaN for none. ``filled``: size of the fill that came with it,
    0 for none; ``maker``: of that fill.
    """

    ts_ns: Ints
    account: Ints
    order: Ints
    side: Ints
    state: Ints
    kind: Ints
    refusal: Ints
    price: Ints
    size: Ints
    leaves: Ints
    ahead: npt.NDArray[np.float64]
    filled: Ints
    maker: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.ts_ns)

    def of(self, account: int) -> Reports:
        """Those of one account."""
        rows = self.account == account
        return Reports(*(getattr(self, field.name)[rows] for field in attrs.fields(Reports)))


_REPORT_COLUMNS = (
    "ts_ns", "account", "order", "side", "state", "kind", "refusal", "price", "size", "leaves", "filled",
    "maker",
)  # fmt: skip


@attrs.frozen(eq=False)
class Marks:
    """What the ledger says that an account was worth, on a grid of times: exact money units, int64 or, where
    one is beyond that, Python's integers.
    """

    ts_ns: Ints
    equity: Numbers


@attrs.frozen(eq=False)
class RunColumns:
    """A run from its first market data to its end. ``accounts``: ``(strategy, instrument)``; ``paths`` by id.

    ``results``: what the ledger says of accounts at the end; ``marks``: on a grid, by account, or none.
    ``at_mid``: that is where it marks positions.
    """

    start_ns: int
    end_ns: int
    accounts: tuple[tuple[str, str], ...]
    fills: Fills
    reports: Reports
    paths: Mapping[str, TopPath]
    results: tuple[AccountResult, ...] = ()
    marks: Mapping[int, Marks] = attrs.field(factory=dict)
    at_mid: bool = False

    def path(self, account: int) -> TopPath:
        """The market of an account."""
        return self.paths[self.accounts[account][1]]


def columns_of(outcome: Outcome, paths: Mapping[str, TopPath], *, at_mid: bool = False) -> RunColumns:
    """The columns of a backtest; ``paths`` are those of its tape and clocks, ``at_mid`` of its ledger."""
    starts = [int(path.ts_ns[0]) for path in paths.values() if len(path)]
    one_scale = not any(path.rescaled for path in paths.values())
    if outcome.columns is not None and one_scale:
        accounts, fills, reports = _of_arrays(outcome.columns)
    else:
        accounts, fills, reports = _of_objects(outcome, paths)
    return RunColumns(
        start_ns=min(starts, default=outcome.end_ns),
        end_ns=outcome.end_ns,
        accounts=accounts,
        fills=fills,
        reports=reports,
        paths=paths,
        results=tuple(outcome.accounts),
        marks=_marks(outcome, accounts, paths),
        at_mid=at_mid,
    )


_Parts = tuple[tuple[tuple[str, str], ...], Fills, Reports]
"""Accounts, and what happened to them."""


def _of_arrays(told: OutcomeColumns) -> _Parts:
    reported, filled = told.reports(), told.fills()
    pairs = np.concatenate([np.stack([one["strategy"], one["slot"]], 1) for one in (reported, filled)])
    met = {(told.names[a], told.ids[b]): (a, b) for a, b in np.unique(pairs, axis=0).tolist()}
    accounts = tuple(sorted(met))
    places = np.zeros((len(told.names), len(told.ids)), np.int64)
    for place, key in enumerate(accounts):
        places[met[key]] = place

    def columns(of: Mapping[str, Ints], names: Iterable[str]) -> dict[str, Ints]:
        return {
            **{name: of[name] for name in names if name in of},
            "account": places[of["strategy"], of["slot"]],
        }

    fills, reports = columns(filled, _FILL_COLUMNS), columns(reported, _REPORT_COLUMNS)
    maker, made, ahead = fills.pop("maker"), reports.pop("maker"), reported["ahead"]
    return (
        accounts,
        Fills(**fills, maker=maker.astype(bool), fee=tuple(told.fees)),
        Reports(
            **reports,
            side=_sides(told.placed(), reported),
            maker=made.astype(bool),
            ahead=np.where(ahead == NULL, np.nan, ahead.astype(np.float64)),
        ),
    )


def _sides(placed: Mapping[str, Ints], reported: Mapping[str, Ints]) -> Ints:
    """The side of each report's order; 0 where none was placed."""
    most = 1 + max(int(one["order"].max(initial=0)) for one in (placed, reported))
    keys, wanted = (one["strategy"] * most + one["order"] for one in (placed, reported))
    order = np.argsort(keys, kind="stable")
    keys, sides = np.append(keys[order], -1), np.append(placed["side"][order], 0)
    at = np.searchsorted(keys[:-1], wanted)
    return np.where(keys[at] == wanted, sides[at], 0)


def _of_objects(outcome: Outcome, paths: Mapping[str, TopPath]) -> _Parts:
    found = {(one.strategy, one.instrument) for one in outcome.reports}
    accounts = tuple(sorted(found | {(one.fill.strategy, one.fill.instrument) for one in outcome.fills}))
    sides = {
        (intent.strategy, intent.order): 0 if intent.side is None else int(intent.side)
        for intent in outcome.intents
        if intent.kind is IntentKind.PLACE
    }
    return (
        accounts,
        _fills(outcome, accounts, paths),
        _reports(outcome.reports, accounts, sides, paths),
    )


def _fills(outcome: Outcome, accounts: Sequence[tuple[str, str]], paths: Mapping[str, TopPath]) -> Fills:
    place = {key: number for number, key in enumerate(accounts)}
    rows, fees = [], []
    for paid in outcome.fills:
        one = paid.fill
        up, more = _factors(paths[one.instrument].rescaled, one.mono_ns)
        mid2 = NULL if one.mid2 is None else one.mid2 * up
        account = place[one.strategy, one.instrument]
        rows.append(
            (
                one.mono_ns,
                account,
                one.order,
                int(one.side),
                one.price * up,
                one.size * more,
                one.maker,
                mid2,
            )
        )
        fees.append(paid.fee * up * more)
    columns = dict(zip(_FILL_COLUMNS, _columns(rows, len(_FILL_COLUMNS)), strict=True))
    maker = columns.pop("maker").astype(bool)
    return Fills(**columns, maker=maker, fee=tuple(fees))


def _reports(
    reports: Iterable[Report],
    accounts: Sequence[tuple[str, str]],
    sides: Mapping[tuple[str, int], int],
    paths: Mapping[str, TopPath],
) -> Reports:
    place = {key: number for number, key in enumerate(accounts)}
    rows, ahead = [], []
    for one in reports:
        up, more = _factors(paths[one.instrument].rescaled, one.ts_ns)
        filled, maker = (0, False) if one.fill is None else (one.fill.size * more, one.fill.maker)
        key = one.strategy, one.order
        rows.append(
            (
                one.ts_ns, place[one.strategy, one.instrument], one.order, sides.get(key, 0),
                int(one.state), int(one.kind or 0), int(one.refusal or 0),
                one.price * up, one.size * more, one.leaves * more, filled, maker,
            )
        )  # fmt: skip
        ahead.append(np.nan if one.ahead is None else float(one.ahead))
    columns = dict(zip(_REPORT_COLUMNS, _columns(rows, len(_REPORT_COLUMNS)), strict=True))
    maker_ = columns.pop("maker").astype(bool)
    return Reports(**columns, maker=maker_, ahead=np.array(ahead, np.float64))


def _marks(
    outcome: Outcome, accounts: Sequence[tuple[str, str]], paths: Mapping[str, TopPath]
) -> dict[int, Marks]:
    names, points = outcome.equity.accounts, outcome.equity
    counts = np.zeros(len(names), np.int64)
    for part in points.parts():
        counts += np.bincount(part.account, minlength=len(names))
    found = [_Marks(count, paths[name]) for count, (_, name) in zip(counts.tolist(), names, strict=True)]
    for part in points.parts():
        amounts = amounts_of(part)
        for place in np.unique(part.account).tolist():
            rows = part.account == place
            found[place].add(part.ts_ns[rows], amounts[rows])
    return {accounts.index(key): Marks(one.ts_ns, one.equity) for key, one in zip(names, found, strict=True)}


class _Marks:
    """The marks of an account as they come, ``count`` in the end; amounts at the last scales."""

    def __init__(self, count: int, path: TopPath) -> None:
        self.ts_ns = np.empty(count, np.int64)
        self.equity: Numbers = np.empty(count, object if path.rescaled else np.int64)
        self._path, self._held = path, 0

    def add(self, times_ns: Ints, amounts: Numbers) -> None:
        """The next ones."""
        if self._path.rescaled:
            factors = [math.prod(_factors(self._path.rescaled, ts_ns + 1)) for ts_ns in times_ns.tolist()]
            amounts = amounts.astype(object) * np.array(factors, object)
        if amounts.dtype == object and self.equity.dtype != object:
            self.equity = self.equity.astype(object)
        rows = slice(self._held, self._held + len(amounts))
        self.ts_ns[rows], self.equity[rows] = times_ns, amounts
        self._held += len(amounts)


def _columns(rows: Sequence[tuple[Any, ...]], width: int) -> Iterable[Ints]:
    return (np.ascontiguousarray(column) for column in np.array(rows, np.int64).reshape(-1, width).T)


def _factors(rescaled: Iterable[Rescaled], ts_ns: int) -> tuple[int, int]:
    """What brings numbers of a time to the last scales."""
    price = size = 1
    for one in rescaled:
        if ts_ns < one.ts_ns:
            price, size = price * one.price_factor, size * one.size_factor
    return price, size
