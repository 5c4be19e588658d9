"""For plugin authors: tapes and runs for strategies; nothing here is used by the product itself."""
