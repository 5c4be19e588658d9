"""Metrics as Prometheus reads them: names exactly as given, label values escaped, one page on loopback."""

from __future__ import annotations

import socket
import urllib.request

import pytest
from prometheus_client.parser import text_string_to_metric_families

from mm_framework.calibrate.prometheus import CONTENT_TYPE, Exposition, Family, Row, page
from mm_framework.errors import EnvironmentFailed

FAMILIES = (
    Family("mm_symbol_fills_total", "fills", (Row(3, {"symbol": "XBT/EUR"}),), "counter"),
    Family("mm_symbol_fills_maker", "fills as maker", (Row(2, {"symbol": "XBT/EUR"}),), "counter"),
    Family("mm_symbol_total_ticks", "wake-ups", (Row(10**15, {"symbol": "XBT/EUR"}),), "counter"),
    Family("mm_symbol_score", "of 1", (Row(0.25, {"symbol": 'a"b\\c\nd'}), Row(None, {"symbol": "none"}))),
)


def exposition() -> Exposition:
    made = Exposition()
    made.add(lambda: FAMILIES)
    return made


def samples(text: bytes) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    families = text_string_to_metric_families(text.decode())
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def test_the_real_parser_reads_every_name_as_it_was_given() -> None:
    assert samples(exposition().text()) == {
        ("mm_symbol_fills_total", (("symbol", "XBT/EUR"),)): 3.0,
        ("mm_symbol_fills_maker", (("symbol", "XBT/EUR"),)): 2.0,
        ("mm_symbol_total_ticks", (("symbol", "XBT/EUR"),)): 1e15,
        ("mm_symbol_score", (("symbol", 'a"b\\c\nd'),)): 0.25,
    }


def test_counters_are_told_as_such_where_their_name_allows_it() -> None:
    text = exposition().text().decode()
    assert "# TYPE mm_symbol_fills_total counter" in text
    assert "# TYPE mm_symbol_fills_maker untyped" in text
    assert "_maker_total" not in text
    assert "_created" not in text


def test_sources_are_asked_at_every_look() -> None:
    values = iter((1.0, 2.0))
    made = Exposition()
    made.add(lambda: [Family("now", "what is now", (Row(next(values)),))])
    assert [samples(made.text())["now", ()] for _ in range(2)] == [1.0, 2.0]


def test_the_page_answers_on_loopback_until_it_is_closed() -> None:
    made = exposition()
    with page(made, 0) as port, urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        assert answer.headers["Content-Type"] == CONTENT_TYPE
        assert answer.read() == made.text()
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port), timeout=240):
        pass


def test_a_port_that_is_taken_is_an_error_of_the_environment() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(EnvironmentFailed, match=f"127.0.0.1:{port}.*--prometheus-port"),
            page(Exposition(), port),
        ):
            pass
