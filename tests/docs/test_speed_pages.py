"""Figures of the README and of the page of benchmarks are those that the kept output of benchmarks has."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

BLOCK = re.compile(r"<!-- generated: speed -->.*?<!-- end -->", re.DOTALL)


@pytest.fixture
def speed(generate: ModuleType) -> ModuleType:
    """`docs/speed_pages.py`."""
    module: ModuleType = generate.speed_pages
    return module


@pytest.fixture
def results(repository: Path, tmp_path: Path) -> Path:
    """A copy of what is kept, to be changed."""
    return Path(shutil.copytree(repository / "benchmarks" / "results", tmp_path / "results"))


def changed(path: Path, **values: Any) -> None:
    """Give every line that has such keys these values."""
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    lines = [{**line, **{key: value for key, value in values.items() if key in line}} for line in lines]
    path.write_text("\n".join(map(json.dumps, lines)) + "\n", encoding="utf-8")


def test_committed_figures_are_the_generated_ones(generate: ModuleType, repository: Path) -> None:
    for name in ("README.md", "docs/how-to/benchmarks.md", "docs/explanation/speed.md"):
        text = (repository / name).read_text(encoding="utf-8")
        assert generate.REGION.search(text)
        assert generate.render(text) == text, f"{name}: run `make docs` and commit"


def test_the_readme_has_no_figure_of_speed_beside_the_generated_ones(repository: Path) -> None:
    text = (repository / "README.md").read_text(encoding="utf-8")
    section = text.split("\n## How fast\n")[1].split("\n## ")[0]
    assert len(BLOCK.findall(section)) == 1
    assert not re.search(r"\d", BLOCK.sub("", section))
    assert not re.search(
        r"\d\s*(million )?(rows|frames|records|events)/s|\d times as fast", BLOCK.sub("", text)
    )


def test_another_measurement_is_another_figure(
    generate: ModuleType, speed: ModuleType, results: Path
) -> None:
    before = speed.readme(generate.table, results)
    changed(results / "data-path.jsonl", median=123456.0, ratio=[7.77])
    changed(results / "peers.jsonl", ours=765432.0, cpu_ratios=[5.43])
    changed(results / "store.jsonl", wall=4321000)
    after = speed.readme(generate.table, results)
    assert len(after.splitlines()) == len(before.splitlines())
    for line in after.splitlines()[2:]:
        assert re.search(r"123,000 .*7\.77|765,000 .*5\.43|4\.32 million", line), line


def test_a_page_tells_when_and_how_it_was_measured_and_that_others_ran(
    generate: ModuleType, speed: ModuleType, results: Path
) -> None:
    changed(
        results / "peers.jsonl",
        date="2027-01-02",
        command="python x.py",
        load=1.0,
        commit="0" * 40,
        changed=False,
    )
    text = speed.regions(generate.table, results)["speed-peers"]()
    assert "\nMeasured on 2027-01-02 with `python x.py`: " in text
    assert text.endswith(", commit 0000000.")
    changed(results / "peers.jsonl", load=7.5)
    text = speed.regions(generate.table, results)["speed-peers"]()
    assert "Other programs ran, load 7.5" in text


def test_what_is_not_recorded_is_told(generate: ModuleType, speed: ModuleType, results: Path) -> None:
    for path in results.iterdir():
        path.unlink()
    for name, made in speed.regions(generate.table, results).items():
        assert name == "speed" or "`python benchmarks/record.py " in made()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.94, "0.94"), (17.04, "17"), (123.4, "123"), (999.6, "1,000"), (17_681, "17,700"),
        (999_499, "999,000"), (999_600, "1 million"), (1_384_938, "1.38 million"),
        (374_433_602, "374 million"),
    ],
)  # fmt: skip
def test_figures_have_three_digits(speed: ModuleType, value: float, text: str) -> None:
    assert speed.figure(value) == text


def test_every_aim_has_its_figure(generate: ModuleType, speed: ModuleType) -> None:
    for aim in generate.aim_pages.AIMS:
        assert aim.told(speed.RESULTS) is not None, aim.work


def test_an_aim_is_reached_from_its_side(generate: ModuleType) -> None:
    more = generate.aim_pages.Aim("x", "rows/s", 10, 20, "peers", {})
    assert [more.reached(value) for value in (9, 10, 20)] == ["neither", "floor", "aim"]
    less = generate.aim_pages.Aim("x", "< s", 1.5, 0.8, "start", {})
    assert [less.reached(value) for value in (1.6, 1.5, 0.8)] == ["neither", "floor", "aim"]
