"""Twenty books of Binance to be built anew when the venue bans: no request too many, and all are back."""

from __future__ import annotations

import os
from functools import partial
from typing import Any

import attrs
import pytest

from mm_binance.adapter import BinanceAdapter
from mm_binance.emulator import BinanceDialect
from mm_binance.emulator_settings import BinanceEmulatorSettings
from mm_binance.markets import SPOT
from mm_binance.normalizer import BinanceNormalizer
from mm_binance.sync import SPOT_RULES
from mm_framework.capture.settings import CaptureSettings
from mm_framework.model.frame import RecordKind, iter_records, split_http
from mm_framework.testing.simulation import Simulation, Venue

S = 1_000_000_000
BUDGET = 1200
SEEDS = int(os.environ.get("MM_SEEDS", "2"))
NAMES = (
    "BTC/USDT", "ETH/USDT", "BNB/USDT", "SOL/USDT", "DOGE/USDT", "CRV/USDT", "COMP/USDT", "NKN/USDT",
    "XEM/USDT", "ATOM/USDT", "AVAX/USDT", "DOT/USDT", "LINK/USDT", "NEAR/USDT", "XLM/USDT", "BTC/EUR",
    "ADA/EUR", "ETH/BTC", "LRC/BTC", "LTC/BRL",
)  # fmt: skip


def adapter() -> BinanceAdapter:
    """The usual one, with a budget that twenty snapshots nearly exhaust."""
    made = BinanceAdapter(SPOT)
    made.limits = attrs.evolve(made.limits, rest_weight=BUDGET)
    return made


def simulation(seed: int, faults: str, **rest: Any) -> Simulation:
    venue = Venue(
        adapter,
        partial(BinanceNormalizer, SPOT),
        SPOT_RULES,
        tuple(f"binance:{name}" for name in NAMES),
        partial(BinanceDialect, SPOT, BinanceEmulatorSettings(weight=BUDGET, **rest)),
    )
    return Simulation(venue, seed, 260.0, faults, rate=1.0, channels=("depth",))


def weights(run: Simulation) -> Any:
    """The venue's own count."""
    return run.emulator._frontend.rest.weights  # type: ignore[attr-defined]


def answers(run: Simulation) -> list[tuple[int, int]]:
    """When each answer came, and its status."""
    records = (one for raw in run.tape.records for one in iter_records(raw))
    return [
        (one.mono_ns, split_http(one.payload)[0]["status"]) for one in records if one.kind == RecordKind.HTTP
    ]


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_ban_while_every_book_is_lost_is_waited_out(seed: int) -> None:
    run = simulation(seed, "reset@75", ban_at_s=75.2, ban_s=90.0)
    result = run.run()
    count, told = weights(run), answers(run)
    under_way = CaptureSettings().rest_concurrent
    assert result.reconnects["total"] == 1
    assert count.refused[429] == 0
    assert count.peak <= BUDGET
    assert 1 <= count.refused[418] <= under_way, "only those that were under way when the ban came"
    banned_ns = min(at for at, status in told if status == 418)
    silent = [at for at, status in told if banned_ns + S < at < banned_ns + 89 * S]
    assert silent == [], "nothing is asked while the ban lasts"
    assert {one["state"] for one in result.instruments.values()} == {"SYNCED"}
    assert run.oracle.counts["SYNCED"] >= 2 * len(NAMES)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_books_that_are_lost_again_and_again_stay_within_the_budget(seed: int) -> None:
    run = simulation(seed, "reset:0.02,drop:0.02,429:0.02,418:0.01,5xx:0.1,stale:0.2", snapshot_lag_ms=1000)
    run.run()
    count = weights(run)
    assert (count.refused[429], count.refused[418]) == (0, 0), "the venue itself had no reason to"
    assert BUDGET // 4 < count.peak <= BUDGET
    assert {429, 418, 503} & {status for _, status in answers(run)}
