"""What venues tell of the past: fetched page by page, kept in the day folders, compared with ours."""
