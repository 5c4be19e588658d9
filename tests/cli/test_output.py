"""Results on stdout, the rest on stderr; one JSON document; logs as JSON lines off a terminal."""

from __future__ import annotations

import io
import json
import logging
import sys
from pathlib import Path

import pytest

from mm_framework.cli.output import Output

Captured = pytest.CaptureFixture[str]


def test_a_result_is_text_or_one_document(capsys: Captured) -> None:
    Output().emit({"ok": True}, "well")
    Output().emit({"ok": True}, lambda: "later")
    Output(json=True).emit({"ok": True, "a": [1]}, "well")
    assert capsys.readouterr().out == 'well\nlater\n{"ok": true, "a": [1]}\n'


def test_text_is_not_made_when_a_document_is_wanted() -> None:
    Output(json=True).emit({}, lambda: pytest.fail("made"))


def test_a_second_document_is_our_mistake() -> None:
    out = Output(json=True)
    out.emit({})
    with pytest.raises(RuntimeError, match="one document"):
        out.emit({})


def test_keys_keep_their_order_unless_sorted(capsys: Captured) -> None:
    Output(json=True).emit({"b": 1, "a": 2})
    Output(json=True).emit({"b": 1, "a": 2}, sort_keys=True)
    assert capsys.readouterr().out == '{"b": 1, "a": 2}\n{"a": 2, "b": 1}\n'


def test_a_number_that_json_does_not_have_is_refused() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        Output(json=True).emit({"x": float("nan")})


def test_a_table_off_a_terminal_is_neither_cut_nor_padded(capsys: Captured) -> None:
    out = Output()
    out.emit({}, out.table(("name", "value"), [("a", "x" * 300), ("[b]", None)]))
    assert capsys.readouterr().out == f"name  value\na     {'x' * 300}\n[b]   -\n"


def test_notes_go_to_stderr_and_are_left_out_when_quiet(capsys: Captured) -> None:
    Output(json=True).note("one")
    Output(quiet=True).note("two")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "note: one\n")


class Clock:
    """A clock that a test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_progress_off_a_terminal_is_a_line_each_few_seconds(capsys: Captured) -> None:
    clock = Clock()
    with Output().progress("reading", 10, "frames", clock=clock) as advance:
        for _ in range(10):
            clock.now += 2.0
            advance(1)
    assert (
        capsys.readouterr().err
        == "reading: 3 of 10 frames\nreading: 6 of 10 frames\nreading: 9 of 10 frames\n"
    )


@pytest.mark.parametrize("out", [Output(json=True), Output(quiet=True)], ids=["json", "quiet"])
def test_progress_is_silent_with_json_or_when_quiet(out: Output, capsys: Captured) -> None:
    clock = Clock()
    with out.progress("reading", clock=clock) as advance:
        clock.now += 100.0
        advance(1)
    assert capsys.readouterr().err == ""


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_progress_on_a_terminal_is_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    with Output().progress("reading", 4, "frames") as advance:
        advance(3)
        advance(1)
    assert "reading" in terminal.getvalue()
    assert "4/4" in terminal.getvalue()


def test_logs_off_a_terminal_are_json_lines_with_what_is_bound(capsys: Captured) -> None:
    log = logging.getLogger("mm_framework.test")
    with Output().logs():
        log.info("state %s", "SYNCED", extra={"venue": "kraken", "folder": Path("x")})
        log.debug("not told")
        try:
            raise OSError("gone")
        except OSError:
            log.exception("lost")
    log.warning("after")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["msg"] for line in lines] == ["state SYNCED", "lost"]
    first, second = lines
    assert first["level"] == "info"
    assert first["logger"] == "mm_framework.test"
    assert (first["venue"], first["folder"]) == ("kraken", "x")
    assert first["ts"].endswith("Z")
    assert set(first) == {"ts", "level", "logger", "msg", "venue", "folder"}
    assert "OSError: gone" in second["exception"]


@pytest.mark.parametrize(
    ("out", "told"),
    [(Output(quiet=True), ["w"]), (Output(), ["i", "w"]), (Output(verbose=True), ["d", "i", "w"])],
    ids=["quiet", "plain", "verbose"],
)
def test_the_level_of_logs_follows_the_root_options(out: Output, told: list[str], capsys: Captured) -> None:
    log = logging.getLogger("mm_framework.test")
    with out.logs():
        log.debug("d")
        log.info("i")
        log.warning("w")
        logging.getLogger("websockets").info("noise")
    assert [json.loads(line)["msg"] for line in capsys.readouterr().err.splitlines()] == told


def test_logging_leaves_levels_and_handlers_as_they_were() -> None:
    root, noisy = logging.getLogger(), logging.getLogger("websockets")
    before = root.level, noisy.level, list(root.handlers)
    with Output(verbose=True).logs():
        assert root.level == logging.DEBUG
    assert (root.level, noisy.level, list(root.handlers)) == before


def test_logs_on_a_terminal_are_for_people(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    with Output().logs():
        logging.getLogger("mm_framework.test").info("hello [x]")
    assert "INFO" in terminal.getvalue()
    assert "hello" in terminal.getvalue()
    assert '{"' not in terminal.getvalue()
