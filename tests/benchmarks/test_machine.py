"""Figures tell what they belong to, and never pass the reference path off as kernels."""

from __future__ import annotations

import pytest

from mm_framework.kernels import loader, mode


def test_the_machine_names_every_venue_that_is_measured() -> None:
    from machine import machine
    from venues import KITS

    about = machine(["off", "on"])
    assert about["kernels"] == ["off", "on"]
    assert {f"mm-{venue}" for venue in KITS} < about["versions"].keys()


def test_a_process_that_compiles_the_kernels_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    import machine

    waited: list[bool] = []
    monkeypatch.setattr(machine, "mode", lambda: "on")
    monkeypatch.setattr(machine, "warm", lambda: waited.append(True))
    monkeypatch.setattr(machine, "active", lambda: bool(waited))
    assert machine.kernels() == "on"


def test_kernels_that_cannot_be_kept_are_measured_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    import machine

    def full() -> None:
        raise OSError("no space left")

    monkeypatch.setattr(machine, "mode", lambda: "on")
    monkeypatch.setattr(machine, "warm", full)
    monkeypatch.setattr(machine, "active", lambda: True)
    assert machine.kernels() == "on"


def test_without_kernels_nothing_is_measured_as_if_there_were(monkeypatch: pytest.MonkeyPatch) -> None:
    import machine

    none = loader.KernelStatus("on", "unavailable", "no compiler")
    monkeypatch.setattr(machine, "mode", lambda: "on")
    monkeypatch.setattr(machine, "warm", lambda: {})
    monkeypatch.setattr(machine, "active", lambda: False)
    monkeypatch.setattr(machine, "status", lambda: none)
    with pytest.raises(RuntimeError, match="no kernels: no compiler"):
        machine.kernels()
    monkeypatch.setattr(machine, "mode", lambda: "off")
    assert machine.kernels() == "off"


def test_the_mode_is_that_of_the_process() -> None:
    from machine import kernels

    assert kernels() == mode.mode()
