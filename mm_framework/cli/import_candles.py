"""What ``mm import`` does with candles: they are no events, and become files of the day folders."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mm_framework.cli.app import App
from mm_framework.errors import ConfigError
from mm_framework.settings import DataSettings

if TYPE_CHECKING:
    from mm_framework.bundle.binance_files import Archive
    from mm_framework.bundle.datasets import Named

__all__ = ["candle_archives", "import_candles"]


def candle_archives(files: Sequence[Path]) -> list[Archive]:
    """The zips with candles: all of them, or none. Raises StoreError for a name that says nothing."""
    from mm_framework.bundle.binance_files import KLINES, Archive

    archives = [Archive(path) for path in files]
    candles = [one for one in archives if one.kind == KLINES]
    if candles and len(candles) < len(archives):
        other = next(one for one in archives if one.kind != KLINES)
        raise ConfigError(
            f"{candles[0].path} holds candles and {other.path} {other.kind}: import them apart", key="files"
        )
    return candles


def import_candles(
    app: App,
    archives: Sequence[Archive],
    venue: str | None,
    out: str | None,
    namer: Callable[[str], Callable[[str], Named]],
) -> None:
    """Write the candles below ``out`` (the data directory when None) and say where they are."""
    from mm_framework.bundle.binance_files import check_sum, market_of
    from mm_framework.bundle.importer import ImportedFile
    from mm_framework.sinks.candle_files import CandleSeries, klines, write_candles

    root = app.load(DataSettings).value.dir if out is None else Path(out)
    name = namer(venue or market_of([one.path for one in archives]))
    for one in archives:
        check_sum(one.path, ImportedFile.examine(one.path, "binance-zip").sha256)
    files, count = write_candles(
        root,
        (
            CandleSeries(name(one.symbol).instrument, one.symbol, one.interval or "", klines(one))
            for one in archives
        ),
    )
    document: dict[str, Any] = {"ok": True, "candles": count, "paths": [str(path) for path in files]}
    app.out.emit(document, partial(_shown, document))


def _shown(document: dict[str, Any]) -> str:
    return "\n".join([*document["paths"], f"{document['candles']} candles"])
