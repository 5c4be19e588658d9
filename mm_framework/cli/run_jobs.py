"""The jobs of ``mm run``: a replay or a live run, ready to go, built from plugins and settings."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import attrs

from mm_framework.bundle.run import Run
from mm_framework.calibrate.families import Source
from mm_framework.calibrate.market_data import MarketData, RefreshReader
from mm_framework.calibrate.settings import MdCacheSettings
from mm_framework.capture.book_requests import BookRequests, offers_books
from mm_framework.capture.clock import RealClock
from mm_framework.capture.exposed import ExposedCapture
from mm_framework.cli.app import App
from mm_framework.cli.bundles import kits_of, new_run, opened
from mm_framework.cli.calibration_options import Wish
from mm_framework.cli.live import LiveRequest, run_live
from mm_framework.cli.run_calibration import Calibration, calibration_of, strategy_of
from mm_framework.cli.run_now import RunNow, metrics_now
from mm_framework.cli.run_options import RunOptions
from mm_framework.cli.run_watch import Watch, watch_of
from mm_framework.contracts.fee_model import FeeModel
from mm_framework.contracts.strategy import Strategy
from mm_framework.errors import ConfigError
from mm_framework.feed import VenueKit
from mm_framework.model.instrument import Definition
from mm_framework.replay.source import replay
from mm_framework.settings import DataSettings, Given, fields_of, nearest, section_of
from mm_framework.trading.desk import Guard
from mm_framework.trading.models import execution_of, latencies_of
from mm_framework.trading.paper import Paper
from mm_framework.trading.pipeline import Observer, Pipeline, Probe
from mm_framework.trading.queued import AnyPipeline, QueuedPipeline
from mm_framework.trading.results import ResultWriter, callback_stats
from mm_framework.trading.settings import LatencySettings, LimitSettings, MatchingSettings, TradingSettings

__all__ = ["Job", "prepare"]


@attrs.frozen
class Job:
    """A run that is ready: ``go`` does it and gives the keys that only its mode has."""

    pipeline: AnyPipeline
    go: Callable[[], dict[str, Any]]
    writer: ResultWriter | None


def prepare(app: App, options: RunOptions) -> Job:
    """Open and build everything. Raises ConfigError, PluginError, StoreError and their kinds."""
    return _replay_job(app, options) if options.mode == "replay" else _live_job(app, options)


def _replay_job(app: App, options: RunOptions) -> Job:
    assert options.run_dir is not None
    bundle = opened(app, options.run_dir)
    _check_instruments(bundle, options.instruments)
    kits = kits_of(app, bundle)
    wish = Wish(options.calibration_logs, options.ab)
    calibration = calibration_of(app, options.strategies, wish, bundle.path.name, "replay")
    parts = _parts(app, options, calibration)
    writer = _writer(app, options)
    data = _market_data(app)
    watch = watch_of(app, options, writer, calibration, data)
    pipeline = _pipeline(parts, options, writer if watch is None else watch.writer, None, data)
    heard = pipeline if data is None else RefreshReader(pipeline, pipeline, data, kits)
    listener = heard if watch is None else watch.around(heard, pipeline, data)

    def go() -> dict[str, Any]:
        size = sum(reader.size for reader in bundle.shards)
        with _open(app, watch), app.out.progress("replaying", total=size, unit="bytes") as advance:
            replay(bundle, kits, listener, max_seconds=options.max_seconds, progress=advance)
        return _watched(watch, data)

    return Job(pipeline, go, writer)


def _check_instruments(bundle: Run, wanted: Sequence[str]) -> None:
    """Raises ConfigError for an instrument that the bundle's table does not list."""
    listed = {line["id"] for line in bundle.instruments()} if wanted else set()
    for name in wanted:
        if name not in listed:
            raise ConfigError(
                f"run {bundle.path.name} has no instrument {name!r}; {nearest(name, listed)}",
                key="instrument",
                value=name,
            )


