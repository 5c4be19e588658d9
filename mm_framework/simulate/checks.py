"""What must hold of a bundle that a simulated run left, whole or at the moment of a kill or power loss.

Each check raises `witness.Violation`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path

import attrs

from mm_framework.bundle.recover import recover
from mm_framework.bundle.run import Run, open_run
from mm_framework.bundle.settings import BundleSettings
from mm_framework.bundle.verify import verify
from mm_framework.bundle.verify_report import VerifyReport
from mm_framework.capture.telemetry import CaptureResult
from mm_framework.errors import MMError
from mm_framework.feed import VenueKit
from mm_framework.model.frame import HEADER
from mm_framework.replay.source import replay
from mm_framework.simulate.disk import Image
from mm_framework.simulate.machine import Excuses
from mm_framework.simulate.witness import Digest, Violation, Witness
from mm_framework.sync.counts import Counts

__all__ = ["Moment", "check_end", "check_moment", "check_whole"]

_S = 1_000_000_000
_SLACK_NS = 10_000_000
LOSSES = ("checksum", "crossed", "gap", "malformed", "waiting")
"""Failures that tell of the venue and the way to it."""


@attrs.frozen
class Moment:
    """What a kill (or ``power`` loss) at ``at_ns`` left on the disk.

    ``broken``: the disk had failed before, so that only what is there must be right.
    """

    image: Image
    path: Path
    at_ns: int
    power: bool = False
    broken: bool = False


def check_whole(
    image: Image, path: Path, kits: Mapping[str, VenueKit], result: CaptureResult, live: Digest
) -> None:
    """A run that ended in order: it verifies with the counts of the live run, and replays alike."""
    with tempfile.TemporaryDirectory() as folder:
        bundle = _opened(image, path, Path(folder))
        if bundle.manifest.state != "complete":
            raise Violation("manifest", f"the run ended in order and its state is {bundle.manifest.state}")
        report = verify(bundle, kits)
        expected, found = _counted(result.counts), _counted(report.counts)
        if found != expected:
            wrong = {name: (found[name], expected[name]) for name in found if found[name] != expected[name]}
            raise Violation("verify", f"mm verify and the live run count differently: {wrong}")
        _check_sound(report)
        digest = Digest()
        replay(bundle, kits, digest)
        if digest.told() != live.told():
            raise Violation("replay", f"the replay gives {digest.told()}, the live run {live.told()}")


def check_moment(
    moment: Moment,
    kits: Mapping[str, VenueKit],
    witness: Witness,
    settings: BundleSettings,
    excuses: Excuses,
) -> int:
    """What a kill left: it is the beginning of what was recorded, little is missing, `recover` makes it a
    run that verifies, and changes nothing the second time. Returns how many records were lost.
    """
    with tempfile.TemporaryDirectory() as folder:
        try:
            return _check_moment(moment, kits, witness, settings, excuses, Path(folder))
        except MMError as error:
            what = "power loss" if moment.power else "kill"
            raise Violation("recover", f"after the {what}: {type(error).__name__}: {error}") from error


def _check_moment(
    moment: Moment,
    kits: Mapping[str, VenueKit],
    witness: Witness,
    settings: BundleSettings,
    excuses: Excuses,
    folder: Path,
) -> int:
    bundle = _opened(moment.image, moment.path, folder)
    if not moment.power:
        _check_sound(verify(bundle, kits))
    recover(bundle.path, kits)
    lost = 0
    recovered = open_run(bundle.path)
    for reader in recovered.shards:
        kept = [bytes(record) for record in reader.records()]
        lost += _check_prefix(reader.shard, kept, moment, witness, settings, excuses)
    _check_sound(verify(recovered, kits))
    before = _contents(bundle.path)
    recover(bundle.path, kits)
    if _contents(bundle.path) != before:
        raise Violation("recover", "a second mm recover changes files")
    return lost


def _check_prefix(
    shard: int,
    kept: list[bytes],
    moment: Moment,
    witness: Witness,
    settings: BundleSettings,
    excuses: Excuses,
) -> int:
    """The records kept are the first ones given, and those that are missing were given lately."""
    given, given_ns = witness.records[shard], witness.given_ns[shard]
    if kept != given[: len(kept)]:
        place = next(n for n, (a, b) in enumerate(zip(kept, given, strict=False)) if a != b)
        raise Violation("log", f"record {place} of shard {shard} on the disk is not the one that was given")
    count = sum(1 for at_ns in given_ns if at_ns <= moment.at_ns)
    lost = max(0, count - len(kept))
    if not lost or moment.broken:
        return lost
    first_ns = given_ns[len(kept)]
    age_ns = moment.at_ns - first_ns - excuses.within(first_ns, moment.at_ns)
    allowed_s = settings.flush_interval_s + (settings.fsync_interval_s if moment.power else 0.0)
    if age_ns > allowed_s * _S + _SLACK_NS and (moment.power or lost > settings.flush_records):
        index = HEADER.unpack_from(given[len(kept)])[5]
        raise Violation(
            "durability",
            f"{lost} records of shard {shard} are lost, the first of them (index {index}) was given"
            f" {age_ns / _S:.3f} s before, at most {allowed_s:g} s are allowed",
        )
    return lost


def check_end(result: CaptureResult, gone: Collection[str]) -> None:
    """After a calm time every book is SYNCED again, but those of instruments that are ``gone``."""
    states = {
        name: one["state"]
        for name, one in result.instruments.items()
        if one["state"] != "SYNCED" and name not in gone
    }
    if states:
        raise Violation("recovery", f"at the end, after a calm time, books are not SYNCED: {states}")


def _check_sound(report: VerifyReport) -> None:
    """Whatever the venue did, the bundle itself is whole."""
    damage = [one.text for one in report.failures if one.what not in LOSSES]
    if report.crc_mismatch or report.errors or damage:
        raise Violation("verify", f"mm verify finds {report.errors} errors: {'; '.join(damage[:5])}")


def _counted(counts: Counts) -> dict[str, int]:
    """Without those that say how a frame was read."""
    return {name: n for name, n in attrs.asdict(counts).items() if name != "fallback_frames"}


def _opened(image: Image, path: Path, folder: Path) -> Run:
    image.write_to(folder)
    return open_run(folder / path.relative_to(path.anchor))


def _contents(path: Path) -> dict[Path, bytes]:
    return {file: file.read_bytes() for file in sorted(path.rglob("*")) if file.is_file()}
