"""Books that are asked for beside what `Feed` wants: by the venue's own request, at the run's endpoint."""

from __future__ import annotations

import attrs
import pytest
from simulated import venue

from mm_framework.capture.book_requests import BookRequests, book_request, offers_books
from mm_framework.contracts.adapter import HttpRequest
from mm_framework.model.instrument import Definition

pytest.importorskip("mm_binance")


@attrs.define
class Run:
    """What was asked."""

    asked: list[tuple[int, HttpRequest]] = attrs.field(factory=list)

    def ask_book(self, shard: int, request: HttpRequest) -> None:
        self.asked.append((shard, request))


def definition(name: str) -> Definition:
    market = venue(name)
    instrument = market.instruments[0]
    return Definition(
        index=3 << 16,
        number=3 << 16,
        id=instrument,
        venue_symbol=market.adapter().venue_symbol(instrument),
        price_scale=8,
        size_scale=8,
    )


@pytest.mark.parametrize(
    ("name", "what"), [("binance", "snapshot"), ("polymarket", "witness"), ("kraken", None)]
)
def test_a_book_is_asked_for_as_the_venue_offers_it(name: str, what: str | None) -> None:
    wanted = definition(name)
    adapter = venue(name).adapter()
    request = book_request(adapter, wanted)
    assert offers_books(adapter) is (what is not None)
    assert (None if request is None else request.what) == what
    assert request is None or request.instrument == wanted.id


def test_requests_go_to_the_shard_of_the_instrument_once_there_is_a_run() -> None:
    requests, run, wanted = BookRequests(), Run(), definition("binance")
    (kit,) = venue("binance").kits.values()
    assert requests.know(kit) is kit
    requests.ask(wanted)
    requests.attach(run)
    requests.ask(wanted)
    assert [(shard, request.instrument) for shard, request in run.asked] == [(3, wanted.id)]


def test_a_venue_without_rest_books_is_not_asked() -> None:
    requests, run = BookRequests(), Run()
    (kit,) = venue("kraken").kits.values()
    requests.know(kit)
    requests.attach(run)
    requests.ask(definition("kraken"))
    assert run.asked == []
