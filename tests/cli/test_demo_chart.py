import re

from mm_framework.cli.demo.chart import LEFT, RIGHT, WIDTH, Hole, Quote, draw

SPAN = (0, 100)


def x(mono_ns: int) -> float:
    return round(LEFT + mono_ns / SPAN[1] * (WIDTH - LEFT - RIGHT), 1)


def bids(quotes: list[Quote], holes: list[Hole]) -> list[tuple[float, float]]:
    """From where to where each connected piece of the bid is drawn, in pixels."""
    found = re.search(r'class="bid" d="([^"]*)"', draw(quotes, [], holes, SPAN))
    assert found is not None
    pieces = found[1].split("M")[1:]
    return [(float(piece.split()[0]), float(piece.rsplit("H", 1)[1])) for piece in pieces]


def test_a_price_holds_to_the_end() -> None:
    assert bids([Quote(10, 1.0, 2.0), Quote(30, 1.5, 2.0)], []) == [(x(10), x(100))]


def test_a_book_that_comes_back_with_the_same_prices_is_drawn_from_its_return() -> None:
    quotes = [Quote(10, 1.0, 2.0), Quote(70, 1.5, 2.0)]
    assert bids(quotes, [Hole(20, 30, "lost")]) == [(x(10), x(20)), (x(30), x(100))]
    twice = [Hole(20, 30, "lost"), Hole(40, 50, "lost")]
    assert bids(quotes, twice) == [(x(10), x(20)), (x(30), x(40)), (x(50), x(100))]


def test_a_book_that_comes_back_with_other_prices_is_drawn_from_these() -> None:
    quotes = [Quote(10, 1.0, 2.0), Quote(60, 1.5, 2.0)]
    assert bids(quotes, [Hole(20, 60, "lost")]) == [(x(10), x(20)), (x(60), x(100))]


def test_a_book_that_does_not_come_back_ends() -> None:
    assert bids([Quote(10, 1.0, 2.0)], [Hole(40, 100, "lost")]) == [(x(10), x(40))]


def test_without_a_price_there_is_no_line() -> None:
    assert bids([], [Hole(0, 100, "never there")]) == []
