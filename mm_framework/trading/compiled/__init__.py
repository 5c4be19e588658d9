"""The backtest, compiled: the same run as `trading.backtest`, event for event, at the speed of a kernel."""
