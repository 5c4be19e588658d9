"""What verbs share that write sinks: making them by name, with the settings that apply."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from mm_framework.cli.app import App
from mm_framework.contracts.sink import Sink
from mm_framework.contracts.spec import SinkSpec
from mm_framework.errors import ConfigError, MMError
from mm_framework.plugins.kits import venue_kits

if TYPE_CHECKING:
    from mm_framework.capture.clock import Stamp
    from mm_framework.capture.plan import Plan
    from mm_framework.sinks.driver import LiveSinks

__all__ = ["SinkRequest", "live_sinks", "make_sink", "recorded_settings", "sink_requests"]


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
    sink: Sink = spec.factory(settings)
    return spec, sink


@contextlib.contextmanager
def live_sinks(
    app: App, requests: Sequence[SinkRequest], plan: Plan, stamp: Stamp, run_id: str
) -> Iterator[list[LiveSinks]]:
    """The sinks of a live run as listeners, open until the block ends.

    Raises ConfigError, PluginError, EnvironmentFailed; no output is left behind then.
    """
    if not requests:
        yield []
        return
    from mm_framework.capture.settings import CaptureSettings
    from mm_framework.contracts.sink import SinkRun
    from mm_framework.feed.clock_offset import ClockSettings
    from mm_framework.settings import DataSettings
    from mm_framework.sinks.driver import LiveSinks, SinkSet, SinkSettings

    venues = tuple(sorted({shard.venue for shard in plan.shards}))
    kits = venue_kits(app.plugins, set(venues), lambda settings: app.load(settings).value)
    run = SinkRun(
        run_id=run_id,
        wall0_ns=stamp.wall0_ns,
        mono0_ns=stamp.mono0_ns,
        venues=venues,
        rules={venue: kit.rules for venue, kit in kits.items()},
        data_dir=app.load(DataSettings).value.dir,
        clock=app.load(ClockSettings).value,
        start_ns=stamp.wall0_ns,
        no_data_warn_s=app.load(CaptureSettings).value.no_data_warn_s,
        subscriptions=tuple(one for shard in plan.shards for one in shard.subscriptions),
    )
    sinks = SinkSet([make_sink(app, one.name)[1] for one in requests], kits)
    sinks.open([attrs.evolve(run, out=one.out) for one in requests])
    live = LiveSinks(sinks, app.load(SinkSettings).value)
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
