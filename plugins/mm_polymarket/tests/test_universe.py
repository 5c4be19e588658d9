"""The universe page by page: paging, caps, refreshes."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import attrs
from hypothesis import given
from hypothesis import strategies as st

from mm_polymarket.adapter import PolymarketAdapter
from mm_polymarket.markets import Market
from mm_polymarket.metadata import Page, read_page
from mm_polymarket.universe import ClobCursor, GammaCursor, Universe, difference, universe


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
    assert len(universe(found, cap=20_000).markets) == 10_950


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


def test_only_tradable_markets_count_and_the_later_answer_holds() -> None:
    found = universe([market(2), market(1), market(3, tradable=False), market(2, tick_size="0.01")])
    assert found.markets == (market(1), market(2, tick_size="0.01"))
    assert found.cut == 0
    assert found.instruments == tuple(
        f"polymarket:{name}" for name in ("000000000000-YES", "000000000000-NO") * 2
    )


def test_above_the_cap_the_list_is_cut_in_order_of_ids_and_the_rest_counted() -> None:
    found = universe([market(n) for n in range(50, 0, -1)], cap=20)
    assert found.markets == tuple(market(n) for n in range(1, 21))
    assert found.cut == 30
    assert universe([market(n) for n in range(2500)]).cut == 500


def test_a_refresh_leaves_the_others_alone() -> None:
    before = universe([market(1), market(2), market(3), market(4)])
    after = universe([market(2), market(3, tick_size="0.001"), market(4, yes="77"), market(5)])
    change = difference(before, after)
    assert change.added == (market(4, yes="77"), market(5))
    assert change.removed == (market(1), market(4))
    assert change.changed == (market(3, tick_size="0.001"),)
    assert change
    assert not difference(before, before)


@given(st.sets(st.integers(0, 30)), st.sets(st.integers(0, 30)), st.integers(0, 12))
def test_a_difference_applied_gives_the_universe_after(old: set[int], new: set[int], cap: int) -> None:
    before, after = (universe([market(n) for n in numbers], cap) for numbers in (old, new))
    change = difference(before, after)
    kept = (set(before.markets) - set(change.removed)) | set(change.added)
    assert kept == set(after.markets)
    assert difference(Universe(), after).added == after.markets


def test_the_adapter_learns_a_universe() -> None:
    adapter = PolymarketAdapter()
    found = universe([market(0xABC << 240)])
    adapter.learn(found.markets)
    assert [adapter.venue_symbol(name) for name in found.instruments] == list(found.markets[0].tokens)
