"""Damage that shows by itself: a table of detectors."""
