"""Scans that evaluations and trainings are made from: whose they are, and what is clean in them."""
