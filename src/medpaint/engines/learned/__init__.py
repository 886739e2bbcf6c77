"""Engines with trained networks, and the weights that come with medpaint."""
