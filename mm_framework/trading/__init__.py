"""From market data to money: pipeline, allocator, simulated exchange, ledger.

`desk` is the local half of every run: views, strategies, allocator, own orders. `matching` is the simulated
venue of every run. `pipeline` asks it at once, `queued` over a way that takes time: both hear a live capture
(`paper`) or a replay. `backtest` plays a tape on the venue's time line.
"""
