"""``mm run``: pairs of options, the JSON line, recorded results, the determinism audit (D10, D11)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from logs import write_run
from toy_plugins import toy_plugins
from toy_socket import toy_socket
from toy_venue import toy_session

from mm_framework.bundle.run import open_run
from mm_framework.cli import audit_runs, main
from mm_framework.cli.app import App
from mm_framework.errors import EnvironmentFailed
from mm_framework.trading.results import ResultWriter

KEYS = {"ok", "mode", "execution", "canonical_events", "intents", "final_hash", "elapsed_ms"}
LIVE_KEYS = {"reconnects", "decode_errors", "dropped", "submitted_intents", "callback_stats"}
PNL_KEYS = {
    "cash_e6",
    "realized_pnl_e6",
    "unrealized_pnl_e6",
    "fees_paid_e6",
    "total_pnl_e6",
    "positions_e6",
}
STAGES = {
    "recv_to_decode",
    "decode_to_normalize",
    "normalize_to_state",
    "state_to_strategy",
    "strategy_to_allocator",
    "allocator_to_execution",
    "execution_to_emit",
    "e2e_total",
    "e2e_intent_ready",
}


@pytest.fixture(autouse=True)
def _toy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(App, "plugins", toy_plugins())
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run_dir(tmp_path: Path) -> str:
    log = toy_session(("A/EUR", "B/EUR"), seed=1, disconnect_at=120)
    return str(write_run(tmp_path / "recorded", {0: log.records}))


def mm(*arguments: str, exit_code: int = 0) -> Result:
    result = CliRunner().invoke(main, ["run", *arguments])
    assert result.exit_code == exit_code, result.output
    return result


def replay(run_dir: str, *arguments: str, exit_code: int = 0) -> dict[str, Any]:
    """The JSON line of a replay with stable output."""
    words = ("--mode", "replay", "--run-dir", run_dir, "--stable-json", *arguments)
    result = mm(*words, exit_code=exit_code)
    (line,) = result.stdout.splitlines()
    document: dict[str, Any] = json.loads(line)
    return document


# pairs


@pytest.mark.parametrize(
    "flag",
    [
        ("--duration-seconds", "1"),
        ("--print-summary-json",),
        ("--print-latency-report-json",),
        ("--endpoint", "ws://127.0.0.1:1"),
        ("--venue", "toy"),
        ("--symbol", "A/B"),
        ("--channel", "book"),
        ("--depth", "10"),
        ("--shards", "2"),
    ],
)
def test_options_of_live_are_refused_in_a_replay(run_dir: str, flag: tuple[str, ...]) -> None:
    result = mm("--mode", "replay", "--run-dir", run_dir, *flag, exit_code=2)
    assert f"{flag[0]} belongs to --mode live" in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    "flag",
    [("--run-dir", "x"), ("--max-seconds", "1"), ("--stable-json",), ("--audit-determinism",)],
)
def test_options_of_a_replay_are_refused_live(flag: tuple[str, ...]) -> None:
    result = mm("--mode", "live", "toy:A/B", *flag, exit_code=2)
    assert f"{flag[0]} belongs to --mode replay" in result.stderr


def test_mode_and_bundle_are_needed_and_execution_is_simulated(run_dir: str) -> None:
    assert "--mode" in mm(exit_code=2).stderr
    assert "needs --run-dir" in mm("--mode", "replay", exit_code=2).stderr
    assert (
        "'real' is not one of 'sim', 'queue'"
        in mm("--mode", "replay", "--execution", "real", exit_code=2).stderr
    )
    document = replay(run_dir, "--execution", "sim", "--print-hash", "--max-events", "5")
    assert document["execution"] == "sim"


# the line


def test_a_replay_prints_one_line_with_exactly_its_keys(run_dir: str) -> None:
    document = replay(run_dir)
    assert set(document) == KEYS
    assert list(document) == sorted(document)
    assert (document["ok"], document["mode"], document["elapsed_ms"]) == (True, "replay", 0)
    assert document["canonical_events"] > 50
    assert document["intents"] == 0


def test_a_strategy_trades_and_its_profit_is_told(run_dir: str) -> None:
    document = replay(run_dir, "--strategy", "trader", "--print-pnl")
    assert document["intents"] == document["canonical_events"]
    assert set(document["pnl"]) >= PNL_KEYS
    assert document["pnl"]["total_pnl_e6"] < 0 < document["pnl"]["fees_paid_e6"]
    free = replay(run_dir, "--strategy", "trader", "--print-pnl", "--fee-model", "free")
    assert free["pnl"]["fees_paid_e6"] == 0
    assert free["final_hash"] == document["final_hash"]


def test_stable_json_is_the_same_bytes_each_time(run_dir: str) -> None:
    words = ("--mode", "replay", "--run-dir", run_dir, "--stable-json", "--strategy", "trader", "--print-pnl")
    assert mm(*words).stdout_bytes == mm(*words).stdout_bytes


def test_people_get_a_summary_on_stderr_beside_the_line(run_dir: str) -> None:
    result = mm("--mode", "replay", "--run-dir", run_dir, "--strategy", "trader")
    assert json.loads(result.stdout)["elapsed_ms"] >= 0
    assert "fills" in result.stderr
    assert "EUR" in result.stderr
    stable = mm("--mode", "replay", "--run-dir", run_dir, "--stable-json")
    assert stable.stderr == ""
    assert mm("--mode", "replay", "--run-dir", run_dir, "--json").stderr == ""


def test_instruments_narrow_a_replay_down(tmp_path: Path) -> None:
    with toy_socket() as url:
        words = ("--record", "two", "--duration-seconds", "1", "--channel", "book")
        live(url, *words, instruments=("toy:A/EUR", "toy:B/EUR"))
    both, one = replay("two"), replay("two", "toy:A/EUR")
    assert 0 < one["canonical_events"] < both["canonical_events"]
    unknown = replay("two", "toy:A/EUX", exit_code=2)
    assert "no instrument 'toy:A/EUX'; did you mean 'toy:A/EUR'" in unknown["error"]


def test_a_run_is_cut_by_events_and_by_recorded_seconds(run_dir: str) -> None:
    assert replay(run_dir, "--max-events", "7")["canonical_events"] <= 7
    whole, part = replay(run_dir), replay(run_dir, "--max-seconds", "0.05")
    assert 0 < part["canonical_events"] < whole["canonical_events"]


def test_seconds_of_a_run_without_receive_times_are_a_usage_error(tmp_path: Path) -> None:
    path = write_run(tmp_path / "untimed", {0: toy_session(steps=5).records}, flags=("untimed",))
    document = replay(str(path), "--max-seconds", "1", exit_code=2)
    assert "no receive times" in document["error"]
    assert replay(str(path))["ok"]


def test_a_run_is_named_by_its_id_or_path(run_dir: str, tmp_path: Path) -> None:
    write_run(tmp_path / "data" / "runs" / "by-id", {0: toy_session(steps=20).records})
    assert replay("by-id")["ok"]
    assert replay(run_dir)["ok"]


# settings


def test_a_strategys_settings_are_set_by_name(run_dir: str) -> None:
    default = replay(run_dir, "--strategy", "trader")
    changed = replay(run_dir, "--strategy", "trader", "--set", "trader.size=0.5")
    assert default["final_hash"] != changed["final_hash"]
    assert replay(run_dir, "--strategy", "trader", "--set", "size=0.5")["final_hash"] == changed["final_hash"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--strategy", "tradr"), "did you mean 'trader'?"),
        (("--strategy", "trader", "--strategy", "trader"), "names one twice"),
        (("--strategy", "trader", "--set", "trader.siz=1"), "no setting 'siz'; did you mean 'size'?"),
        (("--strategy", "trader", "--set", "trader.side=up"), "one of buy, sell, both"),
        (("--strategy", "trader", "--set", "size"), "not of the form KEY=VALUE or NAME.KEY=VALUE"),
        (("--set", "size=1"), "say of which strategy: NAME.size"),
        (("--strategy", "trader", "--set", "other.size=1"), "strategy 'other' is not run"),
        (("--fee-model", "fre"), "did you mean 'free'?"),
        (("--trading-slippage-bps", "-1"), "expected 0 or more"),
        (("--limits-order-size", "0"), "expected a number above 0"),
        (("--trading-price-sources", "toy:A/EUR=both"), "expected book or ticker"),
    ],
)
def test_what_cannot_be_used_is_named(run_dir: str, words: tuple[str, ...], message: str) -> None:
    document = replay(run_dir, *words, exit_code=2)
    assert message in document["error"]
    assert not document["ok"]


@pytest.mark.parametrize("name", ["unbuilt", "nothing"])
def test_a_strategy_that_cannot_be_built_is_its_plugins_fault(run_dir: str, name: str) -> None:
    assert name in replay(run_dir, "--strategy", name, exit_code=3)["error"]


def test_limits_reach_the_allocator(run_dir: str) -> None:
    words = ("--strategy", "trader", "--print-pnl", "--limits-order-size", "0.1")
    assert replay(run_dir, *words)["pnl"]["positions_e6"] == {}


# execution


@pytest.mark.parametrize("flag", [("--matching-queue", "log"), ("--order-latency-entry-ms", "1")])
def test_rules_of_a_queue_are_refused_where_nothing_waits(run_dir: str, flag: tuple[str, ...]) -> None:
    result = mm("--mode", "replay", "--run-dir", run_dir, *flag, exit_code=2)
    assert f"{flag[0]} belongs to --execution queue" in result.stderr
    assert replay(run_dir, "--execution", "queue", *flag)["execution"] == "queue"


def test_orders_that_take_time_meet_another_market(run_dir: str) -> None:
    words = ("--strategy", "trader", "--print-pnl", "--execution", "queue")
    at_once = replay(run_dir, *words, "--order-latency-entry-ms", "0", "--order-latency-response-ms", "0")
    later = replay(run_dir, *words, "--order-latency-entry-ms", "20")
    assert at_once["intents"] == later["intents"] > 0
    assert at_once["pnl"] != later["pnl"]


@pytest.mark.parametrize("model", [("feed",), ("table", "--order-latency-table", "t.csv")])
def test_a_run_knows_no_latency_of_the_feed_and_no_table(run_dir: str, model: tuple[str, ...]) -> None:
    words = ("--execution", "queue", "--order-latency-model", *model)
    assert "belong to mm backtest" in replay(run_dir, *words, exit_code=2)["error"]


def test_what_the_venue_says_is_kept_where_it_does_not_answer_at_once(run_dir: str, tmp_path: Path) -> None:
    replay(run_dir, "--strategy", "trader", "--execution", "queue", "--record", "queued")
    replay(run_dir, "--strategy", "trader", "--record", "plain")
    results = tmp_path / "data" / "results"
    reports = lines_of(results / "queued" / "reports.ndjson")
    assert {report["answers"] for report in reports} == {"place", None}
    assert not (results / "plain" / "reports.ndjson").exists()
    intents = lines_of(results / "queued" / "intents.ndjson")
    assert {intent["state"] for intent in intents} == {"pending"}


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_refusals_are_counted_by_strategy_and_reason(run_dir: str) -> None:
    words = ("--strategy", "trader", "--print-refusals", "--limits-strategy-rate", "1")
    document = replay(run_dir, *words)
    refused = document["refusals"]["trader"]
    assert set(refused) == {"strategy rate"}
    assert 0 < refused["strategy rate"] < document["intents"]
    told = mm("--mode", "replay", "--run-dir", run_dir, *words).stderr
    assert f"trader: strategy rate {refused['strategy rate']}" in told


# failures


def test_a_failing_strategy_is_told_and_the_exit_code_is_one(run_dir: str) -> None:
    document = replay(run_dir, "--strategy", "failing", "--strategy", "trader", exit_code=1)
    assert "strategy failing: decide raised ValueError" in document["error"]
    assert document["intents"] > 50


def test_what_is_no_bundle_is_told_in_the_line(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    document = replay(str(tmp_path / "empty"), exit_code=4)
    assert (document["ok"], document["final_hash"]) == (False, None)
    assert "no manifest.json" in document["error"]


# results


def test_a_run_writes_nothing_unless_it_is_recorded(run_dir: str, tmp_path: Path) -> None:
    before = sorted(path.name for path in tmp_path.rglob("*"))
    replay(run_dir, "--strategy", "trader")
    assert sorted(path.name for path in tmp_path.rglob("*")) == before
    document = replay(run_dir, "--strategy", "trader", "--print-pnl", "--record", "first")
    folder = tmp_path / "data" / "results" / "first"
    summary = json.loads((folder / "summary.json").read_text())
    assert {key: summary[key] for key in document} == document
    assert len((folder / "intents.ndjson").read_text().splitlines()) == document["intents"]
    assert len((folder / "tops.ndjson").read_text().splitlines()) == document["canonical_events"]
    refused = replay(run_dir, "--record", "first", exit_code=2)
    assert "never overwritten" in refused["error"]


def test_a_disk_that_fails_at_the_end_is_told_in_the_line(
    run_dir: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    close = ResultWriter.close

    def fail(self: ResultWriter, document: Any, pipeline: Any) -> None:
        close(self, document, pipeline)
        raise EnvironmentFailed("cannot write: no space left")

    monkeypatch.setattr(ResultWriter, "close", fail)
    document = replay(run_dir, "--record", "first", "--max-events", "1", exit_code=5)
    assert (document["ok"], document["error"]) == (False, "cannot write: no space left")


# the audit


@pytest.fixture
def _toy_children(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes of the audit have the toy plugins, too."""
    support = Path(__file__).parents[1] / "support"
    program = (
        f"import sys; sys.path.insert(0, {str(support)!r})\n"
        "from toy_plugins import toy_plugins\n"
        "from mm_framework.cli.app import App\n"
        "App.plugins = toy_plugins()\n" + audit_runs.PROGRAM
    )
    monkeypatch.setattr(audit_runs, "PROGRAM", program)


