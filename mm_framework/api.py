"""The Python API: bundles and stores as numpy arrays and Arrow tables.

    import mm_framework as mm
    bundle = mm.open_bundle("data/runs/20261121T044512Z")
    bundle.rows()                       # structured array, 64 bytes a row
    bundle.to_arrow()                   # an Arrow table with instrument ids and nulls
    bundle.verify().ok
    store = mm.open_store("data/store")
    store.book_at("kraken:BTC/EUR", instant)
    result = mm.backtest("toy_spread", store.events(["kraken:BTC/EUR"]), {"toy_spread": {"size": "0.1"}})
    result.fills.to_pandas()

Rows of a bundle are made by reading every record again: a bundle holds what the venue sent, nothing else.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cache, cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from mm_framework.bundle.names import run_path
from mm_framework.bundle.rows import RunRows, read_rows
from mm_framework.bundle.run import Run, open_run
from mm_framework.bundle.verify import verify
from mm_framework.bundle.verify_report import VerifyReport
from mm_framework.feed import VenueKit
from mm_framework.model.events import NULL, row_dtype
from mm_framework.settings import ConfigFile, DataSettings, load

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    from mm_framework.contracts.qa_check import QACheck
    from mm_framework.contracts.strategy import Strategy
    from mm_framework.plugins import Plugins
    from mm_framework.results.bundle import Result
    from mm_framework.store.judge import DayRows
    from mm_framework.store.manifest import Verdict
    from mm_framework.store.reader import Store
    from mm_framework.store.selection import Selection

__all__ = [
    "Bundle",
    "InstalledComponents",
    "InstalledJudge",
    "InstalledKits",
    "backtest",
    "open_bundle",
    "open_store",
]


def open_bundle(run: str | os.PathLike[str], kits: Mapping[str, VenueKit] | None = None) -> Bundle:
    """Open a run bundle by its path, or by its run id under the data directory of the settings.

    ``kits``: venue -> kit; by default those of the installed plugins, found when they are first needed.
    Raises StoreError and its kinds for what is no readable bundle.
    """
    path = run_path(_settings_of(DataSettings).dir, os.fspath(run))
    return Bundle(open_run(path), kits)


def open_store(url: str | os.PathLike[str] | None = None) -> Store:
    """Open a store by its path or URL; by default ``store/`` under the data directory of the settings.

    Raises StoreError and its kinds for what is no readable store.
    """
    from mm_framework.store import reader
    from mm_framework.store.row_cache import RowCache
    from mm_framework.store.settings import StoreSettings

    cache = RowCache.of(_settings_of(StoreSettings))
    return reader.open_store(url or _settings_of(DataSettings).dir / "store", cache=cache)


def backtest(
    strategy: str | Strategy | Mapping[str, Strategy],
    data: Store | Selection | str | os.PathLike[str],
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    fee_model: str = "flat",
    execution: Sequence[str] = (),
    progress: Callable[[int], object] = lambda messages: None,
) -> Result:
    """Play a strategy on recorded data; the result is in memory, ``result.write(folder)`` keeps it.

    ``strategy``: the name of an installed one, or a `Strategy` (called ``strategy``), or several by name.
    ``data``: a store, its path or URL (all of quality ``pass``), or what ``store.events(...)`` selects.
    ``settings``: section -> key -> value over those of the configuration file and variables; a strategy's
    section is its name, a fee model's is ``fee.NAME``, that of a plugin's latency or queue model, named in
    ``execution``, is ``execution.NAME``. A strategy that fails is stopped; see ``result.ok``.
    Raises ConfigError, PluginError, ReplayError, StoreError.
    """
    from mm_framework.results import program

    opened = open_store(data) if isinstance(data, (str, os.PathLike)) else data
    return program.backtest(
        _plugins(None), _settings_of, strategy, opened, settings or {}, fee_model, execution, progress
    )


@attrs.frozen
class InstalledKits:
    """The venue kits of the installed plugins; it can be sent to another process, which has its own.

    ``config``: the configuration file, None for the one that is found.
    """

    config: str | None = None

    def __call__(self, venues: Collection[str]) -> Mapping[str, VenueKit]:
        """A kit for each venue. Raises PluginError or ConfigError when a venue's plugin is not to be had."""
        from mm_framework.plugins.kits import venue_kits

        return venue_kits(_plugins(self.config), set(venues), partial(_load, config=self.config))

    def versions(self, venues: Collection[str]) -> dict[str, str]:
        """Distribution -> version of the core and of the plugins that read these venues' frames."""
        from mm_framework import __version__

        found = {"mm-framework": __version__}
        for one in _plugins(self.config).loaded:
            if any(kind == "normalizers" and name in venues for kind, name in one.registers):
                found[one.plugin.distribution] = one.plugin.version
        return found


