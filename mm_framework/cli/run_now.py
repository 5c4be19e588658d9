"""What a live run tells of itself as it goes on, for ``mm serve`` to show; see `serve.attached`.

RunNow(listener, ...).open()       its strategies, written as records come in
metrics_now(sources, ...)          its metrics, written by a thread of their own
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

import msgspec

from mm_framework.calibrate.ab import AbRun
from mm_framework.calibrate.chunks import Driven
from mm_framework.calibrate.families import Source
from mm_framework.calibrate.routing import Bucket
from mm_framework.feed import Output
from mm_framework.model.fixed import text
from mm_framework.model.frame import Block
from mm_framework.model.instrument import parse_id
from mm_framework.serve.answers import Arm, StrategyNow
from mm_framework.serve.attached import METRICS, RUNNING, STATUS, MetricsNow
from mm_framework.trading.ledger import AccountResult, quote_of
from mm_framework.trading.market import Slot
from mm_framework.trading.queued import AnyPipeline

__all__ = ["MOST_ARMS", "RunNow", "metrics_now", "strategy_now"]

MOST_ARMS: Final = 50
"""Strategies in instruments that are told; those that traded come first."""
_EVERY_S: Final = 1.0
_EVERY_NS: Final = 1_000_000_000


class RunNow:
    """The listener of a live run around another: once a second it writes ``data_dir/running/run.json``.

    A disk that refuses does not end the run: the file is then old, and no longer shown.
    """

    def __init__(
        self, listener: Driven, pipeline: AnyPipeline, data_dir: Path, run_id: str, test: AbRun | None
    ) -> None:
        self._listener, self._pipeline, self._run_id, self._test = listener, pipeline, run_id, test
        self._file = _File(data_dir, f"{run_id}{STATUS}")
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
        with self._file.open():
            yield

    def _write(self) -> None:
        self._file.write(strategy_now(self._pipeline, self._run_id, _now_ms(), self._test))


@contextlib.contextmanager
def metrics_now(sources: Sequence[Source], data_dir: Path, run_id: str) -> Iterator[None]:
    """A thread writes what the sources give, within the block, once a second; no file without sources."""
    if not sources:
        yield
        return
    file, over = _File(data_dir, f"{run_id}{METRICS}"), threading.Event()

    def write() -> None:
        while not over.wait(_EVERY_S):
            families = [family for source in sources for family in source()]
            file.write(MetricsNow(run_id, _now_ms(), families))

    thread = threading.Thread(target=write, name="metrics", daemon=True)
    with file.open():
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


class _File:
    """A file that is replaced as a whole, or left as it is by a disk that refuses."""

    def __init__(self, data_dir: Path, name: str) -> None:
        self._path = data_dir / RUNNING / name
        self._part = data_dir / RUNNING / f"{name}.part"

    @contextlib.contextmanager
    def open(self) -> Iterator[None]:
        """It is there within the block at most."""
        try:
            yield
        finally:
            for path in (self._path, self._part):
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # another run tells there
                self._path.parent.rmdir()

    def write(self, document: msgspec.Struct) -> None:
        """Replace it."""
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)  # a run that ends may take it away
            self._part.write_bytes(msgspec.json.encode(document))
            os.replace(self._part, self._path)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


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
