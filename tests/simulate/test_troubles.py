from __future__ import annotations

import pytest

from mm_framework.emulator.faults import FAULTS, parse_faults, parse_spec
from mm_framework.errors import ConfigError
from mm_framework.simulate.troubles import FATAL, TROUBLES, drawn, forecast, parse_troubles

S = 1_000_000_000


def test_faults_of_the_venue_and_troubles_are_written_alike() -> None:
    venue, ours = parse_troubles(
        "drop:0.3, kill@40 ,link-down:0.01,notice,power,reset@5", {"notice": "it says"}
    )
    assert venue == "drop:0.3,notice,reset@5"
    assert [str(one) for one in ours] == ["kill@40", "link-down:0.01", "power"]
    assert not set(FAULTS) & set(TROUBLES)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("link-downs", "did you mean 'link-down'"),
        ("rest:2", "the rate is a probability"),
        ("drop:2", "the rate is a probability"),
        ("kill@", "expected NAME, NAME:RATE or NAME@SECONDS"),
    ],
)
def test_what_is_no_fault_is_told(text: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        parse_troubles(text, {})


def test_a_forecast_is_a_function_of_its_seed_and_ends_in_time() -> None:
    _, ours = parse_troubles("stall:0.5,refused:0.2,kill@7,late:0.1,disk-full:1", {})
    one, again, other = (forecast(ours, seed, 10 * S, 100 * S) for seed in (1, 1, 2))
    assert one == again != other
    assert all(10 * S <= window.start_ns < 100 * S for window in one.windows)
    assert all(window.end_ns - window.start_ns <= 8 * S + 1 for window in one.windows)
    assert [window.start_ns for window in one.of("kill")] == [17 * S]
    assert len(one.of("stall")) > 20
    assert len(one.of("disk-full")) == 1, "what ends a run comes once"
    assert one.chances == {"late": 0.1}
    first = one.of("stall")[0]
    assert one.at(("stall",), first.start_ns) == first
    assert one.at(("stall",), 0) is None


@pytest.mark.parametrize("text", ["old-age@40", "old-age:0.025"])
def test_an_age_is_a_length_of_time(text: str) -> None:
    made = forecast(parse_troubles(text, {})[1], 1, 0, 100 * S)
    assert (made.max_session_s, made.windows) == (40.0, ())


def test_who_lets_go_of_an_instrument_waits_a_second_at_least() -> None:
    made = forecast(parse_troubles("universe:0.5", {})[1], 1, 0, 300 * S)
    assert min(window.end_ns - window.start_ns for window in made.windows) > S


def test_another_trouble_leaves_the_first_as_it_was() -> None:
    alone = forecast(parse_troubles("stall:0.5", {})[1], 1, 0, 100 * S)
    beside = forecast(parse_troubles("stall:0.5,dns:0.5", {})[1], 1, 0, 100 * S)
    assert beside.of("stall") == alone.of("stall")


def test_seeds_bring_every_fault_and_few_runs_end_before_their_time() -> None:
    texts = [drawn(seed, parse_faults("all")) for seed in range(400)]
    parsed = [parse_spec(part) for text in texts for part in text.split(",") if part]
    assert {spec.name for spec in parsed} == {*FAULTS, *TROUBLES}
    assert 20 < sum(any(name in text for name in FATAL) for text in texts) < 120
    assert any(spec.name == "drop" and (spec.rate or 0) > 0.1 for spec in parsed)
    assert all("e-" not in text for text in texts)
    assert not any("drop" in drawn(seed, ()) for seed in range(50))
