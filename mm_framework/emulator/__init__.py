"""Emulated venues: a seeded market spoken in a venue's wire format, with faults and a truth log.

`market` makes the order flow, a plugin's `contracts.emulator.Dialect` the frames; `venue` drives both
as a pure machine on any clock. `server` puts it on a loopback socket.
"""
