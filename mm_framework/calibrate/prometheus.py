"""Metrics in the text format of Prometheus, and the page on loopback that shows them.

    exposition = Exposition()
    exposition.add(source)            source() -> families, asked anew at every look, from any thread
    exposition.text()                 the bytes of the page, of the type CONTENT_TYPE
    with page(exposition, port): ...  http://127.0.0.1:<port>/metrics

Names stand on the page as they are given: nothing appends ``_total``. A counter whose name lacks it is told
as untyped, since the format's own library has no other word for it; it only ever rises all the same.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import Final

from prometheus_client import CollectorRegistry, Metric, generate_latest, start_http_server
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from mm_framework.calibrate.families import Family, Row, Source
from mm_framework.errors import EnvironmentFailed

__all__ = ["CONTENT_TYPE", "Exposition", "Family", "Row", "Source", "page"]

CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4

_HOST: Final = "127.0.0.1"
_SUFFIX: Final = "_total"


class Exposition:
    """The metrics of several sources, in the order in which these were added."""

    def __init__(self) -> None:
        self._sources: list[Source] = []
        self.registry = CollectorRegistry()
        self.registry.register(self)

    def add(self, source: Source) -> None:
        """Show these metrics, too. Two sources must not use one name."""
        self._sources.append(source)

    def text(self) -> bytes:
        """The whole page."""
        return generate_latest(self.registry)

    def describe(self) -> Iterable[Metric]:
        """Nothing is known of the names beforehand."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """The families, as the library wants them."""
        for source in self._sources:
            for family in source():
                yield _metric(family)


@contextlib.contextmanager
def page(exposition: Exposition, port: int) -> Iterator[int]:
    """Serve the page on loopback meanwhile; gives the port, a free one when ``port`` is 0.

    Raises EnvironmentFailed when the port is taken.
    """
    try:
        server, thread = start_http_server(port, addr=_HOST, registry=exposition.registry)
    except OSError as error:
        raise EnvironmentFailed(
            f"metrics cannot be served on {_HOST}:{port}: {error.strerror or error};"
            " choose another --prometheus-port, or 0 for a free one"
        ) from error
    try:
        yield int(server.server_port)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _metric(family: Family) -> Metric:
    """The library ends the names of counters itself; where that would change one it is untyped."""
    name, kind = family.name, "gauge"
    if family.kind == "counter":
        kind = "counter" if name.endswith(_SUFFIX) else "unknown"
    metric = Metric(name.removesuffix(_SUFFIX) if kind == "counter" else name, family.help, kind)
    for row in family.rows:
        if row.value is not None:
            metric.add_sample(name, dict(row.labels), float(row.value))
    return metric
