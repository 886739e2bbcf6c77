"""Damage of known extent and known truth, made from a seed."""

from medpaint.core.body import body
from medpaint.corrupt.damage import damage
from medpaint.corrupt.holes.blob import lesion_blob
from medpaint.corrupt.holes.edges import edge_block
from medpaint.corrupt.holes.kinds import KINDS, Kind, Maker, kinds
from medpaint.corrupt.holes.shapes import LesionShape, lesion_shape
from medpaint.corrupt.holes.slices import missing_slices

__all__ = [
    "KINDS",
    "Kind",
    "LesionShape",
    "Maker",
    "body",
    "damage",
    "edge_block",
    "kinds",
    "lesion_blob",
    "lesion_shape",
    "missing_slices",
]
