"""The dashboard in a browser: it shows what the relay says, and says when that cannot be trusted."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

pytest.importorskip("starlette", reason="the extra serve is not installed")

from browser import Opened, browser
from served_desk import Desk, desk

from mm_framework.model.events import ASK, BID
from mm_framework.serve.answers import Arm, Capture, GateNow, StrategyNow

BIDS = [(743_019, 41_260_000), (743_011, 120_000_000)]
ASKS = [(743_020, 8_000_000), (743_034, 55_310_000)]
WAIT_MS = 120_000


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browser() as found:
        yield found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with desk(tmp_path_factory.mktemp("data")) as found:
        found.snapshot(BIDS, ASKS)
        yield found


@pytest.fixture(scope="module")
def seen(chromium: Any, server: Desk) -> Opened:
    """The page on a desk, opened once."""
    return opened(chromium, server, "?exchange=kraken&symbol=BTC/EUR")


@pytest.fixture
def page(seen: Opened, server: Desk) -> Any:
    """That page with a book as at its beginning."""
    server.epoch += 1
    server.snapshot(BIDS, ASKS)
    shows(seen.page, "#state", f"SYNCED, epoch {server.epoch}")
    return seen.page


def opened(chromium: Any, server: Desk, query: str = "", **context: Any) -> Opened:
    context = {"viewport": {"width": 1280, "height": 800}, **context}
    page = chromium.new_context(**context).new_page()
    page.set_default_timeout(WAIT_MS)
    found = Opened(page)
    page.on("console", lambda told: found.complaints.append(f"{told.type}: {told.text} {told.location}"))
    page.on("pageerror", lambda error: found.complaints.append(str(error)))
    page.on("request", lambda asked: asked.url.startswith(server.url) or found.requests.append(asked.url))
    page.goto(server.url + query)
    return found


def shows(page: Any, selector: str, text: str) -> None:
    """Wait until an element holds this text and nothing else."""
    page.wait_for_function(
        "([selector, text]) => document.querySelector(selector)?.innerText.trim() === text",
        arg=[selector, text],
    )


def ladder(page: Any, side: str) -> list[list[str]]:
    return [line.split("\t")[:2] for line in page.inner_text(f"#{side}").strip().split("\n")]


def test_the_ladder_shows_the_texts_of_the_venue_and_moves(page: Any, server: Desk) -> None:
    assert page.inner_text("#name") == "kraken BTC/EUR"
    shows(page, "#mid", "74301.95")
    assert ladder(page, "asks") == [["74303.4", "0.55310000"], ["74302.0", "0.08000000"]]
    assert ladder(page, "bids") == [["74301.9", "0.41260000"], ["74301.1", "1.20000000"]]
    server.diff(bids=[(743_019, 0), (743_015, 30_000_000)])
    shows(page, "#mid", "74301.75")
    assert ladder(page, "bids") == [["74301.5", "0.30000000"], ["74301.1", "1.20000000"]]
    server.trade(743_020, 1_250_000, BID)
    shows(page, "#last", "74302.0 buy")
    assert page.locator("#tape tr").count() == 1


def test_a_gap_turns_the_page_red_until_the_book_is_built_anew(page: Any, server: Desk) -> None:
    lost = server.epoch
    server.gap(1201, 1204)
    shows(page, "#state", f"RESYNCING, epoch {lost}")
    assert page.get_attribute("#state", "data-tone") == "bad"
    assert page.is_visible("#doubt")
    assert "gap, sequence gap, expected 1201, found 1204" in page.inner_text("#events")
    server.snapshot([(743_100, 5)], [(743_101, 6)])
    shows(page, "#state", f"SYNCED, epoch {lost + 1}")
    assert page.get_attribute("#state", "data-tone") == "good"
    assert not page.is_visible("#doubt")
    assert ladder(page, "bids") == [["74310.0", "0.00000005"]]
    shows(page, "#sync dd:nth-of-type(2)", str(server.market.gaps))  # told once a second


def test_what_a_venue_says_is_text_and_never_markup(page: Any, server: Desk) -> None:
    server.status("<img src=x onerror=alert(1)>")
    page.wait_for_function("() => document.querySelector('#events').innerText.includes('onerror=alert')")
    assert page.locator("#events img").count() == 0


def test_after_many_messages_the_book_is_the_servers(page: Any, server: Desk) -> None:
    chance = random.Random(5)
    for turn in range(1500):
        bids, asks = ([(base + chance.randrange(60), chance.randrange(3))] for base in (742_960, 743_030))
        server.diff(bids, asks)
        if turn % 10 == 0:
            server.trade(743_020, 1 + turn, ASK)
    server.diff(bids=[(743_019, 7)])
    page.wait_for_function("() => document.querySelector('#bids').innerText.includes('0.00000007')")
    book = server.market.book(14)
    assert ladder(page, "bids") == [list(level) for level in book.bids]
    assert ladder(page, "asks") == [list(level) for level in reversed(book.asks)]
    assert page.locator("#tape tr").count() == 18


def test_it_can_be_used_with_the_keyboard(page: Any) -> None:
    page.evaluate("document.activeElement.blur()")
    reached = []
    for _ in range(7):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.textContent"))
    assert reached == ["Skip to the book", "venue", "symbol", "theme", "1 min", "5 min", "15 min"]
    page.keyboard.press("Enter")
    assert page.get_attribute("#span button:last-child", "aria-pressed") == "true"


def test_another_instrument_can_be_picked(page: Any, server: Desk) -> None:
    page.select_option("#venue", "binance")
    shows(page, "#name", "binance SOL/USDC")
    shows(page, "#state", "CONNECTING")
    assert page.inner_text("#mid") == "-"
    assert page.url.endswith("?exchange=binance&symbol=SOL%2FUSDC")
    page.click("#books button >> text=kraken")
    shows(page, "#state", f"SYNCED, epoch {server.epoch}")
    assert page.input_value("#symbol") == "BTC/EUR"


def test_it_is_drawn_and_asks_nobody_else_and_complains_of_nothing(seen: Opened) -> None:
    assert seen.colours() > 100
    assert (seen.requests, seen.complaints) == ([], [])


def test_it_fits_a_phone_in_the_dark(chromium: Any, server: Desk) -> None:
    phone = {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"}
    page = opened(chromium, server, **phone).page
    shows(page, "#state", f"SYNCED, epoch {server.epoch}")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    ground = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(ground) == "rgb(20, 24, 29)"
    page.click("#theme")
    assert page.evaluate(ground) == "rgb(255, 255, 255)"
    page.close()


def test_what_is_kept_has_a_bound_and_waits_grow(chromium: Any, server: Desk) -> None:
    """The parts that touch no element, and the pace for readers who want less motion."""
    page = opened(chromium, server, reduced_motion="reduce").page
    kept = """async () => {
        const { Series } = await import("/static/series.js");
        const series = new Series(["a"], 200, 1000);
        for (let ms = 0; ms < 2e6; ms += 50) series.put(ms, { a: ms });
        const [times, values] = series.last(60);
        return [series.times.length, times.length, values.at(-1)];
    }"""
    rows, shown, last = page.evaluate(kept)
    assert 1000 <= rows <= 1100
    assert (shown, last) == (301, 1_999_950)
    waits = page.evaluate(
        "async () => { const { waitMs } = await import('/static/link.js');"
        " return [waitMs(0, 0), waitMs(1, 0), waitMs(1, 0.5), waitMs(20, 0.999)]; }"
    )
    assert waits[:3] == [250, 500, 750]
    assert 14_900 < waits[3] <= 15_000
    assert page.evaluate("async () => (await import('/static/charts.js')).paceMs()") == 1000
    page.close()


def test_gates_and_arms_are_shown_as_the_answers_have_them(chromium: Any, server: Desk) -> None:
    gate = GateNow("reconnects", "FAIL", 12.0, 10.0, "12 in an hour")
    capture = Capture("20261121T044512Z", True, 61.4, 812.0, 3, 12, [gate])
    arms = [
        Arm("glft_grid", arm, "kraken", "BTC/EUR", "EUR", "0.0100", equity, "1.5", "-4.0", "0.2", 12, 2)
        for arm, equity in (("A", "-2.70"), ("B", None))
    ]
    strategy = StrategyNow("20261121T044512Z", 1_795_236_312_000, arms, {"state": "running"})
    page = opened(chromium, server, "static/icon.svg").page

    def status(route: Any) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json={**answer.json(), "captures": [msgspec.to_builtins(capture)]})

    page.route("**/v1/status", status)
    page.route("**/v1/strategy", lambda route: route.fulfill(body=msgspec.json.encode(strategy).decode()))
    page.goto(server.url)
    page.wait_for_selector("#capture table")
    shown = page.inner_text("#capture")
    assert "20261121T044512Z recording, 61 s, 812 frames a second, connections 3, reconnects 12" in shown
    assert shown.startswith("tests live, folder data/runs\n\ntest live, run one, records 7\n")
    assert "reconnects\tFAIL\t12\t12 in an hour; limit 10" in shown
    page.wait_for_selector("#pnl canvas")
    rows = page.locator("#strategy tbody tr").all_inner_texts()
    assert rows[0].split("\t") == [
        "A: glft_grid", "kraken BTC/EUR", "0.0100", "-2.70 EUR", "1.5", "-4.0", "0.2", "12", "2",
    ]  # fmt: skip
    assert rows[1].split("\t")[3] == "-"
    assert "state running" in page.inner_text("#strategy")
    page.unroute_all(behavior="ignoreErrors")
    page.close()


def test_a_server_that_went_away_is_said_and_found_again(chromium: Any, tmp_path: Path) -> None:
    with desk(tmp_path) as first:
        first.snapshot(BIDS, ASKS)
        page = opened(chromium, first).page
        shows(page, "#state", "SYNCED, epoch 1")
    page.wait_for_selector("#link[data-tone=bad]")
    assert "connect" in page.inner_text("#link")
    shows(page, "#state", "not connected, epoch 1")
    with desk(tmp_path, port=first.port) as second:
        second.snapshot([(800_000, 1)], [(800_001, 1)])
        shows(page, "#link", "connected")
        shows(page, "#mid", "80000.05")
        page.close()


def test_the_token_is_asked_for_and_kept_by_the_tab(chromium: Any, tmp_path: Path) -> None:
    with desk(tmp_path, token="a-token-of-the-tests") as server:
        server.snapshot(BIDS, ASKS)
        page = opened(chromium, server).page
        page.fill("#token-value", "another-token-than-that")
        page.press("#token-value", "Enter")
        shows(page, "#token-wrong", "no valid token came with the request")
        page.fill("#token-value", "a-token-of-the-tests")
        page.press("#token-value", "Enter")
        shows(page, "#state", "SYNCED, epoch 1")
        page.reload()
        shows(page, "#state", "SYNCED, epoch 1")
        page.close()
