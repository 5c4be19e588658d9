"""How fast is the relay, and for how many? A JSON line a rate, then a table.

    python benchmarks/run_serve.py [--clients 256] [--seconds 30] [--rates 200,400,...] [--json FILE]

The server runs in a process of its own, on loopback; all clients in another one. A message carries the
moment at which it was due, so that a late server counts as well as a slow one; a client takes the time when
it has read the message. One client more stops reading after its first message: it has to be closed with
1008. At 100 messages a second the issue asks for p99 < 50 ms, none lost, under 250 MiB.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import socket
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import attrs
from machine import machine

from mm_framework.serve.hub import Hub
from mm_framework.serve.server import listen, run_server
from mm_framework.serve.serving import Serving
from mm_framework.serve.settings import ServeSettings

URL: Final = "/ws?exchange=kraken&symbol=BTC/EUR&types=event"
FIRST_RATE: Final = 100
LIMIT_MS: Final = 50.0
QUEUE_KIB: Final = 64
NS: Final = 1_000_000_000
QUANTILES: Final = {"p50_ms": 499, "p99_ms": 989, "p999_ms": 998}


@attrs.define
class Talk:
    """A source that talks at given rates as soon as all clients are there, then ends the server."""

    hub: Hub
    phases: Sequence[tuple[int, float]]
    clients: int
    stop: asyncio.Event

    async def run(self) -> None:
        market = self.hub.market("kraken:BTC/EUR", "BTC/EUR")
        while self.hub.counters.clients < self.clients:
            await asyncio.sleep(0.05)
        await asyncio.sleep(1.0)
        for phase, (rate, seconds) in enumerate(self.phases):
            begin_ns = time.monotonic_ns()
            for number in range(int(rate * seconds)):
                due_ns = begin_ns + number * NS // rate
                await asyncio.sleep(max(0.0, (due_ns - time.monotonic_ns()) / NS))
                told = f"{phase} {number} {due_ns} " + "x" * 100
                self.hub.say(market, market.status_told(told, due_ns // 1_000_000))
                self.hub.flush()
            await asyncio.sleep(1.0)
        self.stop.set()

    def to_json(self) -> dict[str, Any]:
        return {}


def serve(phases: Sequence[tuple[int, float]], clients: int) -> None:
    """The server's process: its port on the first line, what it counted on the last."""
    hub = Hub(ServeSettings(queue_kib=QUEUE_KIB, max_clients=4096, max_per_address=4096))
    hub.market("kraken:BTC/EUR", "BTC/EUR")
    listener = listen(hub.settings, 0)

    async def run() -> None:
        stop = asyncio.Event()
        serving = Serving(hub, Path(), "", [Talk(hub, phases, clients, stop)])
        await run_server(
            serving,
            listener,
            parts=["relay"],
            stop=stop,
            ready=lambda: print(listener.getsockname()[1], flush=True),
        )

    asyncio.run(run())
    used = resource.getrusage(resource.RUSAGE_SELF)
    counted = {"peak_mib": round(used.ru_maxrss / 1024, 1), "closed": dict(hub.counters.closed)}
    print(json.dumps({**counted, "cpu_s": round(used.ru_utime + used.ru_stime, 2)}), flush=True)


class Client(asyncio.Protocol):
    """One client: reads frames, notes for each message its phase, number and age."""

    def __init__(self, port: int, ages_ms: dict[int, list[float]]) -> None:
        self._port, self._ages_ms = port, ages_ms
        self._data = b""
        self._open = False
        self.numbers: dict[int, list[int]] = defaultdict(list)
        self.over = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(handshake(self._port))

    def data_received(self, data: bytes) -> None:
        now_ns = time.monotonic_ns()
        data = self._data + data
        if not self._open:
            head, end, data = data.partition(b"\r\n\r\n")
            self._open, data = bool(end), data if end else head
        place = 0
        while self._open and len(data) - place >= 4:
            short = data[place + 1]
            start = place + (4 if short == 126 else 2)
            size = int.from_bytes(data[place + 2 : place + 4], "big") if short == 126 else short
            if len(data) < start + size:
                break
            self._take(data[start : start + size], now_ns)
            place = start + size
        self._data = data[place:]

    def connection_lost(self, error: Exception | None) -> None:
        if not self.over.done():
            self.over.set_result(None)

    def _take(self, message: bytes, now_ns: int) -> None:
        place = message.find(b'"status":"')
        if place >= 0:
            phase, number, due_ns, _ = message[place + 10 :].split(b" ", 3)
            self.numbers[int(phase)].append(int(number))
            self._ages_ms[int(phase)].append((now_ns - int(due_ns)) / 1e6)