def _live_job(app: App, options: RunOptions) -> Job:
    request = _live_request(app, options)
    if request.record is not None and request.record.exists():
        raise ConfigError(
            f"run {request.record} exists and is never overwritten: choose another run id", key="record"
        )
    wish = Wish(options.calibration_logs, options.ab)
    name = f"live-{datetime.now(UTC):%Y%m%dT%H%M%SZ}" if options.record is None else Path(options.record).name
    calibration = calibration_of(app, options.strategies, wish, name, "live")
    parts = _parts(app, options, calibration)
    writer = _writer(app, options)
    books = BookRequests()
    data = _market_data(app, books.ask)
    watch = watch_of(app, options, writer, calibration, data)
    observer = writer if watch is None else watch.writer
    paper = Paper(lambda probe: _pipeline(parts, options, observer, probe, data), RealClock().mono_ns)
    heard = paper if data is None else RefreshReader(paper, paper.pipeline, data, books.kits)
    watched = heard if watch is None else watch.around(heard, paper.pipeline, data, paper.stages.measured)
    test = None if calibration is None else calibration.test
    folder = app.load(DataSettings).value.dir
    listener = RunNow(watched, paper.pipeline, folder, name, test)
    metrics = metrics_now(_sources(watch, data), folder, name)

    exposed = ExposedCapture()
    if watch is not None:
        watch.sources.append(exposed.families)

    def know(kit: VenueKit) -> VenueKit:
        if data is not None and not offers_books(kit.adapter):
            app.out.note(_no_refresh(kit.adapter.venue, app.load(MdCacheSettings).value))
        return books.know(paper.timed(kit))

    def go() -> dict[str, Any]:
        with _open(app, watch), listener.open(), metrics:
            result = run_live(
                app,
                request,
                [listener],
                wrap_kit=know,
                attach=books.attach,
                hear=exposed.hear,
            )
        extra = {
            "reconnects": result.reconnects["total"],
            "decode_errors": result.counts.malformed,
            "dropped": result.dropped_messages,
            "submitted_intents": paper.pipeline.submitted,
            "callback_stats": callback_stats(paper.pipeline),
        }
        if options.print_latency_report_json:
            extra["latency_report"] = paper.stages.report()
        return extra | _watched(watch, data)

    return Job(paper.pipeline, go, writer)


def _market_data(app: App, ask: Callable[[Definition], None] = lambda definition: None) -> MarketData | None:
    """The cache, where it is wished for; ``ask`` makes its requests."""
    settings = app.load(MdCacheSettings).value
    return MarketData(settings, ask) if settings.enabled else None


def _no_refresh(venue: str, settings: MdCacheSettings) -> str:
    return (
        f"{venue} tells no book over REST, so the market-data cache cannot refresh one there: an order on a"
        f" book older than {settings.ttl_ms:g} ms waits for the stream, and is refused after"
        f" {settings.guard_timeout_ms:g} ms"
    )


def _open(app: App, watch: Watch | None) -> contextlib.AbstractContextManager[None]:
    return contextlib.nullcontext() if watch is None else watch.open(app)


def _sources(watch: Watch | None, data: MarketData | None) -> list[Source]:
    """What the run shows of its strategies and of its cache."""
    if watch is not None:
        return list(watch.sources)
    return [] if data is None else [data.cache.families]


def _watched(watch: Watch | None, data: MarketData | None) -> dict[str, Any]:
    found = {} if watch is None else watch.document()
    return found if data is None else found | {"md_cache": data.document()}


def _live_request(app: App, options: RunOptions) -> LiveRequest:
    return LiveRequest(
        options.instruments,
        options.venue,
        options.symbols,
        options.channels,
        options.depth,
        options.shards,
        options.endpoints,
        record=None if options.record is None else new_run(app, options.record),
        max_seconds=options.duration_seconds,
    )


