"""Engines with trained networks, and the weights shipped with medpaint."""
