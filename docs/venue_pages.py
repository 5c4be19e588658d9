"""The pages of venues: the README of each plugin, and tables of what its venues declare.

`generate.py` writes them into the regions ``venue-NAME`` of ``venues/NAME.md``, where NAME is the plugin's
folder without ``mm_``, and the list of all venues into ``venues``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

from mm_framework.contracts.adapter import Adapter, Channel, VenueLimits
from mm_framework.contracts.spec import Spec
from mm_framework.contracts.sync_engine import SyncRules
from mm_framework.plugins import LoadedPlugin, PluginSettings, load_plugins
from mm_framework.settings import section_of

__all__ = ["VENUES", "plugin_page", "proof_words", "regions", "venue_list", "venue_plugins"]

DOCS = Path(__file__).resolve().parent
VENUES = DOCS / "venues"
UNPROVED = "unproved"

Table = Callable[[Sequence[str], Sequence[Sequence[object]]], str]


def regions(table: Table) -> dict[str, Callable[[], str]]:
    """The functions that write the regions: of the list, and of each page that is there."""
    names = sorted(page.stem for page in VENUES.glob("*.md") if page.stem != "index")
    return {
        "venues": partial(venue_list, table),
        **{f"venue-{name}": partial(plugin_page, table, name) for name in names},
    }


@cache
def venue_plugins() -> dict[str, LoadedPlugin]:
    """Name -> plugin, of the plugins in this repository that register a venue."""
    projects = DOCS.parent.glob("plugins/*/pyproject.toml")
    ours = {path.parent.name: path.parent.name.removeprefix("mm_") for path in projects}
    found = {
        one.plugin.distribution.replace("-", "_"): one
        for one in load_plugins(PluginSettings()).loaded
        if adapters_of(one)
    }
    return {ours[package]: one for package, one in sorted(found.items()) if package in ours}


def adapters_of(one: LoadedPlugin) -> list[Spec]:
    """The venues that a plugin registers, by name."""
    return sorted((spec for spec in one.specs if spec.kind == "adapters"), key=lambda spec: spec.name)


def build(spec: Spec) -> Any:
    """The component with its default settings."""
    return spec.factory(spec.settings() if spec.settings is not None else None)


# ---- the list of all venues ------------------------------------------------------------------------


def venue_list(table: Table) -> str:
    """One row a channel of every venue, as ``mm venues`` shows them."""
    rows: list[tuple[str, ...]] = []
    for name, one in venue_plugins().items():
        for spec in adapters_of(one):
            adapter: Adapter = build(spec)
            told = f"[`{spec.name}`]({name}.md)"
            for channel in adapter.channels:
                rows.append((told, *channel_cells(channel)))
                told = ""
    return table(("venue", "channel", "carries", "proof", "depths"), rows)


def channel_cells(channel: Channel) -> tuple[str, str, str, str]:
    """Name, content, proof and depths; what offers no proof says ``unproved``."""
    proof = UNPROVED if channel.proof.kind == "none" else f"`{channel.proof}`"
    return f"`{channel.name}`", channel.carries, proof, ", ".join(map(str, channel.depths))


# ---- the page of a plugin --------------------------------------------------------------------------


def plugin_page(table: Table, name: str) -> str:
    """The README, then a section with what the plugin's venues declare."""
    one = venue_plugins()[name]
    parts = [readme(name), "## What it declares\n\nFilled from the plugin; `mm venues` shows the channels.\n"]
    for spec in adapters_of(one):
        parts.append(f"### `{spec.name}`\n\n{spec.description}\n\n{venue_tables(table, one, spec)}")
    return "\n".join(parts)


def readme(name: str) -> str:
    """The README of a plugin, with links that lead somewhere from a page in ``docs/venues``."""
    text = (DOCS.parent / "plugins" / f"mm_{name}" / "README.md").read_text(encoding="utf-8")
    return re.sub(r"\[([^\]\n]+)\]\((\.\.?/[^)\s]+)\)", lambda m: link(m[1], m[2]), text)


def link(text: str, target: str) -> str:
    """A link of a README as a link of a page; the text alone where it leads out of the documentation."""
    if target.startswith("../../README.md"):
        return f"[{text}](../index.md)"
    if target.startswith("../../docs/"):
        return f"[{text}](../{target.removeprefix('../../docs/')})"
    neighbour = re.fullmatch(r"\.\./mm_(\w+)/README\.md", target)
    return f"[{text}]({neighbour[1]}.md)" if neighbour and neighbour[1] in venue_plugins() else text


def venue_tables(table: Table, one: LoadedPlugin, spec: Spec) -> str:
    """The channels of a venue, and the facts that its parts declare."""
    adapter: Adapter = build(spec)
    others = {other.kind: other for other in one.specs if other.name == spec.name}
    rules: SyncRules | None = build(others["sync_engines"]) if "sync_engines" in others else None
    facts = [
        ("endpoint", f"`{adapter.url}`"),
        ("book", "; ".join(proof_words(rules))),
        ("limits", "; ".join(limit_words(adapter.limits))),
        ("fee model", f"`{spec.name}`" if "fee_models" in others else "none: name one with `--fee-model`"),
        ("emulator", f"`mm emulate {spec.name}`" if "emulators" in others else "none"),
        *([("capabilities", ", ".join(sorted(spec.capabilities)))] if spec.capabilities else []),
        ("settings", f"`[{section_of(spec.settings)}]`" if spec.settings is not None else "none"),
    ]
    channels = table(("channel", "carries", "proof", "depths"), list(map(channel_cells, adapter.channels)))
    return f"{channels}\n{table(('what', 'as declared'), facts)}"


def proof_words(rules: SyncRules | None) -> list[str]:
    """How a book is proved, in words; ``unproved`` where nothing proves it."""
    if rules is None:
        return [UNPROVED]
    words = []
    if rules.sequence is not None and rules.sequence.scope == "connection":
        words.append("one sequence over all frames of a connection")
    elif rules.sequence is not None:
        said = {"first": "begins one after the last number", "prev": "names the last number before it"}
        words.append(f"each update {said[rules.sequence.link]}")
        words.append(
            {"rest": "snapshot over REST", "channel": "snapshot on the channel"}[rules.sequence.bridge]
        )
    if rules.checksum is not None:
        when = {"each_message": "in each message", "own_frame": "in frames of its own"}[rules.checksum.when]
        words.append(f"CRC-32 of the best {rules.checksum.depth} levels of each side, {when}")
    if rules.hash is not None:
        words.append("hash of the whole book, where it can be computed")
    crossed = {
        "resync": "a crossed book is rebuilt",
        "grace": "a book that stays crossed for a second is rebuilt",
        "ignore": "a crossed book is no error",
    }[rules.crossed]
    return [*(words or [UNPROVED]), crossed]


def limit_words(limits: VenueLimits) -> Iterator[str]:
    """What we keep to, in words."""
    yield f"{limits.subscriptions} instruments a connection"
    yield f"{limits.messages_per_s:g} messages a second from us"
    yield f"{limits.connects} connects in {limits.connects_window_s:g} s"
    yield f"REST weight {limits.rest_weight} in {limits.rest_window_s:g} s"
    if limits.max_age_s is not None:
        yield f"a connection is replaced after {limits.max_age_s / 3600:.3g} h"
