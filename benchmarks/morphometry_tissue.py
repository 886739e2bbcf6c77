"""Tissue of benchmarks/morphometry.py: brains segmented by a hidden Markov random field, and volumes compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.ndimage import binary_erosion

from medpaint.core.boxes import bounding_box
from medpaint.core.types import Array, FloatArray, Mask

__all__ = [
    "CSF",
    "GREY",
    "WHITE",
    "Change",
    "Tissues",
    "brightest_of",
    "change",
    "level_of",
    "noise_of",
    "relabelled",
    "segmented",
]

CSF: Final = 1
GREY: Final = 2
WHITE: Final = 3
"""Labels; 0 is background."""

BRIGHTEST: Final = 99.8
"""Percentile of the untouched brain that becomes 1; brighter voxels, such as vessels, do too."""

DARKEST: Final = 1e-3
"""Least value of a voxel of the brain: the segmentation takes 0 for background."""

SMOOTHING: Final = 0.1
"""Weight of the neighbours' labels, as in the example of dipy's documentation."""

ITERATIONS: Final = 8
"""The same number for every scan: where the iteration stops by itself depends on the scan, and volumes on that."""

_MAD: Final = 1.4826
"""Standard deviation of a normal distribution, in median absolute deviations."""


@dataclass(frozen=True, eq=False)
class Tissues:
    """A segmented brain.

    Attributes:
        labels: the most likely class of each voxel, uint8, (I, J, K).
        shares: probability of CSF, grey and white matter, float32, (I, J, K, 3).
    """

    labels: Array
    shares: FloatArray

    def ml(self, where: Mask, voxel_ml: float) -> FloatArray:
        """Return the volumes of CSF, grey and white matter within a mask, (I, J, K), in millilitres."""
        volumes: FloatArray = self.shares[where].sum(axis=0, dtype=np.float64) * voxel_ml
        return volumes


@dataclass(frozen=True)
class Change:
    """By how much volumes differ from those of the untouched scan, in millilitres.

    Attributes:
        csf: cerebrospinal fluid.
        grey: grey matter.
        white: white matter.
    """

    csf: float
    grey: float
    white: float

    @property
    def off(self) -> float:
        """Volume counted in another class, in millilitres: half the sum of the absolute differences."""
        return 0.5 * (abs(self.csf) + abs(self.grey) + abs(self.white))

    def __sub__(self, other: Change) -> Change:
        """Return the change in what is left when a part is taken away."""
        return Change(self.csf - other.csf, self.grey - other.grey, self.white - other.white)


def brightest_of(image: FloatArray, brain: Mask) -> float:
    """Return the intensity that the segmentation takes for 1, from an untouched image and its brain, (I, J, K)."""
    return float(np.percentile(image[brain], BRIGHTEST))


def segmented(image: FloatArray, brain: Mask, brightest: float) -> Tissues:
    """Return the tissues of a T1-weighted brain, by dipy's `TissueClassifierHMRF`.

    Y. Zhang et al., IEEE Trans. Med. Imaging 20, 2001, 45-57. dipy adds faint noise to the background from a
    generator that cannot be seeded; it moves volumes by less than one in a million.

    Args:
        image: intensities, (I, J, K).
        brain: voxels of the brain, (I, J, K); not empty.
        brightest: intensity that becomes 1, the same for all images of a person: the iteration starts from fixed
            classes, so that another scale would move volumes too.

    Raises:
        ValueError: the brain is empty.
    """
    from dipy.segment.tissue import TissueClassifierHMRF

    box = bounding_box(brain)
    if box is None:
        message = "expected a brain with at least one voxel, got an empty one"
        raise ValueError(message)
    inside = brain[box]
    scaled = image[box].astype(np.float64) / brightest
    scaled = np.where(inside, np.clip(scaled, DARKEST, 1.0), 0.0)
    classifier = TissueClassifierHMRF(verbose=False)
    _, found, likely = classifier.classify(scaled, 3, SMOOTHING, tolerance=0, max_iter=ITERATIONS)
    labels = np.zeros(image.shape, np.uint8)
    shares = np.zeros((*image.shape, 3), np.float32)
    labels[box], shares[box] = np.where(inside, found, 0), np.where(inside[..., None], likely, 0.0)
    return Tissues(labels, shares)


def change(before: Tissues, after: Tissues, where: Mask, voxel_ml: float) -> Change:
    """Return how volumes within a mask, (I, J, K), differ between two segmentations."""
    csf, grey, white = (after.ml(where, voxel_ml) - before.ml(where, voxel_ml)).tolist()
    return Change(csf, grey, white)


def relabelled(before: Tissues, after: Tissues, where: Mask) -> float:
    """Return the share of a mask's voxels, (I, J, K), with different labels in two segmentations."""
    return float(np.mean(before.labels[where] != after.labels[where]))


def level_of(image: FloatArray, tissues: Tissues, label: int) -> float:
    """Return the mean intensity of a class in an image, (I, J, K)."""
    return float(image[tissues.labels == label].mean())


def noise_of(image: FloatArray, tissues: Tissues) -> float:
    """Return by how much neighbouring voxels of white matter differ, as the standard deviation of one voxel.

    It is the noise of the image, (I, J, K), or more, as the tissue itself varies too.
    """
    white = binary_erosion(tissues.labels == WHITE)
    steps = [np.diff(image.astype(np.float64), axis=axis)[_pairs(white, axis)] for axis in range(image.ndim)]
    return float(_MAD * np.median(np.abs(np.concatenate(steps))) / np.sqrt(2.0))


def _pairs(mask: Mask, axis: int) -> Mask:
    """Return where both neighbours along an axis are in a mask, one voxel shorter along it."""
    length = mask.shape[axis]
    pairs: Mask = np.take(mask, range(length - 1), axis) & np.take(mask, range(1, length), axis)
    return pairs
