"""Serving what is known: relay, REST, metrics stream, Prometheus, dashboard, in one process."""
