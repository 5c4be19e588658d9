"""What Prometheus and health checks ask for.

/metrics/prometheus      counts of the server, its instruments, the captures of the data directory; what the
                         live runs beside it show of their strategies
/healthz                 200 while the server answers
/readyz                  200 when every source tells what is now, 503 before
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from mm_framework.calibrate.families import Family, Row
from mm_framework.calibrate.prometheus import CONTENT_TYPE, Exposition
from mm_framework.serve.answers import Capture
from mm_framework.serve.counters import ServeCounters
from mm_framework.serve.market import Market
from mm_framework.serve.serving import Serving

__all__ = ["capture_families", "market_families", "routes", "server_families"]

READY: Final = frozenset({"live", "ended"})

_SHARES: Final = {"p50": "0.5", "p95": "0.95", "p99": "0.99"}
_CAPTURE: Final = {
    "elapsed_s": "Time since the capture began, seconds",
    "frames_per_s": "Frames received a second",
    "connected": "Open connections",
}


def routes(serving: Serving) -> Sequence[BaseRoute]:
    """Metrics and health."""

    async def prometheus(request: Request) -> Response:
        captures = await serving.read(serving.captures.now)
        runs = list(await serving.read(serving.metrics))
        exposition = Exposition()
        exposition.add(lambda: server_families(serving.counters))
        exposition.add(lambda: market_families(serving.hub.markets()))
        exposition.add(lambda: capture_families(captures))
        exposition.add(lambda: runs)
        return Response(exposition.text(), headers={"content-type": CONTENT_TYPE})

    async def health(request: Request) -> Response:
        return JSONResponse({"ok": True})

    async def ready(request: Request) -> Response:
        sources = [source.to_json() for source in serving.sources]
        told = [{"kind": one["kind"], "state": one["state"]} for one in sources]
        ok = all(one["state"] in READY for one in told)
        return JSONResponse({"ok": ok, "sources": told}, 200 if ok else 503)

    return [
        Route("/metrics/prometheus", prometheus, methods=["GET"]),
        Route("/healthz", health, methods=["GET"]),
        Route("/readyz", ready, methods=["GET"]),
    ]


def server_families(counters: ServeCounters) -> Iterable[Family]:
    """What the server counts of itself."""
    yield _plain("mm_serve_clients", "WebSocket clients that are connected", counters.clients)
    yield _plain("mm_serve_requests_total", "Requests and connections", counters.requests, "counter")
    yield _plain("mm_serve_sent_total", "Relay messages handed to clients", counters.sent, "counter")
    yield _plain("mm_serve_sent_bytes_total", "Their bytes", counters.sent_bytes, "counter")
    for name, help, label, counts in (
        ("mm_serve_refused_total", "Requests and connections that were refused", "reason", counters.refused),
        ("mm_serve_closed_total", "Relay clients that are gone", "reason", counters.closed),
        ("mm_serve_published_total", "Relay messages, each counted once", "type", counters.published),
    ):
        yield Family(name, help, _counts(label, counts), "counter")


def market_families(markets: Sequence[Market]) -> Iterable[Family]:
    """State, counts and ages of the instruments."""
    status = [(_names(market), market.status()) for market in markets]
    for name, help, key in (
        ("mm_serve_book_messages_total", "Changes of the book", "messages"),
        ("mm_serve_trades_total", "Trades", "trades"),
        ("mm_serve_gaps_total", "Gaps", "gaps"),
        ("mm_serve_mismatches_total", "Checksums that did not hold", "mismatches"),
        ("mm_serve_resyncs_total", "Times that a book which was SYNCED was lost", "resyncs"),
    ):
        yield Family(name, help, [Row(getattr(told, key), names) for names, told in status], "counter")
    yield Family(
        "mm_serve_book_synced",
        "Whether the book is SYNCED",
        [Row(told.state == "SYNCED", names) for names, told in status],
    )
    yield Family("mm_serve_book_epoch", "Its epoch", [Row(told.epoch, names) for names, told in status])
    yield Family(
        "mm_serve_age_ms",
        "Receive time less venue time, since the server began",
        [
            Row(told.age_ms[key], {**names, "quantile": share})
            for names, told in status
            if told.age_ms is not None
            for key, share in _SHARES.items()
        ],
    )


def capture_families(captures: Sequence[Capture]) -> Iterable[Family]:
    """How the captures are that are being written, by the names that `capture.exposed` gives them."""
    for key, help in _CAPTURE.items():
        rows = [Row(getattr(one, key), {"run": one.run_id}) for one in captures]
        yield Family(f"mm_capture_{key}", help, rows)
    yield Family(
        "mm_capture_reconnects_total",
        "Connections that were lost unplanned",
        [Row(one.reconnects, {"run": one.run_id, "planned": "no"}) for one in captures],
        "counter",
    )
    yield Family(
        "mm_capture_gate_ok",
        "1 a gate passes, 0 it fails; missing where it does not apply",
        [
            Row(gate.status != "FAIL", {"run": one.run_id, "gate": gate.name})
            for one in captures
            for gate in one.gates
            if gate.status != "N/A"
        ],
    )


def _plain(name: str, help: str, value: float, kind: Literal["gauge", "counter"] = "gauge") -> Family:
    return Family(name, help, [Row(value)], kind)


def _counts(label: str, counts: Mapping[str, int]) -> list[Row]:
    return [Row(count, {label: word}) for word, count in sorted(counts.items())]


def _names(market: Market) -> dict[str, str]:
    return {"exchange": market.exchange, "symbol": market.symbol}
