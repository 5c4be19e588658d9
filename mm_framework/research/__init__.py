"""Features, fair values and quoting models, judged on data that they have not seen."""
