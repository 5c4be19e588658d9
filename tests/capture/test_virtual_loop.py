"""The loop on virtual time: no waiting, one order, and a deadlock is an error."""

from __future__ import annotations

import asyncio
import random

import pytest

from mm_framework.capture.clock import VirtualClock
from mm_framework.capture.virtual_loop import VirtualDeadlock, run_virtual


def test_a_day_of_sleep_takes_no_time_and_ends_on_the_nanosecond() -> None:
    clock = VirtualClock(0)
    run_virtual(lambda: asyncio.sleep(86_400.000_000_5), clock)
    assert clock.now_ns == 86_400_000_000_500


def test_timers_fire_in_order_at_their_times() -> None:
    clock = VirtualClock(7_000_000_000)
    fired: list[tuple[str, int]] = []

    async def nap(name: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        fired.append((name, clock.now_ns - 7_000_000_000))

    async def main() -> None:
        await asyncio.gather(nap("b", 0.25), nap("a", 0.001), nap("c", 3600.0))

    run_virtual(main, clock)
    assert fired == [("a", 1_000_000), ("b", 250_000_000), ("c", 3_600_000_000_000)]


def test_a_wait_for_what_nothing_will_bring_about_is_an_error_that_names_the_task() -> None:
    async def main() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.set_name("patience")
        await asyncio.get_running_loop().create_future()

    with pytest.raises(VirtualDeadlock, match=r"stands at 1000000000 ns .* for ever: patience"):
        run_virtual(main, VirtualClock())


def test_a_busy_machine_is_late_and_handles_what_is_due_in_one_burst() -> None:
    clock = VirtualClock(0)
    woken: list[int] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        for milliseconds in range(1, 11):
            loop.call_at(milliseconds / 1e3, lambda: woken.append(clock.now_ns))
        await asyncio.sleep(0.02)

    delays = iter([0, 0, 5_000_000])
    run_virtual(main, clock, delay=lambda: next(delays, 0))
    assert woken[:2] == [1_000_000, 2_000_000]
    assert woken[2:8] == [8_000_000] * 6
    assert woken[8:] == [9_000_000, 10_000_000]


@pytest.mark.parametrize("seed", range(3))
def test_the_same_seed_gives_the_same_run(seed: int) -> None:
    def run() -> list[tuple[int, int]]:
        clock, draw, log = VirtualClock(), random.Random(seed), list[tuple[int, int]]()

        async def worker(number: int) -> None:
            for _ in range(20):
                await asyncio.sleep(draw.random())
                log.append((number, clock.now_ns))

        async def main() -> None:
            await asyncio.gather(*map(worker, range(5)))

        run_virtual(main, clock, delay=lambda: draw.randrange(50_000_000))
        return log

    assert run() == run()
