"""``mm emulate VENUE``: serve an emulated venue on this machine until a signal or ``--duration-seconds``."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import click

from mm_framework.cli.app import App, pass_app
from mm_framework.cli.options import FiniteRange, PluginCommand, json_option, settings_options
from mm_framework.contracts.emulator import Dialect, Listing, notices_of
from mm_framework.emulator.faults import FAULTS, FaultSpec, parse_faults
from mm_framework.emulator.playback import STILL, playback, recorded_frames
from mm_framework.emulator.server import EmulatorServer
from mm_framework.emulator.settings import MarketSettings
from mm_framework.emulator.truth import TruthLog, TruthWriter
from mm_framework.emulator.venue import VenueEmulator
from mm_framework.errors import ConfigError, EnvironmentFailed
from mm_framework.settings import Given

__all__ = ["command"]

_EPILOG = (
    "Faults: "
    + "; ".join(f"{name}: {meaning}" for name, meaning in FAULTS.items())
    + "; all: every fault that is not named beside it, at its usual rate. --list-faults adds those of VENUE."
)


@click.command(cls=PluginCommand, epilog=_EPILOG)
@click.argument("venue")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="Port on 127.0.0.1; 0 takes a free one."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the market and of all faults.")
@click.option("--symbol", "symbols", multiple=True, help="Instrument to list; may be given several times.")
@click.option("--rate", metavar="X", help="Same as --market-rate.")
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="NAME[:RATE|@SECONDS],...",
    help="Faults, such as drop:0.001,disconnect@30; the names stand below.",
)
@click.option("--list-faults", is_flag=True, help="List the faults that VENUE knows, and stop.")
@click.option(
    "--truth",
    type=click.Path(path_type=Path),
    help="Write the truth log, a new file: every frame sent, suppressed or altered, as JSON lines.",
)
@click.option(
    "--truth-levels",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Best levels of the true book that go with each book frame in the truth log.",
)
@click.option(
    "--play", type=click.Path(path_type=Path), help="Play this run bundle instead of a seeded market."
)
@click.option("--speed", type=float, default=1.0, show_default=True, help="Speed of --play.")
@click.option("--tls-cert", type=click.Path(path_type=Path), help="Serve wss with this certificate (PEM).")
@click.option("--tls-key", type=click.Path(path_type=Path), help="The certificate's private key (PEM).")
@click.option(
    "--duration-seconds", type=FiniteRange(0, min_open=True), help="Stop after so long [until a signal]."
)
@settings_options(MarketSettings)
@json_option
@pass_app
def command(
    app: App,
    venue: str,
    port: int,
    seed: int,
    symbols: tuple[str, ...],
    rate: str | None,
    faults: tuple[str, ...],
    list_faults: bool,
    truth: Path | None,
    truth_levels: int,
    play: Path | None,
    speed: float,
    tls_cert: Path | None,
    tls_key: Path | None,
    duration_seconds: float | None,
) -> None:
    """Serve an emulated VENUE, such as kraken, over WebSocket and REST on a loopback port.

    Prints the endpoint, to be used as `mm capture ... --endpoint URL`.
    """
    if list_faults:
        known = {**FAULTS, **notices_of(_dialect(app, venue))}
        app.out.emit(known, "\n".join(f"{name}: {meaning}" for name, meaning in known.items()))
        return
    if rate is not None:
        app.flags.setdefault("market", {})["rate"] = Given(rate, "flag --rate")
    settings = app.load(MarketSettings).value
    dialect, listings = _market(app, venue, symbols)
    if play is not None:
        settings = STILL
        dialect, listings = _recording(dialect, play, speed, symbols)
    tls = _tls(tls_cert, tls_key)
    specs = parse_faults(",".join(faults), notices_of(dialect))
    with _truth_file(truth) as file:
        log = TruthLog(levels=truth_levels, keep=file is not None)
        emulator = VenueEmulator(
            dialect,
            listings,
            seed=seed,
            settings=settings,
            faults=specs,
            start_ns=time.monotonic_ns(),
            wall_ns=time.time_ns(),
            truth=log,
        )
        writer = None if file is None else TruthWriter(file, _scales(emulator))
        server = EmulatorServer(emulator, port=port, tls=tls, truth=writer)
        asyncio.run(_serve(app, server, _described(venue, listings, seed, specs), duration_seconds))
    told = ", ".join(f"{count} {outcome}" for outcome, count in sorted(log.outcomes.items()))
    app.out.note(f"frames and connections: {told or 'none'}")


def _dialect(app: App, venue: str) -> Dialect:
    spec = app.plugins.get("emulators", venue)
    dialect: Dialect = spec.build(None if spec.settings is None else app.load(spec.settings).value)
    return dialect


def _market(app: App, venue: str, symbols: tuple[str, ...]) -> tuple[Dialect, list[Listing]]:
    dialect = _dialect(app, venue)
    names = (name.removeprefix(f"{venue}:") for name in symbols or dialect.symbols)
    return dialect, [dialect.listing(name) for name in names]


def _recording(
    dialect: Dialect, path: Path, speed: float, symbols: tuple[str, ...]
) -> tuple[Dialect, list[Listing]]:
    from mm_framework.bundle.run import open_run

    if symbols:
        raise ConfigError("--play lists what was recorded: leave out --symbol", key="symbol", value=symbols)
    return playback(dialect, recorded_frames(open_run(path)), speed=speed)


def _tls(cert: Path | None, key: Path | None) -> ssl.SSLContext | None:
    if cert is None and key is None:
        return None
    if cert is None or key is None:
        raise ConfigError("TLS needs both --tls-cert and --tls-key", key="tls-cert" if key else "tls-key")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(cert, key)
    except OSError as error:  # ssl.SSLError is one
        raise ConfigError(
            f"cannot use {cert} and {key} for TLS: {error.strerror or error}; "
            "give a certificate and its private key, both PEM",
            key="tls-cert",
            value=str(cert),
        ) from error
    return context


@contextlib.contextmanager
def _truth_file(path: Path | None) -> Iterator[IO[bytes] | None]:
    if path is None:
        yield None
        return
    try:
        file = path.open("xb")
    except FileExistsError:
        raise ConfigError(
            f"truth log {path} exists and is never overwritten: choose another name",
            key="truth",
            value=str(path),
        ) from None
    except OSError as error:
        raise EnvironmentFailed(f"cannot write the truth log {path}: {error.strerror}") from error
    with file:
        yield file


def _scales(emulator: VenueEmulator) -> dict[str, tuple[int, int]]:
    return {
        symbol: (listing.price_scale, listing.size_scale)
        for symbol, listing in emulator.market.listings.items()
    }


def _described(
    venue: str, listings: list[Listing], seed: int, faults: tuple[FaultSpec, ...]
) -> dict[str, Any]:
    return {
        "venue": venue,
        "symbols": [listing.symbol for listing in listings],
        "seed": seed,
        "faults": [str(fault) for fault in faults],
    }


async def _serve(
    app: App, server: EmulatorServer, described: dict[str, Any], duration_s: float | None
) -> None:
    """Serve until a signal or the end of the time; a second signal ends the process as usual."""
    stop = asyncio.Event()
    async with server:
        with _signals(stop):
            app.out.emit({"endpoint": server.url, **described}, server.url)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), duration_s)


@contextlib.contextmanager
def _signals(stop: asyncio.Event) -> Iterator[None]:
    """SIGINT and SIGTERM set ``stop``, the first time."""
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM)
    earlier = {number: signal.getsignal(number) for number in numbers}

    def restore() -> None:
        for number in numbers:
            signal.signal(number, earlier[number])

    def on_signal(number: int, frame: object) -> None:
        restore()
        loop.call_soon_threadsafe(stop.set)

    for number in numbers:
        signal.signal(number, on_signal)
    try:
        yield
    finally:
        restore()
