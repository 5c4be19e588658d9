"""Programs from a seed: whatever may be said means the same in both modes, errors too."""

from __future__ import annotations

import importlib.util
import math
import os
import random
from pathlib import Path
from typing import Any

import pytest

from mm_framework.kernels.mode import mode

pytest.importorskip("llvmlite", reason="needs llvmlite, which this platform has no wheel of")
if mode() == "off":
    pytest.skip("MM_KERNELS=off: nothing is compiled", allow_module_level=True)

from mm_framework.contracts.strategy import Strategy
from tests.support.random_decides import FIELDS, random_decide
from tests.support.twin_decide import Seen, Twin, Woken

SEEDS = int(os.environ.get("MM_SEEDS", "6"))
INTS = (0, 1, -1, 5, -17, 2**31, 2**53 + 1, 2**63 - 1, -(2**63))
FLOATS = (0.0, -0.0, 1.0, -2.5, 1e-320, 1e308, math.inf, -math.inf, math.nan, 2.0**63)


def made(folder: Path, seed: int) -> Any:
    """The function of a seed, in a file of its own: its source is read."""
    path = folder / f"decide_{seed}.py"
    path.write_text(random_decide(seed))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.decide


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_program_is_the_same_in_both_modes(tmp_path: Path, seed: int) -> None:
    twin, draw = Twin(Strategy(made(tmp_path, seed), state=FIELDS)), random.Random(seed)
    ended = set()
    for now_ns in range(40):
        twin.show([Seen({"bid": draw.choice(INTS), "ask_size": draw.choice(INTS)})])
        state, tame = twin.state, draw.random() < 0.6
        for name in ("a", "b"):
            setattr(state, name, draw.randrange(-9, 9) if tame else draw.choice(INTS))
        for name in ("x", "y"):
            setattr(state, name, draw.uniform(-3, 3) if tame else draw.choice(FLOATS))
        for k in range(3):
            state.ns[k] = draw.randrange(0, 3)
        for k in range(2):
            state.fs[k] = draw.uniform(-1, 1)
        twin.compiled.state_fields.write(state, twin.compiled.state)
        ended.add(twin(Woken(now_ns)))
        twin.level()
    assert ended
