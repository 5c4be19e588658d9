"""How fast are we beside other programs that do this work? Rounds of one process a side, then a table.

    python benchmarks/run_peers.py [NAME ...] [--quick] [--rounds N] [--depth 10|25] [--json FILE]

A peer is installed, at pinned versions, into an environment of its own below ``build/peers``. Every side
gets the same market content in the wire version that it reads. In a round each side runs once, in a
process of its own and one after the other; each next round begins with another side. A side measures the
wall time of its passes in its own process: no start of a process, no socket, and no reading of the peer's
file is in it. Exit code 5: a peer could not be installed or run.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import attrs
from content import bundle, emulate, version_1
from environments import Unavailable, environment
from figures import Figure, facts_list, number, rounded, table, times
from machine import machine

from mm_framework.kernels.mode import mode
from mm_framework.testing.recordings import Recorded

HERE: Final = Path(__file__).resolve().parent
BUILD: Final = HERE.parent / "build" / "peers"
UNAVAILABLE: Final = 5
LEAST_S: Final = 1.0
QUICK_PART: Final = 0.02


@attrs.frozen
class Peer:
    """A program to be measured beside.

    ``script`` is run by the peer's own interpreter with a file of frames, one a line, and the least
    seconds to measure; it prints one JSON object: version, frames, passes, and of all passes seconds and
    cpu_seconds.
    ``wire``: the version of Kraken's WebSocket that it reads. ``requirements``: what is installed for
    it, None when it needs nothing. ``notes``: what a reader must know of its work.
    """

    script: Path
    wire: str
    requirements: Path | None
    notes: tuple[str, ...]


PEERS: Final[Mapping[str, Peer]] = {
    "cryptofeed": Peer(
        script=HERE / "peers" / "cryptofeed_kraken.py",
        wire="v1",
        requirements=HERE / "peers" / "cryptofeed.txt",
        notes=(
            "cryptofeed 2.4.1 reads Kraken's WebSocket v1 only. It gets the v1 form of the frames: the same"
            " updates, digits and checksums. We are measured on that form, too, and on v2, which is what"
            " the venue sends today.",
            "Its checksum validation is on. It looks for the checksum in the first side object of a"
            " message only, so it would not check updates to both sides; this content has none, and every"
            " update is checked. It checks no more than that: no log, no CRC of records, no gap of trades.",
            "A callback that counts books is its only user; frames are texts, read and split beforehand.",
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
        done = subprocess.run(self.command, capture_output=True, text=True, check=False)
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["it says nothing"])[-1]
            raise Unavailable(f"{self.name} failed with exit code {done.returncode}: {last}")
        told: dict[str, Any] = json.loads(done.stdout)
        return told


def contents(folder: Path, depth: int, part: float) -> int:
    """Make ``v1.txt``, ``v2.txt`` (frames) and the bundles ``v1``, ``v2``; the number of their book frames.

    Both bundles hold the requests and acknowledgements, too: they tell the depth of a v2 book.
    """
    recording = emulate(f"book{depth}", part)
    old = [
        (item, None if item.sent or b'"book"' not in item.payload else version_1(item.payload, depth))
        for item in recording
    ]
    asked = [item for item, frame in old if item.sent or b'"subscribe"' in item.payload]
    books = [(item, frame) for item, frame in old if frame is not None]
    wires = {"v1": [frame for _, frame in books], "v2": [item.payload for item, _ in books]}
    for wire, frames in wires.items():
        (folder / f"{wire}.txt").write_bytes(b"\n".join(frames) + b"\n")
        received = [
            Recorded(item.wall_ns, False, frame) for (item, _), frame in zip(books, frames, strict=True)
        ]
        head = asked if wire == "v2" else []
        bundle([*head, *received], folder / wire)
    return len(books)


def sides(folder: Path, peers: Mapping[str, Peer], pythons: Mapping[str, Path], least_s: float) -> list[Side]:
    """The peers, then ours on every wire version that a peer reads, and on v2."""
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
    for wire in sorted({"v2", *(peer.wire for peer in peers.values())}):
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


def measure(all_sides: Sequence[Side], rounds: int, frames: int) -> list[Measured]:
    """Alternating rounds; every round of every side is printed as it comes."""
    told: dict[Side, list[dict[str, Any]]] = {side: [] for side in all_sides}
    for index in range(rounds):
        turn = index % len(all_sides)
        for side in (*all_sides[turn:], *all_sides[:turn]):
            one = side.run()
            one["frames_per_s"] = round(frames * one["passes"] / one["seconds"])
            one["frames_per_cpu_s"] = round(frames * one["passes"] / one["cpu_seconds"])
            told[side].append(one)
            line = {"bench": "peers", "round": index + 1, "side": side.name, "wire": side.wire}
            print(json.dumps({**line, **one}), flush=True)

    def figure(side: Side, unit: str) -> Figure:
        rates = tuple(one[f"frames_per_{unit}"] for one in told[side])
        return Figure(f"{side.name}, {side.wire}", side.name, f"frames/{unit}", rates)

    return [Measured(side, figure(side, "s"), figure(side, "cpu_s")) for side in all_sides]


def markdown(
    about: dict[str, Any], what: str, measured: Sequence[Measured], peers: Mapping[str, Peer]
) -> str:
    """The table for readers: every side against each peer."""
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
        f"{facts_list(about)}\n{what}\nMedian of {rounds} alternating rounds of wall time; in brackets the"
        f" range of the ratios of single rounds.\n\n{table(head, rows)}\n{notes}"
        "- `verify` is the whole of `mm verify`: the log read with the CRC of every record, its index and"
        " checkpoints, books and checksums. `feed` is the same log in memory through `Feed` alone.\n"
    )


def main(arguments: Sequence[str] | None = None, known: Mapping[str, Peer] = PEERS) -> int:
    """Install, measure and print; the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"all unless given: {', '.join(known)}")
    parser.add_argument("--quick", action="store_true", help="less data, 2 rounds")
    parser.add_argument("--rounds", type=int, help="5 unless given")
    parser.add_argument("--depth", type=int, choices=(10, 25), default=10, help="of the book")
    parser.add_argument("--build", type=Path, default=BUILD, help="where environments are made")
    parser.add_argument("--json", metavar="FILE", type=Path, help="also write one JSON document to FILE")
    parser.add_argument("--markdown", metavar="FILE", type=Path, help="also write the table to FILE")
    options = parser.parse_args(arguments)
    if unknown := set(options.names) - known.keys():
        parser.error(f"no peer is called {', '.join(sorted(unknown))}")
    peers = {name: known[name] for name in options.names or known}
    try:
        return _run(options, peers)
    except Unavailable as error:
        print(f"bench-peers: {error}", file=sys.stderr)
        return UNAVAILABLE


