"""For plugin authors: tapes, oracles, conformance tests. Of the product itself only `simulate` uses it."""
