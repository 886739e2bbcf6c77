"""The record: what made a product, step by step."""
