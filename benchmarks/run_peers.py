"""How fast are we beside other programs that do this work? Rounds of one process a side, then tables.

    python benchmarks/run_peers.py [NAME ...] [--quick] [--rounds N] [--depth 10|25] [--json FILE]

A peer is a program that reads one venue, or one that plays backtests. It is installed, at pinned versions,
into an environment below ``build/peers``. Every side of a venue gets the same market content in the form of
the wire that it reads, see `wires`; every side of a backtest the same tape, see `backtest_peers`. In a round
each side runs once, in a process of its own and one after the other; each next round begins with another
side. A side measures the time of its passes in its own process: no start of a process, no socket, and no
reading of the peer's file is in it. The first table has one line a peer and work, with what the design asks
for. Exit code 5: a peer could not be installed or run.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import attrs
import backtest_peers
from beside import Beside, beside_table
from figures import Figure, facts_list, number, rounded, table, times
from machine import kernels, machine
from peer_environments import Unavailable, environment, told_by
from tapes import make_tape
from wires import Made, make

HERE: Final = Path(__file__).resolve().parent
BUILD: Final = HERE.parent / "build" / "peers"
UNAVAILABLE: Final = 5
LEAST_S: Final = 1.0
QUICK_PART: Final = 0.02
OURS: Final = (
    "- ours: `verify` is the whole of `mm verify`: the log read with the CRC of every record, its index and"
    " checkpoints, books and proofs; `feed` is the same log in memory through `Feed` alone\n"
)


@attrs.frozen
class Peer:
    """A program to be measured beside.

    ``script`` is run by the peer's own interpreter with a file of frames, one a line, and the least
    seconds to measure; it prints one JSON object: version, frames, passes, and of all passes seconds and
    cpu_seconds.
    ``venue`` and ``wire``: what it reads, see `wires`. ``requirements``: what is installed for it, None
    when it needs nothing; peers with the same file share an environment. ``notes``: what a reader must
    know of its work.
    """

    script: Path
    venue: str
    wire: str
    requirements: Path | None
    notes: tuple[str, ...]


_CALLBACK: Final = (
    "A callback that counts books is its only user; frames are texts, read and split beforehand."
)

PEERS: Final[Mapping[str, Peer]] = {
    "cryptofeed-kraken": Peer(
        script=HERE / "peers" / "cryptofeed_kraken.py",
        venue="kraken",
        wire="v1",
        requirements=HERE / "peers" / "cryptofeed.txt",
        notes=(
            "cryptofeed 2.4.1 reads Kraken's WebSocket v1 only. It gets the v1 form of the frames: the same"
            " updates, digits and checksums. We are measured on that form, too, and on v2, which is what"
            " the venue sends today.",
            "Its checksum validation is on. It looks for the checksum in the first side object of a"
            " message only, so it would not check updates to both sides; this content has none, and every"
            " update is checked. It checks no more than that: no log, no CRC of records, no gap of trades.",
            _CALLBACK,
        ),
    ),
    "cryptofeed-binance": Peer(
        script=HERE / "peers" / "cryptofeed_binance.py",
        venue="binance",
        wire="combined",
        requirements=HERE / "peers" / "cryptofeed.txt",
        notes=(
            "Both sides check that every update joins the one before it, and begin with the same snapshot,"
            " which we read without a kernel. We look for a crossed book after each update, too; cryptofeed"
            " does so only when it is asked to.",
            _CALLBACK,
        ),
    ),
    "cryptofeed-bitfinex": Peer(
        script=HERE / "peers" / "cryptofeed_bitfinex.py",
        venue="bitfinex",
        wire="seq",
        requirements=HERE / "peers" / "cryptofeed.txt",
        notes=(
            "cryptofeed asks for numbered frames and nothing else, and takes the last value of a frame for"
            " its number; it has no checksums. In `full`, which is what we ask for, frames have times, and a"
            " checksum of the book comes once a second, which we read and compare without a kernel.",
            _CALLBACK,
        ),
    ),
}


@attrs.frozen
class Side:
    """One program on one content, as a command."""

    name: str
    wire: str
    command: tuple[str, ...]

    def run(self) -> dict[str, Any]:
        """One process; what it tells. Raises Unavailable when it fails."""
        return told_by(self.command, self.name)


def sides(
    folder: Path, made: Made, peers: Mapping[str, Peer], pythons: Mapping[str, Path], least_s: float
) -> list[Side]:
    """The peers of one venue, then ours on every form of it."""
    result = [
        Side(
            name,
            peer.wire,
            (
                str(pythons[name]),
                "-I",
                str(peer.script),
                str(folder / f"{peer.wire}.txt"),
                str(least_s),
            ),
        )
        for name, peer in peers.items()
    ]
    for wire in made.frames:
        for what in ("verify", "feed"):
            command = (sys.executable, str(HERE / "ours.py"), what, str(folder / wire), str(least_s))
            result.append(Side(f"ours, {what}", wire, command))
    return result


@attrs.frozen
class Measured:
    """A side's frames a second of wall time, and a second of its own processor time."""

    side: Side
    wall: Figure
    cpu: Figure


