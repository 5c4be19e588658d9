"""Settings of `mm serve`."""

from __future__ import annotations

import attrs
from attrs import validators

from mm_framework.contracts.bounds import tcp_port
from mm_framework.settings import section, setting

__all__ = ["ServeSettings"]

_COUNT = validators.ge(1)
_TIME = validators.gt(0)


@section("serve")
@attrs.frozen
class ServeSettings:
    """Where the server listens, who may ask, and how much it keeps for those who are slow."""

    host: str = setting("127.0.0.1", help="Address to listen on; others than this machine's need a token.")
    port: int | None = setting(
        None,
        help="Port; 0: any that is free. Unless given 8080, for the relay alone 8765, for the metrics 8766.",
        validator=tcp_port,
    )
    token_file: str = setting(
        "",
        help="File of the token that clients must send, as Authorization: Bearer TOKEN or as the WebSocket"
        " subprotocol bearer.TOKEN; empty: none.",
    )
    open_to_all: bool = setting(
        False, help="Listen on other addresses without a token: for networks that are closed themselves."
    )
    hosts: tuple[str, ...] = setting(
        (), help="Names that requests may call this server, beside localhost and addresses."
    )
    origins: tuple[str, ...] = setting(
        (), help="Pages of other servers that may use this one, such as https://desk.example."
    )
    max_clients: int = setting(512, help="Most WebSocket clients at a time.", validator=_COUNT)
    max_per_address: int = setting(512, help="Most WebSocket clients of one address.", validator=_COUNT)
    max_subscriptions: int = setting(64, help="Most instruments of one client.", validator=_COUNT)
    queue_kib: int = setting(
        1024, help="What may wait for a client; one that is slower is closed with 1008.", validator=_COUNT
    )
    max_message_kib: int = setting(16, help="Largest message or body from a client.", validator=_COUNT)
    open_timeout_s: float = setting(10.0, help="Longest time to send a request.", validator=_TIME)
    ping_interval_s: float = setting(20.0, help="Time between WebSocket pings.", validator=_TIME)
    ping_timeout_s: float = setting(20.0, help="Longest wait for the answer to one.", validator=_TIME)
    close_timeout_s: float = setting(
        2.0, help="Longest wait for a client that was told to go.", validator=_TIME
    )
    trades: int = setting(1000, help="Trades of an instrument that are kept.", validator=_COUNT)
    levels: int = setting(20, help="Levels a side of levels messages.", validator=_COUNT)
    certificate: str = setting("", help="File of the TLS certificate, PEM; empty: no TLS.")
    key: str = setting("", help="File of its private key, PEM; empty: in the same file.")
