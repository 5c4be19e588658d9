"""``make bench-peers``: alternating rounds of processes; what cannot be installed or run is one line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

FAKE = """\
import json, sys
frames = open(sys.argv[1]).read().splitlines()
assert frames[0].startswith('[336,{"as":'), frames[0]
float(sys.argv[2])
seconds = len(frames) / 5000
told = {"version": "fake 1", "frames": len(frames), "passes": 2}
print(json.dumps({**told, "seconds": seconds, "cpu_seconds": seconds / 2}))
"""


def _peers(script: Path, requirements: Path | None = None) -> dict[str, object]:
    from run_peers import Peer

    return {"fake": Peer(script, "kraken", "v1", requirements, ("It only counts.",))}


@pytest.fixture
def fake(tmp_path: Path) -> Path:
    script = tmp_path / "fake.py"
    script.write_text(FAKE)
    return script


def test_the_sides_take_turns_and_every_round_is_kept(
    fake: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from run_peers import main

    saved, page = tmp_path / "peers.json", tmp_path / "peers.md"
    assert main(["--quick", "--json", str(saved), "--markdown", str(page)], _peers(fake), ()) == 0
    printed, _, table = capsys.readouterr().out.partition("\n\n")
    about, *told = map(json.loads, printed.splitlines())
    assert about["bench"] == "machine"
    rounds = [one for one in told if one["bench"] == "peers"]
    ours = [("ours, verify", "v1"), ("ours, feed", "v1"), ("ours, verify", "v2"), ("ours, feed", "v2")]
    order = [("fake", "v1"), *ours]
    assert [(one["round"], (one["side"], one["wire"])) for one in rounds] == [
        *((1, side) for side in order),
        *((2, side) for side in [*order[1:], order[0]]),
    ]
    assert {one["frames_per_s"] for one in rounds if one["side"] == "fake"} == {10_000}
    assert {one["frames_per_cpu_s"] for one in rounds if one["side"] == "fake"} == {20_000}
    assert {one["checksums"] for one in rounds if one["wire"] == "v1" and one["side"] != "fake"} == {
        one["frames"] - 1 for one in rounds if one["side"] == "fake"
    }
    results = json.loads(saved.read_text())["results"]
    assert [(one["side"], one["wire"]) for one in results] == order
    assert results[0]["ratios"] == {}
    for one in results[1:]:
        assert one["ratios"]["fake"] == pytest.approx([rate / 10_000 for rate in one["rounds"]], rel=0.01)
    assert page.read_text() == f"# Benchmarks beside peers\n\n{table}"
    for one, result in zip(told[len(rounds) :], results[1:3], strict=True):
        assert (one["bench"], one["peer"], one["ours"]) == ("beside", "fake", result["median"])
        assert one["work"] == f"kraken, {result['side'].removeprefix('ours, ')}"
        assert one["ratios"] == result["ratios"]["fake"]
        assert (one["floor"], one["aim"]) == (None, None)
    assert table.index("| kraken, verify | fake | frames/s |") < table.index("| fake | v1 | 10 000")
    assert "| side | wire | frames/s | times fake | times fake, CPU time | round 1 | round 2 |" in table
    assert "| fake | v1 | 10 000 | - | - | 10 000 | 10 000 |" in table
    assert "\n- It only counts.\n" in table


def test_a_peer_that_fails_is_one_line_and_exit_code_5(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from run_peers import main

    script = tmp_path / "fake.py"
    script.write_text("raise SystemExit('the moon is in the wrong place')")
    assert main(["--quick"], _peers(script), ()) == 5
    assert (
        capsys.readouterr().err
        == "bench-peers: fake failed with exit code 1: the moon is in the wrong place\n"
    )


def test_a_peer_that_cannot_be_installed_is_one_line_and_exit_code_5(
    fake: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from run_peers import main

    monkeypatch.setenv("PIP_NO_INDEX", "1")
    requirements = tmp_path / "fake.txt"
    requirements.write_text("there-is-no-such-package==1.0\n")
    assert main(["--quick", "--build", str(tmp_path / "build")], _peers(fake, requirements), ()) == 5
    *_, last = capsys.readouterr().err.splitlines()
    assert last.startswith("bench-peers: fake could not be installed: ERROR: ")
    assert "there-is-no-such-package" in last
    assert not (tmp_path / "build" / "fake").exists()


def test_an_environment_is_made_once_for_the_same_versions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from peer_environments import Unavailable, environment

    def no_more(*arguments: object, **options: object) -> None:
        raise OSError("no space left")

    folder, requirements = tmp_path / "nothing", tmp_path / "nothing.txt"
    requirements.write_text("# nothing\n")
    python = environment(folder, requirements)
    assert python.is_file()
    monkeypatch.setattr("venv.create", no_more)
    assert environment(folder, requirements) == python
    requirements.write_text("# other versions of nothing\n")
    with pytest.raises(Unavailable, match="nothing could not be installed: no space left;"):
        environment(folder, requirements)
    assert not folder.exists()


def test_an_unknown_peer_is_a_usage_error(fake: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from run_peers import main

    with pytest.raises(SystemExit) as stopped:
        main(["other"], _peers(fake), ())
    assert stopped.value.code == 2
    assert "no peer is called other" in capsys.readouterr().err


def test_every_peer_has_a_script_and_exact_versions(repository: Path) -> None:
    from run_peers import PEERS

    assert PEERS
    for peer in PEERS.values():
        assert peer.script.parent == repository / "benchmarks" / "peers"
        compile(peer.script.read_text(encoding="utf-8"), str(peer.script), "exec")
        if peer.requirements is not None:
            lines = peer.requirements.read_text(encoding="utf-8").splitlines()
            assert all(re.fullmatch(r"#.*|[\w.-]+==[\w.]+", line) for line in lines)
            assert any(line.startswith(f"{peer.requirements.stem}==") for line in lines)


def test_a_venue_is_a_table_of_its_own(
    fake: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from run_peers import Peer, Side, main

    monkeypatch.setattr(Side, "run", lambda side: {"passes": 1, "seconds": 0.5, "cpu_seconds": 0.25})
    peers = {**_peers(fake), "numbered": Peer(fake, "bitfinex", "seq", None, ("It counts numbers.",))}
    saved = tmp_path / "peers.json"
    assert main(["--quick", "--json", str(saved)], peers, ()) == 0
    kraken, bitfinex = capsys.readouterr().out.partition("\n## kraken\n")[2].split("\n## bitfinex\n")
    assert "\nKraken BTC/EUR, " in kraken
    assert "\n| fake | v1 | " in kraken
    assert "\n- It only counts.\n" in kraken
    assert "\nBitfinex tBTCUSD, " in bitfinex
    assert "\n| side | wire | frames/s | times numbered |" in bitfinex
    assert "fake" not in bitfinex
    results = json.loads(saved.read_text())["results"]
    assert [(one["side"], one["wire"]) for one in results if one["venue"] == "bitfinex"] == [
        ("numbered", "seq"),
        *((f"ours, {what}", wire) for wire in ("seq", "full") for what in ("verify", "feed")),
    ]
