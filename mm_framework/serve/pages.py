"""The dashboard: one page with its styles, scripts and the library that draws, all from this package.

The page holds no data: it asks the relay and the REST paths of the same server, with the token where one is
needed. Its policy lets it ask nobody else, and lets no script run that is not one of these files.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

import attrs
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from mm_framework.serve.serving import Serving

__all__ = ["HEADERS", "routes"]

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}
"""Of the page and its files."""

_TYPES: Final = {
    "css": "text/css",
    "html": "text/html",
    "js": "text/javascript",
    "svg": "image/svg+xml",
}


def routes(serving: Serving) -> Sequence[BaseRoute]:
    """``/`` and ``/static/...``: a path for each file, and none beside them."""
    pages = dict(_pages(files("mm_framework.serve").joinpath("static"), "/static/"))
    index = pages.pop("/static/index.html")
    return [_route("/", index), *(_route(path, page) for path, page in sorted(pages.items()))]


@attrs.frozen
class _Page:
    """A file as it is answered."""

    content: bytes
    media_type: str
    etag: str


def _pages(folder: Traversable, under: str) -> Iterator[tuple[str, _Page]]:
    for one in folder.iterdir():
        if one.is_dir():
            yield from _pages(one, f"{under}{one.name}/")
        elif (kind := one.name.rpartition(".")[2]) in _TYPES:
            content = one.read_bytes()
            etag = f'"{hashlib.sha256(content).hexdigest()}"'
            yield f"{under}{one.name}", _Page(content, _TYPES[kind], etag)


def _route(path: str, page: _Page) -> Route:
    async def answer(request: Request) -> Response:
        headers = {**HEADERS, "ETag": page.etag}
        if request.headers.get("if-none-match") == page.etag:
            return Response(status_code=304, headers=headers)
        return Response(page.content, media_type=page.media_type, headers=headers)

    return Route(path, answer, methods=["GET"])
