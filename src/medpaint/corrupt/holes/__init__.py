"""Masks with known truth: kinds of holes made in healthy tissue."""
