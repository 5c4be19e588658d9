"""Settings of live capture: connections, the plant that keeps a universe, what to capture."""

from __future__ import annotations

from typing import Final, Literal

import attrs
from attrs import validators

from mm_framework.errors import ConfigError
from mm_framework.settings import section, setting

__all__ = ["ALERT_KINDS", "AlertSettings", "CaptureSettings", "PlantSettings", "TargetSettings"]

ALERT_KINDS: Final = ("gate_failed", "resync_storm", "disk_low", "run_failed")


@section("capture")
@attrs.frozen
class CaptureSettings:
    """Connections of a live run. ``0`` switches off what has an interval."""

    transport: Literal["websockets", "picows"] = setting(
        "websockets", help="WebSocket library: websockets, or picows (extra, faster)."
    )
    open_timeout_s: float = setting(
        10.0,
        help="Longest wait for a connection to open.",
        aliases=("ws_open_timeout_s",),
        validator=validators.gt(0),
    )
    close_timeout_s: float = setting(
        2.0, help="Longest wait for a connection to close in order.", validator=validators.ge(0)
    )
    ping_interval_s: float = setting(
        20.0,
        help="Time between WebSocket pings; 0: none.",
        aliases=("ws_ping_interval_s", "ws_ping_interval_seconds"),
        validator=validators.ge(0),
    )
    ping_timeout_s: float = setting(
        60.0,
        help="Longest wait for the answer to a WebSocket ping.",
        aliases=("ws_ping_timeout_s", "ws_ping_timeout_seconds"),
        validator=validators.gt(0),
    )
    reconnect_backoff_s: float = setting(
        1.0,
        help="Ceiling of the first delay before a reconnect; doubles with each attempt.",
        aliases=("ws_reconnect_backoff_s",),
        validator=validators.ge(0),
    )
    reconnect_backoff_max_s: float = setting(
        30.0,
        help="Highest ceiling of that delay.",
        aliases=("ws_reconnect_backoff_max_s",),
        validator=validators.ge(0),
    )
    stable_s: float = setting(
        30.0, help="A connection that lasted so long lets the delays begin anew.", validator=validators.ge(0)
    )
    first_attempts: int = setting(
        3,
        help="Attempts to open the first connection of a shard before the run gives up; 0: no end.",
        validator=validators.ge(0),
    )
    max_session_s: float = setting(
        0.0,
        help="Age at which a connection hands over to a new one, up to a tenth sooner where there are more,"
        " so that not all do at once; 0: never.",
        aliases=("ws_max_session_s",),
        validator=validators.ge(0),
    )
    no_data_warn_s: float = setting(
        10.0,
        help="Silence of a connection that is warned about, and of an instrument that the ledger of its day"
        " tells; 0: never.",
        aliases=("ws_no_data_warn_s",),
        validator=validators.ge(0),
    )
    heartbeat_s: float = setting(
        1.0, help="Time between heartbeat lines in the run log.", validator=validators.gt(0)
    )
    metrics_max_samples: int = setting(
        1024,
        help="Samples of each metric of a shard, the latest of a heartbeat, that percentiles are made of.",
        aliases=("capture_metrics_max_samples",),
        validator=validators.ge(1),
    )
    coverage_metrics_interval_seconds: float = setting(
        5.0,
        help="Least time between two lines of metrics that count books and streams.",
        aliases=("capture_coverage_metrics_interval_seconds",),
        validator=validators.gt(0),
    )
    disk_usage_interval_seconds: float = setting(
        10.0,
        help="Time between looks at the disk and at memory, in a thread; 0: never.",
        aliases=("capture_disk_usage_interval_seconds",),
        validator=validators.ge(0),
    )
    overrun_mib: float = setting(
        16.0,
        help="What may still be kept of connections whose reading is paused because the disk is slow;"
        " frames beyond are dropped, and the log says so.",
        validator=validators.ge(0),
    )
    rest_timeout_s: float = setting(
        30.0, help="Longest wait for the whole answer to an HTTP request.", validator=validators.gt(0)
    )
    rest_concurrent: int = setting(
        4, help="HTTP requests that are under way to one host at a time.", validator=validators.ge(1)
    )
    rest_backoff_s: float = setting(
        60.0,
        help="Pause of all requests to a host after a refusal (HTTP 429, 418) that names no time; doubles"
        " with each one that follows.",
        validator=validators.gt(0),
    )
    rest_backoff_max_s: float = setting(3600.0, help="Longest such pause.", validator=validators.gt(0))
    ca_file: str = setting(
        "", help="File of certificate authorities to trust in place of the system's; empty: the system's."
    )
    insecure_tls: bool = setting(
        False,
        help="Do not check certificates: for local debugging only.",
        aliases=("insecure_tls",),
    )
    jitter_seed: int = setting(
        0, help="Seed of the reconnect delays; 0: another one each run.", validator=validators.ge(0)
    )
    summary_every_s: float = setting(
        0.0,
        help="Time between lines on the age of the best prices that tickers tell; 0: none.",
        aliases=("summary_every",),
        validator=validators.ge(0),
    )
    windows_high_res_timer: bool = setting(
        True,
        help="On Windows ask for timers of 1 ms while a capture runs; elsewhere it means nothing.",
        aliases=("capture_windows_high_res_timer_enable",),
    )
    runtime_windows_high_res_timer: bool = setting(
        True,
        help="The same while strategies run live.",
        aliases=("runtime_windows_high_res_timer_enable",),
    )


