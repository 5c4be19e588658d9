"""Is the book the venue's? States, checksums, known depth, trade numbers. Pure."""
