"""The drawings are those of the code: its states, stages, rooms and hooks, and what passes between them."""

from __future__ import annotations

import ast
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from mm_framework.sync import state
from mm_framework.trading import order_states

SVG = "{http://www.w3.org/2000/svg}"
NAMES = ("book-states.svg", "data-path.svg", "order-states.svg", "roll-out.svg")


@pytest.fixture(scope="module")
def drawings(generate: ModuleType) -> Any:
    return generate.drawings


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]


@pytest.mark.parametrize("name", NAMES)
def test_a_committed_drawing_is_the_one_of_the_code_and_stands_on_a_page(
    drawings: Any, prose: dict[str, str], name: str
) -> None:
    assert set(drawings.DRAWINGS) == set(NAMES)
    committed = (drawings.PICTURES / name).read_text(encoding="utf-8")
    assert committed == drawings.DRAWINGS[name](), "run `make docs` and commit"
    assert any(f"pictures/{name})" in text for text in prose.values())
    assert "http" not in committed.replace("http://www.w3.org/2000/svg", ""), "it loads something"


@pytest.mark.parametrize(
    ("name", "table"),
    [("book-states.svg", state.TRANSITIONS), ("order-states.svg", order_states.TRANSITIONS)],
    ids=["book", "order"],
)
def test_every_state_is_drawn_with_every_trigger(
    drawings: Any, name: str, table: Mapping[Enum, Mapping[Enum, Enum]]
) -> None:
    drawn = texts((drawings.PICTURES / name).read_text(encoding="utf-8"))
    assert {old.name for old in table} <= set(drawn)
    arrows = drawings.arrows_of(table, {})
    for old, row in table.items():
        for trigger, new in row.items():
            of_all = f"{trigger.name}, from all but "
            assert any(
                arrow.end == new.name
                and (
                    (arrow.start == old.name and trigger.name in arrow.labels)
                    or (arrow.start is None and arrow.labels[0].startswith(of_all))
                )
                for arrow in arrows
            ), f"{old.name} --{trigger.name}-> {new.name} is not drawn"


def test_a_state_without_a_place_is_told(drawings: Any) -> None:
    places = dict(drawings.BOOK_PLACES)
    del places["RESYNCING"]
    with pytest.raises(ValueError, match="no place for RESYNCING"):
        drawings.table_of_states("books", state.TRANSITIONS, places, {})


def test_an_arrow_from_all_speaks_for_those_it_does_not_name(drawings: Any) -> None:
    for arrow in drawings.arrows_of(state.TRANSITIONS, {}):
        if arrow.start is None:
            trigger, _, others = arrow.labels[0].partition(", from all but ")
            found = {
                old.name
                for old, row in state.TRANSITIONS.items()
                if any((t.name, new.name) == (trigger, arrow.end) for t, new in row.items())
            }
            assert found == {old.name for old in state.TRANSITIONS} - set(others.split(", "))


def test_every_room_is_on_the_path_or_beside_it(drawings: Any, repository: Path) -> None:
    found = {
        path.stem if path.is_file() else path.name
        for path in (repository / "mm_framework").iterdir()
        if path.suffix == ".py" or (path / "__init__.py").is_file()
    }
    rooms = {name for name in found if not name.startswith("__")}
    on_path = {stage.module.split(".")[1] for stage in drawings.STAGES}
    on_path |= {flow.by.split(".")[1] for flow in drawings.FLOWS}
    assert on_path.isdisjoint(drawings.BESIDE)
    assert rooms == on_path | drawings.BESIDE
    assert rooms == set(drawings.layers())


def test_every_hook_is_at_a_stage(drawings: Any, generate: ModuleType) -> None:
    drawn = {f"mm_register_{hook}" for stage in drawings.STAGES for hook in stage.hooks}
    assert drawn == set(generate.hook_functions())


def test_every_stage_and_all_that_passes_is_in_the_code(drawings: Any, repository: Path) -> None:
    for stage in drawings.STAGES:
        assert drawings.named(stage.by) is not None
    rooms = {stage.name: stage.module.split(".")[1] for stage in drawings.STAGES}
    for flow in drawings.FLOWS:
        assert drawings.named(flow.carries) is not None
        source = (repository / f"{flow.by.replace('.', '/')}.py").read_text(encoding="utf-8")
        name = flow.carries.split(":")[1]
        assert name in names_in(source), f"{flow.by} does not speak of {name}"
        assert flow.by.split(".")[1] in {rooms[flow.start], rooms[flow.end]}, flow


def test_no_stage_is_left_alone(drawings: Any) -> None:
    """From the venue every stage is reached."""
    reached = {"venue"}
    for _ in drawings.STAGES:
        reached |= {flow.end for flow in drawings.FLOWS if flow.start in reached}
    assert reached == {stage.name for stage in drawings.STAGES}


def test_no_page_wants_a_network_to_be_drawn(prose: dict[str, str]) -> None:
    assert not [name for name, text in prose.items() if "```mermaid" in text]


def names_in(source: str) -> set[str]:
    """The identifiers of a module."""
    tree = ast.parse(source)
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    used |= {alias.name for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) for alias in n.names}
    return used | {node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef | ast.FunctionDef)}
