"""The page of metrics that a verb shows while it runs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from mm_framework.calibrate.families import Source
from mm_framework.cli.app import App

__all__ = ["shown"]


@contextlib.contextmanager
def shown(app: App, sources: Sequence[Source], port: int) -> Iterator[None]:
    """A page of metrics meanwhile; the operator is told where. Raises EnvironmentFailed for a taken port."""
    from mm_framework.calibrate.prometheus import Exposition, page

    exposition = Exposition()
    for source in sources:
        exposition.add(source)
    with page(exposition, port) as opened:
        app.out.note(f"metrics on http://127.0.0.1:{opened}/metrics")
        yield
