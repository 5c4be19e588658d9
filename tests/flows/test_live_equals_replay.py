"""A live run, replayed from its own bundle: the same rows, states, books and intents.

By default a few seeds; ``MM_SEEDS=100`` runs a hundred.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from kraken_virtual import VirtualKraken

from mm_framework.bundle.rows import read_rows
from mm_framework.bundle.run import open_run
from mm_framework.bundle.verify import verify
from mm_framework.feed import Feed, Output
from mm_framework.model.frame import Block
from mm_framework.replay.source import replay
from mm_framework.trading.fees import FlatFee, FlatFeeSettings
from mm_framework.trading.pipeline import Pipeline
from mm_toy_spread.settings import ToySpreadSettings
from mm_toy_spread.strategy import toy_spread

SEEDS = int(os.environ.get("MM_SEEDS", "3"))
SYMBOLS = ("BTC/EUR", "DOGE/EUR", "ETH/EUR", "MINA/GBP", "SOL/EUR", "XRP/EUR")

pytestmark = pytest.mark.timeout(300)


class Digest:
    """A listener that hashes rows, messages and stamps in order."""

    done = False

    def __init__(self) -> None:
        self.rows, self.messages, self.n_rows = hashlib.sha256(), hashlib.sha256(), 0
        self.ended: list[int] = []

    def on_output(self, shard: int, record: Block, mono_ns: int, output: Output) -> None:
        self.rows.update(output.rows)
        self.n_rows += output.n_rows
        for when in output.mono_ns:
            self.messages.update(f"{shard} {when}\n".encode())

    def next_timer_ns(self) -> int | None:
        return None

    def restore(self, feed: Feed, mono_ns: int) -> None:
        raise AssertionError("a whole run begins without a checkpoint")

    def on_end(self, mono_ns: int) -> None:
        self.ended.append(mono_ns)

    def told(self) -> tuple[str, str, int, list[int]]:
        return self.rows.hexdigest(), self.messages.hexdigest(), self.n_rows, self.ended


def pipeline() -> Pipeline:
    taker = toy_spread(ToySpreadSettings(min_spread="0.0001", size="0.01", urgency="taker"))
    maker = toy_spread(ToySpreadSettings(min_spread="0.0001", size="0.01"))
    return Pipeline({"maker": maker, "taker": taker}, FlatFee(FlatFeeSettings()))


@pytest.mark.parametrize("seed", range(SEEDS))
@pytest.mark.parametrize("shards", [1, 4])
def test_a_replay_gives_the_same_rows_and_intents(tmp_path: Path, seed: int, shards: int) -> None:
    """On a busy machine, with faults, the instruments dealt out in a way that the plan would not."""
    live_digest, live = Digest(), pipeline()
    run = VirtualKraken(
        seed,
        symbols=SYMBOLS,
        seconds=60,
        rate=3.0,
        shards=shards,
        deal=lambda position, name: (position * 5 + seed) % shards,
        busy=True,
        record=tmp_path / "run",
        listeners=[live_digest, live],
    )
    result = run.run()
    bundle = open_run(tmp_path / "run")
    assert len(bundle.shards) == len({(n * 5 + seed) % shards for n in range(len(SYMBOLS))})

    again_digest, again = Digest(), pipeline()
    replayed = replay(bundle, run.kits, again_digest)
    replay(bundle, run.kits, again)
    assert again_digest.told() == live_digest.told()
    assert again.intents.hexdigest() == live.intents.hexdigest()
    assert again.submitted == live.submitted > 20
    assert again.canonical_events == live.canonical_events
    views = [view for feed in replayed.feeds.values() for view in feed.instruments()]
    assert {view.state.name for view in views} == {"STOPPED"}
    epochs = {name: one["epoch"] for name, one in result.instruments.items()}
    assert {view.id: view.epoch for view in views} == epochs


def test_the_bundle_of_a_run_under_faults_verifies_but_for_the_faults(tmp_path: Path) -> None:
    run = VirtualKraken(11, seconds=120, rate=5.0, shards=2, record=tmp_path / "run", busy=True)
    result = run.run()
    report = verify(open_run(tmp_path / "run"), run.kits)
    document = report.to_json()
    assert document["frames"] == result.counts.frames
    assert document["checksums"] == {
        "verified": result.counts.checksums_verified,
        "failed": result.counts.checksums_failed,
    }
    assert (document["gaps"], document["epochs"]) == (result.counts.gaps, result.counts.epochs)
    assert document["totals"]["crc_mismatch"] == document["totals"]["errors"] == 0


def test_the_bundle_of_a_clean_run_verifies(tmp_path: Path) -> None:
    run = VirtualKraken(12, faults="", seconds=60, rate=10.0, record=tmp_path / "run")
    run.run()
    bundle = open_run(tmp_path / "run")
    assert bundle.manifest.state == "complete"
    report = verify(bundle, run.kits).to_json()
    assert report["ok"] is True
    assert report["checksums"]["verified"] > 500
    assert len(read_rows(bundle, run.kits).rows) > 1000
    assert [line["event"] for line in bundle.connections()] == ["open", "lost"]
    assert {line["id"] for line in bundle.instruments()} == {"kraken:BTC/EUR", "kraken:MINA/GBP"}
    assert sum(line["event"] == "heartbeat" for line in bundle.runlog()) in (59, 60)
