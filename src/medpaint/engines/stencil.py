"""The Laplacian on a masked grid, as sparse matrices over the masked voxels.

The second difference along an axis of spacing h carries the weight 1/h²; at the scan's border the missing
neighbour is left out, which is the natural (zero flux) condition. Weights are divided by the largest one, so
that the numbers do not depend on the unit of length.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from medpaint.core.types import FloatArray, Mask, Spacing

__all__ = ["KNOWN", "OUTSIDE", "Stencil", "Vector", "dirichlet_laplacian", "squared_laplacian"]

Vector: TypeAlias = NDArray[np.float64]
"""One number for each masked voxel, in C order of the volume."""

KNOWN: Final = -1
"""Stands for the number of a voxel that is not masked."""

OUTSIDE: Final = -2
"""Stands for the number of a voxel beyond the border of the scan."""

_CENTRE: Final = 3
"""Column of the voxel itself; the neighbours stand around it in C order: -I, -J, -K, itself, +K, +J, +I."""


@dataclass(frozen=True, eq=False)
class Stencil:
    """Voxels, and what lies at each of the seven places of their stencil.

    Attributes:
        places: flat index into the padded volume, (R, 7).
        numbers: number of the masked voxel at each place, `KNOWN` or `OUTSIDE`, (R, 7).
        weights: entries of the negated Laplacian, zero for places outside; rows add up to zero, (R, 7).
    """

    places: NDArray[np.int64]
    numbers: NDArray[np.int32]
    weights: NDArray[np.float64]

    @classmethod
    def of(cls, numbered: NDArray[np.int32], rows: NDArray[np.int64], spacing_mm: Spacing) -> Stencil:
        """Return the stencil of the voxels at flat indices `rows` of the padded volume `numbered`."""
        places = _places(numbered, rows)
        numbers = numbered.ravel()[places]
        squared = 1.0 / np.square(np.asarray(spacing_mm, float))
        squared /= squared.max()
        weights = np.where(numbers == OUTSIDE, 0.0, -squared[[0, 1, 2, 2, 2, 1, 0]])
        weights[:, _CENTRE] = 0.0
        weights[:, _CENTRE] = -weights.sum(axis=1)
        return cls(places, numbers, weights)

    def unknown_part(self, count: int) -> csr_array[np.float64]:
        """Return the columns of the `count` masked voxels, (R, N)."""
        inside = self.numbers >= 0
        starts = np.zeros(len(inside) + 1, dtype=np.int32)
        np.cumsum(inside.sum(axis=1), out=starts[1:])
        entries = (self.weights[inside], self.numbers[inside], starts)
        return csr_array(entries, shape=(len(inside), count))

    def known_part(self, values: Vector) -> Vector:
        """Return the product of the columns of known voxels with their `values`, (R,).

        Args:
            values: the padded volume, flat; only known voxels are read.
        """
        row, place = np.nonzero((self.numbers == KNOWN) & (self.weights != 0.0))
        terms = self.weights[row, place] * values[self.places[row, place]]
        product: Vector = np.bincount(row, weights=terms, minlength=len(self.numbers))
        return product


def dirichlet_laplacian(image: FloatArray, mask: Mask, spacing_mm: Spacing) -> tuple[csr_array[np.float64], Vector]:
    """Return K and b of Laplace's equation K u = b for the masked voxels, known voxels being the data.

    Args:
        image: intensities, (I, J, K); read outside the mask only.
        mask: True = unknown, (I, J, K), N voxels of it.
        spacing_mm: voxel size along I, J, K.

    Returns:
        K, symmetric positive definite, (N, N), and b, (N,).
    """
    numbered = _numbered(mask)
    stencil = Stencil.of(numbered, np.flatnonzero(numbered >= 0), spacing_mm)
    return stencil.unknown_part(int(mask.sum())), -stencil.known_part(_padded(image))


def squared_laplacian(image: FloatArray, mask: Mask, spacing_mm: Spacing) -> tuple[csr_array[np.float64], Vector]:
    """Return L and d, such that the Laplacian of the volume is L u + d wherever its stencil meets the mask.

    Args:
        image: intensities, (I, J, K); read outside the mask only.
        mask: True = unknown, (I, J, K), N voxels of it.
        spacing_mm: voxel size along I, J, K.

    Returns:
        L, (R, N), and d, (R,), where R counts the masked voxels and the known ones that share a face with them.
    """
    numbered = _numbered(mask)
    masked = np.flatnonzero(numbered >= 0)
    around = _places(numbered, masked)
    rows = np.union1d(masked, around[numbered.ravel()[around] == KNOWN])
    stencil = Stencil.of(numbered, rows, spacing_mm)
    return stencil.unknown_part(len(masked)), stencil.known_part(_padded(image))


def _numbered(mask: Mask) -> NDArray[np.int32]:
    """Return the number of each masked voxel, `KNOWN` elsewhere and `OUTSIDE` in a border of one voxel around it."""
    numbered = np.full([n + 2 for n in mask.shape], OUTSIDE, dtype=np.int32)
    inner = numbered[1:-1, 1:-1, 1:-1]
    inner[...] = KNOWN
    inner[mask] = np.arange(np.count_nonzero(mask), dtype=np.int32)
    return numbered


def _padded(image: FloatArray) -> Vector:
    """Return `image` as float64 in a border of one voxel, flat; the border is never read."""
    return np.pad(image.astype(np.float64), 1).ravel()


def _places(numbered: NDArray[np.int32], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the flat indices of the seven places around each of `rows`, (R, 7)."""
    _, j, k = numbered.shape
    places: NDArray[np.int64] = rows[:, None] + np.array([-j * k, -k, -1, 0, 1, k, j * k])
    return places
