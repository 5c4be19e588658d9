"""The window of a recorder: the stretch of local time that one run records. Pure.

A window begins each local day at ``start_hhmm`` and ends at ``end_hhmm``, ``end_day_offset`` days later;
an end that is not after its start means one day more. It carries the local date of its start. Windows of
neighbouring days may overlap: a run that starts while two are open joins the earlier one, which is still
open, and its successor records the other.

A local time that a change to summer time leaves out means the moment of the change plus what it lies
behind it; of one that comes twice a window begins with the first and ends with the second.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import attrs
from attrs import validators

from mm_framework.settings import nearest, section, setting

__all__ = ["Window", "WindowSettings", "window_at"]

_HHMM = re.compile(r"([01][0-9]|2[0-3]):?([0-5][0-9])")


def _time_of_day(instance: object, attribute: attrs.Attribute[Any], value: str) -> None:
    if value and not _HHMM.fullmatch(value):
        raise ValueError(f"{attribute.name} {value!r} is no time of the day: give HH:MM, from 00:00 to 23:59")


def _zone(instance: object, attribute: attrs.Attribute[Any], value: str) -> None:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        hint = nearest(value, available_timezones()) if value else "give one such as Europe/Berlin"
        raise ValueError(f"there is no time zone {value!r}; {hint}") from None


@section("window")
@attrs.frozen
class WindowSettings:
    """The stretch of local time that a run records; without a start it records until it is stopped."""

    tz: str = setting(
        "Europe/Berlin", help="Time zone of the window.", aliases=("window_tz",), validator=_zone
    )
    start_hhmm: str = setting(
        "",
        help="Local time at which the window begins, HH:MM; empty: no window.",
        aliases=("window_start_hhmm",),
        validator=_time_of_day,
    )
    end_hhmm: str = setting(
        "00:15",
        help="Local time at which it ends.",
        aliases=("window_end_hhmm",),
        validator=validators.and_(validators.min_len(1), _time_of_day),
    )
    end_day_offset: int = setting(
        1,
        help="Days between the date of the start and that of the end.",
        aliases=("window_end_day_offset",),
        validator=validators.and_(validators.ge(0), validators.le(366)),
    )


@attrs.frozen
class Window:
    """One window: ``date`` is the local date of its start; half-open, in ns since 1970, UTC."""

    date: date
    start_ns: int
    end_ns: int

    @property
    def folder_date(self) -> str:
        """``YYYYMMDD``, as day folders carry it."""
        return self.date.strftime("%Y%m%d")


def window_at(settings: WindowSettings, now_ns: int) -> Window | None:
    """The window to record at ``now_ns``: the earliest that is open, else the next. None without a start."""
    if not settings.start_hhmm:
        return None
    zone = ZoneInfo(settings.tz)
    today = datetime.fromtimestamp(now_ns // 10**9, zone).date()
    day = today - timedelta(days=settings.end_day_offset + 2)
    while (window := _window_of(settings, zone, day)).end_ns <= now_ns:
        day += timedelta(days=1)
    return window


def _window_of(settings: WindowSettings, zone: ZoneInfo, day: date) -> Window:
    """The window that begins on a local date."""
    start = datetime.combine(day, _time(settings.start_hhmm))
    end = datetime.combine(day + timedelta(days=settings.end_day_offset), _time(settings.end_hhmm))
    if end <= start:
        end += timedelta(days=1)
    ends = (_ns(end.replace(tzinfo=zone, fold=fold)) for fold in (0, 1))
    return Window(day, _ns(start.replace(tzinfo=zone)), max(ends))


def _time(text: str) -> time:
    match = _HHMM.fullmatch(text)
    assert match is not None, "settings are checked when they are made"
    return time(int(match[1]), int(match[2]))


def _ns(moment: datetime) -> int:
    return int(moment.timestamp()) * 10**9
