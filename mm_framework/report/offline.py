"""What makes a page stand alone: a policy without any address, and plotly.js as text."""

from __future__ import annotations

import json
from typing import Any, Final

from mm_framework.errors import EnvironmentFailed

__all__ = ["POLICY", "embedded", "plotly_js"]

POLICY: Final = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"
)
"""The Content-Security-Policy: all is inside, nothing may be asked for."""


def plotly_js() -> str:
    """The library that draws. Raises EnvironmentFailed without plotly."""
    try:
        from plotly.offline import get_plotlyjs
    except ImportError:
        raise EnvironmentFailed("pages need plotly: install mm-framework[plot]") from None
    return str(get_plotlyjs())


def embedded(document: dict[str, Any]) -> str:
    """JSON that can stand within a script element. ValueError when a number is not finite."""
    return json.dumps(document, allow_nan=False).replace("<", "\\u003c")
