"""Pictures for the documentation: the live view of a capture, ``mm doctor``, a chart, the dashboard.

    python docs/pictures.py     write docs/pictures/*.svg, their *.png where chromium is installed, chart.png
                                and, with chromium, dashboard.png

All show what the commands show: the capture is a real one, of two emulated venues, one of which breaks
the connection; the chart is that of the demonstration's run, which the dashboard shows as it went.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console, RenderableType
from rich.terminal_theme import DIMMED_MONOKAI

from mm_framework.capture.heartbeat import Beat
from mm_framework.cli.app import App
from mm_framework.cli.doctor_cmd import command as doctor
from mm_framework.cli.live import LiveRequest, run_live
from mm_framework.cli.live_view import LiveView
from mm_framework.cli.output import Output

PICTURES = Path(__file__).resolve().parent / "pictures"
WIDTH = 104
SECONDS = 24.0
LAST_S = 1.5

# The library's template loads a font from the network; the reader's own will do.
TEMPLATE = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL).replace(
    "Fira Code", "DejaVu Sans Mono, Menlo, Consolas"
)
EMULATED: dict[str, tuple[str, ...]] = {
    "kraken": ("--rate", "60", "--symbol", "BTC/EUR", "--symbol", "MINA/GBP", "--fault", "reset@14"),
    "binance": ("--rate", "40"),
}


class Kept(Output):
    """Keeps what a verb would print."""

    shown: RenderableType = ""

    def emit(self, document: Mapping[str, Any], text: Any = None, *, sort_keys: bool = False) -> None:
        """See `Output.emit`."""
        self.shown = text() if callable(text) else text


def svg(shown: RenderableType, title: str) -> str:
    """What a terminal of WIDTH columns shows."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, highlight=False)
    console.print(shown)
    text = console.export_svg(title=title, theme=DIMMED_MONOKAI, code_format=TEMPLATE, unique_id="mm")
    return re.sub(r"<text [^>]*>[^<]*</text>", _without_places, text)


def _without_places(match: re.Match[str]) -> str:
    """A text without the paths of this machine; its length on the page is then its own."""
    text = match[0]
    for place, name in ((sys.prefix, ".venv"), (str(Path.home()), "~")):
        text = text.replace(place, name)
    return text if text == match[0] else re.sub(r' textLength="[^"]*"', "", text)


@contextlib.contextmanager
def emulated(venue: str, *arguments: str) -> Iterator[tuple[str, list[str]]]:
    """The endpoint of ``mm emulate``, and the symbols that it lists."""
    command = [sys.executable, "-m", "mm_framework", "emulate", venue, "--json", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    try:
        told = json.loads(process.stdout.readline())
        yield told["endpoint"], told["symbols"]
    finally:
        process.kill()
        process.communicate()


def live_view(seconds: float = SECONDS, run_id: str = "20261121T044512Z") -> str:
    """The last picture of ``mm capture --live``."""
    view, shown = LiveView(run_id), [""]
    with contextlib.ExitStack() as stack:
        data = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        endpoints, names = [], []
        for venue, arguments in EMULATED.items():
            endpoint, symbols = stack.enter_context(emulated(venue, *arguments))
            endpoints.append(f"{venue}={endpoint}")
            names += [f"{venue}:{symbol}" for symbol in symbols]
        request = LiveRequest(
            tuple(names), endpoints=tuple(endpoints), record=data / run_id, max_seconds=seconds
        )
        logging.getLogger().setLevel(logging.INFO)
        stack.enter_context(view.hearing())

        def take(beat: Beat) -> None:
            view.take(beat)
            if beat.status.elapsed_s >= seconds - LAST_S:  # drawing holds the loop up: once, at the end
                shown[0] = svg(view.render(), f"mm capture {' '.join(names[:2])} ... --live")

        run_live(App(), request, progress=take)
    return shown[0]


def doctor_view() -> str:
    """What ``mm doctor`` finds here."""
    out = Kept()
    doctor.main(args=["--plugins"], obj=App(out=out), standalone_mode=False)
    return svg(out.shown, "mm doctor --plugins")


def mm(folder: Path, *arguments: str) -> None:
    """Run a command to its end."""
    command = [sys.executable, "-m", "mm_framework", *arguments]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=300)


def demo_run(folder: Path) -> str:
    """The run of ``mm demo``, made in a folder."""
    mm(folder, "demo")
    (run,) = (folder / "data" / "runs").iterdir()
    return run.name


def chart(folder: Path, run: str) -> Path:
    """``mm plot`` of a run."""
    mm(folder, "plot", run, "--format", "png", "--out", "charts")
    (picture,) = (folder / "charts").glob("*.png")
    return picture


def dashboard(folder: Path, run: str, chromium: str) -> bytes:
    """The page of ``mm serve`` as PNG: the run of the demonstration when its book was built anew twice."""
    from playwright.sync_api import sync_playwright

    command = [
        sys.executable,
        "-m",
        "mm_framework",
        "serve",
        "--playback",
        run,
        "--serve-port",
        "0",
        "--json",
    ]
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    try:
        url = json.loads(process.stdout.readline())["url"]
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1280, "height": 1010})
            page.goto(url)
            page.wait_for_selector("#state:text('SYNCED, epoch 3')")
            page.wait_for_timeout(LAST_S * 1000)
            return page.screenshot()
    finally:
        process.kill()
        process.communicate()


def find_chromium() -> str | None:
    """The browser of this machine."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def write_png(picture: Path) -> bool:
    """Draw a picture with chromium, if it is there."""
    chromium = find_chromium()
    if chromium is None:
        return False
    found = re.search(r'viewBox="0 0 ([0-9.]+) ([0-9.]+)"', picture.read_text(encoding="utf-8"))
    assert found is not None
    size = f"{round(float(found[1]))},{round(float(found[2]))}"
    png = picture.with_suffix(".png")
    subprocess.run(
        [
            chromium,
            "--headless",
            "--no-sandbox",
            "--hide-scrollbars",
            f"--screenshot={png}",
            f"--window-size={size}",
            picture.as_uri(),
        ],
        check=True,
        capture_output=True,
        timeout=60,
    )
    return True


def main() -> None:
    """Write all pictures."""
    PICTURES.mkdir(exist_ok=True)
    for name, text in (("live-view", live_view()), ("doctor", doctor_view())):
        picture = PICTURES / f"{name}.svg"
        picture.write_text(text, encoding="utf-8")
        drawn = write_png(picture)
        print(f"wrote {picture.name}{' and its PNG' if drawn else ' (no chromium, so no PNG)'}")
    with tempfile.TemporaryDirectory() as folder:
        run = demo_run(Path(folder))
        shutil.copy(chart(Path(folder), run), PICTURES / "chart.png")
        print("wrote chart.png")
        if (chromium := find_chromium()) is not None:
            (PICTURES / "dashboard.png").write_bytes(dashboard(Path(folder), run, chromium))
            print("wrote dashboard.png")


if __name__ == "__main__":
    main()
