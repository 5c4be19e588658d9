"""``make bench-store``: a day like the venue's, its workloads in processes of their own, one table."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path

import msgspec
import pytest

from mm_framework.model.events import Kind


def test_the_day_is_the_same_each_time_and_like_the_recording() -> None:
    """124 090 levels of a recording: 48 % deletions, 1 trade in 14 rows, no crossed book."""
    from store_day import frames

    heard = [*islice(frames(1.0), 20_000)]
    assert heard == [*islice(frames(1.0), 20_000)]
    times = [wall_ns for wall_ns, _ in heard]
    assert times == sorted(set(times))
    frames_of = [msgspec.json.decode(text) for _, text in heard]
    told = [frame["data"] for frame in frames_of if "stream" in frame]
    updates = [one for one in told if one["e"] == "depthUpdate"]
    levels = [level for one in updates for level in (*one["b"], *one["a"])]
    trades = [one for one in told if one["e"] == "trade"]
    assert 0.45 < sum(float(size) == 0 for _, size in levels) / len(levels) < 0.51
    assert 10 < len(levels) / len(trades) < 16
    bids, asks = ([price for one in updates for price, size in one[side] if float(size)] for side in "ba")
    assert len(bids) == pytest.approx(len(asks), rel=0.1)


def test_a_small_day_through_all_workloads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from run_store import main
    from store_day import make
    from store_workloads import OURS, Place, levels_of

    page, saved = tmp_path / "store.md", tmp_path / "store.json"
    names = ["build", "window", "cache", "levels"]
    command = [*names, "--rows", "30000", "--rounds", "1", "--peers", "none", "--build", str(tmp_path)]
    assert main([*command, "--json", str(saved), "--markdown", str(page)]) == 0
    printed, _, rest = capsys.readouterr().out.partition("\n\n")
    about, *lines = map(json.loads, printed.splitlines())
    figures = ["build", "window_sql", "cache_first", "cache_again", "levels_write", "levels_read"]
    assert [line["bench"] for line in lines] == figures
    assert [line["side"] for line in lines] == ["ours"] * 6
    results = json.loads(saved.read_text())["results"]
    assert [one["bench"] for one in results] == figures
    assert all(one["wall"] > 0 and one["cpu"] > 0 and one["peak_mib"] > 50 for one in results)
    assert 2 < results[0]["bytes_a_row"] < 64
    assert page.read_text() == f"# Benchmarks of the store\n\n{rest}"
    assert all(f"- `{name}`: " in rest for name in OURS)
    day = make(tmp_path, 30_000)
    assert about["rows"] == day.rows == pytest.approx(30_000, rel=0.2)
    levels = levels_of(Place(tmp_path / f"{day.run.name}-work", day.run, 0, 1).opened())
    assert set(levels["kind"].tolist()) == {Kind.LEVEL}


def test_the_others_find_the_same_answers(tmp_path: Path) -> None:
    from store_day import make
    from store_peers import DUCKDB, POLARS
    from store_workloads import OURS, Place

    day = make(tmp_path, 30_000)
    (tmp_path / "work").mkdir()
    place = Place(tmp_path / "work", day.run, day.from_ns, day.to_ns)
    OURS["build"][0](place)
    for name in ("window", "bars"):
        ours = {bench: one.facts for bench, one in OURS[name][0](place).items()}
        for peer in (DUCKDB, POLARS):
            assert {bench: one.facts for bench, one in peer[name](place).items()} == ours


def test_a_side_that_fails_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from peer_environments import Unavailable
    from run_store import Side, main

    with pytest.raises(Unavailable, match="ours build failed with exit code 1: it says nothing"):
        Side("ours", "build", ("false",)).run()
    with pytest.raises(SystemExit) as ended:
        main(["nothing", "--build", str(tmp_path)])
    assert ended.value.code == 2
    assert "no workload is called nothing" in capsys.readouterr().err
