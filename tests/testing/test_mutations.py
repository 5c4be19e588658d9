"""Damage to frames is drawn from a seed, and of every kind."""

from __future__ import annotations

import json
import random

from mm_framework.testing.mutations import blank, damaged

FRAMES = [b'{"a":[1.25,"x"],"b":{"c":null}}', b'["y",{"price":"17.50"},300]']


def test_the_same_seed_gives_the_same_frames_and_another_others() -> None:
    first, again, other = (list(damaged(FRAMES, 200, seed=seed)) for seed in (1, 1, 2))
    assert first == again
    assert first != other
    assert len(first) == 200


def test_some_frames_stay_whole_some_stay_json_and_some_do_not() -> None:
    found = list(damaged(FRAMES, 2000, seed=3))
    whole = sum(frame in FRAMES for frame in found)
    valid = 0
    for frame in found:
        try:
            json.loads(frame)
            valid += 1
        except ValueError:
            continue
    assert 50 < whole < valid < 1900
    assert len(set(found)) > 1000


def test_a_frame_may_be_empty_and_stays_bytes() -> None:
    assert set(damaged([b""], 20, seed=1)) == {b""}
    assert all(isinstance(frame, bytes) for frame in damaged([b"x"], 50, seed=1))


def test_blanks_between_tokens_change_nothing() -> None:
    for frame in FRAMES:
        for seed in range(20):
            assert json.loads(blank(frame, random.Random(seed))) == json.loads(frame)