def _run(options: argparse.Namespace, peers: Mapping[str, Peer]) -> int:
    pythons = {
        name: environment(options.build / name, peer.requirements)
        if peer.requirements
        else Path(sys.executable)
        for name, peer in peers.items()
    }
    about = machine([mode()])
    print(json.dumps(about), flush=True)
    with tempfile.TemporaryDirectory(prefix="mm-bench-") as name:
        folder = Path(name)
        frames = contents(folder, options.depth, QUICK_PART if options.quick else 1.0)
        size = (folder / "v2.txt").stat().st_size // frames
        what = (
            f"BTC/EUR, {frames} book frames of depth {options.depth}, {size} bytes each in v2 in the mean,"
            " emulated, from a fixed seed.\n"
        )
        all_sides = sides(folder, peers, pythons, 0.02 if options.quick else LEAST_S)
        measured = measure(all_sides, options.rounds or (2 if options.quick else 5), frames)
    text = markdown(about, what, measured, peers)
    print(f"\n{text}", end="")
    if options.markdown is not None:
        options.markdown.write_text(f"# Benchmarks beside peers\n\n{text}", encoding="utf-8")
    if options.json is not None:
        results = [_line(one, [base for base in measured if base.side.name in peers]) for one in measured]
        document = {"machine": about, "results": results}
        options.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return 0


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
