"""The universe page by page, and as the adapter's catalogue."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import attrs
import pytest

from mm_framework.contracts.adapter import HttpRequest
from mm_framework.contracts.catalog import ListedInstrument
from mm_framework.errors import MalformedFrame
from mm_polymarket.adapter import PolymarketAdapter
from mm_polymarket.markets import Market
from mm_polymarket.metadata import Page, read_page
from mm_polymarket.settings import PolymarketSettings
from mm_polymarket.universe import ClobCursor, GammaCursor, listings_of


def market(number: int, **changes: Any) -> Market:
    return attrs.evolve(Market(f"0x{number:064x}", str(2 * number + 1), str(2 * number + 2)), **changes)


class Gamma:
    """Answers pages of open markets in order of their end, as gamma does: 100 at most, offsets to 10,000."""

    def __init__(self, ends: list[str]) -> None:
        self.rows = [
            {
                "conditionId": f"0x{n:064x}",
                "clobTokenIds": json.dumps([str(2 * n + 1), str(2 * n + 2)]),
                "endDate": end,
            }
            for n, end in enumerate(sorted(ends))
        ]
        self.asked = 0

    def __call__(self, url: str) -> bytes:
        self.asked += 1
        query = {key: values[0] for key, values in parse_qs(urlsplit(url).query).items()}
        assert (query["closed"], query["active"], query["order"]) == ("false", "true", "endDate")
        offset, limit = int(query["offset"]), int(query["limit"])
        assert offset <= 10_000
        assert limit <= 100
        open_rows = [row for row in self.rows if row["endDate"] >= query.get("end_date_min", "")]
        return json.dumps(open_rows[offset : offset + limit]).encode()


def discover(gamma: Gamma) -> list[Market]:
    cursor: GammaCursor | None = GammaCursor()
    found: list[Market] = []
    while cursor is not None:
        page = read_page(gamma(cursor.request("https://gamma.invalid/").url))
        found += page.markets
        cursor = cursor.following(page)
    return found


def test_pages_are_asked_for_until_one_is_not_full() -> None:
    gamma = Gamma(["2026-01-01"] * 250)
    assert len(discover(gamma)) == 250
    assert gamma.asked == 3
    assert GammaCursor().request("https://gamma.invalid/").url.startswith("https://gamma.invalid/markets?")


def test_beyond_the_last_offset_a_window_of_dates_goes_on() -> None:
    ends = [f"2026-{1 + n // 1000:02d}-01T00:00:00Z" for n in range(10_950)]
    found = discover(Gamma(ends))
    assert len({one.condition_id for one in found}) == 10_950


def test_a_window_that_cannot_be_moved_on_ends_the_search() -> None:
    full = Page(entries=100, last_end="2026-01-01")
    assert GammaCursor(10_000, "2026-01-01").following(full) is None
    assert GammaCursor(10_000).following(Page(entries=100)) is None
    assert GammaCursor(10_000).following(full) == GammaCursor(0, "2026-01-01")


def test_clob_pages_are_named_by_a_cursor() -> None:
    first = ClobCursor()
    assert first.request("https://clob.invalid").url == "https://clob.invalid/markets"
    second = first.following(Page(next_cursor="MTAw"))
    assert second is not None
    assert second.request("https://clob.invalid").url == "https://clob.invalid/markets?next_cursor=MTAw"
    for last in ("LTE=", "", None, "MTAw"):
        assert second.following(Page(next_cursor=last)) is None


def catalogue(gamma: Gamma, adapter: PolymarketAdapter) -> list[ListedInstrument]:
    requests: list[HttpRequest] = list(adapter.catalog_requests())
    found: list[ListedInstrument] = []
    while requests:
        request = requests.pop(0)
        page = adapter.read_catalog(request, gamma(request.url))
        found += page.listed
        requests += page.following
    return found


def test_the_catalogue_has_both_tokens_of_every_market_under_its_condition() -> None:
    found = catalogue(Gamma([f"2026-01-{day:02d}" for day in range(1, 29)] * 5), PolymarketAdapter())
    assert len(found) == 2 * 140
    assert len({one.unit for one in found}) == 140
    first, second = (one for one in found if one.group == f"0x{1:064x}")
    assert [one.instrument for one in (first, second)] == [
        "polymarket:000000000000-YES", "polymarket:000000000000-NO",
    ]  # fmt: skip
    assert [one.info.venue_symbol for one in (first, second)] == ["3", "4"]
    assert first.active
    assert first.ends == "2026-01-01"


def test_a_market_that_takes_no_orders_is_listed_as_inactive() -> None:
    found = listings_of([market(1), market(2, tradable=False, end="2026-03-01")])
    assert [one.active for one in found] == [True, True, False, False]
    assert found[-1].ends == "2026-03-01"


def test_pages_of_clob_serve_as_catalogue_too() -> None:
    adapter = PolymarketAdapter(PolymarketSettings(catalog="clob"))
    (request,) = adapter.catalog_requests()
    assert request.url == "https://clob.polymarket.com/markets"
    row = {
        "condition_id": "0xab",
        "tokens": [{"token_id": "1", "outcome": "Yes"}, {"token_id": "2", "outcome": "No"}],
    }
    body = json.dumps({"data": [row, {"condition_id": "0xcd", "tokens": []}], "next_cursor": "MTAw"}).encode()
    page = adapter.read_catalog(request, body)
    assert [one.instrument for one in page.listed] == ["polymarket:ab-YES", "polymarket:ab-NO"]
    assert page.skipped == 1
    (following,) = page.following
    assert following.url == "https://clob.polymarket.com/markets?next_cursor=MTAw"
    ending = json.dumps({"data": [row], "next_cursor": "LTE="}).encode()
    assert adapter.read_catalog(following, ending).following == ()


@pytest.mark.parametrize("body", [b"<html>", b'{"error":"not found"}', b"[1]"])
def test_what_is_no_list_of_markets_is_refused(body: bytes) -> None:
    adapter = PolymarketAdapter()
    (request,) = adapter.catalog_requests()
    with pytest.raises(MalformedFrame, match="no list of markets"):
        adapter.read_catalog(request, body)


def test_the_adapter_learns_a_universe() -> None:
    adapter = PolymarketAdapter()
    found = market(0xABC << 240)
    adapter.learn([found])
    names = [one.instrument for one in listings_of([found])]
    assert [adapter.venue_symbol(name) for name in names] == list(found.tokens)
