"""The collectors: a thread of their own, a board that is replaced as a whole, the score."""

from __future__ import annotations

import threading

import pytest
from prometheus_client.parser import text_string_to_metric_families

from mm_framework.calibrate.chunk import Chunk, Filled, Gap, Tick
from mm_framework.calibrate.collectors import Collectors, Features, score
from mm_framework.calibrate.features import FEATURES
from mm_framework.calibrate.prometheus import Exposition
from mm_framework.calibrate.settings import CollectorSettings, ScoreboardSettings

S = 1_000_000_000


def tick(ts_s: float, symbol: str = "A", size: float = 2.0) -> Tick:
    return Tick(round(ts_s * S), f"toy:{symbol}", symbol, 99.0, size, 101.0, 3.0, quotes=1)


def fill(ts_s: float, symbol: str = "A", *, maker: bool = True) -> Filled:
    return Filled(
        round(ts_s * S), f"toy:{symbol}", symbol, "s", 1, 1, 99.0, 1.0, 0.0, maker, 99.0, 100.0, 2.0, 100.0, 0
    )


def test_the_board_holds_every_symbol_once_all_chunks_are_worked_off() -> None:
    collectors = Collectors()
    collectors.on_chunk(Chunk(1, [tick(0), tick(0, "B")], [fill(0)]))
    collectors.on_chunk(Chunk(2, [tick(1)], [fill(1, maker=False)]))
    collectors.close()
    a, b = collectors.board["toy:A"], collectors.board["toy:B"]
    assert (a.symbol, a.total_ticks, a.fills, a.maker_fills, a.taker_fills) == ("A", 2, 2, 1, 1)
    assert (b.total_ticks, b.fills, b.net_bps) == (1, 0, None)
    assert a.net_bps == pytest.approx(1e4 * 2 / 198)


def test_any_thread_may_hand_in_chunks_and_none_is_lost() -> None:
    collectors = Collectors()

    def work(symbol: str) -> None:
        for n in range(500):
            collectors.on_chunk(Chunk(n, [tick(n, symbol)]))

    threads = [threading.Thread(target=work, args=(symbol,)) for symbol in "ABCD"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    collectors.close()
    assert {one.symbol: one.total_ticks for one in collectors.board.values()} == dict.fromkeys("ABCD", 500)


def test_rows_of_a_chunk_are_taken_by_time_and_fills_before_their_wakeup() -> None:
    chunk = Chunk(9, [tick(0), tick(1), tick(3)], [fill(1)], [Gap(round(1.5 * S), 2 * S, "toy:A", "A")])
    features = Features(CollectorSettings(), ScoreboardSettings())
    features.add(chunk)
    board = features.board()["toy:A"]
    assert board.features["adverse_move_bps"] is None  # the gap lies between the fill and its horizon
    assert board.features["fill_rate"] == 1 / 3


def test_alpha_may_be_set_a_symbol() -> None:
    features = Features(CollectorSettings(alphas={"B": 1.0}), ScoreboardSettings())
    features.add(Chunk(1, [tick(0, one, size) for one in "AB" for size in (2.0, 12.0)]))
    depths = {name: one.features["liq_top_depth"] for name, one in features.board().items()}
    assert depths == {"toy:A": pytest.approx(6.0), "toy:B": 15.0}


def test_a_broken_chunk_is_raised_by_the_next_call() -> None:
    collectors = Collectors()
    collectors.on_chunk(Chunk(1, [None]))  # type: ignore[list-item]
    with pytest.raises(AttributeError):
        collectors.close()


def test_the_score_weighs_what_is_known() -> None:
    unknown: dict[str, float | None] = dict.fromkeys(FEATURES)
    settings = ScoreboardSettings()
    assert score(unknown, None, settings) is None
    assert score(unknown, 5.0, settings) == pytest.approx(0.75)
    best = unknown | {"fill_rate": 1.0, "slippage_bps": -3.0, "queue_eta_ms": 0.0, "adverse_move_bps": -1.0}
    assert score(best, 20.0, settings) == pytest.approx(1.0)
    worst = unknown | {"fill_rate": 0.0, "slippage_bps": 11.0, "queue_eta_ms": 1e12, "adverse_move_bps": 99.0}
    assert score(worst, -20.0, settings) == pytest.approx(0.0, abs=1e-6)
    mixed = unknown | {"fill_rate": 0.5, "slippage_bps": 2.0, "queue_eta_ms": 1000.0, "adverse_move_bps": 5.0}
    expected = 0.4 * 0.5 + 0.2 * 0.5 + 0.2 * 0.8 + 0.1 * 0.5 + 0.1 * 0.5
    assert score(mixed, 0.0, settings) == pytest.approx(expected)


def test_the_metrics_have_the_names_that_users_rely_on() -> None:
    collectors = Collectors()
    collectors.on_chunk(Chunk(1, [tick(0)], [fill(0)]))
    collectors.close()
    exposition = Exposition()
    exposition.add(collectors.families)
    found = {
        sample.name: sample.value
        for family in text_string_to_metric_families(exposition.text().decode())
        for sample in family.samples
        if sample.labels["symbol"] == "A"
    }
    assert found["mm_symbol_fills_total"] == found["mm_symbol_fills_maker"] == 1
    assert found["mm_symbol_fills_taker"] == 0
    assert found["mm_symbol_total_ticks"] == 1
    assert 0 <= found["mm_symbol_score"] <= 1
    assert {"mm_symbol_net_bps", "mm_symbol_liq_top_depth", "mm_symbol_slippage_bps"} <= found.keys()
    shown = {family.name for family in collectors.families()}
    assert {f"mm_symbol_{name}" for name in FEATURES} <= shown
