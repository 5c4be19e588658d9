"""The pictures of the documentation: they are committed, and `make pictures` still draws such ones."""

from __future__ import annotations

import html
import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

LIVE = (
    "gates so far",
    "shards",
    "kraken",
    "binance",
    "SYNCED",
    "reconnects",
    "FAIL",
    "PASS",
    "loop lag",
    "lost",
)
RESETS = "reset@4,reset@7,reset@10,reset@13"  # from the emulator's start on, which may be seconds earlier
DOCTOR = ("mm doctor", "python", "kernels", "plugins", "mm-kraken")


@pytest.fixture(scope="module")
def pictures(repository: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_pictures", repository / "docs" / "pictures.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def words(svg: str) -> str:
    """The text of a picture."""
    return html.unescape(re.sub(r"<[^>]+>", " ", svg)).replace("\xa0", " ")


def test_the_dashboard_is_there_and_shows_more_than_a_ground(repository: Path) -> None:
    image = pytest.importorskip("PIL.Image", reason="pillow is not installed")
    with image.open(repository / "docs" / "pictures" / "dashboard.png") as picture:
        assert picture.width == 1280
        assert len(picture.convert("RGB").getcolors(1 << 24) or ()) > 100


@pytest.mark.parametrize(("name", "expected"), [("live-view", LIVE), ("doctor", DOCTOR)])
def test_a_committed_picture_shows_what_it_should_and_loads_nothing(
    repository: Path, name: str, expected: tuple[str, ...]
) -> None:
    svg = (repository / "docs" / "pictures" / f"{name}.svg").read_text(encoding="utf-8")
    assert [word for word in expected if word not in words(svg)] == []
    assert "@font-face" not in svg
    assert "url(http" not in svg


def test_the_live_view_is_drawn_from_a_real_capture(
    pictures: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(pictures.EMULATED, "kraken", ("--rate", "60", "--fault", RESETS))
    text = words(pictures.live_view(seconds=8))
    assert [word for word in LIVE if word not in text] == []
    assert "20261121T044512Z" in text


def test_the_doctor_is_drawn(pictures: ModuleType) -> None:
    svg = pictures.doctor_view()
    assert [word for word in DOCTOR if word not in words(svg)] == []
    assert str(Path.home()) not in svg
