"""Siemens mosaics: the slices of a volume, tiled into one image."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from medpaint.core.types import Array
from medpaint.io.dicom.parsing import PARSE_ERRORS, Contradiction, numbers, quiet, words

__all__ = ["CSA_TAGS", "Mosaic", "is_mosaic", "mosaic_of"]

CSA_TAGS: Final = (0x00290010, 0x00290011, 0x00290012, 0x00291010, 0x00291110, 0x00291210)
"""Private elements of Siemens that hold its own header of the image, for every block they may be in."""

_MOST_TILES: Final = 4096
"""Largest number of slices in a mosaic; scanners make some hundred at most."""


@dataclass(frozen=True)
class Mosaic:
    """Layout of slices in a mosaic and in space.

    Attributes:
        slices: number of slices.
        across: tiles in a row of the mosaic.
        rows: rows of a slice.
        columns: columns of a slice.
        first: centre of the first voxel of the first slice, LPS mm.
        step: from a slice to the next, LPS mm.
    """

    slices: int
    across: int
    rows: int
    columns: int
    first: tuple[float, float, float]
    step: tuple[float, float, float]

    def positions(self) -> Iterator[tuple[float, float, float]]:
        """Yield the centre of the first voxel of each slice, LPS mm."""
        for number in range(self.slices):
            x, y, z = (start + number * step for start, step in zip(self.first, self.step, strict=True))
            yield x, y, z

    def untiled(self, tiled: Array) -> Array:
        """Return the slices of a mosaic, (rows, columns) to (slices, rows, columns), as a copy."""
        return np.stack([tiled[place] for place in self._places()])

    def tiled(self, slices: Array, mosaic: Array) -> Array:
        """Return a mosaic with its slices replaced, (slices, rows, columns); everything else stays."""
        result = mosaic.copy()
        for place, values in zip(self._places(), slices, strict=True):
            result[place] = values
        return result

    def _places(self) -> Iterator[tuple[slice, slice]]:
        """Yield the place of each slice in the mosaic: row by row from the top left."""
        for number in range(self.slices):
            down, right = divmod(number, self.across)
            yield (
                slice(down * self.rows, (down + 1) * self.rows),
                slice(right * self.columns, (right + 1) * self.columns),
            )


def is_mosaic(dataset: Dataset) -> bool:
    """Return whether an image is marked as a mosaic."""
    return "MOSAIC" in words(dataset, "ImageType")


def mosaic_of(dataset: Dataset) -> Mosaic:
    """Return the layout of a mosaic.

    The position in its header is that of a single slice of the mosaic's size around the same centre. The number of
    slices and their direction are in the private header, which nibabel reads.

    Raises:
        Contradiction: the headers lack it.
    """
    private = _private_header(dataset)
    slices, normal = (_items(private, name) for name in ("NumberOfImagesInMosaic", "SliceNormalVector"))
    position, cosines = numbers(dataset, "ImagePositionPatient", 3), numbers(dataset, "ImageOrientationPatient", 6)
    spacing = numbers(dataset, "PixelSpacing", 2)
    depth = numbers(dataset, "SpacingBetweenSlices", 1) or numbers(dataset, "SliceThickness", 1)
    if len(slices) != 1 or len(normal) != 3:
        message = "a Siemens mosaic without the private header that gives the positions of its slices"
        raise Contradiction(message)
    if not (position and cosines and spacing and depth):
        message = "a Siemens mosaic without position, orientation, pixel spacing and step of its slices"
        raise Contradiction(message)
    count = int(slices[0])
    across = math.ceil(math.sqrt(max(1, count)))
    rows, columns = int(dataset.Rows) // across, int(dataset.Columns) // across
    if not 0 < count <= _MOST_TILES or not rows or not columns:
        message = f"a Siemens mosaic whose private header states {count} slices"
        raise Contradiction(message)
    along = np.reshape(cosines, (2, 3))
    beside = np.array([dataset.Columns - columns, dataset.Rows - rows]) / 2.0 * np.array(spacing)[::-1]
    first = np.array(position) + beside @ along
    return Mosaic(count, across, rows, columns, _three(first), _three(depth[0] * np.array(normal)))


def _private_header(dataset: Dataset) -> dict[str, Any]:
    """Return the contents of the private header of an image; empty if absent.

    Raises:
        Contradiction: it is damaged.
    """
    with quiet():
        csareader: Any = import_module("nibabel.nicom.csareader")  # warns that it is experimental
        try:
            return csareader.get_csa_header(dataset, "image") or {}
        except (csareader.CSAError, AssertionError, *PARSE_ERRORS) as error:
            message = "a Siemens mosaic whose private header is damaged"
            raise Contradiction(message) from error


def _items(private: dict[str, Any], name: str) -> list[float]:
    """Return the numbers of an entry of the private header; empty if absent."""
    tags = private.get("tags", {})
    return [float(value) for value in tags.get(name, {}).get("items", [])]


def _three(values: NDArray[Any]) -> tuple[float, float, float]:
    """Return a vector as a tuple."""
    x, y, z = (float(value) for value in values)
    return x, y, z
