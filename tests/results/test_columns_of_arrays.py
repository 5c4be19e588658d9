"""A run's columns are the same whether they come from arrays or from objects."""

from __future__ import annotations

import random

import attrs
import numpy as np
import pytest

from mm_framework.kernels import loader
from mm_framework.kernels.cache import ENGINE
from mm_framework.kernels.mode import mode
from mm_framework.results.columns import Fills, Reports, columns_of
from mm_framework.results.path import market_paths
from mm_framework.testing.engines import RowTape
from mm_framework.trading.engine import run_backtest
from mm_framework.trading.fees import FlatFee, FlatFeeSettings
from mm_framework.trading.latency import Constant, RandomLatency
from mm_framework.trading.settings import LimitSettings, TradingSettings
from mm_framework.trading.timeline import Clocks
from tests.support.random_tapes import random_tape, restless

if mode() != "on" or not (loader.active() and loader.active(ENGINE)):
    pytest.skip("nothing is compiled here", allow_module_level=True)


@pytest.mark.parametrize("seed", range(12))
def test_arrays_say_what_objects_say(seed: int) -> None:
    draw = random.Random(seed)
    tape = RowTape(random_tape(seed, steps=draw.choice((0, 10, 150)), rescales=False))
    outcome = run_backtest(
        {name: restless() for name in draw.sample(("a", "b", "c"), draw.choice((1, 2)))},
        FlatFee(FlatFeeSettings(5)),
        tape,
        choice="compiled",
        entry=RandomLatency(seed, 10**6, 10**7),
        response=Constant(10**6),
        limits=LimitSettings(total_orders=draw.choice((1000, 2))),
    )
    paths = market_paths(tape, Clocks(), TradingSettings())
    found, expected = (columns_of(one, paths) for one in (outcome, attrs.evolve(outcome, columns=None)))
    assert found.accounts == expected.accounts
    assert found.fills.fee == expected.fills.fee
    for kind, one, other in (
        (Fills, found.fills, expected.fills),
        (Reports, found.reports, expected.reports),
    ):
        for name in (field.name for field in attrs.fields(kind) if field.name != "fee"):
            got, wanted = getattr(one, name), getattr(other, name)
            assert got.dtype == wanted.dtype
            np.testing.assert_array_equal(got, wanted, err_msg=name)
    refused = [sent.refusal for sent in outcome.sent if sent.refusal is not None]
    assert outcome.columns is not None
    assert outcome.columns.refused() == {code: refused.count(code) for code in set(refused)}
