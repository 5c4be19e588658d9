"""Day folders: every file, column and name of the contract; a restart goes on; live and export agree."""

from __future__ import annotations

import csv
import gzip
import json
import zlib
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import attrs
import pytest
from sink_runs import SinkTape, emulated_venue, sink_run, tree

from mm_framework.bundle.disk import FolderLock
from mm_framework.contracts.adapter import Subscription
from mm_framework.errors import ConfigError, EnvironmentFailed
from mm_framework.feed import Feed
from mm_framework.model.frame import RecordKind, encode_json, encode_record, iter_records
from mm_framework.sinks.day_files import DayFiles, LiveFiles
from mm_framework.sinks.day_settings import DaySettings
from mm_framework.sinks.driver import SinkSet

pytest.importorskip("mm_kraken")

VENUES = ("binance", "bitfinex", "kraken", "polymarket")
FAULTS = "disconnect@12,reset@25"
DATE = "20250615"
DEPTH = [
    f"{side}{n}_{what}" for n in range(1, 21) for side in ("bid", "ask") for what in ("price", "qty")
]  # fmt: skip
COLUMNS = {
    "orderbook_ws_depth": "event_time_ms,recv_time_ms,recv_seq,run_id,epoch_id," + ",".join(DEPTH),
    "trades_ws": "event_time_ms,recv_time_ms,recv_seq,run_id,trade_id,trade_time_ms,price,qty,is_buyer_maker,"
    "side,ord_type,exchange,symbol",
    "events": "event_id,recv_time_ms,recv_seq,run_id,type,epoch_id,details_json",
    "gaps": "recv_time_ms,recv_seq,run_id,epoch_id,event,details",
}
DIFF_KEYS = ["recv_ms", "recv_seq", "E", "U", "u", "b", "a", "exchange", "symbol", "raw"]
TRADE_KEYS = [
    "recv_ms",
    "recv_seq",
    "event_time_ms",
    "trade_id",
    "price",
    "qty",
    "side",
    "exchange",
    "symbol",
    "raw",
]


class Folder:
    """A day folder, read plainly."""

    def __init__(self, path: Path) -> None:
        self.path, self.name = path, f"{path.parent.name}_{path.name}"

    def text(self, key: str) -> str:
        return gzip.decompress((self.path / f"{key}_{self.name}.csv.gz").read_bytes()).decode()

    def rows(self, key: str) -> list[dict[str, str]]:
        return list(csv.DictReader(self.text(key).splitlines()))

    def lines(self, key: str) -> list[dict[str, Any]]:
        data = gzip.decompress((self.path / f"{key}_{self.name}.ndjson.gz").read_bytes()).decode()
        return [json.loads(line) for line in data.splitlines()]

    def events(self, word: str) -> list[dict[str, Any]]:
        return [
            {**row, **json.loads(row["details_json"])} for row in self.rows("events") if row["type"] == word
        ]


def folders(out: Path) -> list[Folder]:
    return [Folder(path.parent) for path in sorted(out.glob("*/*/*/schema.json"))]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, SinkTape]:
    """A run of each venue under faults, 40 s."""
    made = {}
    for name in VENUES:
        out = tmp_path_factory.mktemp(name) / "data"
        faults = FAULTS + (",drop:0.01" if name != "polymarket" else "")  # whose losses nothing proves
        made[name] = SinkTape.run(name, DayFiles(), out, seconds=40, rate=8.0, faults=faults)
    return made


@pytest.mark.parametrize("name", VENUES)
def test_an_export_of_the_records_gives_the_same_files(
    runs: dict[str, SinkTape], name: str, tmp_path: Path
) -> None:
    live = tree(runs[name].out)
    assert len(live) > 20
    runs[name].again(DayFiles(), tmp_path / "data")
    assert tree(tmp_path / "data") == live


