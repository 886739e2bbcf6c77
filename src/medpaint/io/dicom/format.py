"""DICOM in the table of formats."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from medpaint.core.errors import UsageError
from medpaint.core.types import Progress
from medpaint.core.volume import Volume
from medpaint.io.dicom.drawn import is_drawn, read_drawn
from medpaint.io.dicom.inventory import files_of
from medpaint.io.dicom.series import identity_of, list_series, read_series
from medpaint.io.dicom.source import DicomSource
from medpaint.io.format import Format
from medpaint.io.inspected import Inspection
from medpaint.io.mask_image import MaskImage
from medpaint.io.private import keyed_name
from medpaint.io.selection import Selection
from medpaint.io.source import Source

__all__ = ["FORMAT"]


def _read(path: Path, selection: Selection) -> tuple[Volume, DicomSource]:
    """Read the selected volume."""
    if selection.frame is not None:
        message = f"{path} is DICOM: expected no frame, got {selection.frame}"
        raise UsageError(message)
    return read_series(path, series=selection.series, absent_slices=selection.absent_slices)


def _inspect(path: Path, progress: Progress | None) -> list[Inspection]:
    """List the series at a path."""
    return list_series(path, progress)


def _endings(path: Path) -> tuple[str, ...]:
    """Return the ending of a product: it is a folder."""
    del path
    return ("",)


def _read_drawn(path: Path, scan: Volume, source: Source | None, labels: Sequence[int | str]) -> MaskImage | None:
    """Return the mask in a segmentation or structure set; None for images."""
    if not is_drawn(path):
        return None
    series_uid = source.series_uid if isinstance(source, DicomSource) else ""
    return read_drawn(path, scan, series_uid, labels)


def _keyed_name(path: Path, selection: Selection, secret: bytes) -> str:
    """Return a keyed name for the selected volume."""
    return keyed_name(secret, identity_of(path, selection.series))


FORMAT: Final = Format(
    read=_read,
    inspect=_inspect,
    endings=_endings,
    files=files_of,
    keyed_name=_keyed_name,
    read_drawn=_read_drawn,
)
