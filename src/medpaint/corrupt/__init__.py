"""Damage of known extent and known truth, made from a seed."""

from medpaint.corrupt.base import Damage, Damaged, voided
from medpaint.corrupt.holes.blob import lesion_blob
from medpaint.corrupt.holes.border import border_blob
from medpaint.corrupt.holes.edges import edge_block
from medpaint.corrupt.holes.kinds import KINDS, HoleMaker, Kind, kinds
from medpaint.corrupt.holes.shapes import LesionShape, lesion_shape
from medpaint.corrupt.holes.slices import missing_slices
from medpaint.corrupt.tissue import tissue_of

__all__ = [
    "KINDS",
    "Damage",
    "Damaged",
    "HoleMaker",
    "Kind",
    "LesionShape",
    "border_blob",
    "edge_block",
    "kinds",
    "lesion_blob",
    "lesion_shape",
    "missing_slices",
    "tissue_of",
    "voided",
]