@pytest.mark.parametrize("name", VENUES)
def test_every_file_has_its_name_and_columns(runs: dict[str, SinkTape], name: str) -> None:
    found = folders(runs[name].out)
    assert len(found) == 2
    for folder in found:
        exchange, symbol_fs, date = folder.path.parts[-3:]
        assert (exchange, date) == (name, DATE)
        assert symbol_fs == symbol_fs.upper().translate(str.maketrans("", "", "/-: "))
        for key, columns in COLUMNS.items():
            assert folder.text(key).splitlines()[0] == columns, key
        with_checksum = DIFF_KEYS[:7] + ["checksum"] * (name in ("kraken", "bitfinex")) + DIFF_KEYS[7:]
        diffs = folder.lines("diffs/depth_diffs")
        assert diffs
        assert all(list(line) == with_checksum for line in diffs)
        assert all(list(line) == TRADE_KEYS for line in folder.lines("trades/trades_ws_raw"))
        for live in ("live_depth_diffs.ndjson", "live_trades.ndjson"):
            assert (folder.path / "live" / live).exists()
        log = runs[name].out / "logs" / "recorder" / exchange / symbol_fs / "2025-06-15.log"
        assert len(log.read_text().splitlines()) == len(folder.rows("events"))
        schema = json.loads((folder.path / "schema.json").read_bytes())
        assert (schema["schema"], schema["version"], schema["exchange"]) == ("mm-day-files", 1, name)
        ledger = f"events_{folder.name}.csv.gz"
        assert schema["files"][ledger]["columns"] == COLUMNS["events"].split(",")
        written = {
            path.relative_to(folder.path).as_posix() for path in folder.path.rglob("*") if path.is_file()
        }
        plain = {one for one in written if not one.startswith(("snapshots/", "live/", "."))}
        assert plain - {"schema.json"} == {
            one for one in schema["files"] if "<" not in one and "live" not in one
        }


@pytest.mark.parametrize("name", VENUES)
def test_recv_seq_is_one_counter_over_all_kinds(runs: dict[str, SinkTape], name: str) -> None:
    for folder in folders(runs[name].out):
        events = [int(row["recv_seq"]) for row in folder.rows("events")]
        trades = [int(row["recv_seq"]) for row in folder.rows("trades_ws")]
        diffs = [line["recv_seq"] for line in folder.lines("diffs/depth_diffs")]
        assert sorted(events + trades + diffs) == list(range(1, len(events + trades + diffs) + 1))
        assert [line["recv_seq"] for line in folder.lines("trades/trades_ws_raw")] == trades
        assert {int(row["recv_seq"]) for row in folder.rows("gaps")} <= set(events)
        snapshots = {int(row["recv_seq"]) for row in folder.events("snapshot_loaded")}
        frames = [int(row["recv_seq"]) for row in folder.rows("orderbook_ws_depth")]
        assert set(frames) <= set(diffs) | snapshots
        assert frames == sorted(frames)
        assert [row["event_id"] for row in folder.rows("events")] == [
            f"{n:06d}" for n in range(1, len(events) + 1)
        ]


@pytest.mark.parametrize("name", VENUES)
def test_the_ledger_tells_the_life_of_the_run(runs: dict[str, SinkTape], name: str) -> None:
    for folder in folders(runs[name].out):
        words = [row["type"] for row in folder.rows("events")]
        assert words[:3] == ["run_start", "ws_connecting", "ws_open"]
        assert words[-1] == "run_stop"
        assert folder.events("run_stop")[0]["stopped_by"] == "max_seconds"
        for word in (
            "ws_reconnect_open", "ws_first_data", "snapshot_request", "snapshot_loaded", "state_change",
            "resync_start", "resync_done", "heartbeat",
        ):  # fmt: skip
            assert word in words, word
        assert words.count("ws_lost") == 3, "two faults and the end"
        first = folder.events("snapshot_loaded")[0]
        assert first["tag"] == "initial"
        for row in folder.events("snapshot_loaded"):
            table = folder.path / row["file"]
            assert table.name.startswith(f"snapshot_{row['event_id']}_{row['tag']}")
            levels = list(csv.DictReader(table.read_text().splitlines()))
            sides = [level["side"] for level in levels]
            assert (sides.count("bid"), sides.count("ask")) == (row["bids"], row["asks"])
            assert {level["event_id"] for level in levels} == {row["event_id"]}
            json.loads(table.with_suffix(".json").read_bytes())
        states = [(row["from"], row["to"]) for row in folder.events("state_change")]
        assert states[0] == ("CONNECTING", "SNAPSHOT")
        assert all(old == before for (_, old), (before, _) in pairwise(states))


