"""Clean scans, with the tissue in which holes may lie."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from medpaint.core.errors import InputError
from medpaint.core.types import FloatArray, Mask
from medpaint.core.volume import Volume
from medpaint.corrupt import tissue_of
from medpaint.datasets.subjects import Subject
from medpaint.io.reading import read_scan
from medpaint.io.source import Source
from medpaint.masks.labels import binarised
from medpaint.masks.positions import Positioned, placed

__all__ = ["Clean", "read_clean"]


@dataclass(frozen=True, eq=False)
class Clean:
    """A clean scan and its tissue.

    Attributes:
        subject: which scan it is.
        volume: its stored values, (I, J, K).
        sha256: hash of the file or series.
        truth: its intensities, (I, J, K).
        tissue: healthy, finite tissue: holes lie there and scores are taken there, (I, J, K).
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
        excluded: persons and hashes that must not be used.

    Raises:
        InputError: the scan cannot be read, is a mask, or is excluded.
    """
    if subject.person in excluded:
        message = f"{subject.person} is excluded: on the list of persons that must not be scored"
        raise InputError(message)
    volume, source = read_scan(subject.path, frame=subject.frame, series=subject.series)
    if source.sha256 in excluded:
        message = f"hash {source.sha256[:12]} is excluded: on the list of scans that must not be scored"
        raise InputError(message)
    truth = volume.intensities()
    _refuse_mask(truth)
    tissue = tissue_of(volume)
    if subject.avoid is not None:
        tissue &= ~_avoided(subject.avoid, volume, source)
    return Clean(subject, volume, source.sha256, truth, tissue)


def _refuse_mask(truth: FloatArray) -> None:
    """Refuse a scan of at most two different intensities, (I, J, K)."""
    finite = np.isfinite(truth)
    low, high = truth[finite].min(initial=np.inf), truth[finite].max(initial=-np.inf)
    if np.all((truth == low) | (truth == high) | ~finite):
        message = "expected a scan, got at most two different intensities, as in a mask"
        raise InputError(message)


def _avoided(path: Path, volume: Volume, source: Source) -> Mask:
    """Return the mask of unhealthy tissue on the scan's grid, all its labels together, (I, J, K)."""
    read, file = read_scan(path)
    marked = np.nan_to_num(read.intensities()) != 0.0
    if not marked.any():
        return np.zeros(volume.shape, dtype=bool)
    drawn = Positioned(binarised(marked), read.affine, file.positions)
    return placed(drawn, volume, source.positions)[0]
