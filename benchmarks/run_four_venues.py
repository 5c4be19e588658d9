"""Can one process capture four venues at once, and what does it cost? A JSON line a rate, then a table.

    python benchmarks/run_four_venues.py [--seconds 60] [--scale 0.5,1] [--kraken 420] [--sinks] [--json FILE]

One process serves the emulators of Kraken, Binance, Bitfinex and Polymarket, ten instruments each; `mm
capture` records all forty in another one into a bundle, as usual. ``--scale`` multiplies the rates: market
events a second and instrument. Told are frames a second as captured, frames that the emulators sent and the
capture did not get, frames dropped, books lost, how late the capture's event loop was, the memory of the
capture over time and the processor time of both. Lateness is told twice: ``loop_lag_ms``, as the gate of
`mm audit` has it, is of the worst of each heartbeat (``beats`` of them: of less than a hundred, p99 is the
worst of all), ``timer_lag_ms`` of each of a hundred timers a second (`watched_capture`). ``--sinks``
lets it write day folders, best prices and live files, too, in a process that counts as the capture's: what
is not received then is what was sent while that process worked off what it was behind, after the last second.
The emulators stand for machines elsewhere: they give way to the capture (a niceness of 5, as the process of
the sinks has). ``emulator_behind_ms`` says whether they kept up.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from machine import machine

from mm_binance.emulator import BinanceDialect
from mm_binance.markets import SPOT
from mm_bitfinex.emulator import BitfinexDialect
from mm_framework.bundle.latency import nearest_rank
from mm_framework.bundle.run import open_run
from mm_framework.contracts.emulator import Dialect
from mm_framework.emulator.server import EmulatorServer
from mm_framework.emulator.settings import MarketSettings
from mm_framework.emulator.truth import TruthLog
from mm_framework.emulator.venue import VenueEmulator
from mm_kraken.emulator import KrakenDialect
from mm_polymarket.emulator import PolymarketDialect

COINS: Final = ("BTC", "ETH", "SOL", "XRP", "ADA", "DOT", "LTC", "LINK", "ATOM", "AVAX")
RATES: Final = {"kraken": 430.0, "binance": 430.0, "bitfinex": 290.0, "polymarket": 90.0}
"""Market events a second and instrument at which the venues send about 10,000 frames a second together."""

SINKS: Final = ("day-files", "bbo-csv", "live")
WARM_UP_S: Final = 5.0
LAST_S: Final = 1.0
"""The end of a run, which waits for its sinks in one step, is no part of how late it was."""
EMULATORS_NICENESS: Final = 5
WATCHED: Final = Path(__file__).with_name("watched_capture.py")
_TICKS: Final = os.sysconf("SC_CLK_TCK")


def dialects() -> dict[str, tuple[Dialect, list[str]]]:
    """Each venue's dialect, and the names of ten instruments."""
    return {
        "kraken": (KrakenDialect(), [f"{coin}/EUR" for coin in COINS]),
        "binance": (BinanceDialect(SPOT), [f"{coin}USDT" for coin in COINS]),
        "bitfinex": (BitfinexDialect(), [f"t{coin}{':' * (len(coin) > 3)}USD" for coin in COINS]),
        "polymarket": (PolymarketDialect(), [str(10**20 + number) for number in range(10)]),
    }


