"""Damage that can be seen without a mask: the table of detectors, and one detector a module."""
