"""A mask as it was read, before it is brought onto the scan's grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from medpaint.core.errors import UsageError
from medpaint.core.types import Affine, Array

__all__ = ["MaskImage", "mask_warnings", "numbered"]


@dataclass(frozen=True, eq=False)
class MaskImage:
    """The content of a mask file.

    Attributes:
        values: 0 = keep, anything else as drawn, (I, J, K).
        affine: voxel index to RAS+ millimetres, (4, 4); the scan's where the mask was drawn on its grid.
        sha256: hash of what was read.
        warnings: what was noticed, a sentence each.
        labels: values that still have to be chosen; empty where nothing is, or where the reader has chosen
            already, as for DICOM segmentations and structure sets.
        positions: where the file says that the voxels are, see `medpaint.io.source.Source.positions`.
    """

    values: Array
    affine: Affine
    sha256: str
    warnings: tuple[str, ...] = ()
    labels: tuple[int, ...] = ()
    positions: Mapping[str, Affine] = field(default_factory=dict)


def mask_warnings(warnings: Sequence[str]) -> tuple[str, ...]:
    """Return warnings about an image, as those about a mask."""
    return tuple(f"mask: {warning}" for warning in warnings)


def numbered(labels: Sequence[int | str]) -> tuple[int, ...]:
    """Return labels that are numbers.

    Raises:
        UsageError: a label is a name, which only DICOM's segments and regions have.
    """
    named = [label for label in labels if isinstance(label, str)]
    if named:
        message = f"expected labels by number, as the labels of this mask have no names, got {', '.join(named)}"
        raise UsageError(message)
    return tuple(label for label in labels if isinstance(label, int))
