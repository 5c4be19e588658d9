"""A spec builds its component; what goes wrong there is told as whose fault it is."""

from __future__ import annotations

from typing import Any

import pytest

from mm_framework.contracts.spec import SinkSpec
from mm_framework.errors import ConfigError, EnvironmentFailed, MMError, PluginError
from mm_framework.model.fixed import parse


def test_the_factory_is_given_the_settings() -> None:
    assert SinkSpec("one", lambda settings: [settings]).build(7) == [7]


@pytest.mark.parametrize(
    ("cause", "kind", "told"),
    [
        (KeyError("x"), PluginError, "sinks 'one' cannot be built: KeyError: 'x'"),
        (EnvironmentFailed("no disk"), EnvironmentFailed, "no disk"),
        (ConfigError("not so", key="one"), ConfigError, "not so"),
    ],
    ids=["a mistake", "an error of ours", "a refusal"],
)
def test_what_a_factory_raises_is_told(cause: Exception, kind: type[MMError], told: str) -> None:
    def fail(settings: Any) -> None:
        raise cause

    with pytest.raises(kind) as caught:
        SinkSpec("one", fail).build(None)
    assert type(caught.value) is kind
    assert str(caught.value) == told


def test_a_number_that_cannot_be_is_the_users() -> None:
    with pytest.raises(ConfigError, match="sinks 'one' refuses its settings"):
        SinkSpec("one", lambda settings: parse(settings, 2)).build("0.001")
