"""A live run with simulated execution: capture drives the pipeline, and the clock is read on the way."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from mm_framework.feed import Output, VenueKit
from mm_framework.model.frame import Block
from mm_framework.trading.queued import AnyPipeline
from mm_framework.trading.stages import StageClock, TimedNormalizer

__all__ = ["Paper"]


class Paper:
    """The listener of a live run around a pipeline. ``stages`` measures what it does.

    `timed` has to wrap the venue kits of the run, so that the time of decoding is known.
    """

    def __init__(
        self, make_pipeline: Callable[[Callable[[str], None]], AnyPipeline], clock: Callable[[], int]
    ) -> None:
        self._clock = clock
        self._normalizers: list[TimedNormalizer] = []
        self.stages = StageClock(clock)
        self.pipeline = make_pipeline(self.stages.point)

    def timed(self, kit: VenueKit) -> VenueKit:
        """The kit with a normalizer that notes when it has read a frame."""
        normalizer = TimedNormalizer(kit.normalizer, self._clock)
        self._normalizers.append(normalizer)
        return attrs.evolve(kit, normalizer=normalizer)

    @property
    def done(self) -> bool:
        """See the listener of a capture."""
        return self.pipeline.done

    def on_output(self, shard: int, record: Block, mono_ns: int, output: Output) -> None:
        """See the listener of a capture."""
        decoded = [ns for one in self._normalizers if (ns := one.take_decoded_ns()) is not None]
        self.stages.begin(mono_ns, decoded[0] if decoded else None)
        self.pipeline.on_output(shard, record, mono_ns, output)

    def next_timer_ns(self) -> int | None:
        """See the listener of a capture."""
        return self.pipeline.next_timer_ns()

    def on_end(self, mono_ns: int) -> None:
        """See the listener of a capture."""
        self.stages.begin(mono_ns, None)
        self.pipeline.on_end(mono_ns)
