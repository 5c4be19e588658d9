"""The named safeguards of the market-data cache (requirement E9), and its modes (E1)."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import FrameType
from typing import Any

import pytest

from mm_framework.calibrate.md_cache import MAX_LEVELS, Held, MdCache, Mode, Refresh
from mm_framework.calibrate.settings import MdCacheSettings
from mm_framework.contracts.strategy import Strategy
from mm_framework.testing.strategies import feed, tape
from mm_framework.trading.fees import FlatFee, FlatFeeSettings
from mm_framework.trading.pipeline import Pipeline

MS = 1_000_000
BOOK = Held([(99, 1), (98, 2), (97, 3)], [(101, 1), (102, 2), (103, 3)], depth=3)
NEWER = Held([(100, 9)], [(101, 9)])


def cache(**settings: Any) -> MdCache:
    """One with a book of time 0."""
    made = MdCache(MdCacheSettings(**settings))
    assert made.put("A", BOOK, 0, number=10)
    return made


def test_settings_are_those_that_users_rely_on() -> None:
    settings = MdCacheSettings()
    assert (settings.enabled, settings.ttl_ms, settings.fresh_ms_for_pricing) == (False, 100, 60)
    assert (settings.stale_ok, settings.invalidate_on_ws_gap_ms) == (True, 300)


def test_fresh_only_mode_forces_sync_refresh() -> None:
    made = cache()
    fresh = made.get("A", 100 * MS, Mode.FRESH_ONLY)
    assert (fresh.book, fresh.context.hit, fresh.refresh, fresh.wait_until_ns) == (BOOK, True, None, None)
    stale = made.get("A", 101 * MS, Mode.FRESH_ONLY)
    assert stale.book is None
    assert stale.refresh == Refresh("A", 1)
    assert stale.wait_until_ns == 151 * MS
    assert made.refreshed("A", NEWER, 120 * MS, number=11)
    again = made.get("A", 120 * MS, Mode.FRESH_ONLY)
    assert (again.book, again.context.hit) == (NEWER, True)


def test_fresh_only_mode_never_gives_stale_data_and_counts_a_deadline_miss() -> None:
    made = cache()
    waiting = made.get("A", 500 * MS, Mode.FRESH_ONLY)
    assert waiting.levels(1) is None
    assert not waiting.context.used_stale
    made.timed_out()
    assert made.deadline_misses == 1
    assert made.get("A", 600 * MS, Mode.FRESH_ONLY).book is None


def test_pricing_threshold_triggers_async_refresh() -> None:
    made = cache()
    assert made.get("A", 60 * MS, Mode.PRICING).context.hit
    answer = made.get("A", 61 * MS, Mode.PRICING)  # younger than the TTL: the threshold comes first
    assert answer.book is BOOK
    assert (answer.context.hit, answer.context.stale, answer.context.used_stale) == (False, True, True)
    assert answer.refresh == Refresh("A", 1)
    assert answer.wait_until_ns is None


def test_pricing_gives_the_old_book_beyond_the_ttl_too() -> None:
    answer = cache(stale_ok=False).get("A", 900 * MS, Mode.PRICING)
    assert (answer.book, answer.context.used_stale) == (BOOK, True)


def test_sequence_gap_invalidates_cache() -> None:
    made = cache()
    made.forget("A")
    for mode in Mode:
        answer = made.get("A", 1 * MS, mode)
        assert (answer.book, answer.context.hit, answer.context.age_ns) == (None, False, None)
    assert made.put("A", NEWER, 2 * MS, number=1)  # a new sequence may begin anywhere
    assert made.get("A", 2 * MS).book is NEWER


def test_depth_miss_no_upscaling() -> None:
    made = cache()
    answer = made.get("A", 1 * MS, Mode.GENERAL, depth=4)
    assert answer.book is None
    assert answer.refresh == Refresh("A", 4)
    assert (made.hits, made.misses) == (0, 1)


def test_depth_hit_downscaling_ok() -> None:
    made = cache()
    answer = made.get("A", 1 * MS, Mode.GENERAL, depth=2)
    assert answer.context.hit
    assert answer.levels(2) == (((99, 1), (98, 2)), ((101, 1), (102, 2)))


def test_rewind_detection_invalidates_cache() -> None:
    made = cache()
    assert not made.put("A", NEWER, 1 * MS, number=9)
    assert made.get("A", 1 * MS).book is None
    made = cache()
    assert made.put("A", NEWER, 5 * MS, number=10)
    assert not made.put("A", BOOK, 4 * MS)  # time goes back
    assert made.get("A", 5 * MS).book is None


def test_stale_ok_returns_stale_and_triggers_async_refresh() -> None:
    made = cache()
    answer = made.get("A", 101 * MS)
    assert (answer.book, answer.context.used_stale, answer.context.age_ns) == (BOOK, True, 101 * MS)
    assert answer.refresh == Refresh("A", 1)
    assert answer.wait_until_ns is None
    assert made.stale_uses == 1


def test_general_mode_uses_stale_ok() -> None:
    assert cache(stale_ok=True).get("A", 101 * MS, Mode.GENERAL).book is BOOK
    refused = cache(stale_ok=False).get("A", 101 * MS, Mode.GENERAL)
    assert (refused.book, refused.refresh) == (None, Refresh("A", 1))
    assert cache(stale_ok=False).get("A", 100 * MS, Mode.GENERAL).context.hit


def test_one_refresh_of_a_symbol_is_under_way() -> None:
    made = cache()
    made.put("B", BOOK, 0)
    assert made.get("A", 200 * MS, Mode.PRICING).refresh is not None
    assert made.get("A", 201 * MS, Mode.FRESH_ONLY).refresh is None
    assert made.get("B", 201 * MS, Mode.PRICING).refresh == Refresh("B", 1)
    assert made.inflight == 2
    made.failed("A", 230 * MS)
    assert made.inflight == 1
    assert made.get("A", 231 * MS, Mode.PRICING).refresh is not None


def test_a_refresh_that_is_never_answered_is_forgotten() -> None:
    made = cache()
    assert made.get("A", 200 * MS).refresh is not None
    assert made.get("A", 10_199 * MS).refresh is None
    assert made.get("A", 10_200 * MS).refresh is not None


def test_a_loss_of_the_stream_forgets_the_book_when_it_lasts() -> None:
    made = cache(ttl_ms=1e6)
    made.lost("A", 10 * MS)
    assert made.get("A", 310 * MS).context.hit
    assert made.get("A", 311 * MS).book is None
    made = cache(ttl_ms=1e6)
    made.lost("A", 10 * MS)
    made.put("A", NEWER, 200 * MS, number=11)
    assert made.get("A", 900 * MS).book is NEWER


def test_a_symbol_that_nobody_knows_is_a_miss() -> None:
    answer = MdCache().get("A", 0, Mode.FRESH_ONLY, depth=5)
    assert (answer.book, answer.refresh, answer.wait_until_ns) == (None, Refresh("A", 5), 50 * MS)


def test_more_levels_than_are_ever_held_are_not_asked_for() -> None:
    assert cache().get("A", 0, depth=MAX_LEVELS + 1).refresh is None


def test_a_symbol_takes_less_than_50_kb() -> None:
    levels = [(10**12 + n, 10**12 + n) for n in range(500)]
    made = MdCache()
    made.put("A", Held(levels, list(levels)), 0)
    assert len(made.get("A", 0).levels(500) or ()) == 2
    assert sum(sizes(made._entries, set())) < 50_000


def test_metrics_count_what_was_asked() -> None:
    made = cache()
    made.get("A", 10 * MS)
    made.get("A", 200 * MS)
    made.refreshed("A", NEWER, 230 * MS)
    made.get("A", 230 * MS)
    values = {family.name: family.rows[0].value for family in made.families()}
    assert values == {
        "mm_md_cache_hit_ratio": pytest.approx(2 / 3),
        "mm_md_cache_size": 1,
        "mm_md_cache_inflight_refreshes": 0,
        "mm_md_cache_total_hits": 2,
        "mm_md_cache_total_misses": 1,
        "mm_md_cache_refresh_latency_p95_ms": pytest.approx(30),
    }


def test_zero_overhead_when_disabled() -> None:
    """A run without a cache calls nothing of it; `test_run_watch` says the same of the whole command."""
    called: set[str] = set()

    def note(frame: FrameType, event: str, argument: object) -> None:
        called.add(frame.f_code.co_filename.replace("\\", "/").rpartition("/")[2])

    market = tape().book(bids=[("99.00", "2")], asks=[("101.00", "2")])
    steps = market.book(bids=[("99.50", "2")], asks=[("101.00", "2")]).steps
    take = Strategy(lambda state, wake, view, out: out.place(0, 1, view[0].ask, 1), python_only=True)
    pipeline = Pipeline({"take": take}, FlatFee(FlatFeeSettings()))
    sys.setprofile(note)
    try:
        feed(pipeline, steps)
    finally:
        sys.setprofile(None)
    assert pipeline.intents.count == 2
    assert "desk.py" in called
    assert not called & {"md_cache.py", "market_data.py", "chunks.py", "collectors.py"}


def sizes(thing: object, seen: set[int]) -> Iterator[int]:
    """Bytes of an object and of what it holds."""
    if id(thing) in seen:
        return
    seen.add(id(thing))
    yield sys.getsizeof(thing)
    inside = [getattr(thing, name) for name in getattr(thing, "__slots__", ()) if not name.startswith("__")]
    if isinstance(thing, dict):
        inside += [*thing.keys(), *thing.values()]
    elif isinstance(thing, tuple):
        inside += thing
    for one in inside:
        yield from sizes(one, seen)
