"""What the server counts of itself; told by its Prometheus endpoint."""

from __future__ import annotations

from collections import Counter

import attrs

__all__ = ["ServeCounters"]


@attrs.define
class ServeCounters:
    """``refused``: requests and connections by reason; ``closed``: relay clients by reason.

    ``published``: relay messages by type, each counted once however many heard it; ``sent``: messages that
    were handed to clients; ``sent_bytes`` likewise, with their framing.
    """

    refused: Counter[str] = attrs.Factory(Counter)
    closed: Counter[str] = attrs.Factory(Counter)
    published: Counter[str] = attrs.Factory(Counter)
    sent: int = 0
    sent_bytes: int = 0
    clients: int = 0
    requests: int = 0
