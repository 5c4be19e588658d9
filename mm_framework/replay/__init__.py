"""Recordings played back: `merge` puts shards in one order, `source` drives a listener with them."""