def audit(run_dir: str, *arguments: str, exit_code: int) -> Result:
    words = ("--mode", "replay", "--run-dir", run_dir, "--audit-determinism", *arguments)
    return mm(*words, exit_code=exit_code)


@pytest.mark.usefixtures("_toy_children")
def test_two_processes_with_different_hash_seeds_print_the_same(run_dir: str) -> None:
    result = audit(run_dir, "--strategy", "trader", "--print-pnl", exit_code=0)
    assert result.stdout.startswith("PASS two processes printed the same ")
    assert replay(run_dir, "--strategy", "trader")["final_hash"] in result.stdout


@pytest.mark.usefixtures("_toy_children")
def test_a_strategy_that_depends_on_the_hash_seed_fails_the_audit(run_dir: str) -> None:
    words = ("--strategy", "unsteady", "--max-events", "3")
    assert audit(run_dir, *words, exit_code=1).stdout.startswith("FAIL")
    document = json.loads(audit(run_dir, *words, "--json", exit_code=1).stdout)
    assert (document["ok"], document["verdict"]) == (False, "FAIL")


@pytest.mark.usefixtures("_toy_children")
def test_an_audit_of_a_run_that_fails_says_so(run_dir: str) -> None:
    result = audit("no-such-run", exit_code=4)
    assert result.stdout.startswith("FAIL")
    assert "there is no run bundle" in result.stderr
    assert "leave out --record" in audit(run_dir, "--record", "x", exit_code=2).stderr


