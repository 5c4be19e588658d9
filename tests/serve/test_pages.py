"""The dashboard's files: what the page names is there, under a strict policy; its colours can be read."""

from __future__ import annotations

import re
import tomllib
import urllib.error
import urllib.request
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest

pytest.importorskip("starlette", reason="the extra serve is not installed")

from served_desk import Desk, desk

from mm_framework.report.theme import THEMES

STATIC = files("mm_framework.serve").joinpath("static")
CSS = STATIC.joinpath("dashboard.css").read_text(encoding="utf-8")
SCRIPTS = sorted(one.name for one in STATIC.iterdir() if one.name.endswith(".js"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with desk(tmp_path_factory.mktemp("data"), token="a-token-of-the-tests") as found:
        yield found


def get(server: Desk, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    request = urllib.request.Request(server.url.rstrip("/") + path, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=240) as answer:
            return answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, {k.lower(): v for k, v in error.headers.items()}, error.read()


def test_the_page_and_all_that_it_names_come_without_a_token(server: Desk) -> None:
    _, _, content = get(server, "/")
    page = content.decode()
    named = re.findall(r'(?:src|href)="(static/[^"]+)"', page)
    for name in SCRIPTS:
        script = STATIC.joinpath(name).read_text(encoding="utf-8")
        named += [f"static/{one}" for one in re.findall(r'from "\./([^"]+)"', script)]
    assert {*named} >= {f"static/{name}" for name in SCRIPTS}
    for path in {*named}:
        status, headers, body = get(server, f"/{path}")
        assert (status, bool(body)) == (200, True), path
        assert headers["content-type"].partition(";")[0] in ("text/css", "text/javascript", "image/svg+xml")
        assert headers["x-content-type-options"] == "nosniff"


def test_no_script_or_style_stands_in_the_page_and_the_policy_allows_none(server: Desk) -> None:
    _, headers, content = get(server, "/")
    policy = headers["content-security-policy"]
    assert "unsafe" not in policy
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    page = content.decode()
    assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son[a-z]+=|https?://|javascript:", page)


def test_an_unchanged_file_is_not_sent_again(server: Desk) -> None:
    _, headers, _ = get(server, "/static/main.js")
    status, _, body = get(server, "/static/main.js", **{"If-None-Match": headers["etag"]})
    assert (status, body) == (304, b"")


@pytest.mark.parametrize(
    "path",
    ["/static/", "/static/index.html", "/static/../pages.py", "/static/%2e%2e/pages.py", "/static//main.js"],
)
def test_there_is_nothing_beside_the_files(server: Desk, path: str) -> None:
    assert get(server, path)[0] == 404


def test_the_licence_of_the_library_stands_beside_it() -> None:
    folder = STATIC.joinpath("uplot")
    assert "MIT License" in folder.joinpath("LICENSE").read_text(encoding="utf-8")
    assert "v1.6.32" in folder.joinpath("uPlot.iife.min.js").read_text(encoding="utf-8")[:80]


def test_all_files_are_data_of_the_package() -> None:
    root = Path(str(STATIC)).parents[2]
    if not (root / "pyproject.toml").exists():
        pytest.skip("needs the source tree")
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = project["tool"]["setuptools"]["package-data"]["mm_framework"]
    packaged = {path for pattern in patterns for path in (root / "mm_framework").glob(pattern)}
    assert {path for path in Path(str(STATIC)).rglob("*") if path.is_file()} <= packaged
    assert "mm_framework/serve/static/uplot/LICENSE" in project["project"]["license-files"]


def variables(theme: str) -> dict[str, str]:
    rule = r'\[data-theme="dark"\]' if theme == "dark" else ":root"
    found = re.search(rule + r" \{(.*?)\}", CSS, re.DOTALL)
    assert found is not None
    return dict(re.findall(r"--([a-z-]+): (#[0-9a-f]+);", found[1]))


def channels(colour: str) -> list[int]:
    digits = colour[1:] if len(colour) == 7 else "".join(2 * one for one in colour[1:])
    return [int(digits[at : at + 2], 16) for at in (0, 2, 4)]


def mixed(one: str, other: str, share: float) -> str:
    pairs = zip(channels(one), channels(other), strict=True)
    return "#" + "".join(f"{round(share * a + (1 - share) * b):02x}" for a, b in pairs)


def luminance(colour: str) -> float:
    """Relative luminance, as WCAG 2.2 defines it."""
    parts = [part / 255 for part in channels(colour)]
    red, green, blue = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_can_be_read_and_the_colours_are_those_of_all_charts(theme: str) -> None:
    own = variables(theme)
    for name in ("text", "soft", "gain", "loss", "good", "wait", "bad"):
        for ground in ("ground", "panel"):
            assert contrast(own[name], own[ground]) >= 4.5, (theme, name, ground)
    for name in ("good", "wait", "bad"):
        assert contrast(own[name], own[f"{name}-ground"]) >= 4.5, (theme, name)
    for side in ("bid", "ask"):
        bar = mixed(own[side], own["panel"], 0.16)
        assert f"var(--{side}) 16%" in CSS
        assert min(contrast(own[name], bar) for name in ("text", "soft")) >= 4.5, (theme, side)
    same = ("text", "grid", "bid", "ask", "mid", "spread")
    assert [own[name] for name in same] == [getattr(THEMES[theme], name) for name in same]


def test_every_field_has_a_label_and_every_chart_says_what_it_shows() -> None:
    page = STATIC.joinpath("index.html").read_text(encoding="utf-8")
    fields = re.findall(r"<(?:select|input)\b", page)
    assert len(re.findall(r"<label>[^<]*<(?:select|input)\b", page)) == len(fields)
    for plot in re.findall(r'<div [^>]*class="plot[^>]*>', page):
        assert 'role="img"' in plot
        assert "aria-label=" in plot
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len({*ids})
    assert {*re.findall(r'aria-labelledby="([^"]+)"', page)} <= {*ids}


def test_scripts_ask_only_for_elements_that_are_there() -> None:
    page = STATIC.joinpath("index.html").read_text(encoding="utf-8")
    ids = {*re.findall(r'\bid="([^"]+)"', page)}
    for name in SCRIPTS:
        script = Path(str(STATIC.joinpath(name))).read_text(encoding="utf-8")
        asked = {*re.findall(r'(?:\bat|getElementById)\("([^"]+)"\)', script)}
        assert asked <= ids, name
