"""What the plugin registers, and that it does nothing before it is asked."""

from __future__ import annotations

import subprocess
import sys

import mm_bitfinex
from mm_bitfinex.sync import RULES
from mm_framework.contracts.spec import Spec


def registered() -> list[Spec]:
    hooks = [getattr(mm_bitfinex, name) for name in mm_bitfinex.__all__]
    return [spec for hook in hooks for spec in hook()]


def test_every_part_of_the_venue_has_the_venues_name() -> None:
    specs = registered()
    assert {spec.kind for spec in specs} == {
        "adapters",
        "emulators",
        "fee_models",
        "normalizers",
        "sync_engines",
    }
    assert {spec.name for spec in specs} == {"bitfinex"}
    assert all(spec.description for spec in specs)


def test_factories_build_with_their_settings_and_without() -> None:
    for spec in registered():
        settings = spec.settings() if spec.settings else None
        assert type(spec.factory(settings)) is type(spec.factory())
    (engine,) = mm_bitfinex.mm_register_sync_engines()
    assert engine.factory(None) is RULES


def test_importing_the_plugin_imports_no_network_and_no_runner() -> None:
    program = (
        "import sys, mm_bitfinex;"
        "print(sorted({'asyncio', 'socket', 'websockets', 'picows', 'numpy', 'mm_framework.capture'}"
        " & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