# live


def live(
    url: str, *arguments: str, instruments: tuple[str, ...] = ("toy:A/EUR",), exit_code: int = 0
) -> tuple[dict[str, Any], Result]:
    words = ("--mode", "live", *instruments, "--endpoint", url, *arguments)
    result = mm(*words, exit_code=exit_code)
    (line,) = result.stdout.splitlines()
    return json.loads(line), result


def test_a_live_dry_run_prints_its_summary() -> None:
    with toy_socket() as url:
        document, result = live(
            url,
            *("--strategy", "trader", "--max-events", "15", "--duration-seconds", "20"),
            *("--print-summary-json", "--print-latency-report-json", "--print-pnl"),
        )
    assert set(document) == KEYS | LIVE_KEYS | {"latency_report", "pnl"}
    assert (document["ok"], document["mode"], document["dropped"]) == (True, "live", 0)
    assert document["intents"] == document["submitted_intents"] > 0
    assert document["callback_stats"]["trader"]["calls"] == document["canonical_events"]
    report = document["latency_report"]
    assert set(report) == STAGES
    assert all(set(stage) == {"count", "p50_us", "p90_us", "p99_us", "max_us"} for stage in report.values())
    assert report["e2e_intent_ready"]["count"] == document["intents"]
    assert report["e2e_total"]["p50_us"] <= report["e2e_total"]["max_us"]
    assert "fills" not in result.stderr


