"""The manifest of a run bundle: what the run was asked to do, by whom, and how it ended.

``manifest.json`` is replaced as a whole, never edited. A field that is added or changes its meaning
raises ``version``: an older release then says that it is too old instead of misreading the run.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Literal

import attrs
import msgspec

from mm_framework.bundle.disk import Disk, replace_file
from mm_framework.bundle.names import check_run_id
from mm_framework.contracts.adapter import Subscription
from mm_framework.errors import ConfigError, EnvironmentFailed, ManifestMismatch, SchemaMismatch

__all__ = ["FORMAT", "MANIFEST", "VERSION", "Manifest", "PluginUsed", "RunState", "ShardInfo"]

MANIFEST: Final = "manifest.json"
FORMAT: Final = "mm-run-bundle"
VERSION: Final = 1

RunState = Literal["running", "complete", "interrupted", "recovered", "imported", "sliced"]
"""``running`` until the orderly end; a run that was killed stays so. ``interrupted``: ended by an error."""


@attrs.frozen
class PluginUsed:
    """A plugin that was loaded, as `Plugins.versions` tells: ``api`` is the plugin API it speaks."""

    distribution: str
    version: str
    entry_point: str
    api: str


@attrs.frozen
class ShardInfo:
    """A shard: its number, its venue and what it subscribed."""

    shard: int
    venue: str
    subscriptions: tuple[Subscription, ...] = ()


@attrs.frozen(kw_only=True)
class Manifest:
    """The contents of ``manifest.json``.

    ``created``: UTC, ISO 8601, as the wall clock said. ``wall0_ns``, ``mono0_ns``: the pair of clocks
    that gives receive times. ``flags``: ``untimed`` (a recording without receive times). ``assume_receive``:
    the rule by which an import made receive times up, or None. ``config``: section -> setting ->
    ``{"value", "origin"}``. ``clock_samples``: offsets of venue clocks as measured. ``source``: what an
    import or a slice was made from. ``previous_run``: the run that this one goes on from. ``result``:
    how the run ended, None while it runs. ``recovered``: what `mm recover` found and cut.
    """

    run_id: str
    state: RunState
    created: str
    wall0_ns: int
    mono0_ns: int
    shards: tuple[ShardInfo, ...]
    made_by: str
    flags: tuple[str, ...] = ()
    assume_receive: str | None = None
    plugins: tuple[PluginUsed, ...] = ()
    config: dict[str, Any] = attrs.field(factory=dict)
    host: dict[str, Any] = attrs.field(factory=dict)
    clock_samples: tuple[dict[str, Any], ...] = ()
    source: dict[str, Any] | None = None
    previous_run: str | None = None
    result: dict[str, Any] | None = None
    recovered: dict[str, Any] | None = None

    @property
    def untimed(self) -> bool:
        """Whether the recording has no receive times."""
        return "untimed" in self.flags

    def encode(self) -> bytes:
        """The bytes of the file: readable JSON, one spelling for one value."""
        body = {"format": FORMAT, "version": VERSION, **attrs.asdict(self, recurse=True)}
        return msgspec.json.format(msgspec.json.encode(body, order="sorted"), indent=2) + b"\n"

    def write(self, folder: Path, disk: Disk | None = None) -> None:
        """Replace ``manifest.json`` at once and durably. Raises EnvironmentFailed."""
        replace_file(folder / MANIFEST, self.encode(), disk)

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """The manifest of a bundle.

        Raises SchemaMismatch when a newer release wrote it, ManifestMismatch when it is absent or no
        manifest, EnvironmentFailed when the file cannot be opened.
        """
        path = folder / MANIFEST
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            raise ManifestMismatch(f"{folder} has no {MANIFEST}: it is no run bundle", path=folder) from None
        except OSError as error:
            raise EnvironmentFailed(f"cannot read {path}: {error.strerror}") from error
        return cls.decode(data, path)

    @classmethod
    def decode(cls, data: bytes, path: Path) -> Manifest:
        """Read the bytes of ``path``. Raises SchemaMismatch or ManifestMismatch."""
        try:
            body = msgspec.json.decode(data, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ManifestMismatch(f"{path} is not readable: {error}", path=path) from None
        if body.pop("format", None) != FORMAT:
            raise ManifestMismatch(f"{path} is not the manifest of a run bundle", path=path)
        version = body.pop("version", None)
        if not isinstance(version, int) or version > VERSION:
            raise SchemaMismatch(
                f"{path} has schema {version!r}, this version reads up to {VERSION}:"
                " use a newer mm-framework",
                path=path,
            )
        unknown = sorted(body.keys() - {field.name for field in attrs.fields(cls)})
        if unknown:
            raise ManifestMismatch(
                f"{path} has keys that schema {version} does not know: {unknown}", path=path
            )
        try:
            manifest = msgspec.convert(body, cls)
            check_run_id(manifest.run_id)
        except (msgspec.ValidationError, ConfigError) as error:
            raise ManifestMismatch(f"{path} does not fit schema {version}: {error}", path=path) from None
        return manifest
