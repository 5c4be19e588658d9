"""What a live verb was asked to follow: names and patterns, looked up in the lists of their venues.

names, patterns, universe files -> lists (a file's, or asked for) -> instruments, plan, what is wanted
"""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import attrs

from mm_framework.capture.catalog import Ask, Catalogue, fetch_catalogue, is_pattern
from mm_framework.capture.clock import RealClock
from mm_framework.capture.endpoints import Endpoints, served_at
from mm_framework.capture.http import Asker
from mm_framework.capture.plan import Plan, make_plan
from mm_framework.capture.plant import Wanted, meant
from mm_framework.capture.settings import CaptureSettings, PlantSettings
from mm_framework.capture.transport import HttpAnswer, HttpOptions, make_transport, tls_context
from mm_framework.capture.universe_file import read_universe
from mm_framework.cli.app import App
from mm_framework.contracts.adapter import Adapter, HttpRequest
from mm_framework.contracts.catalog import Catalog, ListedInstrument
from mm_framework.errors import ConfigError, ConnectionLost, MMError
from mm_framework.feed import VenueKit
from mm_framework.model.instrument import parse_id
from mm_framework.plugins.kits import venue_kits

__all__ = ["Choice", "asked_for", "choose"]

NEAREST = 3


@attrs.frozen
class Choice:
    """What is to be done. ``wanted``: by venue; ``listed``: what catalogues say, by id.

    ``depth``, ``levels``: as `make_plan` takes them.
    """

    kits: Mapping[str, VenueKit]
    plan: Plan
    wanted: Mapping[str, Wanted]
    listed: Mapping[str, ListedInstrument]
    endpoints: Endpoints
    depth: int | None
    levels: int


def choose(
    app: App,
    names: Sequence[str],
    *,
    channels: Sequence[str] = (),
    depth: int | None = None,
    levels: int = 0,
    shards: int | None = None,
    endpoints: Sequence[str] = (),
    universes: Sequence[Path] = (),
) -> Choice:
    """Look everything up and lay out the shards.

    ``names`` are ids and patterns; none: all that the universe files hold. Raises ConfigError, PluginError
    for a venue that failed, and what stands in the way of a list that is needed.
    """
    files = {venue: one for path in universes for venue, one in read_universe(path).items()}
    names = names or [pattern for one in files.values() for pattern in one.patterns or (f"{one.venue}:*",)]
    by_venue: dict[str, list[str]] = {}
    for name in names:
        by_venue.setdefault(parse_id(name)[0], []).append(name)
    kits = venue_kits(app.plugins, by_venue, lambda settings: app.load(settings).value)
    adapters = {venue: kit.adapter for venue, kit in kits.items()}
    given = Endpoints.parse(endpoints)
    given.check(adapters)
    lists = _lists(app, adapters, by_venue, given, files)
    found = [_look_up(app, adapters[venue], some, lists.get(venue)) for venue, some in by_venue.items()]
    listed = {one.instrument: one for catalogue in lists.values() for one in catalogue.listed}
    wanted = {venue: one for venue, (_, one) in zip(by_venue, found, strict=True)}
    exact, least = _shards(app, shards)
    plan = make_plan(
        [instrument for instruments, _ in found for instrument in instruments],
        adapters,
        channels=channels,
        depth=depth,
        levels=levels,
        shards=exact,
        least=least,
        endpoints=given,
        listed=listed,
        growing=[venue for venue, one in wanted.items() if one.patterns and _refreshes(app)],
    )
    return Choice(kits, plan, wanted, listed, given, depth, levels)


def _shards(app: App, shards: int | None) -> tuple[int | None, int]:
    """The number that was asked for, or None; the least number that a profile gives."""
    loaded = app.load(PlantSettings)
    number, origin = loaded.value.shards, loaded.origins["shards"]
    if shards is None and number and origin.partition(" ")[0] not in ("default", "profile"):
        shards = number
    return shards, max(1, number)


def _refreshes(app: App) -> bool:
    """Whether lists are asked for again, so that there may be newcomers."""
    settings = app.load(PlantSettings).value
    return settings.universe_refresh and not settings.offline


def _lists(
    app: App,
    adapters: Mapping[str, Adapter],
    names: Mapping[str, Sequence[str]],
    endpoints: Endpoints,
    files: Mapping[str, Catalogue],
) -> dict[str, Catalogue]:
    """The lists of the venues that need one: from files, or else asked for."""
    lists = {venue: files[venue] for venue in adapters if venue in files}
    missing = {venue: one for venue, one in adapters.items() if venue not in lists}
    must = {venue for venue in missing if any(_needs_list(missing[venue], name) for name in names[venue])}
    may = {venue for venue, one in missing.items() if isinstance(one, Catalog) and one.catalog_first}
    for venue in sorted(must):
        _check_can_list(app, adapters[venue], names[venue])
    if app.load(PlantSettings).value.offline:
        return lists
    fetched = asked_for(app, {venue: adapters[venue] for venue in sorted(must | may)}, endpoints, must)
    for venue, result in fetched.items():
        if isinstance(result, Catalogue):
            lists[venue] = result
        elif venue in must:
            raise result
        else:
            app.out.note(f"definitions come without the venue's list: {result}")
    return lists


