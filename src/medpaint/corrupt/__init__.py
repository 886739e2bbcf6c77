"""Damage of known extent and known truth, made from a seed."""

from medpaint.corrupt.damage import damage
from medpaint.corrupt.edges import edge_block
from medpaint.corrupt.kinds import KINDS, Kind, Maker, kinds
from medpaint.corrupt.lesions import lesion_blob
from medpaint.corrupt.shapes import LesionShape, lesion_shape
from medpaint.corrupt.slices import missing_slices
from medpaint.corrupt.tissue import body

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
