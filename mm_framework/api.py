"""The Python API: bundles as numpy arrays and Arrow tables.

    import mm_framework as mm
    bundle = mm.open_bundle("data/runs/20261121T044512Z")
    bundle.rows()                       # structured array, 64 bytes a row
    bundle.to_arrow()                   # an Arrow table with instrument ids and nulls
    bundle.verify().ok

Rows are made by reading every record again: a bundle holds what the venue sent, nothing else.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

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

__all__ = ["Bundle", "open_bundle"]


def open_bundle(run: str | os.PathLike[str], kits: Mapping[str, VenueKit] | None = None) -> Bundle:
    """Open a run bundle by its path, or by its run id under the data directory of the settings.

    ``kits``: venue -> kit; by default those of the installed plugins, found when they are first needed.
    Raises StoreError and its kinds for what is no readable bundle.
    """
    path = run_path(_settings_of(DataSettings).dir, os.fspath(run))
    return Bundle(open_run(path), kits)


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
        from mm_framework.plugins import PluginSettings, load_plugins
        from mm_framework.plugins.kits import venue_kits

        plugins = load_plugins(_settings_of(PluginSettings))
        return venue_kits(plugins, {info.venue for info in self.run.manifest.shards}, _settings_of)

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
    return load(cls, env=os.environ, file=ConfigFile.find(None, os.environ, Path())).value


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
