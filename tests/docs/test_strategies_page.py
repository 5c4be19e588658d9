"""The page of what a strategy sees names all of it; the strategy that the how-to shows passes its tests."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import attrs
import pytest

from mm_framework import num
from mm_framework.contracts.strategy import On, Out, Strategy, TimeInForce, Urgency, View, Wake
from mm_framework.model.orders import Refusal
from mm_framework.testing.strategies import backtest, tape

_PYTHON = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def page(repository: Path) -> str:
    return (repository / "docs" / "reference" / "strategies.md").read_text(encoding="utf-8")


@pytest.fixture
def shown(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """The names of the tests that the how-to shows, about its strategy."""
    text = (repository / "docs" / "how-to" / "write-a-plugin.md").read_text(encoding="utf-8")
    blocks = _PYTHON.findall(text)
    (source,) = [block for block in blocks if "def decide(" in block]
    (tests,) = [block for block in blocks if "def test_" in block]
    package = tmp_path / "my_strategy"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "strategy.py").write_text(source, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "my_strategy", raising=False)
    monkeypatch.delitem(sys.modules, "my_strategy.strategy", raising=False)
    names: dict[str, object] = {}
    exec(compile(tests, "write-a-plugin.md", "exec"), names)
    return names


def test_every_field_and_call_is_explained(page: str) -> None:
    fields = [*View.__annotations__, *Wake.__annotations__, *(one.name for one in attrs.fields(Strategy))]
    calls = [name for name in vars(Out) if not name.startswith("_")]
    assert {"place", "timer"} <= set(calls)
    assert [name for name in fields if not re.search(rf"`{name}(\[k\])?`", page)] == []
    assert [name for name in calls if f"`{name}(" not in page] == []


def test_every_word_is_explained(page: str) -> None:
    words = [one.name for kind in (On, TimeInForce, Refusal) for one in kind]
    assert [word for word in words if f"`{word}`" not in page] == []
    assert [one.name for one in Urgency if f"`Urgency.{one.name}`" not in page] == []
    assert [name for name in num.__all__ if f"`{name}(" not in page] == []


def test_the_tests_of_the_how_to_pass(shown: dict[str, object]) -> None:
    tests = [test for name, test in shown.items() if name.startswith("test_")]
    assert len(tests) == 2
    for test in tests:
        assert callable(test)
        test()


def test_the_example_of_the_kit_holds(page: str, shown: dict[str, object]) -> None:
    (example,) = _PYTHON.findall(page)
    exec(example, {"tape": tape, "backtest": backtest, "strategy": shown["STRATEGY"]})
