"""One backtest: a tape and a setup become an outcome, and the outcome a result.

played = play(tape, setup)
write_result(folder, document(played, ...), tables(played))
"""

from __future__ import annotations

import functools
import platform
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import attrs
import pyarrow as pa

from mm_framework.calibrate.market_data import TapeData
from mm_framework.model.instrument import Definition
from mm_framework.model.orders import Refusal
from mm_framework.replay.tape import Tape
from mm_framework.results.bundle import FORMAT, Result, as_written
from mm_framework.results.carrying import Charge
from mm_framework.results.columns import columns_of
from mm_framework.results.parts import TableParts
from mm_framework.results.path import Instrument, TopPath, market_paths
from mm_framework.results.path_table import table_of
from mm_framework.results.setup import Setup, values_of
from mm_framework.results.summary import GRID_NS, summarize
from mm_framework.results.tables import tables_of
from mm_framework.results.venue_path import compiled_paths
from mm_framework.results.watchdog import watchdog
from mm_framework.trading.backtest import Outcome
from mm_framework.trading.compiled.lazy import Lazy
from mm_framework.trading.engine import Engine
from mm_framework.trading.fees import Fees
from mm_framework.trading.ledger import AMOUNTS, AccountResult, by_quote
from mm_framework.trading.results import money_text
from mm_framework.trading.settings import BacktestSettings
from mm_framework.trading.timeline import Clocks

__all__ = ["Played", "clocks_of", "paths_of_tape", "play", "result_of", "summary_of", "totals"]

Progress = Callable[[int], object]


@attrs.frozen(eq=False)
class Played:
    """A run: what it was made of and what came of it. ``engine_s``: how long the engine took; ``data``: the
    cache of market data, None without one.
    """

    tape: Tape
    setup: Setup
    outcome: Outcome
    engine_s: float
    data: TapeData | None = None


def clocks_of(tape: Tape, settings: BacktestSettings) -> Clocks:
    """The clocks of a run on a tape."""
    return Clocks(tape.theta_ns, round(settings.assumed_feed_ms * 1e6), round(settings.longest_feed_s * 1e9))


def play(
    tape: Tape,
    setup: Setup,
    *,
    grid: bool = True,
    engine: Callable[..., Engine] | None = None,
    progress: Progress = lambda messages: None,
) -> Played:
    """Run a setup on a tape. ``grid``: whether the equity is kept; ``engine`` replaces the one that the
    settings choose. A strategy that fails is stopped only.
    """
    latencies = setup.latencies()
    make = engine or functools.partial(Engine, choice=setup.backtest.engine)
    data = TapeData(setup.md_cache) if setup.md_cache.enabled else None
    run = make(
        setup.strategies,
        setup.fee_model,
        entry=latencies.entry,
        response=latencies.response,
        execution=setup.rules(),
        clocks=clocks_of(tape, setup.backtest),
        settings=attrs.evolve(setup.trading, price_sources=tape.sources),
        limits=setup.limits,
        grid_ns=round(setup.backtest.grid_s * 1e9) if grid else None,
        **({} if data is None else {"guard": data}),
    )
    started_s = time.perf_counter()
    with watchdog(setup.backtest.watchdog_s, run.reached):
        outcome = run.run(tape, progress=progress)
    return Played(tape, setup, outcome, time.perf_counter() - started_s, data)


def paths_of_tape(tape: Tape, setup: Setup) -> dict[str, TopPath]:
    """The best prices at the venue, which all runs on a tape with one timeline share."""
    settings = attrs.evolve(setup.trading, price_sources=tape.sources)
    clocks = clocks_of(tape, setup.backtest)
    found = None if setup.backtest.engine == "interpreted" else compiled_paths(tape, clocks, settings)
    return market_paths(tape, clocks, settings) if found is None else found


def summary_of(played: Played, paths: Mapping[str, TopPath]) -> dict[str, Any]:
    """The measures of a run, as JSON values."""
    outcome = played.outcome
    refused = _refused(outcome)
    intents, columns = (
        len(outcome.intents),
        columns_of(outcome, paths, at_mid=played.setup.trading.mark == "mid"),
    )
    grid_ns = round(played.setup.backtest.grid_s * 1e9) if columns.marks else GRID_NS
    _forget(outcome)
    return {
        **summarize(columns, played.setup.limits, charge=_charge(played), grid_ns=grid_ns),
        "intents": intents,
        "refused_by_allocator": dict(sorted(refused.items())),
    }


