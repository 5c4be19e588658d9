"""What is there as a run begins is no work for the garbage collector while it goes on."""

from __future__ import annotations

import asyncio
import gc

import pytest

from mm_framework.capture.settled_heap import settled_heap


def is_watched(one: object) -> bool:
    return any(each is one for each in gc.get_objects())


def test_what_the_first_step_made_is_left_alone_until_the_end() -> None:
    async def main() -> None:
        before = [object()]
        with settled_heap():
            made = [object()]
            assert is_watched(before)
            await asyncio.sleep(0)
            after = [object()]
            assert not is_watched(before)
            assert not is_watched(made)
            assert is_watched(after)
        assert is_watched(before)
        assert is_watched(made)

    asyncio.run(main())


def test_an_error_before_the_first_step_leaves_nothing_behind() -> None:
    async def main() -> None:
        with pytest.raises(KeyError), settled_heap():
            raise KeyError
        await asyncio.sleep(0)
        assert gc.get_freeze_count() == 0

    asyncio.run(main())
