"""Lost slices between known ones: the smooth fills solved exactly, by cosine transforms in the slices.

In a slice that is masked throughout, the Laplacian with its zero flux at the borders of the scan is diagonal in
the basis of the discrete cosine transform: the equations of a run of such slices fall apart into one small banded
system across the slices for each frequency. Those are solved directly, all frequencies side by side.

G. Strang: The discrete cosine transform. SIAM Review 41 (1999) 135-147.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dctn, idctn

from medpaint.core.boxes import whole
from medpaint.core.types import FloatArray, Mask, Spacing, Window
from medpaint.engines.classical.stencil import along_weights
from medpaint.engines.images import Image

__all__ = ["Run", "Slices", "lost_runs", "solve_run"]

_FREQUENCIES: Final = 1 << 15
"""Number of frequencies that are solved side by side."""


@dataclass(frozen=True)
class Run:
    """Lost slices that have to be solved together.

    Attributes:
        axis: the axis across them.
        lost: their numbers, ascending.
    """

    axis: int
    lost: tuple[int, ...]

    @property
    def index(self) -> tuple[slice | list[int], ...]:
        """The index of their voxels in a volume."""
        return (*(slice(None),) * self.axis, list(self.lost))

    def within(self, box: Window) -> tuple[slice | list[int], ...]:
        """Return the index of their voxels in a box that holds these slices."""
        return (*(slice(None),) * self.axis, [number - box[self.axis].start for number in self.lost])


@dataclass(frozen=True, eq=False)
class Slices:
    """The solution in lost slices.

    Attributes:
        values: intensities, (I, J, K) with only the lost slices along their axis.
        lowest: smallest of the known voxels that the equations read.
        highest: largest of them.
    """

    values: NDArray[np.float64]
    lowest: float
    highest: float


def lost_runs(mask: Mask, *, rim: bool) -> list[Run]:
    """Return the lost slices of a mask whose equations have no unknown in common with any other masked voxel.

    Args:
        mask: True = fill, (I, J, K).
        rim: whether the equations of the slices beside the lost ones count too, see
            `medpaint.engines.classical.stencil.laplacian`.
    """
    reach = 2 if rim else 1
    runs = []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        whole, touched = np.asarray(mask.all(axis=others)), np.asarray(mask.any(axis=others))
        lost = np.flatnonzero(whole)
        if lost.size == 0 or whole.all():
            continue
        for part in np.split(lost, np.flatnonzero(np.diff(lost) > reach) + 1):
            around = slice(max(0, part[0] - reach), part[-1] + reach + 1)
            if not (touched & ~whole)[around].any():
                runs.append(Run(axis, tuple(part.tolist())))
    return runs


def solve_run(image: Image, run: Run, spacing_mm: Spacing, *, rim: bool) -> Slices:
    """Return the smooth fill of lost slices, not yet clipped to the range of what is known.

    Args:
        image: intensities, (I, J, K); read only in the one or two known slices on either side.
        run: the lost slices, of `lost_runs` with the same `rim`.
        spacing_mm: voxel size along I, J, K.
        rim: True for the biharmonic equation, the least squares of the rows of the lost slices and of those beside
            them; False for Laplace's equation.
    """
    weights, count = along_weights(spacing_mm), image.shape[run.axis]
    rows = _rows(run.lost, count, rim=rim)
    known = sorted({at for row in rows for at in _neighbours(row, count) | {row}} - set(run.lost))
    values = _planes(image, run.axis, known).astype(np.float64)
    level = float(values.mean())
    spectra = dict(zip(known, dctn(values - level, axes=(1, 2), norm="ortho"), strict=True))
    across = _eigenvalues(values.shape[1:], np.delete(weights, run.axis))
    solved = _solved(run.lost, rows, spectra, across, float(weights[run.axis]), count)
    restored = idctn(solved.reshape(len(run.lost), *across.shape), axes=(1, 2), norm="ortho") + level
    return Slices(np.moveaxis(restored, 0, run.axis), float(values.min()), float(values.max()))


def _planes(image: Image, axis: int, numbers: Sequence[int]) -> FloatArray:
    """Return some slices of an image along an axis, (S, J, K), ascending."""
    window = list(whole(image.shape))
    window[axis] = slice(numbers[0], numbers[-1] + 1)
    seen = np.moveaxis(image[window[0], window[1], window[2]], axis, 0)
    planes: FloatArray = seen[np.asarray(numbers) - numbers[0]]
    return planes


def _rows(lost: Sequence[int], count: int, *, rim: bool) -> list[int]:
    """Return the slices whose equations count."""
    rows = set(lost)
    if rim:
        rows |= {at for row in lost for at in _neighbours(row, count)}
    return sorted(rows)


def _neighbours(row: int, count: int) -> set[int]:
    """Return the slices beside a slice of a scan of `count` slices."""
    return {at for at in (row - 1, row + 1) if 0 <= at < count}


def _eigenvalues(shape: tuple[int, ...], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the eigenvalues of the negated Laplacian of a slice, of the slice's shape."""
    first, second = (
        weight * np.square(2.0 * np.sin(np.pi * np.arange(size) / (2 * size)))
        for size, weight in zip(shape, weights, strict=True)
    )
    values: NDArray[np.float64] = np.add.outer(first, second)
    return values


