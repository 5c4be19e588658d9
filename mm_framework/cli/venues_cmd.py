"""``mm venues``: which venues can be captured, on which channels, and what each channel proves."""

from __future__ import annotations

from typing import Any

import click

from mm_framework.cli.app import App, pass_app
from mm_framework.cli.options import json_option
from mm_framework.contracts.adapter import Adapter
from mm_framework.contracts.spec import Spec

__all__ = ["command", "venues_of"]

PARTS = ("normalizers", "sync_engines", "fee_models", "emulators")


@click.command("venues")
@json_option
@pass_app
def command(app: App) -> None:
    """List venues, their channels and what each channel proves of its continuity.

    A proof is sequence, ids, checksum(n) or hash; a channel with proof none is recorded but unproved. With
    --json the parts are listed, too, that plugins register under the venue's name: normalizers,
    sync_engines, fee_models, emulators.
    """
    venues = venues_of(app)
    for failure in app.plugins.failures:
        app.out.note(f"plugin {failure.distribution} failed, see mm plugins doctor: {failure.error}")
    app.out.emit({"ok": True, "venues": venues}, lambda: _table(app, venues))


def venues_of(app: App) -> list[dict[str, Any]]:
    """What each installed adapter says of itself."""
    return [_venue(app, spec) for spec in app.plugins.all("adapters").values()]


def _venue(app: App, spec: Spec) -> dict[str, Any]:
    """What one adapter says. A plugin whose adapter cannot be built hides no other: its error is shown."""
    head = {
        "name": spec.name,
        "description": spec.description,
        "capabilities": sorted(spec.capabilities),
        "parts": [kind for kind in PARTS if spec.name in app.plugins.all(kind)],
    }
    settings = app.load(spec.settings).value if spec.settings is not None else None
    try:
        adapter: Adapter = spec.factory(settings)
        return {**head, "url": adapter.url, "channels": _channels(adapter), "error": None}
    except Exception as error:
        return {**head, "url": None, "channels": [], "error": f"{type(error).__name__}: {error}"}


def _channels(adapter: Adapter) -> list[dict[str, Any]]:
    return [
        {
            "name": channel.name,
            "carries": channel.carries,
            "proof": str(channel.proof),
            "proved": channel.proof.kind != "none",
            "depths": list(channel.depths),
        }
        for channel in adapter.channels
    ]


def _table(app: App, venues: list[dict[str, Any]]) -> Any:
    if not venues:
        if app.plugins.failures or app.plugins.skipped:
            return "no venues can be used: see mm plugins doctor"
        return "no venues are installed; try: pip install mm-kraken"
    rows = []
    for venue in venues:
        told: list[Any] = [venue["name"], venue["description"]]
        if venue["error"]:
            rows.append([*told, "", "", venue["error"], ""])
        for channel in venue["channels"]:
            depths = ", ".join(map(str, channel["depths"]))
            proof = channel["proof"] if channel["proved"] else "unproved"
            rows.append([*told, channel["name"], channel["carries"], proof, depths])
            told = ["", ""]
    return app.out.table(("venue", "", "channel", "carries", "proof", "depths"), rows)
