"""DICOM series: found, read as one volume, written back as a derived series."""

from medpaint.io.dicom.series import list_series, read_series
from medpaint.io.dicom.source import DicomSource

__all__ = ["DicomSource", "list_series", "read_series"]
