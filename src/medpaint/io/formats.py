"""The table of formats, each loaded when it is first needed.

A new format is a module with a `Format`, a row here, and its first bytes and endings in `medpaint.io.sniff`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from medpaint.io.format import Format
    from medpaint.io.sniff import Kind

__all__ = ["FORMATS"]


def _nifti() -> Format:
    from medpaint.io.nifti import FORMAT

    return FORMAT


def _itk() -> Format:
    from medpaint.io.itk import FORMAT

    return FORMAT


def _dicom() -> Format:
    from medpaint.io.dicom.format import FORMAT

    return FORMAT


FORMATS: Final[Mapping[Kind, Callable[[], Format]]] = {
    "nifti": _nifti,
    "nrrd": _itk,
    "metaimage": _itk,
    "dicom": _dicom,
}
"""Kind of file to the function that loads its format."""
