"""Sinks beside a run: every record once and in order, errors end the run, a full queue makes it wait."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from sink_runs import SinkTape, emulated_venue, sink_run

from mm_framework.contracts.sink import Seen, SinkRun
from mm_framework.errors import ConfigError, EnvironmentFailed, PluginError
from mm_framework.feed import Feed
from mm_framework.sinks.driver import LiveSinks, SinkSet
from mm_framework.sinks.settings import SinkSettings

pytest.importorskip("mm_kraken")


class Keeping:
    """A sink that keeps what it hears; ``gate`` holds it up, ``fail_at`` breaks it."""

    def __init__(self, fail_at: int | None = None, gate: threading.Event | None = None) -> None:
        self.fail_at, self.gate = fail_at, gate
        self.opened: list[SinkRun] = []
        self.seen: list[Seen] = []
        self.closed = 0
        self.threads: set[int] = set()

    def open(self, run: SinkRun) -> None:
        self.opened.append(run)

    def write(self, seen: Seen) -> None:
        if self.gate is not None:
            assert self.gate.wait(10)
        if len(self.seen) == self.fail_at:
            raise EnvironmentFailed("cannot write x: No space left on device")
        self.threads.add(threading.get_ident())
        self.seen.append(seen)

    def close(self) -> None:
        self.closed += 1


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    tape = SinkTape.run("kraken", Keeping(), tmp_path_factory.mktemp("run"), seconds=5, rate=10.0)
    return tape.simulation.tape.records


def live(sink: Keeping, **settings: float) -> LiveSinks:
    kits = emulated_venue("kraken").kits
    sinks = SinkSet([sink], kits)
    sinks.open([sink_run(kits, Path())])
    return LiveSinks(sinks, SinkSettings(**settings))


def drive(listener: LiveSinks, records: list[bytes]) -> None:
    feed = Feed(emulated_venue("kraken").kits)
    for record in records:
        listener.on_output(0, record, 0, feed.feed(record))
    listener.on_end(0)


def test_a_thread_hears_every_record_once_and_in_order(records: list[bytes]) -> None:
    sink = Keeping()
    drive(live(sink), records)
    assert [one.record.index for one in sink.seen] == list(range(len(records)))
    assert sink.closed == 1
    assert threading.get_ident() not in sink.threads


def test_what_a_sink_hears_is_the_same_in_the_thread_and_in_the_caller(records: list[bytes]) -> None:
    threaded, inline = Keeping(), Keeping()
    drive(live(threaded), records)
    kits = emulated_venue("kraken").kits
    sinks = SinkSet([inline], kits)
    sinks.open([sink_run(kits, Path())])
    drive(LiveSinks(sinks, threaded=False), records)
    for one, other in zip(threaded.seen, inline.seen, strict=True):
        assert (one.told, one.controls, one.followed) == (other.told, other.controls, other.followed)
        assert bytes(one.output.rows) == bytes(other.output.rows)
    assert any(one.told for one in inline.seen)


def test_the_error_of_a_sink_is_raised_by_a_later_record_and_all_is_closed(records: list[bytes]) -> None:
    sink = Keeping(fail_at=3)
    listener = live(sink)
    feed = Feed(emulated_venue("kraken").kits)

    def run() -> None:
        for record in records:
            listener.on_output(0, record, 0, feed.feed(record))
            time.sleep(0.002)
        listener.on_end(0)

    with pytest.raises(EnvironmentFailed, match="No space left"):
        run()
    with pytest.raises(EnvironmentFailed, match="No space left"):
        listener.close()
    listener.close()
    assert sink.closed == 1
    assert len(sink.seen) == 3


def test_a_full_queue_makes_the_run_wait(records: list[bytes]) -> None:
    gate = threading.Event()
    sink = Keeping(gate=gate)
    listener = live(sink, queue_mib=0.0001)
    feed = Feed(emulated_venue("kraken").kits)
    done = threading.Event()

    def run() -> None:
        for record in records[:5]:
            listener.on_output(0, record, 0, feed.feed(record))
        done.set()

    thread = threading.Thread(target=run)
    thread.start()
    assert not done.wait(0.2)
    gate.set()
    assert done.wait(240)
    thread.join()
    listener.on_end(0)
    assert len(sink.seen) == 5


def test_if_one_sink_cannot_be_opened_the_others_are_closed() -> None:
    class Refusing(Keeping):
        def open(self, run: SinkRun) -> None:
            raise ConfigError("it exists")

    first, second = Keeping(), Refusing()
    kits = emulated_venue("kraken").kits
    with pytest.raises(ConfigError):
        SinkSet([first, second], kits).open([sink_run(kits, Path())] * 2)
    assert (first.closed, second.closed) == (1, 0)


class Broken(Keeping):
    """A sink of a plugin with a mistake in one of its calls."""

    def __init__(self, call: str) -> None:
        super().__init__()
        self.call = call

    def _at(self, call: str) -> None:
        if call == self.call:
            raise KeyError(call)

    def open(self, run: SinkRun) -> None:
        self._at("open")
        super().open(run)

    def write(self, seen: Seen) -> None:
        self._at("write")
        super().write(seen)

    def settle(self) -> None:
        self._at("settle")

    def close(self) -> None:
        super().close()
        self._at("close")


@pytest.mark.parametrize("call", ["open", "write", "settle", "close"])
def test_a_mistake_of_a_sink_is_told_as_its_plugins_and_the_others_are_closed(
    records: list[bytes], call: str
) -> None:
    before, broken, behind = Keeping(), Broken(call), Keeping()
    kits = emulated_venue("kraken").kits
    sinks = SinkSet([before, broken, behind], kits)
    feed = Feed(kits)

    def all_of_it() -> None:
        sinks.open([sink_run(kits, Path())] * 3)
        try:
            sinks.take(0, records[0], feed.feed(records[0]))
            sinks.settle()
        finally:
            sinks.close()

    with pytest.raises(PluginError, match=rf"Broken: {call} raised KeyError: '{call}'") as caught:
        all_of_it()
    assert caught.value.exit_code == 3
    assert before.closed == 1
    assert behind.closed == (call != "open")
