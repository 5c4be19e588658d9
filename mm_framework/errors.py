"""Every error of the framework, in one tree.

    MMError                     exit code
    ├── ConfigError             2   a setting, an argument or a name is not usable
    ├── PluginError             3   a plugin that the run names cannot be used
    ├── VenueError              5   a venue did something that ends the run
    │   ├── MalformedFrame      1   bytes that the venue's own rules do not allow
    │   ├── VenueRefused        2   the venue refused a subscription or a symbol
    │   └── ConnectionLost      5   the network, TLS or the endpoint failed
    ├── StoreError              4   something on disk cannot be read
    │   ├── CorruptFrame        4   a record fails its CRC or its grammar
    │   ├── SchemaMismatch      4   written by another, unknown schema
    │   └── ManifestMismatch    4   the manifest does not fit its files
    ├── EnvironmentFailed       5   disk, lock, permission, network of this machine
    ├── GateFailed              1   the answer of a check is no
    ├── ReplayError             4   a recording cannot be replayed as asked
    └── StrategyError           1   a strategy raised or broke its contract

What a venue does wrong while a run goes on (a gap, a checksum mismatch, a refused level) is an
event in the data, not an exception. Our own misuse of an interface is a plain ``RuntimeError``.
The command line prints one line for an ``MMError`` and leaves with its exit code; anything else
traces.
"""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "ConfigError",
    "ConnectionLost",
    "CorruptFrame",
    "EnvironmentFailed",
    "GateFailed",
    "MMError",
    "MalformedFrame",
    "ManifestMismatch",
    "PluginError",
    "ReplayError",
    "SchemaMismatch",
    "StoreError",
    "StrategyError",
    "VenueError",
    "VenueRefused",
]


class MMError(Exception):
    """The root. ``exit_code`` is what ``mm`` leaves with; ``str(error)`` is the one line it prints.

    The sentence says what was found, what was expected and what to do.
    """

    exit_code: ClassVar[int] = 1


class ConfigError(MMError):
    """A setting, argument or name that cannot be used.

    ``key`` is the setting or argument, ``value`` what was given, ``origin`` where it came from
    (``flag``, ``variable MM_...``, ``file ...``), each None when it does not apply.
    """

    exit_code = 2

    def __init__(
        self,
        message: str,
        *,
        key: str | None = None,
        value: object = None,
        origin: str | None = None,
    ) -> None:
        self.key, self.value, self.origin = key, value, origin
        super().__init__(f"{message} (from {origin})" if origin else message)


class PluginError(MMError):
    """A plugin that the run names cannot be used; ``distribution`` and ``phase`` say which and when."""

    exit_code = 3

    def __init__(self, message: str, *, distribution: str | None = None, phase: str | None = None) -> None:
        self.distribution, self.phase = distribution, phase
        super().__init__(message)


class VenueError(MMError):
    """A venue did something that ends the run. ``connection`` and ``frame`` may be None."""

    exit_code = 5

    def __init__(
        self,
        message: str,
        *,
        venue: str | None = None,
        connection: int | None = None,
        frame: int | None = None,
    ) -> None:
        self.venue, self.connection, self.frame = venue, connection, frame
        super().__init__(message)


class MalformedFrame(VenueError):
    """Bytes that the venue's own rules do not allow. In a run it is counted, not raised to the user."""

    exit_code = 1


class VenueRefused(VenueError):
    """The venue refused a subscription, a symbol or a request."""

    exit_code = 2


class ConnectionLost(VenueError):
    """The endpoint could not be reached, or TLS failed, and retrying is of no use."""


class StoreError(MMError):
    """Something on disk cannot be read. ``path`` is the file or folder, or None."""

    exit_code = 4

    def __init__(self, message: str, *, path: object = None) -> None:
        self.path = path
        super().__init__(message)


class CorruptFrame(StoreError):
    """A record of a frame log fails its CRC or its grammar. ``offset`` is its byte in the file."""

    def __init__(
        self, message: str, *, path: object = None, offset: int | None = None, index: int | None = None
    ) -> None:
        self.offset, self.index = offset, index
        super().__init__(message, path=path)


class SchemaMismatch(StoreError):
    """Written by a schema that this version does not know."""


class ManifestMismatch(StoreError):
    """The manifest does not fit the files beside it, or is not readable."""


class EnvironmentFailed(MMError):
    """Disk, lock, permission or network of this machine stand in the way."""

    exit_code = 5


class GateFailed(MMError):
    """The answer of a check is no."""


class ReplayError(MMError):
    """A recording cannot be replayed as asked."""

    exit_code = 4


class StrategyError(MMError):
    """A strategy raised, or broke its contract. ``strategy`` is its name, ``seq`` the event's number."""

    def __init__(self, message: str, *, strategy: str | None = None, seq: int | None = None) -> None:
        self.strategy, self.seq = strategy, seq
        super().__init__(message)