@pytest.mark.parametrize("execution", ["sim", "queue"])
def test_a_recorded_live_run_and_its_replay_have_the_same_hash(tmp_path: Path, execution: str) -> None:
    words = ("--strategy", "trader", "--print-pnl", "--execution", execution)
    with toy_socket() as url:
        document, result = live(url, *words, "--record", "mine", "--duration-seconds", "1")
    assert document["decode_errors"] == 1
    assert document["intents"] > 5
    assert "results" in result.stderr
    assert open_run(tmp_path / "data" / "runs" / "mine").manifest.state == "complete"
    again = replay("mine", *words)
    same = ("final_hash", "intents", "canonical_events", "pnl")
    assert {key: again[key] for key in same} == {key: document[key] for key in same}
    refused = mm("--mode", "live", "toy:A/EUR", "--record", "mine", exit_code=2)
    assert "never overwritten" in json.loads(refused.stdout)["error"]


def test_a_live_run_without_a_venue_to_reach_says_so() -> None:
    words = ("--mode", "live", "toy:A/EUR", "--endpoint", "ws://127.0.0.1:1", "--capture-first-attempts", "1")
    result = mm(*words, exit_code=5)
    document = json.loads(result.stdout)
    assert (document["ok"], document["mode"]) == (False, "live")
    assert "127.0.0.1:1" in document["error"]


def test_a_live_run_needs_something_to_listen_to() -> None:
    assert "nothing to capture" in json.loads(mm("--mode", "live", exit_code=2).stdout)["error"]
