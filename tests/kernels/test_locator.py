"""Where numba looks for the code of kernels, and what it is told for other functions."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from mm_framework.kernels import cache
from mm_framework.kernels import locator as locator_module
from mm_framework.kernels.locator import NUMBA_LOCATORS, Locator, located
from mm_framework.kernels.mode import mode

pytest.importorskip("numba", reason="needs numba, which this platform has no wheel of")
if mode() == "off":
    pytest.skip("MM_KERNELS=off: no kernels are kept", allow_module_level=True)


def test_numba_asks_our_locator_within_a_build_only() -> None:
    config = SimpleNamespace(CACHE_LOCATOR_CLASSES="")
    with located(config):
        ours, *usual = config.CACHE_LOCATOR_CLASSES.split(",")
        assert ours == "mm_framework.kernels.locator.Locator"
        assert tuple(usual) == NUMBA_LOCATORS
    assert config.CACHE_LOCATOR_CLASSES == ""
    config.CACHE_LOCATOR_CLASSES = "theirs.Locator"
    with located(config):
        assert config.CACHE_LOCATOR_CLASSES == "mm_framework.kernels.locator.Locator,theirs.Locator"


def test_the_usual_locators_are_numbas_own() -> None:
    from numba.core.caching import CacheImpl

    assert tuple(cls.__name__ for cls in CacheImpl._locator_classes) == NUMBA_LOCATORS


def test_the_locator_leaves_other_functions_alone() -> None:
    assert Locator.from_function(located, __file__) is not None
    assert Locator.from_function(test_the_locator_leaves_other_functions_alone, __file__) is None


def test_the_locator_names_content_and_no_path_of_the_source() -> None:
    locator = Locator.from_function(cache.source_hash, "/somewhere/else.py")
    assert locator is not None
    assert locator.get_cache_path() == str(cache.current().path)
    assert locator.get_source_stamp() == cache.key()
    assert locator.get_disambiguator() == str(cache.source_hash.__code__.co_firstlineno)


def test_code_is_saved_by_the_holder_of_the_lock_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = cache.KernelCache(tmp_path, "key")
    monkeypatch.setattr(locator_module, "current", lambda group: folder)
    locator = Locator.from_function(cache.source_hash, "")
    assert locator is not None
    with pytest.raises(OSError, match="is not locked by this process"):
        locator.ensure_cache_path()
    with folder.locked(wait=False):
        locator.ensure_cache_path()
