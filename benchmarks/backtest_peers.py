"""The sides of a comparison of backtests: the same tape and market maker for us and for other programs.

hftbacktest gets the event array that ``mm export --to hftbacktest`` writes of a store, nautilus_trader its
own objects of the same rows, which it sees at the moment of their receipt. ``empty``: a strategy that nothing
wakes. ``every``: one order at the best price of each side, looked at after every message and print, moved
when that price has changed; constant latency. Ours and hftbacktest play each six times in a process and
tell the best run after the first: nothing is compiled or read from a disk then. Rows are those of the store
on all sides.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import attrs
import numpy as np
from beside import Beside
from figures import Figure
from peer_environments import environment, told_by
from run_fills import HERE, Grid

from mm_framework.model.events import NULL, Kind, RowFlag
from mm_framework.replay.events import ReplayRequest, replay_events
from mm_framework.replay.hftbacktest import HftBacktestFile
from mm_framework.store.reader import Store

__all__ = [
    "PART",
    "PEERS",
    "QUICK_PART",
    "TAPE",
    "Side",
    "beside_peers",
    "measured",
    "notes",
    "pythons_of",
    "sides",
]

LATENCY_NS: Final = 5_000_000
PART, QUICK_PART = 6.0, 0.1
REACH: Final = 0.5
"""How far from the first price hftbacktest's book reaches, as a share of it."""
WORKLOADS: Final = {
    "empty": "backtest, nobody woken",
    "every": "backtest, a market maker woken by every event",
}
HFTBACKTEST: Final = ("hftbacktest-roi", "hftbacktest-hashmap")
"""With its faster book, and with that of its guides."""
ASKED: Final = {
    (name, peer): asked
    for peer in HFTBACKTEST
    for name, asked in (("empty", (None, 2.5)), ("every", (3.0, 4.0)))
}
"""Times as fast as a peer: the floor and the aim of the design."""
TAPE: Final = "binance"
NAUTILUS_KINDS: Final = {int(Kind.LEVEL): 0, int(Kind.TRADE): 1, int(Kind.SNAPSHOT_START): 2}
"""What a row is to ``nautilus_speed.py``."""
OURS: Final = "ours"
PEERS: Final = (*HFTBACKTEST, "nautilus")


@attrs.frozen
class Side:
    """A program on its form of the tape, as a command."""

    name: str
    command: tuple[str, ...]


def sides(store: Store, folder: Path, pythons: Mapping[str, Path]) -> list[Side]:
    """Ours, and the peers whose interpreters are given."""
    ours = (sys.executable, str(HERE / "backtest_ours.py"), store.root.url, str(folder / "cache"))
    return [
        Side(OURS, (*ours, str(LATENCY_NS))),
        *(_peer(name, store, folder, python) for name, python in pythons.items()),
    ]


def _peer(name: str, store: Store, folder: Path, python: Path) -> Side:
    if name in HFTBACKTEST:
        return _hftbacktest(name, store, folder, python)
    return _nautilus(store, folder, python)


def _hftbacktest(name: str, store: Store, folder: Path, python: Path) -> Side:
    grid = Grid.of(store)
    (definition,) = store.events(policy="any").definitions
    with HftBacktestFile(folder / "events.npz") as sink:
        replay_events(store, ReplayRequest(policy="any"), (sink,))
    unit, size_unit = 10**definition.price_scale, 10**definition.size_scale
    first = float(store.trades(policy="any")["price"][0].as_py())
    tick = grid.tick / unit
    reach = [round(first * share / tick) * tick for share in (1 - REACH, 1 + REACH)]
    numbers = [repr(one) for one in (tick, grid.lot / size_unit, *reach)]
    script = str(HERE / "peers" / "hftbacktest_speed.py")
    command = (str(python), "-I", script, str(folder / "events.npz"), *numbers, str(LATENCY_NS))
    return Side(name, (*command, name.partition("-")[2]))


