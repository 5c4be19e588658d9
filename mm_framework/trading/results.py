"""What a run reports: the one JSON line of requirement D10, and the files of ``--record``.

    <data dir>/results/<run id>/
      summary.json     the JSON line, with profit and loss by strategy and the count of numbers
                       in tops.ndjson that 6 decimals do not hold
      tops.ndjson      canonical top-of-book events (requirement D6)
      intents.ndjson   intents and what became of them, as far as known at once
      reports.ndjson   what the venue said of each order; --execution queue only
      fills.ndjson     fills and their fees

Prices, sizes and fees in the files are exact decimal text. Money in the JSON line is whole numbers at
6 decimals; where an amount needs more, all are at ``money_scale`` decimals (``position_scale`` for
positions), which are there only then. Currencies are never added: a run over several gives its
amounts under ``by_quote``, and none for all.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Mapping
from enum import IntEnum
from pathlib import Path
from typing import Any, BinaryIO

from mm_framework.bundle.disk import writing
from mm_framework.bundle.names import check_run_id
from mm_framework.errors import ConfigError, MMError
from mm_framework.model.fixed import text
from mm_framework.model.frame import encode_json
from mm_framework.model.instrument import Definition
from mm_framework.model.orders import Fill, Intent
from mm_framework.model.tops import TopEvent
from mm_framework.trading.actor import Actor
from mm_framework.trading.exchange import Answer
from mm_framework.trading.ledger import AMOUNTS, AccountResult, Money, by_quote, least_scale, money_scale
from mm_framework.trading.matching import Report
from mm_framework.trading.queued import AnyPipeline

__all__ = [
    "RESULTS",
    "ResultWriter",
    "callback_stats",
    "money_lines",
    "money_text",
    "pnl_document",
    "run_document",
]

RESULTS = "results"
E6 = 6


def run_document(
    pipeline: AnyPipeline | None,
    mode: str,
    elapsed_ms: int,
    *,
    execution: str = "sim",
    pnl: bool = False,
    refusals: bool = False,
    error: MMError | None = None,
) -> dict[str, Any]:
    """The keys that both modes have. ``pipeline`` is None when the run failed before it began."""
    failed = error or (pipeline.errors[0] if pipeline is not None and pipeline.errors else None)
    document: dict[str, Any] = {
        "ok": failed is None,
        "mode": mode,
        "execution": execution,
        "canonical_events": 0 if pipeline is None else pipeline.canonical_events,
        "intents": 0 if pipeline is None else pipeline.intents.count,
        "final_hash": None if pipeline is None else pipeline.intents.hexdigest(),
        "elapsed_ms": elapsed_ms,
    }
    if failed is not None:
        document["error"] = str(failed)
    if pnl and pipeline is not None:
        document["pnl"] = pnl_document(pipeline.ledger.results())
    if refusals and pipeline is not None:
        document["refusals"] = {actor.name: _by_reason(actor) for actor in pipeline.actors}
    return document


def callback_stats(pipeline: AnyPipeline) -> dict[str, dict[str, Any]]:
    """For each strategy how often it was called, what it asked for and what came of it."""
    return {
        actor.name: {
            "calls": actor.calls,
            "errors": int(actor.error is not None),
            "fills": actor.fills,
            "intents": actor.intents,
            "refused": actor.refused,
            "refused_by": _by_reason(actor),
        }
        for actor in pipeline.actors
    }


def _by_reason(actor: Actor) -> dict[str, int]:
    return {reason.text: count for reason, count in sorted(actor.refusals.items())}


def pnl_document(results: Iterable[AccountResult]) -> dict[str, Any]:
    """The value of ``pnl``; ``stale_marks`` lists instruments that were not marked at a live price."""
    results = list(results)
    sums = by_quote(result for result in results if result.fills) or {"": Money("", E6)}
    scale = max(money.least_scale(E6) for money in sums.values())
    amounts = {quote: _amounts(money.at(scale)) for quote, money in sums.items()}
    document: dict[str, Any] = {"by_quote": amounts} if len(amounts) > 1 else dict(*amounts.values())
    if scale != E6:
        document["money_scale"] = scale
    if stale := sorted({result.instrument for result in results if result.stale}):
        document["stale_marks"] = stale
    return document | _positions(results)


def money_lines(results: Iterable[AccountResult]) -> list[tuple[str, str]]:
    """Profit and loss for people: ``(currency, text)`` and ``(instrument, position)``."""
    traded = [result for result in results if result.fills]
    lines = []
    for quote, money in by_quote(traded).items():
        told = {name: money_text(getattr(money, name), money.scale) for name in AMOUNTS}
        lines.append(
            (
                quote,
                "total {total} = spread {spread} + adverse {adverse} + inventory {inventory}"
                " - fees {fees} + mark {mark_adjustment}".format(**told),
            )
        )
    for result in traded:
        stale = ", marked at a price that was no longer the market's" if result.stale else ""
        position = text(result.position, result.size_scale)
        lines.append((result.instrument, f"{result.strategy} holds {position}{stale}"))
    return lines


def _amounts(money: Money) -> dict[str, int]:
    return {
        "cash_e6": money.cash,
        "realized_pnl_e6": money.realized,
        "unrealized_pnl_e6": money.unrealized,
        "fees_paid_e6": money.fees,
        "total_pnl_e6": money.total,
    }


def _positions(results: list[AccountResult]) -> dict[str, Any]:
    traded = [result for result in results if result.fills]
    scale = max((least_scale(r.position, r.size_scale, E6) for r in traded), default=E6)
    positions: dict[str, int] = {}
    for result in traded:
        up, down = 10 ** max(0, scale - result.size_scale), 10 ** max(0, result.size_scale - scale)
        positions[result.instrument] = positions.get(result.instrument, 0) + result.position * up // down
    document: dict[str, Any] = {"positions_e6": dict(sorted(positions.items()))}
    return document if scale == E6 else document | {"position_scale": scale}


class ResultWriter:
    """An observer that writes the files of a run; made by `create`, ended by `close`."""

    def __init__(self, folder: Path, files: dict[str, BinaryIO], stack: contextlib.ExitStack) -> None:
        self.folder, self._files, self._stack = folder, files, stack

    @classmethod
    def create(cls, data_dir: Path, run_id: str, *, reports: bool = False) -> ResultWriter:
        """A new folder of results; ``reports``: with a file of them.

        Raises ConfigError when it exists, EnvironmentFailed by the disk.
        """
        folder = data_dir / RESULTS / check_run_id(run_id)
        with contextlib.ExitStack() as stack, writing(folder):
            folder.parent.mkdir(parents=True, exist_ok=True)
            try:
                folder.mkdir()
            except FileExistsError:
                raise ConfigError(
                    f"results {folder} exist and are never overwritten: choose another run id",
                    key="run_id",
                    value=run_id,
                ) from None
            files: dict[str, BinaryIO] = {
                name: stack.enter_context((folder / f"{name}.ndjson").open("xb"))
                for name in ("tops", "intents", "fills", *(("reports",) if reports else ()))
            }
            return cls(folder, files, stack.pop_all())

    def on_top(self, event: TopEvent) -> None:
        """See `trading.pipeline.Observer`."""
        self._write("tops", event._asdict())

    def on_intent(self, intent: Intent, answer: Answer, definition: Definition | None) -> None:
        """See `trading.pipeline.Observer`."""
        line = {
            "seq": intent.seq,
            "strategy_id": intent.strategy,
            "intent_type": _word(intent.kind),
            "order": intent.order,
            "market_id": intent.instrument,
            "side": _word(intent.side),
            "price": _decimal(intent.price, None if definition is None else definition.price_scale),
            "size": _decimal(intent.size, None if definition is None else definition.size_scale),
            "tif": _word(intent.tif),
            "urgency": _word(intent.urgency),
            "tag": intent.tag,
            "expires_ns": intent.expires_ns,
            "state": _word(answer.state),
            "refusal": None if answer.refusal is None else answer.refusal.text,
        }
        self._write("intents", line)

    def on_report(self, report: Report, definition: Definition) -> None:
        """See `trading.pipeline.Observer`."""
        line = {
            "mono_ns": report.ts_ns,
            "strategy_id": report.strategy,
            "market_id": report.instrument,
            "order": report.order,
            "answers": _word(report.kind),
            "state": _word(report.state),
            "refusal": None if report.refusal is None else report.refusal.text,
            "price": text(report.price, definition.price_scale),
            "size": text(report.size, definition.size_scale),
            "leaves": text(report.leaves, definition.size_scale),
        }
        self._write("reports", line)

    def on_fill(self, fill: Fill, fee: int, definition: Definition) -> None:
        """See `trading.pipeline.Observer`."""
        line = {
            "seq": fill.seq,
            "mono_ns": fill.mono_ns,
            "strategy_id": fill.strategy,
            "market_id": fill.instrument,
            "order": fill.order,
            "side": _word(fill.side),
            "price": text(fill.price, definition.price_scale),
            "size": text(fill.size, definition.size_scale),
            "fee": money_text(fee, money_scale(definition)),
            "maker": fill.maker,
        }
        self._write("fills", line)

    def close(self, document: Mapping[str, Any], pipeline: AnyPipeline) -> None:
        """Write ``summary.json`` and close all files. Raises EnvironmentFailed."""
        accounts = [
            {
                "strategy_id": result.strategy,
                "market_id": result.instrument,
                "position": text(result.position, result.size_scale),
                "fills": result.fills,
                "fills_without_mid": result.fills_without_mid,
                "stale_mark": result.stale,
                **{name: money_text(getattr(result.money, name), result.money.scale) for name in AMOUNTS},
                "quote": result.money.quote,
            }
            for result in pipeline.ledger.results()
            if result.fills
        ]
        with writing(self.folder):
            self._stack.close()
            # Not encode_json: amounts may go beyond 64 bits.
            summary = {
                **document,
                "accounts": accounts,
                "callback_stats": callback_stats(pipeline),
                "tops_rounded": pipeline.rounded,
            }
            body = json.dumps(summary, sort_keys=True)
            (self.folder / "summary.json").write_text(body + "\n", encoding="utf-8")

    def _write(self, name: str, line: dict[str, Any]) -> None:
        with writing(self.folder):
            self._files[name].write(encode_json(line) + b"\n")


def _word(value: IntEnum | None) -> str | None:
    return None if value is None else value.name.lower()


def _decimal(value: int | None, scale: int | None) -> str | None:
    return None if value is None or scale is None else text(value, scale)


def money_text(value: int, scale: int) -> str:
    """Decimal text of money, whose scale and size go beyond what `fixed.text` is made for."""
    whole, fraction = divmod(abs(value), 10**scale)
    sign = "-" if value < 0 else ""
    return f"{sign}{whole}.{fraction:0{scale}d}".rstrip("0").rstrip(".")
