"""Every file kind, truncated at a byte or with a byte changed, is read by the command that people use.

`SEEN` kinds are protected: a change must be told, by the exit code or by another answer. `SAME` kinds are
never needed: the answer must be what it was. Of `FREE` kinds, plain text that people may edit, only a good
answer is asked for: no traceback, one line of error, a documented exit code.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from typing import Final

import attrs
from command import Answer, ask
from corpus import build
from trial import Room, Tried

__all__ = ["KINDS", "Kind", "damage_file", "damage_files"]

SEEN, SAME, FREE = "seen", "same", "free"
MASKS: Final = (0x01, 0x20, 0xFF)


@attrs.frozen
class Kind:
    """A file (a pattern below the corpus), the command that reads it, and what a change must do to it.

    ``{root}`` in the command is the corpus, ``{file}`` the file.
    """

    name: str
    pattern: str
    command: tuple[str, ...]
    answer: str


_INSPECT: Final = ("inspect", "{root}/data/runs/whole", "--json")
_AUDIT: Final = ("audit", "{root}/data/runs/whole", "--json")
_SEALED: Final = ("verify", "{root}/data/runs/sealed", "--json")
_LATENCY: Final = ("latency", "{root}/data/runs/whole", "--json")
_DAY: Final = ("verify", "{root}/day/kraken/BTCEUR/20250615", "--json")
_RUN: Final = ("verify", "{root}/data/runs/whole", "--json")
_STORE: Final = ("store", "verify", "--store", "{root}/store", "--json")
_RESULT: Final = ("report", "{root}/data/results/result", "--out", "{root}/page.html")

KINDS: Final[tuple[Kind, ...]] = (
    Kind("frame log", "data/runs/whole/capture/*.frames", _RUN, SEEN),
    Kind("index", "data/runs/whole/capture/*.idx", _RUN, SEEN),
    Kind("index, not needed", "data/runs/whole/capture/*.idx", _LATENCY, SAME),
    Kind("sealed segment", "data/runs/sealed/capture/*.zst*", _SEALED, SEEN),
    Kind("manifest of a run", "data/runs/whole/manifest.json", _INSPECT, FREE),
    Kind("run log", "data/runs/whole/runlog.ndjson", _AUDIT, FREE),
    Kind("table of connections", "data/runs/whole/connections.ndjson", _AUDIT, FREE),
    Kind("table of instruments", "data/runs/whole/instruments.ndjson", _INSPECT, FREE),
    Kind("updates of a day", "day/**/diffs/*.gz", _DAY, SEEN),
    Kind("book of a day", "day/**/orderbook*.gz", _DAY, FREE),
    Kind("trades of a day", "day/**/trades_ws_BTC*.gz", _DAY, FREE),
    Kind("events of a day", "day/**/events*.gz", _DAY, FREE),
    Kind("snapshot of a day", "day/**/snapshots/*.json", _DAY, FREE),
    Kind("schema of a day", "day/**/schema.json", _DAY, FREE),
    Kind("CSV of best prices", "best.csv", ("qa", "{file}", "--json"), FREE),
    Kind("partition of a store", "store/events/**/*.parquet", _STORE, SEEN),
    Kind("manifest of a store", "store/manifest.json", _STORE, FREE),
    Kind("configuration", "mm.toml", ("config", "show", "--config", "{file}"), FREE),
    Kind("summary of a result", "data/results/result/result.json", _RESULT, FREE),
    Kind("table of a result", "data/results/result/fills.parquet", _RESULT, FREE),
)


def damage_files(room: Room) -> Tried:
    """Each kind gets an equal share of the time."""
    build(room.folder / "corpus")
    done = Tried()
    for kind in KINDS:
        share = attrs.evolve(room, seconds=room.seconds / len(KINDS))
        damage_file(kind, share, done)
    return done


def damage_file(kind: Kind, room: Room, done: Tried) -> None:
    """Damage the file of a kind, below ``corpus`` in the room, until its time is spent."""
    root = room.folder / "corpus"
    files = sorted(path for path in root.glob(kind.pattern) if path.is_file())
    if not files:
        done.violation(f"{kind.name}: the corpus has none ({kind.pattern})")
        return
    for path in files[:1]:
        whole = path.read_bytes()
        command = [part.format(root=root, file=path) for part in kind.command]
        expected = ask(*command)
        if expected.broken:
            done.violation(f"{kind.name}, whole: {expected.broken}")
            return
        try:
            for what, content in room.some(list(_damages(len(whole))), kind.name):
                changed = _changed(whole, what, content)
                if path.suffix == ".gz" and _unpacked(changed) == _unpacked(whole):
                    continue  # a time in a header, which nothing reads
                path.write_bytes(changed)
                done.tried += 1
                done.count(kind.name)
                wrong = _wrong(kind, ask(*command), expected)
                if wrong:
                    done.violation(f"{kind.name}, {what} {content} of {len(whole)} bytes: {wrong}")
        finally:
            path.write_bytes(whole)


def _damages(size: int) -> Iterator[tuple[str, int]]:
    """How a file of so many bytes is damaged: cut after a byte, or a byte XOR a mask."""
    for at in range(size):
        yield "cut", at
        for mask in MASKS:
            yield f"^{mask:02x} at", at


def _unpacked(data: bytes) -> bytes | None:
    """What a gzip file holds, None when it is damaged."""
    try:
        return gzip.decompress(data)
    except (EOFError, OSError, zlib.error):
        return None


def _changed(whole: bytes, what: str, at: int) -> bytes:
    if what == "cut":
        return whole[:at]
    return whole[:at] + bytes([whole[at] ^ int(what[1:3], 16)]) + whole[at + 1 :]


def _wrong(kind: Kind, answer: Answer, expected: Answer) -> str | None:
    if answer.broken:
        return answer.broken
    same = (answer.code, answer.stdout) == (expected.code, expected.stdout)
    if kind.answer == SEEN and same:
        return "nothing was noticed"
    if kind.answer == SAME and not same:
        return f"another answer, exit code {answer.code}"
    return None
