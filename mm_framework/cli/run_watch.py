"""Who watches a run, by its settings: collectors of features, the page of metrics, logs, an A/B test.

watch = watch_of(app, options, results, calibration)      None when nobody does: the run then pays nothing
with watch.open(app): ...                    the run, between a page that opens and watchers that close
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import attrs

from mm_framework.calibrate.ab_watch import AbWatch
from mm_framework.calibrate.chunk import ChunkObserver
from mm_framework.calibrate.chunks import ChunkWriter, Driven, Measured, Watched
from mm_framework.calibrate.collectors import Collectors
from mm_framework.calibrate.families import Source
from mm_framework.calibrate.market_data import MarketData
from mm_framework.calibrate.settings import CollectorSettings, PrometheusSettings, ScoreboardSettings
from mm_framework.cli.app import App
from mm_framework.cli.metrics_page import shown
from mm_framework.cli.run_calibration import Calibration
from mm_framework.cli.run_options import RunOptions
from mm_framework.trading.desk import Observer
from mm_framework.trading.queued import AnyPipeline

__all__ = ["Watch", "watch_of"]


@attrs.frozen
class Watch:
    """``writer`` observes the desk. ``sources`` are shown at ``port``, nowhere when None.

    ``features``: whether the document tells them.
    """

    writer: ChunkWriter
    sources: list[Source]
    collectors: Collectors | None
    calibration: Calibration | None
    port: int | None
    features: bool

    def around(
        self,
        listener: Driven,
        pipeline: AnyPipeline,
        data: MarketData | None,
        measured: Callable[[], Measured] | None = None,
    ) -> Watched:
        """What stands in the place of the listener of the run; ``data``: its cache."""
        self.writer.attach(pipeline, None if data is None else data.fetched)
        return Watched(listener, pipeline, self.writer, measured)

    @contextlib.contextmanager
    def open(self, app: App) -> Iterator[None]:
        """Watch meanwhile. Raises EnvironmentFailed when the port is taken."""
        with contextlib.ExitStack() as stack:
            stack.callback(self.writer.close)
            if self.port is not None:
                stack.enter_context(shown(app, self.sources, self.port))
            yield

    def document(self) -> dict[str, Any]:
        """The keys that watchers add to the JSON line of a run, after `open`."""
        found = {} if self.calibration is None else self.calibration.document()
        if self.features and self.collectors is not None:
            boards = sorted(self.collectors.board.items())
            found["features"] = {name: attrs.asdict(board) for name, board in boards}
        return found


def watch_of(
    app: App,
    options: RunOptions,
    results: Observer | None,
    calibration: Calibration | None,
    data: MarketData | None,
) -> Watch | None:
    """``results``: the observer that hears what the desk does, besides. None when nobody watches."""
    observers: list[ChunkObserver] = [] if calibration is None else calibration.observers(app)
    sources: list[Source] = [one.families for one in observers if isinstance(one, AbWatch)]
    sources += [] if data is None else [data.cache.families]
    port = app.load(PrometheusSettings).value.port
    collectors = None
    if port is not None or options.print_features:
        collectors = Collectors(app.load(CollectorSettings).value, app.load(ScoreboardSettings).value)
        sources.append(collectors.families)
        observers.append(collectors)
    if not observers:
        return None
    writer = ChunkWriter(observers, results)
    return Watch(writer, sources, collectors, calibration, port, options.print_features)
