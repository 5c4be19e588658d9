"""The REST interface."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.routing import BaseRoute

from mm_framework.serve.serving import Serving

__all__ = ["routes"]


def routes(serving: Serving) -> Sequence[BaseRoute]:
    """None yet."""
    return []
