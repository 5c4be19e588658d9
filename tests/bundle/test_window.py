"""Windows of a recorder: which one is joined, what changes of summer time do to it."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm_framework.bundle.window import Window, WindowSettings, window_at
from mm_framework.errors import ConfigError
from mm_framework.settings import Given, load

BERLIN = ZoneInfo("Europe/Berlin")
HOUR_NS = 3600 * 10**9


def at(text: str, zone: ZoneInfo = BERLIN, fold: int = 0) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold).timestamp()) * 10**9


def recorder(**changes: object) -> WindowSettings:
    """The recorder's window: midnight to 00:15 of the next day, in Berlin."""
    return WindowSettings(**{"start_hhmm": "00:00", **changes})  # type: ignore[arg-type]


def found(settings: WindowSettings, now: str, **where: int) -> Window:
    window = window_at(settings, at(now, **where))
    assert window is not None
    return window


def test_without_a_start_there_is_no_window() -> None:
    assert window_at(WindowSettings(), at("2026-11-21T12:00")) is None


def test_the_window_of_the_day_carries_the_date_of_its_start() -> None:
    window = found(recorder(), "2026-11-21T12:00")
    assert window == Window(date(2026, 11, 21), at("2026-11-21T00:00"), at("2026-11-22T00:15"))
    assert window.folder_date == "20261121"


def test_between_midnight_and_the_end_the_window_still_open_is_joined() -> None:
    assert found(recorder(), "2026-11-22T00:00").date == date(2026, 11, 21)
    assert found(recorder(), "2026-11-22T00:14:59").date == date(2026, 11, 21)
    assert found(recorder(), "2026-11-22T00:15").date == date(2026, 11, 22)


def test_before_the_start_it_is_the_next_one() -> None:
    settings = recorder(start_hhmm="09:00", end_hhmm="17:30", end_day_offset=0)
    window = found(settings, "2026-11-21T03:00")
    assert (window.start_ns, window.end_ns) == (at("2026-11-21T09:00"), at("2026-11-21T17:30"))
    assert found(settings, "2026-11-21T17:30").date == date(2026, 11, 22)


def test_an_end_that_is_not_after_the_start_is_on_the_next_day() -> None:
    night = recorder(start_hhmm="22:00", end_hhmm="06:00", end_day_offset=0)
    assert found(night, "2026-11-21T23:00").end_ns == at("2026-11-22T06:00")
    assert found(night, "2026-11-22T05:59").date == date(2026, 11, 21)
    whole = recorder(end_hhmm="00:00", end_day_offset=0)
    window = found(whole, "2026-11-21T00:00")
    assert (window.date, window.end_ns - window.start_ns) == (date(2026, 11, 21), 24 * HOUR_NS)


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-03-29", 23.25), ("2026-10-25", 25.25), ("2026-06-01", 24.25)]
)
def test_a_day_of_a_time_change_is_shorter_or_longer(day: str, hours: float) -> None:
    window = found(recorder(), f"{day}T12:00")
    assert window.date == date.fromisoformat(day)
    assert (window.end_ns - window.start_ns) / HOUR_NS == hours


def test_a_start_that_the_change_leaves_out_comes_as_much_later() -> None:
    window = found(recorder(start_hhmm="02:30", end_hhmm="12:00", end_day_offset=0), "2026-03-29T00:30")
    assert window.start_ns == at("2026-03-29T03:30")
    ends = found(recorder(end_hhmm="02:30", end_day_offset=0), "2026-03-29T00:30")
    assert ends.end_ns == at("2026-03-29T03:30")


def test_of_a_time_that_comes_twice_the_window_takes_all() -> None:
    begins = found(recorder(start_hhmm="02:30", end_hhmm="12:00", end_day_offset=0), "2026-10-25T01:00")
    assert begins.start_ns == at("2026-10-25T02:30", fold=0)
    ends = found(recorder(end_hhmm="02:30", end_day_offset=0), "2026-10-25T01:00")
    assert ends.end_ns == at("2026-10-25T02:30", fold=1)
    assert ends.end_ns - ends.start_ns == 3.5 * HOUR_NS


@given(
    now=st.integers(at("2024-01-01T00:00"), at("2028-01-01T00:00")),
    start=st.times(),
    end=st.times(),
    offset=st.integers(0, 3),
    zone=st.sampled_from(["Europe/Berlin", "UTC", "America/New_York", "Asia/Kolkata", "Pacific/Auckland"]),
)
def test_the_window_found_is_the_earliest_that_is_not_over(
    now: int, start: object, end: object, offset: int, zone: str
) -> None:
    settings = WindowSettings(
        tz=zone, start_hhmm=f"{start:%H:%M}", end_hhmm=f"{end:%H:%M}", end_day_offset=offset
    )
    window = window_at(settings, now)
    assert window is not None
    assert window.start_ns < window.end_ns
    assert now < window.end_ns
    # The window of the day before was over: at any moment in it, it or one before it would be found.
    before = window_at(settings, window.start_ns - 24 * HOUR_NS)
    assert before is not None
    assert before.date < window.date or before.end_ns > now
    assert abs(
        datetime.fromtimestamp(window.start_ns / 1e9, ZoneInfo(zone)).date() - window.date
    ) <= timedelta(1)


@pytest.mark.parametrize(
    ("field", "text", "told"),
    [
        ("start_hhmm", "24:00", "is no time of the day: give HH:MM"),
        ("end_hhmm", "", "end_hhmm"),
        ("tz", "Europe/Berln", "did you mean 'Europe/Berlin'"),
        ("tz", "../etc/passwd", "there is no time zone"),
        ("end_day_offset", "-1", "end_day_offset"),
    ],
)
def test_what_is_no_window_is_refused(field: str, text: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        load(WindowSettings, flags={field: Given(text, "flag")})


def test_the_earlier_names_are_read() -> None:
    env = {"WINDOW_START_HHMM": "0030", "WINDOW_TZ": "UTC", "WINDOW_END_DAY_OFFSET": "2"}
    settings = load(WindowSettings, env=env, compat=True).value
    assert (settings.start_hhmm, settings.tz, settings.end_day_offset) == ("0030", "UTC", 2)
    assert load(WindowSettings, env=env).value == WindowSettings()
