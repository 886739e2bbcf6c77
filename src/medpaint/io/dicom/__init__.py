"""DICOM series: found, read as one volume, written back as a derived series."""

from medpaint.io.dicom.deidentified import replaced_uid
from medpaint.io.dicom.drawn import is_drawn, read_drawn
from medpaint.io.dicom.parsing import quiet
from medpaint.io.dicom.segmentation import write_segmentation
from medpaint.io.dicom.series import list_series, read_series
from medpaint.io.dicom.slices import differing_slices
from medpaint.io.dicom.source import DicomSource

__all__ = [
    "DicomSource",
    "differing_slices",
    "is_drawn",
    "list_series",
    "quiet",
    "read_drawn",
    "read_series",
    "replaced_uid",
    "write_segmentation",
]