def result_of(
    played: Played,
    versions: Mapping[str, str],
    *,
    run: str | None = None,
    ladder: Sequence[Mapping[str, Any]] = (),
    paths: Mapping[str, TopPath] | None = None,
    started: datetime | None = None,
) -> Result:
    """The result of a run, in memory. ``run``: the bundle that it was played from, if it was no store."""
    tape, outcome, plugged = played.tape, played.outcome, played.setup.execution
    paths = paths_of_tape(tape, played.setup) if paths is None else paths
    summary = summary_of(played, paths)
    found = tables_of(outcome, tape.instruments, {one.id: _quote(one) for one in tape.instruments})
    tables: dict[str, pa.Table | TableParts] = {**attrs.asdict(found, recurse=False), "tops": table_of(paths)}
    document = {
        "format": FORMAT,
        "kind": "backtest",
        "ok": not outcome.errors,
        "errors": [
            {"strategy": error.strategy, "event": error.seq, "error": str(error)} for error in outcome.errors
        ],
        "configuration": played.setup.configuration,
        "data": {**tape.data, "run": run, **({"store": None} if run is not None else {})},
        "versions": {**versions, "python": platform.python_version()},
        "models": {
            "latency": values_of(played.setup.latency),
            "latency_table_sha256": played.setup.table,
            "queue": queue.name if (queue := plugged.get("queue")) else played.setup.matching.queue,
            "plugins": {role: one.name for role, one in sorted(plugged.items())},
            "fee": played.setup.fee_model.name,
            "self_impact": "none: history does not react to our orders",
        },
        "timeline": _timeline(played),
        "instruments": [_instrument(one, tape.sources[one.id]) for one in tape.instruments],
        "hashes": {"intents": outcome.final_hash},
        "accounts": [_account(one) for one in outcome.accounts],
        "summary": summary,
        "ladder": list(ladder),
        "timing": {
            "started": None if started is None else f"{started.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "engine": {"name": outcome.engine, "why": outcome.why},
            "engine_s": played.engine_s,
            "messages_per_s": outcome.timeline.messages / played.engine_s if played.engine_s else None,
        },
    }
    if played.data is not None:
        document["md_cache"] = played.data.document()
    return Result(as_written(document), None, tables)


def _charge(played: Played) -> Charge:
    """What a taker of the run paid."""
    fees = Fees.by(played.setup.fee_model, played.setup.trading)

    @functools.cache
    def definition(one: Instrument) -> Definition:
        return Definition(0, 0, one.id, one.id, one.price_scale, one.size_scale)

    def charge(one: Instrument, price: int, size: int) -> int:
        return fees.charged(price, size, definition(one), one.money_scale, maker=False)

    return charge


def _refused(outcome: Outcome) -> dict[str, int]:
    """How many intents never left, by the refusal's words."""
    if outcome.columns is not None:
        return {Refusal(code).text: count for code, count in outcome.columns.refused().items()}
    return Counter(sent.refusal.text for sent in outcome.sent if sent.refusal is not None)


def _forget(outcome: Outcome) -> None:
    """Let go of objects that can be made anew."""
    for sequence in (outcome.intents, outcome.sent, outcome.reports, outcome.known_ns, outcome.fills):
        if isinstance(sequence, Lazy):
            sequence.forget()


def totals(accounts: Iterable[AccountResult]) -> dict[str, dict[str, str]]:
    """Amounts by quote currency, exact decimal text."""
    return {
        quote: {name: money_text(getattr(money, name), money.scale) for name in AMOUNTS}
        for quote, money in by_quote(accounts).items()
    }


def _timeline(played: Played) -> dict[str, Any]:
    timeline = played.outcome.timeline
    return {
        "messages": timeline.messages,
        "untimed": timeline.untimed,
        "clipped": timeline.clipped,
        "clipped_share": timeline.clipped / timeline.messages if timeline.messages else None,
        "assumed_ns": timeline.clocks.assumed_ns,
        "longest_ns": timeline.clocks.longest_ns,
        "clocks": [attrs.asdict(one) for one in played.tape.clocks],
    }


def _quote(definition: Definition) -> str:
    return definition.quote or definition.id.rpartition("/")[2]


def _instrument(definition: Definition, source: str) -> dict[str, Any]:
    kept = (
        "id",
        "base",
        "price_scale",
        "size_scale",
        "tick_size",
        "lot_size",
        "price_decimals",
        "size_decimals",
    )
    told = {name: getattr(definition, name) for name in kept}
    return {**told, "quote": _quote(definition), "price_source": source}


def _account(one: AccountResult) -> dict[str, Any]:
    money = {name: money_text(getattr(one.money, name), one.money.scale) for name in AMOUNTS}
    return {**attrs.asdict(one), "money": {**money, "quote": one.money.quote, "scale": one.money.scale}}
