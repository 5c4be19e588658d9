"""How often does an A/A test trip a gate, and what does a tick of it cost? 200 simulated hours a setting.

    python benchmarks/run_ab.py [--seeds N] [--seconds N] [--z X ...]

Both sides get the same parameters: 20 symbols, 4 wake-ups and 0.4 fills a second together, latency
lognormal, 20 % of the fills as taker, slippage normal with a deviation of 5 bps. ``z`` 0 are the gates as
they were inherited, without a minimum difference; the default is that of `AbSettings`.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections import Counter

from mm_framework.calibrate.ab import AbFill, AbRun
from mm_framework.calibrate.ab_settings import AbSettings
from mm_framework.calibrate.routing import Routing

SYMBOLS = tuple(f"S{number}" for number in range(20))


def one_hour(seed: int, z: float, seconds: int) -> tuple[str | None, int, float]:
    """The gate that acted, the calls, and the processor seconds that they took."""
    rng, run = random.Random(seed), AbRun(Routing(0.5, str(seed)), AbSettings(mode="dry", z=z))
    calls: list[AbFill | tuple[int, str, float, bool]] = []
    for second in range(1, seconds + 1):
        at_ms = second * 1000
        for symbol in SYMBOLS:
            if rng.random() < 0.2:
                calls.append((at_ms, symbol, rng.lognormvariate(2.0, 0.5), rng.random() < 0.01))
            if rng.random() < 0.02:
                calls.append(
                    AbFill(
                        *(at_ms, symbol, rng.choice((-1.0, 1.0)), 100.0, 100.0, 0.01, rng.gauss(1.0, 5.0)),
                        taker=rng.random() < 0.2,
                    )
                )
    begun = time.process_time()
    for call in calls:
        if isinstance(call, AbFill):
            run.on_fill(call)
        else:
            at_ms, symbol, total, miss = call
            run.on_tick(at_ms, symbol, total, miss=miss, quotes=1)
    spent = time.process_time() - begun
    return None if run.rollback is None else run.rollback.gate, len(calls), spent


def main() -> None:
    """Print a JSON line for each z."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--seconds", type=int, default=3600)
    parser.add_argument("--z", type=float, nargs="*", default=[0.0, AbSettings().z])
    given = parser.parse_args()
    for z in given.z:
        results = [one_hour(seed, z, given.seconds) for seed in range(given.seeds)]
        tripped = Counter(gate for gate, _, _ in results if gate is not None)
        calls, spent = sum(count for _, count, _ in results), sum(took for _, _, took in results)
        line = {
            "z": z,
            "seeds": given.seeds,
            "seconds": given.seconds,
            "tripped": sum(tripped.values()),
            "rate": sum(tripped.values()) / given.seeds,
            "gates": dict(tripped),
            "us_a_call": round(1e6 * spent / calls, 2),
        }
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
