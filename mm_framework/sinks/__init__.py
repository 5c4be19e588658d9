"""Sinks: files beside the bundle that are functions of its records, written live or by `mm export`."""
