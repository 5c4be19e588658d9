"""What the demonstration writes and shows: ``demo.json``, ``report.html``, the table on the terminal."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from mm_framework.bundle.disk import writing
from mm_framework.bundle.tables import read_lines
from mm_framework.cli.demo.chart import Hole, Mark, Quote, draw
from mm_framework.cli.demo.checks import Check
from mm_framework.cli.demo.steps import Demonstration
from mm_framework.cli.report_cmd import PAGE
from mm_framework.model.events import SyncState

__all__ = ["document", "html", "rows", "write"]

PNL_PARTS = {
    "total": "total",
    "spread": "= spread",
    "adverse": "+ adverse",
    "inventory": "+ inventory",
    "mark_adjustment": "+ mark adjustment",
    "fees": "- fees",
}
"""The parts of the identity in the order of its sum, as they are shown."""

_STYLE = """
:root { color-scheme: light dark; --ink: #1c2430; --paper: #fff; --soft: #6b7686; --line: #dde2e9;
  --bid: #2471c8; --ask: #c2571a; --good: #1d7f45; --bad: #c0272d; --hole: #f6d9a8; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e8ee; --paper: #14181f; --soft: #93a0b2;
  --line: #2c3440; --bid: #6fb1ff; --ask: #ffa366; --good: #58c984; --bad: #ff7b80; --hole: #5a4316; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 980px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; } td { padding: .3rem .8rem .3rem 0; vertical-align: top;
  border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
td:first-child { white-space: nowrap; } .good { color: var(--good); } .bad { color: var(--bad); }
.soft, figcaption { color: var(--soft); } figure { margin: 1.5rem 0; } svg { width: 100%; height: auto; }
svg text { fill: var(--soft); font: 11px system-ui, sans-serif; } svg .reason { fill: var(--ink); }
.grid { stroke: var(--line); } .hole { fill: var(--hole); }
path { fill: none; stroke-width: 1.2; } .bid { stroke: var(--bid); } .ask { stroke: var(--ask); }
.mid { stroke: var(--soft); stroke-dasharray: 3 2; } .buy { fill: var(--good); } .sell { fill: var(--bad); }
"""


def document(demo: Demonstration, checks: Sequence[Check]) -> dict[str, Any]:
    """The document of ``mm demo --json``, also ``demo.json``. Amounts and prices are decimal text."""
    e = demo.evidence
    counts = e.report.counts
    ok = all(check.ok for check in checks)
    first_ns = e.connections[0]["mono_ns"] if e.connections else 0
    return {
        "ok": ok,
        "verdict": "PASS" if ok else "FAIL",
        "run_id": demo.run_id,
        "seed": demo.seed,
        "seconds": demo.seconds,
        "frames": counts.frames,
        "checksums": {"verified": counts.checksums_verified, "failed": counts.checksums_failed},
        "resyncs": [
            {
                "instrument": one.change.instrument,
                "reason": one.change.reason.name.lower(),
                "at_s": round((one.mono_ns - first_ns) / 1e9, 3),
            }
            for one in e.resyncs
        ],
        "reconnects": {"total": len(e.lost), "reasons": [one["reason"].lower() for one in e.lost]},
        "hashes": {
            "live": e.live["final_hash"],
            "replays": [one["final_hash"] for one in e.replayed],
            "equal": len({str(one["final_hash"]) for one in (e.live, *e.replayed)}) == 1,
        },
        "intents": e.live["intents"],
        "fills": e.fills,
        "pnl": e.live["pnl"],
        "accounts": e.summary["accounts"],
        "checks": [{"name": check.name, "ok": check.ok, "told": check.told} for check in checks],
        "files": {name: str(path) for name, path in _files(demo).items()},
    }


def rows(document: dict[str, Any]) -> list[tuple[str, str]]:
    """The summary in words: ``(what, fact)``."""
    checksums, reconnects, hashes = document["checksums"], document["reconnects"], document["hashes"]
    resyncs = ", ".join(f"{one['reason']} at {one['at_s']:.1f} s" for one in document["resyncs"])
    equal = "live = replay 1 = replay 2" if hashes["equal"] else "NOT EQUAL"
    lines = [
        ("run", f"{document['run_id']}, {document['seconds']:g} s, seed {document['seed']}"),
        ("frames", str(document["frames"])),
        ("checksums", f"{checksums['verified']} verified, {checksums['failed']} failed"),
        ("resyncs", f"{len(document['resyncs'])}: {resyncs}" if resyncs else "none"),
        ("reconnects", f"{reconnects['total']}: {', '.join(reconnects['reasons'])}".rstrip(": ")),
        ("hashes", f"{equal}, {hashes['live']}"),
        ("trading", f"{document['intents']} intents, {document['fills']} fills"),
    ]
    for account in document["accounts"]:
        parts = ", ".join(f"{label} {account[name]}" for name, label in PNL_PARTS.items())
        lines.append((f"{account['strategy_id']}, {account['quote']}", parts))
    page = Path(document["files"]["backtest"]) / PAGE
    if page.exists():
        lines.append(("backtest page", str(page)))
    return lines + [(name.replace("_", " "), path) for name, path in document["files"].items()]


def write(demo: Demonstration, document: dict[str, Any]) -> None:
    """Write both files. Raises EnvironmentFailed."""
    files = _files(demo)
    with writing(demo.folder):
        files["document"].write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
        files["report"].write_text(html(demo, document), encoding="utf-8")


def html(demo: Demonstration, document: dict[str, Any]) -> str:
    """The page: one file that needs nothing else."""
    verdict = document["verdict"]
    checks = "".join(
        f'<tr><td class="{"good" if one["ok"] else "bad"}">{"ok" if one["ok"] else "NO"}</td>'
        f'<td>{escape(one["name"])}</td><td class="soft">{escape(one["told"])}</td></tr>'
        for one in document["checks"]
    )
    facts = "".join(f"<tr><td>{escape(a)}</td><td>{escape(b)}</td></tr>" for a, b in rows(document))
    tone = "good" if document["ok"] else "bad"
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{escape(document["run_id"])}: {verdict}</title><style>{_STYLE}</style></head><body>
<h1>mm demo: <span class="{tone}">{verdict}</span></h1>
<p>An emulated Kraken feed was captured over a real WebSocket while a strategy traded on it, proved by
checksum, and replayed twice. The venue corrupted one checksum and cut the line once.</p>
<figure>{_chart(demo)}
<figcaption>Best <span style="color:var(--bid)">bid</span> and <span style="color:var(--ask)">ask</span>,
their mid (dashed), and fills: &#9650; bought, &#9660; sold, at simulated taker prices, which include a
buffer for slippage. Shaded: no trusted book.</figcaption></figure>
<h2>What was checked</h2><table>{checks}</table>
<h2>What was found</h2><table>{facts}</table>
</body></html>
"""


def _files(demo: Demonstration) -> dict[str, Path]:
    return {
        "bundle": demo.run,
        "results": demo.results,
        "backtest": demo.backtest,
        "truth_log": demo.folder / "truth.ndjson",
        "live_log": demo.folder / "live.log",
        "document": demo.folder / "demo.json",
        "report": demo.folder / "report.html",
    }


def _chart(demo: Demonstration) -> str:
    tops, fills = (read_lines(demo.results / f"{name}.ndjson") for name in ("tops", "fills"))
    quotes = [
        Quote(top["ts_recv"], top["bid_px_e6"] / 1e6, top["ask_px_e6"] / 1e6)
        for top in tops
        if top["bid_px_e6"] is not None and top["ask_px_e6"] is not None
    ]
    marks = [
        Mark(
            fill["mono_ns"],
            float(fill["price"]),
            1 if fill["side"] == "buy" else -1,
            f"{fill['side']} {fill['size']} at {fill['price']}, fee {fill['fee']}",
        )
        for fill in fills
    ]
    times = [line["mono_ns"] for line in demo.evidence.connections] or [0]
    span = min(times), max(times)
    return draw(quotes, marks, _holes(demo, span[1]), span)


def _holes(demo: Demonstration, end_ns: int) -> list[Hole]:
    """From each loss of the book to its return."""
    back = [one.mono_ns for one in demo.evidence.states if one.change.new == SyncState.SYNCED]
    return [
        Hole(
            one.mono_ns,
            next((mono_ns for mono_ns in back if mono_ns > one.mono_ns), end_ns),
            one.change.reason.name.lower().replace("_", " "),
        )
        for one in demo.evidence.resyncs
    ]
