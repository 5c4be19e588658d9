"""A small instance of every file kind, made by the program itself from one seed, on virtual time."""

from __future__ import annotations

import shutil
from pathlib import Path

from command import ask

from mm_framework.bundle.settings import BundleSettings
from mm_framework.plugins import PluginSettings, load_plugins
from mm_framework.testing.installed import installed_venue
from mm_framework.testing.simulation import Simulation, Venue

__all__ = ["VENUES", "build", "venue"]

SYMBOLS = {
    "binance": ("BTCUSDT", "ETHUSDT"),
    "bitfinex": ("tBTCUSD", "tETHUSD"),
    "kraken": ("BTC/EUR", "MINA/GBP"),
    "polymarket": ("1234567890" * 7, "9876543210" * 7),
}
VENUES = tuple(SYMBOLS)


def venue(name: str) -> Venue:
    """An installed venue with two instruments of its emulator."""
    return installed_venue(load_plugins(PluginSettings()), name, SYMBOLS[name])


def build(folder: Path) -> None:
    """Make all files below ``folder``. Raises RuntimeError where a command fails."""
    runs = folder / "data" / "runs"
    runs.mkdir(parents=True)
    kraken = installed_venue(load_plugins(PluginSettings()), "kraken", ("BTC/EUR",))
    channels = ("book", "trade", "ticker")
    settings = BundleSettings(checkpoint_interval_s=5.0)
    Simulation(
        kraken, seconds=20, rate=3, channels=channels, record=runs / "whole", bundle_settings=settings
    ).run()
    shutil.copytree(runs / "whole", runs / "sealed")
    data, run = ("--data-dir", str(folder / "data")), str(runs / "whole")
    _made("seal", str(runs / "sealed"))
    _made("export", "whole", *data, "--to", "day-files", "--out", str(folder / "day"))
    _made("export", "whole", *data, "--to", "bbo-csv", "--out", str(folder / "best.csv"))
    _made("store", "build", run, "--out", str(folder / "store"))
    _made("backtest", "--run", run, "--strategy", "toy_spread", "--id", "result", "--qa", "any", *data)
    (folder / "mm.toml").write_text('[capture]\nreconnect_backoff_s = 0.5\n\n[kraken]\nurl = "ws://h:1"\n')


def _made(*arguments: str) -> None:
    answer = ask(*arguments)
    if answer.broken or answer.code not in (0, 1):
        raise RuntimeError(f"mm {' '.join(arguments)}: {answer.broken or answer.code}\n{answer.stdout}")