def measure(venue: str, made: Made, all_sides: Sequence[Side], rounds: int) -> list[Measured]:
    """Alternating rounds; every round of every side is printed as it comes."""
    told: dict[Side, list[dict[str, Any]]] = {side: [] for side in all_sides}
    for index in range(rounds):
        turn = index % len(all_sides)
        for side in (*all_sides[turn:], *all_sides[:turn]):
            one, frames = side.run(), made.frames[side.wire]
            one["frames_per_s"] = round(frames * one["passes"] / one["seconds"])
            one["frames_per_cpu_s"] = round(frames * one["passes"] / one["cpu_seconds"])
            told[side].append(one)
            line = {"bench": "peers", "venue": venue, "round": index + 1, "side": side.name}
            print(json.dumps({**line, "wire": side.wire, **one}), flush=True)

    def figure(side: Side, unit: str) -> Figure:
        rates = tuple(one[f"frames_per_{unit}"] for one in told[side])
        return Figure(f"{side.name}, {side.wire}", side.name, f"frames/{unit}", rates)

    return [Measured(side, figure(side, "s"), figure(side, "cpu_s")) for side in all_sides]


def section(venue: str, made: Made, measured: Sequence[Measured], peers: Mapping[str, Peer]) -> str:
    """What readers are told of a venue: every side against each peer."""
    bases = [one for one in measured if one.side.name in peers]
    rows = [
        [
            one.side.name,
            one.side.wire,
            number(one.wall.median),
            *("-" if one in bases else times(one.wall.ratios(base.wall)) for base in bases),
            *("-" if one in bases else times(one.cpu.ratios(base.cpu)) for base in bases),
            *map(number, one.wall.rounds),
        ]
        for one in measured
    ]
    rounds = len(measured[0].wall.rounds)
    names = [base.side.name for base in bases]
    head = [
        *("side", "wire", "frames/s"),
        *(f"times {name}" for name in names),
        *(f"times {name}, CPU time" for name in names),
        *(f"round {n}" for n in range(1, rounds + 1)),
    ]
    notes = "".join(f"- {note}\n" for peer in peers.values() for note in peer.notes)
    return (
        f"## {venue}\n\n{made.what}.\n\n"
        f"Medians of {rounds} alternating rounds of wall time; in brackets the range of the ratios of single"
        f" rounds.\n\n{table(head, rows)}\n{notes}"
    )