def _nautilus(store: Store, folder: Path, python: Path) -> Side:
    grid, path = Grid.of(store), folder / "nautilus.npy"
    (definition,) = store.events(policy="any").definitions
    price_decimals, price_unit = _decimals(grid.tick, definition.price_scale)
    size_decimals, size_unit = _decimals(grid.lot, definition.size_scale)
    rows = np.concatenate(list(store.events(policy="any").blocks()))
    known = rows[np.isin(rows["kind"], list(NAUTILUS_KINDS))]
    ts_venue = np.where(known["ts_venue_ns"] == NULL, known["ts_recv_ns"], known["ts_venue_ns"])
    kinds = np.array([NAUTILUS_KINDS[kind] for kind in known["kind"].tolist()])
    columns = (
        *(known["ts_recv_ns"], ts_venue, known["seq"], kinds, known["side"]),
        *(known["price"] // price_unit, known["size"] // size_unit, known["flags"] & RowFlag.LAST),
    )
    np.save(path, np.stack([np.asarray(column, np.int64) for column in columns], axis=1))
    numbers = (price_decimals, size_decimals, grid.lot // size_unit, LATENCY_NS)
    script = str(HERE / "peers" / "nautilus_speed.py")
    return Side("nautilus", (str(python), "-I", script, str(path), *map(str, numbers)))


def _decimals(step: int, scale: int) -> tuple[int, int]:
    """Decimals that ``step``, an integer at ``scale``, needs; and one of the last of them at ``scale``."""
    unit = 1
    while scale and step % (10 * unit) == 0:
        unit, scale = 10 * unit, scale - 1
    return scale, unit


def measured(all_sides: Sequence[Side], rounds: int) -> dict[str, list[dict[str, Any]]]:
    """What each side tells, round by round; every round begins with another one."""
    told: dict[str, list[dict[str, Any]]] = {side.name: [] for side in all_sides}
    for index in range(rounds):
        turn = index % len(all_sides)
        for side in (*all_sides[turn:], *all_sides[:turn]):
            one = told_by(side.command, side.name)
            line = {"bench": "backtest", "side": side.name, "round": index + 1, **one}
            print(json.dumps(line), flush=True)
            told[side.name].append(one)
    return told


def figures(told: Mapping[str, list[dict[str, Any]]], seconds: str) -> dict[tuple[str, str], Figure]:
    """Rows a second of each workload and side; ``seconds``: which of those that were told."""
    rows = told[OURS][0]["rows"]
    return {
        (name, side): Figure(name, side, "rows/s", tuple(rows / one[name][seconds] for one in rounds))
        for name in WORKLOADS
        for side, rounds in told.items()
    }


def beside_peers(told: Mapping[str, list[dict[str, Any]]]) -> list[Beside]:
    """Ours beside each peer."""
    wall, cpu = figures(told, "seconds"), figures(told, "cpu_seconds")
    return [
        Beside(
            what,
            peer,
            (wall[name, OURS], wall[name, peer]),
            (cpu[name, OURS], cpu[name, peer]),
            *ASKED.get((name, peer), (None, None)),
        )
        for name, what in WORKLOADS.items()
        for peer in told
        if peer != OURS
    ]


def notes(told: Mapping[str, list[dict[str, Any]]]) -> str:
    """What a reader must know of the sides, as a list."""
    engine = told[OURS][-1]["every"]["engine"]
    lines = [f"- ours: the {engine} engine; its ledger and the hash of its intents are in the time\n"]
    lines += [f"- {side}: {told[side][-1]['version']}\n" for side in told if side != OURS]
    return "".join(lines)


def pythons_of(names: Sequence[str], build: Path) -> dict[str, Path]:
    """The interpreters of peers. Raises Unavailable."""
    stems = {name: name.partition("-")[0] for name in names}
    return {name: environment(build / stem, HERE / "peers" / f"{stem}.txt") for name, stem in stems.items()}
