"""From runs to calibration: logs of fills and ticks, data sets of intervals, summaries."""
