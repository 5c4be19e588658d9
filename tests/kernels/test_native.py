"""Machine code of kernels as bytes: what a linked function takes, gives and refuses."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable

import pytest

from mm_framework.kernels.mode import mode

pytest.importorskip("llvmlite", reason="needs llvmlite, which this platform has no wheel of")
if mode() == "off":
    pytest.skip("MM_KERNELS=off: nothing is compiled", allow_module_level=True)

from mm_framework.kernels import native

TEXT = """
define i32 @entry(ptr %result, ptr %error, i64 %one, i64 %other) {
  %zero = icmp eq i64 %other, 0
  br i1 %zero, label %bad, label %good
bad:
  ret i32 1
good:
  %value = sub i64 %one, %other
  store i64 %value, ptr %result
  ret i32 0
}
"""
WIDE = 2**63


@pytest.fixture(scope="module")
def code() -> bytes:
    """Of a function of two numbers that fails where the second one is 0."""
    return native.machine_code(TEXT, "entry", 2)


@pytest.fixture(scope="module")
def difference(code: bytes) -> Callable[..., int]:
    """That function."""
    return native.load(code, "tests.difference")


@pytest.mark.parametrize(
    ("one", "other"), [(5, 3), (-1, 1), (3, -1), (WIDE - 1, 1), (-WIDE, WIDE - 1), (True, 2), (0, -WIDE)]
)
def test_it_takes_and_gives_int64s(difference: Callable[..., int], one: int, other: int) -> None:
    assert difference(one, other) == (one - other + WIDE) % 2**64 - WIDE


@pytest.mark.parametrize("given", [(), (1,), (1, 2, 3), (None, 2), (1, "2"), (1.0, 2), (1, None)])
def test_anything_but_two_integers_is_a_type_error(
    difference: Callable[..., int], given: tuple[object, ...]
) -> None:
    with pytest.raises(TypeError):
        difference(*given)


@pytest.mark.parametrize("given", [(WIDE, 1), (1, -WIDE - 1)])
def test_a_number_beyond_int64_is_an_overflow(difference: Callable[..., int], given: tuple[int, int]) -> None:
    with pytest.raises(OverflowError):
        difference(*given)


def test_a_status_is_an_index_error(difference: Callable[..., int]) -> None:
    with pytest.raises(IndexError, match="a kernel was about to leave its memory"):
        difference(1, 0)


def test_calls_hold_on_to_nothing(difference: Callable[..., int]) -> None:
    before = [sys.getrefcount(one) for one in (IndexError, TypeError)]
    for _ in range(1000):
        difference(10**12, 1)
        for given in ((1, 0), (None, 2)):
            with pytest.raises((IndexError, TypeError)):
                difference(*given)
    gc.collect()
    after = [sys.getrefcount(one) for one in (IndexError, TypeError)]
    assert max(new - old for old, new in zip(before, after, strict=True)) < 100


def test_code_is_linked_as_often_as_one_likes_and_outlives_its_bytes(code: bytes) -> None:
    copies = [native.load(bytes(bytearray(code)), f"copy{number}") for number in range(3)]
    gc.collect()
    assert [copy(9, 4) for copy in copies] == [5, 5, 5]
    assert [copy.__name__ for copy in copies] == ["copy0", "copy1", "copy2"]


def test_a_function_may_have_no_arguments() -> None:
    text = """
define i32 @seven(ptr %result, ptr %error) {
  store i64 7, ptr %result
  ret i32 0
}
"""
    seven = native.load(native.machine_code(text, "seven", 0))
    assert seven() == 7
    with pytest.raises(TypeError):
        seven(1)


def test_text_that_is_none_of_llvms_is_refused() -> None:
    with pytest.raises(RuntimeError):
        native.machine_code("define nonsense", "entry", 1)
