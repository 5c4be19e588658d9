"""Schemathesis asks what the OpenAPI document allows, and what it forbids: the answers are as documented."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from asking import Asking
from hypothesis import HealthCheck, Phase, given, settings
from serving import played, recorded, running

schemathesis = pytest.importorskip("schemathesis")

pytestmark = pytest.mark.timeout(300)

EXAMPLES = int(os.environ.get("MM_SCHEMA_EXAMPLES", "3"))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("schema")
    run = recorded(folder / "runs" / "one", seconds=5.0)
    with running(played(run, folder), ["rest"]) as address:
        yield address


@pytest.mark.parametrize("mode", ["positive", "negative"])
def test_answers_are_as_the_document_says(served: str, mode: str) -> None:
    ask = Asking(served)
    schema = schemathesis.openapi.from_dict(ask("/openapi.json").json)
    ask.close()
    asked: set[str] = set()
    for found in schema.get_all_operations():
        operation = found.ok()
        if mode == "negative" and not (operation.query or operation.path_parameters):
            continue

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(schemathesis.GenerationMode(mode)))
        def check(case: Any) -> None:
            asked.add(case.operation.path)
            case.call_and_validate(base_url=f"http://{served}")

        check()
    assert len(asked) >= 5
