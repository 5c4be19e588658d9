"""Run bundles: the frame log that is the truth of a run, and the questions that can be asked of it.

`run` creates and opens bundles, `frames` writes and reads the log; `verify`, `recover`, `inspect` and
`slice` each answer one question. `docs/reference/file-formats.md` describes every file.
"""