@section("plant")
@attrs.frozen
class PlantSettings:
    """Shards, the universe of instruments that patterns mean, and what must have spoken."""

    shards: int = setting(
        0,
        help="Connections a venue, over which its instruments are dealt; 0: as many as its limits ask for.",
        aliases=("ws_shards",),
        validator=validators.ge(0),
    )
    universe_refresh: bool = setting(
        True,
        help="Ask for the list of instruments again and again, and follow what patterns mean by then.",
        aliases=("capture_universe_refresh_enable",),
    )
    universe_refresh_interval_s: float = setting(
        60.0,
        help="Time between two such lists.",
        aliases=("capture_universe_refresh_interval_seconds",),
        validator=validators.gt(0),
    )
    max_markets: int = setting(
        2000,
        help="Most instruments, or groups of them, that patterns mean on one venue; the rest is left out.",
        aliases=("capture_max_markets",),
        validator=validators.ge(1),
    )
    confirm_timeout_s: float = setting(
        0.0,
        help="Time from the start within which every instrument must have spoken; 0: it need not.",
        aliases=("capture_confirm_timeout_seconds",),
        validator=validators.ge(0),
    )
    confirm_min_events: int = setting(
        1,
        help="Messages of an instrument with which it has spoken.",
        aliases=("capture_confirm_min_events",),
        validator=validators.ge(1),
    )
    confirm_missing: Literal["fatal", "continue"] = setting(
        "fatal", help="What instruments that have not spoken mean: the end of the run, or a warning."
    )
    offline: bool = setting(
        False,
        help="Ask no venue for a list of instruments: --universe FILE says which there are.",
        aliases=("offline",),
    )


@section("target")
@attrs.frozen
class TargetSettings:
    """What to capture, where no argument says it."""

    venue: str = setting("", help="The venue of the symbols.", aliases=("exchange",))
    symbols: tuple[str, ...] = setting(
        (), help="Instruments of the venue, by its names or our ids.", aliases=("symbol",)
    )


def _known(instance: object, attribute: object, value: tuple[str, ...]) -> None:
    unknown = sorted(set(value) - set(ALERT_KINDS))
    if unknown:
        raise ConfigError(
            f"alerts.on has {', '.join(unknown)}; expected some of {', '.join(ALERT_KINDS)}", key="alerts.on"
        )


@section("alerts")
@attrs.frozen
class AlertSettings:
    """Who is told what. Without a webhook and a command nobody is."""

    webhook_url: str = setting("", help="Alerts are posted here as JSON (HTTP POST); empty: not.")
    command: tuple[str, ...] = setting(
        (),
        help="Program and arguments that are run for each alert, its JSON on stdin, without a shell.",
    )
    on: tuple[str, ...] = setting(ALERT_KINDS, help="What is told.", validator=_known)
    min_interval_s: float = setting(
        300.0,
        help="Least time between two alerts of a kind; those between are counted.",
        validator=validators.ge(0),
    )
    timeout_s: float = setting(
        10.0, help="Longest that a webhook or a command may take.", validator=validators.gt(0)
    )
    resyncs: int = setting(
        20, help="Books resynced within a minute that are a storm.", validator=validators.ge(1)
    )
    disk_low_gib: float = setting(
        5.0, help="Free disk below which there is an alert.", validator=validators.ge(0)
    )

    @property
    def enabled(self) -> bool:
        """Whether there is anybody to tell."""
        return bool(self.webhook_url or self.command)