async def serve(rates: dict[str, float]) -> None:
    """The emulators, until the standard input ends; endpoints first, at the end what was sent."""
    os.nice(EMULATORS_NICENESS)
    venues, servers = {}, {}
    for name, (dialect, symbols) in dialects().items():
        venues[name] = VenueEmulator(
            dialect,
            [dialect.listing(symbol) for symbol in symbols],
            settings=MarketSettings(rate=rates[name], levels=200, burst_factor=1.0, quiet_factor=1.0),
            start_ns=time.monotonic_ns(),
            wall_ns=time.time_ns(),
            truth=TruthLog(keep=False),
        )
        servers[name] = EmulatorServer(venues[name])
        await servers[name].start()
    print(json.dumps({name: server.url for name, server in servers.items()}), flush=True)
    behind_ns, loop = 0, asyncio.get_running_loop()
    ended = loop.run_in_executor(None, sys.stdin.read)
    while not ended.done():
        await asyncio.sleep(0.1)
        due = [one.next_event_ns() for one in venues.values()]
        behind_ns = max(behind_ns, *(time.monotonic_ns() - at_ns for at_ns in due if at_ns is not None))
    sent = {name: one.truth.outcomes["sent"] for name, one in venues.items()}
    print(json.dumps({"sent": sent, "behind_ms": behind_ns // 1_000_000}), flush=True)
    for server in servers.values():
        await server.stop()


def usage(pid: int) -> tuple[float, float]:
    """Resident memory in MiB and processor seconds of a process and of those that it started."""
    memory, seconds = _usage_alone(pid)
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            more = usage(int(child))
            memory, seconds = memory + more[0], seconds + more[1]
    return memory, seconds


def _usage_alone(pid: int) -> tuple[float, float]:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20, sum(map(int, fields[11:15])) / _TICKS


def beats_lag_ms(run: Path) -> dict[str, float]:
    """How late the loop was: percentiles of the worst of each heartbeat, without the first seconds."""
    beats = [line for line in open_run(run).runlog() if line["event"] == "heartbeat"]
    begin_ns = beats[0]["mono_ns"] + round(WARM_UP_S * 1e9)
    lags = sorted(line["loop_lag_ms"] for line in beats if line["mono_ns"] >= begin_ns)
    return {"beats": len(lags), "p50": nearest_rank(lags, 50), "p99": nearest_rank(lags, 99), "max": lags[-1]}


def timer_lag_ms(looks: Path, end_s: float) -> dict[str, float]:
    """How late the loop came to each timer, between the first seconds and ``end_s`` of its time.

    ``over_10_ms``: the share of timers to which it came later than that.
    """
    pairs = (map(float, line.split()) for line in looks.read_text().splitlines())
    lags = sorted(1e3 * late_s for at_s, late_s in pairs if WARM_UP_S <= at_s <= end_s)
    told = {"p50": nearest_rank(lags, 50), "p99": nearest_rank(lags, 99), "max": lags[-1]}
    over = sum(lag > 10 for lag in lags) / len(lags)
    return {"timers": len(lags), **{name: round(lag, 3) for name, lag in told.items()}, "over_10_ms": over}


def measure(
    rates: dict[str, float], seconds: float, transport: str, folder: Path, sinks: bool
) -> dict[str, Any]:
    """One capture; ``sinks``: with all files that a run can write beside its bundle."""
    served = [sys.executable, __file__, "--serve", json.dumps(rates)]
    emulators = subprocess.Popen(served, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert emulators.stdout is not None
    endpoints = json.loads(emulators.stdout.readline())
    words = [sys.executable, str(WATCHED), str(folder / "looks"), "capture", "--json"]
    words += ["--run-id", str(folder / "run")]
    words += ["--max-seconds", f"{seconds + WARM_UP_S:g}", "--transport", transport]
    for name, (_, symbols) in dialects().items():
        words += ["--endpoint", f"{name}={endpoints[name]}", *(f"{name}:{symbol}" for symbol in symbols)]
    for sink in SINKS if sinks else ():
        words += ["--sink", f"{sink}={folder / sink}"]
    capture = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    samples: list[tuple[float, float, float, float]] = []
    while capture.poll() is None:
        samples.append((time.monotonic(), *usage(capture.pid), usage(emulators.pid)[1]))
        time.sleep(0.25)
    assert capture.stdout is not None
    result = json.loads(capture.stdout.read())
    told = json.loads(emulators.communicate("")[0])
    sunk = list(SINKS) if sinks else []
    return figures(rates, samples, result, told) | {
        "sinks": sunk,
        "loop_lag_ms": beats_lag_ms(folder / "run"),
        "timer_lag_ms": timer_lag_ms(folder / "looks", result["duration_s"] - LAST_S),
    }


def figures(
    rates: dict[str, float],
    samples: list[tuple[float, float, float, float]],
    result: dict[str, Any],
    told: dict[str, Any],
) -> dict[str, Any]:
    """What a capture was, in numbers. Memory: the means of the second and of the last fifth, and the most."""
    start_s = samples[0][0] + WARM_UP_S
    steady = [sample for sample in samples if sample[0] >= start_s]
    elapsed_s = steady[-1][0] - steady[0][0]
    fifth = max(1, len(steady) // 5)
    memory = [sample[1] for sample in steady]
    counts = result["counts"]
    sent = sum(told["sent"].values())
    return {
        "bench": "four_venues",
        "events_per_s": {name: rate * len(COINS) for name, rate in rates.items()},
        "seconds": round(result["duration_s"], 1),
        "frames_per_s": round(counts["frames"] / result["duration_s"]),
        "frames_sent": sent,
        "frames_captured": counts["frames"],
        "frames_dropped": result["dropped_messages"],
        "gaps": counts["gaps"],
        "checksums_failed": counts["checksums_failed"],
        "reconnects": result["reconnects"]["total"],
        "memory_mib": {
            "early": round(sum(memory[fifth : 2 * fifth]) / fifth, 1),
            "late": round(sum(memory[-fifth:]) / fifth, 1),
            "most": round(max(memory), 1),
        },
        "processors": {
            "capture": round((steady[-1][2] - steady[0][2]) / elapsed_s, 2),
            "emulators": round((steady[-1][3] - steady[0][3]) / elapsed_s, 2),
        },
        "emulator_behind_ms": told["behind_ms"],
        "load": round(os.getloadavg()[0], 1),
    }


def table(rows: list[dict[str, Any]]) -> str:
    """The figures as Markdown."""
    lines = [
        "| frames/s | dropped | not received | gaps | worst lag of each second p50, p99, max (ms)"
        " | lag of all timers p50, p99, max (ms) | memory early, late, most (MiB) | processors | load |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        memory, used = row["memory_mib"], row["processors"]
        beats, timers = row["loop_lag_ms"], row["timer_lag_ms"]
        missing = row["frames_sent"] - row["frames_captured"]
        lines.append(
            f"| {row['frames_per_s']} | {row['frames_dropped']} | {missing}"
            f" | {row['gaps']} | {beats['p50']}, {beats['p99']}, {beats['max']}"
            f" | {timers['p50']}, {timers['p99']}, {timers['max']}"
            f" | {memory['early']}, {memory['late']}, {memory['most']}"
            f" | {used['capture']} + {used['emulators']} | {row['load']} |"
        )
    return "\n".join(lines)


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="time that is measured, a rate [60]")
    parser.add_argument("--scale", default="0.25,0.5,1", help="multiples of the rates [0.25,0.5,1]")
    parser.add_argument("--transport", default="picows", help="of the capture [picows]")
    parser.add_argument("--sinks", action="store_true", help="write the files of all sinks, too")
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    for name, rate in RATES.items():
        parser.add_argument(f"--{name}", type=float, default=rate, help=f"events/s and instrument [{rate:g}]")
    given = parser.parse_args()
    if given.serve:
        asyncio.run(serve(json.loads(given.serve)))
        return
    rows = []
    print(json.dumps(machine([])), flush=True)
    for scale in map(float, given.scale.split(",")):
        rates = {name: getattr(given, name) * scale for name in RATES}
        with tempfile.TemporaryDirectory() as folder:
            rows.append(measure(rates, given.seconds, given.transport, Path(folder), given.sinks))
        print(json.dumps(rows[-1]), flush=True)
    print(f"\n{table(rows)}")
    if given.json:
        given.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
