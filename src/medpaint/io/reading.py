"""A scan of any kind, by one function."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from medpaint.core.errors import UsageError
from medpaint.io.sniff import kind_of
from medpaint.io.source import Source

if TYPE_CHECKING:
    from medpaint.core.volume import Volume

__all__ = ["product_part", "read_scan"]


def read_scan(
    path: str | Path, *, frame: int | None = None, series: str | None = None, absent_slices: bool = False
) -> tuple[Volume, Source]:
    """Read a NIfTI, NRRD or MetaImage file, or one DICOM series.

    Args:
        path: the file, or for DICOM also the folder that holds the series.
        frame: which frame of a time series, from 0; not for DICOM.
        series: which DICOM series, by its instance UID; not for the others.
        absent_slices: put slices that are absent from a DICOM series back; without effect on the others.

    Returns:
        The volume with its stored values, (I, J, K), and what is needed to write it back.

    Raises:
        InputError: nothing there, or not to be restored; its kinds say why.
        UsageError: a frame or a series where there is none to choose.
    """
    path = Path(path)
    kind = kind_of(path)
    if kind == "dicom":
        from medpaint.io.dicom import read_series

        if frame is not None:
            message = f"{path} is DICOM: expected no frame, got {frame}"
            raise UsageError(message)
        return read_series(path, series=series, absent_slices=absent_slices)
    if series is not None:
        message = f"{path} is not DICOM: expected no series, got {series}"
        raise UsageError(message)
    if kind == "nifti":
        from medpaint.io.nifti import read_nifti

        return read_nifti(path, frame=frame)
    from medpaint.io.itk import read_itk

    return read_itk(path, frame=frame)


def product_part(series: object) -> str | None:
    """Return what tells the volume of a series, such as ``#echo-time=4.92``, in a product whose series is new.

    Args:
        series: as the scan's was asked for; anything but a name with a ``#`` gives None.
    """
    found = isinstance(series, str) and series.partition("#")[2]
    return f"#{found}" if found else None
