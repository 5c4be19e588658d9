"""The runbook of calibration names what there is: settings, gates, files, metrics."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from mm_framework.calibrate.ab import GATES, AbRun
from mm_framework.calibrate.ab_settings import AbSettings
from mm_framework.calibrate.ab_watch import AbWatch
from mm_framework.calibrate.lines import FILLS, RUNS, TICKS
from mm_framework.calibrate.log_settings import CalibrationSettings
from mm_framework.calibrate.run_log import Deadline
from mm_framework.settings import ConfigFile, fields_of, import_core_sections


@pytest.fixture(scope="module")
def runbook(repository: Path) -> str:
    return (repository / "docs" / "how-to" / "calibrate.md").read_text(encoding="utf-8")


def test_its_configuration_is_one(runbook: str) -> None:
    (text,) = re.findall(r"```toml\n(\[md_cache\].*?)```", runbook, re.DOTALL)
    document, known = tomllib.loads(text), import_core_sections()
    assert list(document) == ["md_cache", "calibration", "ab"]
    for section, table in document.items():
        assert set(table) <= {field.name for field in fields_of(known[section])}


def test_what_it_says_of_defaults_is_so(runbook: str) -> None:
    (text,) = re.findall(r"```toml\n(\[md_cache\].*?)```", runbook, re.DOTALL)
    document = tomllib.loads(text)
    for cls, own in ((CalibrationSettings, {"log"}), (AbSettings, {"split", "salt"})):
        (section,) = {field.section for field in fields_of(cls)}
        defaults = {field.name: field.default for field in fields_of(cls)}
        for name in document[section].keys() - own:
            assert type(defaults[name])(document[section][name]) == defaults[name], name


def test_the_files_of_the_arms_can_be_read(runbook: str, tmp_path: Path) -> None:
    files = re.findall(r"```toml\n(# [AB]\.toml.*?)```", runbook, re.DOTALL)
    assert len(files) == 2
    for text in files:
        path = tmp_path / "arm.toml"
        path.write_text(text, encoding="utf-8")
        assert ConfigFile.read(path).sections() == ["strategy.toy_spread"]


def test_its_gates_files_and_metrics_exist(runbook: str) -> None:
    assert set(re.findall(r"^\| `(\w+)` \| B's", runbook, re.MULTILINE)) == set(GATES)
    for name in (FILLS, TICKS, RUNS):
        assert name in runbook
    watch = AbWatch(AbRun(AbSettings().routing), Deadline(150.0))
    assert set(re.findall(r"`(mm_ab_\w+)`", runbook)) == {family.name for family in watch.families()}
