"""Real recordings in a store: exactly the events of the bundle, and any tail is the tail of the whole."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from mm_framework import api
from mm_framework.cli import main
from mm_framework.model.events import RowFlag
from mm_framework.store.reader import Store, open_store
from mm_framework.store.row_cache import RowCache

pytest.importorskip("mm_kraken")

RECORDINGS = [
    ("binance", "binance/spot_btcusdt_20240808.log.gz", None),
    (
        "bitfinex",
        "bitfinex/tBTCUSD_P0_F0_100_trades_session1_20181112.ndjson.gz",
        "fixed:1542000000000000000",
    ),
    ("kraken", "kraken/v1_book1000_5pairs_20210417.ndjson.gz", None),
    ("kraken", "kraken/v2_book10_BTC-USD_20230730_restored.ndjson.gz", "venue"),
    ("kraken", "kraken/v2_book25_MINA-GBP_20260816.ndjson", None),
]


def mm(*arguments: str) -> None:
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output


LONG = bool(os.environ.get("MM_SEEDS"))  # read now: tests run without variables of ours


@pytest.mark.parametrize(("venue", "name", "receive"), RECORDINGS, ids=[one[1] for one in RECORDINGS])
def test_a_recording_in_a_store(
    venue: str, name: str, receive: str | None, tmp_path: Path, shared_data: Path
) -> None:
    if venue == "bitfinex" and not LONG:
        pytest.skip("917,363 frames take a quarter of a minute: set MM_SEEDS to read them")
    run, out = str(tmp_path / "run"), str(tmp_path / "store")
    times = () if receive is None else ("--assume-receive", receive)
    mm("import", str(shared_data / name), "--venue", venue, "--out", run, *times)
    mm("store", "build", run, "--out", out)
    bundle = api.open_bundle(run)
    store = open_store(out, cache=RowCache(tmp_path / "cache"))
    assert store.manifest.rows == len(bundle.rows())
    assert store.events(policy="any").digest() == bundle.event_digest()
    check_tails(store)


def check_tails(store: Store) -> None:
    """From any instant on there are the same rows, and at the end the same books."""
    whole = np.concatenate([*store.events(policy="any").blocks()])
    whole = whole[whole["flags"] & RowFlag.SYNTHETIC == 0]
    names = [name for name in whole.dtype.names or () if name != "seq"]
    for share in (0.1, 0.5, 0.9):
        instant = int(whole["ts_recv_ns"][int(len(whole) * share)])
        tail = np.concatenate([*store.events(from_ns=instant, policy="any").blocks()])
        tail = tail[tail["flags"] & RowFlag.SYNTHETIC == 0]
        expected = whole[whole["ts_recv_ns"] >= instant]
        assert len(tail) == len(expected)
        assert all((tail[name] == expected[name]).all() for name in names)
