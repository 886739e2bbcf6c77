"""Masks: taken from labels, found in the scan, grown, checked. True = repair."""
