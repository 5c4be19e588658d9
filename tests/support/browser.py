"""Pages opened in headless Chromium, with what they asked of the network and what they complained of."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
)


@attrs.define
class Opened:
    """A page. ``requests``: addresses other than its own; ``complaints``: what its console says."""

    page: Any
    requests: list[str] = attrs.field(factory=list)
    complaints: list[str] = attrs.field(factory=list)

    def colours(self) -> int:
        """How many colours a picture of the whole page has; a blank one has one or two."""
        import io

        from PIL import Image

        with Image.open(io.BytesIO(self.page.screenshot(full_page=True))) as picture:
            return len(picture.convert("RGB").getcolors(1 << 24) or ())


@contextlib.contextmanager
def browser() -> Iterator[Any]:
    """A browser of this machine; skips the test where there is none."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("no chromium on this machine")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=found, args=list(FLAGS))
        try:
            yield chromium
        finally:
            chromium.close()


def open_page(chromium: Any, path: Path, width: int = 1200, height: int = 800) -> Opened:
    """The page of a file, at a size of the window."""
    page = chromium.new_page(viewport={"width": width, "height": height})
    opened = Opened(page)
    page.on("console", lambda told: opened.complaints.append(f"{told.type}: {told.text}"))
    page.on("pageerror", lambda error: opened.complaints.append(str(error)))
    own = path.absolute().as_uri()
    page.on("request", lambda asked: asked.url == own or opened.requests.append(asked.url))
    page.goto(own)
    return opened
