"""The trials themselves: what they call broken, and that their mistakes still fit the program."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mm_kraken")
pytest.importorskip("mm_toy_spread")
pytestmark = pytest.mark.skipif(os.name == "nt", reason="the trials need signals of POSIX")


def room(path: Path, seconds: float = 0.0, **more: Any) -> Any:
    from trial import Room

    return Room(path, 1, seconds, **more)


def test_a_room_draws_the_same_again_and_stops_when_its_time_is_over(tmp_path: Path) -> None:
    whole = [list(room(tmp_path, whole=True).some(range(50), "x")) for _ in range(2)]
    assert whole[0] == whole[1] != sorted(whole[0])
    assert sorted(whole[0]) == list(range(50))
    assert list(room(tmp_path).some(range(50), "x")) == []


def test_a_command_that_breaks_its_word_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    import click
    import command

    assert command.ask("venues", "--json").broken is None
    refused = command.ask("verify", "absent")
    assert (refused.code, refused.broken) == (4, None)

    def broken(raised: BaseException | None, code: int) -> str | None:
        @click.command()
        def main() -> None:
            if raised is not None:
                raise raised
            raise SystemExit(code)

        monkeypatch.setattr(command, "main", main)
        return command.ask().broken

    assert "ValueError" in (broken(ValueError("x"), 0) or "")
    assert broken(None, 0) is None
    assert broken(None, 77) == "ended with 77"
    assert broken(None, 5) == "ended with 5 and 0 lines of error"


def test_a_command_that_does_not_end_is_told() -> None:
    from command import Endless, within

    with pytest.raises(Endless), within(0.05):
        time.sleep(60)


def test_damage_that_nobody_notices_is_a_violation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import damage
    from command import Answer
    from trial import Tried

    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "file").write_bytes(b"abc")

    def blind(*arguments: str) -> Answer:
        return Answer(0, "fine", None)

    monkeypatch.setattr(damage, "ask", blind)
    for answer, violations in ((damage.SEEN, 12), (damage.SAME, 0), (damage.FREE, 0)):
        done = Tried()
        damage.damage_file(damage.Kind("kind", "file", ("read",), answer), room(tmp_path, whole=True), done)
        assert (done.tried, len(done.violations)) == (12, violations)
    assert (tmp_path / "corpus" / "file").read_bytes() == b"abc"


def test_the_nth_call_fails_and_no_other(tmp_path: Path) -> None:
    from refusals import refusing

    def write(name: str) -> None:
        with (tmp_path / name).open("w") as file:
            file.write("x")

    with refusing("write", 2) as told:
        write("one")
        with pytest.raises(OSError, match="No space left"):
            write("two")
        write("three")
    assert told == [str(tmp_path / "two")]
    assert [(tmp_path / name).read_text() for name in ("one", "two", "three")] == ["x", "", "x"]
    with refusing("open", 1), pytest.raises(OSError, match="No space left"):
        write("four")
    with refusing("rename", 1), pytest.raises(OSError, match="No space left"):
        (tmp_path / "one").rename(tmp_path / "five")
    assert (tmp_path / "one").exists()


def test_every_mistake_fits_the_program(repository: Path) -> None:
    from planted import mistakes

    found = mistakes()
    assert len({one.name for one in found}) == len(found) == 30
    for one in found:
        assert (repository / one.file).read_text().count(one.old) == 1, one.name
        assert one.old != one.new
        for path in one.hunt[1:] if one.hunt[0] == "tests" else ():
            assert (repository / path).exists(), path


def test_a_mistake_that_nothing_finds_is_a_violation(tmp_path: Path) -> None:
    import planted

    (tmp_path / "torture").mkdir()
    (tmp_path / "torture" / "hunt.py").write_text(
        "import pathlib, sys\nsys.exit(9 * ('bad' in pathlib.Path('x.py').read_text()))\n"
    )
    (tmp_path / "x.py").write_text("good\n")
    found, missed, gone = (
        planted.Mistake("one", "x.py", old, new, ())
        for old, new in (("good", "bad"), ("good", "fine"), ("no", "x"))
    )
    assert planted.hunted(found, tmp_path) is None
    assert "not found" in (planted.hunted(missed, tmp_path) or "")
    assert "0 times" in (planted.hunted(gone, tmp_path) or "")
    assert (tmp_path / "x.py").read_text() == "good\n"


def test_memory_that_grows_is_a_violation() -> None:
    from soak import judged

    assert judged([100.0] * 30, 0).violations == []
    assert "memory grows" in judged([100.0] * 20 + [130.0] * 10, 0).violations[0]
    assert "ended with 1" in judged([100.0] * 30, 1).violations[0]


def test_counts_stand_on_the_page(repository: Path) -> None:
    from page import PAGE, filled

    trial = {"trial": "damaged files", "tried": 12345, "violations": [], "seconds": 61.4}
    report = {"seed": 3, "day": "2026-01-02", "python": "3.11.1", "minutes": 2.0, "trials": [trial]}
    page = filled(PAGE.read_text(), report)
    assert "| damaged files | 12,345 | 0 | 61 |" in page
    assert "2 minutes of it" in page
    assert filled(page, report) == page
    with pytest.raises(ValueError, match="no <!-- counts"):
        filled("", report)


def test_a_run_of_a_second_ends_with_a_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import json
    import sys

    import run_trials
    from trial import Tried

    trials = {"good": (lambda room: Tried(3), 1.0), "bad": (lambda room: Tried(1, ["broke"]), 1.0)}
    monkeypatch.setattr(run_trials, "TRIALS", trials)
    report = tmp_path / "torture.json"
    monkeypatch.setattr(sys, "argv", ["run_trials.py", "--minutes", "1", "--json", str(report)])
    assert run_trials.main() == 1
    assert [one["tried"] for one in json.loads(report.read_text())["trials"]] == [3, 1]
    monkeypatch.setattr(
        sys, "argv", ["run_trials.py", "--minutes", "1", "--only", "good", "--json", str(report)]
    )
    assert run_trials.main() == 0
