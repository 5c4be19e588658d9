"""Captures on virtual time, from one seed: venue, network, machine and disk do wrong; all is checked."""