def _writer(app: App, options: RunOptions) -> ResultWriter | None:
    if options.record is None:
        return None
    folder = app.load(DataSettings).value.dir
    return ResultWriter.create(folder, Path(options.record).name, reports=options.execution == "queue")


@attrs.frozen
class Parts:
    """What a pipeline is made of, built from plugins and settings."""

    strategies: dict[str, Strategy]
    fee_model: FeeModel
    settings: TradingSettings
    limits: LimitSettings
    matching: MatchingSettings
    latency: LatencySettings


def _parts(app: App, options: RunOptions, calibration: Calibration | None) -> Parts:
    """Raises ConfigError or PluginError for what cannot be built."""
    _take_overrides(app, options)
    names = options.strategies
    if len(set(names)) != len(names):
        raise ConfigError(f"--strategy names one twice: {', '.join(names)}", key="strategy")
    arms = {} if calibration is None else calibration.strategies(partial(strategy_of, app))
    parts = Parts(
        {name: arms.get(name) or _strategy(app, name) for name in names},
        _fee_model(app, options.fee_model),
        app.load(TradingSettings).value,
        app.load(LimitSettings).value,
        app.load(MatchingSettings).value,
        app.load(LatencySettings).value,
    )
    if options.execution == "queue" and parts.latency.model not in ("constant", "random"):
        raise ConfigError(
            f"a run has no order latency of the model {parts.latency.model!r}: expected constant or random;"
            " the others belong to mm backtest",
            key="order-latency.model",
            value=parts.latency.model,
        )
    return parts


def _pipeline(
    parts: Parts,
    options: RunOptions,
    observer: Observer | None,
    probe: Probe | None,
    guard: Guard | None,
) -> AnyPipeline:
    only = options.instruments if options.mode == "replay" else ()
    if options.execution == "sim":
        return Pipeline(
            parts.strategies,
            parts.fee_model,
            parts.settings,
            parts.limits,
            only=only,
            max_events=options.max_events,
            observer=observer,
            probe=probe,
            guard=guard,
        )
    return QueuedPipeline(
        parts.strategies,
        parts.fee_model,
        parts.settings,
        parts.limits,
        rules=execution_of(parts.matching, parts.settings),
        latencies=latencies_of(parts.latency),
        only=only,
        max_events=options.max_events,
        observer=observer,
        probe=probe,
        guard=guard,
    )


def _take_overrides(app: App, options: RunOptions) -> None:
    """``--set toy_spread.size=1``, or ``--set size=1`` of the only strategy: the same as its own flag."""
    for override in options.overrides:
        path, equals, value = override.partition("=")
        name, dot, key = path.rpartition(".")
        if not (equals and key):
            raise ConfigError(
                f"--set {override!r} is not of the form KEY=VALUE or NAME.KEY=VALUE",
                key="set",
                value=override,
            )
        if not dot:
            if len(options.strategies) != 1:
                raise ConfigError(f"--set {path}: say of which strategy: NAME.{path}", key="set")
            name = options.strategies[0]
        if name not in options.strategies:
            raise ConfigError(
                f"--set {override!r}: strategy {name!r} is not run; {nearest(name, options.strategies)}"
            )
        cls = app.plugins.get("strategies", name).settings
        keys = [] if cls is None else [field.name for field in fields_of(cls)]
        if cls is None or key not in keys:
            raise ConfigError(f"strategy {name} has no setting {key!r}; {nearest(key, keys)}", key=path)
        app.flags.setdefault(section_of(cls), {})[key] = Given(value, f"flag --set {path}")


def _strategy(app: App, name: str) -> Strategy:
    spec = app.plugins.get("strategies", name)
    return strategy_of(app, name, None if spec.settings is None else app.load(spec.settings).value)


def _fee_model(app: App, name: str) -> Any:
    spec = app.plugins.get("fee_models", name)
    return spec.build(None if spec.settings is None else app.load(spec.settings).value)