def _solved(
    lost: Sequence[int],
    rows: Sequence[int],
    spectra: dict[int, NDArray[np.float64]],
    across: NDArray[np.float64],
    weight: float,
    count: int,
) -> NDArray[np.float64]:
    """Return the spectra of the lost slices, (n, F), a part of the F frequencies at a time."""
    flat = {at: spectrum.ravel() for at, spectrum in spectra.items()}
    solved = np.empty((len(lost), across.size))
    for first in range(0, across.size, _FREQUENCIES):
        part = slice(first, first + _FREQUENCIES)
        known = {at: spectrum[part] for at, spectrum in flat.items()}
        equations = _Equations(tuple(lost), tuple(rows), across.ravel()[part], weight, count)
        solved[:, part] = _banded(*equations.normal(known))
    return solved


@dataclass(frozen=True, eq=False)
class _Equations:
    """The rows of the negated Laplacian at F frequencies.

    Attributes:
        lost: the unknown slices.
        rows: the slices whose equations count: the unknown ones, and for least squares those beside them.
        across: eigenvalues in the slice, (F,).
        weight: of the second difference across the slices.
        count: number of slices of the scan.
    """

    lost: tuple[int, ...]
    rows: tuple[int, ...]
    across: NDArray[np.float64]
    weight: float
    count: int

    def entry(self, row: int, at: int) -> NDArray[np.float64]:
        """Return the factor of slice `at` in an equation, (F,)."""
        if at == row:
            return self.across + len(_neighbours(row, self.count)) * self.weight
        return np.full_like(self.across, -self.weight)

    def normal(
        self, known: dict[int, NDArray[np.float64]]
    ) -> tuple[list[list[NDArray[np.float64]]], list[NDArray[np.float64]]]:
        """Return the lower bands of a symmetric system, and its right-hand side, for spectra of known slices.

        The bands are those of the diagonal, of its left neighbour and of the one beyond, each (n, F). Without rows
        of known slices the rows are symmetric themselves; otherwise they are squared.
        """
        left = {row: self._known_part(row, known) for row in self.rows}
        squared = len(self.rows) > len(self.lost)
        bands: list[list[NDArray[np.float64]]] = [[], [], []]
        target = []
        for number, at in enumerate(self.lost):
            for offset, band in enumerate(bands):
                other = self.lost[number - offset] if number >= offset else None
                band.append(self._product(at, other) if squared else self._plain(at, other))
            reading = [row for row in self.rows if abs(row - at) <= 1]
            target.append(
                -sum((self.entry(row, at) * left[row] for row in reading), np.zeros_like(self.across))
                if squared
                else -left[at]
            )
        return bands, target

    def _known_part(self, row: int, known: dict[int, NDArray[np.float64]]) -> NDArray[np.float64]:
        """Return what the known slices add to an equation, (F,)."""
        reading = (_neighbours(row, self.count) | {row}) - set(self.lost)
        return sum((self.entry(row, at) * known[at] for at in sorted(reading)), np.zeros_like(self.across))

    def _plain(self, at: int, other: int | None) -> NDArray[np.float64]:
        """Return the factor of one unknown slice in the equation of another, (F,)."""
        return self.entry(at, other) if other is not None and abs(at - other) <= 1 else np.zeros_like(self.across)

    def _product(self, at: int, other: int | None) -> NDArray[np.float64]:
        """Return the inner product of the factors of two unknown slices over all equations, (F,)."""
        shared = [row for row in self.rows if other is not None and max(abs(row - at), abs(row - other)) <= 1]
        products = (self.entry(row, at) * self.entry(row, other) for row in shared if other is not None)
        return sum(products, np.zeros_like(self.across))


def _banded(bands: list[list[NDArray[np.float64]]], target: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Solve symmetric positive definite systems of two lower bands side by side, by factors L D Lᵀ.

    Args:
        bands: the diagonal, its left neighbours, and those beyond, each n times (F,).
        target: the right-hand sides, n times (F,).

    Returns:
        The solutions, (n, F).
    """
    main, near, far = bands
    zero = np.zeros_like(target[0])
    pivot, first, second, partial = [zero + 1.0] * 2, [zero] * 2, [zero] * 2, [zero] * 2  # two empty rows before
    for diagonal, beside, beyond, value in zip(main, near, far, target, strict=True):
        f = beyond / pivot[-2]
        e = (beside - f * pivot[-2] * first[-1]) / pivot[-1]
        partial.append(value - e * partial[-1] - f * partial[-2])
        pivot.append(diagonal - e * e * pivot[-1] - f * f * pivot[-2])
        first.append(e)
        second.append(f)
    solution = [zero, zero]  # two empty rows after, the last row first
    for number in range(len(pivot) - 1, 1, -1):
        e = first[number + 1] if number + 1 < len(first) else zero
        f = second[number + 2] if number + 2 < len(second) else zero
        solution.append(partial[number] / pivot[number] - e * solution[-1] - f * solution[-2])
    return np.array(solution[:1:-1])
