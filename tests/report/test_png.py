"""Pictures: their size, their colours, the same bytes each time, one line where matplotlib is missing."""

from __future__ import annotations

import io
import sys

import charts
import pytest

from mm_framework.errors import EnvironmentFailed
from mm_framework.report.png import HEIGHT, WIDTH, picture
from mm_framework.report.theme import THEMES

image = pytest.importorskip("PIL.Image", reason="matplotlib is not installed")


def pixels(data: bytes) -> dict[tuple[int, int, int], int]:
    with image.open(io.BytesIO(data)) as opened:
        assert opened.size == (WIDTH, HEIGHT)
        return {colour: count for count, colour in opened.convert("RGB").getcolors(1 << 24)}


def rgb(colour: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(colour[1:]))


@pytest.mark.parametrize("theme", THEMES)
def test_lines_and_marks_are_there_in_the_colours_of_the_theme(theme: str) -> None:
    found, colours = pixels(picture(charts.chart(), theme)), THEMES[theme]
    assert max(found, key=lambda one: found[one]) == rgb(colours.ground)
    for colour in (colours.bid, colours.spread, colours.age, *colours.marks.values()):
        assert found.get(rgb(colour), 0) > 50, colour


def test_the_same_chart_gives_the_same_bytes() -> None:
    assert picture(charts.chart(500)) == picture(charts.chart(500))


def test_a_peak_of_one_row_among_many_is_seen() -> None:
    spiked, flat = charts.chart(50_000), charts.chart(50_000)
    flat.tops.ask[(flat.tops.ask - flat.tops.bid).argmax()] = flat.tops.ask[5]
    assert picture(spiked) != picture(flat)


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_a_few_rows_can_be_drawn(rows: int) -> None:
    assert len(pixels(picture(charts.chart(rows, with_depth=False)))) > 2


def test_without_matplotlib_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(EnvironmentFailed, match=r"install mm-framework\[plot\]"):
        picture(charts.chart(10))
