"""The lines of the hash as a kernel writes them are those of `trading.intents`."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mm_framework.kernels import loader
from mm_framework.kernels.cache import ENGINE
from mm_framework.kernels.mode import mode

pytest.importorskip("numba", reason="needs numba, which this platform has no wheel of")
if mode() == "off":
    pytest.skip("MM_KERNELS=off: nothing is compiled", allow_module_level=True)

from mm_framework.kernels.memory import Buffer
from mm_framework.trading.compiled import layout
from mm_framework.trading.compiled.intents import IntentColumn
from mm_framework.trading.compiled.memory import Part
from mm_framework.trading.intents import IntentHash

NAMES, IDS = ("maker", "täker"), ("kraken:BTC/EUR", "x:A")
TAGS = (("quote", ""), ("größer",))
EDGES = st.sampled_from([10**18, 10**18 - 1, 9, 10, -10])
INTS = st.one_of(st.integers(-(2**63), 2**63 - 1), st.integers(-20, 200), EDGES)


@pytest.fixture(autouse=True, scope="module")
def _kernels() -> None:
    if not (loader.active() and loader.active(ENGINE)):
        pytest.skip("the kernels cannot be loaded here")


@st.composite
def records(draw: Any) -> list[int]:
    kind, strategy = draw(st.integers(1, 3)), draw(st.integers(0, 1))
    place, cancel = kind == 1, kind == 2
    slot = draw(st.integers(0 if place else -1, 1))
    price, size = (0 if cancel else draw(INTS) for _ in range(2))
    tif = draw(st.integers(1, 4)) if place else 0
    side, urgency = draw(st.sampled_from([1, -1])) if place else 0, draw(st.integers(1, 2)) if place else 0
    tag, expires = draw(st.integers(-1, 1 - strategy)), draw(INTS) if tif == 4 else 0
    head = [draw(st.integers(0, 2**62)), strategy, kind, draw(st.integers(1, 2**62)), slot, side]
    return [*head, price, size, tif, urgency, tag, expires, 0, draw(INTS), draw(st.sampled_from([0, 1, 21]))]


@settings(max_examples=200, deadline=None)
@given(st.lists(records(), max_size=20))
@example([[0, 0, 1, 1, 0, 1, -(2**63), 2**63 - 1, 1, 2, 1, 0, 0, 0, 0]])
def test_any_intents_have_the_hash_of_their_objects(told: list[list[int]]) -> None:
    memory = Buffer(len(told) * layout.INTENT_BYTES)
    for k, word in enumerate(word for record in told for word in record):
        memory.words()[k] = word
    part = Part(memory, len(told), layout.INTENT_BYTES // 8)
    column, expected = IntentColumn([part], NAMES, TAGS, IDS), IntentHash()
    for intent in column.intents():
        expected.add(intent)
    assert column.hexdigest() == expected.hexdigest()
    assert [sent.ts_ns for sent in column.sent()] == [record[13] for record in told]
