"""How a run bundle is written: flushing, durability, segments, checkpoints."""

from __future__ import annotations

import attrs
from attrs import validators

from mm_framework.settings import section, setting

__all__ = ["BundleSettings"]


@section("bundle")
@attrs.frozen
class BundleSettings:
    """Durability and size of a run's files."""

    flush_interval_s: float = setting(
        0.5,
        help="Longest time that a record waits before it is handed to the operating system.",
        validator=validators.gt(0),
    )
    flush_records: int = setting(
        500, help="Records after which they are handed over without waiting.", validator=validators.ge(1)
    )
    fsync_interval_s: float = setting(
        5.0,
        help="Longest time until what was handed over is forced to the disk; 0: at a file's end.",
        validator=validators.ge(0),
    )
    checkpoint_interval_s: float = setting(
        600.0,
        help="Time between checkpoints, from which a log can be read without what came before.",
        validator=validators.gt(0),
    )
    segment_max_s: float = setting(
        3600.0, help="Time after which a log goes on in a new segment file.", validator=validators.ge(0)
    )
    segment_max_mib: float = setting(
        1024.0, help="Size after which a log goes on in a new segment file.", validator=validators.ge(0)
    )
    queue_mib: float = setting(
        64.0,
        help="Records waiting for the disk, above which a run stops reading its connections.",
        validator=validators.ge(0),
    )
