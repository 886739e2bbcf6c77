"""Clean scans: read, with the tissue that holes may lie in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from medpaint.core.errors import InputError
from medpaint.core.foreground import foreground_of
from medpaint.core.types import FloatArray, Mask
from medpaint.core.volume import Volume
from medpaint.corrupt import body
from medpaint.datasets.subjects import Subject
from medpaint.io.reading import read_scan
from medpaint.masks.grids import aligned
from medpaint.masks.labels import binarised

__all__ = ["Clean", "read_clean"]


@dataclass(frozen=True, eq=False)
class Clean:
    """A scan that was read, and where holes may be.

    Attributes:
        subject: which scan.
        volume: its stored values.
        sha256: its hash.
        truth: its intensities, (I, J, K).
        tissue: where scores are taken, (I, J, K).
    """

    subject: Subject
    volume: Volume
    sha256: str
    truth: FloatArray
    tissue: Mask


def read_clean(subject: Subject, excluded: frozenset[str] = frozenset()) -> Clean:
    """Read a scan and find its tissue.

    Args:
        subject: which scan.
        excluded: persons and hashes that must not be scored.

    Raises:
        InputError: it cannot be read, is a mask, or is among the excluded.
    """
    if subject.person in excluded:
        message = f"{subject.person} is on the list of persons that are not to be scored"
        raise InputError(message)
    volume, source = read_scan(subject.path, frame=subject.frame, series=subject.series)
    if source.sha256 in excluded:
        message = f"the scan with hash {source.sha256[:12]} is on the list of those that are not to be scored"
        raise InputError(message)
    truth = volume.intensities()
    finite = np.isfinite(truth)
    if np.all(
        (truth == truth[finite].min(initial=np.inf)) | (truth == truth[finite].max(initial=-np.inf)) | ~finite
    ):
        message = "expected a scan, got at most two different intensities, as in a mask"
        raise InputError(message)
    found = foreground_of(volume, np.zeros(volume.shape, dtype=bool))
    tissue = body(finite & (volume.data > found.threshold), volume.spacing_mm) & finite
    if subject.avoid is not None:
        tissue &= ~_avoided(subject.avoid, volume)
    return Clean(subject, volume, source.sha256, truth, tissue)


def _avoided(path: Path, volume: Volume) -> Mask:
    """Return the mask of what is not healthy, all its labels, on the scan's grid."""
    read, _ = read_scan(path)
    marked = np.nan_to_num(read.intensities()) != 0.0
    if not marked.any():
        return np.zeros(volume.shape, dtype=bool)
    mask, _ = aligned(binarised(marked, (), invert=False), read.affine, volume, resample=False)
    return mask
