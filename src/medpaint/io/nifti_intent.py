"""What the intent code of a NIfTI header says about its numbers.

Sources: https://nifti.nimh.nih.gov/nifti-1 (nifti1.h), https://www.nitrc.org/projects/cifti, and FSL for its
own.
"""

from __future__ import annotations

from typing import Final

__all__ = ["LABELS", "refused_intent"]

LABELS: Final = 1002
"""Intent code of an image of labels, which is a mask."""

_NOT_SCALAR: Final = {
    1004: "matrices",
    1005: "symmetric matrices",
    1006: "displacement vectors",
    1007: "vectors",
    1008: "points of a surface",
    1009: "triangles of a surface",
    1010: "quaternions",
    2002: "node numbers of a surface",
    2003: "colours",
    2004: "colours",
    2005: "values on a surface",
    2006: "a displacement field of FSL",
    2007: "spline coefficients of FSL",
    2008: "cosine coefficients of FSL",
    2009: "spline coefficients of FSL",
    2016: "spline coefficients of FSL",
    2017: "spline coefficients of FSL",
}
"""Intent code to what the numbers are, where they are no scalar image in space."""

_CIFTI: Final = range(3000, 3100)


def refused_intent(code: int) -> str:
    """Return why an image with this intent cannot be restored; empty where it can."""
    what = "CIFTI data" if code in _CIFTI else _NOT_SCALAR.get(code)
    if what is None:
        return ""
    return (
        f"expected a scalar image, got {what} (intent code {code}); if the numbers are plain intensities, set "
        "intent_code to 0"
    )
