"""A venue's list, page by page; patterns."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

import attrs
import msgspec
import pytest
from toy_venue import ToyAdapter

from mm_framework.capture.catalog import Catalogue, fetch_catalogue, gathered, is_pattern, select
from mm_framework.capture.clock import VirtualClock
from mm_framework.capture.transport import HttpAnswer
from mm_framework.capture.virtual_loop import run_virtual
from mm_framework.contracts.adapter import HttpRequest
from mm_framework.contracts.catalog import CatalogPage, ListedInstrument
from mm_framework.contracts.normalizer import InstrumentInfo
from mm_framework.errors import ConnectionLost, MalformedFrame


def one(name: str, **more: object) -> ListedInstrument:
    return attrs.evolve(ListedInstrument(f"toy:{name}", InstrumentInfo(name.replace("/", ""))), **more)


class PagedAdapter(ToyAdapter):
    """Pages are lists of names, and the number of the next page."""

    catalog_first = True
    catalog_every_s = 0.0

    def catalog_requests(self) -> Sequence[HttpRequest]:
        return [HttpRequest("http://toy.invalid/0", "metadata")]

    def read_catalog(self, request: HttpRequest, body: bytes) -> CatalogPage:
        names, following = json.loads(body)
        requests = [] if following is None else [HttpRequest(f"http://toy.invalid/{following}", "metadata")]
        return CatalogPage(tuple(one(name) for name in names), tuple(requests), skipped=1)


class Host:
    """Answers in turn; an answer that is a number is a status."""

    def __init__(self, *answers: object) -> None:
        self.answers, self.asked = list(answers), list[str]()

    async def __call__(self, request: HttpRequest) -> HttpAnswer:
        self.asked.append(request.url)
        answer = self.answers.pop(0)
        if isinstance(answer, int):
            return HttpAnswer(status=answer, body=b"no")
        if isinstance(answer, str):
            return HttpAnswer(error=answer)
        return HttpAnswer(status=200, body=json.dumps(answer).encode())


def fetched(host: Host) -> Catalogue:
    return run_virtual(lambda: fetch_catalogue(PagedAdapter(), host), VirtualClock())


def test_pages_follow_each_other_and_the_list_is_in_order() -> None:
    host = Host((["B/X", "A/X"], 1), (["C/X"], None))
    found = fetched(host)
    assert [each.instrument for each in found.listed] == ["toy:A/X", "toy:B/X", "toy:C/X"]
    assert host.asked == ["http://toy.invalid/0", "http://toy.invalid/1"]
    assert found.skipped == 2


def test_a_page_that_fails_is_asked_for_again() -> None:
    host = Host(503, "no answer within 30 s", (["A/X"], None))
    assert len(fetched(host).listed) == 1
    assert len(host.asked) == 3


def test_a_list_is_whole_or_an_error() -> None:
    with pytest.raises(ConnectionLost, match=r"toy.invalid/1 after 3 attempts: HTTP 429; check --endpoint"):
        fetched(Host((["A/X"], 1), 429, 500, 429))


def test_a_list_without_an_end_is_given_up() -> None:
    class Endless(Host):
        async def __call__(self, request: HttpRequest) -> HttpAnswer:
            return HttpAnswer(status=200, body=b"[[],1]")

    with pytest.raises(MalformedFrame, match="no end after 2000 pages"):
        asyncio.run(fetch_catalogue(PagedAdapter(), Endless()))


def test_a_list_of_nothing_is_an_error() -> None:
    with pytest.raises(MalformedFrame, match="list of toy holds no instrument at all"):
        fetched(Host(([], 1), ([], None)))


def test_json_that_is_nested_without_end_is_no_list() -> None:
    class Deep(PagedAdapter):
        def read_catalog(self, request: HttpRequest, body: bytes) -> CatalogPage:
            return CatalogPage(tuple(map(one, msgspec.json.decode(body))))

    async def ask(request: HttpRequest) -> HttpAnswer:
        return HttpAnswer(status=200, body=b"[" * 100_000)

    with pytest.raises(MalformedFrame, match=r"toy.invalid/0 answered with brackets within brackets"):
        asyncio.run(fetch_catalogue(Deep(), ask))


def test_of_an_instrument_told_twice_the_later_answer_counts() -> None:
    found = gathered("toy", [one("A/X"), one("B/X"), one("A/X", active=False)])
    assert [(each.instrument, each.active) for each in found.listed] == [
        ("toy:A/X", False),
        ("toy:B/X", True),
    ]
    assert found.skipped == 0


def test_of_two_groups_with_one_id_the_first_in_order_keeps_it() -> None:
    found = gathered("toy", [one("A/X", group="g2"), one("A/X", group="g1")])
    assert [each.group for each in found.listed] == ["g1"]
    assert found.skipped == 1


@pytest.mark.parametrize(
    ("patterns", "names"),
    [
        ((), ["A/X", "AB/X", "C/Y"]),
        (("toy:*/X",), ["A/X", "AB/X"]),
        (("toy:?/x",), ["A/X"]),
        (("TOY:[BC]*",), ["C/Y"]),
        (("toy:ab*", "toy:*y"), ["AB/X", "C/Y"]),
        (("toy:CY",), ["C/Y"]),
        (("other:*",), []),
    ],
)
def test_patterns_mean_active_instruments_by_id_or_name(patterns: tuple[str, ...], names: list[str]) -> None:
    listed = [one("A/X"), one("AB/X"), one("C/Y"), one("D/X", active=False)]
    assert [each.instrument for each in select(listed, patterns)] == [f"toy:{name}" for name in names]


def test_a_pattern_has_a_mark() -> None:
    assert [is_pattern(name) for name in ("a:*/B", "a:?", "a:[xy]", "a:B/C")] == [True, True, True, False]
