"""What may be imported is decided from metadata: order, lists, versions."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import pytest

import mm_framework
from mm_framework.plugins import Candidate, PluginSettings, Selection, select
from mm_framework.plugins.discovery import normalise


def install(
    folder: Path, name: str, points: str, *, version: str = "1.0", requires: tuple[str, ...] = ()
) -> None:
    """The metadata of an installed distribution; its modules are not needed here."""
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Dist: {line}" for line in requires]
    (info / "METADATA").write_text("\n".join(lines) + "\n")
    (info / "entry_points.txt").write_text(points)


def chosen(*folders: Path, **lists: object) -> Selection:
    found = importlib.metadata.distributions(path=[str(folder) for folder in folders])
    return select(PluginSettings(**lists), found)  # type: ignore[arg-type]  # the tests give what fits


V1 = "[mm_framework.v1]\n"


def test_plugins_come_sorted_by_distribution_and_entry_point(tmp_path: Path) -> None:
    install(tmp_path, "B_plugin", V1 + "z = mod\na = mod\n")
    install(tmp_path, "a.plugin", V1 + "m = mod\n")
    install(tmp_path, "C-plugin", V1 + "n = mod\n")
    assert [(p.distribution, p.entry_point) for p in chosen(tmp_path).ready] == [
        ("a.plugin", "m"),
        ("B_plugin", "a"),
        ("B_plugin", "z"),
        ("C-plugin", "n"),
    ]


def test_other_entry_points_are_nobody(tmp_path: Path) -> None:
    install(tmp_path, "other", "[console_scripts]\nx = y:z\n[mm_framework.v]\nq = r\n[mm_framework]\ns = t\n")
    assert chosen(tmp_path) == Selection()


def test_the_first_of_two_installations_counts(tmp_path: Path) -> None:
    install(tmp_path / "one", "twin", V1 + "t = mod\n", version="1.0")
    install(tmp_path / "two", "Twin", V1 + "t = mod\n", version="2.0")
    assert [p.version for p in chosen(tmp_path / "one", tmp_path / "two").ready] == ["1.0"]


@pytest.mark.parametrize("name", ["my-plugin", "My_Plugin", "point"])
def test_the_lists_take_distribution_or_entry_point(tmp_path: Path, name: str) -> None:
    install(tmp_path, "my.plugin", V1 + "point = mod\n")
    install(tmp_path, "other", V1 + "other = mod\n")
    blocked = chosen(tmp_path, block=(name,))
    assert [p.distribution for p in blocked.ready] == ["other"]
    assert [(p.distribution, p.reason) for p in blocked.skipped] == [
        ("my.plugin", "blocked by [plugins] block")
    ]
    allowed = chosen(tmp_path, allow=(name,))
    assert [p.distribution for p in allowed.ready] == ["my.plugin"]
    assert "MM_LOAD_PLUGINS" in allowed.skipped[0].reason


def test_an_empty_list_of_allowed_plugins_allows_none(tmp_path: Path) -> None:
    install(tmp_path, "p", V1 + "p = mod\n")
    assert chosen(tmp_path, allow=()).ready == ()
    assert len(chosen(tmp_path, allow=None).ready) == 1


def test_block_wins_over_allow(tmp_path: Path) -> None:
    install(tmp_path, "p", V1 + "p = mod\n")
    assert chosen(tmp_path, allow=("p",), block=("p",)).ready == ()


def test_a_plugin_for_another_api_is_recognised_by_its_group(tmp_path: Path) -> None:
    install(tmp_path, "next", "[mm_framework.v2]\nnext = mod\n")
    (failure,) = chosen(tmp_path).failures
    assert (failure.phase, failure.error) == ("metadata", "needs API v2")
    assert "offers API v1" in failure.hint


def test_a_plugin_for_several_apis_is_taken_by_ours(tmp_path: Path) -> None:
    install(tmp_path, "both", "[mm_framework.v2]\nx = mod2\n[mm_framework.v1]\nx = mod1\n")
    selection = chosen(tmp_path)
    assert [p.target for p in selection.ready] == ["mod1"]
    assert selection.failures == ()


@pytest.mark.parametrize(
    ("requirement", "fits"),
    [
        ("mm-framework", True),
        (f"mm_framework=={mm_framework.__version__}", True),
        ("MM.Framework>=99", False),
        ("mm-framework<0.0.1", False),
        ('mm-framework>=99; extra == "later"', True),
        ('mm-framework>=99; python_version < "3"', True),
        ("numpy>=99", True),
    ],
)
def test_the_range_of_core_versions_is_obeyed(tmp_path: Path, requirement: str, fits: bool) -> None:
    install(tmp_path, "p", V1 + "p = mod\n", requires=("attrs", requirement))
    selection = chosen(tmp_path)
    assert bool(selection.ready) is fits
    if not fits:
        (failure,) = selection.failures
        assert failure.phase == "metadata"
        assert failure.error.startswith("needs mm-framework ")
        assert mm_framework.__version__ in failure.hint


def test_a_requirement_that_nobody_can_read_is_a_failure(tmp_path: Path) -> None:
    install(tmp_path, "p", V1 + "p = mod\n", requires=("mm-framework >>> 1",))
    (failure,) = chosen(tmp_path).failures
    assert (failure.phase, failure.error.partition(":")[0]) == ("metadata", "InvalidRequirement")


def test_unreadable_metadata_hurts_only_its_own(tmp_path: Path) -> None:
    install(tmp_path, "good", V1 + "good = mod\n")
    install(tmp_path, "torn", "[mm_framework.v1]\nno equals sign\n")
    selection = chosen(tmp_path)
    assert [p.distribution for p in selection.ready] == ["good"]
    assert {(f.distribution, f.phase) for f in selection.failures} <= {("torn", "metadata")}


def test_a_selection_is_narrowed_by_name() -> None:
    one, two = Candidate("mm-one", "1", "one", "m"), Candidate("mm-two", "1", "two", "m")
    selection = Selection(ready=(one, two))
    assert selection.only("mm_one").ready == (one,)
    assert selection.only("two").ready == (two,)
    assert selection.only("three") == Selection()


def test_names_are_compared_without_case_and_punctuation() -> None:
    assert normalise("Mm__Kra.ken") == normalise("mm-kra-ken") == "mm-kra-ken"
