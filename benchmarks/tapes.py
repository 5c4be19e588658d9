"""Named tapes of one instrument each, on which fills are compared; twice the same.

kraken       emulated BTC/EUR: book of depth 25 and trades, two minutes
bitfinex     emulated BTC/USD: book P0 of length 100 and trades, with times and checksums, two minutes
binance      the first ten minutes of the day that `store_day` makes: whole book every 100 ms and trades

made = make_tape("kraken", folder)      # a bundle and a store of it
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import store_day
from content import bundle
from venues import KITS, Recipe, listen

from mm_bitfinex.requests import conf
from mm_framework.api import InstalledKits
from mm_framework.bundle.importer import ImportRequest, import_recording
from mm_framework.emulator.settings import MarketSettings
from mm_framework.store.builder import Build, build
from mm_framework.store.inputs import find_source
from mm_framework.store.reader import Store, open_store
from mm_framework.store.row_cache import RowCache

__all__ = ["TAPES", "imported", "make_tape"]

_MARKET: Final = MarketSettings(rate=150.0, levels=120)
_DAY_PART: Final = 10 / (24 * 60)

RECIPES: Final = {
    "kraken": Recipe("kraken", ("kraken:BTC/EUR",), ("book", "trade"), 25, 120.0, _MARKET),
    "bitfinex": Recipe(
        "bitfinex",
        ("bitfinex:BTC/USD",),
        ("book", "trades"),
        100,
        120.0,
        _MARKET,
        first=(conf(bulk=False),),
    ),
}

TAPES: Final = (*RECIPES, "binance")


def make_tape(name: str, folder: Path, part: float = 1.0) -> Store:
    """A store of one instrument, below ``folder``; ``part``: how much of the tape."""
    run = folder / name
    if name in RECIPES:
        recipe = RECIPES[name]
        bundle(listen(recipe, part), run, recipe.venue)
        return _store(run)
    recording = folder / f"{name}.log"
    with recording.open("w", encoding="ascii", newline="\n") as file:
        file.writelines(f"{wall_ns} {text}\n" for wall_ns, text in store_day.frames(_DAY_PART * part))
    return imported(recording, "binance", run)


def imported(recording: Path, venue: str, run: Path) -> Store:
    """A store of a recording of one instrument, imported as the bundle ``run``."""
    import_recording(ImportRequest((recording,), venue, run), KITS[venue], created="", made_by="benchmarks")
    return _store(run)


def _store(run: Path) -> Store:
    kits = InstalledKits()
    folder = run.with_name(f"{run.name}-store")
    build(str(folder), [find_source(run)], Build(kits, kits.versions, "benchmarks", temp_dir=str(run.parent)))
    return open_store(folder, cache=RowCache(folder / "cache"))
