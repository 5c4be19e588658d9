"""REST bodies: pairs, status and errors; other answers are not read."""

from __future__ import annotations

from typing import Any

import pytest

from mm_bitfinex.normalizer import BitfinexNormalizer
from mm_framework.contracts.normalizer import FrameClass, InstrumentInfo, Refused, VenueStatus
from mm_framework.errors import MalformedFrame

ROW = '[null,null,null,"2.0","15000.0",null,null,null,0.3,0.2,null,null]'


@pytest.mark.parametrize(
    ("body", "events"),
    [
        (
            f'[[["1INCH:USD",{ROW}],["BTCUST",{ROW}]]]',
            [InstrumentInfo("t1INCH:USD", "1INCH", "USD"), InstrumentInfo("tBTCUST", "BTC", "USDT")],
        ),
        (
            '[["AAVE:USD","BTCUSD","BTCF0:USTF0"]]',
            [
                InstrumentInfo("tAAVE:USD", "AAVE", "USD"),
                InstrumentInfo("tBTCUSD", "BTC", "USD"),
                InstrumentInfo("tBTCF0:USTF0", "BTC", "USDT"),
            ],
        ),
        ('[["BTC","USD","UST"],["BTCUSD"]]', [InstrumentInfo("tBTCUSD", "BTC", "USD")]),
        ("[1]", [VenueStatus("operative", online=True)]),
        ("[0]", [VenueStatus("maintenance", online=False)]),
        ('["error",11010,"ratelimit: error"]', [Refused("ratelimit: error (11010)")]),
        ('["error",20060,"maintenance"]', [Refused("maintenance (20060)")]),
        ('{"error":"ERR_RATE_LIMIT"}', [Refused("ERR_RATE_LIMIT")]),
    ],
)
def test_answers_become_control_events(writer: Any, body: str, events: list[object]) -> None:
    assert BitfinexNormalizer().http({}, body.encode(), writer) is FrameClass.CONTROL
    assert writer.controls == events


@pytest.mark.parametrize(
    "body",
    [
        "[[23144,3,0.87789],[23142,3,0.27991505]]",
        "[[1654074480000,31636,31636,31636,31636,0.0001]]",
        "[29967,8.32497516,29976,13.30144555,-1674,-0.0529,29966,488.04182112,31887,29335]",
        '[["BTC","USD"]]',
        "[2]",
        "[]",
        "{}",
        "null",
    ],
)
def test_other_answers_are_unknown(writer: Any, body: str) -> None:
    assert BitfinexNormalizer().http({}, body.encode(), writer) is FrameClass.UNKNOWN
    assert writer.controls == []


@pytest.mark.parametrize("body", [b"", b"<html>502 Bad Gateway</html>", b"[[", b"\xff"])
def test_what_is_not_json_is_malformed(writer: Any, body: bytes) -> None:
    with pytest.raises(MalformedFrame, match="not a REST answer"):
        BitfinexNormalizer().http({}, body, writer)
