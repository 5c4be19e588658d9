"""``mm report RESULT --explain ORDER``: a recorded run once more, and the life of one order in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

from mm_framework.cli.app import App
from mm_framework.cli.backtest_jobs import Chosen, chosen_store
from mm_framework.errors import ConfigError, ReplayError

if TYPE_CHECKING:
    from mm_framework.results.bundle import Result
    from mm_framework.results.explain import Life

__all__ = ["explain_order"]


def explain_order(app: App, result: Result, order: str) -> None:
    """Tell the life of an order: its number, or ``STRATEGY/NUMBER`` where several strategies ran.

    Raises ConfigError for an order that is not there, ReplayError when the run does not come out as recorded.
    """
    from mm_framework.cli.backtest_calibration import as_recorded
    from mm_framework.replay.tape import load_tape
    from mm_framework.results.explain import explain
    from mm_framework.results.setup import build

    document = result.document
    strategy, number = _which(document["configuration"]["strategies"], order)
    data = document["data"]
    chosen = Chosen(
        tuple(data["instruments"]), data["store"], data["run"], data["from"], data["to"], data["qa"]
    )
    origin = str(result.path)
    setup, observe = as_recorded(app, build(app.plugins, document["configuration"], origin), origin)
    with chosen_store(app, chosen) as store:
        trading = setup.trading
        tape = load_tape(store, chosen.request(), trading.price_source, trading.price_sources)
        _require_same(data, tape.data)
        with app.out.progress("playing", unit="messages") as advance:
            life = explain(tape, setup, strategy, number, advance, observe)
    if life.intents_hash != document["hashes"]["intents"]:
        raise ReplayError(
            f"{result.path} does not come out again: its intents hash is {document['hashes']['intents']},"
            f" played now it is {life.intents_hash}; is it the same version of framework and strategy?"
        )
    app.out.emit({"ok": True, **attrs.asdict(life)}, lambda: _shown(app, life))


def _which(strategies: Mapping[str, Any], order: str) -> tuple[str, int]:
    name, _, number = order.rpartition("/")
    if not name and len(strategies) == 1:
        name = next(iter(strategies))
    if name not in strategies or not number.isdecimal():
        raise ConfigError(
            f"--explain {order}: expected the number of an order, or STRATEGY/NUMBER with one of"
            f" {', '.join(sorted(strategies))}",
            key="explain",
            value=order,
        )
    if strategies[name] is None:
        raise ConfigError(
            f"strategy {name} was given as an object of Python, which no result records: play it again from"
            " there",
            key="explain",
        )
    return name, int(number)


def _require_same(recorded: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    before = {name: one["digest"] for name, one in recorded["partitions"].items()}
    found = {name: one["digest"] for name, one in now["partitions"].items()}
    if before != found:
        changed = sorted(name for name in before.keys() | found if before.get(name) != found.get(name))
        raise ReplayError(
            f"the data is not what it was when the result was made: partition {changed[0]} has another"
            " digest; play the backtest again"
        )


def _shown(app: App, life: Life) -> Any:
    from mm_framework.bundle.times import format_utc

    start_ns = life.steps[0].ts_ns
    rows = [
        (
            f"{(step.ts_ns - start_ns) / 1e6:+.3f} ms",
            step.where,
            step.text,
        )
        for step in life.steps
    ]
    title = f"{life.strategy}/{life.order} in {life.instrument}, from {format_utc(start_ns)}"
    return app.out.table(("", "", title), rows)
