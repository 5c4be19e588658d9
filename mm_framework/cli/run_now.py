"""What a live run tells of its strategies as it goes on, for ``mm serve`` to show; see `serve.attached`."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Final

import msgspec

from mm_framework.calibrate.ab import AbRun
from mm_framework.calibrate.chunks import Driven
from mm_framework.calibrate.routing import Bucket
from mm_framework.feed import Output
from mm_framework.model.fixed import text
from mm_framework.model.frame import Block
from mm_framework.model.instrument import parse_id
from mm_framework.serve.answers import Arm, StrategyNow
from mm_framework.serve.attached import RUNNING
from mm_framework.trading.ledger import AccountResult, quote_of
from mm_framework.trading.market import Slot
from mm_framework.trading.queued import AnyPipeline

__all__ = ["MOST_ARMS", "RunNow", "strategy_now"]

MOST_ARMS: Final = 50
"""Strategies in instruments that are told; those that traded come first."""
_EVERY_NS: Final = 1_000_000_000


class RunNow:
    """The listener of a live run around another: once a second it writes ``data_dir/running/run.json``.

    A disk that refuses does not end the run: the file is then old, and no longer shown.
    """

    def __init__(
        self, listener: Driven, pipeline: AnyPipeline, data_dir: Path, run_id: str, test: AbRun | None
    ) -> None:
        self._listener, self._pipeline, self._run_id, self._test = listener, pipeline, run_id, test
        self._path = data_dir / RUNNING / f"{run_id}.json"
        self._due_ns = 0

    @property
    def done(self) -> bool:
        """See the listener of a capture."""
        return self._pipeline.done

    def on_output(self, shard: int, record: Block, mono_ns: int, output: Output) -> None:
        """See the listener of a capture."""
        self._listener.on_output(shard, record, mono_ns, output)
        if mono_ns >= self._due_ns:
            self._due_ns = mono_ns + _EVERY_NS
            self._write()

    def next_timer_ns(self) -> int | None:
        """See the listener of a capture."""
        return self._pipeline.next_timer_ns()

    def on_end(self, mono_ns: int) -> None:
        """See the listener of a capture."""
        self._listener.on_end(mono_ns)

    @contextlib.contextmanager
    def open(self) -> Iterator[None]:
        """The file is there within the block at most."""
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield
        finally:
            for path in (self._path, self._part):
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # another run tells there
                self._path.parent.rmdir()

    @property
    def _part(self) -> Path:
        return self._path.with_suffix(".part")

    def _write(self) -> None:
        told = strategy_now(self._pipeline, self._run_id, time.time_ns() // 1_000_000, self._test)
        with contextlib.suppress(OSError):
            self._part.write_bytes(msgspec.json.encode(told))
            os.replace(self._part, self._path)


def strategy_now(pipeline: AnyPipeline, run_id: str, ts_ms: int, test: AbRun | None = None) -> StrategyNow:
    """The strategies of a run as they are; amounts are exact, marks conservative as the ledger's."""
    results = {(one.strategy, one.instrument): one for one in pipeline.ledger.results()}
    names = [actor.name for actor in pipeline.actors]
    others = ((name, slot.id) for slot in pipeline.markets.slots for name in names)
    keys = [*results, *(key for key in others if key not in results)][:MOST_ARMS]
    slots: Mapping[str, Slot] = pipeline.markets.by_id
    arms = [_arm(pipeline, name, slots[id], results.get((name, id)), test) for name, id in keys]
    return StrategyNow(run_id, ts_ms, arms, None if test is None else _ab(test))


def _arm(
    pipeline: AnyPipeline, name: str, slot: Slot, result: AccountResult | None, test: AbRun | None
) -> Arm:
    exchange, symbol = parse_id(slot.id)
    orders = sum(order.strategy == name for order in islice(pipeline.exchange.orders(slot.id), 1000))
    arm = None if test is None else _bucket(test, slot.definition.venue_symbol)
    if result is None:
        return Arm(name, arm, exchange, symbol, quote_of(slot), "0", "0", "0", "0", "0", 0, orders)
    money = result.money
    total, realized, unrealized, fees = (
        text(amount, money.scale) for amount in (money.total, money.realized, money.unrealized, money.fees)
    )
    held = text(result.position, result.size_scale)
    return Arm(
        name,
        arm,
        exchange,
        symbol,
        money.quote,
        held,
        total,
        realized,
        unrealized,
        fees,
        result.fills,
        orders,
    )


def _bucket(test: AbRun, symbol: str) -> Bucket:
    return "A" if test.rolled_back else test.routing.bucket(symbol)


def _ab(test: AbRun) -> dict[str, str]:
    """The state of an A/B test in words."""
    told = {
        "mode": test.settings.mode,
        "share of B": f"{test.routing.split_pct:g}",
        "rollback": "none" if test.rollback is None else test.rollback.gate,
    }
    for bucket, stats in test.stats.items():
        net = stats.metrics()["net_bps"]
        told[f"net bps {bucket}"] = "-" if net is None else f"{net:.2f}"
    return told
