"""Execution models of plugins: what they are asked, and what is told of those that fail."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from mm_framework.errors import PluginError
from mm_framework.model.orders import Side
from mm_framework.testing.strategies import Tape, backtest, tape
from mm_framework.trading.latency import Constant
from mm_framework.trading.matching import Execution
from mm_framework.trading.plugin_models import check_latency, check_queue, guarded_latency, guarded_queue
from tests.support.scripted_orders import WALL0_NS, place, scripted


@attrs.frozen
class Gives:
    """A queue model, or one way of a latency model, that gives this."""

    value: Any

    def advance(self, ahead: float, old: int, new: int, printed: int) -> Any:
        return self.value

    def latency(self, now_ns: int, feed_latency_ns: int, order_number: int) -> Any:
        return self.value


@attrs.frozen
class Ways:
    entry: Any
    response: Any


class Half:
    """Every second cancel was ahead of us."""

    def advance(self, ahead: float, old: int, new: int, printed: int) -> float:
        return min(max(0.0, ahead - max(0, old - new - printed) / 2), new)


def crowded() -> Tape:
    """Ten lots stand at the bid, ten more come, four go."""
    made = tape(size_scale=0, lot="1").latency(0.1).at(2).book(bids=[("99.90", "10")], asks=[("100.10", "9")])
    return made.at(10).update(bids=[("99.90", "20")]).at(20).update(bids=[("99.90", "16")])


@pytest.mark.parametrize(("model", "fills"), [(None, 0), (Half(), 1)])
def test_a_queue_model_decides_what_is_ahead(model: Any, fills: int) -> None:
    """Of 20 with 10 ahead 4 leave and 9 are sold: all 4 were behind us, or half of them."""
    made = crowded().at(30).trade("sell", "99.90", "9").wait()
    rules = Execution() if model is None else Execution(queue=guarded_queue("half", model))
    assert len(backtest(scripted(place(3, Side.BUY, 9990, 1)), made, execution=rules).fills) == fills


def test_a_latency_model_has_two_ways_and_is_stretched() -> None:
    both = check_latency("slow", Ways(Constant(3_000_000), Constant(1_000_000)))
    ways = attrs.asdict(guarded_latency("slow", both, 2.5), recurse=False)
    made = crowded().at(60).wait()
    result = backtest(scripted(place(3, Side.BUY, 9990, 1)), made, **ways)
    assert result.reports[0].ts_ns == WALL0_NS + 3_000_000 + 7_500_000
    assert result.known_ns[0] == result.reports[0].ts_ns + 2_500_000


@pytest.mark.parametrize("value", [-1, -0.5, float("nan"), float("inf"), None, "1"])
def test_a_place_in_the_queue_that_is_none_is_refused(value: Any) -> None:
    with pytest.raises(
        PluginError, match=r"'mine': advance\(5, 9, 4, 0\) gave .*, expected lots of 0 or more"
    ):
        guarded_queue("mine", Gives(value))(5, 9, 4, 0)


@pytest.mark.parametrize("value", [-1, 0.5, None])
def test_a_latency_that_is_none_is_refused(value: Any) -> None:
    way = guarded_latency("mine", Ways(Gives(value), Gives(value)), 1.0).entry
    with pytest.raises(PluginError, match=r"'mine': latency gave .*, expected whole nanoseconds"):
        way.latency(1, 2, 3)


def test_what_a_model_raises_is_its_plugins_fault() -> None:
    class Broken:
        def advance(self, ahead: float, old: int, new: int, printed: int) -> float:
            return ahead / 0

        def latency(self, now_ns: int, feed_latency_ns: int, order_number: int) -> int:
            return 1 // 0

    with pytest.raises(PluginError, match="'mine': advance raised ZeroDivisionError") as told:
        guarded_queue("mine", Broken())(5, 9, 4, 0)
    assert told.value.exit_code == 3
    with pytest.raises(PluginError, match="'mine': latency raised ZeroDivisionError"):
        guarded_latency("mine", Ways(Broken(), Broken()), 1.0).response.latency(1, 2, 3)


@pytest.mark.parametrize("made", [None, Ways(Constant(1), None), object()])
def test_an_object_of_another_kind_is_told(made: Any) -> None:
    with pytest.raises(PluginError, match=r"'mine': its factory gave .*, expected an object whose"):
        check_latency("mine", made)
    with pytest.raises(PluginError, match=r"'mine': its factory gave .*, expected a queue model"):
        check_queue("mine", made)
