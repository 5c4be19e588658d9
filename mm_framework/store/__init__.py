"""The store: months of runs as Parquet tables with a manifest, digests and verdicts."""
