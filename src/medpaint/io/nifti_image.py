"""The header of a NIfTI image of nibabel in memory, read by the rules for files."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from medpaint.core.errors import UnsupportedError
from medpaint.core.types import Affine
from medpaint.io.header import shape_of
from medpaint.io.nifti_forms import FormsFound, forms_of, refuse_sizes
from medpaint.io.nifti_header import unit_warnings
from medpaint.io.nifti_intent import refused_intent

__all__ = ["forms_in_memory"]


def forms_in_memory(image: Any, name: str) -> FormsFound:  # noqa: ANN401 - nibabel has no types
    """Return where a NIfTI image puts its voxels, with all warnings about its header.

    The image's affine counts alone where it was changed and the header was not: nibabel saves the image there.

    Args:
        image: of `nibabel.Nifti1Pair` or a subclass, with an affine.
        name: what messages call it.

    Raises:
        UnsupportedError: the header says that its numbers are not intensities.
        GeometryError: voxel sizes that the header's place needs are not positive.
    """
    fields, affine = image.header, np.asarray(image.affine, np.float64)
    refusal = refused_intent(int(fields["intent_code"]))
    if refusal:
        message = f"{name}: {refusal}"
        raise UnsupportedError(message)
    warnings = unit_warnings(fields)
    if not _agrees(fields, affine):
        return FormsFound(affine, {}, warnings=warnings)
    shape = shape_of(image.shape)
    if int(fields["sform_code"]) <= 0:
        refuse_sizes([float(size) for size in fields["pixdim"][1:4]], shape, name)
    forms = forms_of(fields, shape, name)
    used = affine if np.allclose(affine, forms.affine) else forms.affine  # the header's has four-byte numbers
    return replace(forms, affine=used, warnings=forms.warnings + warnings)


def _agrees(fields: Any, affine: Affine) -> bool:  # noqa: ANN401 - likewise
    """Return whether a header puts its voxels where the image says, as nibabel decides it when it saves."""
    try:
        return bool(np.allclose(affine, fields.get_best_affine(), equal_nan=True))
    except ValueError:  # a qform that is not a rotation
        return False
