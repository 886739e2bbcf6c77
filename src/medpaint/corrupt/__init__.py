"""Damage of known extent and known truth, made from a seed."""

from medpaint.corrupt.damage import damage
from medpaint.corrupt.lesions import lesion_blob
from medpaint.corrupt.slices import missing_slices

__all__ = ["damage", "lesion_blob", "missing_slices"]