def _needs_list(adapter: Adapter, name: str) -> bool:
    """Whether a name means nothing without the venue's list."""
    if is_pattern(name):
        return True
    try:
        adapter.venue_symbol(name)
    except ConfigError:
        return isinstance(adapter, Catalog)
    return False


def _check_can_list(app: App, adapter: Adapter, names: Sequence[str]) -> None:
    name = next(one for one in names if _needs_list(adapter, one))
    if not isinstance(adapter, Catalog):
        raise ConfigError(
            f"{name!r} is a pattern, and {adapter.venue} has no list of instruments: name each one",
            key="instrument",
            value=name,
        )
    if app.load(PlantSettings).value.offline:
        raise ConfigError(
            f"{name!r} needs the list of {adapter.venue}, which offline nobody asks for: give --universe FILE"
            f" (mm discover {adapter.venue} --out FILE makes one)",
            key="plant.offline",
            value=name,
        )


def asked_for(
    app: App, adapters: Mapping[str, Adapter], endpoints: Endpoints, must: Collection[str]
) -> dict[str, Catalogue | MMError]:
    """The lists of these venues, asked for at the same time; an error where one cannot be had.

    A list that nobody ``must`` have is not waited for longer than for one answer.
    """
    if not adapters:
        return {}
    settings = app.load(CaptureSettings).value
    transport = make_transport(settings.transport)
    options = HttpOptions(
        open_timeout_s=settings.open_timeout_s,
        timeout_s=settings.rest_timeout_s,
        tls=tls_context(settings.ca_file, settings.insecure_tls),
    )

    async def main() -> dict[str, Catalogue | MMError]:
        async with Asker(lambda: transport.http(options), RealClock(), settings) as ask:

            def of(adapter: Adapter) -> Ask:
                url = endpoints.url(adapter)

                async def one(request: HttpRequest) -> HttpAnswer:
                    return await ask(served_at(url, request), adapter.limits)

                return one

            results = await asyncio.gather(
                *(
                    _or_error(one, of(one), None if venue in must else settings.rest_timeout_s)
                    for venue, one in adapters.items()
                )
            )
            return dict(zip(adapters, results, strict=True))

    return asyncio.run(main())


async def _or_error(adapter: Adapter, ask: Ask, limit_s: float | None) -> Catalogue | MMError:
    try:
        async with asyncio.timeout(limit_s):
            return await fetch_catalogue(adapter, ask)
    except MMError as error:
        return error
    except TimeoutError:
        return ConnectionLost(f"the list of instruments of {adapter.venue} did not come within {limit_s:g} s")


def _look_up(
    app: App, adapter: Adapter, names: Sequence[str], catalogue: Catalogue | None
) -> tuple[list[str], Wanted]:
    """The instruments that names and patterns mean on one venue, and what stays wanted."""
    patterns = tuple(name for name in names if is_pattern(name))
    plain = [name for name in names if not is_pattern(name)]
    pinned = [name if catalogue is None else _named(app, adapter, name, catalogue) for name in plain]
    chosen = list(pinned)
    if patterns and catalogue is not None:
        cap = app.load(PlantSettings).value.max_markets
        units, cut = meant(catalogue.listed, patterns, cap)
        if not units:
            raise ConfigError(
                f"{' '.join(map(repr, patterns))} fits none of the {len(catalogue.listed)} instruments of"
                f" {adapter.venue}{_near(patterns[0], catalogue)}",
                key="instrument",
                value=patterns[0],
            )
        if cut:
            app.out.note(
                f"{adapter.venue} lists {len(units) + cut} that fit: the first {cap} by id are taken,"
                f" {cut} are left out (plant.max_markets)"
            )
        chosen += [one.instrument for unit in units.values() for one in unit]
    return chosen, Wanted(patterns, frozenset(pinned))


def _named(app: App, adapter: Adapter, name: str, catalogue: Catalogue) -> str:
    """The id of an instrument in its venue's list. Raises ConfigError with the nearest names."""
    by_name = {one.instrument: one for one in catalogue.listed}
    by_name |= {one.info.venue_symbol: one for one in catalogue.listed}
    found = by_name.get(name) or by_name.get(parse_id(name)[1])
    if found is None:
        try:
            found = by_name.get(adapter.instrument_id(adapter.venue_symbol(name)))
        except ConfigError:
            found = None
    if found is not None:
        if not found.active:
            app.out.note(f"{found.instrument} is listed as {found.info.status or 'inactive'}")
        return found.instrument
    if catalogue.patterns:  # a file that was narrowed down tells nothing of what it left out
        return name
    raise ConfigError(
        f"{adapter.venue} does not list {parse_id(name)[1]}{_near(name, catalogue)}",
        key="instrument",
        value=name,
    )


def _near(name: str, catalogue: Catalogue) -> str:
    """``; near are ...`` of the ids that are spelled alike, or nothing."""
    known = {one.instrument.casefold(): one.instrument for one in catalogue.listed}
    close = difflib.get_close_matches(name.casefold(), known, n=NEAREST, cutoff=0.5)
    return f"; near are {', '.join(known[one] for one in close)}" if close else ""