@pytest.mark.parametrize("name", VENUES)
def test_epochs_rise_with_each_loss_and_frames_are_of_proved_books(
    runs: dict[str, SinkTape], name: str
) -> None:
    for folder in folders(runs[name].out):
        losses = [row for row in folder.rows("gaps") if row["event"] != "trade_gap"]
        told = [*folder.events("resync_start"), *folder.events("gap")]
        assert sorted(int(row["recv_seq"]) for row in losses) == sorted(int(row["recv_seq"]) for row in told)
        assert len(folder.events("resync_start")) >= 2
        frames = folder.rows("orderbook_ws_depth")
        epochs = [int(row["epoch_id"]) for row in frames]
        assert epochs == sorted(epochs)
        assert set(epochs) <= set(range(1, len(losses) + 2))
        spans: list[tuple[int, int]] = []
        for row in folder.events("state_change"):
            if row["to"] == "SYNCED":
                spans.append((int(row["recv_seq"]), 10**9))
            elif row["from"] == "SYNCED":
                spans[-1] = (spans[-1][0], int(row["recv_seq"]))
        loaded = [int(row["recv_seq"]) for row in folder.events("snapshot_loaded")]
        for row in frames:
            number = int(row["recv_seq"])
            assert number in loaded or any(first - 1 <= number <= last for first, last in spans)
            assert Decimal(row["bid1_price"]) < Decimal(row["ask1_price"] or 10**9)


def test_trades_say_what_the_venue_said(runs: dict[str, SinkTape]) -> None:
    (kraken, *_), (binance, *_) = folders(runs["kraken"].out), folders(runs["binance"].out)
    for row in kraken.rows("trades_ws"):
        assert row["ord_type"] in ("limit", "market")
        assert (row["side"], row["is_buyer_maker"]) in (("buy", "false"), ("sell", "true"))
        assert row["symbol"] == "BTC/EUR"
    frames = {int(line["recv_seq"]): line["raw"] for line in binance.lines("trades/trades_ws_raw")}
    for row in binance.rows("trades_ws"):
        raw = frames[int(row["recv_seq"])]
        raw = raw.get("data", raw)
        assert (row["price"], row["qty"], row["trade_id"]) == (raw["p"], raw["q"], str(raw["t"]))
        assert row["is_buyer_maker"] == str(raw["m"]).lower()
        assert row["ord_type"] == ""


def test_numbers_of_updates_are_the_venues_or_zero(runs: dict[str, SinkTape]) -> None:
    for line in folders(runs["binance"].out)[0].lines("diffs/depth_diffs"):
        raw = line["raw"].get("data", line["raw"])
        assert (line["U"], line["u"], line["E"]) == (raw["U"], raw["u"], raw["E"])
        assert (line["b"], line["a"]) == (raw["b"], raw["a"])
    for name in ("kraken", "bitfinex", "polymarket"):
        lines = folders(runs[name].out)[0].lines("diffs/depth_diffs")
        assert {(line["U"], line["u"]) for line in lines} == {(0, 0)}
        if name != "polymarket":
            assert sum(line["checksum"] is not None for line in lines) > 10


def test_a_member_is_readable_alone_and_no_longer_than_a_second(runs: dict[str, SinkTape]) -> None:
    folder = folders(runs["kraken"].out)[0]
    for path in folder.path.rglob("*.gz"):
        data, members = path.read_bytes(), 0
        while data:
            inflate = zlib.decompressobj(31)
            text = inflate.decompress(data)
            assert inflate.eof
            assert text.endswith(b"\n")
            data, members = inflate.unused_data, members + 1
            if "ndjson" in path.name:
                times = [json.loads(line)["recv_ms"] for line in text.splitlines()]
                assert times[-1] - times[0] <= 1000
        assert members > 5 or "gaps" in path.name or "trades" in path.name


# --- a run goes on in a folder that is there


def without_tail(path: Path, torn: int) -> None:
    """What a kill leaves: the last bytes are missing."""
    data = path.read_bytes()
    path.write_bytes(data[:-torn])


