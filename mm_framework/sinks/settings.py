"""Settings of the sinks of a live run, whatever they write."""

from __future__ import annotations

from typing import Literal

import attrs
from attrs import validators

from mm_framework.settings import section, setting

__all__ = ["SinkSettings"]


@section("sinks")
@attrs.frozen
class SinkSettings:
    """Where the sinks of a live run are written, and the queue before them."""

    queue_mib: float = setting(
        64.0,
        help="Memory of records that wait for the sinks; beyond it the run waits for them.",
        validator=validators.ge(0),
    )
    process: Literal["auto", "always", "never"] = setting(
        "auto",
        help="Write sinks in a process of their own: takes more memory, and the run receives undisturbed; "
        "else in a thread of the run. auto: from five instruments on.",
    )
