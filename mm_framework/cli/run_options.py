"""The options of ``mm run`` as one value."""

from __future__ import annotations

import attrs

__all__ = ["RunOptions"]


@attrs.frozen(kw_only=True)
class RunOptions:
    """The options of the command, as click gives them."""

    instruments: tuple[str, ...]
    mode: str
    execution: str
    run_dir: str | None
    strategies: tuple[str, ...]
    overrides: tuple[str, ...]
    fee_model: str
    record: str | None
    calibration_logs: str | None
    ab: tuple[str, str] | None
    max_events: int | None
    max_seconds: float | None
    stable_json: bool
    audit_determinism: bool
    print_pnl: bool
    print_refusals: bool
    print_hash: bool
    print_features: bool
    duration_seconds: float | None
    print_summary_json: bool
    print_latency_report_json: bool
    venue: str | None
    symbols: tuple[str, ...]
    channels: tuple[str, ...]
    depth: int | None
    shards: int | None
    endpoints: tuple[str, ...]
