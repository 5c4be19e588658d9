"""What the plugin registers, and that it does nothing before it is asked."""

from __future__ import annotations

import subprocess
import sys

import mm_binance
from mm_binance.markets import MARKETS
from mm_binance.sync import rules_of
from mm_framework.contracts.spec import Spec
from mm_framework.settings import section_of

VENUES = {"binance", "binance-usdm", "binance-coinm", "binance-us", "binance-tr"}


def registered() -> list[Spec]:
    hooks = [getattr(mm_binance, name) for name in mm_binance.__all__]
    return [spec for hook in hooks for spec in hook()]


def test_every_market_is_a_venue_with_all_parts_of_one() -> None:
    kinds: dict[str, set[str]] = {}
    for spec in registered():
        kinds.setdefault(spec.kind, set()).add(spec.name)
        assert spec.description
    assert kinds["adapters"] == kinds["normalizers"] == kinds["sync_engines"] == VENUES
    assert kinds["fee_models"] == {"binance", "binance-usdm"}


def test_factories_build_with_their_settings_and_without() -> None:
    for spec in registered():
        settings = spec.settings() if spec.settings else None
        assert type(spec.factory(settings)) is type(spec.factory())
        if spec.settings is not None and spec.kind != "emulators":
            assert section_of(spec.settings) == f"venue.{spec.name}"
    by_name = {spec.name: spec.factory(None) for spec in mm_binance.mm_register_sync_engines()}
    assert by_name == {market.venue: rules_of(market) for market in MARKETS}


def test_importing_the_plugin_imports_no_network_and_no_runner() -> None:
    program = (
        "import sys, mm_binance;"
        "print(sorted({'asyncio', 'socket', 'websockets', 'picows', 'numpy', 'mm_framework.capture'}"
        " & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
