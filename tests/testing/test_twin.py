"""Both paths over one log: what differs is named, with the frames that showed it."""

from __future__ import annotations

import pytest
from toy_conformance import ExactToyNormalizer, toy, toy_shapes

from mm_framework.feed import Feed, VenueKit
from mm_framework.kernels.mode import mode
from mm_framework.model.events import ASK
from mm_framework.testing.conformance.base import frames_of, simulated
from mm_framework.testing.twin import Twin, compare

pytest.importorskip("numba")
if mode() == "off":
    pytest.skip("MM_KERNELS is off", allow_module_level=True)

TOY = toy()


class Swapped(ExactToyNormalizer):
    """Declares that a buy is a sale."""

    def __init__(self) -> None:
        self.shapes = toy_shapes(buy=ASK)


def records() -> list[bytes]:
    return simulated(TOY, seconds=20.0).tape.records


@pytest.mark.parametrize("most", [1, 7, 1000])
def test_what_is_the_same_passes_however_the_log_is_cut(most: int) -> None:
    twin = compare(TOY.kits, records(), seed=most, most=most)
    assert twin.frames == len(frames_of(records())) > 500
    assert 0 < twin.slow < twin.frames


def test_a_difference_names_the_rows_and_the_frames() -> None:
    with pytest.raises(AssertionError, match=r"differ in rows after .*trade.*Row\("):
        compare(toy(normalizer=Swapped).kits, records(), seed=1)


def test_a_difference_of_the_state_alone_is_found() -> None:
    twin = Twin(TOY.kits)
    twin.take(records())
    twin.settle()
    twin.reference.counts.trades += 1
    with pytest.raises(AssertionError, match="differ in counts after"):
        twin.settle()


def test_another_number_of_rows_is_told() -> None:
    twin = Twin(TOY.kits)
    half = len(records()) // 2
    twin.take(records()[:half])
    twin.reference.feed(records()[half])
    with pytest.raises(AssertionError, match="differ in"):
        twin.take(records()[half : half + 30])


def test_the_reference_path_is_the_reference() -> None:
    kits: dict[str, VenueKit] = TOY.kits
    twin = Twin(kits)
    twin.take(records())
    alone = Feed(kits, reference=True)
    alone.feed(b"".join(records()))
    assert alone.checkpoint() == twin.compiled.checkpoint()