def test_a_restart_appends_members_goes_on_counting_and_writes_no_second_header(
    runs: dict[str, SinkTape], tmp_path: Path
) -> None:
    out = tmp_path / "data"
    first = runs["kraken"]
    first.again(DayFiles(), out)
    before = {
        folder.name: (folder.rows("events"), folder.lines("diffs/depth_diffs")) for folder in folders(out)
    }
    kits = first.simulation.venue.kits
    later = [shifted(record, 100 * 10**9) for record in first.simulation.tape.records]
    feed, sinks = Feed(kits), SinkSet([DayFiles()], kits)
    sinks.open([sink_run(kits, out, run_id="second")])
    for record in later:
        sinks.take(0, record, feed.feed(record).kept())
    sinks.close()
    for folder in folders(out):
        events, diffs = before[folder.name]
        rows = folder.rows("events")
        assert rows[: len(events)] == events
        assert [int(row["event_id"]) for row in rows] == list(range(1, len(rows) + 1))
        assert len(rows) == 2 * len(events)
        seqs = [line["recv_seq"] for line in folder.lines("diffs/depth_diffs")]
        assert seqs == sorted(set(seqs))
        assert len(seqs) == 2 * len(diffs)
        numbers = sorted(
            [int(row["recv_seq"]) for row in rows]
            + seqs
            + [int(row["recv_seq"]) for row in folder.rows("trades_ws")]
        )
        assert numbers == list(range(1, len(numbers) + 1))
        assert {row["run_id"] for row in rows} == {"run", "second"}
        for key, columns in COLUMNS.items():
            assert folder.text(key).splitlines().count(columns) == 1
        names = [path.name for path in (folder.path / "snapshots").glob("*_initial.csv")]
        assert len(names) == 2


@pytest.mark.parametrize(("warn_s", "told"), [(10.0, True), (40.0, False), (0.0, False)])
def test_the_ledger_tells_the_silence_that_the_run_warns_of(
    runs: dict[str, SinkTape], tmp_path: Path, warn_s: float, told: bool
) -> None:
    """Half of the records come 30 s later."""
    tape = runs["kraken"].simulation
    half = len(tape.tape.records) // 2
    records = [*tape.tape.records[:half], *(shifted(one, 30 * 10**9) for one in tape.tape.records[half:])]
    feed, sinks = Feed(tape.venue.kits), SinkSet([DayFiles()], tape.venue.kits)
    sinks.open([sink_run(tape.venue.kits, tmp_path / "data", no_data_warn_s=warn_s)])
    for record in records:
        sinks.take(0, record, feed.feed(record).kept())
    sinks.close()
    for folder in folders(tmp_path / "data"):
        silences = [row for row in folder.rows("events") if row["type"] == "ws_no_data"]
        assert (len(silences) > 0) == told


@pytest.mark.parametrize("torn", [1, 7, 30])
def test_after_a_kill_the_torn_member_is_cut_and_the_rest_goes_on(
    runs: dict[str, SinkTape], tmp_path: Path, torn: int
) -> None:
    out = tmp_path / "data"
    runs["kraken"].again(DayFiles(), out)
    whole = {path: path.read_bytes() for path in out.rglob("*.gz")}
    for path in whole:
        without_tail(path, torn)
    live = next(out.rglob("live_depth_diffs.ndjson"))
    live.write_bytes(live.read_bytes()[:-torn])
    sink = DayFiles()
    kits = runs["kraken"].simulation.venue.kits
    sink.open(attrs.evolve(sink_run(kits, out), subscriptions=subscriptions(kits)))
    sink.close()
    for path, data in whole.items():
        kept = path.read_bytes()
        assert data.startswith(kept)
        assert gzip.decompress(data).startswith(gzip.decompress(kept))
        lost = gzip.decompress(data)[len(gzip.decompress(kept)) :]
        assert 0 < len(lost.splitlines()) <= 1000
    rotated = live.with_name(f"{live.name}.1").read_bytes()
    assert rotated.endswith(b"\n")
    assert live.read_bytes() == b""


def shifted(record: bytes, by_ns: int) -> bytes:
    """The same record later; that of the start keeps its clocks."""
    (one,) = iter_records(record)
    return encode_record(
        one.kind, bytes(one.payload), connection=one.connection, index=one.index,
        mono_ns=one.mono_ns + by_ns, wall_ns=one.wall_ns + by_ns, flags=one.flags,
    )  # fmt: skip