def handshake(port: int) -> bytes:
    """The request of a client."""
    return (
        f"GET {URL} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OTAxMjM0NQ==\r\n\r\n"
    ).encode()


async def listen_all(port: int, clients: int) -> tuple[list[Client], dict[int, list[float]]]:
    """All clients to the end of the server."""
    loop, ages_ms = asyncio.get_running_loop(), defaultdict[int, list[float]](list)
    made = []
    for _ in range(clients):
        _, client = await loop.create_connection(lambda: Client(port, ages_ms), "127.0.0.1", port)
        made.append(client)
    await asyncio.gather(*(client.over for client in made))
    return made, ages_ms


def stuck_client(port: int) -> socket.socket:
    """A client that asks and never reads again."""
    stuck = socket.socket()
    stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    stuck.connect(("127.0.0.1", port))
    stuck.sendall(handshake(port))
    return stuck


def close_code(stuck: socket.socket) -> int | None:
    """The code that the stuck client finds when it reads at last; None where it was cut before."""
    data = bytearray()
    stuck.settimeout(10)
    try:
        while chunk := stuck.recv(1 << 16):
            data += chunk
    except OSError:
        pass
    place = data.rfind(b"\x88")
    return int.from_bytes(data[place + 2 : place + 4], "big") if place >= 0 else None


def lost(client: Client, phases: Sequence[tuple[int, float]], phase: int) -> int:
    """Messages of a phase that a client did not get, or got twice or out of order."""
    rate, seconds = phases[phase]
    return sum(a != b for a, b in zip(client.numbers[phase], range(int(rate * seconds)), strict=False)) + abs(
        int(rate * seconds) - len(client.numbers[phase])
    )


def measure(phases: Sequence[tuple[int, float]], clients: int) -> list[dict[str, Any]]:
    """One server, all rates one after the other."""
    told = ",".join(f"{rate}:{seconds}" for rate, seconds in phases)
    command = [sys.executable, __file__, "--serve", told, "--clients", str(clients)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    port = int(process.stdout.readline())
    stuck = stuck_client(port)
    made, ages_ms = asyncio.run(listen_all(port, clients))
    counted = json.loads(process.stdout.read())
    process.wait()
    with stuck:
        code = close_code(stuck)
    rows = []
    for phase, (rate, seconds) in enumerate(phases):
        cuts = statistics.quantiles(ages_ms[phase] or [0.0, 0.0], n=1000)
        row = {"bench": "serve", "clients": clients, "rate": rate, "seconds": seconds}
        row |= {name: round(cuts[place], 2) for name, place in QUANTILES.items()}
        rows.append(row | {"lost": sum(lost(client, phases, phase) for client in made)})
    return [*rows, {"bench": "serve-process", "stuck_close_code": code, **counted}]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clients", type=int, default=256)
    parser.add_argument("--seconds", type=float, default=30.0, help="at 100 messages a second, else 4")
    parser.add_argument("--rates", default="200,300,400,500,600,800,1000")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve is not None:
        pairs = (one.split(":") for one in options.serve.split(","))
        serve([(int(rate), float(seconds)) for rate, seconds in pairs], options.clients)
        return
    more = [(int(rate), 4.0) for rate in options.rates.split(",") if rate]
    rows = [machine(["off"]), *measure([(FIRST_RATE, options.seconds), *more], options.clients)]
    for row in rows:
        print(json.dumps(row))
    if options.json is not None:
        options.json.write_text(json.dumps(rows) + "\n", encoding="utf-8")
    columns = ("rate", *QUANTILES, "lost")
    print("\n" + " ".join(f"{name:>10}" for name in columns))
    for row in rows[1:-1]:
        over = "" if row["p99_ms"] < LIMIT_MS else f"  over {LIMIT_MS:g} ms"
        print(" ".join(f"{row[name]:>10}" for name in columns) + over)
    last = rows[-1]
    print(f"server: {last['peak_mib']} MiB at most, {last['cpu_s']} s of processor time; {last['closed']}")


if __name__ == "__main__":
    main()
