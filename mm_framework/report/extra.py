"""The libraries that draw, which a plain installation lacks."""

from __future__ import annotations

from importlib.util import find_spec

from mm_framework.errors import EnvironmentFailed

__all__ = ["need_plot_extra"]


def need_plot_extra() -> None:
    """Raise EnvironmentFailed when one of them is missing, before any work is done for nothing."""
    missing = [name for name in ("matplotlib", "plotly") if not _is_there(name)]
    if missing:
        raise EnvironmentFailed(
            f"charts need {' and '.join(missing)}, which this installation lacks: install mm-framework[plot]"
        )


def _is_there(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ValueError:  # what is set to None in sys.modules
        return False
