"""Scans damaged on purpose, as files: one of them, or a data set with its truth and its split by person."""
