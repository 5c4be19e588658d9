"""Figures of speed, from the output of benchmarks that is kept in ``benchmarks/results``.

`generate.py` writes them into the README (region ``speed``) and into the page of benchmarks; nothing there is
written by hand, and ``python benchmarks/record.py`` measures it anew. Medians of all rounds.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import attrs

__all__ = ["RESULTS", "Recorded", "figure", "read", "readme", "regions"]

RESULTS = Path(__file__).resolve().parent.parent / "benchmarks" / "results"

BUSY = 2.0
"""Load of a machine from which wall times mean little."""

Table = Callable[[Sequence[str], Sequence[Sequence[object]]], str]
Row = tuple[str, str, str]

SHOWN = {
    "verify_book10": "`mm verify` of Kraken's book of depth 10, every checksum computed",
    "feed_binance": "Binance's updates of 40 levels into the whole book",
    "log_walk": "frame log read, the CRC of each record compared",
    "feed_one_p50": "one live frame, from bytes to its book, checksum compared; median",
}
ALONE = ", feed"
"""Works whose figure the page tells alone: a part of ``verify``."""
STORED = {"build": "store made from a recording", "write": "rows to Parquet", "read": "Parquet to rows"}


@attrs.frozen
class Recorded:
    """The kept output of one benchmark: the line about its run, its machine, its other lines."""

    about: dict[str, Any]
    machine: dict[str, Any]
    lines: tuple[dict[str, Any], ...]

    def of(self, bench: str) -> list[dict[str, Any]]:
        """The lines of this kind."""
        return [line for line in self.lines if line["bench"] == bench]

    @property
    def told(self) -> str:
        """When, where and how it was measured, as a sentence."""
        machine, commit = self.machine, self.machine["commit"]
        where = f"{machine['cpus']} processors {machine['processor']}, {machine['python']}"
        state = (
            "" if commit is None else f", commit {commit[:7]}{' and changes' if machine['changed'] else ''}"
        )
        load = self.about["load"]
        busy = (
            f" Other programs ran, load {load:g}: look at processor time."
            if load is not None and load >= BUSY
            else ""
        )
        return f"Measured on {self.about['date']} with `{self.about['command']}`: {where}{state}.{busy}"


def read(folder: Path, name: str) -> Recorded | None:
    """What is kept of a benchmark; None when nothing is."""
    path = folder / f"{name}.jsonl"
    if not path.is_file():
        return None
    about, *lines = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    (machine,) = (line for line in lines if line.get("bench") == "machine")
    kept = tuple({"bench": "workload", **line} for line in lines if line is not machine)
    return Recorded(about, machine, kept)


def figure(value: float) -> str:
    """Three digits: ``1.38 million``, ``17,700``, ``0.94``."""
    if value >= 999_500:
        return f"{_digits(value / 1e6)} million"
    return f"{int(float(f'{value:.3g}')):,}" if value >= 1000 else _digits(value)


def _digits(value: float) -> str:
    short = float(f"{value:.3g}")
    return f"{short:,.0f}" if short >= 100 else f"{short:g}"


def _times(ratios: Sequence[float]) -> str:
    """``2.08 (1.71 to 2.69)``: the median of the rounds, and their range."""
    median = _digits(statistics.median(ratios))
    return f"{median} ({_digits(min(ratios))} to {_digits(max(ratios))})" if len(ratios) > 1 else median


def regions(table: Table, folder: Path = RESULTS) -> dict[str, Callable[[], str]]:
    """The functions that write the regions."""
    pages = {
        "data-path": data_path,
        "peers": peers,
        "start": start,
        "backtest": backtest,
        "sweep": sweep,
        "store": store,
        "relay": relay,
    }
    made = {f"speed-{name}": partial(_page, table, folder, name, page) for name, page in pages.items()}
    return {"speed": partial(readme, table, folder), **made}


def _page(table: Table, folder: Path, name: str, page: Callable[[Table, Recorded], str]) -> str:
    found = read(folder, name)
    if found is None:
        return f"Nothing is recorded yet: `python benchmarks/record.py {name}` does it."
    return f"{page(table, found)}\n{found.told}"


def data_path(table: Table, found: Recorded) -> str:
    """Every figure with and without kernels."""
    figures: dict[str, dict[str, dict[str, Any]]] = {}
    for line in found.lines:
        figures.setdefault(line["bench"], {})[line["kernels"]] = line
    rows = []
    for name, modes in figures.items():
        on, off = modes.get("on"), modes.get("off")
        unit = next(iter(modes.values()))["unit"]
        cells = ["-" if one is None else figure(one["median"]) for one in (off, on)]
        rows.append([f"`{name}`", unit, *cells, _times(on["ratio"]) if on and "ratio" in on else "-"])
    return table(("figure", "unit", "without kernels", "with kernels", "times as fast"), rows)


def peers(table: Table, found: Recorded) -> str:
    """Ours beside each peer, with what the design asks for."""
    head = ("work", "peer", "unit", "ours", "the peer's", "ours, times as fast", "by processor time", "aim")
    rows = [
        [
            *(line["work"], line["peer"], line["unit"], figure(line["ours"]), figure(line["theirs"])),
            *(_times(line["ratios"]), _times(line["cpu_ratios"])),
            "-" if line["aim"] is None else f"{line['aim']:g}",
        ]
        for line in found.of("beside")
    ]
    return table(head, rows)


def backtest(table: Table, found: Recorded) -> str:
    """Million rows a second of each workload."""
    head = ("workload", "million rows/s, median", "best round", "in the kernels alone", "fills")
    rows = [
        [
            f"`{line['workload']}`",
            *(
                "-" if name not in line else _digits(line[name])
                for name in ("million_events_per_s", "best", "in_kernels")
            ),
            f"{line['fills']:,}",
        ]
        for line in found.of("workload")
    ]
    return table(head, rows)


def start(table: Table, found: Recorded) -> str:
    """Seconds until a command or a strategy is ready."""
    names = ("seconds", "best", "cpu_s", "whole_s")
    rows = [
        [f"`{line['workload']}`", *(figure(line[name]) if name in line else "-" for name in names)]
        for line in found.of("workload")
    ]
    return table(("workload", "s, median", "best round", "processor time, s", "to its end, s"), rows)


def sweep(table: Table, found: Recorded) -> str:
    """How busy the workers were."""
    (line,) = found.lines
    head = ("runs", "rows each", "workers", "wall, s", "processor time, s", "use of the workers")
    names = ("points", "rows", "workers", "wall_s", "cpu_s")
    return table(head, [[*(figure(line[name]) for name in names), f"{line['use']:.0%}"]])


def store(table: Table, found: Recorded) -> str:
    """Ours beside DuckDB and Polars, medians of wall time."""
    head = ("figure", "unit", "ours", "DuckDB", "Polars", "our peak, MiB")
    rows = []
    for (name, unit), sides in _stored(found).items():
        cells = [figure(sides[side][0]) if side in sides else "-" for side in ("ours", "duckdb", "polars")]
        rows.append([f"`{name}`", unit, *cells, _digits(sides["ours"][1])])
    return table(head, rows)


def _stored(found: Recorded) -> dict[tuple[str, str], dict[str, tuple[float, float]]]:
    """Figure and unit -> side -> median of its wall rounds, most memory."""
    rounds: dict[tuple[str, str], dict[str, list[dict[str, Any]]]] = {}
    for line in found.lines:
        sides = rounds.setdefault((line["bench"], line["unit"]), {})
        sides.setdefault(line["side"], []).append(line)
    return {
        key: {
            side: (statistics.median(one["wall"] for one in lines), max(one["peak_mib"] for one in lines))
            for side, lines in sides.items()
        }
        for key, sides in rounds.items()
    }


def relay(table: Table, found: Recorded) -> str:
    """Ages of messages by rate, and what the server took."""
    names = ("rate", "p50_ms", "p99_ms", "p999_ms", "lost")
    rows = [[figure(line[name]) for name in names] for line in found.of("serve")]
    (server,) = found.of("serve-process")
    clients = found.of("serve")[0]["clients"]
    return (
        f"{table(('messages/s', 'p50 ms', 'p99 ms', 'p99.9 ms', 'lost'), rows)}\n"
        f"{clients} clients; the server used {_digits(server['peak_mib'])} MiB at most."
    )


def readme(table: Table, folder: Path = RESULTS) -> str:
    """The few figures that a visitor wants."""
    rows: list[Row] = []
    for name, row in (("data-path", _of_frames), ("store", _of_store), ("peers", _of_peers)):
        found = read(folder, name)
        rows += [] if found is None else row(found)
    return table(("work, on one core", "figure", "times as fast as others"), rows)


def _of_frames(found: Recorded) -> Iterator[Row]:
    for line in found.lines:
        if line["bench"] in SHOWN and line["kernels"] == "on":
            beside = f"{_digits(statistics.median(line['ratio']))} times without kernels"
            yield (
                SHOWN[line["bench"]],
                f"{figure(line['median'])} {line['unit']}",
                beside if "ratio" in line else "",
            )


def _of_store(found: Recorded) -> Iterator[Row]:
    names = {"duckdb": "DuckDB", "polars": "Polars"}
    for (bench, unit), sides in _stored(found).items():
        if bench in STORED:
            ours = sides["ours"][0]
            others = [
                f"{_digits(ours / sides[side][0])} times {names[side]}" for side in names if side in sides
            ]
            yield STORED[bench], f"{figure(ours)} {unit}", ", ".join(others)


def _of_peers(found: Recorded) -> Iterator[Row]:
    works: dict[str, list[dict[str, Any]]] = {}
    for line in found.of("beside"):
        works.setdefault(line["work"], []).append(line)
    for work, lines in works.items():
        if work.endswith(ALONE):
            continue
        ratios = [f"{_digits(statistics.median(line['cpu_ratios']))} times {line['peer']}" for line in lines]
        yield (
            work,
            f"{figure(lines[0]['ours'])} {lines[0]['unit']}",
            f"{', '.join(ratios)}, by processor time",
        )
