"""Pages until the end, whatever fails between."""

from __future__ import annotations

import asyncio
import json

import attrs
import pytest

from mm_framework.contracts.adapter import HttpRequest
from mm_framework.contracts.history import HistoryPage, HistoryQuery, PastTrade
from mm_framework.errors import ConnectionLost, MalformedFrame, MMError, VenueRefused
from mm_framework.history.walk import ATTEMPTS, Kept, Rows, walk

QUERY = HistoryQuery("trades", "toy:A/B", 1, 100)
MS = 1_000_000


@attrs.frozen
class Reply:
    status: int | None = 200
    body: bytes = b""
    error: str | None = None


class Source:
    """Two trades a page, the last of which the next page tells again."""

    history_intervals = ()
    history_unbroken = False
    history_page = 2

    def history_begin(self, query: HistoryQuery) -> str:
        return "0"

    def history_request(self, query: HistoryQuery, cursor: str) -> HttpRequest:
        return HttpRequest(f"http://toy/{cursor}", "trades")

    def read_history(self, query: HistoryQuery, cursor: str, body: bytes) -> HistoryPage:
        try:
            answer = json.loads(body)
        except ValueError as error:
            raise MalformedFrame("no JSON") from error
        if not isinstance(answer, list):
            raise VenueRefused(f"toy refused: {answer}")
        first, more = answer
        trades = tuple(PastTrade(at * MS, str(at), "1", "1", "buy") for at in (first + 1, first))
        return HistoryPage(trades=trades, cursor=str(first + 1) if more else None)


class Log:
    def __init__(self) -> None:
        self.kept = Kept()

    def read(self) -> Kept:
        return self.kept

    def add(self, page: HistoryPage) -> None:
        pass


def fetched(replies: list[Reply], asked: list[str] | None = None) -> Rows:
    left = iter(replies)

    async def ask(request: HttpRequest) -> Reply:
        if asked is not None:
            asked.append(request.url)
        return next(left)

    return asyncio.run(walk(Source(), "toy", QUERY, ask, Log(), pause_s=0.0))


def page(first: int, more: bool = False) -> Reply:
    return Reply(body=json.dumps([first, more]).encode())


def test_rows_come_once_in_order_and_within_the_range() -> None:
    rows = fetched([page(0, True), page(1, True), page(2)]).trades
    assert [one.id for one in rows] == ["1", "2", "3"], "0 is before the range"
    assert [one.id for one in fetched([page(98, True), page(99)]).trades] == ["98", "99"]


def test_what_passes_is_asked_for_again() -> None:
    asked: list[str] = []
    passing = [Reply(429), Reply(503), Reply(None, error="cut"), Reply(body=b'"EAPI:Rate limit exceeded"')]
    assert len(fetched([page(1, True), *passing, page(2)], asked).trades) == 3
    assert asked == ["http://toy/0", *["http://toy/2"] * 5]


@pytest.mark.parametrize(
    ("replies", "error", "words"),
    [
        ([Reply(None, error="cut")] * ATTEMPTS, ConnectionLost, "cut; what came before is kept"),
        ([Reply(500, b"oh")] * ATTEMPTS, ConnectionLost, "HTTP 500"),
        ([Reply(404, b"<html>")], ConnectionLost, "HTTP 404"),
        ([Reply(400, b"7")], VenueRefused, "toy refused: 7"),
        ([Reply(200, b"7")], VenueRefused, "toy refused: 7"),
        ([Reply(200, b"<html>")], MalformedFrame, "no JSON"),
        ([Reply(200, b"[" * 100_000)], MalformedFrame, "brackets within brackets"),
    ],
)
def test_what_stays_wrong_is_an_error(replies: list[Reply], error: type[MMError], words: str) -> None:
    with pytest.raises(error, match=words):
        fetched(replies)
