"""Artefacts: scans damaged on purpose, with known truth, in the way that acquisitions are damaged."""
