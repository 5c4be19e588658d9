"""Flows need the plugins of this repository; where they are not installed there is nothing to test."""

from __future__ import annotations

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("mm_kraken") and find_spec("mm_toy_spread") else ["test_*.py"]