def main(
    arguments: Sequence[str] | None = None,
    known: Mapping[str, Peer] = PEERS,
    backtests: Sequence[str] = backtest_peers.PEERS,
) -> int:
    """Install, measure and print; the exit code. ``backtests``: the peers that play them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    names = (*known, *backtests)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"all unless given: {', '.join(names)}")
    parser.add_argument("--quick", action="store_true", help="less data, 2 rounds")
    parser.add_argument("--rounds", type=int, help="5 unless given")
    parser.add_argument("--depth", type=int, choices=(10, 25), default=10, help="of Kraken's book")
    parser.add_argument("--build", type=Path, default=BUILD, help="where environments are made")
    parser.add_argument("--json", metavar="FILE", type=Path, help="also write one JSON document to FILE")
    parser.add_argument("--markdown", metavar="FILE", type=Path, help="also write the tables to FILE")
    options = parser.parse_args(arguments)
    if unknown := set(options.names) - {*names}:
        parser.error(f"no peer is called {', '.join(sorted(unknown))}")
    asked = options.names or names
    try:
        return _run(
            options,
            {name: known[name] for name in asked if name in known},
            [name for name in asked if name in backtests],
        )
    except Unavailable as error:
        print(f"bench-peers: {error}", file=sys.stderr)
        return UNAVAILABLE


def _run(options: argparse.Namespace, peers: Mapping[str, Peer], backtests: Sequence[str]) -> int:
    pythons = {
        name: environment(options.build / peer.requirements.stem, peer.requirements)
        if peer.requirements
        else Path(sys.executable)
        for name, peer in peers.items()
    }
    players = backtest_peers.pythons_of(backtests, options.build)
    about = machine([kernels()])
    print(json.dumps(about), flush=True)
    texts, results, compared = [], [], []
    for venue in dict.fromkeys(peer.venue for peer in peers.values()):
        here = {name: peer for name, peer in peers.items() if peer.venue == venue}
        text, lines, found = _venue(venue, here, pythons, options)
        texts.append(text)
        results += lines
        compared += found
    if players:
        text, found = _backtests(players, options)
        texts.append(text)
        compared += found
    for one in compared:
        print(json.dumps(one.to_json()))
    text = "\n".join([f"{facts_list(about)}{OURS}\n{beside_table(compared)}", *texts])
    print(f"\n{text}", end="")
    if options.markdown is not None:
        options.markdown.write_text(f"# Benchmarks beside peers\n\n{text}", encoding="utf-8")
    if options.json is not None:
        beside = [one.to_json() for one in compared]
        document = {"machine": about, "beside": beside, "results": results}
        options.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return 0


def _rounds(options: argparse.Namespace) -> int:
    rounds: int = options.rounds or (2 if options.quick else 5)
    return rounds


def _venue(
    venue: str, peers: Mapping[str, Peer], pythons: Mapping[str, Path], options: argparse.Namespace
) -> tuple[str, list[dict[str, Any]], list[Beside]]:
    """The text, the results and the comparisons of one venue."""
    part, least_s = (QUICK_PART, 0.02) if options.quick else (1.0, LEAST_S)
    with tempfile.TemporaryDirectory(prefix="mm-bench-") as folder:
        made = make(venue, Path(folder), options.depth, part)
        all_sides = sides(Path(folder), made, peers, pythons, least_s)
        measured = measure(venue, made, all_sides, _rounds(options))
    bases = [one for one in measured if one.side.name in peers]
    lines = [{"venue": venue, **_line(one, bases)} for one in measured]
    return section(venue, made, measured, peers), lines, beside(venue, measured, peers)


def beside(venue: str, measured: Sequence[Measured], peers: Mapping[str, Peer]) -> list[Beside]:
    """Ours beside each peer, on the form of the wire that the peer reads."""
    return [
        Beside(
            f"{venue}, {one.side.name.removeprefix('ours, ')}",
            base.side.name,
            (one.wall, base.wall),
            (one.cpu, base.cpu),
        )
        for base in measured
        if base.side.name in peers
        for one in measured
        if one.side.name not in peers and one.side.wire == base.side.wire
    ]


def _backtests(pythons: Mapping[str, Path], options: argparse.Namespace) -> tuple[str, list[Beside]]:
    """The text and the comparisons of backtests."""
    part = backtest_peers.QUICK_PART if options.quick else backtest_peers.PART
    with tempfile.TemporaryDirectory(prefix="mm-bench-") as folder:
        store = make_tape(backtest_peers.TAPE, Path(folder), part)
        all_sides = backtest_peers.sides(store, Path(folder), pythons)
        told = backtest_peers.measured(all_sides, _rounds(options))
    return f"## backtests\n\n{backtest_peers.notes(told)}", backtest_peers.beside_peers(told)


def _line(one: Measured, bases: Sequence[Measured]) -> dict[str, Any]:
    ratios = {
        base.side.name: [rounded(ratio) for ratio in one.wall.ratios(base.wall)]
        for base in bases
        if one not in bases
    }
    cpu_rounds = list(one.cpu.rounds)
    side = {"side": one.side.name, "wire": one.side.wire}
    return {**side, **one.wall.to_json(), "cpu_rounds": cpu_rounds, "ratios": ratios}


if __name__ == "__main__":
    sys.exit(main())
