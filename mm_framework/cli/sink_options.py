"""What verbs share that write sinks: making them by name, with the settings that apply."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs

from mm_framework.cli.app import App
from mm_framework.cli.output import Output
from mm_framework.contracts.sink import Sink
from mm_framework.contracts.spec import SinkSpec
from mm_framework.errors import ConfigError, MMError
from mm_framework.plugins.kits import venue_kits

if TYPE_CHECKING:
    from mm_framework.capture.clock import Stamp
    from mm_framework.capture.plan import Plan
    from mm_framework.sinks.driver import LiveSinks, SinkSet
    from mm_framework.sinks.process import SinkProcess

__all__ = ["SinkJob", "SinkRequest", "live_sinks", "make_sink", "recorded_settings", "sink_requests"]

MANY: Final = 5
"""Instruments of a run whose sinks are written in a process of their own, unless a setting says otherwise."""


@attrs.frozen
class SinkRequest:
    """A sink by name, and the file or folder that was named for it."""

    name: str
    out: Path | None = None


def sink_requests(words: Sequence[str]) -> list[SinkRequest]:
    """Read ``NAME`` and ``NAME=PATH``. Raises ConfigError for one that is named twice or has no name."""
    requests: list[SinkRequest] = []
    for word in words:
        name, given, path = word.partition("=")
        if not name or (given and not path):
            raise ConfigError(f"--sink {word!r}: expected NAME or NAME=PATH", key="sink", value=word)
        if any(one.name == name for one in requests):
            raise ConfigError(f"sink {name!r} is named twice", key="sink", value=word)
        requests.append(SinkRequest(name, Path(path) if given else None))
    return requests


def make_sink(app: App, name: str, recorded: Mapping[str, Any] | None = None) -> tuple[SinkSpec, Sink]:
    """The spec and the sink. ``recorded``: the configuration of a bundle, whose values stand where the
    user gave none. Raises ConfigError, PluginError.
    """
    spec = app.plugins.get("sinks", name)
    assert isinstance(spec, SinkSpec)
    settings = None if spec.settings is None else recorded_settings(app, spec.settings, recorded)
    sink: Sink = spec.build(settings)
    return spec, sink


@attrs.frozen
class SinkJob:
    """All that opens the sinks of a live run, also in another process: it can be pickled.

    ``options``: what an `App` is made of. ``run``: that of `SinkRun` which only the run knows.
    """

    options: dict[str, Any]
    given: dict[str, Any]
    requests: tuple[SinkRequest, ...]
    run: dict[str, Any]

    @classmethod
    def of(cls, app: App, requests: Sequence[SinkRequest], plan: Plan, stamp: Stamp, run_id: str) -> SinkJob:
        """The job of a run that has not begun."""
        return cls(
            {"env": dict(app.env), "config": app.config, "env_wins": app.env_wins},
            {"flags": app.flags, "defaults": app.defaults, "compat": app.compat},
            tuple(requests),
            {
                "run_id": run_id,
                "wall0_ns": stamp.wall0_ns,
                "mono0_ns": stamp.mono0_ns,
                "start_ns": stamp.wall0_ns,
                "venues": tuple(sorted({shard.venue for shard in plan.shards})),
                "subscriptions": tuple(one for shard in plan.shards for one in shard.subscriptions),
            },
        )

    def __call__(self) -> SinkSet:
        """See `sinks.process.Job`."""
        app = App(**self.options, out=Output(quiet=True))
        for name, value in self.given.items():
            setattr(app, name, value)
        return self.open(app)

    def open(self, app: App) -> SinkSet:
        """The sinks, open, or none. Raises ConfigError, PluginError, EnvironmentFailed."""
        from mm_framework.capture.settings import CaptureSettings
        from mm_framework.contracts.sink import SinkRun
        from mm_framework.feed.clock_offset import ClockSettings
        from mm_framework.settings import DataSettings
        from mm_framework.sinks.driver import SinkSet

        kits = venue_kits(app.plugins, set(self.run["venues"]), lambda settings: app.load(settings).value)
        run = SinkRun(
            **self.run,
            rules={venue: kit.rules for venue, kit in kits.items()},
            data_dir=app.load(DataSettings).value.dir,
            clock=app.load(ClockSettings).value,
            no_data_warn_s=app.load(CaptureSettings).value.no_data_warn_s,
        )
        sinks = SinkSet([make_sink(app, one.name)[1] for one in self.requests], kits)
        sinks.open([attrs.evolve(run, out=one.out) for one in self.requests])
        return sinks


@contextlib.contextmanager
def live_sinks(
    app: App, requests: Sequence[SinkRequest], plan: Plan, stamp: Stamp, run_id: str
) -> Iterator[list[LiveSinks | SinkProcess]]:
    """The sinks of a live run as listeners, open until the block ends.

    Raises ConfigError, PluginError, EnvironmentFailed; no output is left behind then.
    """
    if not requests:
        yield []
        return
    from mm_framework.sinks.driver import LiveSinks
    from mm_framework.sinks.process import SinkProcess
    from mm_framework.sinks.settings import SinkSettings

    settings = app.load(SinkSettings).value
    job = SinkJob.of(app, requests, plan, stamp, run_id)
    for one in requests:
        make_sink(app, one.name)  # a mistake is told here, and the manifest names its settings
    many = len(plan.instruments) >= MANY if settings.process == "auto" else settings.process == "always"
    live = SinkProcess(job, settings) if many else LiveSinks(job.open(app), settings)
    try:
        yield [live]
    except BaseException:
        with contextlib.suppress(MMError):
            live.close()
        raise
    live.close()


def recorded_settings(app: App, cls: type[Any], recorded: Mapping[str, Any] | None) -> Any:
    """Settings as loaded, those that nobody gave as the bundle's run had them."""
    loaded = app.load(cls)
    kept = (recorded or {}).get(loaded.section, {})
    changes = {}
    for field in attrs.fields(cls):
        value = kept.get(field.name, {}).get("value") if isinstance(kept.get(field.name), dict) else None
        default = getattr(loaded.value, field.name)
        if loaded.origins[field.name] == "default" and value is not None and type(value) is type(default):
            changes[field.name] = value
    return attrs.evolve(loaded.value, **changes)
