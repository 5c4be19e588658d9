"""Which plugins are loaded, and which wins a name that two claim."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from mm_framework.settings import section, setting

__all__ = ["PluginSettings"]


@section("plugins")
@attrs.frozen
class PluginSettings:
    """Plugins are named by distribution (``mm-kraken``) or by entry point (``kraken``)."""

    allow: tuple[str, ...] | None = setting(
        None,
        help="Load only these plugins; unset: all that are installed, empty: none.",
        variable="MM_LOAD_PLUGINS",
    )
    block: tuple[str, ...] = setting((), help="Do not load these plugins, not even import them.")
    prefer: Mapping[str, str] = setting(
        {},
        help="Who wins a name that two plugins claim: KIND.NAME or NAME = distribution, "
        "such as adapters.kraken=mm-kraken.",
    )
    trace: bool = setting(False, help="Write every hook call to stderr.", variable="MM_TRACE_PLUGINS")
