"""The application: the routes of all parts behind the guard.

Each part gives its routes for a `Serving`. Errors of HTTP are JSON: ``{"error": {"code", "message",
"expected"}}``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from mm_framework.serve import exposition, pages, relay, rest, stream
from mm_framework.serve.guard import Guard, Refusal
from mm_framework.serve.serving import Serving

__all__ = ["PARTS", "create_app"]

PARTS: Mapping[str, Callable[[Serving], Sequence[BaseRoute]]] = {
    "relay": relay.routes,
    "rest": rest.routes,
    "stream": stream.routes,
    "exposition": exposition.routes,
    "pages": pages.routes,
}


def create_app(serving: Serving, parts: Iterable[str] = tuple(PARTS)) -> Starlette:
    """The ASGI application of these parts."""
    app = Starlette(
        routes=[route for part in parts for route in PARTS[part](serving)],
        middleware=[Middleware(Guard, access=serving.access, counters=serving.counters)],
        exception_handlers={HTTPException: _refused},
    )
    app.router.redirect_slashes = False  # a path is right or unknown
    return app


async def _refused(request: Request, error: Exception) -> Response:
    """What Starlette itself refuses: an unknown path, a method that no route has."""
    assert isinstance(error, HTTPException)
    unknown = error.status_code == 404
    refusal = Refusal(
        error.status_code,
        "not_found" if unknown else "method" if error.status_code == 405 else "request",
        f"there is nothing at {request.url.path[:80]!r}" if unknown else str(error.detail),
        "a path of /openapi.json" if unknown else "GET",
    )
    return JSONResponse(refusal.to_json(), refusal.status, error.headers)
