"""HTTP requests of tests, as they stand: nothing is normalized, so that any path can be asked for."""

from __future__ import annotations

import http.client
import json
from typing import Any

import attrs

__all__ = ["Answer", "Asking"]


@attrs.frozen
class Answer:
    """Status, lower-case headers, body."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The document."""
        return json.loads(self.body)


class Asking:
    """Asks one server at ``host:port``, over one connection while that lasts."""

    def __init__(self, address: str, **headers: str) -> None:
        self.headers = headers
        self._connection = http.client.HTTPConnection(address, timeout=240)

    def __call__(self, path: str, method: str = "GET") -> Answer:
        """One request; ``path`` is sent as it is, in Latin-1."""
        connection = self._connection
        try:
            connection.putrequest(method, "/", skip_accept_encoding=True)
            connection._buffer[0] = f"{method} {path} HTTP/1.1".encode("latin-1")  # type: ignore[attr-defined]
            for name, value in self.headers.items():
                connection.putheader(name, value)
            connection.endheaders()
            answer = connection.getresponse()
            headers = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, headers, answer.read())
        except (http.client.HTTPException, ConnectionError):
            connection.close()
            raise

    def close(self) -> None:
        """No more."""
        self._connection.close()
