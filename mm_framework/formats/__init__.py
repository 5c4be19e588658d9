"""File formats of other tools: their lines are frames, read by normalizers that the core brings."""
