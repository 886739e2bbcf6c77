"""The Laplacian on a masked grid, as a sparse matrix over the masked voxels.

The second difference along an axis of spacing h carries the weight 1/h²; at the scan's border the missing
neighbour is left out, which is the natural (zero flux) condition. Weights are divided by the largest one, so
that the numbers do not depend on the unit of length.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from medpaint.core.boxes import bounding_box, grown
from medpaint.core.types import FloatArray, Mask, Spacing, Window
from medpaint.engines.images import Image

__all__ = ["Laplacian", "Vector", "along_weights", "laplacian", "product"]

Vector: TypeAlias = NDArray[np.float64]
"""One number for each masked voxel, in C order of the volume."""

_KNOWN: Final = -1
"""Stands for the number of a voxel that is not masked."""

_OUTSIDE: Final = -2
"""Stands for the number of a voxel beyond the border of the scan."""

_CENTRE: Final = 3
"""Column of the voxel itself; the neighbours are in C order around it: -I, -J, -K, itself, +K, +J, +I."""


@dataclass(frozen=True, eq=False)
class Laplacian:
    """The negated Laplacian of a volume as a function of its masked voxels: ``unknown @ (u - level) + known``.

    Attributes:
        unknown: columns of the masked voxels, (R, N). The first N rows are the masked voxels themselves and make
            a symmetric positive definite matrix; further rows are known voxels.
        known: what the known voxels add, less `level`, (R,).
        level: mean of the known voxels that the rows read, in the units of the image.
        lowest: smallest of them.
        highest: largest of them.
    """

    unknown: csr_array[np.float64]
    known: Vector
    level: float
    lowest: float
    highest: float


def laplacian(image: Image, mask: Mask, spacing_mm: Spacing, *, rim: bool) -> Laplacian:
    """Return the negated Laplacian at the masked voxels.

    Args:
        image: intensities, (I, J, K); read outside the mask only, and only near it.
        mask: True = unknown, (I, J, K), N voxels of it.
        spacing_mm: voxel size along I, J, K.
        rim: append the rows of the known voxels that share a face with a masked one.
    """
    window = _window(mask)
    near, numbered = image[window], _numbered(mask[window])
    rows = np.flatnonzero(numbered >= 0)
    count = len(rows)
    places, numbers = _stencils(numbered, rows)
    if rim:
        around = _sorted(places[numbers == _KNOWN], numbered.size)
        further = _stencils(numbered, around)
        places, numbers = np.concatenate([places, further[0]]), np.concatenate([numbers, further[1]])
    weights = _weights(numbers, spacing_mm)
    read = (numbers == _KNOWN) & (weights != 0.0)
    values = _values(near, numbered.shape, places[read])
    level = float(values.mean())
    terms = np.zeros(numbers.shape)
    terms[read] = weights[read] * (values - level)
    unknown = _matrix(numbers, weights, count)
    return Laplacian(unknown, terms.sum(axis=1), level, float(values.min()), float(values.max()))


def along_weights(spacing_mm: Spacing) -> NDArray[np.float64]:
    """Return the weights of the second differences along I, J, K, (3,), of which the largest is 1."""
    along: NDArray[np.float64] = 1.0 / np.square(np.asarray(spacing_mm, float))
    along /= along.max()
    return along


def product(matrix: csr_array[np.float64], vector: Vector) -> Vector:
    """Return the product of a matrix (R, N) and a vector (N,), (R,), typed as a vector."""
    return cast("Vector", matrix @ vector)


def _window(mask: Mask) -> Window:
    """Return the window of all that the equations read, those of the rim included."""
    box = bounding_box(mask)
    if box is None:
        message = "expected a mask with at least one voxel"
        raise ValueError(message)
    return grown(box, (2, 2, 2), mask.shape)


def _numbered(mask: Mask) -> NDArray[np.int32]:
    """Return the number of each masked voxel, `_KNOWN` elsewhere, and `_OUTSIDE` in a border around them."""
    numbered = np.full([n + 2 for n in mask.shape], _OUTSIDE, dtype=np.int32)
    inner = numbered[1:-1, 1:-1, 1:-1]
    inner[...] = _KNOWN
    inner[mask] = np.arange(np.count_nonzero(mask), dtype=np.int32)
    return numbered


def _stencils(numbered: NDArray[np.int32], rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Return the flat indices of the seven stencil voxels of each of `rows`, and their numbers, both (R, 7)."""
    _, j, k = numbered.shape
    places = rows[:, None] + np.array([-j * k, -k, -1, 0, 1, k, j * k])
    return places, numbered.ravel()[places]


def _sorted(places: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """Return flat indices in a volume of `size` voxels in ascending order, each once."""
    found = np.zeros(size, dtype=bool)
    found[places] = True
    return np.flatnonzero(found)


def _weights(numbers: NDArray[np.int32], spacing_mm: Spacing) -> NDArray[np.float64]:
    """Return the entries of the rows, (R, 7); each row adds up to zero."""
    along = along_weights(spacing_mm)
    weights = np.where(numbers == _OUTSIDE, 0.0, -along[[0, 1, 2, 2, 2, 1, 0]])
    weights[:, _CENTRE] = 0.0
    weights[:, _CENTRE] = -weights.sum(axis=1)
    return weights


def _values(image: FloatArray, padded: tuple[int, ...], places: NDArray[np.int64]) -> Vector:
    """Return the intensities at flat indices of the padded volume, as float64."""
    index = tuple(part - 1 for part in np.unravel_index(places, padded))
    return image[index].astype(np.float64)


def _matrix(numbers: NDArray[np.int32], weights: NDArray[np.float64], count: int) -> csr_array[np.float64]:
    """Return the entries that belong to masked voxels as a matrix, (R, N)."""
    inside = numbers >= 0
    starts = np.zeros(len(numbers) + 1, dtype=np.int32)
    np.cumsum(inside.sum(axis=1), out=starts[1:])
    return csr_array((weights[inside], numbers[inside], starts), shape=(len(numbers), count))
