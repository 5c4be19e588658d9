"""``mm audit --profile``: the gates of a profile, over files of best prices or over what a bundle gives."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from mm_framework.bundle.audit import AuditReport, GateResult, audit, gather
from mm_framework.cli.app import App
from mm_framework.quality.bbo_file import BboFile
from mm_framework.quality.profiles import PROFILES, FileEvidence, gather_file, judge

if TYPE_CHECKING:
    from mm_framework.bundle.run import Run

__all__ = ["ONLY_WARN", "ProfileReport", "audit_profile"]

ONLY_WARN = ("reconnects", "disconnected")
"""Gates of a capture that are warnings under a profile, which has its own on reconnects."""


@attrs.frozen
class ProfileReport:
    """The answers of a profile. ``plants``: those of the capture's own gates, one for each bundle."""

    profile: str
    files: tuple[FileEvidence, ...]
    plants: tuple[AuditReport, ...]
    results: tuple[GateResult, ...]

    @property
    def ok(self) -> bool:
        """No gate failed."""
        return all(result.status != "FAIL" for result in self.every)

    @property
    def every(self) -> tuple[GateResult, ...]:
        """All verdicts; without a bundle those of the capture are not applicable."""
        plants = [result for plant in self.plants for result in plant.results]
        if not self.plants:
            text = "a file without its bundle"
            plants = [GateResult("capture", "N/A", None, None, text, "mm audit RUN")]
        return (*plants, *self.results)

    def to_json(self) -> dict[str, Any]:
        """The document of ``mm audit --profile --json``."""
        return {
            "ok": self.ok,
            "profile": self.profile,
            "capture": [plant.to_json() for plant in self.plants] or "not applicable",
            "gates": [attrs.asdict(result) for result in self.every],
            "files": [
                {
                    "file": one.report.file,
                    "qa_status": one.report.status,
                    "hours": round(one.hours, 6),
                    "hours_p95_ms": list(one.hours_p95_ms),
                    **one.report.ages.to_json(),
                }
                for one in self.files
            ],
        }


def audit_profile(app: App, names: Sequence[str], profile: str, threshold_s: float) -> ProfileReport:
    """Judge CSV files and bundles by a profile. Raises StoreError's kinds, ConfigError, PluginError."""
    from mm_framework.cli.bundles import opened

    files: list[FileEvidence] = []
    plants: list[AuditReport] = []
    for name in names:
        path = Path(name)
        with app.out.progress(f"reading {path.name}", unit="rows") as advance:
            if path.is_file():
                files.append(gather_file(BboFile(path), advance))
                continue
        run = opened(app, name)
        size = sum(reader.size for reader in run.shards)
        with app.out.progress(f"reading {path.name}", total=size, unit="bytes") as advance:
            evidence = gather(run, threshold_s=threshold_s, name=name, progress=advance)
        plants.append(audit(evidence, only_warn=ONLY_WARN))
        files.append(_from_bundle(app, run))
    results = judge(PROFILES[profile], files)
    return ProfileReport(profile, tuple(files), tuple(plants), tuple(results))


def _from_bundle(app: App, run: Run) -> FileEvidence:
    """The file of best prices that the bundle gives, named after the run."""
    from mm_framework.cli.bundles import kits_of
    from mm_framework.cli.sink_options import make_sink, recorded_settings
    from mm_framework.feed.clock_offset import ClockSettings
    from mm_framework.settings import DataSettings
    from mm_framework.sinks.export import export, sink_run

    recorded = run.manifest.config
    _, sink = make_sink(app, "bbo-csv", recorded)
    kits = kits_of(app, run), kits_of(app, run)
    clock = recorded_settings(app, ClockSettings, recorded)
    told = sink_run(run, kits[1], clock, app.load(DataSettings).value.dir)
    size = sum(reader.size for reader in run.shards)
    with tempfile.TemporaryDirectory(prefix="mm-audit-") as folder:
        out = Path(folder) / f"{run.path.name}.csv"
        with app.out.progress("best prices", total=size, unit="bytes") as advance:
            export(run, sink, told, out, kits, advance)
        evidence = gather_file(BboFile(out))
    return attrs.evolve(evidence, report=attrs.evolve(evidence.report, file=str(run.path)))
