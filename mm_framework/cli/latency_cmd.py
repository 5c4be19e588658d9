"""``mm latency``: reconnects, drops, lag and pressure of a run."""

from __future__ import annotations

import click

from mm_framework.cli.app import App, pass_app
from mm_framework.cli.options import json_option, run_argument, settings_options
from mm_framework.settings import DataSettings

__all__ = ["command"]


@click.command("latency")
@run_argument()
@settings_options(DataSettings)
@json_option
@pass_app
def command(app: App, run: str) -> int:
    """Report what the telemetry of a capture says, also of one that was killed or goes on.

    RUN is a run id or the path of a bundle. The exit code is 1 when a gate fails: an unplanned
    reconnect, a dropped message, loop lag over 10 ms (p99) or 100 ms, sustained pressure.
    """
    from mm_framework.bundle.audit import judge_latency
    from mm_framework.bundle.latency import latency_text, read_latency
    from mm_framework.cli.bundles import opened
    from mm_framework.errors import ManifestMismatch

    bundle = opened(app, run)
    try:
        report = read_latency(bundle.path)
    except FileNotFoundError as error:
        raise ManifestMismatch(f"{bundle.path} is half a bundle: {error}", path=bundle.path) from None
    live = bundle.manifest.state not in ("imported", "sliced")
    failed = [one for one in judge_latency(report, run, live=live) if one.status == "FAIL"]
    names = [one.name for one in failed]
    document = {"ok": not failed, "run_id": bundle.path.name, **report.to_json(), "failed_gates": names}

    def shown() -> str:
        verdict = f"FAIL: {', '.join(names)}" if names else "PASS" if live else "N/A: no capture wrote it"
        return f"{latency_text(bundle.path.name, report)}\n{bundle.path.name}: {verdict}"

    app.out.emit(document, shown)
    return 1 if failed else 0