@attrs.frozen
class InstalledComponents:
    """The strategies and fee models of the installed plugins; it can be sent to another process.

    ``config``: the configuration file, None for the one that is found.
    """

    config: str | None = None

    def __call__(self) -> Plugins:
        """The loaded plugins."""
        return _plugins(self.config)


@attrs.frozen
class InstalledJudge:
    """Judges a day by the checks of the installed plugins; it can be sent to another process.

    ``config``: the configuration file, None for the one that is found.
    """

    config: str | None = None

    def __call__(self, day: DayRows) -> Verdict:
        """The verdict of an instrument's day."""
        from mm_framework.quality.judge import check_day, judge

        return judge(check_day(day, self.checks()))

    def checks(self) -> list[QACheck]:
        """New checks, in order of their names. Raises ConfigError for their settings."""
        specs = _plugins(self.config).all("qa_checks").values()
        return [
            spec.build(None if spec.settings is None else _load(spec.settings, self.config)) for spec in specs
        ]


class Bundle:
    """An opened run bundle. ``run`` gives its files; rows are read once and kept."""

    def __init__(self, run: Run, kits: Mapping[str, VenueKit] | None = None) -> None:
        self.run = run
        self._kits = kits

    @property
    def path(self) -> Path:
        """The folder."""
        return self.run.path

    @cached_property
    def kits(self) -> Mapping[str, VenueKit]:
        """Venue -> kit. Raises PluginError or ConfigError when a venue's plugin is not to be had."""
        if self._kits is not None:
            return self._kits
        return InstalledKits()({info.venue for info in self.run.manifest.shards})

    @cached_property
    def _read(self) -> RunRows:
        return read_rows(self.run, self.kits)

    @property
    def instruments(self) -> dict[int, str]:
        """Instrument number, as in rows, -> id."""
        return self._read.ids

    def rows(self, instrument: str | None = None) -> npt.NDArray[np.void]:
        """All rows in the order of processing, or those of one instrument id; fields of `model.events.Row`.

        Prices and sizes are integers at the scales of the definition, int64's minimum is null. Raises
        CorruptFrame when the log is damaged.
        """
        rows = self._read.rows
        if instrument is None:
            return rows
        import numpy as np

        numbers = [number for number, name in self.instruments.items() if name == instrument]
        return rows[np.isin(rows["instrument"], numbers)]

    def to_arrow(self) -> pa.Table:
        """All rows as an Arrow table: ids instead of numbers, nulls, times as timestamps (ns, UTC)."""
        return _arrow_table(self._read)

    def event_digest(self) -> str:
        """The SHA-256 of all events, equal for equal events."""
        return self._read.digest()

    def verify(self) -> VerifyReport:
        """What ``mm verify`` does."""
        return verify(self.run, self.kits)


def _settings_of(cls: type[Any]) -> Any:
    """Settings as a command without flags has them."""
    return _load(cls, None)


@cache
def _plugins(config: str | None) -> Plugins:
    from mm_framework.plugins import PluginSettings, load_plugins

    return load_plugins(_load(PluginSettings, config))


def _load(cls: type[Any], config: str | None) -> Any:
    return load(cls, env=os.environ, file=ConfigFile.find(config, os.environ, Path())).value


def _arrow_table(read: RunRows) -> pa.Table:
    import numpy as np
    import pyarrow as pa

    rows = read.rows
    columns: dict[str, pa.Array] = {}
    for name in row_dtype().names or ():
        values = np.ascontiguousarray(rows[name])
        if name in ("ts_recv_ns", "ts_venue_ns"):
            stamps = pa.array(values, mask=values == NULL)
            columns[name.removesuffix("_ns")] = stamps.cast(pa.timestamp("ns", tz="UTC"))
        elif name == "instrument":
            numbers, inverse = np.unique(values, return_inverse=True)
            ids = pa.array([read.ids.get(number) for number in numbers.tolist()], type=pa.string())
            columns[name] = pa.DictionaryArray.from_arrays(pa.array(inverse.astype(np.int32)), ids)
        elif values.dtype == np.int64:
            columns[name] = pa.array(values, mask=values == NULL)
        else:
            columns[name] = pa.array(values)
    return pa.table(columns)
