"""What a reader of a result should know before believing it: one sentence each. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from mm_framework.results.performance import DAY_NS
from mm_framework.results.summary import OWN_SHARE_LIMIT
from mm_framework.results.words import duration, share

__all__ = ["ONE_QUEUE", "doubts"]

FEW_FILLS: Final = 30
FEW_BLOCKS: Final = 10
MUCH_CLIPPED: Final = 0.01
MUCH_LOST: Final = 0.01
LEAST_DAYS: Final = 30
ONE_QUEUE: Final = "one queue model only"
"""How the doubt begins that a comparison of two of them settles."""


def doubts(summary: Mapping[str, Any], document: Mapping[str, Any]) -> list[str]:
    """``summary``: of `summary.summarize`; ``document``: what the result says of its making."""
    by_sentence: dict[str, list[str]] = {}
    for account in summary["accounts"]:
        name = f"{account['strategy']} in {account['instrument']}"
        for sentence in _account(account):
            by_sentence.setdefault(sentence, []).append(name)
    told = [f"{', '.join(names)}: {sentence}" for sentence, names in by_sentence.items()]
    return [*_made(document), *_market(summary), *told]


def _made(document: Mapping[str, Any]) -> Iterator[str]:
    for error in document.get("errors") or ():
        yield f"a strategy was stopped: {error}"
    for one in document.get("instruments") or ():
        missing = [name for name in ("tick_size", "lot_size") if name in one and one[name] is None]
        if missing:
            told = " and no ".join(name.replace("_", " ") for name in missing)
            yield f"{one['id']}: no {told} is known: orders stand where the venue would not take them"
    timeline = document.get("timeline") or {}
    clipped = timeline.get("clipped_share")
    if clipped is not None and clipped > MUCH_CLIPPED:
        yield f"{share(clipped)} of the venue's times had to be moved to be possible: the clocks do not agree"
    sources = {str(clock.get("source")) for clock in timeline.get("clocks") or ()}
    if "estimated" in sources:
        yield "the offset of a venue's clock was estimated from the data, not measured"
    if "none" in sources:
        yield "a venue tells no time: its data is taken to be as old as the settings say"
    queue = str((document.get("models") or {}).get("queue") or "")
    if "optimistic" in queue:
        yield "the optimistic queue model is an upper bound of fills, no estimate"
    elif queue:
        yield f"{ONE_QUEUE} ({queue}): if the sign changes under another one, there is no result"
    if document and not document.get("ladder"):
        yield "one latency only: run it with --latency-ladder, to see whether it lives on being fast"


def _market(summary: Mapping[str, Any]) -> Iterator[str]:
    days = (summary["end_ns"] - summary["start_ns"]) / DAY_NS
    if days < LEAST_DAYS:
        told = duration(days * 86_400)
        yield f"{told} are too short for ratios by the year: a mean and its interval are all there is"
    for name, trusted in summary["trusted_share"].items():
        if trusted is not None and 1 - trusted > MUCH_LOST:
            yield f"{name}: {share(1 - trusted)} of the time had no trusted book; nothing fills then"


def _account(account: Mapping[str, Any]) -> Iterator[str]:
    orders, own = account["orders"], account["own_share"]
    if orders["fills"] < FEW_FILLS:
        yield f"{orders['fills']} fills are too few to say anything of an edge"
    elif account["markouts"] and max(one["blocks"] for one in account["markouts"]) < FEW_BLOCKS:
        yield f"the fills lie in fewer than {FEW_BLOCKS} blocks of time: intervals of markouts are rough"
    if own["over_limit"]:
        yield (
            f"{share(own['over_limit'])} of quotes are larger than {share(OWN_SHARE_LIMIT)} of what the best"
            " level shows: the market would have answered them"
        )
    if account["beyond_best_level"]:
        yield "the position was larger than the best level at times: closing it costs more than the spread"
    if account["fills_without_mid"]:
        yield f"{account['fills_without_mid']} fills had no mid before them: their spread is to an older one"
    if account["stale_mark"]:
        yield "the last mark is at a price that was no longer the market's"
