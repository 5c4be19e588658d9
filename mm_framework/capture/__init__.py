"""Live capture: sockets, time and the run bundle around the pure `Feed`."""
