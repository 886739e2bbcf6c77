"""Images that are read window by window, so that only what is looked at of a large crop is in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, final

import numpy as np

from medpaint.core.boxes import bounding_box, whole, within
from medpaint.core.types import FloatArray, Mask, Window

__all__ = ["Image", "Overlaid", "values_at"]


class Image(Protocol):
    """Intensities, (I, J, K), as numpy arrays hold them, or made when they are read.

    What is read from an image may be a part of it, and is not to be changed.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of voxels along I, J, K."""
        ...

    @property
    def dtype(self) -> np.dtype[np.floating[Any]]:
        """Type of the intensities."""
        ...

    def __getitem__(self, window: Window, /) -> FloatArray:
        """Return the intensities in a window whose ends are given, (I, J, K)."""
        ...

    def __array__(self, dtype: None = None, /, *, copy: bool | None = None) -> FloatArray:
        """Return all intensities, for ``np.asarray``."""
        ...


@final
@dataclass(frozen=True, eq=False)
class Overlaid:
    """An image with other values in some windows.

    Attributes:
        image: the values elsewhere.
        pieces: windows, which do not overlap, and the values in each.
    """

    image: Image
    pieces: Sequence[tuple[Window, FloatArray]]

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of voxels along I, J, K."""
        return self.image.shape

    @property
    def dtype(self) -> np.dtype[np.floating[Any]]:
        """Type of the intensities."""
        return self.image.dtype

    def __getitem__(self, window: Window, /) -> FloatArray:
        """Return the values in a window; see `Image`."""
        seen: FloatArray = np.array(self.image[window])
        for place, values in self.pieces:
            seen[within(place, window)] = values[within(window, place)]
        return seen

    def __array__(self, dtype: None = None, /, *, copy: bool | None = None) -> FloatArray:
        """Return all values; see `Image`."""
        del dtype, copy
        return self[whole(self.shape)]


def values_at(image: Image, mask: Mask) -> FloatArray:
    """Return the intensities of the masked voxels of an image in C order, (N,)."""
    box = bounding_box(mask) or whole(mask.shape)
    return image[box][mask[box]]
