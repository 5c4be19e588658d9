"""`mm import` of data sets: files of other tools become a run bundle, read by the same `Feed` as a capture.

The files' lines are its frames, the file format is its venue, and its CONTROL records say which
instruments the symbols are: such a bundle needs no plugin. Files with receive times (Tardis) give them;
those without (Binance) make an untimed run in the order of the venue's times, unless a rule is given.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from mm_framework.bundle.binance_files import binance_files, check_sum, market_of
from mm_framework.bundle.containers import Item
from mm_framework.bundle.datasets import DataFile, Named, dataset_items
from mm_framework.bundle.import_log import LEAD_NS
from mm_framework.bundle.importer import ImportedFile, ImportReport, Made, refuse_existing
from mm_framework.bundle.manifest import PluginUsed
from mm_framework.bundle.probe import Probe
from mm_framework.bundle.receive_times import AssumeReceive, stamped
from mm_framework.bundle.tardis_files import tardis_files
from mm_framework.errors import ConfigError, StoreError
from mm_framework.feed import FeedConfig
from mm_framework.feed.file_kits import FILE_KITS
from mm_framework.formats.binance_data import ZIP
from mm_framework.formats.tardis import EXCHANGES, TARDIS

__all__ = ["DatasetRequest", "import_dataset"]


@attrs.frozen
class DatasetRequest:
    """What to import: ``files`` in any order, their ``container`` (``tardis-csv`` or ``binance-zip``), the
    ``venue`` that they are of (None: as they say themselves); the rest as in `ImportRequest`.
    """

    files: tuple[Path, ...]
    container: str
    out: Path
    venue: str | None = None
    symbols: tuple[str, ...] = ()
    assume_receive: str | None = None


def import_dataset(
    request: DatasetRequest,
    namer: Callable[[str], Callable[[str], Named]],
    *,
    created: str,
    made_by: str,
    plugins: Sequence[PluginUsed] = (),
    config: Mapping[str, Any] | None = None,
    progress: Callable[[int], object] = lambda _: None,
) -> ImportReport:
    """Make the bundle. ``namer(venue)(symbol)`` names an instrument; ``progress`` is told bytes of lines.

    Raises ConfigError (the run exists, files that do not go together, a rule where there are receive
    times), StoreError (a file cannot be read or is not what its checksum says), EnvironmentFailed. After
    an error nothing of the bundle is left.
    """
    refuse_existing(request.out)
    examined = [ImportedFile.examine(path, request.container) for path in request.files]
    summed = [
        one.path.name for one in examined if request.container == ZIP and check_sum(one.path, one.sha256)
    ]
    files, container, venue = _files(request)
    rule = _rule(request)
    timed = container == TARDIS or rule is not None
    items = _items(files, namer(venue), request, rule, progress)
    first = next(items, None)
    if first is None:
        raise StoreError(f"{request.files[0]}: nothing is recorded there", path=request.files[0])
    feed_config = FeedConfig(
        venue=container,
        wall0_ns=(first[1].wall_ns or 0) - LEAD_NS if timed else 0,
        untimed=not timed,
        live=False,
    )
    source = {
        "files": [file.to_json() for file in examined],
        "checksums": summed,
        "symbols": list(request.symbols),
        "venue": venue,
    }
    made = Made(created, made_by, plugins, config or {})
    return made.bundle(
        request.out, feed_config, FILE_KITS[container], itertools.chain([first], items), rule, source
    )


def _files(request: DatasetRequest) -> tuple[list[DataFile], str, str]:
    """The files, the format that reads them, and their venue."""
    paths = list(request.files)
    if request.container == TARDIS:
        files, exchange = tardis_files(paths)
        return files, TARDIS, request.venue or EXCHANGES.get(exchange, exchange)
    venue = request.venue or market_of(paths)
    return *binance_files(paths, venue), venue


def _rule(request: DatasetRequest) -> AssumeReceive | None:
    if request.assume_receive is None:
        return None
    if request.container == TARDIS:
        raise ConfigError(
            f"{request.files[0]} has receive times: leave out --assume-receive",
            key="assume_receive",
            value=request.assume_receive,
        )
    return AssumeReceive.parse(request.assume_receive)


def _items(
    files: Sequence[DataFile],
    name: Callable[[str], Named],
    request: DatasetRequest,
    rule: AssumeReceive | None,
    progress: Callable[[int], object],
) -> Iterator[tuple[int, Item]]:
    """The items with the receive times that they get; one number for all files, which are one recording."""
    items = ((0, item) for item in dataset_items(files, name, request.symbols, progress))
    if request.container == TARDIS or (rule is not None and rule.first_ns is None):
        return items
    if rule is not None:
        return stamped(items, rule, Probe(FILE_KITS[files[0].container].normalizer))
    return ((place, attrs.evolve(item, wall_ns=None)) for place, item in items)
