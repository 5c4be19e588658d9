"""Settings of the store."""

from __future__ import annotations

import attrs
from attrs import validators

from mm_framework.settings import section, setting

__all__ = ["StoreSettings"]


@section("store")
@attrs.frozen
class StoreSettings:
    """How a store is built and read."""

    workers: int = setting(1, help="Processes that build.", validator=validators.ge(1))
    temp_dir: str = setting("", help="Folder for intermediate files; empty: the system's.")
    memory_mib: int = setting(
        512,
        help="Memory that a query may use before it goes to temporary files.",
        validator=validators.ge(64),
    )
    query_timeout_s: float = setting(300.0, help="Longest time of a query.", validator=validators.gt(0))
    max_unpack_ratio: int = setting(
        200,
        help="Most bytes that a byte of a compressed input may stand for; 64 MiB are free.",
        validator=validators.ge(2),
    )
    cache_dir: str = setting("", help="Folder of the row cache; empty: in the user's cache folder.")
    cache_max_gb: float = setting(
        20.0,
        help="Size of the row cache, above which the files used longest ago are removed.",
        validator=validators.ge(0),
    )
