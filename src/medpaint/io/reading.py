"""Scans and masks of any format."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from medpaint.core.errors import AmbiguousError, MaskError, UsageError
from medpaint.core.geometry import contradictory
from medpaint.io.digest import combined_digest, file_digest
from medpaint.io.formats import FORMATS
from medpaint.io.header import frame_name
from medpaint.io.mask_image import MaskImage, mask_warnings, numbered
from medpaint.io.naming import own_name
from medpaint.io.private import keyed_name
from medpaint.io.selection import Selection
from medpaint.io.sniff import kind_of
from medpaint.io.source import Source

if TYPE_CHECKING:
    from medpaint.core.types import Affine
    from medpaint.core.volume import Volume

__all__ = ["Outline", "outline", "product_name", "read_frames", "read_mask", "read_scan", "read_selected"]


@dataclass(frozen=True)
class Outline:
    """What is known of a scan before it is read.

    Attributes:
        files: the files that it consists of; for a folder, all files in it and below.
        endings: of all files that may be written for a product of it, that of the main file first; the empty one
            is a folder.
        has_drawn_masks: whether its format has masks of its own; products then have one too.
    """

    files: tuple[Path, ...]
    endings: tuple[str, ...]
    has_drawn_masks: bool


def read_scan(
    path: str | Path, *, frame: int | None = None, series: str | None = None, absent_slices: bool = False
) -> tuple[Volume, Source]:
    """Read a NIfTI, NRRD or MetaImage file, or one DICOM series.

    Args:
        path: the file, or for DICOM also the folder or archive that holds the series.
        frame: which frame of a time series, from 0; not for DICOM.
        series: which DICOM series, by its instance UID; not for other formats.
        absent_slices: put slices that are absent from a DICOM series back; no effect on other formats.

    Returns:
        The volume with its stored values, (I, J, K), and what is needed to write it back.

    Raises:
        InputError: no such file or folder, or it cannot be restored; the message says why.
        UsageError: a frame or a series where the format has none.
    """
    if frame is not None and frame < 0:
        message = f"{path}: expected a frame counted from 0, got {frame}"
        raise UsageError(message)
    return read_selected(path, Selection(frame=frame, series=series, absent_slices=absent_slices))


def read_selected(path: str | Path, selection: Selection) -> tuple[Volume, Source]:
    """Read the selected volume of a file, folder or archive; otherwise as `read_scan`."""
    path = Path(path)
    return FORMATS[kind_of(path)]().read(path, selection)


def read_frames(path: Path) -> Iterator[Volume]:
    """Yield every frame of a file, one after the other in one pass; none of a format without frames.

    Args:
        path: of which `read_selected` has read a frame, so that it is known to hold all.

    Raises:
        InputError: it has changed, or cannot be read any more.
    """
    frames = FORMATS[kind_of(path)]().frames
    return iter(()) if frames is None else frames(path)


def read_mask(
    path: Path,
    scan: Volume,
    source: Source | None,
    labels: Sequence[int | str],
    *,
    positions: Mapping[str, Affine] | None = None,
) -> MaskImage:
    """Read a mask: an image of one volume, or a DICOM segmentation or structure set.

    Args:
        path: the file, or the folder or archive of a DICOM series.
        scan: what the mask belongs to.
        source: where the scan came from; None for an array.
        labels: which labels are wanted, by number; of DICOM segments and regions also by name.
        positions: where a scan without a source says that its voxels are, see
            `medpaint.io.source.Source.positions`.

    Returns:
        The mask on its own grid.

    Raises:
        MaskError: several volumes, another series than the scan's, a region that is not there, or contours on a
            scan that does not state one place.
        AmbiguousError: several segments or regions, and no labels.
        UsageError: a label by name for an image, whose labels are numbers.
        InputError: it cannot be read.
    """
    read_drawn = FORMATS[kind_of(path)]().read_drawn
    drawn = read_drawn(path, scan, source, labels) if read_drawn else None
    if drawn is not None:
        stated = source.positions if source is not None else positions or {}
        if contradictory(stated, scan.shape):
            _refuse_placeless(path, drawn, scan, stated)
        return drawn
    try:
        image, file = read_selected(path, Selection())
    except AmbiguousError as error:
        message = f"expected a mask of one volume: {error}"
        raise MaskError(message) from error
    values = image.data if image.encoding.is_identity else image.intensities()
    warnings = mask_warnings(file.warnings)
    return MaskImage(values, image.affine, file.sha256, warnings, numbered(labels), file.positions)


def _refuse_placeless(path: Path, drawn: MaskImage, scan: Volume, stated: Mapping[str, Affine]) -> None:
    """Refuse contours, which have nothing but a place in space, on a scan that states several.

    Raises:
        MaskError: such a mask.
    """
    if np.array_equal(drawn.affine, scan.affine):
        message = (
            f"{path}: contours have only a place in space, and the scan states several "
            f"({', '.join(stated)}): make its header state one place, or use a mask on its voxels"
        )
        raise MaskError(message)


def outline(path: Path) -> Outline:
    """Return what is known of the scan at `path` before it is read; only headers are looked at.

    Raises:
        InputError: no such file or folder, or its header cannot be read.
    """
    form = FORMATS[kind_of(path)]()
    return Outline(form.files(path), form.endings(path), form.read_drawn is not None)


def product_name(path: Path, selection: Selection, secret: bytes = b"") -> str:
    """Return the default name of products of the scan at `path`; only headers are looked at.

    It is the file's or folder's own name without its endings. With a secret, it is a keyed name that reveals
    nothing without the secret: of the series or, for other formats, of the file's content.

    Args:
        path: the scan.
        selection: which volume of it.
        secret: of de-identified products; empty for others.

    Raises:
        InputError: no such file or folder, or its headers cannot be read.
    """
    if not secret:
        return own_name(path)
    form = FORMATS[kind_of(path)]()
    if form.keyed_name is not None:
        return form.keyed_name(path, selection, secret)
    digests = [file_digest(file) for file in form.files(path)]
    whole = digests[0] if len(digests) == 1 else combined_digest(digests)
    return keyed_name(secret, frame_name(whole, selection.frame))
