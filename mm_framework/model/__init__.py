"""The nouns: fixed-point numbers, instruments, log records, rows and messages, books, orders."""
