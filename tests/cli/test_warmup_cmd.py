"""``mm warmup``: what it says; `tests/kernels/test_loader.py` tries what it does."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest
from click.testing import CliRunner

from mm_framework.cli import main
from mm_framework.kernels import loader
from mm_framework.kernels.loader import KernelStatus

WARM = KernelStatus("on", "warm", "", "cache/key", "key", 2, 2, 1.5, "2024-05-06T07:08:09Z")
COLD = KernelStatus("on", "cold", "", "cache/key", "key")


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MM_LOAD_PLUGINS", "")
    monkeypatch.chdir(tmp_path)


class Kernels:
    """A loader that compiles nothing."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, status: KernelStatus) -> None:
        self.state, self.calls, self.groups, self.fail = status, [], [], None
        monkeypatch.setattr(loader, "status", lambda group: self.state)
        monkeypatch.setattr(loader, "names", lambda group: ["book.a", "book.b"])
        monkeypatch.setattr(loader, "warm", self.warm)

    state: KernelStatus
    calls: list[bool]
    groups: list[str]
    fail: Exception | None

    def warm(self, built: Callable[[str], None], *, anew: bool, group: str) -> dict[str, float]:
        if self.fail is not None:
            raise self.fail
        self.calls.append(anew)
        self.groups.append(group)
        self.state = WARM
        for name in ("book.a", "book.b"):
            built(name)
        return {"book.a": 1.0, "book.b": 0.5}


def warmup(*arguments: str) -> Any:
    return CliRunner().invoke(main, ["warmup", *arguments])


def test_a_cold_cache_is_filled_and_each_kernel_told(monkeypatch: pytest.MonkeyPatch) -> None:
    kernels = Kernels(monkeypatch, COLD)
    result = warmup()
    assert result.exit_code == 0
    assert kernels.calls == [False]
    lines = [line.split() for line in result.stdout.splitlines()]
    assert lines[:3] == [["kernel", "seconds"], ["book.a", "1.00"], ["book.b", "0.50"]]
    assert " ".join(lines[3]) == "2 kernels compiled in 1.5 s, kept in cache/key"


def test_json_tells_the_state_and_the_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    Kernels(monkeypatch, COLD)
    assert json.loads(warmup("--json").stdout) == {
        "ok": True,
        **attrs.asdict(WARM),
        "built": {"book.a": 1.0, "book.b": 0.5},
    }


def test_a_warm_cache_is_left_alone_unless_forced(monkeypatch: pytest.MonkeyPatch) -> None:
    kernels = Kernels(monkeypatch, WARM)
    assert warmup().stdout == "already compiled: 2 kernels at 2024-05-06T07:08:09Z in cache/key\n"
    assert kernels.calls == []
    assert json.loads(warmup("--force", "--json").stdout)["built"] == {"book.a": 1.0, "book.b": 0.5}
    assert kernels.calls == [True]


@pytest.mark.parametrize(("state", "word"), [("off", "off (MM_KERNELS)"), ("not installed", "not installed")])
def test_without_kernels_there_is_nothing_to_do(
    monkeypatch: pytest.MonkeyPatch, state: str, word: str
) -> None:
    kernels = Kernels(monkeypatch, KernelStatus("off", state))
    result = warmup("--force")
    assert result.exit_code == 0
    assert word in result.stdout
    assert "the reference path needs no compile" in result.stdout
    assert kernels.calls == []


@pytest.mark.parametrize("failure", [OSError("no room"), ImportError("no LLVM"), RuntimeError("odd\ncode")])
def test_a_machine_that_cannot_compile_is_one_line_and_5(
    monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    kernels = Kernels(monkeypatch, COLD)
    kernels.fail = failure
    result = warmup("--json")
    assert result.exit_code == 5
    document = json.loads(result.stdout)
    assert document["ok"] is False
    assert document["error"].endswith("without kernels everything runs with MM_KERNELS=off")
    assert " ".join(str(failure).split()) in document["error"]


def test_the_engine_of_backtests_is_compiled_when_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    kernels = Kernels(monkeypatch, COLD)
    assert warmup("--engine").exit_code == 0
    assert kernels.groups == ["engine"]
    kernels.state = COLD
    assert warmup().exit_code == 0
    assert kernels.groups == ["engine", "kernels"]
