"""Lost slices between the slices on either side, each moved towards the other by registration."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import Final, final

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from medpaint.core.types import FloatArray, Mask, Spacing
from medpaint.engines.base import Fill, Hole
from medpaint.engines.classical.biharmonic import fill_biharmonic
from medpaint.engines.classical.linear import Between, interpolated, straight
from medpaint.engines.images import values_at

__all__ = ["Registered", "moved_between"]

_RANGE: Final = (0.5, 99.5)
"""Percentiles of two slices that become black and white for the registration, which sees 8 bits."""

_FARTHEST: Final = 1e6
"""Largest scaled intensity that is moved, so that squares of a damaged value stay finite."""

_LEAST: Final = 64
"""Edge of a slice, in pixels, that smaller ones are padded to."""

_MOST: Final = 30_000
"""Edge of a slice above which it is not moved, because OpenCV counts pixels in 16 bits."""

_FINEST: Final = 1_000_000
"""Pixels of a slice above which displacements are found at half its resolution."""

_SMOOTH: Final = 40.0
_ITERATIONS: Final = 20
"""Weight of the displacement's smoothness, and refinements at each resolution: those that came closest in brains,
heads, limbs and trunks, in MR and CT."""

_AGREE_MM: Final = 2.0
"""Standard deviation of the neighbourhood in which moved slices are compared."""

_CERTAIN: Final = 0.99
"""Share of a moved pixel that has to come from known ones."""

_LIMITING: Final = Lock()
"""Held while OpenCV is limited to one thread, because the limit applies to the whole process."""

_Flow = NDArray[np.float32]
"""Displacement of each pixel along the second axis and along the first, in pixels, (J, K, 2)."""


@final
@dataclass(frozen=True)
class Registered:
    """Interpolates lost slices along the displacement of what is seen in the slices on either side.

    The two slices are registered to each other by dense optical flow, in both directions. For each lost slice both
    are moved to where it lies between them, and their mean is weighted by distance. Where the moved slices agree
    no better than the slices themselves did, straight lines are as good: the two means are mixed, each weighted by
    the other's disagreement. Edges that run obliquely through the slices are continued rather than shown twice, as
    they are in straight lines. All other voxels are filled as by `Linear`.

    The interpolation after Penney et al., IEEE Trans. Med. Imaging 23 (2004), 922-926; the flow by dense inverse
    search, Kroeger et al., ECCV (2016), 471-488.
    """

    context_mm: float = 0.0

    def fill(self, hole: Hole, *, seed: int) -> Fill:
        """Return the interpolated fill; see `Engine`.

        Raises:
            ConvergenceError: the biharmonic equations could not be solved.
        """
        del seed
        moved, rest = interpolated(hole.image, hole.mask, hole.void, moved_between(hole.spacing_mm))
        filled = fill_biharmonic(moved, rest, hole.spacing_mm) if rest.any() else moved
        filled_by = rest[hole.mask].astype(np.uint8)
        return Fill(values_at(filled, hole.mask)[np.newaxis], ("registered", "biharmonic"), filled_by)


@dataclass(frozen=True, eq=False)
class _Pair:
    """The slices on either side of lost ones.

    Attributes:
        below: intensities, scaled to about 0 to 1, (J, K).
        above: the same on the other side.
        known: True where both are known, (J, K).
        pixel_mm: pixel size along J, K.
        path: displacement from the slice below to the one above.
    """

    below: FloatArray
    above: FloatArray
    known: Mask
    pixel_mm: tuple[float, float]
    path: _Flow

    def difference(self, share: float) -> FloatArray:
        """Return what to add to the straight line at a share of the way from below to above, (J, K)."""
        to_below, to_above = share * self.path, (share - 1.0) * self.path
        first, second = _moved(self.below, to_below), _moved(self.above, to_above)
        known = self.known.astype(np.float32)
        seen = (_moved(known, to_below) > _CERTAIN) & (_moved(known, to_above) > _CERTAIN)
        before, after = self._apart(self.below, self.above), self._apart(first, second)
        trust = np.where(seen, before / np.maximum(before + after, np.finfo(before.dtype).tiny), 0.0)
        change: FloatArray = (1.0 - share) * (first - self.below) + share * (second - self.above)
        return trust.astype(change.dtype) * change

    def _apart(self, first: FloatArray, second: FloatArray) -> FloatArray:
        """Return the mean square difference of two slices around each pixel, (J, K)."""
        widths = [_AGREE_MM / size for size in self.pixel_mm]
        return gaussian_filter(np.square(first - second), widths)


def moved_between(spacing_mm: Spacing) -> Between:
    """Return what makes slices between two by moving both, as `Registered` does.

    Args:
        spacing_mm: voxel size along I, J, K.
    """

    def moved(below: FloatArray, above: FloatArray, known: Mask, axis: int, count: int) -> FloatArray:
        lines = straight(below, above, known, axis, count)
        ends = np.stack([below, above])
        low, high = np.percentile(ends[:, known], _RANGE).astype(ends.dtype)
        if not high > low or max(below.shape) > _MOST:
            return lines
        with np.errstate(over="ignore"):
            scaled = np.clip((ends - low) / (high - low), -_FARTHEST, _FARTHEST)
        j, k = (size for number, size in enumerate(spacing_mm) if number != axis)
        pair = _Pair(scaled[0], scaled[1], known, (j, k), _path(*_grey(scaled)))
        added = np.stack([pair.difference(number / (count + 1)) for number in range(1, count + 1)])
        slices: FloatArray = lines + (high - low) * added
        return np.clip(slices, ends[:, known].min(), ends[:, known].max())

    return moved


def _grey(scaled: FloatArray) -> NDArray[np.uint8]:
    """Return slices in 8 bits from 0 to 1."""
    grey: NDArray[np.uint8] = np.rint(np.clip(255.0 * scaled, 0.0, 255.0)).astype(np.uint8)
    return grey


def _path(below: NDArray[np.uint8], above: NDArray[np.uint8]) -> _Flow:
    """Return the displacement from one slice to another, both (J, K): half from there, half from back."""
    j, k = below.shape
    more = [(0, max(0, _LEAST - j)), (0, max(0, _LEAST - k))]
    first, second = (np.pad(one, more, mode="edge") for one in (below, above))
    still = np.zeros((*first.shape, 2), np.float32)
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flow.setFinestScale(0 if first.size <= _FINEST else 1)
    flow.setVariationalRefinementAlpha(_SMOOTH)
    flow.setVariationalRefinementIterations(_ITERATIONS)
    with _one_thread():
        there, back = flow.calc(first, second, still.copy()), flow.calc(second, first, still.copy())
    path: _Flow = ((back - there) / np.float32(2.0))[:j, :k]
    return path


def _moved(image: FloatArray, flow: _Flow) -> FloatArray:
    """Return a slice, (J, K), whose pixels are read a displacement away."""
    rows, columns = np.mgrid[: image.shape[0], : image.shape[1]].astype(np.float32)
    x, y = columns + flow[..., 0], rows + flow[..., 1]
    return cv2.remap(image, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE).astype(image.dtype, copy=False)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Limit OpenCV to one thread: its threads share out a slice, on whose parts the flow depends."""
    with _LIMITING:
        threads = cv2.getNumThreads()
        cv2.setNumThreads(1)
        try:
            yield
        finally:
            cv2.setNumThreads(threads)
