"""From market data to money: pipeline, allocator, simulated exchange, ledger.

`pipeline` is the pure core: one message through view, strategies, allocator, exchange and ledger.
`backtest` drives it from a recording, `paper` from a live capture.
"""