def subscriptions(kits: Any) -> tuple[Subscription, ...]:
    adapter = kits["kraken"].adapter
    return tuple(
        Subscription(one, adapter.venue_symbol(one), channel)
        for one in ("kraken:BTC/EUR", "kraken:MINA/GBP")
        for channel in ("book", "trade")
    )


def test_midnight_begins_a_folder_that_can_be_verified_alone(
    runs: dict[str, SinkTape], tmp_path: Path
) -> None:
    """The book as it is stands in the new folder as its first snapshot."""
    records = runs["kraken"].simulation.tape.records
    kits = runs["kraken"].simulation.venue.kits
    out = tmp_path / "data"
    run = sink_run(kits, out)
    midnight_ns = (run.wall0_ns // (86_400 * 10**9) + 1) * 86_400 * 10**9
    shift_ns = midnight_ns - run.wall0_ns - 10 * 10**9
    feed, sinks = Feed(kits), SinkSet([DayFiles()], kits)
    sinks.open([attrs.evolve(run, start_ns=run.wall0_ns + shift_ns)])
    for record in (shifted(one, shift_ns) for one in records):
        sinks.take(0, record, feed.feed(record).kept())
    sinks.close()
    assert sorted({folder.path.name for folder in folders(out)}) == [DATE, "20250616"]
    for folder in folders(out):
        times = [int(row["recv_time_ms"]) for row in folder.rows("events")]
        today = folder.path.name == DATE
        assert all((one * 10**6 < midnight_ns) == today for one in times)
        if not today:
            (first, *_) = folder.rows("events")
            assert (first["type"], first["recv_seq"], first["event_id"]) == ("snapshot_loaded", "1", "000001")
            loaded = folder.events("snapshot_loaded")[0]
            assert loaded["tag"] == "initial"
            assert json.loads((folder.path / loaded["file"]).with_suffix(".json").read_bytes())[
                "carried_over"
            ]


# --- refusals


def test_two_symbols_that_share_a_folder_are_refused(tmp_path: Path) -> None:
    run = sink_run({}, tmp_path / "data", rules={"kraken": emulated_venue("kraken").rules})
    shared = tuple(Subscription(f"kraken:{one}", one, "book") for one in ("BTC/EUR", "BT/CEUR"))
    with pytest.raises(ConfigError, match=r"kraken:BTC/EUR and kraken:BT/CEUR would share .*kraken/BTCEUR"):
        DayFiles().open(attrs.evolve(run, subscriptions=shared))
    assert tree(tmp_path) == {}


def test_a_folder_of_another_depth_is_refused_and_stays(runs: dict[str, SinkTape], tmp_path: Path) -> None:
    out = tmp_path / "data"
    runs["kraken"].again(DayFiles(), out)
    before = tree(out)
    kits = runs["kraken"].simulation.venue.kits
    run = attrs.evolve(sink_run(kits, out), subscriptions=subscriptions(kits))
    with pytest.raises(ConfigError, match="depth_levels 20, this run has 5"):
        DayFiles(DaySettings(depth_levels=5)).open(run)
    assert tree(out) == before


def test_two_writers_of_one_folder_are_refused(tmp_path: Path) -> None:
    kits = emulated_venue("kraken").kits
    run = attrs.evolve(sink_run(kits, tmp_path), subscriptions=subscriptions(kits))
    one = DayFiles()
    one.open(run)
    with pytest.raises(EnvironmentFailed, match="being written by another process"):
        DayFiles().open(run)
    one.close()
    again = DayFiles()
    again.open(run)
    again.close()


def test_a_recording_without_receive_times_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no receive times"):
        DayFiles().open(sink_run({}, tmp_path, untimed=True))


def test_a_disk_that_refuses_is_one_clear_error(tmp_path: Path) -> None:
    kits = emulated_venue("kraken").kits
    (tmp_path / "kraken").write_text("in the way")
    with pytest.raises(EnvironmentFailed, match="cannot write"):
        DayFiles().open(attrs.evolve(sink_run(kits, tmp_path), subscriptions=subscriptions(kits)))


# --- settings


def test_settings_choose_depth_files_and_the_date(runs: dict[str, SinkTape], tmp_path: Path) -> None:
    settings = DaySettings(
        depth_levels=3, store_depth_diffs=False, live_stream=False, folder_date="20200101", log_dir="mine"
    )
    runs["kraken"].again(DayFiles(settings), tmp_path)
    found = folders(tmp_path)
    assert {folder.path.name for folder in found} == {"20200101"}
    assert found[0].text("orderbook_ws_depth").splitlines()[0].endswith("ask3_price,ask3_qty")
    assert not (found[0].path / "diffs").exists()
    assert not (found[0].path / "live").exists()
    assert len(list((tmp_path / "mine").rglob("2020-01-01.log"))) == 2


def test_live_files_alone_have_the_numbers_of_the_day_files(
    runs: dict[str, SinkTape], tmp_path: Path
) -> None:
    settings = DaySettings(live_stream_rotate_s=10)
    runs["kraken"].again(LiveFiles(settings), tmp_path)
    written = tree(tmp_path)
    assert all("/live/" in name for name in written)
    for folder in folders(runs["kraken"].out):
        live = tmp_path / "kraken" / folder.path.parent.name / DATE / "live"
        names = sorted(live.glob("live_depth_diffs.ndjson.*"), key=lambda path: int(path.suffix[1:]))
        text = "".join(path.read_text() for path in [*names, live / "live_depth_diffs.ndjson"])
        lines = [json.loads(line) for line in text.splitlines()]
        assert lines == folder.lines("diffs/depth_diffs")
        assert [int(path.suffix[1:]) for path in names] == list(range(1, len(names) + 1))
        assert len(names) >= 2


def test_rotated_live_files_are_removed_after_their_time(runs: dict[str, SinkTape], tmp_path: Path) -> None:
    settings = DaySettings(live_stream_rotate_s=5, live_stream_retention_s=10)
    runs["kraken"].again(LiveFiles(settings), tmp_path)
    names = [name for name in tree(tmp_path) if "BTCEUR" in name and "live_depth_diffs.ndjson." in name]
    numbers = sorted(int(name.rpartition(".")[2]) for name in names)
    assert numbers[0] > 1
    assert numbers == list(range(numbers[0], numbers[-1] + 1))


def test_who_is_followed_no_longer_has_no_open_files_and_goes_on_when_followed_again(
    runs: dict[str, SinkTape], tmp_path: Path
) -> None:
    tape = runs["kraken"]
    kits, records = emulated_venue("kraken").kits, tape.simulation.tape.records
    both = [attrs.asdict(one) for one in subscriptions(kits) if one.instrument == "kraken:MINA/GBP"]
    parts = len(records) // 3
    feed, sinks = Feed(kits), SinkSet([DayFiles()], kits)
    sinks.open([sink_run(kits, tmp_path / "files")])

    def take(some: list[bytes]) -> None:
        for record in some:
            sinks.take(0, record, feed.feed(record).kept())

    def control(after: bytes, op: str) -> bytes:
        (last,) = iter_records(after)
        body = encode_json({"op": op, "subscriptions": both})
        stamps = {"mono_ns": last.mono_ns + 1, "wall_ns": last.wall_ns}
        return encode_record(RecordKind.CONTROL, body, index=last.index, **stamps)

    folders = {name: Folder(tmp_path / "files" / "kraken" / name / DATE) for name in ("MINAGBP", "BTCEUR")}
    take([*records[:parts], control(records[parts - 1], "unfollow")])
    FolderLock(folders["MINAGBP"].path).release()
    gone = tree(folders["MINAGBP"].path)
    told, last = folders["MINAGBP"].rows("events")[-2:]
    assert (told["type"], last["type"]) == ("unfollow", "state_change")
    take(records[parts : 2 * parts])
    assert tree(folders["MINAGBP"].path) == gone
    take([control(records[2 * parts - 1], "follow"), *records[2 * parts :]])
    sinks.close()
    events = folders["MINAGBP"].rows("events")
    place = events.index(last)
    assert events[place + 1]["type"] == "follow"
    assert [int(one["event_id"]) for one in events] == list(range(1, len(events) + 1))
    assert int(events[place + 1]["recv_seq"]) == int(last["recv_seq"]) + 1
    assert events[-1]["type"] == "run_stop"
    assert folders["BTCEUR"].text("orderbook_ws_depth") == Folder(tape.out / "kraken" / "BTCEUR" / DATE).text(
        "orderbook_ws_depth"
    )
